"""Recurrent backpropagation: the error at a fixed point, and what it says of the parameters."""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from rnnbp.cells.base import Array, Cell, Weights, map_nested
from rnnbp.data import SequenceBatch
from rnnbp.gradients.base import Gradient, whole_gradient
from rnnbp.gradients.history import History
from rnnbp.kernels.packing import pack, unpack
from rnnbp.layers.base import Layer, Run, Shape, State, Tape
from rnnbp.layers.fixed_point import FixedPoint, radius_at, shown_error
from rnnbp.losses.base import Loss
from rnnbp.models import Sequential
from rnnbp.params import Parameters
from rnnbp.solvers import (
    OnFailure,
    Raise,
    Relaxation,
    Solver,
    Tolerance,
    imaginary_unit,
    settling_error,
    solve,
)


@dataclass(frozen=True)
class Adjoints:
    """How the adjoints of one way back settled.

    Attributes
    ----------
    count : int
        Fixed points with an error.
    iterations : int
        The most that one of them took.
    residual : float
        The largest, each relative to its error's largest entry; NaN where it is not measured (`Neumann`).
    evaluations : int
        Products with the transposed Jacobian, over all of them.
    """

    count: int
    iterations: int
    residual: float
    evaluations: int


@dataclass(frozen=True)
class RecurrentBackprop:
    """The error at the fixed point z = f(z, x) settles by the transposed net, and gives the gradient at once.

    With J = df/dz at the fixed point and d = dL/dz, the adjoint a solves a = J'a + d; then dL/dp = (df/dp)'a.
    No iteration is gone back through: the memory is that of one step, however many there were. The gradient
    is that of the fixed point itself, exact where fixed point and adjoint are; it does not depend on where
    the search began. Layers other than `FixedPoint` are backpropagated as by BPTT.

    Parameters
    ----------
    adjoint : Solver, default Relaxation()
        How the adjoint is solved: `Relaxation` is Almeida's and Pineda's way; `Direct` and `GMRES` find it
        though the iteration runs away; `Iteration`, `Damped`, `Anderson`, `Broyden` and `Newton` do too what
        they do for fixed points; ``Neumann(terms=k)`` is the phantom gradient, not exact, and with one term the
        Jacobian-free one.
    tolerance : Tolerance, default Tolerance()
        Of the adjoint, each row's error d being scaled to a largest entry of 1, so that a small error has to
        settle as well as a large one.
    on_failure : OnFailure, default Raise()
        Called with the `SettlingError` where an adjoint does not meet the tolerance.

    Attributes
    ----------
    history : History of Adjoints
        How they converged: one for each backward pass through a `FixedPoint` layer, the newest last, failures included.
        The newest 1000 are kept; ``history.total`` counts all.

    Raises
    ------
    ValueError
        If an argument is not of its kind; when used on a model without a `FixedPoint` layer.
    SettlingError
        When used, where a fixed point or an adjoint was not found: a gradient is right, or there is none.

    References
    ----------
    L. B. Almeida (1987), "A learning rule for asynchronous perceptrons with feedback in a combinatorial
    environment", Proc. IEEE First International Conference on Neural Networks, vol. 2, 609-618. F. J. Pineda
    (1987), "Generalization of back-propagation to recurrent neural networks", Physical Review Letters 59(19),
    2229-2232, doi:10.1103/PhysRevLett.59.2229. S. Bai, J. Z. Kolter & V. Koltun (2019), "Deep equilibrium
    models", NeurIPS 32, arXiv:1909.01377, theorem 1

    Examples
    --------
    >>> import rnnbp
    >>> model = rnnbp.Sequential(rnnbp.FixedPoint(rnnbp.ElmanCell(2, 3)), rnnbp.Last(), rnnbp.Dense(3, 2))
    >>> batch = rnnbp.SequenceDataset([np.ones((1, 2)), np.zeros((1, 2))], targets=[0, 1]).batch()
    >>> (g,) = RecurrentBackprop().gradients(model, batch, rnnbp.CrossEntropy())
    >>> (through,) = rnnbp.BPTT().gradients(model, batch, rnnbp.CrossEntropy())
    >>> bool(abs(g.vector - through.vector).max() < 1e-5), g.cost.peak_bytes < through.cost.peak_bytes
    (True, True)
    """

    adjoint: Solver = field(default_factory=Relaxation)
    tolerance: Tolerance = field(default_factory=Tolerance)
    on_failure: OnFailure = field(default_factory=Raise)
    history: History[Adjoints] = field(default_factory=History, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        kinds = (("adjoint", Solver), ("tolerance", Tolerance), ("on_failure", OnFailure))
        for name, kind in kinds:
            if not isinstance(getattr(self, name), kind):
                raise ValueError(f"{name} must be a rnnbp {kind.__name__}, got {getattr(self, name)!r}")

    def gradients(
        self,
        model: Sequential,
        batch: SequenceBatch,
        loss: Loss,
        state: Sequence[State] | None = None,
        rng: np.random.Generator | None = None,
    ) -> Iterator[Gradient]:
        """One gradient a batch."""
        yield whole_gradient(self.implicit(model), batch, loss, state, rng)

    def implicit(self, model: Sequential) -> Sequential:
        """`model` over the same parameters, its `FixedPoint` layers wrapped in `Implicit` ones.

        Raises
        ------
        ValueError
            If it has none.
        """
        if not any(isinstance(layer, FixedPoint) for layer in model.layers):
            raise ValueError(
                "RecurrentBackprop takes a model with a FixedPoint layer, got "
                f"{model}: use BPTT() for nets that run over time"
            )
        other = copy.copy(model)
        other.layers = tuple(
            Implicit(layer, self) if isinstance(layer, FixedPoint) else layer for layer in model.layers
        )
        return other


@dataclass(frozen=True)
class Implicit(Layer):
    """A `FixedPoint` layer whose way back solves the adjoint at the fixed point.

    Parameters
    ----------
    layer : FixedPoint
    how : RecurrentBackprop
    """

    layer: FixedPoint
    how: RecurrentBackprop

    recurrent = True

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The layer's."""
        return self.layer.shapes()

    def initialize(self, params: Parameters, rng: np.random.Generator) -> None:
        """The layer's way."""
        self.layer.initialize(params, rng)

    def out_shape(self, shape: Shape) -> Shape:
        """The layer's."""
        return self.layer.out_shape(shape)

    def forward(self, params: Parameters, x: Array, run: Run, state: State = None) -> tuple[Array, Tape, State]:
        """As the layer's, but only inputs and fixed points are kept."""
        warm = self.layer.warm_start
        settled = self.layer.settle(params, x, run.lengths, state if warm else None)
        active = run.active(len(x))
        tape = _Rest(active, pack(x, active), pack(settled.state, active), settled.evaluations)
        return settled.state[:, :, : self.layer.cell.output_size], tape, settled.last if warm else None

    def backward(
        self, params: Parameters, tape: Tape, dy: Array, grad: Parameters, d_state: State = None
    ) -> tuple[Array, State]:
        """By the adjoint. A fixed point does not depend on where its search began: no error goes there."""
        cell, weights = self.layer.cell, dict(params.items())
        d = shown_error(cell, pack(dy, tape.active))
        if d_state is not None:
            d[_last_rows(tape.active, dy.shape[1])] += d_state[: tape.active.max(initial=0)]
        _, residuals = cell.step(weights, tape.z, tape.x)
        transposed = _Transposed(cell, weights, tape.z, tape.x, residuals)
        a = self._adjoint(transposed, d, imaginary_unit(params.vector, tape.z, tape.x), tape.active)
        _, d_x, delta = cell.step_vjp(weights, tape.z, tape.x, residuals, a)
        cell.param_vjp(tape.z, tape.x, residuals, delta, grad)
        return unpack(d_x, tape.active, dy.shape[1]), _untouched(tape.active, d_state)

    def _adjoint(self, transposed: "_Transposed", d: Array, unit: float, active: Array) -> Array:
        """a = J'a + d, row by row; a row without an error has none, one that is not finite stays so."""
        size = np.abs(d.real).max(axis=-1, initial=0.0)
        loud = np.flatnonzero((size > 0) & np.isfinite(d).all(axis=-1))
        scale = size[loud, None]
        unit_d = d[loud] / scale

        def function(rows: Array, a: Array) -> Array:
            return transposed(loud[rows], a) + unit_d[rows]

        dtype = np.result_type(d, transposed.z)
        found = solve(self.how.adjoint, function, unit_d.astype(dtype), self.how.tolerance, unit)
        most, residual = found.iterations.max(initial=0), found.residual.real.max(initial=0)
        self.how.history.append(Adjoints(len(loud), int(most), float(residual), transposed.evaluations))
        if not found.converged.all():
            ends = np.cumsum(active)

            def place(row: int) -> str:
                t = int(np.searchsorted(ends, loud[row], "right"))
                return f"step {t} of sequence {loud[row] - ends[t] + active[t]}"

            def radius(row: int) -> float:
                return transposed.radius(int(loud[row]))

            how = self.how
            how.on_failure(settling_error("adjoints", how.adjoint, how.tolerance, found, place, radius))
        a = d.astype(dtype)
        a[loud] = found.z * scale
        return a


@dataclass(frozen=True)
class _Rest:
    """What is kept of a fixed point: the packed inputs and states, (N, F) and (N, S)."""

    active: Array
    x: Array
    z: Array
    evaluations: int

    @property
    def repeated(self) -> int:
        """Evaluations beyond one a step and sequence."""
        return self.evaluations - int(self.active.sum())


class _Transposed:
    """a -> J'a at fixed points z (N, S)."""

    def __init__(self, cell: Cell, weights: Weights, z: Array, x: Array, residuals: object) -> None:
        self.cell, self.weights, self.z, self.x, self.residuals = cell, weights, z, x, residuals
        self.evaluations = 0

    def __call__(self, rows: Array, a: Array) -> Array:
        """For the rows (R,), a being (R, S)."""
        self.evaluations += len(rows)
        residuals = map_nested(lambda r: r[rows], self.residuals)
        return self.cell.step_vjp(self.weights, self.z[rows], self.x[rows], residuals, a)[0]

    def radius(self, row: int) -> float:
        """The spectral radius of J at one of them."""
        return radius_at(self.cell, self.weights, self.z[row], self.x[row])


def _untouched(active: Array, d_state: State) -> State:
    """The error by the states before: only of sequences without a step, which end in what they began with."""
    if d_state is None:
        return None
    return np.where(np.arange(len(d_state))[:, None] < active.max(initial=0), 0, d_state)


def _last_rows(active: Array, batch_size: int) -> Array:
    """Where each sequence's last step lies among the packed ones; sequences without a step are left out."""
    starts = np.cumsum(active) - active
    lengths = (active[:, None] > np.arange(batch_size)).sum(axis=0)
    here = np.flatnonzero(lengths > 0)
    return starts[lengths[here] - 1] + here
