"""Models from and to Keras: the same outputs."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

keras = pytest.importorskip("keras")

from rnnbp import interop, kernels  # noqa: E402

pytestmark = pytest.mark.interop

K = keras.layers
# Keras 3.15 over PyTorch rounds to float32 within a recurrent step in float64 as well.
TOLERANCE = {"float32": 1e-5, "float64": 1e-5}
ACTIVATIONS = ["tanh", "sigmoid", "relu", "linear"]
OTHERS = ["softplus", "softsign", "elu", "hard_sigmoid", "leaky_relu"]
RANDOM = settings(max_examples=25, suppress_health_check=list(HealthCheck))


@pytest.fixture(autouse=True)
def by_numpy():
    with kernels.using("numpy"):
        yield


@st.composite
def cases(draw: Any) -> tuple[list[Callable[[], Any]], str, list[int], int]:
    """Random layers of Keras in a row, each a function that makes it, the dtype, the lengths, the vocabulary or 0."""
    dtype = draw(st.sampled_from(["float32", "float64"]))
    features, tokens = draw(st.integers(1, 3)), draw(st.sampled_from([0, 0, 5]))
    lengths = draw(st.lists(st.integers(3, 5), min_size=2, max_size=3))
    row: list[Callable[[], Any]] = [
        partial(keras.Input, (None,) if tokens else (None, features), dtype="int32" if tokens else dtype),
        partial(K.Embedding, tokens, features, mask_zero=True) if tokens else partial(K.Masking, 0.0),
    ]
    names = draw(st.lists(st.sampled_from([*RECURRENT, *POINTWISE]), max_size=2))
    names.insert(draw(st.integers(0, len(names))), draw(st.sampled_from(RECURRENT)))
    in_time = True
    for k, name in enumerate(names):
        if name in RECURRENT:
            in_time = draw(st.booleans()) or any(other in RECURRENT for other in names[k + 1 :])
            row.append(recurrent(draw, name, in_time))
        else:
            row.append(POINTWISE[name](draw))
    if in_time and draw(st.booleans()):
        row.append(K.GlobalAveragePooling1D)
    return row, dtype, lengths, tokens


def recurrent(draw: Any, name: str, sequences: bool) -> Callable[[], Any]:
    """A recurrent layer, alone or in a Bidirectional."""
    options: dict[str, Any] = {"activation": draw(st.sampled_from([*ACTIVATIONS, *OTHERS, *["tanh"] * 6]))}
    options |= {"use_bias": draw(st.sampled_from([True, True, False])), "return_sequences": sequences}
    if name != "SimpleRNN":
        options["recurrent_activation"] = draw(st.sampled_from([*["sigmoid"] * 5, "hard_sigmoid", "tanh"]))
    if name == "GRU":
        options["reset_after"] = draw(st.booleans())
    make = partial(getattr(K, name), draw(st.integers(1, 4)), **options)
    return (lambda: K.Bidirectional(make())) if draw(st.booleans()) else make


def dense(draw: Any) -> Callable[[], Any]:
    """A fully connected layer, also in a TimeDistributed."""
    return partial(K.Dense, draw(st.integers(1, 4)), draw(st.sampled_from(ACTIVATIONS)), draw(st.booleans()))


def normalization(draw: Any) -> Callable[[], Any]:
    """Layer normalization with a great epsilon, so that the rounding of small variances is not magnified."""
    return partial(K.LayerNormalization, epsilon=0.1, center=draw(st.booleans()), scale=draw(st.booleans()))


RECURRENT = ("SimpleRNN", "LSTM", "GRU")
POINTWISE = {
    "Dense": dense,
    "LayerNormalization": normalization,
    "Dropout": lambda draw: partial(K.Dropout, 0.3),
    "GaussianNoise": lambda draw: partial(K.GaussianNoise, 0.3),
    "Activation": lambda draw: partial(K.Activation, draw(st.sampled_from(ACTIVATIONS))),
}


@contextmanager
def default_dtype(dtype: str) -> Iterator[None]:
    """Make layers of Keras of a dtype."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(dtype)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def randomized(model: Any, seed: int) -> None:
    """Set all weights to random numbers: biases begin as zeros in Keras."""
    rng = np.random.default_rng(seed)
    for variable in model.weights:
        variable.assign(rng.uniform(-1, 1, variable.shape))


def inputs(case: Any, seed: int) -> np.ndarray:
    """Random padded sequences (T, B, F), or tokens (T, B), zero past their ends."""
    row, dtype, lengths, tokens = case
    rng, T, B = np.random.default_rng(seed), max(lengths), len(lengths)
    x = rng.integers(1, tokens, (T, B)) if tokens else rng.standard_normal((T, B, row[0].args[0][-1])).astype(dtype)
    x[np.arange(T)[:, None] >= np.array(lengths)] = 0
    return x


def keras_outputs(model: Any, x: np.ndarray) -> np.ndarray:
    """The outputs of a model of Keras, (T, B, K) or (B, K)."""
    y = keras.ops.convert_to_numpy(model(x.swapaxes(0, 1), training=False))
    return y.swapaxes(0, 1) if y.ndim == 3 else y


def error(found: np.ndarray, expected: np.ndarray, lengths: list[int]) -> float:
    """The greatest difference at a real step, relative to the greatest value, or to 1."""
    assert found.shape == expected.shape
    if found.ndim == 3:
        real = np.arange(len(found))[:, None] < np.array(lengths)
        found, expected = found[real], expected[real]
    return float(np.abs(found - expected).max() / max(1, np.abs(expected).max()))


@RANDOM
@given(cases(), st.integers(0, 10**6))
def test_outputs_of_random_models_are_keras(case, seed):
    with default_dtype(case[1]):
        theirs = keras.Sequential([make() for make in case[0]])
    randomized(theirs, seed)
    x = inputs(case, seed)
    model = interop.from_keras(theirs)
    assert model.dtype == (case[1] if theirs.weights else "float32")
    expected = keras_outputs(theirs, x)
    lengths = interop.keras_lengths(x)
    tolerance = TOLERANCE[str(model.dtype)]
    assert lengths.tolist() == case[2]
    assert error(model.forward(x, lengths), expected, case[2]) < tolerance
    back = interop.to_keras(model, mask_value=0)
    assert error(keras_outputs(back, x), expected, case[2]) < tolerance


def test_the_name_of_a_file_is_no_keras_model():
    with pytest.raises(
        ValueError, match=r"model must be a Keras model or layer, got 'm.keras': keras.saving.load_model"
    ):
        interop.from_keras("m.keras")


def tanh(x):
    return 2 * x


class Doubled(keras.Sequential):
    def call(self, inputs, training=None, mask=None):
        return 2 * super().call(inputs)


def test_functions_and_calls_of_ones_own_are_refused_whatever_their_name():
    for layer in (keras.layers.Dense(2, activation=tanh), keras.layers.SimpleRNN(2, activation=tanh)):
        with pytest.raises(ValueError, match="activation='tanh' has no counterpart"):
            interop.from_keras(keras.Sequential([keras.Input((None, 3)), layer]))
    with pytest.raises(ValueError, match="is a Doubled whose call is code"):
        interop.from_keras(Doubled([keras.Input((None, 3)), keras.layers.Dense(2)]))
