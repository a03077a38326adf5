"""What each algorithm says of its own gradient: exact, right on the average, or neither."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rnnbp._checks import choice, number, unknown
from rnnbp.gradients.adaptive import AdaptiveTruncation
from rnnbp.gradients.artbp import ARTBP, PowerLaw
from rnnbp.gradients.base import GradientAlgorithm
from rnnbp.gradients.bptt import BPTT
from rnnbp.gradients.forward import ForwardGradient
from rnnbp.gradients.numerical import ComplexStep, FiniteDifference
from rnnbp.gradients.online import KFRTRL, RFLO, RTRL, UORO, BlockRTRL, EProp, SnAp
from rnnbp.gradients.recurrent_backprop import RecurrentBackprop
from rnnbp.gradients.truncated import TruncatedBPTT
from rnnbp.solvers import Tolerance

Kind = Literal["exact", "unbiased", "approximate"]
KINDS = ("exact", "unbiased", "approximate")
FINE = Tolerance(absolute=1e-13, relative=1e-13, iterations=5000)
FEW = 400  # parameters, up to which one or two losses for each of them are no trouble


@dataclass(frozen=True)
class Claim:
    """A gradient algorithm with what it claims.

    Parameters
    ----------
    kind : {'exact', 'unbiased', 'approximate'}
        'exact': full BPTT's gradient up to rounding. 'unbiased': that on the average over seeds. 'approximate': no
        claim that could be wrong.
    algorithm : GradientAlgorithm, or a function of a seed that makes one
        One with a field `seed` is remade with other seeds.
    tolerance : float, default 1e-12
        How far the gradient of one that is exact may be from full BPTT's, relative to its norm.

    Raises
    ------
    ValueError
        If `kind` is not one of the three or `tolerance` is negative.

    Examples
    --------
    >>> Claim("unbiased", ForwardGradient()).seeded(3)
    ForwardGradient(directions=1, seed=3)
    """

    kind: Kind
    algorithm: GradientAlgorithm | Callable[[int], GradientAlgorithm]
    tolerance: float = 1e-12

    def __post_init__(self) -> None:
        choice("kind", self.kind, KINDS)
        number("tolerance", self.tolerance, 0)

    @property
    def stochastic(self) -> bool:
        """Whether it depends on a seed."""
        return not hasattr(self.algorithm, "gradients") or "seed" in _fields(self.algorithm)

    def seeded(self, seed: int) -> GradientAlgorithm:
        """The algorithm with that seed; as it is where it takes none."""
        if not hasattr(self.algorithm, "gradients"):
            return self.algorithm(seed)
        if "seed" in _fields(self.algorithm):
            return dataclasses.replace(self.algorithm, seed=seed)  # type: ignore[type-var]
        return self.algorithm


def _fields(algorithm: Any) -> set[str]:
    return {f.name for f in dataclasses.fields(algorithm)} if dataclasses.is_dataclass(algorithm) else set()


def standard_claims(steps: int, parameters: int) -> dict[str, Claim]:
    """Every algorithm of the package, for sequences of so many steps and a model of so many parameters.

    Parameters
    ----------
    steps : int
        T.
    parameters : int
        P; the oracles, which evaluate the loss for each parameter, are left out where there are more than 400.

    Examples
    --------
    >>> list(standard_claims(steps=20, parameters=100))[:2]
    ['BPTT', 'BPTT(slots=2)']
    """
    claims = {
        "BPTT": Claim("exact", BPTT()),
        "BPTT(slots=2)": Claim("exact", BPTT(slots=2)),
        "TruncatedBPTT(1, T)": Claim("exact", TruncatedBPTT(1, steps)),
        "TruncatedBPTT(5, 10)": Claim("exact" if steps <= 10 else "approximate", TruncatedBPTT(5, 10)),
        "TruncatedBPTT(1, 1)": Claim("exact" if steps == 1 else "approximate", TruncatedBPTT(1, 1)),
        "RTRL": Claim("exact", RTRL()),
        "BlockRTRL(10)": Claim("exact", BlockRTRL(10)),
        "SnAp(1)": Claim("approximate", SnAp(1)),
        "SnAp(2)": Claim("approximate", SnAp(2)),
        "EProp": Claim("approximate", EProp()),
        "RFLO": Claim("approximate", RFLO()),
        "RecurrentBackprop": Claim("exact", RecurrentBackprop(tolerance=FINE), tolerance=1e-9),
        "AdaptiveTruncation(0.1)": Claim("approximate", AdaptiveTruncation(0.1)),
        "ARTBP": Claim("unbiased", ARTBP(PowerLaw(mean=max(2.0, steps / 3)))),
        "UORO": Claim("unbiased", UORO()),
        "KFRTRL": Claim("unbiased", KFRTRL()),
        "ForwardGradient": Claim("unbiased", ForwardGradient()),
    }
    if parameters <= FEW:
        claims["ComplexStep"] = Claim("exact", ComplexStep())
        claims["FiniteDifference"] = Claim("exact", FiniteDifference(), tolerance=1e-6)
    return claims


def chosen(
    algorithms: Sequence[str | GradientAlgorithm] | Mapping[str, GradientAlgorithm | Claim] | None,
    standard: Mapping[str, Claim],
) -> dict[str, Claim]:
    """The claims of the algorithms that were asked for.

    Parameters
    ----------
    algorithms : optional
        Names from `standard`, or algorithms, or a mapping of your own names to algorithms or claims. An algorithm
        without a claim claims what its class does in `standard`, and nothing where it is not there.
    standard : mapping of str to Claim

    Raises
    ------
    ValueError
        If a name is unknown or something is no algorithm.

    Examples
    --------
    >>> standard = standard_claims(20, 100)
    >>> chosen(["BPTT", TruncatedBPTT(2, 4)], standard)["TruncatedBPTT(k1=2, k2=4)"].kind
    'approximate'
    >>> chosen(["BTPT"], standard)
    Traceback (most recent call last):
    ValueError: algorithms must be of BPTT, BPTT(slots=2), ...; got 'BTPT'. Did you mean 'BPTT'?
    """
    if algorithms is None:
        return dict(standard)
    if isinstance(algorithms, Mapping):
        return {name: _claim(name, given, standard) for name, given in algorithms.items()}
    found = {}
    for given in algorithms:
        if isinstance(given, str):
            if given not in standard:
                raise unknown("algorithms", given, standard)
            found[given] = standard[given]
        else:
            found[repr(given)] = _claim(repr(given), given, standard)
    return found


def _claim(name: str, given: Any, standard: Mapping[str, Claim]) -> Claim:
    if isinstance(given, Claim):
        return given
    if not hasattr(given, "gradients"):
        raise ValueError(f"algorithm {name!r} must be a gradient algorithm or a Claim, got {given!r}")
    for claim in standard.values():
        alike = type(given) is type(claim.algorithm) and (claim.kind == "unbiased" or isinstance(given, BPTT))
        if given == claim.algorithm or alike:
            return Claim(claim.kind, given, claim.tolerance)
    return Claim("approximate", given)
