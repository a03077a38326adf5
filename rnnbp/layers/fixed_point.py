"""The fixed-point layer: a cell iterated on a constant input until its state converges."""

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from rnnbp.cells import Cell
from rnnbp.cells.base import Array, Weights, check_cell, zero_state
from rnnbp.core import Parameters
from rnnbp.kernels.packing import pack, unpack
from rnnbp.layers.base import Evaluate, Residuals, Run, State
from rnnbp.layers.fixed_point_iterations import (
    FixedPointResiduals,
    JointSolve,
    RecordedStepFunction,
    StepFunction,
    backward_through_iterations,
)
from rnnbp.layers.one_cell import OneCellLayer
from rnnbp.runtime import flag, refuses_by_name
from rnnbp.solvers import (
    Iteration,
    OnFailure,
    Raise,
    Solution,
    Solver,
    Tolerance,
    convergence_error,
    imaginary_scale,
)
from rnnbp.solvers.contraction import spectral_radius


@dataclass(frozen=True)
class FixedPointSolution:
    """Fixed points of a `FixedPoint` layer, with the statistics of the solver.

    Attributes
    ----------
    state : ndarray (T, B, S)
        The fixed points; zero past a sequence's end, like the statistics.
    iterations : ndarray (T, B)
        Number of updates of each state.
    residual : ndarray (T, B)
        ``max |f(z) - z|`` at the returned states.
    converged : ndarray (T, B)
        Whether the tolerance was met; False past a sequence's end.
    last : ndarray (B, S)
        Each sequence's last fixed point; the initial state of a sequence without steps.
    evaluations : int
        Number of cell steps computed, summed over sequences.
    """

    state: Array
    iterations: Array
    residual: Array
    converged: Array
    last: Array
    evaluations: int


@dataclass(frozen=True)
class FixedPoint(OneCellLayer):
    """Fixed-point layer (deep equilibrium layer): the fixed point z = f(z, x) of a cell's step, (T, B, F) -> (T, B, O).

    A static input is a sequence of one step. In a longer sequence every step has a fixed point of its own; all of them
    are solved together, and each is iterated only until it converges. With `warm_start` they are solved one after the
    other, each starting from the fixed point of the step before. `solve` returns the fixed points with the statistics
    of the solver.

    BPTT backpropagates through the iterations, all of which `forward` stores; this needs a solver with a `rate`
    (`Iteration`, `Damped`, `Relaxation`). `RecurrentBackprop` needs the fixed point only; for declared cells and the
    solvers of this package its iterations are compiled if Numba is installed, and so are those of `solve`.

    Fixed points and gradients are exact up to the tolerances of their solvers. `rnnbp.check_gradient`, whose complex
    step iterates until the derivative has converged too, agrees to 1e-12 with ``Tolerance(1e-15, 1e-15)``, not with the
    default, whose fixed points are exact to about 1e-5.

    Parameters
    ----------
    cell : Cell
    solver : Solver, default Iteration()
        `Iteration`, `Damped`, `Relaxation`, `Anderson`, `Broyden` or `Newton`.
    tolerance : Tolerance, default Tolerance()
    warm_start : bool, default False
        Whether each step starts from the fixed point of the step before, instead of zeros. The layer's state is then
        the last fixed point (B, S).
    on_failure : OnFailure, default Raise()
        What to do where a state has not converged: `Raise`, `Warn` or `Accept`.

    Raises
    ------
    ValueError
        If an argument is of another type, or the solver is for linear equations only.
    ConvergenceError
        When run, if a state does not converge and `on_failure` is `Raise()`.

    References
    ----------
    L. B. Almeida (1987), "A learning rule for asynchronous perceptrons with feedback in a combinatorial
    environment", Proc. IEEE First International Conference on Neural Networks, vol. 2, 609-618. F. J. Pineda
    (1987), "Generalization of back-propagation to recurrent neural networks", Physical Review Letters 59(19),
    2229-2232, doi:10.1103/PhysRevLett.59.2229. S. Bai, J. Z. Kolter & V. Koltun (2019), "Deep equilibrium
    models", NeurIPS 32, arXiv:1909.01377

    Examples
    --------
    >>> from rnnbp.cells import ElmanCell
    >>> layer = FixedPoint(ElmanCell(1, 1))
    >>> params = Parameters(layer.shapes(), dtype=np.float64)
    >>> params["w_ih"], params["w_hh"] = 1, 0.5
    >>> found = layer.solve(params, np.ones((1, 1, 1)))
    >>> found.state.round(4), found.iterations
    (array([[[0.8952]]]), array([[6]]))
    >>> bool(np.isclose(found.state, np.tanh(1 + 0.5 * found.state), atol=1e-5))
    True
    """

    solver: Solver = field(default_factory=Iteration)
    tolerance: Tolerance = field(default_factory=Tolerance)
    warm_start: bool = False
    on_failure: OnFailure = field(default_factory=Raise)

    def __post_init__(self) -> None:
        check_cell("cell", self.cell)
        check_solver_arguments(self, solver=Solver, tolerance=Tolerance, on_failure=OnFailure)
        flag("warm_start", self.warm_start)
        if self.solver.linear:
            raise ValueError(f"solver must be one for nonlinear equations, got {self.solver}: Newton(), say")

    @refuses_by_name
    def solve(
        self, params: Parameters, x: Array, lengths: ArrayLike | None = None, start: Array | None = None
    ) -> FixedPointSolution:
        """Return the fixed points with the statistics of the solver.

        Parameters
        ----------
        params : Parameters
            Of this layer: ``model.scopes(model.params)[0]`` for the first layer of a model.
        x : ndarray (T, B, F)
        lengths : array_like (B,), optional
            In descending order. Default: T for all.
        start : ndarray (B, S), optional
            Initial state of every step, with `warm_start` of the first step. Default: zeros.

        Returns
        -------
        FixedPointSolution

        Raises
        ------
        ConvergenceError
            If a state does not converge and `on_failure` is `Raise()`.
        """
        T, B = x.shape[:2]
        active = Run(np.full(B, T) if lengths is None else np.asarray(lengths)).active(T)
        solves, last = self._solve(params, x, active, start, StepFunction)
        return FixedPointSolution(
            unpack(_concatenate([s.solution.z for s in solves]), active, B),
            unpack(_concatenate([s.solution.iterations for s in solves]), active, B),
            unpack(_concatenate([s.solution.residual for s in solves]), active, B),
            unpack(_concatenate([s.solution.converged for s in solves]), active, B),
            last,
            sum(s.function.evaluations for s in solves),
        )

    def forward(self, params: Parameters, x: Array, run: Run, state: State = None) -> tuple[Array, Residuals, State]:
        return self._forward(params, x, run, state, StepFunction if self.solver.rate is None else RecordedStepFunction)

    def prepare(self, params: Parameters) -> Evaluate:
        """Return the forward pass without storing the iterations; compiled, it is `forward` to rounding."""

        def evaluate(x: Array, run: Run, state: State) -> tuple[Array, State]:
            y, _, after = self._forward(params, x, run, state, StepFunction)
            return y, after

        return evaluate

    def _forward(
        self, params: Parameters, x: Array, run: Run, state: State, function: type[StepFunction]
    ) -> tuple[Array, Residuals, State]:
        active = run.active(len(x))
        solves, last = self._solve(params, x, active, state if self.warm_start else None, function)
        z = unpack(_concatenate([s.solution.z for s in solves]), active, x.shape[1])
        residuals = FixedPointResiduals(active, solves)
        return z[:, :, : self.cell.output_size], residuals, last if self.warm_start else None

    def backward(
        self, params: Parameters, residuals: Residuals, dy: Array, grad: Parameters, d_state: State = None
    ) -> tuple[Array, State]:
        if self.solver.rate is None:
            raise ValueError(
                f"backpropagation through the iterations of {self.solver} is not defined: use RecurrentBackprop(), or "
                "a solver with a fixed rate: Iteration(), Damped() or Relaxation()"
            )
        weights, B = dict(params.items()), dy.shape[1]
        d_z = state_cotangent(self.cell, pack(dy, residuals.active))
        d_last = zero_state(self.cell, B, d_z.dtype) if d_state is None else d_state.copy()
        d_x = []
        for s in reversed(residuals.solves):
            d = d_z[s.packed] + d_last[s.sequences] if self.warm_start else d_z[s.packed]
            d, d_input = backward_through_iterations(self.cell, weights, s, self.solver.rate, d, grad)
            d_x.append(d_input)
            if self.warm_start:
                d_last[s.sequences] = d
        return unpack(_concatenate(d_x[::-1]), residuals.active, B), d_last if self.warm_start else None

    def _solve(
        self, params: Parameters, x: Array, active: Array, start: Array | None, function: type[StepFunction]
    ) -> tuple[list[JointSolve], Array]:
        """Solve all steps together; with a warm start, one step after the other."""
        weights, dtype = dict(params.items()), np.result_type(params.vector, x)
        last = zero_state(self.cell, x.shape[1], dtype) if start is None else start.astype(dtype)
        inputs = pack(x, active).astype(dtype, copy=False)
        scale = imaginary_scale(params.vector, x, last)
        rows = np.concatenate([np.arange(n) for n in active]) if len(active) else np.arange(0)
        ends = np.cumsum(active)
        cuts = [0, *ends.tolist()] if self.warm_start else [0, len(inputs)]
        solves: list[JointSolve] = []
        for lo, hi in pairwise(cuts):
            here = slice(lo, hi)
            f = function(self.cell, weights, inputs[here])
            solution = f.solve(self.solver, last[rows[here]], self.tolerance, scale)
            solves.append(JointSolve(here, rows[here], solution, f))
            self._check(solution, weights, inputs[here], rows[here], np.searchsorted(ends, np.arange(lo, hi), "right"))
            if self.warm_start:
                last[rows[here]] = solution.z
        if not self.warm_start:
            last[rows] = solves[0].solution.z  # later steps overwrite earlier ones
        return solves, last

    def _check(self, solution: Solution, weights: Weights, x: Array, sequences: Array, steps: Array) -> None:
        """Call `on_failure` if a row has not converged."""
        if solution.converged.all():
            return

        def place(row: int) -> str:
            return f"step {steps[row]} of sequence {sequences[row]}"

        def radius(row: int) -> float:
            return spectral_radius_at(self.cell, weights, solution.z[row], x[row])

        self.on_failure(convergence_error("fixed points", self.solver, self.tolerance, solution, place, radius))


def spectral_radius_at(cell: Cell, weights: Weights, state: Array, x: Array) -> float:
    """Return the spectral radius of the step's Jacobian at the real part of one state (S,) and input (F,)."""
    real = {name: w.real for name, w in weights.items()}
    with np.errstate(over="ignore", invalid="ignore"):
        return float(spectral_radius(cell, real, state.real, x.real))


def state_cotangent(cell: Cell, dy: Array) -> Array:
    """Return the cotangent of the state (N, S) for the cotangent of the cell's output (N, O), its first O entries."""
    d = np.zeros((len(dy), cell.state_size), dy.dtype)
    d[:, : cell.output_size] = dy
    return d


def check_solver_arguments(algorithm: object, **types: type) -> None:
    """Raise unless the attributes of these names are instances of the given types.

    Raises
    ------
    ValueError
        Naming the attribute.
    """
    for name, required in types.items():
        value = getattr(algorithm, name)
        if not isinstance(value, required):
            raise ValueError(f"{name} must be a rnnbp {required.__name__}, got {value!r}")


def _concatenate(arrays: list[Array]) -> Array:
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)
