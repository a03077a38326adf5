"""Gradient check of a model, a layer or a cell against the complex step or finite differences."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from rnnbp.cells import Cell
from rnnbp.cells.base import Array, check_cell
from rnnbp.core import Parameters
from rnnbp.data import SequenceBatch, check_batch
from rnnbp.gradients.base import GradientAlgorithm, loss_at, whole_loss
from rnnbp.gradients.bptt import BPTT
from rnnbp.gradients.numerical import ComplexStep, Evaluate, FiniteDifference
from rnnbp.layers import Layer, Run
from rnnbp.losses import Loss, check_loss
from rnnbp.models import Sequential
from rnnbp.runtime import number, positive_int, seed_int


@dataclass(frozen=True)
class GradientReport:
    """The result of `check_gradient`.

    Attributes
    ----------
    table : DataFrame
        A row for each parameter, and for the input (and a cell's state): `checked` of its `size` entries were
        compared; `max_error` is the worst difference, relative to the largest entry of that parameter's
        gradient; `at` is where, with what was `computed` and `expected` there.
    tolerance : float
        The largest `max_error` accepted.

    Examples
    --------
    >>> from rnnbp.cells import GRUCell
    >>> report = check_gradient(GRUCell(3, 4))
    >>> report.ok, report.max_error < 1e-13
    (True, True)
    >>> report.table.loc["w_hh", ["size", "checked"]].tolist()
    [48, 20]
    """

    table: pd.DataFrame
    tolerance: float

    @property
    def max_error(self) -> float:
        """The largest relative error; NaN where one is NaN."""
        return float(self.table["max_error"].to_numpy().max(initial=0.0))

    @property
    def ok(self) -> bool:
        """Whether every parameter is within the tolerance; a NaN is not."""
        return bool((self.table["max_error"] <= self.tolerance).all())

    def __repr__(self) -> str:
        verdict = "the gradients agree" if self.ok else "the gradients DO NOT agree"
        table = self.table.to_string(float_format=lambda v: f"{v:.3g}")
        return f"{verdict}: worst relative error {self.max_error:.2g}, tolerance {self.tolerance:g}\n{table}"

    def _repr_html_(self) -> str:
        verdict = "agree" if self.ok else "<b>do not agree</b>"
        head = f"<p>The gradients {verdict}: worst relative error {self.max_error:.2g}</p>"
        return head + self.table.to_html(float_format=lambda v: f"{v:.3g}")


def check_gradient(
    target: Sequential | Layer | Cell,
    batch: SequenceBatch | None = None,
    loss: Loss | None = None,
    *,
    gradient: GradientAlgorithm | None = None,
    oracle: ComplexStep | FiniteDifference | None = None,
    tolerance: float | None = None,
    samples: int = 20,
    seed: int = 0,
) -> GradientReport:
    """Compare a gradient with that of the complex step, in float64.

    Parameters
    ----------
    target : Sequential, Layer or Cell
        Of a cell, `step_vjp` is checked for state and input, `param_vjp` for each parameter. A layer is checked as a
        model of that layer alone.
    batch : SequenceBatch, optional
        The input of a model or layer. Default for a layer: random sequences of unequal lengths.
    loss : Loss, optional
        Of a model or layer. Default: a random projection of the outputs, which needs no targets and depends on every
        output.
    gradient : GradientAlgorithm, default BPTT()
        The algorithm whose gradient of a model or layer is checked; if it yields several, their sum is.
    oracle : ComplexStep or FiniteDifference, default ComplexStep()
        FiniteDifference() for what is not safe for complex numbers (`abs`, `maximum`, comparisons).
    tolerance : float, optional
        Default: 1e-12 with the complex step, 1e-6 with finite differences.
    samples : int, default 20
        Largest number of entries of each parameter that are compared, chosen at random.
    seed : int, default 0
        Seed of all random numbers used.

    Returns
    -------
    GradientReport
        `.ok`, `.max_error` and `.table`; prints as the table.

    Raises
    ------
    ValueError
        If a model is given without a batch, a cell with a batch, loss or gradient algorithm, which do not
        apply to it, or if `target` is none of the three; for an incomplete cell the message names the missing method.

    Examples
    --------
    >>> import rnnbp
    >>> report = check_gradient(rnnbp.LSTMCell(3, 4))
    >>> report.ok
    True
    >>> list(report.table.index)
    ['state', 'x', 'w_ih', 'w_hh', 'b_ih', 'b_hh']
    """
    oracle = ComplexStep() if oracle is None else oracle
    if not isinstance(oracle, ComplexStep | FiniteDifference):
        raise ValueError(f"oracle must be a ComplexStep or a FiniteDifference, got {oracle!r}")
    if loss is not None:
        check_loss(loss)
    if gradient is not None and (isinstance(gradient, type) or not hasattr(gradient, "gradients")):
        raise ValueError(f"gradient must be an object with a method 'gradients', got {gradient!r}")
    if tolerance is None:
        tolerance = 1e-12 if isinstance(oracle, ComplexStep) else 1e-6
    number("tolerance", tolerance, 0)
    rng = np.random.default_rng(seed_int("seed", seed))
    if isinstance(target, Sequential):
        if batch is None:
            raise ValueError("batch is needed to check a model: data.batch(), say")
        problem = _of_model(target, batch, loss, BPTT() if gradient is None else gradient, rng)
    elif isinstance(target, Layer):
        model = Sequential(target, dtype=np.float64)
        batch = _random_batch(target, rng) if batch is None else batch
        problem = _of_model(model, batch, loss, BPTT() if gradient is None else gradient, rng)
    elif any(hasattr(target, method) for method in ("step", "step_vjp", "param_vjp")):
        check_cell("target", target)
        for name, given in (("batch", batch), ("loss", loss), ("gradient", gradient)):
            if given is not None:
                raise ValueError(f"{name} is for a model or layer, not for a cell: give Recurrent(cell)")
        problem = _of_cell(target, rng)
    else:
        raise ValueError(f"target must be a Sequential, a Layer or a Cell, got {type(target).__name__}")
    table = pd.DataFrame(_rows(problem, oracle, positive_int("samples", samples), rng)).set_index("parameter")
    return GradientReport(table, tolerance)


@dataclass(frozen=True)
class _Problem:
    """A function of a parameter vector, and the gradient to be checked."""

    point: Parameters
    computed: Parameters
    evaluate: Evaluate


def _rows(
    problem: _Problem, oracle: ComplexStep | FiniteDifference, samples: int, rng: np.random.Generator
) -> Iterator[dict[str, Any]]:
    overall = np.abs(problem.computed.vector).max(initial=0.0)
    for name, shape in problem.point.shapes.items():
        here = problem.point.place(name)
        size = here.stop - here.start
        places = np.sort(rng.permutation(size)[:samples])
        found = problem.computed.vector[here][places]
        expected = np.array([oracle.derivative(problem.point, here.start + k, problem.evaluate) for k in places])
        # Gradients that should be zero are compared relative to the largest entry of all.
        scale = max(np.abs(expected).max(initial=0.0), np.abs(found).max(initial=0.0), 1e-3 * overall, 1e-300)
        error = np.abs(found - expected) / scale
        worst = int(np.argmax(np.where(np.isnan(error), np.inf, error)))
        yield {
            "parameter": name,
            "size": size,
            "checked": len(places),
            "max_error": error[worst],
            "at": tuple(map(int, np.unravel_index(places[worst], shape))),
            "computed": found[worst],
            "expected": expected[worst],
        }


def _of_cell(cell: Cell, rng: np.random.Generator) -> _Problem:
    lead = (2, 3)  # two leading axes, as for a window of time of a batch
    own = cell.shapes()
    of_state, of_x = (name if name not in own else f"{name} (not the parameter)" for name in ("state", "x"))
    shapes = {of_state: (*lead, cell.state_size), of_x: (*lead, cell.input_size)}
    point = Parameters(shapes | own, dtype=np.float64)
    start = point.place(of_x).stop
    cell.initialize(point.renamed(own, start), rng)
    point.vector[:start] = 0.5 * rng.standard_normal(start)
    weights = rng.standard_normal(shapes[of_state])

    def evaluate(p: Parameters) -> Any:
        return np.sum(weights * cell.step(_weights(cell, p), p[of_state], p[of_x])[0])

    computed = point.zeros()
    params, state, x = _weights(cell, point), point[of_state], point[of_x]
    _, residuals = cell.step(params, state, x)
    computed[of_state], computed[of_x], delta = cell.step_vjp(params, state, x, residuals, weights)
    cell.param_vjp(state, x, residuals, delta, computed.renamed(own, start))
    return _Problem(point, computed, evaluate)


def _weights(cell: Cell, point: Parameters) -> dict[str, Array]:
    return {name: point[name] for name in cell.shapes()}


def _of_model(
    model: Sequential,
    batch: SequenceBatch,
    loss: Loss | None,
    gradient: GradientAlgorithm,
    rng: np.random.Generator,
) -> _Problem:
    check_batch(batch)
    model, batch = model.astype(np.float64), batch.astype(np.float64)
    model.cast(batch.x)
    if loss is None:
        loss = _Projection(int(rng.integers(2**31)))
        batch = replace(batch, targets=np.zeros(batch.size), weights=None)
    vector = np.sum([g.vector for g in gradient.gradients(model, batch, loss)], axis=0)
    run, P = Run.of(batch), model.params.size

    def masked(p: Parameters) -> Parameters:
        return model.params.like(model.params.with_fixed(p.vector[:P]))

    if not np.issubdtype(batch.x.dtype, np.floating):
        return _Problem(model.params, model.params.like(vector), lambda p: loss_at(model, masked(p), batch, loss, run))
    outputs, residuals, _ = model.unroll(model.params, batch.x, run)
    d_outputs = whole_loss(model, loss, outputs, batch)[1]
    dx, _ = model.backward(model.params, residuals, d_outputs, model.params.zeros())
    point = Parameters(model.params.shapes | {"input": batch.x.shape}, np.append(model.params.vector, batch.x))

    def evaluate(p: Parameters) -> Any:
        moved = replace(batch, x=p["input"])
        return loss_at(model, masked(p), moved, loss, run)

    return _Problem(point, point.like(np.append(vector, dx)), evaluate)


class _Projection(Loss):
    """sum over items of w . y + y . y / 2, with random w: depends on every output and needs no targets."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def total(self, targets: Array, lengths: Array | None = None, weights: ArrayLike | None = None) -> float:
        return 1.0

    def weights(self, targets: Array) -> Array:
        return np.ones(targets.shape)

    def align(self, outputs: Array, targets: Array) -> Array:
        return np.zeros(outputs.shape[:-1])

    def terms(self, outputs: Array, targets: Array, weights: Array) -> tuple[Array, Array]:
        w = np.random.default_rng(self.seed).standard_normal(outputs.shape[-1])
        return (w * outputs + outputs * outputs / 2).sum(axis=1), w + outputs


def _random_batch(layer: Layer, rng: np.random.Generator) -> SequenceBatch:
    """Return three sequences of 5, 4 and 2 steps with the number of features that the layer takes."""
    lengths = np.array([5, 4, 2])
    tokens = getattr(layer, "tokens", None)
    if tokens is not None:
        return SequenceBatch.from_array(rng.integers(tokens, size=(5, 3)), lengths)
    features = _features(layer)
    return SequenceBatch.from_array(rng.standard_normal((5, 3, features)), lengths)


def _features(layer: Layer) -> int:
    """Return the number of features that the layer takes; three if it takes any."""
    for features in (3, *range(1, 10_000)):
        try:
            layer.out_shape(("T", "B", features))
        except ValueError:
            continue
        return features
    raise ValueError(f"batch is needed to check {layer!r}, which takes none of 1 to 9999 features")
