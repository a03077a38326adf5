"""Weights of sequences and steps: every loss, by every exact gradient algorithm, equals that of repeated sequences."""

from dataclasses import replace

import numpy as np
import pytest
from helpers import relative_error

import rnnbp
from rnnbp.data import LabelSequences, SequenceBatch, SequenceDataset
from rnnbp.gradients import hvp
from rnnbp.losses import (
    CTC,
    BinaryCrossEntropy,
    CrossEntropy,
    Huber,
    MeanAbsoluteError,
    MeanSquaredError,
    MixtureDensity,
    Quantile,
)

T, B, K = 5, 4, 3
LENGTHS = np.array([5, 3, 3, 1])
COUNTS = np.array([2, 0, 3, 1])
REPEATED = np.repeat(np.arange(B), COUNTS)

LOSSES = {
    "cross entropy": CrossEntropy(),
    "class weights, smoothed": CrossEntropy(class_weight=[1.0, 0.5, 2.0], label_smoothing=0.1),
    "binary cross entropy": BinaryCrossEntropy(),
    "squared error": MeanSquaredError(),
    "absolute error": MeanAbsoluteError(),
    "Huber": Huber(0.3),
    "quantiles": Quantile(),
    "mixture density": MixtureDensity(1),
}
EXACT = {
    "BPTT": rnnbp.BPTT(),
    "checkpointed": rnnbp.BPTT(slots=2, block=1),
    "whole windows": rnnbp.TruncatedBPTT(T, T),
    "RTRL": rnnbp.RTRL(),
    "complex step": rnnbp.gradients.ComplexStep(),
    "forward gradient": rnnbp.gradients.ForwardGradient(directions=2),
}


def dataset(loss, per_step, **options) -> SequenceDataset:
    """Return sequences whose targets fit a loss, one of them missing where a loss takes that."""
    rng = np.random.default_rng(3)
    sequences = [rng.standard_normal((n, 2)) for n in LENGTHS]
    shapes = [(n,) for n in LENGTHS] if per_step else [()] * B
    if isinstance(loss, CrossEntropy):
        targets = [rng.integers(K, size=shape) for shape in shapes]
        if per_step:
            targets[0][1] = -1
    else:
        values = 1 if isinstance(loss, Quantile | MixtureDensity) else K  # of which K are the outputs too
        targets = [rng.uniform(size=(*shape, values)) for shape in shapes]
        if values > 1:
            targets[2][..., 0] = np.nan
    targets = targets if per_step else np.array(targets)
    return SequenceDataset(sequences, targets, dtype=np.float64, **options)


def network(per_step) -> rnnbp.Sequential:
    end = [] if per_step else [rnnbp.Last()]
    return rnnbp.Sequential(rnnbp.Elman(2, 3), *end, rnnbp.Dense(3, K), seed=1, dtype=np.float64)


def total(algorithm, model, batch, loss):
    """Return the loss and the gradient that an algorithm yields in all."""
    found = list(algorithm.gradients(model, batch, loss))
    return sum(g.loss for g in found), np.sum([g.vector for g in found], axis=0)


def assert_equal(found, expected):
    assert found[0] == pytest.approx(expected[0], rel=1e-12)
    assert relative_error(found[1], expected[1]) < 1e-12


@pytest.mark.parametrize("per_step", [False, True])
@pytest.mark.parametrize("algorithm", EXACT)
@pytest.mark.parametrize("loss", LOSSES)
def test_integer_weights_equal_repetition(loss, algorithm, per_step):
    loss, algorithm, model = LOSSES[loss], EXACT[algorithm], network(per_step)
    data = dataset(loss, per_step)
    weighted = dataset(loss, per_step, weights=COUNTS)
    expected = total(algorithm, model, data.subset(REPEATED).batch(), loss)
    assert_equal(total(algorithm, model, weighted.batch(), loss), expected)
    assert expected[0] != pytest.approx(total(algorithm, model, data.batch(), loss)[0], rel=1e-6)


@pytest.mark.parametrize("loss", LOSSES)
def test_integer_weights_equal_repetition_for_static_and_fixed_point_models(loss):
    loss = LOSSES[loss]
    expected, found = dataset(loss, False).subset(REPEATED).batch(), dataset(loss, False, weights=COUNTS).batch()
    for layers, algorithm in (
        ((rnnbp.Last(), rnnbp.Dense(2, K)), rnnbp.Backprop()),
        ((rnnbp.FixedPoint(rnnbp.ElmanCell(2, 3)), rnnbp.Last(), rnnbp.Dense(3, K)), rnnbp.RecurrentBackprop()),
    ):
        model = rnnbp.Sequential(*layers, seed=1, dtype=np.float64)
        assert_equal(total(algorithm, model, found, loss), total(algorithm, model, expected, loss))


@pytest.mark.parametrize("loss", LOSSES)
def test_a_hessian_vector_product_of_integer_weights_equals_repetition(loss):
    loss, model = LOSSES[loss], network(True)
    v = np.random.default_rng(0).standard_normal(model.params.size)
    one = hvp(model, dataset(loss, True, weights=COUNTS).batch(), loss, v)
    other = hvp(model, dataset(loss, True).subset(REPEATED).batch(), loss, v)
    assert relative_error(one.product, other.product) < 1e-12


@pytest.mark.parametrize("algorithm", [*EXACT, "steps of one", "finite differences"])
@pytest.mark.parametrize("loss", LOSSES)
def test_weights_of_steps_are_those_of_the_loss_in_every_exact_algorithm(loss, algorithm):
    loss, model, rng = LOSSES[loss], network(True), np.random.default_rng(5)
    batch = dataset(loss, True, weights=[rng.integers(0, 3, n) for n in LENGTHS]).batch()
    others = {"steps of one": rnnbp.TruncatedBPTT(1, T), "finite differences": rnnbp.gradients.FiniteDifference()}
    value, vector = total((EXACT | others)[algorithm], model, batch, loss)
    expected = total(rnnbp.BPTT(), model, batch, loss)
    assert value == pytest.approx(expected[0], rel=1e-12)
    if algorithm != "forward gradient":  # which is a projection of it
        assert relative_error(vector, expected[1]) < (1e-6 if algorithm == "finite differences" else 1e-12)
    assert rnnbp.check_gradient(model, batch, loss).ok
    outputs = model.forward(batch)
    rows = np.repeat(np.arange(T * B), batch.weights.ravel().astype(int))
    items = outputs.reshape(T * B, K)[rows], batch.targets.reshape(T * B, *batch.targets.shape[2:])[rows]
    assert value == pytest.approx(loss(*items)[0], rel=1e-12)


@pytest.mark.parametrize("weights", [np.zeros(B), np.zeros((T, B))])
@pytest.mark.parametrize("loss", LOSSES)
def test_loss_and_gradient_are_zero_if_all_weights_are(loss, weights):
    loss, model = LOSSES[loss], network(True)
    batch = replace(dataset(loss, True).batch(), weights=weights)
    for algorithm in EXACT.values():
        value, vector = total(algorithm, model, batch, loss)
        assert value == 0
        assert not vector.any()


@pytest.mark.parametrize("loss", LOSSES)
def test_an_item_of_weight_zero_is_as_if_it_were_not_there(loss):
    loss, rng = LOSSES[loss], np.random.default_rng(0)
    outputs, targets = rng.standard_normal((B, K)), dataset(loss, False).targets.copy()
    expected = loss(outputs[[0, 2, 3]], targets[[0, 2, 3]])
    outputs[1], targets[1] = np.nan, 77
    value, d_outputs = loss(outputs, targets, weights=[1, 0, 1, 1])
    assert value == pytest.approx(expected[0], rel=1e-14)
    assert not d_outputs[1].any()
    np.testing.assert_allclose(d_outputs[[0, 2, 3]], expected[1], rtol=1e-14)


@pytest.mark.parametrize("scale", [1e-60, 1.0, 1e60])
def test_the_scale_of_weights_has_no_effect_even_in_float32(scale):
    outputs, labels = np.random.default_rng(0).standard_normal((3, K)).astype(np.float32), np.array([0, 1, 2])
    value, d_outputs = CrossEntropy()(outputs, labels, weights=scale * np.array([1.0, 2.0, 5.0]))
    expected, d_expected = CrossEntropy()(outputs, labels, weights=[1, 2, 5])
    assert value == pytest.approx(expected, rel=1e-6)
    np.testing.assert_allclose(d_outputs, d_expected, rtol=1e-6)
    assert d_outputs.dtype == np.float32


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("per_step", [False, True])
def test_weights_of_one_change_nothing(loss, per_step):
    loss = LOSSES[loss]
    data = dataset(loss, per_step)
    model = network(per_step)
    one = total(rnnbp.BPTT(), model, replace(data.batch(), weights=np.ones(B)), loss)
    assert_equal(one, total(rnnbp.BPTT(), model, data.batch(), loss))


@pytest.mark.torch
def test_weights_are_pytorchs_weighted_mean(rng):
    torch = pytest.importorskip("torch")
    outputs, labels, w = rng.standard_normal((B, K)), rng.integers(K, size=B), rng.uniform(size=B)
    z = torch.tensor(outputs, requires_grad=True)
    theirs = torch.nn.functional.cross_entropy(z, torch.tensor(labels), reduction="none") @ torch.tensor(w) / w.sum()
    theirs.backward()
    value, d_outputs = CrossEntropy()(outputs, labels, weights=w)
    assert value == pytest.approx(theirs.item(), rel=1e-13)
    np.testing.assert_allclose(d_outputs, z.grad.numpy(), rtol=1e-12, atol=1e-16)


class TestCTC:
    LABELS = LabelSequences([[1, 2], [1, 1, 1, 1], [2, 2], [2]])  # the second needs 7 steps

    def data(self, **options):
        rng = np.random.default_rng(3)
        return SequenceDataset(
            [rng.standard_normal((n, 2)) for n in (5, 3, 4, 1)], self.LABELS, dtype=np.float64, **options
        )

    @pytest.mark.parametrize("algorithm", ["BPTT", "checkpointed", "complex step", "forward gradient"])
    def test_integer_weights_equal_repetition_and_leave_out_what_is_too_short(self, algorithm):
        model, algorithm = network(True), EXACT[algorithm]
        expected = total(algorithm, model, self.data().subset(REPEATED).batch(), CTC())
        assert_equal(total(algorithm, model, self.data(weights=COUNTS).batch(), CTC()), expected)

    def test_all_weights_zero_give_zero(self):
        value, vector = total(rnnbp.BPTT(), network(True), self.data(weights=np.zeros(B)).batch(), CTC())
        assert value == 0
        assert not vector.any()

    def test_the_error_rate_of_integer_weights_equals_repetition(self):
        model = network(True)
        one = rnnbp.Trainer(model, CTC()).evaluate(self.data(weights=COUNTS))
        assert one == pytest.approx(rnnbp.Trainer(model, CTC()).evaluate(self.data().subset(REPEATED)), rel=1e-12)

    def test_weights_of_steps_are_refused(self):
        with pytest.raises(ValueError, match=r"weights must have shape \(B,\) = \(4,\) .* got \(5, 4\)"):
            CTC()(np.zeros((5, 4, 3)), [[1]] * 4, weights=np.ones((5, 4)))


@pytest.mark.parametrize(
    ("outputs", "weights", "message"),
    [
        ((2, 3), [1, -1], r"weights must be finite and 0 or more .*, got -1 to 1"),
        ((2, 3), [1, 1e308], r"\(1e-100 to 1e\+100 where not 0\), got 1 to 1e\+308"),
        ((2, 3), [1e-310, 1], r"\(1e-100 to 1e\+100 where not 0\), got 1e-310 to 1"),
        ((2, 3), [1, np.nan], "weights must be finite"),
        ((2, 3), [1, 1, 1], r"weights must have shape \(B,\) = \(2,\) for one output a sequence, \(B, K\), got \(3,\)"),
        (
            (4, 2, 3),
            np.ones((3, 2)),
            r"\(B,\) = \(2,\) or \(T, B\) = \(4, 2\) for an output for each step.*got \(3, 2\)",
        ),
        ((2, 3), ["a", "b"], "weights must be numbers, got <U1"),
    ],
)
def test_weights_that_do_not_fit_are_refused(outputs, weights, message):
    with pytest.raises(ValueError, match=message):
        MeanSquaredError()(np.zeros(outputs), np.zeros(outputs), weights=weights)
    with pytest.raises(ValueError, match=message):
        MeanSquaredError().masked(np.zeros(outputs), np.zeros(outputs), np.ones(outputs[:-1], bool), 1.0, weights)


def test_a_span_has_the_weights_of_its_steps():
    batch = SequenceBatch.from_array(
        np.ones((3, 2, 1)), [1, 3], targets=np.zeros((3, 2), int), weights=[[1, 2], [3, 4], [5, 6]]
    )
    np.testing.assert_array_equal(batch.weights, [[2, 1], [4, 0], [6, 0]])
    np.testing.assert_array_equal(batch.span(1, 3).weights, [[4, 0], [6, 0]])


def test_the_loss_does_not_depend_on_the_unit_of_weights():
    outputs, targets, weights = np.array([[1.0], [3.0]]), np.zeros((2, 1)), np.array([1.0, 3.0])
    expected, d_expected = MeanSquaredError()(outputs, targets, weights=weights)
    for unit in (1e-100, 1e99):
        value, d_outputs = MeanSquaredError()(outputs, targets, weights=weights * unit)
        assert value == pytest.approx(expected, rel=1e-12)
        np.testing.assert_allclose(d_outputs, d_expected, rtol=1e-12)
