"""Scheduled sampling: the exact gradient of a loss whose inputs are partly the model's own outputs."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import rnnbp
from rnnbp.core import Parameters
from rnnbp.gradients.base import Gradient, GradientAlgorithm, whole_loss
from rnnbp.layers import Run

LENGTHS = (8, 8, 5, 1)
LAYERS = {
    "Elman": lambda: [rnnbp.Elman(2, 4), rnnbp.Dense(4, 2)],
    "two LSTM layers": lambda: [rnnbp.LSTM(2, 4, num_layers=2), rnnbp.Dense(4, 2)],
    "learned start of a GRU": lambda: [rnnbp.LearnedStart(rnnbp.GRU(2, 4)), rnnbp.Dense(4, 2)],
    "window": lambda: [rnnbp.Window(2, 0), rnnbp.Dense(6, 5, "tanh"), rnnbp.Dense(5, 2)],
    "dropout": lambda: [rnnbp.Dropout(0.3), rnnbp.GRU(2, 4), rnnbp.VariationalDropout(0.3), rnnbp.Dense(4, 2)],
}


def model_of(name: str) -> rnnbp.Sequential:
    return rnnbp.Sequential(*LAYERS[name](), seed=1, dtype=np.float64)


def batch_of(rng: np.random.Generator, resets: bool = False) -> rnnbp.SequenceBatch:
    x = [rng.normal(size=(n, 2)) for n in LENGTHS]
    flags = [np.arange(n) % 4 == 3 for n in LENGTHS] if resets else None
    targets = [rng.normal(size=(n, 2)) for n in LENGTHS]
    return rnnbp.SequenceDataset(x, targets, resets=flags, dtype=np.float64).batch()


def gradient(
    algorithm: GradientAlgorithm, model: rnnbp.Sequential, batch: rnnbp.SequenceBatch, loss: rnnbp.losses.Loss
) -> Gradient:
    (found,) = algorithm.gradients(model, batch, loss, rng=np.random.default_rng(5))
    return found


def free_running_loss(model: rnnbp.Sequential, params: Parameters, batch: rnnbp.SequenceBatch, taught: int) -> complex:
    """The loss of a model that is fed its outputs after a number of steps, written as a plain loop."""
    outputs, state = [], None
    for t in range(batch.steps):
        x = batch.x[t] if t < taught else outputs[-1]
        y, _, state = model.unroll(params, x[None], Run.of(batch, None, t, t + 1), state)
        outputs.append(y[0])
    return whole_loss(model, rnnbp.MeanSquaredError(), np.array(outputs), batch)[0]


@pytest.mark.parametrize("name", ["Elman", "two LSTM layers", "learned start of a GRU", "window"])
@pytest.mark.parametrize("taught", [1, 3])
def test_free_running_gradient_is_the_complex_step_of_a_plain_loop(name: str, taught: int) -> None:
    model, batch = model_of(name), batch_of(np.random.default_rng(0))
    algorithm = rnnbp.ScheduledSampling(1.0, warm_up=taught)
    (found,) = algorithm.gradients(model, batch, rnnbp.MeanSquaredError())
    np.testing.assert_allclose(found.loss, free_running_loss(model, model.params, batch, taught), rtol=1e-13)
    places = range(0, model.params.size, 1 + model.params.size // 25)
    exact = []
    for k in places:
        moved = model.params.astype(complex)
        moved.vector[k] += 1e-30j
        exact.append(free_running_loss(model, moved, batch, taught).imag / 1e-30)
    np.testing.assert_allclose(found.vector[places], exact, rtol=0, atol=1e-12 * np.abs(found.vector).max())


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("resets", [False, True])
@pytest.mark.parametrize("probability", [0.4, 1.0])
def test_gradient_through_what_is_fed_back_is_that_of_the_loss(name: str, resets: bool, probability: float) -> None:
    """The complex step along a random direction, with the same inputs fed back and the same masks."""
    model, batch = model_of(name), batch_of(np.random.default_rng(0), resets)
    algorithm, direction = rnnbp.ScheduledSampling(probability), np.random.default_rng(3).normal(size=model.params.size)
    found = gradient(algorithm, model, batch, rnnbp.MeanSquaredError())
    moved = rnnbp.Sequential(*model.layers, seed=1, dtype=np.float64)
    moved.params = Parameters(model.params.shapes, model.params.vector + 1e-30j * direction)
    slope = gradient(algorithm, moved, batch, rnnbp.MeanSquaredError()).loss.imag / 1e-30
    assert found.vector @ direction == pytest.approx(slope, rel=1e-11)


def test_without_feedback_it_is_teacher_forcing() -> None:
    model, batch = model_of("two LSTM layers"), batch_of(np.random.default_rng(0))
    for algorithm in (rnnbp.ScheduledSampling(0.0), rnnbp.ScheduledSampling(1.0, warm_up=8)):
        found, wanted = (gradient(a, model, batch, rnnbp.MeanSquaredError()) for a in (algorithm, rnnbp.BPTT()))
        np.testing.assert_array_equal(found.vector, wanted.vector)
        np.testing.assert_array_equal(found.outputs, wanted.outputs)
        assert found.loss == wanted.loss


def test_a_gradient_that_stops_is_that_at_fixed_inputs() -> None:
    model, batch = model_of("Elman"), batch_of(np.random.default_rng(0))
    found = gradient(rnnbp.ScheduledSampling(1.0, through=False), model, batch, rnnbp.MeanSquaredError())
    x = batch.x.copy()
    x[1:] = found.outputs[:-1]
    fixed = rnnbp.SequenceBatch(x, batch.lengths, batch.targets)
    wanted = gradient(rnnbp.BPTT(), model, fixed, rnnbp.MeanSquaredError())
    np.testing.assert_allclose(found.vector, wanted.vector, rtol=0, atol=1e-14)
    through = gradient(rnnbp.ScheduledSampling(1.0), model, batch, rnnbp.MeanSquaredError())
    assert through.loss == found.loss
    assert np.abs(through.vector - found.vector).max() > 1e-3


def test_tokens_that_a_model_samples_are_fed_back_without_a_gradient() -> None:
    model = rnnbp.Sequential(rnnbp.Embedding(4, 3), rnnbp.GRU(3, 5), rnnbp.Dense(5, 4), dtype=np.float64)
    model.params["2.w"] *= 1e4  # so that the sample is the most probable token
    rng = np.random.default_rng(0)
    x = [rng.integers(4, size=n) for n in LENGTHS]
    batch = rnnbp.SequenceDataset(x, [rng.integers(4, size=n) for n in LENGTHS]).batch()
    found = gradient(rnnbp.ScheduledSampling(1.0), model, batch, rnnbp.CrossEntropy())
    fed = batch.x.copy()
    fed[1:] = found.outputs[:-1].argmax(axis=-1)
    assert (fed != batch.x).any()
    fixed = rnnbp.SequenceBatch(fed, batch.lengths, batch.targets)
    wanted = gradient(rnnbp.BPTT(), model, fixed, rnnbp.CrossEntropy())
    np.testing.assert_allclose(found.outputs[0], wanted.outputs[0], rtol=1e-12)
    np.testing.assert_allclose(found.vector, wanted.vector, rtol=0, atol=1e-10 * np.abs(wanted.vector).max())


def test_a_mixture_is_fed_its_samples() -> None:
    model = rnnbp.Sequential(rnnbp.GRU(1, 4), rnnbp.Dense(4, 3), dtype=np.float64)
    batch = rnnbp.SequenceDataset([np.zeros((200, 1))], [np.zeros((200, 1))], dtype=np.float64).batch()
    loss = rnnbp.MixtureDensity(1)
    outputs = [gradient(rnnbp.ScheduledSampling(p), model, batch, loss).outputs for p in (0.0, 1.0)]
    assert outputs[1].std(axis=0).min() > 10 * outputs[0][100:].std(axis=0).max()


@pytest.mark.parametrize(("probability", "warm_up"), [(0.3, 0), (0.3, 2), (1.0, 3)])
def test_inputs_are_fed_back_with_the_probability_after_the_warm_up(probability: float, warm_up: int) -> None:
    reset = np.zeros((40, 3), bool)
    reset[20, 1] = True
    lengths = np.array([40, 40, 30])
    batch = rnnbp.SequenceBatch(np.zeros((40, 3, 1)), lengths, reset=reset)
    algorithm = rnnbp.ScheduledSampling(probability, warm_up=warm_up)
    fed = np.mean([algorithm.fed(batch, np.random.default_rng(seed))[0] for seed in range(400)], axis=0)
    taught = max(1, warm_up)
    np.testing.assert_array_equal(fed[:taught], 0)
    np.testing.assert_array_equal(fed[20 : 20 + taught, 1], 0)
    np.testing.assert_array_equal(fed[30:, 2], 0)
    np.testing.assert_allclose(fed[taught:, 0], probability, atol=0.12)
    np.testing.assert_allclose(fed[taught:, 0].mean(), probability, atol=0.02)


def test_a_trainer_follows_the_schedule_from_batch_to_batch() -> None:
    epochs = []

    def schedule(epoch: float) -> float:
        epochs.append(epoch)
        return min(1.0, epoch / 2)

    data = rnnbp.SequenceDataset([np.ones((4, 1))] * 4).shifted()
    model = rnnbp.Sequential(rnnbp.GRU(1, 3), rnnbp.Dense(3, 1))
    trainer = rnnbp.Trainer(model, rnnbp.MeanSquaredError(), rnnbp.ScheduledSampling(schedule))
    epochs.clear()
    trainer.fit(data, epochs=2, batch_size=2, progress=False)
    assert epochs == [0.0, 0.5, 1.0, 1.5]


def test_a_resumed_training_is_the_one_that_never_stopped(tmp_path: Path) -> None:
    data = rnnbp.SequenceDataset([np.sin(np.arange(12) + s)[:, None] for s in range(6)]).shifted()

    def trainer() -> rnnbp.Trainer:
        model = rnnbp.Sequential(rnnbp.GRU(1, 4), rnnbp.Dense(4, 1))
        gradient = rnnbp.ScheduledSampling(rnnbp.LinearSampling(4))
        return rnnbp.Trainer(model, rnnbp.MeanSquaredError(), gradient, seed=3)

    whole, first, second = trainer(), trainer(), trainer()
    whole.fit(data, epochs=4, batch_size=2, progress=False)
    first.fit(data, epochs=2, batch_size=2, progress=False)
    first.save(tmp_path / "run.npz")
    second.resume(tmp_path / "run.npz")
    second.fit(data, epochs=2, batch_size=2, progress=False)
    np.testing.assert_array_equal(second.model.params.vector, whole.model.params.vector)


def test_training_on_its_own_outputs_lowers_the_free_running_loss_that_teacher_forcing_leaves() -> None:
    rng = np.random.default_rng(0)
    waves = [np.sin(np.arange(40) / 3 + p)[:, None] + 0.5 * rng.normal(size=(40, 1)) for p in rng.uniform(0, 6, 20)]
    data = rnnbp.SequenceDataset(waves).shifted()
    free, loss = rnnbp.ScheduledSampling(1.0, warm_up=15), rnnbp.MeanSquaredError()
    model = rnnbp.Sequential(rnnbp.GRU(1, 8), rnnbp.Dense(8, 1), seed=0)
    found = []
    for algorithm, rate, epochs in ((rnnbp.BPTT(), 0.03, 25), (free, 0.01, 15)):
        trainer = rnnbp.Trainer(model, loss, algorithm, rnnbp.Adam(rate), clip=rnnbp.ClipNorm(1.0))
        trainer.fit(data, epochs=epochs, batch_size=20, progress=False)
        found.append(gradient(free, model, data.batch(), loss).loss)
    assert found[1] < 0.98 * found[0]


@pytest.mark.parametrize(
    ("layers", "loss", "message"),
    [
        ([rnnbp.GRU(2, 3, bidirectional=True), rnnbp.Dense(6, 2)], rnnbp.MeanSquaredError(), "takes causal layers"),
        (
            [rnnbp.GRU(2, 2), rnnbp.Last()],
            rnnbp.MeanSquaredError(),
            "an output for every step, got one for each sequence",
        ),
        ([rnnbp.GRU(2, 3)], rnnbp.MeanSquaredError(), "got 3 values for 2 features: a model of the next step"),
        ([rnnbp.GRU(2, 2)], rnnbp.CrossEntropy(), "CrossEntropy.* predicts int64 of shape"),
    ],
)
def test_a_model_whose_outputs_are_not_its_inputs_is_refused(
    layers: list[rnnbp.layers.Layer], loss: rnnbp.losses.Loss, message: str
) -> None:
    model = rnnbp.Sequential(*layers)
    x = np.zeros((4, 1, 2))
    targets = np.zeros((4, 1), int) if isinstance(loss, rnnbp.CrossEntropy) else np.zeros((4, 1, model.out_shape[-1]))
    if not model.per_step:
        targets = np.zeros((1, 2))
    with pytest.raises(ValueError, match=message):
        next(rnnbp.ScheduledSampling(1.0).gradients(model, rnnbp.SequenceBatch(x, [4], targets), loss))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: rnnbp.ScheduledSampling(1.5), "probability must be a number between 0 and 1, got 1.5"),
        (lambda: rnnbp.ScheduledSampling(lambda epoch: 2.0), "probability must be a number between 0 and 1, got 2.0"),
        (lambda: rnnbp.ScheduledSampling(warm_up=-1), "warm_up must be"),
        (lambda: rnnbp.ScheduledSampling(through=1), "through must be"),
        (lambda: rnnbp.ScheduledSampling(seed=-1), "seed must be an integer of 0 or more"),
        (lambda: rnnbp.LinearSampling(0), "epochs must be a number above 0, got 0"),
        (lambda: rnnbp.LinearSampling(5, start=2), "start must be a number between 0 and 1, got 2"),
        (lambda: rnnbp.LinearSampling(5, end=2), "end must be a number between 0 and 1, got 2"),
        (lambda: rnnbp.ExponentialSampling(2), "k must be a number between 0 and 1, got 2"),
        (lambda: rnnbp.InverseSigmoidSampling(0.5), "k must be a number of 1 or more, got 0.5"),
    ],
)
def test_arguments_are_checked(make: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_a_batch_without_targets_is_refused() -> None:
    batch = replace(batch_of(np.random.default_rng(0)), targets=None)
    with pytest.raises(ValueError, match="batch has no targets, and a gradient needs some"):
        gradient(rnnbp.ScheduledSampling(1.0), model_of("Elman"), batch, rnnbp.MeanSquaredError())


def test_a_seed_counts_beside_a_trainers_generator() -> None:
    model, batch = model_of("Elman"), batch_of(np.random.default_rng(0))
    one, same, other = (
        gradient(rnnbp.ScheduledSampling(0.5, seed=seed), model, batch, rnnbp.MeanSquaredError()).vector.tolist()
        for seed in (0, 0, 1)
    )
    assert one == same
    assert one != other


def test_frozen_parameters_have_no_gradient() -> None:
    model, batch = model_of("two LSTM layers"), batch_of(np.random.default_rng(2))
    loss, algorithm = rnnbp.MeanSquaredError(), rnnbp.ScheduledSampling(0.5)
    expected = gradient(algorithm, model, batch, loss).vector.copy()
    model.freeze("0.*")
    frozen = model.params.frozen_vector
    expected[frozen] = 0
    np.testing.assert_array_equal(gradient(algorithm, model, batch, loss).vector, expected)
