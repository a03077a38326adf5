"""Results that the package guarantees, on real data and on the field's tasks."""

import numpy as np
import pytest

import rnnbp
from rnnbp import comparison
from rnnbp.gradients import GradientAlgorithm
from rnnbp.layers import Layer

GUESSING = 1 / 6  # the variance of the sum of two numbers uniform in [0, 1]


def adding_error(layer: Layer, gradient: GradientAlgorithm, steps: int, batches: int, hidden_size: int = 32) -> float:
    """Return the mean squared error on new sequences after training."""
    model = rnnbp.Sequential(layer, rnnbp.Last(), rnnbp.Dense(hidden_size, 1))
    loss, optimizer, clip = rnnbp.MeanSquaredError(), rnnbp.Adam(0.01), rnnbp.ClipNorm(1.0)
    for n in range(batches):
        batch = rnnbp.datasets.adding_problem(32, steps, seed=n).batch()
        for g in gradient.gradients(model, batch, loss):
            clip(g.vector)
            optimizer.step(model.params, g.vector)
    unseen = rnnbp.datasets.adding_problem(500, steps, seed=10**6).batch()
    return loss(model.forward(unseen), unseen.targets)[0]


@pytest.mark.slow
@pytest.mark.parametrize(("steps", "batches"), [(100, 1000)])
def test_gru_solves_the_adding_problem(steps: int, batches: int) -> None:
    layer = rnnbp.GRU(2, 32, init=rnnbp.Chrono(steps))
    assert adding_error(layer, rnnbp.BPTT(), steps, batches) < 0.001


@pytest.mark.slow
def test_elman_with_bptt_truncated_to_one_step_does_not() -> None:
    error = adding_error(rnnbp.Elman(2, 32), rnnbp.TruncatedBPTT(1, 1), steps=100, batches=75)
    assert error > 0.5 * GUESSING


def test_a_static_network_classifies_digits() -> None:
    train, test = rnnbp.datasets.load_digits()
    model = rnnbp.Sequential(
        rnnbp.Flatten(1), rnnbp.Dense(64, 128, "relu"), rnnbp.Dropout(0.5), rnnbp.Dense(128, 10), seed=0
    )
    trainer = rnnbp.Trainer(model, rnnbp.CrossEntropy(), rnnbp.Backprop(), rnnbp.Adam(0.005), schedule=rnnbp.Cosine(30))
    trainer.fit(train, epochs=30, batch_size=32, progress=False)
    assert trainer.evaluate(test)["accuracy"] >= 0.975


@pytest.mark.slow
def test_the_best_recurrent_network_on_japanese_vowels() -> None:
    """Two seeds of three gated networks; the best is the one that cross-validation within the training set chooses."""
    train, test = rnnbp.datasets.load_japanese_vowels()
    wanted = ("lstm", "gru", "bigru")
    report = rnnbp.compare(
        {name: comparison.model_factory(name, train) for name in wanted},
        train,
        test,
        seeds=2,
        epochs=25,
        loss=comparison.loss_for(train),
        optimizers={name: comparison.BASELINES[name].optimizer for name in wanted},
        progress=False,
    )
    best = report.table.set_index("model").loc[report.best("recurrent")]
    assert best["test_mean"] >= 0.985


def test_the_static_baseline_is_as_good_as_a_support_vector_machine() -> None:
    """A support vector machine on resampled frames reaches 0.978."""
    train, test = rnnbp.datasets.load_japanese_vowels()
    scores = []
    for seed in range(3):
        trainer = rnnbp.Trainer(
            comparison.model_factory("resampled-mlp", train)(seed),
            rnnbp.CrossEntropy(),
            rnnbp.Backprop(),
            comparison.BASELINES["resampled-mlp"].optimizer(),
            seed=seed,
            schedule=rnnbp.Cosine(25),
        )
        trainer.fit(train, epochs=25, progress=False)
        scores.append(trainer.evaluate(test)["accuracy"])
    assert np.mean(scores) >= 0.975
