"""Random models that ONNX can represent, for round trips."""

from dataclasses import dataclass
from typing import Any

import numpy as np

import rnnbp
from rnnbp import cells
from rnnbp.cells.activation_choice import FUNCTIONS
from rnnbp.interop.onnx.exporting import to_proto
from rnnbp.interop.onnx.importing import from_proto

F, T, B = 3, 5, 4
BOUNDED = ("hard_sigmoid", "scaled_tanh", "sigmoid", "softsign", "tanh")  # of gates: others let the state overflow


@dataclass(frozen=True)
class Example:
    """A model with inputs (T, B, F), or tokens, and lengths."""

    model: rnnbp.Sequential
    x: np.ndarray
    lengths: np.ndarray


def random_example(seed: int) -> Example:
    """Return a random model of one to three layers over time, mostly recurrent ones, with a random end."""
    rng = np.random.default_rng(seed)
    layers, width, bidirectional = [], F, False
    tokens = rng.random() < 0.15
    if tokens:
        layers.append(rnnbp.Embedding(7, F))
    elif rng.random() < 0.2:
        layers.append(rnnbp.Normalize(rng.standard_normal(F), rng.uniform(0.5, 2, F)))
    for _ in range(rng.integers(1, 4)):
        layer, width, bidirectional = random_layer(rng, width)
        layers.append(layer)
    layers += random_end(rng, width, bidirectional)
    model = rnnbp.Sequential(*layers, seed=seed)
    model.params.vector[:] += 0.3 * rng.standard_normal(model.params.size).astype(np.float32)
    x = rng.integers(0, 7, (T, B)) if tokens else rng.standard_normal((T, B, F)).astype(np.float32)
    return Example(model, x, rng.integers(1, T + 1, B).astype(np.int32))


def random_layer(rng: np.random.Generator, width: int) -> tuple[Any, int, bool]:
    """Return a layer, its number of outputs, and whether these are [forward | backward]."""
    H, both = int(rng.integers(1, 5)), bool(rng.random() < 0.4)
    out = H * (1 + both)
    named = (rnnbp.LSTM, rnnbp.GRU, rnnbp.OriginalGRU, rnnbp.Elman)
    pick = rng.random()
    if pick < 0.1:
        return rnnbp.Dense(width, H, str(rng.choice(["tanh", "relu", "sigmoid", "linear"]))), H, False
    if pick < 0.15:
        return rnnbp.Window(1, 2), 4 * width, False
    if pick < 0.2:
        return rnnbp.Reverse(), width, False
    if pick < 0.22:
        return rnnbp.Residual(rnnbp.Dense(width, H, "tanh"), rnnbp.GRU(H, width)), width, False
    if pick < 0.25:
        return rnnbp.LayerNorm(width), width, False
    if pick < 0.3:
        return random_convolution(rng, width, H), H * width, False
    if pick < 0.34:
        return rnnbp.LearnedStart(rnnbp.LSTM(width, H, 2)), H, False
    if pick < 0.38:
        return rnnbp.Parallel(rnnbp.Elman(width, H), rnnbp.Activation("sigmoid")), H + width, False
    if pick < 0.55:
        layer = named[rng.integers(4)](width, H, int(rng.integers(1, 3)), bidirectional=both)
        return layer, out, both
    cell = random_cell(rng, width, H)
    return (rnnbp.Bidirectional(cell) if both else rnnbp.Recurrent(cell)), out, both


def random_convolution(rng: np.random.Generator, width: int, H: int) -> Any:
    """Return a convolution that leaves at least one step of a sequence of one step."""
    padding = ["causal", "same", 2][rng.integers(3)]
    stride = 1 if padding == "same" else int(rng.integers(1, 3))
    options = {"dilation": int(rng.integers(1, 3)), "groups": width if rng.random() < 0.3 else 1}
    return rnnbp.Conv1D(width, H * width, 3, padding=padding, stride=stride, activation="tanh", **options)


def random_cell(rng: np.random.Generator, width: int, H: int) -> Any:
    """Return a cell that an operator of ONNX has, with random options."""
    clip = None if rng.random() < 0.5 else float(rng.uniform(0.3, 3))
    make = rng.integers(9)
    if make < 4:
        plain = (cells.LSTMCell, cells.PeepholeLSTMCell, cells.CoupledLSTMCell, cells.OriginalGRUCell)
        return plain[make](width, H)
    if make == 4:
        return cells.GeneralElmanCell(width, H, random_activation(rng), clip)
    chosen = (random_activation(rng, BOUNDED), *(random_activation(rng) for _ in range(1 if make == 5 else 2)))
    if make == 5:
        return cells.GeneralGRUCell(width, H, chosen, str(rng.choice(["after", "before"])), clip)
    if make == 6:
        return cells.GeneralLSTMCell(width, H, chosen, bool(rng.random() < 0.5), clip)
    peephole = cells.GeneralPeepholeLSTMCell if make == 7 else cells.GeneralCoupledPeepholeLSTMCell
    return peephole(width, H, chosen, clip)


def random_activation(rng: np.random.Generator, names: Any = tuple(FUNCTIONS)) -> tuple:
    """Return an activation of these, with small coefficients."""
    name = str(rng.choice(names))
    return (name, *rng.uniform(0.1, 0.5, len(FUNCTIONS[name][1])).tolist())


def random_end(rng: np.random.Generator, width: int, bidirectional: bool) -> list[Any]:
    """Return what follows the layers over time: nothing, a layer at each step, or one that reduces time."""
    ends = {
        "none": ([], width),
        "dense": ([rnnbp.Dropout(0.2), rnnbp.Dense(width, 2)], 2),
        "last": ([rnnbp.Ends() if bidirectional else rnnbp.Last(), rnnbp.Dense(width, 2)], 2),
        "mean": ([rnnbp.MeanOverTime(), rnnbp.Dense(width, 2, "tanh")], 2),
        "statistics": ([rnnbp.TimeStatistics(), rnnbp.Dense(2 * width, 2)], 2),
        "flatten": ([rnnbp.Flatten(T + 9), rnnbp.Dense((T + 9) * width, 2)], 2),
        "attention": ([rnnbp.AttentionPooling(width, 3), rnnbp.Dense(width, 2)], 2),
        "resample": ([rnnbp.Resample(3), rnnbp.Dense(3 * width, 2)], 2),
    }
    return ends[str(rng.choice(list(ends)))][0]


def session_of(proto: Any) -> Any:
    """Return an ONNX Runtime session of a model."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])


def error(found: np.ndarray, expected: np.ndarray) -> float:
    """Return the greatest difference, relative to 1 or to what is greater; infinite for other shapes or a NaN."""
    if found.shape != expected.shape:
        return np.inf
    difference = np.abs(found - expected) / np.maximum(np.abs(expected), 1)
    return float(np.nan_to_num(difference, nan=np.inf).max(initial=0))


def round_trip_errors(example: Example, **options: Any) -> tuple[float, float]:
    """Return the errors of ONNX Runtime and of the imported model, over equal and unequal lengths."""
    proto = to_proto(example.model, **options)
    session, again = session_of(proto), from_proto(proto)
    errors = [0.0, 0.0]
    for lengths in (np.full(B, T, np.int32), example.lengths):
        expected = example.model.forward(example.x, lengths)
        x = example.x.swapaxes(0, 1) if options.get("batch_first") else example.x
        (found,) = session.run(None, {"x": x, "lengths": lengths})
        if options.get("batch_first") and found.ndim == 3:
            found = found.swapaxes(0, 1)
        errors = [
            max(errors[0], error(found, expected)),
            max(errors[1], error(again.forward(example.x, lengths), expected)),
        ]
    return errors[0], errors[1]
