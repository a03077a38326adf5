"""PyTorch's names of parameters, and state dicts, without PyTorch."""

import re

import numpy as np
import pytest

import rnnbp
from rnnbp import cells, interop, layers


def test_names_are_pytorchs_for_every_form_of_recurrent_layer():
    model = rnnbp.Sequential(
        layers.Embedding(5, 2),
        layers.LSTM(2, 3),
        layers.GRU(3, 3, num_layers=2, bidirectional=True),
        layers.Bidirectional(cells.ProjectionLSTMCell(6, 4, 2)),
        layers.LayerNorm(4),
        layers.Conv1D(4, 2, 3),
    )
    names = interop.torch_names(model)
    assert list(names) == list(model.params)
    kinds = ["weight_ih", "weight_hh", "bias_ih", "bias_hh"]
    both = ["", "_reverse"]
    assert list(names.values()) == [
        "0.weight",
        *[f"1.{kind}_l0" for kind in kinds],
        *[f"2.{kind}_l{k}{reverse}" for k in (0, 1) for reverse in both for kind in kinds],
        *[f"3.{kind}_l0{reverse}" for reverse in both for kind in [*kinds, "weight_hr"]],
        *["4.weight", "4.bias", "5.weight", "5.bias"],
    ]


def test_prefixes_name_the_layers_of_a_module_with_attributes():
    model = rnnbp.Sequential(rnnbp.GRU(2, 3), rnnbp.Last(), rnnbp.Dense(3, 1))
    assert list(interop.torch_names(model, {0: "", 2: "head.fc"}).values())[-2:] == ["head.fc.weight", "head.fc.bias"]
    assert interop.torch_names(model, {0: ""})["0.w_ih"] == "weight_ih_l0"
    with pytest.raises(ValueError, match=r"prefixes must be of the layers 0 to 2, got one of 3"):
        interop.torch_names(model, {3: "fc"})
    twice = rnnbp.Sequential(rnnbp.Dense(2, 3), rnnbp.Dense(3, 1))
    with pytest.raises(ValueError, match=r"several parameters would have one name: fc\.weight, fc\.bias"):
        interop.torch_names(twice, {0: "fc", 1: "fc"})


def test_a_state_dict_goes_into_another_model_of_the_same_layers():
    one, other = (rnnbp.Sequential(rnnbp.LSTM(2, 3), rnnbp.Dense(3, 1), seed=seed) for seed in (0, 1))
    arrays = interop.state_dict(one)
    assert interop.load_state_dict(other, arrays) == ([], [])
    assert np.array_equal(other.params.vector, one.params.vector)
    arrays["1.bias"][:] = 7
    assert one.params["1.b"] != 7  # they are copies


def test_all_names_and_shapes_that_do_not_fit_are_listed_together_and_nothing_is_changed():
    model = rnnbp.Sequential(rnnbp.Dense(2, 3), rnnbp.Dense(3, 1))
    before = model.params.vector.copy()
    arrays = {"0.weight": np.ones((2, 3)), "0.bias": ["a", "b", "c"], "1.weight": np.ones((1, 3)), "fc.bias": [1]}
    with pytest.raises(ValueError, match="does not fit the model") as error:
        interop.load_state_dict(model, arrays)
    assert str(error.value).splitlines()[1:] == [
        "  missing: 1.bias of shape (1,)",
        "  unexpected: fc.bias. Did you mean '1.bias'?",
        "  0.weight has shape (2, 3), the model's has (3, 2)",
        "  0.bias must be of real numbers, got <U1",
    ]
    assert np.array_equal(model.params.vector, before)


def test_without_strict_only_the_names_in_common_are_loaded():
    model = rnnbp.Sequential(rnnbp.Dense(2, 1))
    before = model.params["0.w"].copy()
    found = interop.load_state_dict(model, {"0.bias": [5], "1.bias": [6]}, strict=False)
    assert found == (["0.weight"], ["1.bias"])
    assert np.array_equal(model.params["0.w"], before)
    assert model.params["0.b"] == 5
    with pytest.raises(ValueError, match=r"0.bias has shape \(2,\), the model's has \(1,\)"):
        interop.load_state_dict(model, {"0.bias": [5, 6]}, strict=False)


def test_biases_fixed_at_zero_have_no_name():
    model = rnnbp.Sequential(rnnbp.GRU(2, 3), rnnbp.Dense(3, 1))
    model.params.set_mask("0.b_ih", False)
    assert "0.bias_ih_l0" in interop.state_dict(model)  # as the other is not
    model.params.set_mask("0.b_hh", False)
    assert list(interop.state_dict(model)) == ["0.weight_ih_l0", "0.weight_hh_l0", "1.weight", "1.bias"]
    interop.load_state_dict(model, interop.state_dict(model))
    assert not model.params["0.b_hh"].any()


def test_an_array_that_breaks_the_mask_is_refused():
    model = rnnbp.Sequential(rnnbp.Dense(2, 1))
    model.params.set_mask("0.w", [[True, False]])
    with pytest.raises(ValueError, match=r"0.weight must be zero where the model's mask fixes 0.w at zero"):
        interop.load_state_dict(model, {"0.weight": [[1, 1]], "0.bias": [1]})


@pytest.mark.parametrize("order", [1, -1])  # files of safetensors are sorted by name
def test_prefixes_that_would_fit_are_named(order):
    model = rnnbp.Sequential(rnnbp.Embedding(5, 3), rnnbp.GRU(3, 4), rnnbp.Last(), rnnbp.Dense(4, 2))
    prefixes = {0: "embed", 1: "encoder.rnn", 3: "fc"}
    arrays = dict(list(interop.state_dict(model, prefixes).items())[::order])
    with pytest.raises(ValueError, match=f"it fits with prefixes={re.escape(str(prefixes))}$"):
        interop.load_state_dict(model, arrays)
    assert interop.load_state_dict(model, arrays, prefixes) == ([], [])
    arrays["fc.bias"] = np.ones(3)
    with pytest.raises(ValueError, match="does not fit") as error:
        interop.load_state_dict(model, arrays)
    assert "it fits" not in str(error.value)


def test_what_is_no_state_dict_and_no_prefixes_is_refused():
    model = rnnbp.Sequential(rnnbp.Dense(2, 1))
    with pytest.raises(ValueError, match=r"arrays must be a state dict, .* got 'net.pt': torch.load\(path\) reads"):
        interop.load_state_dict(model, "net.pt")
    with pytest.raises(ValueError, match=r"prefixes must be names by the numbers of layers, .* got False"):
        interop.load_state_dict(model, interop.state_dict(model), False)
