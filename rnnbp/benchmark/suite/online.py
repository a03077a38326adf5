"""Online algorithms: RTRL beside its plain form in JAX, and the approximate algorithms."""

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

import numpy as np

from rnnbp import kernels
from rnnbp.benchmark.suite.base import Contest
from rnnbp.core import Parameters
from rnnbp.data import SequenceBatch
from rnnbp.gradients import KFRTRL, RFLO, RTRL, UORO, EProp, GradientAlgorithm, SnAp
from rnnbp.layers import GRU, LSTM, Dense, Elman, Layer
from rnnbp.losses import CrossEntropy
from rnnbp.models import Sequential

F, STEPS = 12, 100
LAYERS: dict[str, Callable[[int, int], Layer]] = {"Elman": Elman, "GRU": GRU, "LSTM": LSTM}
SIZES = (16, 32, 64, 128)
MOST_BYTES = 1.3e9 / 4  # of an influence matrix, of which JAX holds several
MOST_FLOPS = 1e10  # of a run: fewer steps are run of large networks
APPROXIMATE: tuple[GradientAlgorithm, ...] = (SnAp(1), UORO(), KFRTRL(), EProp(), RFLO())


def contests() -> Iterator[Contest]:
    """Yield the contests of this section; each time is that of one step."""
    for name in LAYERS:
        for B in (1, 16):
            for H in SIZES:
                yield _rtrl(name, B, H)
    for H in SIZES:
        model, batch = _problem("Elman", 1, H, STEPS)
        runs = {f"rnnbp {type(one).__name__}": _run(one, model, batch) for one in APPROXIMATE}
        yield Contest(f"approximate algorithms, Elman, B 1, H {H}", runs, per=STEPS)


def _problem(name: str, batch_size: int, hidden: int, steps: int) -> tuple[Sequential, SequenceBatch]:
    x = np.random.default_rng(0).normal(size=(steps, batch_size, F)).astype(np.float32)
    model = Sequential(LAYERS[name](F, hidden), Dense(hidden, 2), seed=0)
    return model, SequenceBatch.from_array(x, targets=np.zeros((steps, batch_size), np.int64))


def _run(algorithm: GradientAlgorithm, model: Sequential, batch: SequenceBatch) -> Callable[[], object]:
    return lambda: list(algorithm.gradients(model, batch, CrossEntropy()))


def _rtrl(name: str, batch_size: int, hidden: int) -> Contest:
    """Return the contest of RTRL for one layer and size."""
    S = hidden * (2 if name == "LSTM" else 1)
    P = Parameters(LAYERS[name](F, hidden).shapes()).size
    steps = int(np.clip(MOST_FLOPS / (2.0 * batch_size * S * S * P), 4, STEPS))
    model, batch = _problem(name, batch_size, hidden, steps)

    def by_numpy() -> object:
        with kernels.using("numpy"):
            return list(RTRL().gradients(model, batch, CrossEntropy()))

    runs = {"rnnbp": _run(RTRL(), model, batch), "rnnbp, NumPy": by_numpy}
    if find_spec("jax") and 4.0 * batch_size * S * P < MOST_BYTES:
        runs["JAX"] = jax_rtrl(model, batch)
    return Contest(f"RTRL, {name}, B {batch_size}, H {hidden}, one step", runs, per=steps)


def jax_rtrl(model: Sequential, batch: SequenceBatch) -> Callable[[], Any]:
    """Return the jitted gradient of a model by the recursion M = J M + I in a scan, with J and I by `jacrev`.

    The loss and readout are those of the model, so that the gradient is the same.

    Raises
    ------
    ValueError
        If the gradient is not that of the package.
    """
    import jax
    import jax.numpy as jnp

    shapes = model.layers[0].shapes()
    P, hidden = Parameters(shapes).size, model.layers[1].input_size  # type: ignore[attr-defined]
    step = _jax_step(type(model.layers[0]).__name__, shapes)
    S = hidden * (2 if isinstance(model.layers[0], LSTM) else 1)
    of_state, of_params = jax.jacrev(step, 1), jax.jacrev(step, 0)
    total = batch.steps * batch.size

    def loss(readout: Any, state: Any) -> Any:
        logits = readout[0] @ state[:hidden] + readout[1]
        return (jax.nn.logsumexp(logits) - logits[0]) / total  # the targets are class 0

    def one_sequence(params: Any, readout: Any, xs: Any) -> Any:
        def body(carry: Any, x: Any) -> Any:
            state, M, grad, of_readout = carry
            M = of_state(params, state, x) @ M + of_params(params, state, x)
            state = step(params, state, x)
            more, signal = jax.grad(loss, (0, 1))(readout, state)
            return (state, M, grad + signal @ M, jax.tree.map(jnp.add, of_readout, more)), None

        start = jnp.zeros(S), jnp.zeros((S, P)), jnp.zeros(P), jax.tree.map(jnp.zeros_like, readout)
        (_, _, grad, of_readout), _ = jax.lax.scan(body, start, xs)
        return grad, of_readout

    def gradient(params: Any, readout: Any, x: Any) -> Any:
        found = jax.vmap(one_sequence, (None, None, 1))(params, readout, x)
        return jax.tree.map(lambda g: g.sum(0), found)

    run, x = jax.jit(gradient), jnp.asarray(batch.x)
    params = jnp.asarray(model.params.vector[:P])
    readout = jnp.asarray(model.params["1.w"]), jnp.asarray(model.params["1.b"])
    (ours,) = RTRL().gradients(model, batch, CrossEntropy())
    if not np.allclose(run(params, readout, x)[0], ours.vector[:P], rtol=1e-3, atol=1e-5):
        raise ValueError("JAX's gradient by RTRL is not that of rnnbp")
    return lambda: jax.block_until_ready(run(params, readout, x))


def _jax_step(layer: str, shapes: dict[str, tuple[int, ...]]) -> Callable[[Any, Any, Any], Any]:
    """Return the step of a layer as a function of its flat parameters, state and input."""
    import jax
    import jax.numpy as jnp

    ends = np.cumsum([int(np.prod(shape)) for shape in shapes.values()])

    def step(params: Any, state: Any, x: Any) -> Any:
        parts = jnp.split(params, ends[:-1])
        w_ih, w_hh, b_ih, b_hh = (part.reshape(shape) for part, shape in zip(parts, shapes.values(), strict=True))
        hidden = w_hh.shape[1]
        h = state[:hidden]
        a, b = w_ih @ x + b_ih, w_hh @ h + b_hh
        if layer == "Elman":
            return jnp.tanh(a + b)
        if layer == "GRU":
            (a_r, a_z, a_n), (b_r, b_z, b_n) = jnp.split(a, 3), jnp.split(b, 3)
            r, z = jax.nn.sigmoid(a_r + b_r), jax.nn.sigmoid(a_z + b_z)
            return (1 - z) * jnp.tanh(a_n + r * b_n) + z * h
        i, f, g, o = jnp.split(a + b, 4)
        c = jax.nn.sigmoid(f) * state[hidden:] + jax.nn.sigmoid(i) * jnp.tanh(g)
        return jnp.concatenate([jax.nn.sigmoid(o) * jnp.tanh(c), c])

    return step
