"""PyTorch modules through torch.onnx.export: the imported model computes what the module computes."""

import io
import warnings

import numpy as np
import pytest

import rnnbp
from rnnbp import kernels

onnx = pytest.importorskip("onnx")
torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence  # noqa: E402

from rnnbp.interop.onnx.importing import from_proto  # noqa: E402

pytestmark = [pytest.mark.interop, pytest.mark.torch]
T, B, F, H, K = 6, 3, 4, 5, 2


class Network(nn.Module):
    """Modules, and a function of them and the inputs."""

    def __init__(self, run, **modules):
        super().__init__()
        self.run = run
        for name, module in modules.items():
            setattr(self, name, module)

    def forward(self, *inputs):
        return self.run(self, *inputs)


def every_step(net, x):
    return net.out(net.rnn(x)[0])


def last_step(net, x):
    return net.out(net.rnn(x)[0][:, -1, :])


def last_of_convolutions(net, x):
    return net.out(net.rnn(net.below(x).permute(2, 0, 1))[0][-1])


def embedded(net, x):
    return net.out(net.drop(net.norm(net.rnn(net.embed(x))[0])))


def final_state(net, x):
    return torch.log_softmax(net.out(net.rnn(x)[1].squeeze(0)), -1)


def final_states(net, x):
    return net.out(net.rnn(x)[1].transpose(0, 1).reshape(x.shape[0], -1))


def top_states(net, x):
    _, (h, _) = net.rnn(x)
    return net.out(torch.cat([h[-2], h[-1]], dim=1))


def both_ends(net, x):
    y, _ = net.rnn(x)
    return net.out(torch.cat([y[-1, :, :H], y[0, :, H:]], dim=-1))


def from_a_parameter(net, x):
    return net.out(net.rnn(x, net.h0.expand(1, x.shape[1], H).contiguous())[0])


def with_activations(net, x):
    return torch.sigmoid(net.out(net.upper(torch.tanh(net.rnn(x)[0]))[0]))


def flattened(net, x):
    y, _ = net.rnn(x)
    return net.out(y.reshape(y.shape[0] * y.shape[1], H)).view(y.shape[0], y.shape[1], K)


def standardized(net, x):
    return net.out(net.rnn((x - net.mean) / net.std)[0])


def mean_of_residual(net, x):
    y = x + net.rnn(x)[0]
    return net.out(y.mean(0))


def side_by_side(net, x):
    return net.out(torch.cat([net.rnn(x)[0], torch.relu(net.below(x)), x], dim=-1))


def linear(features=H):
    return nn.Linear(features, K)


def convolutions():
    return nn.Sequential(nn.Conv1d(F, 5, 3, padding=1), nn.Tanh(), nn.Conv1d(5, 6, 2, stride=2), nn.ReLU())


# The function, the modules, the axes of the input, and the layers of the imported model.
NETWORKS = {
    "LSTM": (every_step, {"rnn": nn.LSTM(F, H), "out": linear()}, "TBF", "LSTM Dense"),
    "GRU, batch first": (last_step, {"rnn": nn.GRU(F, H, batch_first=True), "out": linear()}, "BTF", "GRU Last Dense"),
    "convolutions": (
        last_of_convolutions,
        {"below": convolutions(), "rnn": nn.LSTM(6, H), "out": linear()},
        "BFT",
        "Conv1D Conv1D LSTM Last Dense",
    ),
    "tokens": (
        embedded,
        {
            "embed": nn.Embedding(9, F),
            "rnn": nn.RNN(F, H, nonlinearity="relu", bidirectional=True, num_layers=2, dropout=0.2),
            "norm": nn.LayerNorm(2 * H),
            "drop": nn.Dropout(),
            "out": linear(2 * H),
        },
        "TB",
        "Embedding Elman Elman LayerNorm Dense",
    ),
    "final state": (final_state, {"rnn": nn.RNN(F, H), "out": linear()}, "TBF", "Elman Last Dense"),
    "final states": (
        final_states,
        {"rnn": nn.GRU(F, H, bidirectional=True, batch_first=True), "out": linear(2 * H)},
        "BTF",
        "GRU Ends Dense",
    ),
    "top states": (
        top_states,
        {"rnn": nn.LSTM(F, H, num_layers=2, bidirectional=True), "out": linear(2 * H)},
        "TBF",
        "LSTM LSTM Ends Dense",
    ),
    "both ends": (both_ends, {"rnn": nn.GRU(F, H, bidirectional=True), "out": linear(2 * H)}, "TBF", "GRU Ends Dense"),
    "learned start": (
        from_a_parameter,
        {"rnn": nn.GRU(F, H), "out": linear(), "h0": nn.Parameter(torch.randn(1, 1, H))},
        "TBF",
        "LearnedStart Dense",
    ),
    "activations": (
        with_activations,
        {"rnn": nn.LSTM(F, H), "upper": nn.GRU(H, H), "out": linear()},
        "TBF",
        "LSTM Activation GRU Dense",
    ),
    "flattened": (flattened, {"rnn": nn.LSTM(F, H), "out": linear()}, "TBF", "LSTM Dense"),
    "standardized": (
        standardized,
        {
            "rnn": nn.LSTM(F, H),
            "out": linear(),
            "mean": nn.Parameter(torch.randn(F)),
            "std": nn.Parameter(torch.rand(F)),
        },
        "TBF",
        "Normalize LSTM Dense",
    ),
    "residual": (mean_of_residual, {"rnn": nn.GRU(F, F), "out": linear(F)}, "TBF", "Residual MeanOverTime Dense"),
    "side by side": (
        side_by_side,
        {"rnn": nn.GRU(F, H), "below": nn.Linear(F, 3), "out": linear(F + H + 3)},
        "TBF",
        "Parallel Dense",
    ),
}
SIZES = {"T": T, "B": B, "F": F}


def exported(net, inputs, names):
    """Return a module as torch.onnx.export writes it, with dynamic axes."""
    file = io.BytesIO()
    dynamic = {k: f"axis{k}" for k, size in enumerate(inputs[0].shape) if size in (T, B)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the exporter will be replaced, and that a batch is fixed
        torch.onnx.export(
            net.eval(), inputs, file, dynamo=False, input_names=names, output_names=["y"], dynamic_axes={"x": dynamic}
        )
    return onnx.ModelProto.FromString(file.getvalue())


@pytest.mark.parametrize(("run", "modules", "axes", "layers"), NETWORKS.values(), ids=NETWORKS)
def test_the_imported_model_computes_what_the_module_computes(run, modules, axes, layers, rng):
    shape = [SIZES[axis] for axis in axes]
    tokens = "embed" in modules
    x = rng.integers(0, 9, shape) if tokens else rng.standard_normal(shape).astype(np.float32)
    net = Network(run, **modules)
    model = from_proto(exported(net, (torch.as_tensor(x),), ["x"]))
    assert [type(layer).__name__ for layer in model.layers] == layers.split()
    assert "".join(model.info["onnx"]["input axes"]) == axes
    with torch.no_grad():
        expected = net(torch.as_tensor(x)).numpy()
    with kernels.using("numpy"):
        found = model.forward(np.transpose(x, [axes.index(axis) for axis in "TBF" if axis in axes]))
    if model.loss is not None:
        found = found - np.log(np.exp(found).sum(-1, keepdims=True))
    if model.per_step and axes[0] == "B":
        found = found.swapaxes(0, 1)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_packed_sequences_become_lengths(rng):
    def run(net, x, lengths):
        y, _ = net.rnn(pack_padded_sequence(x, lengths))
        return net.out(pad_packed_sequence(y)[0])

    lengths = np.array([T, 4, 2])
    net = Network(run, rnn=nn.LSTM(F, H, bidirectional=True), out=linear(2 * H))
    inputs = torch.as_tensor(rng.standard_normal((T, B, F)).astype(np.float32)), torch.as_tensor(lengths)
    model = from_proto(exported(net, inputs, ["x", "lengths"]))
    with torch.no_grad():
        expected = net(*inputs).numpy()
    with kernels.using("numpy"):
        found = model.forward(inputs[0].numpy(), lengths)
    for b, n in enumerate(lengths):
        np.testing.assert_allclose(found[:n, b], expected[:n, b], rtol=1e-5, atol=1e-6)


def test_states_that_are_inputs_are_given_to_the_model(rng):
    def run(net, x, h, c):
        y, after = net.rnn(x, (h, c))
        return (net.out(y), *after)

    x, h, c = (rng.standard_normal(shape).astype(np.float32) for shape in ((T, B, F), (1, B, H), (1, B, H)))
    net = Network(run, rnn=nn.LSTM(F, H), out=linear())
    model = from_proto(exported(net, tuple(map(torch.as_tensor, (x, h, c))), ["x", "h", "c"]))
    with torch.no_grad():
        expected, h_after, c_after = (one.numpy() for one in net(*map(torch.as_tensor, (x, h, c))))
    state = [np.concatenate([h[0], c[0]], axis=1), None]
    with kernels.using("numpy"):
        found, after = model.evaluate(x, rnnbp.layers.Run(np.full(B, T)), state)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(after[0], np.concatenate([h_after[0], c_after[0]], axis=1), rtol=1e-5, atol=1e-6)
