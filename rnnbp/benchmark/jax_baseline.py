"""JAX baseline: the cell in `lax.scan`, compiled as a whole.

Its thread pool cannot be resized once JAX runs.
"""

from typing import Any

import numpy as np

from rnnbp.benchmark.workloads import GATES, Library, Passes, Sequences

CELLS = ("rnn", "lstm", "gru")


class Jax(Library):
    """JAX (optional)."""

    name = "jax"
    limited = False

    def __init__(self) -> None:
        import jax

        self.jax = jax

    def use_threads(self, threads: int) -> None:
        pass  # see `limited`

    def sequences(self, work: Sequences) -> Passes:
        if work.cell not in CELLS:
            return {}
        jax, rng, H = self.jax, np.random.default_rng(0), work.hidden
        rows = GATES[work.cell] * H

        def array(*shape: int) -> Any:
            return jax.numpy.asarray(rng.standard_normal(shape, dtype=np.float32) / np.sqrt(H))

        params = {"w_ih": array(rows, work.inputs), "w_hh": array(rows, H), "b_ih": array(rows), "b_hh": array(rows)}
        x, dy = array(work.steps, work.batch, work.inputs), array(work.steps, work.batch, H)

        def outputs(params: Any) -> Any:
            from_x = x @ params["w_ih"].T + params["b_ih"]
            zeros = jax.numpy.zeros((work.batch, H))
            return jax.lax.scan(lambda state, a: self._step(work.cell, params, state, a), (zeros, zeros), from_x)[1]

        forward = jax.jit(outputs)
        training = jax.jit(jax.grad(lambda params: (outputs(params) * dy).sum()))
        return {
            "forward": lambda: jax.block_until_ready(forward(params)),
            "training": lambda: jax.block_until_ready(training(params)),
        }

    def _step(self, cell: str, params: Any, state: Any, from_x: Any) -> tuple[Any, Any]:
        np_, sigmoid, (h, c) = self.jax.numpy, self.jax.nn.sigmoid, state
        from_h = h @ params["w_hh"].T + params["b_hh"]
        if cell == "rnn":
            h = np_.tanh(from_x + from_h)
        elif cell == "lstm":
            i, f, g, o = np_.split(from_x + from_h, 4, axis=1)
            c = sigmoid(f) * c + sigmoid(i) * np_.tanh(g)
            h = sigmoid(o) * np_.tanh(c)
        else:
            (xr, xz, xn), (hr, hz, hn) = np_.split(from_x, 3, axis=1), np_.split(from_h, 3, axis=1)
            z = sigmoid(xz + hz)
            h = (1 - z) * np_.tanh(xn + sigmoid(xr + hr) * hn) + z * h
        return (h, c), h
