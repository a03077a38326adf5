"""A cell that runs until it settles."""

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from rnnbp._checks import flag
from rnnbp.cells.base import Array, Cell, Weights, check_cell, zero_state
from rnnbp.contraction import spectral_radius
from rnnbp.kernels.packing import pack, unpack
from rnnbp.layers.base import Layer, Run, Shape, State, Tape, in_time
from rnnbp.layers.settling import KeptStep, Round, Step, back_through
from rnnbp.params import Parameters
from rnnbp.solvers import (
    Iteration,
    OnFailure,
    Raise,
    Solution,
    Solver,
    Tolerance,
    imaginary_unit,
    settling_error,
    solve,
)


@dataclass(frozen=True)
class Settled:
    """Where a `FixedPoint` layer came to rest, and how.

    Attributes
    ----------
    state : ndarray (T, B, S)
        The fixed points; zero past a sequence's end, as the statistics are.
    iterations : ndarray (T, B)
        How often each state was moved.
    residual : ndarray (T, B)
        max |f(z) - z| at the states returned.
    converged : ndarray (T, B)
        Whether the tolerance was met; False past a sequence's end.
    last : ndarray (B, S)
        Each sequence's last fixed point; where it has no step, what it started from.
    evaluations : int
        Steps of the cell that were computed, over all sequences.
    """

    state: Array
    iterations: Array
    residual: Array
    converged: Array
    last: Array
    evaluations: int


@dataclass(frozen=True)
class FixedPoint(Layer):
    """Each input is held still and the cell's step repeated until its state z no longer changes, z = f(z, x):
    (T, B, F) -> (T, B, O).

    A static input is a sequence of one step. Of a longer one every step settles by itself, a sequence of
    fixed points; all of them are computed together, each only as long as it has not settled. With `warm_start`
    they come one after the other, each beginning where the last one came to rest. `settle` returns the
    statistics.

    BPTT goes back through the iterations, all of which `forward` keeps for it; that needs a solver with a
    `rate` (`Iteration`, `Damped`, `Relaxation`). `RecurrentBackprop` needs the fixed point alone, and `settle`
    keeps nothing.

    Parameters
    ----------
    cell : Cell
    solver : Solver, default Iteration()
        `Iteration`, `Damped`, `Relaxation`, `Anderson`, `Broyden` or `Newton`.
    tolerance : Tolerance, default Tolerance()
    warm_start : bool, default False
    on_failure : OnFailure, default Raise()
        Called with the `SettlingError` where a state has not settled: `Raise`, `Warn` or `Accept`.

    Raises
    ------
    ValueError
        If an argument is not of its kind, or the solver is for linear equations only.
    SettlingError
        When run, where a state does not settle.

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
    >>> settled = layer.settle(params, np.ones((1, 1, 1)))
    >>> settled.state.round(4), settled.iterations
    (array([[[0.8952]]]), array([[6]]))
    >>> bool(np.isclose(settled.state, np.tanh(1 + 0.5 * settled.state), atol=1e-5))
    True
    """

    cell: Cell
    solver: Solver = field(default_factory=Iteration)
    tolerance: Tolerance = field(default_factory=Tolerance)
    warm_start: bool = False
    on_failure: OnFailure = field(default_factory=Raise)

    recurrent = True

    def __post_init__(self) -> None:
        check_cell("cell", self.cell)
        kinds = (("solver", Solver), ("tolerance", Tolerance), ("on_failure", OnFailure))
        for name, kind in kinds:
            if not isinstance(getattr(self, name), kind):
                raise ValueError(f"{name} must be a rnnbp {kind.__name__}, got {getattr(self, name)!r}")
        flag("warm_start", self.warm_start)
        if self.solver.linear:
            raise ValueError(f"solver must be one for nonlinear equations, got {self.solver}: Newton(), say")

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The cell's."""
        return self.cell.shapes()

    def initialize(self, params: Parameters, rng: np.random.Generator) -> None:
        """The cell's way."""
        self.cell.initialize(params, rng)

    def out_shape(self, shape: Shape) -> Shape:
        """(T, B, F) -> (T, B, O)."""
        in_time(self, shape, self.cell.input_size)
        return (*shape[:2], self.cell.output_size)

    def settle(
        self, params: Parameters, x: Array, lengths: ArrayLike | None = None, start: Array | None = None
    ) -> Settled:
        """The fixed points, and how they were found.

        Parameters
        ----------
        params : Parameters
            The layer's own: ``model.scopes(model.params)[0]`` of a model's first layer.
        x : ndarray (T, B, F)
        lengths : array_like (B,), optional
            Longest first. Default: T for all.
        start : ndarray (B, S), optional
            Where every step begins, or only the first with `warm_start`. Default: zeros.

        Returns
        -------
        Settled

        Raises
        ------
        SettlingError
            Where a state does not settle, unless `on_failure` lets it pass.
        """
        T, B = x.shape[:2]
        active = Run(np.full(B, T) if lengths is None else np.asarray(lengths)).active(T)
        rounds, last = self._rounds(params, x, active, start, Step)
        iterations = unpack(_joined([r.solution.iterations for r in rounds]), active, B)
        return Settled(
            unpack(_joined([r.solution.z for r in rounds]), active, B),
            iterations,
            unpack(_joined([r.solution.residual for r in rounds]), active, B),
            unpack(_joined([r.solution.converged for r in rounds]), active, B),
            last,
            sum(r.step.evaluations for r in rounds),
        )

    def forward(self, params: Parameters, x: Array, run: Run, state: State = None) -> tuple[Array, Tape, State]:
        """The state is the last fixed point (B, S) with `warm_start`, else None."""
        active = run.active(len(x))
        keep = Step if self.solver.rate is None else KeptStep
        rounds, last = self._rounds(params, x, active, state if self.warm_start else None, keep)
        z = unpack(_joined([r.solution.z for r in rounds]), active, x.shape[1])
        tape = SettlingTape(active, rounds)
        return z[:, :, : self.cell.output_size], tape, last if self.warm_start else None

    def backward(
        self, params: Parameters, tape: Tape, dy: Array, grad: Parameters, d_state: State = None
    ) -> tuple[Array, State]:
        """Back through every iteration."""
        if self.solver.rate is None:
            raise ValueError(
                f"the way back through the iterations of {self.solver} is not known: use RecurrentBackprop(), or "
                "a solver that goes a fixed share of the way: Iteration(), Damped() or Relaxation()"
            )
        weights, B = dict(params.items()), dy.shape[1]
        d_z = shown_error(self.cell, pack(dy, tape.active))
        d_last = zero_state(self.cell, B, d_z.dtype) if d_state is None else d_state.copy()
        d_x = []
        for r in reversed(tape.rounds):
            here = r.batch_rows
            d = d_z[r.here] + d_last[here] if self.warm_start else d_z[r.here]
            d, d_input = back_through(self.cell, weights, r, self.solver.rate, d, grad)
            d_x.append(d_input)
            if self.warm_start:
                d_last[here] = d
        return unpack(_joined(d_x[::-1]), tape.active, B), d_last if self.warm_start else None

    def _rounds(
        self, params: Parameters, x: Array, active: Array, start: Array | None, step: type[Step]
    ) -> tuple[list[Round], Array]:
        """Settle all steps at once, or one after the other with a warm start."""
        weights, dtype = dict(params.items()), np.result_type(params.vector, x)
        last = zero_state(self.cell, x.shape[1], dtype) if start is None else start.astype(dtype)
        inputs = pack(x, active).astype(dtype, copy=False)
        unit = imaginary_unit(params.vector, x, last)
        rows = np.concatenate([np.arange(n) for n in active]) if len(active) else np.arange(0)
        ends = np.cumsum(active)
        cuts = [0, *ends.tolist()] if self.warm_start else [0, len(inputs)]
        rounds: list[Round] = []
        for lo, hi in pairwise(cuts):
            here = slice(lo, hi)
            f = step(self.cell, weights, inputs[here])
            solution = solve(self.solver, f, last[rows[here]], self.tolerance, unit)
            rounds.append(Round(here, rows[here], solution, f))
            self._check(solution, weights, inputs[here], rows[here], np.searchsorted(ends, np.arange(lo, hi), "right"))
            if self.warm_start:
                last[rows[here]] = solution.z
        if not self.warm_start:
            last[rows] = rounds[0].solution.z  # later steps lie behind earlier ones
        return rounds, last

    def _check(self, solution: Solution, weights: Weights, x: Array, sequences: Array, steps: Array) -> None:
        """Tell `on_failure` where something has not settled."""
        if solution.converged.all():
            return

        def place(row: int) -> str:
            return f"step {steps[row]} of sequence {sequences[row]}"

        def radius(row: int) -> float:
            return radius_at(self.cell, weights, solution.z[row], x[row])

        self.on_failure(settling_error("fixed points", self.solver, self.tolerance, solution, place, radius))


@dataclass(frozen=True)
class SettlingTape:
    """What the way back through the iterations needs.

    Attributes
    ----------
    active : ndarray (T,)
        How many sequences run at each step.
    rounds : list of Round
        What settled together.
    """

    active: Array
    rounds: list[Round]

    @property
    def repeated(self) -> int:
        """Evaluations beyond one a step and sequence."""
        return sum(r.step.evaluations for r in self.rounds) - int(self.active.sum())


def radius_at(cell: Cell, weights: Weights, state: Array, x: Array) -> float:
    """The spectral radius at one state, real parts only."""
    real = {name: w.real for name, w in weights.items()}
    with np.errstate(over="ignore", invalid="ignore"):
        return float(spectral_radius(cell, real, state.real, x.real))


def shown_error(cell: Cell, dy: Array) -> Array:
    """The error by what a cell shows, (N, O), as one by its whole state, (N, S)."""
    d = np.zeros((len(dy), cell.state_size), dy.dtype)
    d[:, : cell.output_size] = dy
    return d


def _joined(parts: list[Array]) -> Array:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)
