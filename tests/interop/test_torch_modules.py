"""What of PyTorch's modules is translated, what is refused by name, and modules in use."""

import copy
import io

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence  # noqa: E402

import rnnbp  # noqa: E402
from rnnbp import cells, interop, kernels, layers  # noqa: E402

pytestmark = pytest.mark.torch


@pytest.fixture(autouse=True)
def by_numpy():
    with kernels.using("numpy"):
        yield


class Net(nn.Module):
    """A user's module, whose forward is code."""

    def __init__(self):
        super().__init__()
        self.lstm, self.norm, self.fc = nn.LSTM(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)


SHARED = nn.Linear(3, 3)
PADDED = nn.Embedding(5, 2, padding_idx=1)
with torch.no_grad():
    PADDED.weight[1] = 1


def own_forward(module):
    module.forward = torch.zeros_like
    return module


def hooked(module):
    module.register_forward_hook(lambda module, given, output: 2 * output)
    return module


def tied_within(module):
    module.weight_hh_l1 = module.weight_hh_l0
    return module


def tied_padding():
    embedding, linear = nn.Embedding(5, 2, padding_idx=1), nn.Linear(2, 5)
    linear.weight = embedding.weight
    return nn.Sequential(embedding, linear)


class OwnCall(nn.Sequential):
    def __call__(self, x):
        return 2 * super().__call__(x)


REFUSED = {
    "a parametrization": (
        nn.utils.parametrizations.weight_norm(nn.Linear(3, 4)),
        "part 0, ParametrizedLinear, has parametrized weights, weight: .*remove_parametrizations",
    ),
    "weights computed by a hook": (
        nn.Sequential(nn.utils.spectral_norm(nn.Linear(3, 4))),
        r"part 0\.0, Linear, has forward hooks, .* remove_spectral_norm",
    ),
    "a hook on the outputs": (hooked(nn.Sequential(nn.Linear(3, 4))), "part 0, Sequential, has forward hooks"),
    "a forward of an instance": (own_forward(nn.Linear(3, 4)), "part 0, Linear, has a call of its own"),
    "a call of a class": (OwnCall(nn.Linear(3, 4)), "part 0, OwnCall, has a call of its own"),
    "a class": (nn.LSTM, r"part 0 is the class LSTM, not a module: make one, LSTM\(...\)"),
    "no values": (nn.Linear(3, 4, device="meta"), r"0\.w is on the meta device"),
    "one weight within a module": (tied_within(nn.GRU(3, 4, 2)), "0.weight_hh_l0 and 0.weight_hh_l1 are one parameter"),
    "one weight with padding_idx": (tied_padding(), "padding_idx keeps a row from being trained in one of its places"),
    "a module around modules": (nn.ModuleList([nn.Linear(3, 4)]), r"as from_torch\(net\[0\]\); taken are"),
    "a user's module": (
        Net(),
        r"part 0 is a Net, whose forward is code, .* lstm: LSTM, norm: BatchNorm1d, fc: Linear: .* "
        r"from_torch\(net.lstm, net.fc\), with rnnbp.Last\(\) .* final states go on; taken are .*Linear",
    ),
    "an unknown part": (nn.Sequential(nn.Linear(3, 4), nn.PReLU()), r"part 0\.1 is a PReLU, which has no counterpart"),
    "softmax": (nn.Sequential(nn.Linear(3, 4), nn.LogSoftmax(-1)), r"part 0\.1 is a LogSoftmax: .* rnnbp.CrossEntropy"),
    "no module": ("lstm", r"part 0 must be a torch.nn.Module, got 'lstm'; taken are Conv1d"),
    "a layer with parameters": (layers.Dense(3, 4), r"part 0: a layer given beside modules must have no parameters"),
    "max_norm": (nn.Embedding(5, 2, max_norm=1.0), r"part 0, Embedding: max_norm, .* 1.0"),
    "scale_grad_by_freq": (nn.Embedding(5, 2, scale_grad_by_freq=True), "scale_grad_by_freq=True"),
    "a padding vector that is not zero": (PADDED, "padding_idx=1 is a vector that is not trained"),
    "padding_mode": (nn.Conv1d(3, 4, 2, padding_mode="circular"), "padding_mode must be 'zeros', got 'circular'"),
    "normalized_shape": (nn.LayerNorm((2, 3)), r"normalized_shape must be the number of features, got \(2, 3\)"),
    "p = 1": (nn.Dropout(1.0), r"part 0, Dropout: rate must be below 1, got 1.0"),
    "half precision": (nn.Linear(3, 4).bfloat16(), "all be of float32 or all of float64, got bfloat16"),
    "two precisions": (nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 3).double()), "got float32, float64"),
    "shared parameters": (nn.Sequential(SHARED, SHARED), r"0\.0\.bias and 0\.1\.bias are one parameter"),
    "two layouts": (
        nn.Sequential(nn.GRU(3, 4), nn.GRU(4, 4, batch_first=True)),
        r"batch_first must be the same for all parts, got {'0.0': False, '0.1': True}",
    ),
    "sizes": (nn.Sequential(nn.GRU(3, 4), nn.Linear(5, 2)), r"layer 1: Dense takes 5 features, got 4"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_part_without_counterpart_is_named(case):
    part, message = REFUSED[case]
    with pytest.raises(ValueError, match=message):
        interop.from_torch(part)


UNKNOWN = {
    "Jordan": (layers.Jordan(3, 4, 2), r"layer 0, Jordan.*torch.nn has no JordanCell"),
    "sigmoid": (layers.Elman(3, 4, activation="sigmoid"), "the activations of torch.nn.RNN are tanh and relu"),
    "a resampling": (layers.Resample(4), r"Resample.*, has no counterpart in PyTorch: taken are Activation, Conv1D"),
    "wide projection": (layers.Recurrent(cells.ProjectionLSTMCell(3, 2, 4)), "proj_size must be less than hidden_size"),
    "two sizes": (
        layers.MultiLayer((cells.GRUCell(3, 4), cells.GRUCell(4, 5))),
        "all cells of a torch.nn.GRU have the",
    ),
    "two cells": (layers.MultiLayer((cells.GRUCell(3, 4), cells.LSTMCell(4, 4))), "all cells of a torch.nn.GRU have"),
    "reset before": (layers.OriginalGRU(3, 4), "torch.nn has no OriginalGRUCell"),
}


@pytest.mark.parametrize("case", UNKNOWN)
def test_a_layer_without_counterpart_is_named(case):
    layer, message = UNKNOWN[case]
    with pytest.raises(ValueError, match=message):
        interop.to_torch(rnnbp.Sequential(layer))


def test_parts_of_a_users_network_are_given_in_a_row():
    net = Net()
    x = torch.randn(5, 2, 3)
    model = interop.from_torch(net.lstm, rnnbp.Last(), net.fc)
    expected = net.fc(net.lstm(x)[0][-1]).detach()
    assert np.allclose(model.forward(x.numpy()), expected, atol=1e-6)


def test_nested_sequentials_are_flattened():
    module = nn.Sequential(nn.Sequential(nn.Linear(3, 4), nn.Identity()), nn.GRU(4, 2))
    assert interop.from_torch(module).layers == (layers.Dense(3, 4), layers.Activation("linear"), layers.GRU(4, 2))


ROUND_TRIPS = {
    "several layers": [layers.LSTM(3, 4, 2, bidirectional=True, dropout=0.5), layers.Dropout(0.1), layers.Ends()],
    "projection": [layers.MultiLayer((cells.ProjectionLSTMCell(3, 4, 2), cells.ProjectionLSTMCell(2, 4, 2)))],
    "activations": [layers.Dense(3, 4, "tanh"), layers.Conv1D(4, 2, 3, activation="relu"), layers.MeanOverTime()],
    "convolutions": [layers.Conv1D(3, 4, 2, padding="same"), layers.Conv1D(4, 4, 3, padding=1, stride=2, groups=2)],
    "activation modules": [*map(layers.Activation, ("tanh", "relu", "sigmoid", "linear")), layers.Dense(3, 2)],
    "whole sequences": [layers.Normalize([1.0, 2.0, 3.0], [2.0, 1.0, 4.0]), layers.Reverse(), layers.TimeStatistics()],
    "variational dropout": [layers.VariationalDropout(0.25), layers.GRU(3, 2)],
    "normalization": [layers.Elman(3, 4, activation="relu"), layers.LayerNorm(4, eps=0.01), layers.Last()],
}


@pytest.mark.parametrize("case", ROUND_TRIPS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_model_comes_back_from_its_module(case, dtype):
    model = rnnbp.Sequential(*ROUND_TRIPS[case], dtype=dtype)
    back = interop.from_torch(interop.to_torch(model))
    assert back.layers == model.layers
    assert back.dtype == model.dtype
    assert back.params == model.params


def test_masks_become_what_pytorch_has_for_them_and_come_back():
    model = rnnbp.Sequential(rnnbp.Embedding(5, 3), rnnbp.GRU(3, 4), rnnbp.Dense(4, 2))
    row = np.ones((5, 3), bool)
    row[2] = False
    model.params.set_mask("0.w", row)
    for name in ("1.b_ih", "1.b_hh", "2.b"):
        model.params.set_mask(name, False)
    model.params.set_mask("2.w", [[True, False, True, True], [True, True, True, False]])
    module = interop.to_torch(model)
    assert module[0].padding_idx == 2
    assert not module[1].bias
    assert module[2].bias is None
    module(torch.tensor([[0, 2], [1, 2]])).sum().backward()
    assert not module[0].weight.grad[2].any()
    assert torch.equal(module[2].weight.grad != 0, module.fixed["2.weight"])
    assert interop.from_torch(module).params == model.params


def test_frozen_parameters_have_no_gradient_in_either():
    model = rnnbp.Sequential(rnnbp.GRU(2, 3, num_layers=2), rnnbp.Dense(3, 1))
    model.freeze("0.*_l0", "1.b")
    module = interop.to_torch(model)
    fixed = {name for name, parameter in module.named_parameters() if not parameter.requires_grad}
    assert fixed == {f"0.{name}_l0" for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")} | {"1.bias"}
    assert interop.from_torch(module).frozen == model.frozen


def test_the_padding_vector_of_a_frozen_embedding_may_be_any():
    model = interop.from_torch(nn.Embedding.from_pretrained(torch.ones(4, 2), padding_idx=1))
    assert model.params["0.w"].all()
    assert model.frozen == ("0.w",)


def test_tied_weights_are_one_parameter_in_both(rng):
    model = rnnbp.Sequential(rnnbp.Embedding(5, 3), rnnbp.GRU(3, 3), rnnbp.TiedDense(3, 5), dtype=np.float64)
    module = interop.to_torch(model)
    assert module[2].weight is module[0].weight
    back = interop.from_torch(module)
    assert back.layers == model.layers
    assert back.params == model.params
    tokens = rng.integers(5, size=(4, 2))
    y = module(torch.from_numpy(tokens))
    assert np.allclose(y.detach(), model.forward(tokens), atol=1e-12)
    y.sum().backward()
    run = layers.Run(np.array([4, 4]))
    outputs, residuals, _ = model.unroll(model.params, tokens, run)
    grad = model.params.zeros()
    model.backward(model.params, residuals, np.ones_like(outputs), grad)
    assert np.allclose(module[0].weight.grad, grad["0.w"], atol=1e-12)

    arrays = module.state_dict()
    assert interop.load_state_dict(model, arrays) == ([], [])
    arrays["2.weight"] = arrays["2.weight"] + 1
    with pytest.raises(ValueError, match=r"2\.weight must be equal to 0\.weight"):
        interop.load_state_dict(model, arrays)


def test_a_padding_vector_that_a_tied_layer_shares_stays_zero_in_pytorchs_training():
    model = rnnbp.Sequential(layers.Embedding(5, 3), layers.TiedDense(3, 5, tied_to=0), seed=0)
    mask = model.params.mask("0.w")
    mask[1] = False
    model.params.set_mask("0.w", mask)
    module = interop.to_torch(model)
    module(torch.tensor([[0, 2]])).square().sum().backward()
    gradient = module[0].weight.grad
    assert not gradient[1].any()
    assert gradient[0].any()
    assert interop.from_torch(module).params.mask("0.w").tolist() == mask.tolist()


def test_a_normalization_without_parameters_keeps_its_gain_and_bias():
    model = interop.from_torch(nn.LayerNorm(3, elementwise_affine=False))
    assert model.frozen == ("0.w",)
    assert not model.params.mask("0.b").any()
    x = torch.randn(4, 2, 3)
    assert np.allclose(model.forward(x.numpy()), nn.functional.layer_norm(x, (3,)), atol=1e-6)


def test_masked_weights_stay_zero_in_pytorchs_training():
    model = rnnbp.Sequential(rnnbp.Elman(2, 4), rnnbp.Dense(4, 1))
    model.params.set_mask("0.w_hh", np.eye(4, dtype=bool))
    module = interop.to_torch(model)
    optimizer = torch.optim.AdamW(module.parameters(), 0.1)
    for _ in range(3):
        optimizer.zero_grad()
        (module(torch.ones(5, 2, 2)) ** 2).sum().backward()
        optimizer.step()
    module = copy.deepcopy(module)
    assert module.fixed.keys() == {"0.weight_hh_l0"}
    module(torch.ones(5, 2, 2)).sum().backward()
    assert not module[0].weight_hh_l0.grad[~torch.eye(4, dtype=bool)].any()
    weight = module[0].weight_hh_l0.detach()
    assert not weight[~torch.eye(4, dtype=bool)].any()
    assert weight.diag().all()


def test_states_go_on_where_the_model_stopped():
    """Half of the steps here, the other half in PyTorch, and the other way round."""
    model = rnnbp.Sequential(rnnbp.LSTM(2, 3, num_layers=2), rnnbp.GRU(3, 4), rnnbp.Dense(4, 1), dtype=np.float64)
    module = interop.to_torch(model)
    x = np.random.default_rng(0).standard_normal((6, 2, 2))
    whole = model.forward(x)
    state = model.start(2)
    for t in range(3):
        _, state = model.step(x[t], state)
    y, after = module.run(torch.from_numpy(x[3:]), interop.state_to_torch(model, state))
    assert np.allclose(y.detach(), whole[3:], atol=1e-12)

    _, after = module.run(torch.from_numpy(x[:3]))
    y, _ = model.step(x[3], interop.state_from_torch(model, after))
    assert np.allclose(y, whole[3], atol=1e-12)


def test_states_that_do_not_fit_are_refused():
    model = rnnbp.Sequential(rnnbp.LSTM(2, 3), rnnbp.GRU(3, 4, bidirectional=True))
    with pytest.raises(ValueError, match="states must be one for each of the 2 layers, got 1"):
        interop.state_from_torch(model, [None])
    with pytest.raises(
        ValueError, match=r"layer 0: \(h, c\) must have shape \(1, 5, 3\), \(1, 5, 3\), got \(1, 5, 3\)"
    ):
        interop.state_from_torch(model, [torch.zeros(1, 5, 3), None])
    with pytest.raises(ValueError, match="layer 1, GRU, takes no initial state: give None"):
        interop.state_from_torch(model, [None, torch.zeros(2, 5, 4)])
    with pytest.raises(ValueError, match="states must be one for each of the 2 layers, got 1"):
        interop.to_torch(model).run(torch.zeros(4, 5, 2), [None])
    with pytest.raises(ValueError, match=r"torch\.nn has no JordanCell"):
        interop.state_to_torch(rnnbp.Sequential(rnnbp.Jordan(2, 3, 1)), [None])
    with pytest.raises(ValueError, match=r"torch\.nn has no LearnedStart"):
        interop.state_to_torch(rnnbp.Sequential(layers.LearnedStart(layers.GRU(2, 3))), [np.zeros((5, 3))])


@pytest.mark.parametrize("batch_first", [False, True])
def test_packed_sequences_in_any_order_come_back_in_it(batch_first, rng):
    model = rnnbp.Sequential(rnnbp.GRU(2, 3, bidirectional=True), rnnbp.Conv1D(6, 2, 2, padding="valid"))
    module = interop.to_torch(model, batch_first)
    x, lengths = rng.standard_normal((6, 3, 2)).astype(np.float32), np.array([3, 6, 4])
    given = torch.from_numpy(x.swapaxes(0, 1) if batch_first else x)
    packed = pack_padded_sequence(given, lengths, batch_first, enforce_sorted=False)
    y, found = pad_packed_sequence(module(packed), batch_first)
    assert found.tolist() == [2, 5, 3]
    expected = model.forward(x, lengths)
    assert np.allclose(y.detach(), expected.swapaxes(0, 1) if batch_first else expected, atol=1e-6)


def test_a_sequence_shorter_than_the_kernel_is_refused():
    module = interop.to_torch(rnnbp.Sequential(rnnbp.Conv1D(2, 1, 4, padding="valid")))
    packed = pack_padded_sequence(torch.zeros(6, 2, 2), [6, 3])
    with pytest.raises(ValueError, match="takes sequences of at least 4 steps, got one of 3"):
        module(packed)


def test_modules_are_copied_and_saved_as_any_other():
    module = interop.to_torch(rnnbp.Sequential(rnnbp.LSTM(2, 3), rnnbp.Last(), rnnbp.Dense(3, 1, "sigmoid")))
    x = torch.randn(4, 2, 2)
    file = io.BytesIO()
    torch.save(module, file)
    file.seek(0)
    for other in (copy.deepcopy(module), torch.load(file, weights_only=False)):
        assert torch.equal(other(x), module(x))


@pytest.mark.parametrize("batch_first", [False, True])
def test_variational_dropout_has_one_mask_for_all_steps(batch_first):
    module = interop.to_torch(rnnbp.Sequential(rnnbp.VariationalDropout(0.5), rnnbp.Activation("linear")), batch_first)
    y = module(torch.ones((4, 6, 30) if batch_first else (6, 4, 30)))
    y = y.transpose(0, 1) if batch_first else y
    assert torch.equal(y, y[:1].expand(6, 4, 30))
    assert sorted(y.unique().tolist()) == [0, 2]
    assert not torch.equal(y[:, 0], y[:, 1])


def test_dropout_acts_in_training_mode_alone():
    module = interop.to_torch(rnnbp.Sequential(rnnbp.Dense(2, 50), rnnbp.Dropout(0.5)))
    x = torch.ones(3, 2, 2)
    assert (module(x) == 0).any()
    assert not (module.eval()(x) == 0).any()


def test_the_state_dict_of_a_cell_goes_into_a_layer():
    cell = nn.LSTMCell(2, 3)
    model = rnnbp.Sequential(rnnbp.LSTM(2, 3))
    assert interop.load_state_dict(model, cell.state_dict(), prefixes={0: ""}) == ([], [])
    assert model.params == interop.from_torch(cell).params


def test_a_single_layer_loses_a_dropout_without_effect():
    with pytest.warns(UserWarning, match="dropout option adds dropout after all but last"):
        module = nn.GRU(2, 3, dropout=0.5)
    assert interop.from_torch(module).layers == (layers.GRU(2, 3),)
