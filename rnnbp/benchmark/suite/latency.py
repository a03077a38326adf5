"""Latency: short sequences one at a time, by forward passes and by steps from state to state."""

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

import numpy as np

from rnnbp.benchmark.suite.base import Contest
from rnnbp.layers import LSTM, Dense, Last
from rnnbp.models import Sequential

FEATURES, HIDDEN, CLASSES = 12, 64, 9
STEPS = (1, 10, 100)
TOLERANCE = 1e-5
Array = np.ndarray
Forward = Callable[[Array], Array]


def contests() -> Iterator[Contest]:
    """Yield contests of forward passes of an LSTM over a sequence, and of single steps, after a check of outputs."""
    model, rng = Sequential(LSTM(FEATURES, HIDDEN), seed=0), np.random.default_rng(0)
    forwards: dict[str, Forward] = {"rnnbp": model.forward}
    if find_spec("onnxruntime") and find_spec("onnx"):
        forwards["onnxruntime"] = _onnxruntime(model)
    if find_spec("torch"):
        forwards["PyTorch"] = _torch(model)
    for T in STEPS:
        x = rng.standard_normal((T, 1, FEATURES), np.float32)
        for name, forward in forwards.items():
            _check(f"forward of {name}", forward(x), model.forward(x))
        runs = {name: _bound(forward, x) for name, forward in forwards.items()}
        yield Contest(f"LSTM {HIDDEN}, B 1, forward of T {T}", runs)
    x = rng.standard_normal((100, 1, FEATURES), np.float32)
    steps = {"rnnbp": _steps(model)}
    if find_spec("torch"):
        steps["PyTorch LSTMCell"] = _torch_steps(model)
    for name, run in steps.items():
        _check(f"steps of {name}", run(x), model.forward(x))
    yield Contest(f"LSTM {HIDDEN}, B 1, a step", {name: _bound(run, x) for name, run in steps.items()}, per=len(x))
    classifier = Sequential(LSTM(FEATURES, HIDDEN, num_layers=2), Last(), Dense(HIDDEN, CLASSES), seed=0)
    yield Contest(f"two LSTM {HIDDEN}, Last, Dense, B 1, a step", {"rnnbp": _bound(_steps(classifier), x)}, per=len(x))


def _bound(run: Forward, x: Array) -> Callable[[], object]:
    return lambda: run(x)


def _check(name: str, found: Array, expected: Array) -> None:
    """Raise unless a library computes what this package does."""
    if not np.allclose(found, expected, atol=TOLERANCE):
        raise ValueError(f"the {name} differs by {abs(found - expected).max():.2g}")


def _steps(model: Sequential) -> Forward:
    """Return the outputs at each step, one after the other."""

    def run(x: Array) -> Array:
        state, outputs = model.start(), []
        for x_t in x:
            y, state = model.step(x_t, state)
            outputs.append(y)
        return np.stack(outputs)

    return run


def _torch_parameters(model: Sequential, module: Any, suffix: str) -> Any:
    """Return the module of PyTorch with the parameters of the model's LSTM."""
    import torch

    with torch.no_grad():
        for own in ("w_ih", "w_hh", "b_ih", "b_hh"):
            name = own.replace("w_", "weight_").replace("b_", "bias_") + suffix
            getattr(module, name).copy_(torch.from_numpy(np.array(model.params[f"0.{own}"])))
    return module.eval()


def _torch(model: Sequential) -> Forward:
    import torch

    lstm = _torch_parameters(model, torch.nn.LSTM(FEATURES, HIDDEN), "_l0")

    def run(x: Array) -> Array:
        with torch.inference_mode():
            return lstm(torch.from_numpy(x))[0].numpy()

    return run


def _torch_steps(model: Sequential) -> Forward:
    import torch

    cell = _torch_parameters(model, torch.nn.LSTMCell(FEATURES, HIDDEN), "")

    def run(x: Array) -> Array:
        state, outputs = None, []
        with torch.inference_mode():
            for x_t in x:
                state = cell(torch.from_numpy(x_t), state)
                outputs.append(state[0].numpy())
        return np.stack(outputs)

    return run


def _onnxruntime(model: Sequential) -> Forward:
    """Return the forward pass of the model's LSTM, exported to ONNX."""
    import onnx
    import onnxruntime
    from onnx import helper, numpy_helper

    def gates(name: str) -> Array:
        """Return a parameter with its gates i, f, g, o in the order of ONNX: i, o, f, g."""
        i, f, g, o = np.split(np.array(model.params[f"0.{name}"]), 4)
        return np.concatenate([i, o, f, g])[None]

    weights = {"W": gates("w_ih"), "R": gates("w_hh"), "B": np.concatenate([gates("b_ih"), gates("b_hh")], axis=1)}
    number = onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        [helper.make_node("LSTM", ["x", *weights], ["y"], hidden_size=HIDDEN)],
        "lstm",
        [helper.make_tensor_value_info("x", number, ["T", "B", FEATURES])],
        [helper.make_tensor_value_info("y", number, None)],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    exported = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(exported.SerializeToString(), options)
    return lambda x: session.run(None, {"x": x})[0].reshape(*x.shape[:2], HIDDEN)
