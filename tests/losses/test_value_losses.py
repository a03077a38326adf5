"""Losses of values: what they predict, score and sample, in training and in model files."""

import numpy as np
import pytest
from scipy.integrate import trapezoid

import rnnbp
from rnnbp import metrics
from rnnbp.losses import CrossEntropy, Huber, MeanAbsoluteError, MeanSquaredError, MixtureDensity, Quantile

LOSSES = [MeanAbsoluteError(), Huber(), Quantile(), MixtureDensity(2)]


@pytest.mark.torch
def test_a_mixture_density_is_pytorchs(rng):
    torch = pytest.importorskip("torch")
    loss, B, D, M = MixtureDensity(3, min_scale=0.01), 4, 2, 3
    outputs, targets = rng.standard_normal((B, loss.outputs(D))), rng.standard_normal((B, D))
    z = torch.tensor(outputs, requires_grad=True)
    logits, means, scales = z[:, :M], z[:, M : M + M * D].reshape(B, M, D), z[:, M + M * D :].reshape(B, M, D)
    normal = torch.distributions.Independent(torch.distributions.Normal(means, 0.01 + scales.exp()), 1)
    mixture = torch.distributions.MixtureSameFamily(torch.distributions.Categorical(logits=logits), normal)
    theirs = -mixture.log_prob(torch.tensor(targets)).mean() / D
    theirs.backward()
    value, d_outputs = loss(outputs, targets)
    assert value == pytest.approx(theirs.item(), rel=1e-13)
    np.testing.assert_allclose(d_outputs, z.grad.numpy(), rtol=1e-11, atol=1e-15)
    density = mixture.log_prob(torch.tensor(targets)).exp().detach().numpy()
    np.testing.assert_allclose(loss.density(outputs, targets), density, rtol=1e-12)
    np.testing.assert_allclose(loss.predict(outputs), mixture.mean.detach().numpy(), rtol=1e-12)


@pytest.mark.torch
@pytest.mark.parametrize("quantiles", [(0.5,), (0.1, 0.5, 0.9)])
def test_a_pinball_loss_is_that_of_pytorchs_operations(quantiles, rng):
    torch = pytest.importorskip("torch")
    loss, B, D = Quantile(quantiles), 5, 2
    outputs, targets = rng.standard_normal((B, loss.outputs(D))), rng.standard_normal((B, D))
    z, q = torch.tensor(outputs, requires_grad=True), torch.tensor(quantiles, dtype=torch.float64)
    error = torch.tensor(targets)[:, :, None] - z.reshape(B, D, len(quantiles))
    theirs = torch.maximum(q * error, (q - 1) * error).mean()
    theirs.backward()
    value, d_outputs = loss(outputs, targets)
    assert value == pytest.approx(theirs.item(), rel=1e-13)
    np.testing.assert_allclose(d_outputs, z.grad.numpy(), rtol=1e-12)


@pytest.mark.parametrize("quantiles", [(0.5,), (0.1, 0.25, 0.9)])
def test_d2_is_scikit_learns(quantiles, rng):
    sklearn = pytest.importorskip("sklearn.metrics")
    y, w = rng.standard_normal(41), rng.integers(1, 4, 41)
    p = y[:, None] + rng.standard_normal((41, len(quantiles)))
    for k, q in enumerate(quantiles):
        theirs = sklearn.mean_pinball_loss(y, p[:, k], alpha=q, sample_weight=w)
        assert metrics.pinball_loss(y, p[:, k], q, weights=w) == pytest.approx(theirs)
        assert metrics.d2_pinball(y, p[:, k : k + 1], [q]) == pytest.approx(
            sklearn.d2_pinball_score(y, p[:, k], alpha=q), abs=0.02
        )  # whose constant quantile is interpolated
    repeated = np.repeat(np.arange(41), w)
    one = metrics.d2_pinball(y, p, quantiles, weights=w)
    assert one == pytest.approx(metrics.d2_pinball(y[repeated], p[repeated], quantiles), rel=1e-12)


def test_d2_of_few_or_constant_targets():
    assert np.isnan(metrics.d2_pinball([1.0], [[1.0]], [0.5]))
    assert metrics.d2_pinball([1.0, 1.0, np.nan], [[1.0], [1.0], [0.0]], [0.5]) == 1
    assert metrics.d2_pinball([1.0, 1.0], [[1.0], [2.0]], [0.5]) == 0


def noisy(n=60, **options):
    """Return sequences whose target is their mean input and skewed noise."""
    rng = np.random.default_rng(0)
    x = [rng.standard_normal((rng.integers(2, 6), 1)) for _ in range(n)]
    targets = np.array([s.mean() for s in x]) + 0.3 * rng.exponential(size=n)
    return rnnbp.SequenceDataset(x, targets, dtype=np.float64, **options)


def trained(loss, epochs):
    model = rnnbp.Sequential(rnnbp.MeanOverTime(), rnnbp.Dense(1, loss.outputs(1)), dtype=np.float64, seed=1)
    trainer = rnnbp.Trainer(model, loss, optimizer=rnnbp.Adam(0.05))
    trainer.fit(noisy(), epochs=epochs, batch_size=20, progress=False)
    return trainer


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_a_trained_model_scores_and_predicts_one_value_a_sequence_after_saving_too(loss, tmp_path):
    trainer = trained(loss, 40)
    scores = trainer.evaluate(noisy())
    assert scores[loss.metric] > 0.3
    predicted = trainer.model.predict(noisy())
    assert predicted.shape == (60,)
    trainer.model.save(tmp_path / "model.npz")
    again = rnnbp.load(tmp_path / "model.npz")
    assert repr(again.loss) == repr(loss)
    np.testing.assert_array_equal(again.predict(noisy()), predicted)


def test_quantiles_cover_the_targets_with_their_probabilities():
    loss = Quantile((0.1, 0.5, 0.9))
    trainer, data = trained(loss, 120), noisy()
    bands = loss.bands(trainer.model.forward(data.batch()))
    y = data.batch().targets
    covered = (y[..., None] <= bands).mean(axis=(0, 1))
    np.testing.assert_allclose(covered, loss.quantiles, atol=0.05)


def test_quantiles_that_cross_are_sorted():
    assert Quantile().bands([[3.0, 1.0, 2.0]]).tolist() == [[[1, 2, 3]]]
    assert Quantile().predict([[3.0, 1.0, 2.0]]).tolist() == [[2]]
    assert Quantile((0.1, 0.9)).predict(np.zeros((4, 2, 6))).shape == (4, 2, 3, 2)


def test_samples_of_a_mixture_have_its_mean_and_spread():
    loss, n = MixtureDensity(3, min_scale=0.1), 20_000
    logits = np.log([6.0, 3.0, 1.0])
    outputs = np.array([*logits, -1.0, 2.0, 3.0, 4.0, 9.0, 0.0, *np.log([0.4, 0.9, 0.4, 0.9, 0.4, 0.9])])
    found = loss.sample(np.tile(outputs, (n, 1)), np.random.default_rng(0))
    pi, means, scales = np.array([[0.6], [0.3], [0.1]]), outputs[3:9].reshape(3, 2), np.tile([0.5, 1.0], (3, 1))
    mean = (pi * means).sum(axis=0)
    variance = (pi * (scales**2 + means**2)).sum(axis=0) - mean**2
    np.testing.assert_allclose(found.mean(axis=0), mean, atol=5 * np.sqrt(variance / n).max())
    np.testing.assert_allclose(found.var(axis=0), variance, rtol=0.05)
    np.testing.assert_allclose(loss.predict(outputs[None]), [mean], atol=1e-12)


def test_the_density_of_a_mixture_integrates_to_one():
    loss, grid = MixtureDensity(3), np.linspace(-15, 15, 30_001)[:, None]
    outputs = np.random.default_rng(1).standard_normal(9)
    assert trapezoid(loss.density(outputs, grid), grid[:, 0]) == pytest.approx(1, rel=1e-6)


def test_a_mixture_of_far_components_does_not_underflow():
    value, d_outputs = MixtureDensity(2, min_scale=0)(np.array([[0.0, 0.0, 1e3, 2e3, 0.0, 0.0]]), [0.0])
    assert value == pytest.approx(0.5e6 + np.log(2) + 0.5 * np.log(2 * np.pi))
    np.testing.assert_allclose(d_outputs, [[-0.5, 0.5, 1e3, 0, 1 - 1e6, 0]])


def test_a_missing_value_of_a_target_leaves_the_density_of_the_others(rng):
    loss = MixtureDensity(2)
    outputs = rng.standard_normal((1, loss.outputs(2)))
    logits, means, scales = outputs[:, :2], outputs[:, 2:6].reshape(1, 2, 2), outputs[:, 6:].reshape(1, 2, 2)
    marginal = np.concatenate([logits, means[:, :, 0], scales[:, :, 0]], axis=1)
    assert loss(outputs, [[0.3, np.nan]])[0] == pytest.approx(loss(marginal, [0.3])[0], rel=1e-12)


def test_samples_of_classes_occur_with_their_probabilities():
    outputs = np.tile(np.log([0.2, 0.5, 0.3]), (20_000, 1))
    counts = np.bincount(CrossEntropy().sample(outputs, np.random.default_rng(0)), minlength=3) / 20_000
    np.testing.assert_allclose(counts, [0.2, 0.5, 0.3], atol=0.015)
    labels = np.array([[0, 2], [1, 1], [2, 0], [2, 1]])
    outputs = np.where(np.arange(3) == labels[..., None], 50.0, 0.0)
    np.testing.assert_array_equal(CrossEntropy().sample(outputs, np.random.default_rng(0)), labels)


@pytest.mark.parametrize("drawn", [0.0, np.nextafter(1, 0)])
def test_a_class_of_probability_zero_is_never_drawn(drawn):
    class Extreme:
        def random(self, shape):
            return np.full(shape, drawn)

    outputs = [[-np.inf, 0.3, -np.inf], [-np.inf, -700.0, -np.inf]]
    assert CrossEntropy().sample(outputs, Extreme()).tolist() == [1, 1]


def test_huber_is_between_the_squared_and_the_absolute_error(rng):
    outputs, targets = rng.standard_normal((5, 2)), rng.standard_normal((5, 2))
    assert Huber(1e6)(outputs, targets)[0] == pytest.approx(MeanSquaredError()(outputs, targets)[0] / 2)
    assert Huber(1e-9)(outputs, targets)[0] / 1e-9 == pytest.approx(MeanAbsoluteError()(outputs, targets)[0])


# ---- by hand ----------------------------------------------------------------------------------------------


def test_huber_is_a_parabola_up_to_delta_and_a_line_beyond():
    value, d_outputs = Huber(delta=0.5)(np.array([[0.25], [0.5], [2.0], [-2.0]]), np.zeros((4, 1)))
    assert value == pytest.approx((0.25**2 / 2 + 0.5**2 / 2 + 2 * 0.5 * (2 - 0.25)) / 4)
    np.testing.assert_allclose(4 * d_outputs.ravel(), [0.25, 0.5, 0.5, -0.5])


def test_a_pinball_loss_weighs_errors_by_their_side():
    value, d_outputs = Quantile((0.25, 0.5))(np.array([[1.0, 3.0]]), np.array([[2.0]]))
    assert value == pytest.approx((0.25 * 1 + 0.5 * 1) / 2)
    np.testing.assert_allclose(d_outputs, [[-0.25 / 2, 0.5 / 2]])
    assert Quantile().quantiles == (0.1, 0.5, 0.9)


@pytest.mark.parametrize("components", [1, 3])
def test_a_mixture_takes_the_outputs_it_says(components):
    loss = MixtureDensity(components)
    assert [loss.outputs(D) for D in (1, 2)] == [3 * components, 5 * components]
    for K in (loss.outputs(1) - 1, loss.outputs(1) + 1, components):
        with pytest.raises(ValueError, match=f"got K = {K}: give the last layer {3 * components} outputs for D = 1"):
            loss(np.zeros((1, K)), np.zeros((1, 1)))


def test_the_scales_of_a_mixture_are_bounded_below():
    mixture = MixtureDensity(1, min_scale=0.25).mixture([0.0, 1.0, np.log(0.5)])
    assert (mixture.means.item(), mixture.scales.item()) == (1.0, pytest.approx(0.75))
    assert MixtureDensity().min_scale == 1e-3
    assert MixtureDensity().components == 3
    assert Huber().delta == 1


def test_a_density_is_broadcast_over_values():
    loss, outputs = MixtureDensity(1, min_scale=0), np.array([[0.0, 2.0, 0.0], [0.0, 5.0, 0.0]])
    at = np.exp(-0.5 * np.array([0.0, 1.0, 4.0])) / np.sqrt(2 * np.pi)
    np.testing.assert_allclose(loss.density(outputs, [2.0, 6.0]), at[:2])  # one value for each item
    np.testing.assert_allclose(loss.density(outputs[0], [[2.0], [3.0], [4.0]]), at)
    np.testing.assert_allclose(loss.density(outputs, [[2.0], [7.0]]), at[[0, 2]])
