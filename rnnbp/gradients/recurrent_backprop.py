"""Recurrent backpropagation (Almeida-Pineda): the gradient at a fixed point by its adjoint equation."""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from rnnbp.cells import Cell
from rnnbp.cells.base import Array, Weights
from rnnbp.core import Parameters
from rnnbp.data import SequenceBatch
from rnnbp.gradients.adjoint_function import AdjointFunction
from rnnbp.gradients.base import Gradient, GradientAlgorithm, whole_gradient
from rnnbp.gradients.history import History
from rnnbp.kernels.packing import pack, unpack
from rnnbp.layers import FixedPoint, Layer, Run
from rnnbp.layers.base import Residuals, Shape, State
from rnnbp.layers.constant_input import Rows, TransposedJacobian, transposed_jacobian
from rnnbp.layers.fixed_point import check_solver_arguments, spectral_radius_at, state_cotangent
from rnnbp.losses import Loss
from rnnbp.models import Sequential
from rnnbp.solvers import OnFailure, Raise, Relaxation, Solver, Tolerance, convergence_error, imaginary_scale


@dataclass(frozen=True)
class Adjoints:
    """Convergence statistics of the adjoint equations in one backward pass through a `FixedPoint` layer.

    Attributes
    ----------
    count : int
        Number of fixed points with a nonzero cotangent.
    iterations : int
        The largest number of iterations among them.
    residual : float
        The largest residual, each relative to the largest entry of its cotangent; NaN if not measured (`Neumann`).
    evaluations : int
        Products with the transposed Jacobian, summed over all of them.
    """

    count: int
    iterations: int
    residual: float
    evaluations: int


@dataclass(frozen=True)
class RecurrentBackprop(GradientAlgorithm):
    """Compute the gradient of the mean loss by recurrent backpropagation (Almeida-Pineda).

    It differentiates fixed points z = f(z, x) implicitly.

    With J = df/dz at the fixed point and d = dL/dz, the adjoint a solves a = J'a + d; then dL/dp = (df/dp)'a. It does
    not backpropagate through the iterations: the memory is that of one step, whatever their number. The gradient is
    that of the fixed point itself, exact if fixed point and adjoint are, and independent of the initial state. Layers
    other than `FixedPoint` are differentiated as by BPTT.

    Parameters
    ----------
    adjoint : Solver, default Relaxation()
        The solver of the adjoint equation: `Relaxation` is that of Almeida and Pineda; `Direct` and `GMRES` solve it
        even where the iteration diverges; `Iteration`, `Damped`, `Anderson`, `Broyden` and `Newton` solve it as they
        solve for fixed points; ``Neumann(terms=k)`` gives the phantom gradient, which is not exact, and with one term
        the Jacobian-free gradient.
    tolerance : Tolerance, default Tolerance()
        Of the adjoint. The cotangent d of each row is scaled to a largest entry of 1, so that a small one is solved to
        the same relative accuracy as a large one.
    on_failure : OnFailure, default Raise()
        What to do if an adjoint does not meet the tolerance: `Raise`, `Warn` or `Accept`.

    Attributes
    ----------
    history : History of Adjoints
        The statistics of each backward pass through a `FixedPoint` layer, oldest first, failures included. The last
        1000 are stored; ``history.total`` counts all.

    Raises
    ------
    ValueError
        If an argument is of another type; when used, if the model has no `FixedPoint` layer.
    ConvergenceError
        When used, if a fixed point or an adjoint does not converge and `on_failure` is `Raise()`.

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
        check_solver_arguments(self, adjoint=Solver, tolerance=Tolerance, on_failure=OnFailure)

    def gradients(
        self,
        model: Sequential,
        batch: SequenceBatch,
        loss: Loss,
        state: Sequence[State] | None = None,
        rng: np.random.Generator | None = None,
    ) -> Iterator[Gradient]:
        yield whole_gradient(self.implicit(model), batch, loss, state, rng)

    def implicit(self, model: Sequential) -> Sequential:
        """Return the model over the same parameters, with each `FixedPoint` layer wrapped in an `Implicit` layer.

        Raises
        ------
        ValueError
            If the model has no `FixedPoint` layer.
        """
        if not any(isinstance(layer, FixedPoint) for layer in model.layers):
            raise ValueError(
                "RecurrentBackprop takes a model with a FixedPoint layer, got "
                f"{model}: use BPTT() for networks that run over time"
            )
        other = copy.copy(model)
        other.layers = tuple(
            Implicit(layer, self) if isinstance(layer, FixedPoint) else layer for layer in model.layers
        )
        return other


@dataclass(frozen=True)
class Implicit(Layer):
    """A `FixedPoint` layer whose backward pass solves the adjoint equation (implicit differentiation).

    Parameters
    ----------
    layer : FixedPoint
    algorithm : RecurrentBackprop
        With the solver of the adjoint, its tolerance and the history of its statistics.
    """

    layer: FixedPoint
    algorithm: RecurrentBackprop

    recurrent = True

    def shapes(self) -> dict[str, tuple[int, ...]]:
        return self.layer.shapes()

    def initialize(self, params: Parameters, rng: np.random.Generator) -> None:
        self.layer.initialize(params, rng)

    def out_shape(self, shape: Shape) -> Shape:
        return self.layer.out_shape(shape)

    def forward(self, params: Parameters, x: Array, run: Run, state: State = None) -> tuple[Array, Residuals, State]:
        warm = self.layer.warm_start
        found = self.layer.solve(params, x, run.lengths, state if warm else None)
        active = run.active(len(x))
        residuals = ImplicitResiduals(active, pack(x, active), pack(found.state, active), found.evaluations)
        return found.state[:, :, : self.layer.cell.output_size], residuals, found.last if warm else None

    def backward(
        self, params: Parameters, residuals: Residuals, dy: Array, grad: Parameters, d_state: State = None
    ) -> tuple[Array, State]:
        cell, weights = self.layer.cell, dict(params.items())
        active, x, z = residuals.active, residuals.x, residuals.z
        d = state_cotangent(cell, pack(dy, active))
        if d_state is not None:
            d[_last_rows(active, dy.shape[1])] += d_state[: active.max(initial=0)]
        _, cell_residuals = cell.step(weights, z, x)
        jacobians = _Jacobians(cell, weights, z, x, cell_residuals)
        a = self._adjoint(jacobians, d, imaginary_scale(params.vector, z, x), active)
        _, d_x, delta = cell.step_vjp(weights, z, x, cell_residuals, a)
        cell.param_vjp(z, x, cell_residuals, delta, grad)
        return unpack(d_x, active, dy.shape[1]), _initial_state_cotangent(active, d_state)

    def _adjoint(self, jacobians: "_Jacobians", d: Array, imaginary: float, active: Array) -> Array:
        """Solve a = J'a + d, row by row; rows of d that are 0 or not finite are returned unchanged."""
        size = np.abs(d.real).max(axis=-1, initial=0.0)
        nonzero = np.flatnonzero((size > 0) & np.isfinite(d).all(axis=-1))
        scale = size[nonzero, None]
        scaled = d[nonzero] / scale
        function = AdjointFunction(jacobians.transposed(nonzero), scaled)
        dtype = np.result_type(d, jacobians.z)
        algorithm = self.algorithm
        found = function.solve(algorithm.adjoint, scaled.astype(dtype), algorithm.tolerance, imaginary)
        iterations, residual = found.iterations.max(initial=0), found.residual.real.max(initial=0)
        algorithm.history.append(Adjoints(len(nonzero), int(iterations), float(residual), function.evaluations))
        if not found.converged.all():
            ends = np.cumsum(active)

            def place(row: int) -> str:
                t = int(np.searchsorted(ends, nonzero[row], "right"))
                return f"step {t} of sequence {nonzero[row] - ends[t] + active[t]}"

            def radius(row: int) -> float:
                return jacobians.spectral_radius(int(nonzero[row]))

            error = convergence_error("adjoints", algorithm.adjoint, algorithm.tolerance, found, place, radius)
            algorithm.on_failure(error)
        a = d.astype(dtype)
        a[nonzero] = found.z * scale
        return a


@dataclass(frozen=True)
class ImplicitResiduals:
    """Residuals of an `Implicit` layer: the packed inputs (N, F) and fixed points (N, S)."""

    active: Array
    x: Array
    z: Array
    evaluations: int

    @property
    def repeated(self) -> int:
        """Number of cell steps computed beyond one for each step and sequence."""
        return self.evaluations - int(self.active.sum())


@dataclass(frozen=True)
class _Jacobians:
    """The Jacobians J of a cell's step at fixed points z (N, S)."""

    cell: Cell
    weights: Weights
    z: Array
    x: Array
    residuals: Residuals

    def transposed(self, points: Array) -> TransposedJacobian:
        """Return the function a -> J'a at some of the fixed points."""
        z, x, residuals = Rows((self.z, self.x, self.residuals))(points)
        return transposed_jacobian(self.cell, self.weights, z, x, residuals)

    def spectral_radius(self, row: int) -> float:
        """Return the spectral radius of J at one fixed point."""
        return spectral_radius_at(self.cell, self.weights, self.z[row], self.x[row])


def _initial_state_cotangent(active: Array, d_state: State) -> State:
    """Return the cotangent of the initial states: 0, as fixed points do not depend on them.

    Of a sequence without steps the final state is the initial one, so that its cotangent is unchanged.
    """
    if d_state is None:
        return None
    return np.where(np.arange(len(d_state))[:, None] < active.max(initial=0), 0, d_state)


def _last_rows(active: Array, batch_size: int) -> Array:
    """Return the packed row of each sequence's last step, without sequences that have no step."""
    starts = np.cumsum(active) - active
    lengths = (active[:, None] > np.arange(batch_size)).sum(axis=0)
    here = np.flatnonzero(lengths > 0)
    return starts[lengths[here] - 1] + here
