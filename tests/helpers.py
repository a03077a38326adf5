"""Cells, comparisons and runs that several test files use."""

import inspect
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from rnnbp.cells import (
    ALIFCell,
    Cell,
    ElmanCell,
    GRUCell,
    JordanCell,
    LeakyElmanCell,
    LIFCell,
    LSTMCell,
    OriginalGRUCell,
    Stack,
)
from rnnbp.core import Parameters
from rnnbp.layers import Last, Layer, Run

# Layers that end a model: outputs at every step, or at each sequence's last one.
ENDS: dict[str, list[Layer]] = {"at every step": [], "on the last step": [Last()]}
LENGTHS = {"equal lengths": np.array([6, 6, 6]), "unequal lengths": np.array([6, 4, 1])}


@dataclass(frozen=True)
class LeakyCell:
    """A user-defined cell: h[t] = keep h[t-1] + (1 - keep) sin(W x[t] + V h[t-1] + b).

    Its residuals are a nested tuple, and its output is all units but the last.
    """

    input_size: int
    hidden_size: int

    @property
    def output_size(self) -> int:
        return self.hidden_size - 1

    @property
    def state_size(self) -> int:
        return self.hidden_size

    def shapes(self) -> dict[str, tuple[int, ...]]:
        H, F = self.hidden_size, self.input_size
        return {"w": (H, F), "v": (H, H), "b": (H,), "keep": ()}

    def initialize(self, params: Parameters, rng: np.random.Generator) -> None:
        params.vector[:] = rng.uniform(-0.5, 0.5, params.size)
        params["keep"] = 0.6

    def step(self, params: Any, state: np.ndarray, x: np.ndarray) -> Any:
        a = x @ params["w"].T + state @ params["v"].T + params["b"]
        keep = params["keep"] + np.zeros_like(a)
        return keep * state + (1 - keep) * np.sin(a), (a, (keep,))

    def step_vjp(self, params: Any, state: np.ndarray, x: np.ndarray, residuals: Any, d_next: np.ndarray) -> Any:
        a, (keep,) = residuals
        delta = d_next * (1 - keep) * np.cos(a)
        d_state = keep * d_next + delta @ params["v"]
        return d_state, delta @ params["w"], (delta, d_next * (state - np.sin(a)))

    def param_vjp(self, state: np.ndarray, x: np.ndarray, residuals: Any, delta: Any, grad: Parameters) -> None:
        at_a, at_keep = delta
        rows = at_a.reshape(-1, self.hidden_size)
        grad["w"] += rows.T @ x.reshape(-1, self.input_size)
        grad["v"] += rows.T @ state.reshape(-1, self.hidden_size)
        grad["b"] += rows.sum(axis=0)
        grad["keep"] += at_keep.sum()


# Every smooth cell of the package, and a user-defined one; all take 3 features.
CELLS: dict[str, Cell] = {
    "Elman tanh": ElmanCell(3, 4),
    "Elman relu": ElmanCell(3, 4, "relu"),
    "Elman sigmoid": ElmanCell(3, 4, "sigmoid"),
    "Elman linear": ElmanCell(3, 4, "linear"),
    "leaky Elman": LeakyElmanCell(3, 4, tau=3),
    "leaky Elman relu": LeakyElmanCell(3, 4, 2, "relu"),
    "Jordan": JordanCell(3, 4, 2),
    "Jordan with decay": JordanCell(3, 4, 2, decay=0.7),
    "Jordan sigmoid": JordanCell(3, 4, 2, decay=0.3, activation="sigmoid"),
    "LSTM": LSTMCell(3, 4),
    "GRU": GRUCell(3, 4),
    "original GRU": OriginalGRUCell(3, 4),
    "Stack LSTM > GRU": Stack((LSTMCell(3, 4), GRUCell(4, 2))),
    "Stack Jordan > Elman > original GRU": Stack((JordanCell(3, 3, 2, 0.5), ElmanCell(2, 3), OriginalGRUCell(3, 2))),
    "a user's": LeakyCell(3, 4),
}

# Spiking cells: their surrogate derivatives differ from finite differences, and their steps have no fixed point.
SPIKING: dict[str, Cell] = {
    "LIF": LIFCell(3, 4, tau=5),
    "ALIF": ALIFCell(3, 4, tau=5, tau_adaptation=10, beta=0.4),
    "Stack ALIF > leaky Elman": Stack((ALIFCell(3, 4, tau=5, threshold=0.5), LeakyElmanCell(4, 2))),
}


def relative_error(found: Any, expected: Any) -> float:
    """Return the greatest difference relative to the greatest expected entry; inf for other shapes or a NaN."""
    found, expected = np.asarray(found), np.asarray(expected)
    if found.shape != expected.shape:
        return np.inf
    scale = np.abs(expected).max(initial=0.0)
    error = np.abs(found - expected).max(initial=0.0)
    if np.isnan(error):
        return np.inf
    return float(error / scale) if scale > 0 else float(error)


def gradient_error(shapes: Parameters, found: np.ndarray, expected: np.ndarray) -> float:
    """Return the greatest `relative_error` over the parameters.

    The difference in a parameter whose gradient is below a thousandth of the greatest of all is taken relative to that
    thousandth, since such a gradient may be rounding alone.
    """
    if found.shape != expected.shape or not np.isfinite(found).all():
        return np.inf
    floor = 1e-3 * np.abs(expected).max()
    worst = 0.0
    for name in shapes:
        here = shapes.place(name)
        scale = max(np.abs(expected[here]).max(), floor)
        worst = max(worst, float(np.abs(found[here] - expected[here]).max() / scale))
    return worst


def made(layer: Any, dtype: Any = np.float64, seed: int = 0) -> Parameters:
    """Return the initialized parameters of a layer or cell."""
    params = Parameters(layer.shapes(), dtype=np.float64)
    layer.initialize(params, np.random.default_rng(seed))
    return params.astype(dtype)


def spans_of(layer: Any, params: Parameters, x: np.ndarray, lengths: np.ndarray, cuts: list[int]) -> Any:
    """Run a layer span by span, and return the outputs of each span, and the state after the last."""
    state, outputs = None, []
    for start, stop in pairwise(cuts):
        run = Run(np.clip(lengths - start, 0, stop - start))
        y, _, state = layer.forward(params, x[start:stop], run, state)
        outputs.append(y)
    return outputs, state


def padded(lengths: np.ndarray, rng: np.random.Generator, dtype=np.float64) -> np.ndarray:
    """Return random sequences, zero past their ends."""
    x = rng.standard_normal((6, 3, 3)).astype(dtype)
    x[np.arange(6)[:, None] >= lengths] = 0
    return x


def real(y: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Return outputs, or their cotangents, with zeros past the ends if there is a time axis."""
    return np.where((np.arange(len(y))[:, None] < lengths)[:, :, None], y, 0) if y.ndim == 3 else y


def run(layer: Layer, x: np.ndarray, lengths, params: Parameters | None = None):
    """Return the outputs of a layer."""
    return layer.forward(made(layer) if params is None else params, x, Run(np.asarray(lengths)))[0]


def leaves(state) -> list[np.ndarray]:
    """Return the arrays of a layer's state."""
    if state is None:
        return []
    return [state] if isinstance(state, np.ndarray) else [a for item in state for a in leaves(item)]


def changed(call: Any, options: dict, argument: str, value: Any) -> bool:
    """Return whether the result of a call differs where one of its options has another value."""
    one, other = call(**options), call(**options | {argument: value})
    return not np.array_equal(np.asarray(one), np.asarray(other), equal_nan=True)


def arguments_of(kind: type) -> set[str]:
    """Return the names of the arguments of a constructor."""
    return set(inspect.signature(kind).parameters)
