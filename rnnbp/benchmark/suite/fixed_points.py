"""Fixed points and the gradient through them, beside jaxopt, optimistix and torchdeq.

The task: find the fixed points of an Elman cell for a batch of inputs, from a recurrent matrix of spectral radius 0.9,
and the gradient of the cross entropy of a readout with respect to all parameters. The peers stop when the whole batch
has converged, here each sequence does: the tolerance of jaxopt and torchdeq is that of the norm over the batch, so
that the largest residuals are about the same.
"""

from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec
from typing import Any

import numpy as np

from rnnbp.benchmark.suite.base import Contest
from rnnbp.cells import ElmanCell
from rnnbp.data import SequenceBatch
from rnnbp.gradients import RecurrentBackprop
from rnnbp.kernels import using
from rnnbp.layers import Dense, FixedPoint, Last
from rnnbp.losses import CrossEntropy
from rnnbp.models import Sequential
from rnnbp.solvers import GMRES, Anderson, Broyden, Iteration, Relaxation, Solver, Tolerance

FEATURES, BATCH, CLASSES = 16, 32, 10
TOLERANCE, OF_BATCH, ITERATIONS = 1e-5, 1e-4, 200
PAIRS: tuple[tuple[Solver, Solver], ...] = (
    (Iteration(), Iteration()),
    (Iteration(), Relaxation()),
    (Iteration(), GMRES()),
    (Anderson(), Anderson()),
    (Anderson(), GMRES()),
    (Broyden(), GMRES()),
)

Array = np.ndarray
Run = Callable[[], Array]  # which returns the gradient as one vector


def contests() -> Iterator[Contest]:
    """Yield the contests of this section, each after a check that all runs find about the same gradient."""
    for hidden_size in (64, 256):
        model, batch = _task(hidden_size)
        weights = {name: np.array(value) for name, value in model.params.items()}
        peers = _jaxopt(weights, batch) | _optimistix(weights, batch, hidden_size) | _torchdeq(weights, batch)
        for solver, adjoint in PAIRS:
            names = type(solver).__name__, type(adjoint).__name__
            own = _run(model, batch, solver, adjoint)
            runs = {"rnnbp": own, "rnnbp, NumPy": _by_numpy(own)} | peers
            workload = f"fixed points, {names[0]}, adjoint {names[1]}, H {hidden_size}, B {BATCH}"
            _check_same(workload, runs)
            yield Contest(workload, runs)


def _task(hidden_size: int) -> tuple[Sequential, SequenceBatch]:
    """Return a model, whose solvers are to be replaced, and a batch of one step."""
    rng = np.random.default_rng(0)
    layer = FixedPoint(ElmanCell(FEATURES, hidden_size))
    model = Sequential(layer, Last(), Dense(hidden_size, CLASSES), seed=0)
    recurrent = rng.normal(size=(hidden_size, hidden_size))
    model.params["0.w_hh"] = 0.9 * recurrent / np.abs(np.linalg.eigvals(recurrent)).max()
    x = rng.normal(size=(1, BATCH, FEATURES)).astype(np.float32)
    return model, SequenceBatch.from_array(x, targets=rng.integers(0, CLASSES, BATCH))


def _run(model: Sequential, batch: SequenceBatch, solver: Solver, adjoint: Solver) -> Run:
    """Return this package's run with a pair of solvers."""
    tolerance, loss = Tolerance(TOLERANCE, 0, ITERATIONS), CrossEntropy()
    cell = model.layers[0].cell  # type: ignore[attr-defined]
    own = Sequential(FixedPoint(cell, solver, tolerance), *model.layers[1:])
    own.params.vector[:] = model.params.vector
    algorithm = RecurrentBackprop(adjoint, tolerance)
    return lambda: next(iter(algorithm.gradients(own, batch, loss))).vector


def _by_numpy(run: Run) -> Run:
    def by_numpy() -> Array:
        with using("numpy"):
            return run()

    return by_numpy


def _flat(gradient: Mapping[str, Any], names: Iterator[str] | Mapping[str, Any]) -> Array:
    """Return gradients by name as one vector."""
    return np.concatenate([np.asarray(gradient[name]).ravel() for name in names])


def _check_same(workload: str, runs: Mapping[str, Run]) -> None:
    """Raise unless all runs find the same gradient, to a thousandth of its largest entry."""
    (name, own), *others = [(name, run()) for name, run in runs.items()]
    for other, found in others:
        if np.abs(found - own).max() > 1e-3 * np.abs(own).max():
            raise ValueError(f"{workload}: {other} finds another gradient than {name}")


# ---- peers ------------------------------------------------------------------------------------------------------


def _jax_problem(weights: Mapping[str, Array], batch: SequenceBatch) -> Any:
    """Return parameters, the step f(z, parameters), the start, and the loss of a state, for JAX."""
    import jax
    import jax.numpy as jnp

    x, y = jnp.asarray(batch.x[0]), jnp.asarray(batch.targets)
    params = {name: jnp.asarray(value) for name, value in weights.items()}

    def step(z: Any, p: Any) -> Any:
        return jnp.tanh(z @ p["0.w_hh"].T + x @ p["0.w_ih"].T + p["0.b_ih"] + p["0.b_hh"])

    def loss(z: Any, p: Any) -> Any:
        scores = jax.nn.log_softmax(z @ p["2.w"].T + p["2.b"])
        return -jnp.take_along_axis(scores, y[:, None], 1).mean()

    return params, step, jnp.zeros((BATCH, weights["0.w_hh"].shape[0]), jnp.float32), loss


def _jaxopt(weights: Mapping[str, Array], batch: SequenceBatch) -> dict[str, Run]:
    """Return jaxopt's runs: the plain iteration with GMRES, and Anderson acceleration with its own linear solver.

    Its Broyden method takes the batch for one problem, and has not converged after 200 iterations and 0.6 s.
    """
    if not find_spec("jaxopt"):
        return {}
    import jax
    import jaxopt

    params, step, start, loss = _jax_problem(weights, batch)

    def gmres(product: Any, b: Any) -> Any:
        options = {"tol": 0, "atol": TOLERANCE, "restart": 20, "maxiter": 10, "solve_method": "incremental"}
        return jax.scipy.sparse.linalg.gmres(product, b, **options)[0]

    settings = {"maxiter": ITERATIONS, "tol": OF_BATCH, "jit": True}
    solvers = {
        "jaxopt iteration, GMRES": jaxopt.FixedPointIteration(step, **settings, implicit_diff_solve=gmres),
        "jaxopt Anderson, CG": jaxopt.AndersonAcceleration(step, **settings),
    }

    def run_of(solver: Any) -> Run:
        gradient = jax.jit(jax.grad(lambda p: loss(solver.run(start, p).params, p)))
        return lambda: _flat(gradient(params), weights)

    return {name: run_of(solver) for name, solver in solvers.items()}


def _optimistix(weights: Mapping[str, Array], batch: SequenceBatch, hidden_size: int) -> dict[str, Run]:
    """Return optimistix's run; its implicit derivative solves a dense system, which takes minutes at 256 units."""
    if hidden_size > 64 or not find_spec("optimistix"):
        return {}
    import jax
    import optimistix

    params, step, start, loss = _jax_problem(weights, batch)
    solver = optimistix.FixedPointIteration(rtol=0, atol=TOLERANCE)

    def through(p: Any) -> Any:
        return loss(optimistix.fixed_point(step, solver, start, p, max_steps=ITERATIONS).value, p)

    gradient = jax.jit(jax.grad(through))
    return {"optimistix": lambda: _flat(gradient(params), weights)}


def _torchdeq(weights: Mapping[str, Array], batch: SequenceBatch) -> dict[str, Run]:
    """Return torchdeq's runs, with the same solver forward and backward."""
    if not find_spec("torchdeq"):
        return {}
    import torch
    from torchdeq import get_deq

    p = {name: torch.tensor(value, requires_grad=True) for name, value in weights.items()}
    x, y = torch.tensor(batch.x[0]), torch.tensor(batch.targets)
    start = torch.zeros(BATCH, weights["0.w_hh"].shape[0])

    def run_of(solver: str) -> Run:
        limits: dict[str, float] = {"f_max_iter": ITERATIONS, "b_max_iter": ITERATIONS, "f_tol": OF_BATCH}
        limits["b_tol"] = OF_BATCH / BATCH  # absolute, of cotangents that are those of a mean over the batch
        network = get_deq(f_solver=solver, b_solver=solver, stop_mode="abs", ift=True, **limits)

        def run() -> Array:
            for value in p.values():
                value.grad = None
            of_input = x @ p["0.w_ih"].T + p["0.b_ih"] + p["0.b_hh"]
            found, _ = network(lambda z: torch.tanh(z @ p["0.w_hh"].T + of_input), start)
            loss: Any = torch.nn.functional.cross_entropy(found[-1] @ p["2.w"].T + p["2.b"], y)
            loss.backward()
            return _flat({name: value.grad for name, value in p.items()}, weights)

        return run

    return {f"torchdeq {solver}": run_of(solver) for solver in ("fixed_point_iter", "anderson")}
