"""The same numbers as PyTorch: outputs, final states and all gradients of its recurrent layers."""

from dataclasses import replace

import numpy as np
import pytest
from helpers import relative_error

from rnnbp.core import Parameters
from rnnbp.data import SequenceBatch
from rnnbp.gradients import BPTT
from rnnbp.layers import GRU, LSTM, Dense, Elman, Last, MultiLayer, Run
from rnnbp.losses import CrossEntropy
from rnnbp.models import Sequential

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch

T, B, F, H, K = 9, 4, 3, 5, 6
LENGTHS = {"equal lengths": [9, 9, 9, 9], "unequal lengths": [9, 6, 5, 1]}
TOLERANCES = {"float32": 1e-4, "float64": 1e-10}

VARIANTS = {
    "RNN tanh": (Elman, "RNN", {}),
    "RNN relu": (lambda *a, **k: Elman(*a, activation="relu", **k), "RNN", {"nonlinearity": "relu"}),
    "LSTM": (LSTM, "LSTM", {}),
    "GRU": (GRU, "GRU", {}),
}


def our_name(name: str, single: bool) -> str:
    """`weight_ih_l0_reverse` as `w_ih_l0_reverse`; `w_ih` where there is one layer and one direction."""
    ours = name.replace("weight_", "w_").replace("bias_", "b_")
    return ours.removesuffix("_l0") if single else ours


def pair(variant, layers, bidirectional, dtype):
    """Return a layer with its parameters, and PyTorch's with the same ones."""
    make, theirs, options = VARIANTS[variant]
    layer = make(F, H, num_layers=layers, bidirectional=bidirectional)
    torch.manual_seed(0)
    module = getattr(torch.nn, theirs)(
        F, H, num_layers=layers, bidirectional=bidirectional, dtype=getattr(torch, dtype), **options
    )
    params = Parameters(layer.shapes(), dtype=dtype)
    single = layers == 1 and not bidirectional
    names = {our_name(name, single): name for name, _ in module.named_parameters()}
    assert list(names) == list(params)  # the same names in the same order
    for ours, name in names.items():
        params[ours] = getattr(module, name).detach().numpy()
    return layer, params, module, names


def padded(lengths, width, dtype, seed):
    x = np.random.default_rng(seed).standard_normal((T, B, width))
    x[np.arange(T)[:, None] >= lengths] = 0
    return x.astype(dtype)


def run_torch(module, x, lengths, weights):
    """PyTorch's outputs and final state, after the backward pass from `weights`."""
    packed = torch.nn.utils.rnn.pack_padded_sequence(x, torch.tensor(lengths))
    outputs, last = module(packed)
    outputs, _ = torch.nn.utils.rnn.pad_packed_sequence(outputs, total_length=T)
    (outputs * torch.from_numpy(weights)).sum().backward()
    return outputs.detach().numpy(), last


def state_of(last, layer) -> np.ndarray:
    """PyTorch's (h, c) or h of one layer as our [h | c]."""
    parts = last if isinstance(last, tuple) else (last,)
    return np.concatenate([part[layer].detach().numpy() for part in parts], axis=1)


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("lengths", LENGTHS.values(), ids=LENGTHS.keys())
@pytest.mark.parametrize("bidirectional", [False, True], ids=["forward", "bidirectional"])
@pytest.mark.parametrize("layers", [1, 2], ids=["one layer", "two layers"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_outputs_states_and_gradients_are_pytorchs(variant, layers, bidirectional, lengths, dtype):
    tolerance = TOLERANCES[dtype]
    layer, params, module, names = pair(variant, layers, bidirectional, dtype)
    x = padded(lengths, F, dtype, 1)
    weights = padded(lengths, H * (2 if bidirectional else 1), dtype, 2)
    their_x = torch.from_numpy(x).requires_grad_()
    expected, last = run_torch(module, their_x, lengths, weights)

    y, residuals, state = layer.forward(params, x, Run(np.array(lengths)))
    grad = params.zeros()
    dx, _ = layer.backward(params, residuals, weights, grad)
    assert y.dtype == dx.dtype == grad.vector.dtype == dtype
    assert relative_error(y, expected) < tolerance
    for ours, name in names.items():
        assert relative_error(grad[ours], getattr(module, name).grad.numpy()) < tolerance, name
    assert relative_error(dx, their_x.grad.numpy()) < tolerance
    if not bidirectional:
        states = state if isinstance(layer.unrolled, MultiLayer) else [state]
        for k, own in enumerate(states):
            assert relative_error(own, state_of(last, k)) < tolerance


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("lengths", LENGTHS.values(), ids=LENGTHS.keys())
@pytest.mark.parametrize("layers", [1, 2], ids=["one layer", "two layers"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_gradients_with_respect_to_a_given_state_are_pytorchs(variant, layers, lengths, dtype, rng):
    """The loss sees the final state as well."""
    tolerance = TOLERANCES[dtype]
    layer, params, module, names = pair(variant, layers, False, dtype)
    x, weights = padded(lengths, F, dtype, 1), padded(lengths, H, dtype, 2)
    width = H * (2 if variant == "LSTM" else 1)
    start, at_end = rng.standard_normal((2, layers, B, width)).astype(dtype)
    their_start = torch.from_numpy(start.copy()).requires_grad_()
    parts = their_start[..., :H].contiguous(), their_start[..., H:].contiguous()
    packed = torch.nn.utils.rnn.pack_padded_sequence(torch.from_numpy(x), torch.tensor(lengths))
    outputs, last = module(packed, parts if variant == "LSTM" else parts[0])
    outputs, _ = torch.nn.utils.rnn.pad_packed_sequence(outputs, total_length=T)
    final = torch.cat(last, dim=-1) if variant == "LSTM" else last
    ((outputs * torch.from_numpy(weights)).sum() + (final * torch.from_numpy(at_end)).sum()).backward()

    many = isinstance(layer.unrolled, MultiLayer)
    y, residuals, state = layer.forward(params, x, Run(np.array(lengths)), list(start) if many else start[0])
    grad = params.zeros()
    _, d_state = layer.backward(params, residuals, weights, grad, list(at_end) if many else at_end[0])
    assert relative_error(y, outputs.detach().numpy()) < tolerance
    assert relative_error(np.stack(state) if many else state[None], final.detach().numpy()) < tolerance
    assert relative_error(np.stack(d_state) if many else d_state[None], their_start.grad.numpy()) < tolerance
    for ours, name in names.items():
        assert relative_error(grad[ours], getattr(module, name).grad.numpy()) < tolerance, name


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("lengths", LENGTHS.values(), ids=LENGTHS.keys())
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "class weights"])
def test_the_loss_and_gradient_of_a_model_are_pytorchs(lengths, dtype, weighted, rng):
    """LSTM > Last > Dense > CrossEntropy, its loss and all gradients."""
    model = Sequential(LSTM(F, H), Last(), Dense(H, K), dtype=dtype)
    lstm = torch.nn.LSTM(F, H, dtype=getattr(torch, dtype))
    dense = torch.nn.Linear(H, K, dtype=getattr(torch, dtype))
    theirs = {f"0.{our_name(name, True)}": p for name, p in lstm.named_parameters()}
    theirs |= {"2.w": dense.weight, "2.b": dense.bias}
    assert list(theirs) == list(model.params)
    for name, p in theirs.items():
        model.params[name] = p.detach().numpy()
    x, labels = padded(lengths, F, dtype, 1), rng.integers(K, size=B)
    class_weight = rng.uniform(0.5, 2, K) if weighted else None

    packed = torch.nn.utils.rnn.pack_padded_sequence(torch.from_numpy(x), torch.tensor(lengths))
    _, (last, _) = lstm(packed)
    weight = torch.tensor(class_weight, dtype=getattr(torch, dtype)) if weighted else None
    loss = torch.nn.functional.cross_entropy(dense(last[0]), torch.from_numpy(labels), weight=weight)
    loss.backward()

    batch = replace(SequenceBatch.from_array(x, np.array(lengths)), targets=labels)
    (g,) = BPTT().gradients(model, batch, CrossEntropy(class_weight=class_weight))
    tolerance = TOLERANCES[dtype]
    assert g.loss == pytest.approx(loss.item(), rel=tolerance)
    found = model.params.like(g.vector)
    for name, p in theirs.items():
        assert relative_error(found[name], p.grad.numpy()) < tolerance, name


def test_initial_weights_are_distributed_as_pytorchs():
    """Uniform within the same bound, for the recurrent and for the linear layer."""
    model = Sequential(LSTM(20, 50), Dense(50, 40), dtype=np.float64)
    lstm, dense = torch.nn.LSTM(20, 50), torch.nn.Linear(50, 40)
    ours = [model.params["0.w_ih"], model.params["0.w_hh"], model.params["0.b_ih"], model.params["1.w"]]
    theirs = [lstm.weight_ih_l0, lstm.weight_hh_l0, lstm.bias_ih_l0, dense.weight]
    for own, other in zip(ours, theirs, strict=True):
        assert np.abs(own).max() == pytest.approx(other.abs().max().item(), rel=0.03)
        assert own.std() == pytest.approx(other.std().item(), rel=0.1)
