"""What of Keras's layers is translated, what is refused by name, and what comes back."""

import importlib

import numpy as np
import pytest

keras = pytest.importorskip("keras")

import rnnbp  # noqa: E402
from rnnbp import cells, interop, kernels, layers  # noqa: E402

pytestmark = pytest.mark.interop

K = keras.layers


@pytest.fixture(autouse=True)
def by_numpy():
    with kernels.using("numpy"):
        yield


def built(*row):
    """A model of Keras of layers on three features."""
    return keras.Sequential([keras.Input((None, 3)), *row])


@keras.saving.register_keras_serializable()
class Doubled(K.Layer):
    """A user's layer."""

    def call(self, x):
        return 2 * x


class Net(keras.Model):
    """A user's model, whose call is code."""

    def call(self, x):
        return x


def twice():
    given = keras.Input((None, 3))
    layer = K.Dense(3)
    return keras.Model(given, layer(layer(given)))


def branched():
    given = keras.Input((None, 3))
    return keras.Model(given, K.Add()([K.Dense(2)(given), K.Dense(2)(given)]))


REFUSED = {
    "dropout of both": (
        lambda: built(K.Bidirectional(K.LSTM(2, dropout=0.2))),
        "dropout=0.2 in a Bidirectional has no",
    ),
    "recurrent_dropout": (lambda: built(K.GRU(2, recurrent_dropout=0.1)), r"GRU: recurrent_dropout=0.1 has no counter"),
    "stateful": (lambda: built(K.GRU(2, stateful=True)), "stateful=True"),
    "merge_mode": (
        lambda: built(K.Bidirectional(K.GRU(2), merge_mode="sum")),
        "merge_mode must be 'concat', got 'sum'",
    ),
    "backward_layer": (
        lambda: built(K.Bidirectional(K.GRU(2), backward_layer=K.GRU(2, reset_after=False, go_backwards=True))),
        "backward_layer must be as the forward one",
    ),
    "activation of a cell": (lambda: built(K.LSTM(2, activation="swish")), r"activation='silu' has no counterpart"),
    "recurrent_activation": (lambda: built(K.GRU(2, recurrent_activation="gelu")), "recurrent_activation='gelu'"),
    "activation": (
        lambda: built(K.Dense(2, "elu")),
        r"Dense: activation='elu' has no counterpart; taken are linear, relu",
    ),
    "softmax below": (lambda: built(K.Dense(2, "softmax"), K.Dense(2)), "softmax is taken from the last layer alone"),
    "a layer": (
        lambda: built(K.BatchNormalization()),
        r"BatchNormalization: has no counterpart; taken are Activation,",
    ),
    "an inner layer": (
        lambda: built(K.TimeDistributed(K.BatchNormalization())),
        "layer=BatchNormalization has no counter",
    ),
    "a user's layer": (lambda: built(Doubled()), "Doubled: a class of your own has no counterpart"),
    "a user's model": (lambda: Net(name="net"), r"net is a Net, whose call is code, which is not translated"),
    "branches": (branched, r"must be in a row: layer add\S* has 2 inputs or outputs"),
    "a layer used twice": (twice, r"layer dense\S* is used twice, with the same weights"),
    "noise_shape": (
        lambda: built(K.Dropout(0.5, noise_shape=(None, 1, 3))),
        r"noise_shape=\(None, 1, 3\) has no counterpart",
    ),
    "max_value": (lambda: built(K.ReLU(max_value=6)), "max_value must be None, got 6"),
    "strides": (lambda: built(K.Conv1D(2, 3, strides=2, padding="same")), "padding='same' takes stride 1, got 2"),
    "keepdims": (lambda: built(K.GlobalAveragePooling1D(keepdims=True)), "got keepdims=True"),
    "not built": (lambda: keras.Sequential([K.GRU(2)]), "GRU: is not built: give keras.Input"),
    "dtype": (lambda: built(K.Dense(2, dtype="mixed_bfloat16")), "dtype must be float32 .*, got mixed_bfloat16"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_has_no_counterpart_is_named(case):
    make, message = REFUSED[case]
    with pytest.raises(ValueError, match=message):
        interop.from_keras(make())


UNKNOWN = {
    "a cell": (lambda: [layers.Jordan(3, 4, 2)], r"layer 0, Jordan.* keras.layers has none that runs JordanCell"),
    "a layer": (
        lambda: [layers.TimeStatistics(), layers.Dense(6, 2)],
        r"TimeStatistics\(\), has no counterpart in Keras",
    ),
    "the last step": (lambda: [layers.Conv1D(3, 2, 2), layers.Last()], "Keras has no layer for the last step but"),
    "padding": (lambda: [layers.Conv1D(3, 2, 3, padding=1)], "padding must be 'valid', 'same' or 'causal', got 1"),
    "coefficients": (
        lambda: [layers.Recurrent(cells.GeneralGRUCell(3, 4, ("hard_sigmoid", "tanh")))],
        r"keras.activations has no \('hard_sigmoid', 0.2, 0.5\)",
    ),
    "coupled gates": (lambda: [layers.Recurrent(cells.GeneralLSTMCell(3, 4, coupled=True))], "has none that runs"),
}


@pytest.mark.parametrize("case", UNKNOWN)
def test_a_layer_without_counterpart_is_named(case):
    make, message = UNKNOWN[case]
    with pytest.raises(ValueError, match=message):
        interop.to_keras(rnnbp.Sequential(*make()))


def test_masks_that_keras_cannot_have_are_named():
    model = rnnbp.Sequential(rnnbp.LSTM(3, 4))
    model.params.set_mask("0.w_hh", np.arange(16)[:, None] > 3)
    with pytest.raises(ValueError, match="the mask of w_hh fixes entries at zero, which Keras cannot"):
        interop.to_keras(model)
    model = rnnbp.Sequential(rnnbp.GRU(3, 4))
    model.params.set_mask("0.b_hh", False)
    with pytest.raises(ValueError, match="the masks of its biases fix some of them at zero"):
        interop.to_keras(model)
    model = rnnbp.Sequential(rnnbp.Embedding(5, 2), rnnbp.Dense(2, 1))
    model.params.set_mask("0.w", np.arange(5)[:, None] > 0)
    with pytest.raises(ValueError, match="the mask of w fixes entries"):
        interop.to_keras(model)
    assert interop.to_keras(model, mask_value=0).layers[0].mask_zero  # the vector is not used


ROUND_TRIPS = {
    "several layers": [layers.LSTM(3, 4, 2, bidirectional=True, dropout=0.5), layers.Ends(), layers.Dense(8, 2)],
    "backward": [layers.Reverse(), layers.GRU(3, 4), layers.Dense(4, 2)],
    "backward, last": [layers.Reverse(), layers.OriginalGRU(3, 4), layers.Last()],
    "general": [layers.Recurrent(cells.GeneralGRUCell(3, 4, (("hard_sigmoid", 1 / 6, 0.5), "elu"), reset="before"))],
    "convolution": [layers.Conv1D(3, 4, 2, padding="same"), layers.Conv1D(4, 4, 2, padding="valid", stride=2)],
    "causal": [layers.Conv1D(3, 6, 2, padding="causal", groups=3, dilation=2, activation="relu")],
    "dropouts": [layers.VariationalDropout(0.2), layers.RecurrentDropout(cells.LSTMCell(3, 4), 0.3), layers.Last()],
    "normalization": [layers.Normalize([1.0, 2.0, 3.0], [0.5, 2.0, 4.0]), layers.Elman(3, 2)],
    "pointwise, last": [layers.Elman(3, 4), layers.Dense(4, 3, "relu"), layers.LayerNorm(3), layers.Last()],
    "tokens": [layers.Embedding(5, 3), layers.Elman(3, 4, activation="sigmoid"), layers.MeanOverTime()],
}


@pytest.mark.parametrize("case", ROUND_TRIPS)
def test_outputs_are_those_of_the_model_there_and_back(case, rng):
    model = rnnbp.Sequential(*ROUND_TRIPS[case])
    x = rng.integers(5, size=(6, 2)) if case == "tokens" else rng.standard_normal((6, 2, 3)).astype(np.float32)
    theirs = interop.to_keras(model)
    y = keras.ops.convert_to_numpy(theirs(x.swapaxes(0, 1), training=False))
    expected = model.forward(x)
    assert np.allclose(y.swapaxes(0, 1) if y.ndim == 3 else y, expected, atol=1e-6)
    assert np.allclose(interop.from_keras(theirs).forward(x), expected, atol=1e-6)


def test_a_functional_model_with_models_inside_is_a_row(rng):
    given = keras.Input((None, 3))
    inner = keras.Sequential([keras.Input((None, 4)), K.Dense(4, "relu"), K.LayerNormalization()])
    hidden = inner(K.GRU(4, return_sequences=True)(given))
    theirs = keras.Model(given, K.Dense(2)(K.Bidirectional(K.LSTM(3))(hidden)))
    model = interop.from_keras(theirs)
    assert [type(layer).__name__ for layer in model.layers] == ["GRU", "Dense", "LayerNorm", "LSTM", "Ends", "Dense"]
    x = rng.standard_normal((5, 2, 3)).astype(np.float32)
    assert np.allclose(model.forward(x), keras.ops.convert_to_numpy(theirs(x.swapaxes(0, 1))), atol=1e-6)


def test_a_single_layer_is_a_model(rng):
    layer = K.LSTM(4, return_sequences=True)
    x = rng.standard_normal((5, 2, 3)).astype(np.float32)
    y = keras.ops.convert_to_numpy(layer(x.swapaxes(0, 1)))
    assert np.allclose(interop.from_keras(layer).forward(x), y.swapaxes(0, 1), atol=1e-6)


def test_the_dropouts_of_a_recurrent_layer_are_layers_here():
    keras_layer = K.LSTM(4, dropout=0.2, recurrent_dropout=0.1, go_backwards=True)
    model = interop.from_keras(built(keras_layer, K.Dense(1)))
    below = layers.VariationalDropout(0.2), layers.Reverse()
    cell = cells.LSTMCell(3, 4)
    assert model.layers == (*below, layers.RecurrentDropout(cell, 0.1), layers.Last(), layers.Dense(4, 1))
    back = interop.to_keras(model)
    assert back.layers[1].go_backwards
    assert [type(layer).__name__ for layer in back.layers] == ["SpatialDropout1D", "LSTM", "Dense"]
    assert back.layers[1].recurrent_dropout == 0.1
    with pytest.raises(ValueError, match="recurrent_dropout of Keras's GRU also drops what is carried"):
        interop.to_keras(rnnbp.Sequential(layers.RecurrentDropout(cells.GRUCell(3, 4), 0.1)))


def test_the_absence_of_keras_and_of_its_backend_are_told_apart(monkeypatch):
    def absent(name):
        def raising(module):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

        return raising

    model = rnnbp.Sequential(rnnbp.Dense(2, 1))
    with monkeypatch.context() as patch:
        patch.setattr(importlib, "import_module", absent("keras"))
        with pytest.raises(
            ImportError, match=r'this needs keras, which is not installed: pip install "rnnbp\[keras\]"'
        ):
            interop.to_keras(model)
    with monkeypatch.context() as patch:
        patch.setattr(importlib, "import_module", absent("tensorflow"))
        with pytest.raises(ImportError, match=r"tensorflow is not installed: set another one .* KERAS_BACKEND=torch"):
            interop.to_keras(model)


def test_a_softmax_at_the_end_becomes_the_loss(rng):
    theirs = built(K.GRU(4), K.Dense(2, "softmax"))
    model = interop.from_keras(theirs)
    x = rng.standard_normal((5, 2, 3)).astype(np.float32)
    expected = keras.ops.convert_to_numpy(theirs(x.swapaxes(0, 1)))
    assert np.allclose(model.predict_proba(list(x.swapaxes(0, 1))), expected, atol=1e-6)


def test_weights_that_are_not_trainable_are_frozen_both_ways():
    theirs = built(K.LSTM(4, name="lstm"), K.Dense(2))
    theirs.get_layer("lstm").trainable = False
    theirs.layers[1].bias.trainable = False
    model = interop.from_keras(theirs)
    assert model.frozen == ("0.w_ih", "0.w_hh", "0.b_ih", "0.b_hh", "2.b")
    back = interop.to_keras(model)
    assert [v.path.rpartition("/")[2] for v in back.trainable_variables] == ["kernel"]
    assert interop.from_keras(back).frozen == model.frozen


def test_the_one_bias_of_keras_is_one_here_too():
    model = interop.from_keras(built(K.LSTM(4), K.Dense(2, use_bias=False)))
    fixed = {name for name in model.params if not model.params.mask(name).any()}
    assert fixed == {"0.b_hh", "2.b"}
    back = interop.to_keras(model)
    assert not back.layers[1].use_bias
    assert interop.from_keras(back).params == model.params


def test_two_biases_are_added():
    model = rnnbp.Sequential(rnnbp.Elman(3, 4))
    theirs = interop.to_keras(model)
    bias = keras.ops.convert_to_numpy(theirs.layers[0].cell.bias)
    assert np.allclose(bias, model.params["0.b_ih"] + model.params["0.b_hh"])


def test_lengths_are_those_before_masked_steps():
    x = np.ones((4, 2, 3))
    x[2:, 1] = 9
    assert interop.keras_lengths(x, mask_value=9).tolist() == [4, 2]
    with pytest.raises(ValueError, match=r"masked steps must be at the end of a sequence, .* sequence 0 has x\.x"):
        interop.keras_lengths(np.array([[1], [0], [2]]))
    with pytest.raises(ValueError, match=r"not all of it; sequence 1 has \.\."):
        interop.keras_lengths(np.array([[1, 0], [1, 0]]))


def test_the_mask_of_tokens_is_zero():
    with pytest.raises(ValueError, match=r"mask_value must be 0 for tokens, got -1"):
        interop.to_keras(rnnbp.Sequential(rnnbp.Embedding(5, 2)), mask_value=-1)
