"""What each algorithm guarantees: an exact gradient, an unbiased one, or an approximation."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from rnnbp.gradients.adaptive import AdaptiveTruncation
from rnnbp.gradients.artbp import ARTBP, PowerLaw
from rnnbp.gradients.base import GradientAlgorithm
from rnnbp.gradients.bptt import BPTT
from rnnbp.gradients.forward import ForwardGradient
from rnnbp.gradients.numerical import ComplexStep, FiniteDifference
from rnnbp.gradients.online.blocks import BlockRTRL
from rnnbp.gradients.online.eprop import EProp
from rnnbp.gradients.online.kf_rtrl import KFRTRL
from rnnbp.gradients.online.rflo import RFLO
from rnnbp.gradients.online.rtrl import RTRL
from rnnbp.gradients.online.snap import SnAp
from rnnbp.gradients.online.uoro import UORO
from rnnbp.gradients.recurrent_backprop import RecurrentBackprop
from rnnbp.gradients.truncated import TruncatedBPTT
from rnnbp.runtime import choice, number, of_type, seed_or_generator, unknown
from rnnbp.solvers import Tolerance

Seed = int | np.random.Generator
Level = Literal["exact", "unbiased", "approximate"]
LEVELS = ("exact", "unbiased", "approximate")
FINE = Tolerance(absolute=1e-13, relative=1e-13, iterations=5000)
FEW = 400  # parameters up to which the numerical gradients are included


@dataclass(frozen=True)
class Guarantee:
    """A gradient algorithm with the guarantee of its gradient.

    Parameters
    ----------
    level : {'exact', 'unbiased', 'approximate'}
        'exact': full BPTT's gradient up to rounding. 'unbiased': that gradient in expectation. 'approximate': no
        guarantee.
    algorithm : GradientAlgorithm, or a function of a seed that returns one
        One with a field `seed` is copied with other seeds. If it also takes a `numpy.random.Generator` as its seed, and
        draws all its random numbers from it, the certificate enumerates all outcomes.
    tolerance : float, default 1e-12
        Largest distance of an exact gradient from that of full BPTT, relative to its norm.

    Raises
    ------
    ValueError
        If `level` is not one of the three or `tolerance` is negative.

    Examples
    --------
    >>> Guarantee("unbiased", ForwardGradient()).seeded(3)
    ForwardGradient(directions=1, seed=3)
    """

    level: Level
    algorithm: GradientAlgorithm | Callable[[Seed], GradientAlgorithm]
    tolerance: float = 1e-12

    def __post_init__(self) -> None:
        choice("level", self.level, LEVELS)
        of_type("algorithm", self.algorithm, GradientAlgorithm | Callable[[Seed], GradientAlgorithm])
        number("tolerance", self.tolerance, 0)

    @property
    def stochastic(self) -> bool:
        """Whether the gradient depends on a seed."""
        return not hasattr(self.algorithm, "gradients") or "seed" in _fields(self.algorithm)

    def seeded(self, seed: Seed) -> GradientAlgorithm:
        """Return the algorithm with a seed; unchanged if it takes none."""
        seed_or_generator("seed", seed)
        if not hasattr(self.algorithm, "gradients"):
            return self.algorithm(seed)
        if "seed" in _fields(self.algorithm):
            return dataclasses.replace(self.algorithm, seed=seed)  # type: ignore[type-var]
        return self.algorithm


def _fields(algorithm: Any) -> set[str]:
    return {f.name for f in dataclasses.fields(algorithm)} if dataclasses.is_dataclass(algorithm) else set()


def standard_guarantees(steps: int, parameters: int) -> dict[str, Guarantee]:
    """Return every algorithm of the package with its guarantee, for sequences of T steps and P parameters.

    Parameters
    ----------
    steps : int
        T.
    parameters : int
        P; the numerical gradients, which evaluate the loss for each parameter, are left out above 400.

    Examples
    --------
    >>> list(standard_guarantees(steps=20, parameters=100))[:2]
    ['BPTT', 'BPTT(slots=2)']
    """
    guarantees = {
        "BPTT": Guarantee("exact", BPTT()),
        "BPTT(slots=2)": Guarantee("exact", BPTT(slots=2)),
        "TruncatedBPTT(1, T)": Guarantee("exact", TruncatedBPTT(1, steps)),
        "TruncatedBPTT(5, 10)": Guarantee("exact" if steps <= 10 else "approximate", TruncatedBPTT(5, 10)),
        "TruncatedBPTT(1, 1)": Guarantee("exact" if steps == 1 else "approximate", TruncatedBPTT(1, 1)),
        "RTRL": Guarantee("exact", RTRL()),
        "BlockRTRL(10)": Guarantee("exact", BlockRTRL(10)),
        "SnAp(1)": Guarantee("approximate", SnAp(1)),
        "SnAp(2)": Guarantee("approximate", SnAp(2)),
        "EProp": Guarantee("approximate", EProp()),
        "RFLO": Guarantee("approximate", RFLO()),
        "RecurrentBackprop": Guarantee("exact", RecurrentBackprop(tolerance=FINE), tolerance=1e-9),
        "AdaptiveTruncation(0.1)": Guarantee("approximate", AdaptiveTruncation(0.1)),
        "ARTBP": Guarantee("unbiased", ARTBP(PowerLaw(mean=max(2.0, steps / 3)))),
        "UORO": Guarantee("unbiased", UORO()),
        "KFRTRL": Guarantee("unbiased", KFRTRL()),
        "ForwardGradient": Guarantee("unbiased", ForwardGradient()),
    }
    if parameters <= FEW:
        guarantees["ComplexStep"] = Guarantee("exact", ComplexStep())
        guarantees["FiniteDifference"] = Guarantee("exact", FiniteDifference(), tolerance=1e-6)
    return guarantees


def select_guarantees(
    algorithms: Sequence[str | GradientAlgorithm] | Mapping[str, GradientAlgorithm | Guarantee] | None,
    standard: Mapping[str, Guarantee],
) -> dict[str, Guarantee]:
    """Return the guarantees of the selected algorithms.

    Parameters
    ----------
    algorithms : optional
        Names from `standard`, or algorithms, or a mapping of names to algorithms or guarantees. An algorithm alone has
        the guarantee of its class in `standard`, and none if its class is not there.
    standard : mapping of str to Guarantee

    Raises
    ------
    ValueError
        If a name is unknown or an object is not an algorithm.

    Examples
    --------
    >>> standard = standard_guarantees(20, 100)
    >>> select_guarantees(["BPTT", TruncatedBPTT(2, 4)], standard)["TruncatedBPTT(k1=2, k2=4)"].level
    'approximate'
    >>> select_guarantees(["BTPT"], standard)
    Traceback (most recent call last):
    ValueError: algorithms must be of BPTT, BPTT(slots=2), ...; got 'BTPT'. Did you mean 'BPTT'?
    """
    if algorithms is None:
        return dict(standard)
    if isinstance(algorithms, Mapping):
        return {name: _guarantee(name, given, standard) for name, given in algorithms.items()}
    found = {}
    if not isinstance(algorithms, Iterable) or isinstance(algorithms, str | bytes):
        raise ValueError(f"algorithms must be a list of names or algorithms, or a dict of these, got {algorithms!r}")
    for given in algorithms:
        if isinstance(given, str):
            if given not in standard:
                raise unknown("algorithms", given, standard)
            found[given] = standard[given]
        else:
            found[repr(given)] = _guarantee(repr(given), given, standard)
    return found


def _guarantee(name: str, given: Any, standard: Mapping[str, Guarantee]) -> Guarantee:
    if isinstance(given, Guarantee):
        return given
    if not hasattr(given, "gradients"):
        raise ValueError(f"algorithm {name!r} must be a gradient algorithm or a Guarantee, got {given!r}")
    for known in standard.values():
        alike = type(given) is type(known.algorithm) and (known.level == "unbiased" or isinstance(given, BPTT))
        if given == known.algorithm or alike:
            return Guarantee(known.level, given, known.tolerance)
    return Guarantee("approximate", given)
