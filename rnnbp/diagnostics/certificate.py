"""The gradient certificate: tests of what each algorithm guarantees against full backpropagation through time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from rnnbp.data import SequenceBatch, check_batch
from rnnbp.gradients import BPTT, GradientAlgorithm, Guarantee, jvp
from rnnbp.gradients.base import check_targets
from rnnbp.gradients.bias import evidence
from rnnbp.gradients.cost_measurement import Runs, run_seeds, total_of
from rnnbp.gradients.guarantees import FINE, select_guarantees, standard_guarantees
from rnnbp.gradients.lag_decomposition import (
    FinalSteps,
    exact_fractions,
    final_steps,
    gradient_by_lag,
)
from rnnbp.gradients.unbiased import Problem, find_bias
from rnnbp.layers import FixedPoint
from rnnbp.losses import Loss, check_loss, natural_loss
from rnnbp.models import Sequential
from rnnbp.runtime import integer_at_least, natural_int, number

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = np.ndarray

ROUNDING = 1e-12
CONVERGED = 1e-9  # for fixed points that converged to 1e-13


@dataclass(frozen=True)
class Certificate:
    """The result of `rnnbp.compare_gradients`.

    Attributes
    ----------
    table : DataFrame
        A row for each algorithm:

        - `algorithm`, `exact` (whether that is its guarantee), `guarantee` ('exact', 'unbiased' or 'approximate', that
          is none);
        - `ok`: whether the guarantee holds; missing where there is none or the test is inconclusive. Exact: `distance`
          within 1e-12 (1e-6 for finite differences, 1e-9 for fixed points) of a reference that itself passed. Unbiased:
          the mean is the exact gradient, by `test`;
        - `test`: 'distance'; 'all draws', the expectation over every outcome of the algorithm's random draws, exact to
          1e-9; or 'samples', if these are too many: two tests of the mean, along the gradient and in any direction
          (`rnnbp.gradients.bias`). A failure is tested again with at least 256 new samples. `runs`: the number of
          runs of the algorithm in the test;
        - `smallest_bias`, `smallest_factor`: the power of the test. A bias of that length in any direction, or along
          the gradient (a wrong factor), relative to the gradient's norm, is detected with probability 0.9;
        - `loss`; `cosine` with full BPTT's gradient and `distance` from it, relative to its norm: for an algorithm with
          a seed the mean and the root mean square over seeds; `variance`: the mean squared distance from the mean over
          seeds, relative to the squared norm;
        - `bias`: the distance of the mean from the exact gradient, in the test; `z`: the distance in standard
          errors of the mean's component along the gradient, by the t statistic with Hall's correction for skewness;
        - `steps`, forward steps summed over sequences; `peak_bytes` that the algorithm reports to store;
          `allocated_bytes`, the peak of all memory allocated during a run; `seconds` of the fastest run.
    by_lag : DataFrame
        `algorithm`, `lag`, `fraction`, `error`: the fraction of the gradient of the last step's loss that the algorithm
        propagates over `lag` steps, and its standard error over seeds. `weight` is the norm of the exact term of that
        lag, relative to the gradient. Empty for a non-causal model. Definition:
        `rnnbp.gradients.lag_decomposition`.
    reference_error : float
        Largest relative error of full BPTT's directional derivative against the complex step, along the gradient and
        random directions: the test of the reference.
    refused : dict of str to str
        Algorithms that do not take this model, with the reason.

    Notes
    -----
    No test by samples is valid for all distributions. Heavy-tailed samples, in which the largest squared deviation is
    more than a tenth of the sum, are inconclusive: `ok` is missing. The truncations of ARTBP are importance-sampled, so
    that long segments are not rare, which makes tails lighter. Of samples of 128 of `Geometric(0.3)`-like weights over
    12 to 30 steps, and of `Geometric(0.5)` over 20, both the t test and this rule together rejected less than 1 % at
    4 standard errors; a failure takes two such samples.

    Examples
    --------
    >>> import rnnbp
    >>> model = rnnbp.Sequential(rnnbp.Elman(2, 3), rnnbp.Last(), rnnbp.Dense(3, 2))
    >>> batch = rnnbp.SequenceDataset([np.ones((5, 2))], targets=[1]).batch()
    >>> found = rnnbp.compare_gradients(model, batch, algorithms=["BPTT", "TruncatedBPTT(1, 1)"])
    >>> found.ok, found.reference_error < 1e-13
    (True, True)
    >>> found.by_lag.query("algorithm == 'TruncatedBPTT(1, 1)'")["fraction"].round(6).tolist()
    [1.0, 0.0, 0.0, 0.0, 0.0]
    """

    table: pd.DataFrame
    by_lag: pd.DataFrame
    reference_error: float
    refused: dict[str, str]

    @property
    def ok(self) -> bool:
        """Whether there are guarantees, and all of them were tested and hold."""
        return bool(self.passed) and not self.failed and not self.undecided

    @property
    def passed(self) -> list[str]:
        """The algorithms whose guarantee passed its test; `smallest_bias` is the resolution of the test."""
        return self._where(self.table["ok"].eq(True)) if len(self.table) else []

    @property
    def failed(self) -> list[str]:
        """The algorithms whose guarantee failed its test."""
        return self._where(self.table["ok"].eq(False)) if len(self.table) else []

    @property
    def undecided(self) -> list[str]:
        """The algorithms for whose guarantee the test is inconclusive."""
        if not len(self.table):
            return []
        return self._where(self.table["guarantee"].ne("approximate") & self.table["ok"].isna())

    def _where(self, rows: pd.Series) -> list[str]:
        return self.table.loc[rows.fillna(False).astype(bool), "algorithm"].tolist()

    @property
    def verdict(self) -> str:
        """One sentence: which guarantees hold, which do not, which tests are inconclusive, and the bias detectable."""
        findings = []
        if self.failed:
            findings.append(f"guarantee NOT met: {', '.join(self.failed)}")
        if self.undecided:
            findings.append(f"inconclusive: {', '.join(self._reason(name) for name in self.undecided)}")
        if self.passed:
            number = "all" if not findings else "the other"
            findings.append(f"{number} {len(self.passed)} guarantees hold{self._to_within()}")
        proof = f"full BPTT agrees with the complex step to {self.reference_error:.1g}"
        return f"{'; '.join(findings) or 'no guarantees to test'} ({proof})"

    def _reason(self, name: str) -> str:
        """Return the name of an algorithm with the reason why its test is inconclusive."""
        row = self.table.set_index("algorithm").to_dict("index")[name]
        if row["test"] in ("", "heavy-tailed samples"):
            return f"{name} ({row['test'] or 'the reference is wrong'})"
        return f"{name} ({_detectable(row['smallest_bias'])})"

    def _to_within(self) -> str:
        sampled = self.table["algorithm"].isin(self.passed) & self.table["test"].eq("samples")
        return f", {_detectable(self.table.loc[sampled, 'smallest_bias'].max())}" if sampled.any() else ""

    def plot(self) -> "Figure":
        """Plot distances with the detectable bias, costs, and the fraction of the gradient by lag.

        Returns
        -------
        matplotlib.figure.Figure

        Raises
        ------
        ImportError
            Without the `plot` extra.
        """
        from rnnbp.diagnostics.plots import plot_certificate

        return plot_certificate(self.table, self.by_lag)

    def _shown(self) -> pd.DataFrame:
        table = self.table.drop(columns="exact").set_index("algorithm")
        table["ok"] = table["ok"].map({True: "yes", False: "NO"}).fillna("")
        if len(table):
            table.loc[self.undecided, "ok"] = "inconclusive"
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
    algorithms: Sequence[str | GradientAlgorithm] | Mapping[str, GradientAlgorithm | Guarantee] | None = None,
    seeds: int = 20,
    *,
    lags: int = 20,
    power: float = 0.05,
    max_runs: int = 1000,
) -> Certificate:
    """Test the guarantees of gradient algorithms against full BPTT in float64, and measure their cost.

    Parameters
    ----------
    model : Sequential
        Not changed: a copy in float64 is used, whose fixed points converge to 1e-13.
    batch : SequenceBatch
        With targets. Small networks and short sequences suffice, and RTRL's cost grows with the fourth power of the
        hidden size.
    loss : Loss, optional
        Default: CrossEntropy() for classes, MeanSquaredError() for values.
    algorithms : optional
        Names of the package's algorithms, or algorithms, or a mapping of names to algorithms or to
        `rnnbp.gradients.Guarantee`. Default: all; those that do not take the model are listed in `refused`.
    seeds : int, default 20
        Number of runs of an algorithm with a seed for `cosine`, `distance` and `variance`; at least 3.
    lags : int, default 20
        Number of lags in `by_lag`, limited to the shortest sequence; 0 leaves them out.
    power : float, default 0.05
        The bias that the test of an unbiased algorithm must be able to detect, relative to the gradient's norm. An
        algorithm whose outcomes cannot be enumerated is run until that is reached, on copies of the sequences where
        these reduce the variance.
    max_runs : int, default 1000
        Largest number of runs of an algorithm in one test. If it is reached before `power`, and the sample does not
        reject, the test is inconclusive.

    Returns
    -------
    Certificate
        `.table`, `.by_lag`, `.ok`, `.plot()`; prints as the table.

    Raises
    ------
    ValueError
        If a named algorithm does not take the model, or an argument is wrong.

    See Also
    --------
    rnnbp.check_gradient : the derivatives of a model, layer or cell against the complex step.

    Examples
    --------
    An algorithm with a wrong factor:

    >>> import dataclasses, rnnbp
    >>> class Half(rnnbp.BPTT):
    ...     def gradients(self, *arguments, **options):
    ...         for g in super().gradients(*arguments, **options):
    ...             yield dataclasses.replace(g, vector=g.vector / 2)
    >>> model = rnnbp.Sequential(rnnbp.Elman(2, 3), rnnbp.Last(), rnnbp.Dense(3, 2))
    >>> batch = rnnbp.SequenceDataset([np.ones((5, 2))], targets=[1]).batch()
    >>> rnnbp.compare_gradients(model, batch, algorithms={"half": rnnbp.gradients.Guarantee("exact", Half())}).verdict
    'guarantee NOT met: half (full BPTT agrees with the complex step to ...)'
    """
    integer_at_least("seeds", seeds, 3, "an integer of 3 or more")
    natural_int("lags", lags)
    number("power", power, 0, 1, open_low=True)
    integer_at_least("max_runs", max_runs, 3, "an integer of 3 or more")
    check_batch(batch)
    if not isinstance(model, Sequential):
        raise ValueError(f"model must be a Sequential, got {model!r}")
    if loss is not None:
        check_loss(loss)
    model, batch = _converging(model.astype(np.float64)), batch.astype(np.float64)
    loss = natural_loss(check_targets(batch)) if loss is None else loss
    guarantees = select_guarantees(algorithms, standard_guarantees(batch.steps, model.params.size))
    reference = total_of(BPTT(), model, batch, loss)
    reference_error = _reference_error(model, batch, loss, reference.vector)
    least = CONVERGED if _converges(model) else 0.0
    sound = reference_error <= max(least, ROUNDING)
    end = final_steps(model, batch, loss, lags) if lags and model.causal else None
    exact = gradient_by_lag(model, end, loss, BPTT()) if end is not None else np.empty((0, model.params.size))
    rows, parts, refused = [], [], {}
    for name, guarantee in guarantees.items():
        problem = Problem(guarantee, model, batch, loss, reference.vector)
        try:
            row = _row(problem, seeds, least if sound else None, power, max_runs)
            fractions = _fractions_by_lag(guarantee, model, end, loss, seeds, exact)
        except ValueError as error:
            if algorithms is not None:
                raise ValueError(f"{name}: {error}") from error
            refused[name] = str(error)
            continue
        rows.append({"algorithm": name, **row})
        parts.append(fractions.assign(algorithm=name))
    by_lag = pd.concat(parts)[["algorithm", "lag", "fraction", "error", "weight"]] if parts else pd.DataFrame()
    return Certificate(_table(rows), by_lag.reset_index(drop=True), reference_error, refused)


def _detectable(bias: float) -> str:
    return f"a bias of {100 * bias:.2g} % of the gradient would be detected"


def _converges(model: Sequential) -> bool:
    return any(isinstance(layer, FixedPoint) for layer in model.layers)


def _converging(model: Sequential) -> Sequential:
    """Set the tolerance of fixed points as small as float64 allows, so that it does not affect the comparison."""
    model.layers = tuple(replace(n, tolerance=FINE) if isinstance(n, FixedPoint) else n for n in model.layers)
    return model


def _reference_error(model: Sequential, batch: SequenceBatch, loss: Loss, gradient: Array) -> float:
    """Return the largest error of the slope along the gradient and along three random directions."""
    size = float(np.linalg.norm(gradient)) or 1.0
    directions = [gradient / size, *np.random.default_rng(0).standard_normal((3, gradient.size))]
    errors = [
        abs(jvp(model, batch, loss, v).slope - gradient @ v) / (size * (float(np.linalg.norm(v)) or 1.0))
        for v in directions
    ]
    return float(max(errors))


def _row(problem: Problem, seeds: int, least: float | None, power: float, max_runs: int) -> dict[str, Any]:
    """Return a row of the table. `least` is the smallest tolerance; None if the reference itself failed."""
    guarantee, exact = problem.guarantee, problem.exact
    runs = run_seeds(guarantee, problem.model, problem.batch, problem.loss, range(seeds))
    row: dict[str, Any] = {
        "exact": guarantee.level == "exact",
        "guarantee": guarantee.level,
        "ok": None,
        "test": "",
        "runs": 0,
        "smallest_bias": np.nan,
        "smallest_factor": np.nan,
        "loss": runs.first.loss,
        **_agreement(runs, exact),
    }
    if guarantee.level == "exact":
        tolerance = max(guarantee.tolerance, least or 0.0)
        row |= {"ok": least is not None and row["distance"] <= tolerance, "test": "distance"}
        row |= {"runs": len(runs.vectors), "smallest_bias": tolerance, "smallest_factor": tolerance}
    elif guarantee.level == "unbiased" and least is not None:
        finding = find_bias(problem, runs.vectors, power, max_runs)
        row |= {"ok": finding.ok, "test": finding.test, "runs": finding.runs}
        row |= {name: getattr(finding.found, name) for name in ("smallest_bias", "smallest_factor", "bias", "z")}
    cost = {"steps": runs.first.steps, "peak_bytes": runs.first.peak_bytes}
    return row | cost | {"allocated_bytes": runs.allocated, "seconds": runs.seconds}


def _agreement(runs: Runs, exact: Array) -> dict[str, float]:
    """Return the agreement of the gradients of several seeds with the exact one."""
    size, vectors = float(np.linalg.norm(exact)) or 1.0, runs.vectors
    with np.errstate(invalid="ignore"):
        cosine = float((vectors @ exact / (np.linalg.norm(vectors, axis=1) * size)).mean())
    distance = float(np.sqrt((np.linalg.norm(vectors - exact, axis=1) ** 2).mean())) / size
    row = {"cosine": cosine, "distance": distance, "bias": np.nan, "variance": np.nan, "z": np.nan}
    if len(vectors) > 1:
        found = evidence(vectors, exact)
        row |= {"bias": found.bias, "variance": found.variance, "z": found.z}
    return row


def _fractions_by_lag(
    guarantee: Guarantee, model: Sequential, end: FinalSteps | None, loss: Loss, seeds: int, exact: Array
) -> pd.DataFrame:
    """Return the fractions by lag, their mean and standard error over seeds."""
    count = seeds if guarantee.stochastic else 1
    if end is None:
        return pd.DataFrame(columns=["lag", "fraction", "error", "weight"], dtype=float)
    found = np.array(
        [exact_fractions(gradient_by_lag(model, end, loss, guarantee.seeded(s)), exact) for s in range(count)]
    )
    whole = float(np.linalg.norm(exact.sum(axis=0))) or 1.0
    return pd.DataFrame(
        {
            "lag": np.arange(len(exact)),
            "fraction": found.mean(axis=0),
            "error": found.std(axis=0, ddof=1) / np.sqrt(count) if count > 1 else 0.0,
            "weight": np.linalg.norm(exact, axis=1) / whole,
        }
    )


def _table(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    table = pd.DataFrame(rows)
    if rows:
        table["ok"] = table["ok"].astype("boolean")
    return table
