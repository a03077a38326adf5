"""The gradient certificate: every algorithm against full backpropagation through time, claim by claim."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from rnnbp._checks import integer_at_least, natural_int
from rnnbp.data import SequenceBatch
from rnnbp.gradients import BPTT, GradientAlgorithm, jvp
from rnnbp.gradients.base import check_targets
from rnnbp.gradients.by_lag import Ending, ending, parts_by_lag, shares
from rnnbp.gradients.claims import FINE, Claim, chosen, standard_claims
from rnnbp.gradients.measured import Runs, run_seeds, total_of
from rnnbp.layers import FixedPoint
from rnnbp.losses import natural_loss
from rnnbp.losses.base import Loss
from rnnbp.models import Sequential

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = np.ndarray

LIMIT = 4.0  # standard errors an unbiased gradient's mean may be off: see Certificate
AGAIN = 80  # seeds, at least, in the second trial of one that is off by more
ROUNDING = 1e-12
SETTLED = 1e-9  # with fixed points that are settled to 1e-13


@dataclass(frozen=True)
class Certificate:
    """What `rnnbp.compare_gradients` found.

    Attributes
    ----------
    table : DataFrame
        A row for each algorithm:

        - `algorithm`, `exact` (whether it claims so), `claim` ('exact', 'unbiased' or 'approximate'),
        - `ok`: whether the claim holds; missing where there is none. Exact: `distance` within 1e-12 (1e-6 for
          differences, 1e-9 for fixed points) of a reference that itself passed. Unbiased: `z` and
          `bias / sqrt(variance / seeds)` are both below 4. A right algorithm fails that with 20 seeds three times in a
          thousand; so one that fails is tried again, with as many other seeds, 80 at least, and that trial stands in
          the table. A right algorithm fails both less than once in 100 000 times.
        - `loss`; `cosine` with full BPTT's gradient and `distance` from it, relative to its norm: for an algorithm with
          a seed the mean and the root of the mean square over seeds, of what one gradient has;
        - `bias`: the distance of the mean over seeds; `variance`: the mean squared distance from that mean, relative to
          the squared norm; `z`: how many standard errors the mean's part along the exact gradient is away from it,
          by the t statistic with Hall's (1992) correction for skewness;
        - `steps` of sequences run forwards; `peak_bytes` that the algorithm says it holds for the way back;
          `allocated_bytes`, the peak of all memory taken while it ran; `seconds`, the fastest of some runs.
    by_lag : DataFrame
        `algorithm`, `lag`, `share`, `error`: which share of the error of the last step arrives from the parameters'
        action `lag` steps before, and its standard error over seeds. `weight` is the norm of the exact part, relative
        to the whole. Empty for a model that looks ahead in time. See `rnnbp.gradients.by_lag` for the definition.
    reference_error : float
        Full BPTT's slope against the complex step's along the gradient and along random directions, the worst of them,
        relative to the norms: the proof of the reference.
    refused : dict of str to str
        Algorithms that do not take this model, and why.

    References
    ----------
    P. Hall (1992), "On the removal of skewness by transformation", Journal of the Royal Statistical Society B 54,
    221-228, doi:10.1111/j.2517-6161.1992.tb01876.x

    Examples
    --------
    >>> import rnnbp
    >>> model = rnnbp.Sequential(rnnbp.Elman(2, 3), rnnbp.Last(), rnnbp.Dense(3, 2))
    >>> batch = rnnbp.SequenceDataset([np.ones((5, 2))], targets=[1]).batch()
    >>> found = rnnbp.compare_gradients(model, batch, algorithms=["BPTT", "TruncatedBPTT(1, 1)"])
    >>> found.ok, found.reference_error < 1e-13
    (True, True)
    >>> found.by_lag.query("algorithm == 'TruncatedBPTT(1, 1)'")["share"].round(6).tolist()
    [1.0, 0.0, 0.0, 0.0, 0.0]
    """

    table: pd.DataFrame
    by_lag: pd.DataFrame
    reference_error: float
    refused: dict[str, str]

    @property
    def ok(self) -> bool:
        """Whether every claim holds."""
        return not self.failed

    @property
    def failed(self) -> list[str]:
        """The algorithms whose claim does not hold."""
        wrong = self.table["ok"].eq(False).fillna(False)
        return self.table.loc[wrong, "algorithm"].tolist()

    @property
    def verdict(self) -> str:
        """One sentence: which claims hold."""
        claims = int(self.table["ok"].notna().sum())
        proof = f"full BPTT agrees with the complex step to {self.reference_error:.1g}"
        if self.failed:
            return f"NOT what they claim to be: {', '.join(self.failed)} ({proof})"
        return f"all {claims} claims hold ({proof})"

    def plot(self) -> "Figure":
        """Distance, cost, and the share of the error that arrives by lag.

        Returns
        -------
        matplotlib.figure.Figure

        Raises
        ------
        ImportError
            Without the `plot` extra.
        """
        from rnnbp.plotting_gradients import plot_certificate

        return plot_certificate(self.table, self.by_lag)

    def _shown(self) -> pd.DataFrame:
        table = self.table.drop(columns="exact").set_index("algorithm")
        table["ok"] = table["ok"].map({True: "yes", False: "NO"}).fillna("")
        return table

    def _refusals(self) -> list[str]:
        return [f"{name}: not for this model ({why})" for name, why in self.refused.items()]

    def __repr__(self) -> str:
        table = self._shown().to_string(float_format=lambda v: f"{v:.3g}", na_rep="")
        return "\n".join([self.verdict, table, *self._refusals()])

    def _repr_html_(self) -> str:
        import html

        table = self._shown().to_html(float_format=lambda v: f"{v:.3g}", na_rep="")
        lines = [html.escape(line) for line in (self.verdict, *self._refusals())]
        return f"<p>{lines[0]}</p>{table}" + "".join(f"<p>{line}</p>" for line in lines[1:])


def compare_gradients(
    model: Sequential,
    batch: SequenceBatch,
    loss: Loss | None = None,
    algorithms: Sequence[str | GradientAlgorithm] | Mapping[str, GradientAlgorithm | Claim] | None = None,
    seeds: int = 20,
    *,
    lags: int = 20,
) -> Certificate:
    """Set gradient algorithms against exact full BPTT in float64, and see whether each is what it says.

    Parameters
    ----------
    model : Sequential
        Not changed; computed with in float64, fixed points being settled to 1e-13.
    batch : SequenceBatch
        With targets. Small nets and short sequences say as much as large ones, and RTRL's cost grows with the fourth
        power of the hidden size.
    loss : Loss, optional
        Default: CrossEntropy() for classes, MeanSquaredError() for values.
    algorithms : optional
        Names of the package's algorithms, or algorithms, or a mapping of your own names to algorithms or to
        `rnnbp.gradients.Claim`, which is also checked. Default: all, those that do not take the model being listed in
        `refused`.
    seeds : int, default 20
        How often an algorithm with a seed is run. More seeds notice smaller biases; in `ForwardGradient` 20 are sure to
        notice a wrong sign, 100 a factor of 3, 600 one of 1.5.
    lags : int, default 20
        How far back the shares by lag go, at most the shortest sequence; 0 leaves them out.

    Returns
    -------
    Certificate
        `.table`, `.by_lag`, `.ok`, `.plot()`; prints as the table.

    Raises
    ------
    ValueError
        If an algorithm that was named does not take the model, or an argument is wrong.

    See Also
    --------
    rnnbp.check_gradient : a model's, layer's or cell's own derivatives against the complex step.

    Examples
    --------
    An algorithm that forgets a factor:

    >>> import dataclasses, rnnbp
    >>> class Half(rnnbp.BPTT):
    ...     def gradients(self, *arguments, **options):
    ...         for g in super().gradients(*arguments, **options):
    ...             yield dataclasses.replace(g, vector=g.vector / 2)
    >>> model = rnnbp.Sequential(rnnbp.Elman(2, 3), rnnbp.Last(), rnnbp.Dense(3, 2))
    >>> batch = rnnbp.SequenceDataset([np.ones((5, 2))], targets=[1]).batch()
    >>> rnnbp.compare_gradients(model, batch, algorithms={"half": rnnbp.gradients.Claim("exact", Half())}).verdict
    'NOT what they claim to be: half (full BPTT agrees with the complex step to ...)'
    """
    integer_at_least("seeds", seeds, 2, "an integer of 2 or more")
    natural_int("lags", lags)
    model, batch = _settled(model.astype(np.float64)), batch.astype(np.float64)
    loss = natural_loss(check_targets(batch)) if loss is None else loss
    claims = chosen(algorithms, standard_claims(batch.steps, model.params.size))
    reference = total_of(BPTT(), model, batch, loss)
    reference_error = _reference_error(model, batch, loss, reference.vector)
    least = SETTLED if _settles(model) else 0.0
    sound = reference_error <= max(least, ROUNDING)
    end = ending(model, batch, loss, lags) if lags and model.causal else None
    exact = parts_by_lag(model, end, loss, BPTT()) if end is not None else np.empty((0, model.params.size))
    rows, parts, refused = [], [], {}
    for name, claim in claims.items():
        try:
            row = _tried(claim, model, batch, loss, seeds, reference.vector, least if sound else None)
            share = _shares(claim, model, end, loss, seeds, exact)
        except ValueError as error:
            if algorithms is not None:
                raise ValueError(f"{name}: {error}") from error
            refused[name] = str(error)
            continue
        rows.append({"algorithm": name, **row})
        parts.append(share.assign(algorithm=name))
    by_lag = pd.concat(parts)[["algorithm", "lag", "share", "error", "weight"]] if parts else pd.DataFrame()
    return Certificate(_table(rows), by_lag.reset_index(drop=True), reference_error, refused)


def _settles(model: Sequential) -> bool:
    return any(isinstance(layer, FixedPoint) for layer in model.layers)


def _settled(model: Sequential) -> Sequential:
    """The model with fixed points as near as float64 allows: what is compared are gradients, not settings."""
    model.layers = tuple(replace(n, tolerance=FINE) if isinstance(n, FixedPoint) else n for n in model.layers)
    return model


def _reference_error(model: Sequential, batch: SequenceBatch, loss: Loss, gradient: Array) -> float:
    """The worst error of the slope along the gradient and along three random directions."""
    size = float(np.linalg.norm(gradient)) or 1.0
    directions = [gradient / size, *np.random.default_rng(0).standard_normal((3, gradient.size))]
    errors = [
        abs(jvp(model, batch, loss, v).slope - gradient @ v) / (size * (float(np.linalg.norm(v)) or 1.0))
        for v in directions
    ]
    return float(max(errors))


def _tried(
    claim: Claim,
    model: Sequential,
    batch: SequenceBatch,
    loss: Loss,
    seeds: int,
    exact: Array,
    least: float | None,
) -> dict[str, Any]:
    """An algorithm's row; of a second trial with other seeds where one that claims to be unbiased fails the first."""
    row = _row(claim, run_seeds(claim, model, batch, loss, range(seeds)), exact, least)
    if claim.kind == "unbiased" and not row["ok"]:
        others = range(seeds, seeds + max(seeds, AGAIN))
        row = _row(claim, run_seeds(claim, model, batch, loss, others), exact, least)
    return row


def _row(claim: Claim, found: Runs, exact: Array, least: float | None) -> dict[str, Any]:
    """`least` is a tolerance in any case; None where the reference is wrong and nothing is proven."""
    size = float(np.linalg.norm(exact)) or 1.0
    vectors, n = found.vectors, len(found.vectors)
    lengths = np.linalg.norm(vectors, axis=1)
    with np.errstate(invalid="ignore"):
        cosine = float((vectors @ exact / (lengths * size)).mean())
    row: dict[str, Any] = {
        "exact": claim.kind == "exact",
        "claim": claim.kind,
        "ok": None,
        "loss": found.first.loss,
        "cosine": cosine,
        "distance": float(np.sqrt((np.linalg.norm(vectors - exact, axis=1) ** 2).mean())) / size,
        "bias": np.nan,
        "variance": np.nan,
        "z": np.nan,
    }
    if n > 1:
        mean = vectors.mean(axis=0)
        row["bias"] = float(np.linalg.norm(mean - exact)) / size
        row["variance"] = float(((vectors - mean) ** 2).sum()) / (n - 1) / size**2
        row["z"] = bias_score(vectors @ exact / size**2)
    if claim.kind == "exact":
        row["ok"] = least is not None and row["distance"] <= max(claim.tolerance, least)
    elif claim.kind == "unbiased":
        expected = np.sqrt(row["variance"] / n) + ROUNDING
        row["ok"] = bool(abs(row["z"]) <= LIMIT and row["bias"] <= LIMIT * expected)
    cost = {"steps": found.first.steps, "peak_bytes": found.first.peak_bytes}
    return row | cost | {"allocated_bytes": found.allocated, "seconds": found.seconds}


def bias_score(along: Array) -> float:
    """How many standard errors the mean of some numbers is away from 1: Hall's (1992) t, which allows for skewness.

    Examples
    --------
    >>> round(bias_score(np.array([0.9, 1.1, 1.0, 1.2])), 3)
    0.775
    """
    n, off = len(along), float(along.mean()) - 1
    spread = float(along.std(ddof=1))
    if spread <= 1e-12 * max(1.0, abs(off)):  # the same at every seed
        return 0.0 if abs(off) <= 1e-9 else np.inf
    t = off * np.sqrt(n) / spread
    skew = float(((along - along.mean()) ** 3).mean()) / spread**3 / np.sqrt(n)
    return float(t + skew * t**2 / 3 + skew**2 * t**3 / 27 + skew / 6)


def _shares(claim: Claim, model: Sequential, end: Ending | None, loss: Loss, seeds: int, exact: Array) -> pd.DataFrame:
    """The shares by lag, mean and standard error over seeds."""
    count = seeds if claim.stochastic else 1
    if end is None:
        return pd.DataFrame(columns=["lag", "share", "error", "weight"], dtype=float)
    found = np.array([shares(parts_by_lag(model, end, loss, claim.seeded(s)), exact) for s in range(count)])
    whole = float(np.linalg.norm(exact.sum(axis=0))) or 1.0
    return pd.DataFrame(
        {
            "lag": np.arange(len(exact)),
            "share": found.mean(axis=0),
            "error": found.std(axis=0, ddof=1) / np.sqrt(count) if count > 1 else 0.0,
            "weight": np.linalg.norm(exact, axis=1) / whole,
        }
    )


def _table(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    table = pd.DataFrame(rows)
    if rows:
        table["ok"] = table["ok"].astype("boolean")
    return table
