"""Weights of a dataset in training and evaluation."""

import copy

import numpy as np
import pytest

import rnnbp
from rnnbp.data import SequenceDataset

COUNTS = np.array([2, 0, 3, 1, 1])
REPEATED = np.repeat(np.arange(5), COUNTS)
LENGTHS = (4, 3, 2, 4, 1)


def dataset(per_step=False, values=False, **options):
    rng = np.random.default_rng(2)
    sequences = [rng.standard_normal((n, 2)) for n in LENGTHS]
    sizes = LENGTHS if per_step else [1] * 5
    targets = [rng.uniform(size=(n, 2)) if values else rng.integers(2, size=n) for n in sizes]
    return SequenceDataset(sequences, targets if per_step else np.concatenate(targets), dtype=np.float64, **options)


def trainer(per_step=False, values=False, optimizer=None, gradient=None):
    end = [] if per_step else [rnnbp.Last()]
    model = rnnbp.Sequential(rnnbp.GRU(2, 3), *end, rnnbp.Dense(3, 2), dtype=np.float64)
    loss = rnnbp.MeanSquaredError() if values else rnnbp.CrossEntropy()
    gradient = rnnbp.BPTT() if gradient is None else gradient
    return rnnbp.Trainer(model, loss, gradient, rnnbp.SGD(0.1) if optimizer is None else optimizer)


@pytest.mark.parametrize("values", [False, True])
@pytest.mark.parametrize("per_step", [False, True])
@pytest.mark.parametrize("optimizer", ["SGD", "LBFGS", "NewtonCG"])
def test_training_and_scores_of_integer_weights_equal_those_of_repetition(per_step, values, optimizer):
    # a few iterations: many of them amplify rounding
    make = {"SGD": rnnbp.SGD(0.1), "LBFGS": rnnbp.optimizers.LBFGS(2), "NewtonCG": rnnbp.optimizers.NewtonCG(2)}
    expected, found = (trainer(per_step, values, copy.deepcopy(make[optimizer])) for _ in range(2))
    rows = expected.fit(dataset(per_step, values).subset(REPEATED), epochs=1, batch_size=9, progress=False)
    weighted = dataset(per_step, values, weights=COUNTS)
    again = found.fit(weighted, epochs=1, batch_size=9, progress=False)
    np.testing.assert_allclose(found.model.params.vector, expected.model.params.vector, rtol=1e-8)
    for column in ("loss", found.loss.metric, "gradient_norm"):
        np.testing.assert_allclose(again[column], rows[column], rtol=1e-7)
    scores = expected.evaluate(dataset(per_step, values).subset(REPEATED))
    assert found.evaluate(weighted, batch_size=2) == pytest.approx(scores, rel=1e-7)


def test_weights_of_steps_leave_steps_out_of_the_scores():
    weights = [np.array([1.0] + [0.0] * (n - 1)) for n in LENGTHS]
    one = trainer(per_step=True)
    found = one.evaluate(dataset(per_step=True, weights=weights))
    labels = dataset(per_step=True).targets
    ignored = SequenceDataset(
        dataset().sequences, [np.where(w > 0, t, -1) for w, t in zip(weights, labels)], dtype=np.float64
    )
    assert found == pytest.approx(one.evaluate(ignored), rel=1e-12)


def test_truncated_training_sees_the_weights_of_each_span():
    weights = [np.array([1.0] + [0.0] * (n - 1)) for n in LENGTHS]
    data = dataset(per_step=True, weights=weights)
    one = trainer(per_step=True, gradient=rnnbp.TruncatedBPTT(1, 2))
    norms = [np.abs(g.vector).max() for g in one.gradient.gradients(one.model, data.batch(), one.loss)]
    assert norms[0] > 0
    assert norms[1:] == [0, 0, 0]


def test_a_sequence_of_weight_zero_may_have_a_target_that_the_loss_refuses():
    data = SequenceDataset(dataset().sequences, [0, 7, 1, 0, 1], weights=COUNTS, dtype=np.float64)
    one = trainer()
    one.fit(data, epochs=1, progress=False)
    assert np.isfinite(one.evaluate(data)["loss"])
    with pytest.raises(ValueError, match=r"train: sequence 1, .* label 7"):
        trainer().fit(SequenceDataset(data.sequences, data.targets, dtype=np.float64), epochs=1, progress=False)


def test_weights_that_are_all_zero_train_nothing():
    one = trainer()
    before = one.model.params.vector.copy()
    rows = one.fit(dataset(weights=np.zeros(5)), epochs=1, progress=False)
    assert rows["loss"].tolist() == [0]
    assert np.isnan(rows["accuracy"]).all()
    np.testing.assert_array_equal(one.model.params.vector, before)
