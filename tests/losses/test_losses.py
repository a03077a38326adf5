"""Losses: values against PyTorch, gradients against the complex step, parts against the whole."""

import math

import numpy as np
import pytest

from rnnbp.losses import (
    LOSSES,
    BinaryCrossEntropy,
    CrossEntropy,
    Huber,
    Loss,
    MeanAbsoluteError,
    MeanSquaredError,
    MixtureDensity,
    Quantile,
    from_config,
)

T, B, K = 5, 3, 4
LENGTHS = np.array([5, 3, 1])
REAL = np.arange(T)[:, None] < LENGTHS


def targets_for(loss: Loss, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Return targets of items of `shape`, one of them missing."""
    if isinstance(loss, CrossEntropy):
        labels = rng.integers(K, size=shape)
        labels.flat[1] = -1
        return labels
    values = rng.uniform(0, 1, (*shape, VALUES.get(type(loss), K)))
    values.flat[1] = np.nan
    return values


VALUES = {Quantile: 2, MixtureDensity: 2}  # D, the number of values of a target where it is not that of the outputs


def width(loss: Loss) -> int:
    """Return the number of outputs of a loss."""
    return loss.outputs(VALUES.get(type(loss), K))


def of_outputs(loss: Loss, missing: np.ndarray) -> np.ndarray:
    """Return which outputs have no effect where these target values are missing."""
    if isinstance(loss, Quantile):
        return np.repeat(missing, len(loss.quantiles), axis=-1)
    if isinstance(loss, MixtureDensity):
        M = loss.components
        return np.concatenate(
            [np.repeat(missing.all(axis=-1, keepdims=True), M, axis=-1), *[missing] * (2 * M)], axis=-1
        )
    return missing


CASES = [
    pytest.param(CrossEntropy(), id="cross entropy"),
    pytest.param(CrossEntropy(class_weight=[1.0, 0.5, 2.0, 0.1]), id="weighted cross entropy"),
    pytest.param(CrossEntropy(class_weight=[1.0, 0.5, 2.0, 0.1], label_smoothing=0.2), id="smoothed cross entropy"),
    pytest.param(BinaryCrossEntropy(), id="binary cross entropy"),
    pytest.param(MeanSquaredError(), id="squared error"),
    pytest.param(MeanAbsoluteError(), id="absolute error"),
    pytest.param(Huber(delta=0.7), id="Huber"),
    pytest.param(Quantile((0.2, 0.9)), id="quantiles"),
    pytest.param(MixtureDensity(2, min_scale=0.1), id="mixture density"),
]
OF_ITEMS = [
    pytest.param((B,), None, id="per sequence"),
    pytest.param((T, B), None, id="per step"),
    pytest.param((T, B), LENGTHS, id="per step, unequal"),
]


@pytest.mark.parametrize(("shape", "lengths"), OF_ITEMS)
@pytest.mark.parametrize("loss", CASES)
class TestEveryLoss:
    def test_gradient_equals_the_complex_step(self, loss, shape, lengths, rng):
        outputs, targets = 2 * rng.standard_normal((*shape, width(loss))), targets_for(loss, rng, shape)
        value, d_outputs = loss(outputs, targets, lengths)
        numerical = np.zeros_like(outputs)
        for place in np.ndindex(outputs.shape):
            moved = outputs.astype(complex)
            moved[place] += 1e-100j
            numerical[place] = loss(moved, targets, lengths)[0].imag / 1e-100
        np.testing.assert_allclose(d_outputs, numerical, rtol=1e-12, atol=1e-15)
        assert loss(outputs.astype(complex), targets, lengths)[0].real == pytest.approx(value, rel=1e-14)

    def test_gradient_agrees_with_central_differences(self, loss, shape, lengths, rng):
        outputs, targets = 2 * rng.standard_normal((*shape, width(loss))), targets_for(loss, rng, shape)
        direction, h = rng.standard_normal(outputs.shape), 1e-5
        slope = (
            loss(outputs + h * direction, targets, lengths)[0] - loss(outputs - h * direction, targets, lengths)[0]
        ) / (2 * h)
        assert np.sum(loss(outputs, targets, lengths)[1] * direction) == pytest.approx(slope, rel=1e-8)

    def test_parts_add_up_to_the_whole(self, loss, shape, lengths, rng):
        outputs, targets = rng.standard_normal((*shape, width(loss))), targets_for(loss, rng, shape)
        real = np.ones(shape, bool) if lengths is None else REAL
        first = rng.random(shape) < 0.5
        total = loss.total(targets, lengths)
        parts = [loss.masked(outputs, targets, real & mask, total) for mask in (first, ~first)]
        value, d_outputs = loss(outputs, targets, lengths)
        assert sum(p[0] for p in parts) == pytest.approx(value, rel=1e-14)
        np.testing.assert_allclose(sum(p[1] for p in parts), d_outputs, rtol=1e-14)
        assert not parts[0][1][~(real & first)].any()

    def test_padding_and_ignored_items_do_not_affect_the_loss(self, loss, shape, lengths, rng):
        outputs, targets = rng.standard_normal((*shape, width(loss))), targets_for(loss, rng, shape)
        ignored = of_outputs(loss, np.isnan(targets)) if targets.ndim == outputs.ndim else (targets == -1)[..., None]
        real = np.ones(shape, bool) if lengths is None else REAL
        missing = np.broadcast_to(ignored | ~real[..., None], outputs.shape)
        changed = targets.copy()
        changed[~real] = 99
        value, d_outputs = loss(np.where(missing, np.inf, outputs), changed, lengths)
        assert value == loss(outputs, targets, lengths)[0]
        assert np.all(d_outputs[missing] == 0)
        assert np.all(d_outputs[~missing] != 0)

    def test_float32_is_preserved_and_arguments_are_not_changed(self, loss, shape, lengths, rng):
        outputs, targets = rng.standard_normal((*shape, width(loss))), targets_for(loss, rng, shape)
        single, before = outputs.astype(np.float32), targets.copy()
        value, d_outputs = loss(single, targets, lengths)
        assert d_outputs.dtype == np.float32
        assert type(value) is float
        exact, d_exact = loss(outputs, targets, lengths)
        assert value == pytest.approx(exact, rel=1e-6)
        np.testing.assert_allclose(d_outputs, d_exact, atol=1e-6)
        np.testing.assert_array_equal(single, outputs.astype(np.float32))
        np.testing.assert_array_equal(targets, before)

    def test_loss_and_gradient_are_zero_if_every_item_is_ignored(self, loss, shape, lengths, rng):
        outputs = rng.standard_normal((*shape, width(loss)))
        targets = (
            np.full(shape, -1)
            if isinstance(loss, CrossEntropy)
            else np.full((*shape, VALUES.get(type(loss), K)), np.nan)
        )
        value, d_outputs = loss(outputs, targets, lengths)
        assert value == 0
        assert not d_outputs.any()

    @pytest.mark.parametrize("number", [np.nan, np.inf])
    def test_nonfinite_outputs_give_a_nonfinite_loss(self, loss, shape, lengths, number, rng):
        outputs, targets = rng.standard_normal((*shape, width(loss))), targets_for(loss, rng, shape)
        outputs.flat[0] = number
        assert not math.isfinite(loss(outputs, targets, lengths)[0])

    def test_a_part_without_items_is_zero(self, loss, shape, lengths, rng):
        outputs, targets = rng.standard_normal((*shape, width(loss))), targets_for(loss, rng, shape)
        value, d_outputs = loss.masked(outputs, targets, np.zeros(shape, bool), 5.0)
        assert value == 0
        assert not d_outputs.any()


def test_cross_entropy_equals_values_by_hand():
    value, d_outputs = CrossEntropy()(np.log([[0.5, 0.25, 0.25]]), [1])
    assert value == pytest.approx(math.log(4))
    np.testing.assert_allclose(d_outputs, [[0.5, -0.75, 0.25]])


def test_smoothing_gives_its_share_of_probability_to_all_classes_alike():
    value, d_outputs = CrossEntropy(label_smoothing=0.3)(np.log([[0.5, 0.25, 0.25]]), [1])
    due = np.array([0.1, 0.8, 0.1])
    assert value == pytest.approx(-np.sum(due * np.log([0.5, 0.25, 0.25])))
    np.testing.assert_allclose(d_outputs, [[0.5, 0.25, 0.25] - due])


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_cross_entropy_of_plain_labels_has_the_bits_of_labels_with_equal_weights(dtype, rng):
    """Labels of sequences that all count are computed on a shorter way than labels with weights."""
    outputs, labels = rng.normal(size=(32, 10)).astype(dtype), rng.integers(10, size=32)
    expected = CrossEntropy(class_weight=np.ones(10))(outputs, labels)
    found = CrossEntropy()(outputs, labels)
    assert found[0] == expected[0]
    assert found[1].dtype == dtype
    np.testing.assert_array_equal(found[1], expected[1])


@pytest.mark.parametrize("shape", [(7,), (5, 3)])
def test_cross_entropy_of_plain_labels_is_the_mean_of_minus_their_log_probabilities(shape, rng):
    outputs, labels = rng.normal(size=(*shape, K)), rng.integers(K, size=shape)
    chosen = np.take_along_axis(CrossEntropy().probabilities(outputs), labels[..., None], axis=-1)
    assert CrossEntropy()(outputs, labels)[0] == pytest.approx(-np.log(chosen).mean(), rel=1e-14)
    assert CrossEntropy()(outputs.tolist(), labels)[0] == pytest.approx(-np.log(chosen).mean(), rel=1e-14)


def test_cross_entropy_of_outputs_in_fortran_order_is_that_of_outputs_in_c_order(rng):
    outputs, labels = rng.normal(size=(6, 4)), rng.integers(4, size=6)
    for expected, found in zip(
        CrossEntropy()(outputs, labels), CrossEntropy()(np.asfortranarray(outputs), labels), strict=True
    ):
        np.testing.assert_array_equal(found, expected)


def test_losses_of_huge_outputs_do_not_overflow():
    outputs = np.array([[1000.0, -1000.0]])
    assert CrossEntropy()(outputs, [1])[0] == 2000
    assert BinaryCrossEntropy()(outputs, [[0.0, 1.0]])[0] == 1000
    np.testing.assert_array_equal(BinaryCrossEntropy()(outputs, [[0.0, 1.0]])[1], [[0.5, -0.5]])
    assert BinaryCrossEntropy()(outputs, [[1.0, 0.0]])[0] == 0


def test_gradients_of_small_probabilities_are_accurate():
    _, d_outputs = BinaryCrossEntropy()(np.array([[-30.0]], np.float32), [[0.0]])
    assert d_outputs[0, 0] == pytest.approx(math.exp(-30), rel=1e-6)


@pytest.mark.torch
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("weight", [None, [1.0, 0.5, 2.0, 0.1]])
@pytest.mark.parametrize(("shape", "lengths"), OF_ITEMS)
def test_cross_entropy_is_pytorchs(shape, lengths, weight, smoothing, rng):
    torch = pytest.importorskip("torch")
    loss = CrossEntropy(class_weight=weight, label_smoothing=smoothing)
    outputs, targets = rng.standard_normal((*shape, K)), targets_for(loss, rng, shape)
    masked = targets if lengths is None else np.where(REAL, targets, -1)
    z = torch.tensor(outputs.reshape(-1, K), requires_grad=True)
    theirs = torch.nn.functional.cross_entropy(
        z,
        torch.tensor(masked.ravel()),
        weight=None if weight is None else torch.tensor(weight, dtype=torch.float64),
        ignore_index=-1,
        label_smoothing=smoothing,
    )
    theirs.backward()
    value, d_outputs = loss(outputs, targets, lengths)
    assert value == pytest.approx(theirs.item(), rel=1e-13)
    np.testing.assert_allclose(d_outputs.reshape(-1, K), z.grad.numpy(), rtol=1e-12, atol=1e-16)


@pytest.mark.torch
@pytest.mark.parametrize(
    ("loss", "name"),
    [
        (BinaryCrossEntropy(), "binary_cross_entropy_with_logits"),
        (MeanSquaredError(), "mse_loss"),
        (MeanAbsoluteError(), "l1_loss"),
        (Huber(), "huber_loss"),
    ],
)
@pytest.mark.parametrize(("shape", "lengths"), OF_ITEMS)
def test_losses_of_values_are_pytorchs(shape, lengths, loss, name, rng):
    torch = pytest.importorskip("torch")
    outputs, targets = rng.standard_normal((*shape, K)), rng.uniform(0, 1, (*shape, K))
    real = np.ones(shape, bool) if lengths is None else REAL
    z = torch.tensor(outputs, requires_grad=True)
    theirs = getattr(torch.nn.functional, name)(z[torch.tensor(real)], torch.tensor(targets[real]))
    theirs.backward()
    value, d_outputs = loss(outputs, targets, lengths)
    assert value == pytest.approx(theirs.item(), rel=1e-13)
    np.testing.assert_allclose(d_outputs, z.grad.numpy(), rtol=1e-12, atol=1e-16)


def test_lengths_do_not_affect_losses_of_one_output_a_sequence(rng):
    outputs = rng.standard_normal((3, 4))
    assert CrossEntropy()(outputs, [0, 1, 2], LENGTHS)[0] == CrossEntropy()(outputs, [0, 1, 2])[0]


@pytest.mark.parametrize("loss", [BinaryCrossEntropy(), MeanSquaredError()])
def test_a_single_output_may_have_targets_without_its_axis(loss, rng):
    outputs, targets = rng.standard_normal((T, B, 1)), rng.integers(2, size=(T, B))
    value, d_outputs = loss(outputs, targets, LENGTHS)
    wide, d_wide = loss(outputs, targets[..., None].astype(float), LENGTHS)
    assert value == wide
    np.testing.assert_array_equal(d_outputs, d_wide)


def test_class_weight_of_zero_leaves_a_class_out(rng):
    outputs = rng.standard_normal((4, 2))
    value, d_outputs = CrossEntropy(class_weight=[1, 0])(outputs, [0, 1, 0, 1])
    assert value == pytest.approx(CrossEntropy()(outputs[::2], [0, 0])[0])
    assert not d_outputs[1::2].any()


def test_another_label_may_be_the_ignored_one(rng):
    outputs = rng.standard_normal((3, 4))
    loss = CrossEntropy(ignore=3)
    assert loss(outputs, [0, 3, 2])[0] == pytest.approx(CrossEntropy()(outputs[::2], [0, 2])[0])


def test_predictions_and_probabilities_follow_from_outputs():
    outputs = np.array([[0.0, math.log(3)], [2.0, 1.0]])
    np.testing.assert_array_equal(CrossEntropy().predict(outputs), [1, 0])
    np.testing.assert_allclose(CrossEntropy().probabilities(outputs)[0], [0.25, 0.75])
    np.testing.assert_array_equal(BinaryCrossEntropy().predict(outputs), [[0, 1], [1, 1]])
    np.testing.assert_allclose(BinaryCrossEntropy().probabilities(outputs)[0], [0.5, 0.75])
    np.testing.assert_array_equal(MeanSquaredError().predict(outputs), outputs)


def test_scores_leave_out_padding_and_ignored_items():
    outputs = np.array([[[0.0, 1.0], [1.0, 0.0]], [[0.0, 1.0], [5.0, 0.0]]])
    assert CrossEntropy().score(outputs, np.array([[1, 1], [-1, 0]]), [2, 1]) == 0.5
    assert BinaryCrossEntropy().score(outputs[0], np.array([[0.0, 1.0], [np.nan, 1.0]])) == 2 / 3
    assert MeanSquaredError().score(np.array([[1.0], [2.0], [9.0]]), np.array([1.0, 2.0, np.nan])) == 1


@pytest.mark.parametrize("loss", CASES)
def test_the_score_of_steps_is_that_of_the_real_ones(loss, rng):
    outputs, targets = rng.standard_normal((T, B, width(loss))), targets_for(loss, rng, (T, B))
    expected = loss.score(outputs[REAL], targets[REAL])
    assert loss.score(outputs, targets, LENGTHS) == pytest.approx(expected, rel=1e-14)
    assert loss.score(outputs, targets) != pytest.approx(expected, rel=1e-3)
    assert loss.score(outputs[0], targets[0], LENGTHS) == loss.score(outputs[0], targets[0])


@pytest.mark.parametrize("loss", CASES)
def test_config_round_trip(loss, rng):
    again = from_config(loss.to_config())
    assert type(again) is type(loss)
    assert repr(again) == repr(loss)
    outputs, targets = rng.standard_normal((B, width(loss))), targets_for(loss, rng, (B,))
    assert again(outputs, targets)[0] == loss(outputs, targets)[0]


def test_losses_are_found_by_name():
    assert LOSSES["cross_entropy"] is CrossEntropy
    metrics = {"accuracy", "r2", "d2", "token_error_rate"}
    assert all(loss.name == name and loss.metric in metrics for name, loss in LOSSES.items())
    with pytest.raises(ValueError, match=r"unknown type 'CrosEntropy'. Did you mean 'CrossEntropy'"):
        from_config({"type": "CrosEntropy"})


@pytest.mark.parametrize(
    ("outputs", "targets", "lengths", "message"),
    [
        (
            (2, 3),
            [0, 3],
            None,
            r"label 3 in targets\[b=1\] is not one of the K = 3 classes 0..2; -1 is ignored",
        ),
        ((5, 3), [0, 1, 2, 0, 4], None, r"label 4 in targets\[b=4\] is not one of the K = 3 classes"),
        ((2, 3), [0, -2], None, r"label -2 in targets\[b=1\] is not one of the K = 3 classes"),
        ((2, 1, 3), [[0], [7]], None, r"label 7 in targets\[t=1, b=0\] is not one of the K = 3 classes"),
        ((2, 3), [0.0, 1.0], None, "targets must be integer class labels, got float64"),
        (
            (2, 3),
            [0, 1, 2],
            None,
            r"targets must have shape \(B,\) = \(2,\) for outputs of shape \(B, K\) = \(2, 3\), got \(3,\)$",
        ),
        (
            (7, 2, 3),
            [0, 1],
            None,
            r"targets must have shape \(T, B\) = \(7, 2\) for outputs of shape \(T, B, K\) = \(7, 2, 3\), "
            r"got \(2,\): add rnnbp.Last\(\) to the model, or give a target for every step",
        ),
        ((7, 2, 3), [0, 1], [7, 5], r"add rnnbp.Last\(\) to the model"),
        ((2, 2, 3), [[[0], [1]], [[0], [1]]], None, r"for outputs of .*, got \(2, 2, 1\)$"),
        ((2, 3), [[0, 1], [0, 1]], None, r"got \(2, 2\): leave out the layer that pools over time"),
        ((3,), [0], None, r"outputs must have shape \(B, K\) or \(T, B, K\), got \(3,\)"),
        ((2, 2, 3), [[0, 1], [0, 1]], [3, 1], "lengths must be from 0 to T = 2, got 1 to 3"),
        ((2, 2, 3), [[0, 1], [0, 1]], [2.0, 1.0], "lengths must be integers"),
        ((2, 2, 3), [[0, 1], [0, 1]], [2], r"lengths must be integers \(B,\) = \(2,\), got int64 of \(1,\)"),
    ],
)
def test_cross_entropy_refuses_targets_and_lengths_that_do_not_fit(outputs, targets, lengths, message):
    for given in (targets, np.array(targets)):
        with pytest.raises(ValueError, match=message):
            CrossEntropy()(np.zeros(outputs), given, lengths)


def test_labels_past_the_end_are_not_checked():
    assert CrossEntropy()(np.zeros((2, 2, 3)), [[0, 1], [0, 77]], [2, 1])[0] == pytest.approx(math.log(3))


def test_total_needs_targets_that_fit_the_lengths():
    with pytest.raises(ValueError, match=r"outputs are for every step: .* B = 3, got \(3,\): add rnnbp.Last\(\)"):
        CrossEntropy().total(np.zeros(3, int), LENGTHS)


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        ([1, -1, 1], "class_weight must be K numbers of 0 or more"),
        ([[1, 1, 1]], "class_weight must be K numbers of 0 or more"),
        ([1, np.inf, 1], "class_weight must be K numbers of 0 or more"),
        ([1, 1], "label 2 has no class weight: class_weight has 2"),
        ([1, 1, 1, 1], "class_weight must have a weight for each of the K = 3 outputs, got 4"),
    ],
)
def test_class_weights_that_do_not_fit_are_refused(weight, message):
    with pytest.raises(ValueError, match=message):
        CrossEntropy(class_weight=weight)(np.zeros((1, 3)), [2])


@pytest.mark.parametrize(
    ("loss", "targets", "message"),
    [
        (BinaryCrossEntropy(), [[0.0, 1.5]], r"targets must be from 0 to 1, got 1.5 in targets\[b=0, k=1\]"),
        (BinaryCrossEntropy(), [[0.0, -1.0]], r"targets must be from 0 to 1, got -1 in"),
        (BinaryCrossEntropy(), [[0.0]], r"targets must have shape \(B, K\) = \(1, 2\) for outputs"),
        (MeanSquaredError(), [1.0, 2.0], r"targets must have shape \(B, K\) = \(1, 2\) .* got \(2,\)"),
        (MeanSquaredError(), [["a", "b"]], "targets must be real numbers, got <U1"),
        (MeanSquaredError(), [[1j, 1]], "targets must be real numbers, got complex128"),
    ],
)
def test_losses_of_values_refuse_targets_that_do_not_fit(loss, targets, message):
    with pytest.raises(ValueError, match=message):
        loss(np.zeros((1, 2)), np.array(targets))


def test_integer_outputs_and_odd_masks_are_refused():
    with pytest.raises(ValueError, match="outputs must be float or complex, got int64"):
        CrossEntropy()(np.zeros((2, 3), int), [0, 1])
    with pytest.raises(ValueError, match=r"mask must be bool of shape \(B,\) = \(2,\), got int64 of \(2,\)"):
        CrossEntropy().masked(np.zeros((2, 3)), np.array([0, 1]), np.array([1, 0]), 1.0)


def test_a_user_defined_loss_is_the_mean_of_its_terms(rng):
    class LogCosh(Loss):
        def weights(self, targets):
            return np.ones(targets.shape)

        def align(self, outputs, targets):
            return targets

        def terms(self, outputs, targets, weights):
            error = outputs - targets
            return (np.log(np.cosh(error)) * weights).sum(axis=1), np.tanh(error) * weights

    outputs, targets = rng.standard_normal((2, 3)), rng.standard_normal((2, 3))
    value, d_outputs = LogCosh()(outputs, targets)
    assert value == pytest.approx(np.log(np.cosh(outputs - targets)).mean())
    np.testing.assert_allclose(d_outputs, np.tanh(outputs - targets) / 6)


def test_label_smoothing_above_1_is_refused():
    with pytest.raises(ValueError, match=r"label_smoothing must be a number between 0 and 1, got 1\.5"):
        CrossEntropy(label_smoothing=1.5)
