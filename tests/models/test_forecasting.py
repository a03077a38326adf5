"""Forecasts: outputs fed back as inputs, with a band whose coverage is that of a process with a known distribution."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import rnnbp
from rnnbp import kernels
from rnnbp.models.bootstrap import BlockBootstrap

RNG = np.random.default_rng(0)
PHI = 0.8


def autoregression(phi: float = PHI) -> rnnbp.Sequential:
    """The exact predictor of x[t+1] = phi x[t] + noise."""
    model = rnnbp.Sequential(rnnbp.Dense(1, 1), dtype=np.float64)
    model.params["0.w"], model.params["0.b"] = phi, 0
    return model


def simulated(steps: int, paths: int = 1, start: float = 0.0, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=(steps, paths))
    x = np.full(paths, start)
    found = []
    for e in noise:
        x = PHI * x + e
        found.append(x)
    return np.array(found)


def by_steps(model: rnnbp.Sequential, history: np.ndarray, steps: int) -> np.ndarray:
    state = model.start()
    for x in history:
        y, state = model.step(x[None], state)
    found = []
    for _ in range(steps):
        found.append(y[0])
        y, state = model.step(y, state)
    return np.array(found)


@pytest.mark.parametrize(
    "layers",
    [
        [rnnbp.LSTM(2, 6), rnnbp.Dense(6, 2)],
        [rnnbp.GRU(2, 6, num_layers=2), rnnbp.Last(), rnnbp.Dense(6, 2)],
        [rnnbp.Window(3, 0), rnnbp.Dense(8, 2)],
    ],
)
def test_a_forecast_is_a_loop_over_step_to_the_last_bit(layers: list[rnnbp.layers.Layer]) -> None:
    model = rnnbp.Sequential(*layers)
    history = RNG.normal(size=(15, 2)).astype(np.float32)
    with kernels.using("compiled"):  # for one sequence, NumPy's products of one step and of several differ in rounding
        found = model.forecast(history, 10)
        np.testing.assert_array_equal(found.mean.astype(np.float32), by_steps(model, history, 10))
    assert found.low is None
    assert found.samples.shape == (1, 10, 2)


def test_several_histories_of_any_lengths_are_continued_each_on_its_own() -> None:
    model = rnnbp.Sequential(rnnbp.LSTM(2, 6), rnnbp.Dense(6, 2))
    histories = [RNG.normal(size=(n, 2)) for n in (4, 9, 1)]
    for history, found in zip(histories, model.forecast(histories, 5), strict=True):
        np.testing.assert_allclose(found.mean, model.forecast(history, 5).mean, rtol=0, atol=1e-6)
    data = rnnbp.SequenceDataset(histories, feature_names=["a", "b"])
    assert [found.names for found in model.forecast(data, 5)] == [("a", "b")] * 3


def test_direct_outputs_for_several_steps_are_taken_together_and_fed_back() -> None:
    model = rnnbp.Sequential(rnnbp.GRU(2, 6), rnnbp.Dense(6, 6))
    history = RNG.normal(size=(7, 2)).astype(np.float32)
    found = model.forecast(history, 8).mean
    first = model.forward(history[:, None])[-1, 0].reshape(3, 2)
    np.testing.assert_allclose(found[:3], first, rtol=0, atol=1e-6)
    longer = np.concatenate([history, first])
    np.testing.assert_allclose(found[3:6], model.forward(longer[:, None])[-1, 0].reshape(3, 2), rtol=0, atol=1e-6)
    np.testing.assert_array_equal(model.forecast(history, 2).mean, found[:2])


def test_known_features_are_taken_from_the_future() -> None:
    model = rnnbp.Sequential(rnnbp.GRU(3, 6), rnnbp.Dense(6, 1))
    history, future = (RNG.normal(size=(n, k)).astype(np.float32) for n, k in ((6, 3), (4, 2)))
    state, wanted = model.start(), []
    for x in history:
        y, state = model.step(x[None], state)
    for t in range(4):
        wanted.append(y[0])
        y, state = model.step(np.concatenate([y[0], future[t]])[None], state)
    np.testing.assert_allclose(model.forecast(history, 4, future=future).mean, wanted, rtol=0, atol=1e-6)
    turned = rnnbp.Sequential(*model.layers)
    turned.params.vector[:] = model.params.vector
    turned.params["0.w_ih"] = model.params["0.w_ih"][:, [1, 2, 0]]
    frame = pd.DataFrame(history[:, [1, 2, 0]], columns=["sun", "wind", "load"])
    found = turned.forecast(frame, 4, future=future, features="load")
    np.testing.assert_allclose(found.mean, wanted, rtol=0, atol=1e-6)
    assert found.names == ("load",)


NAMED = rnnbp.Sequential(rnnbp.GRU(3, 4), rnnbp.Dense(4, 1), seed=0)
NAMED.feature_names = ("load", "sun", "rain")
HISTORY = pd.DataFrame(RNG.normal(size=(6, 3)), columns=["load", "sun", "rain"])
WEATHER = pd.DataFrame(RNG.normal(size=(4, 3)), columns=["load", "sun", "rain"])


@pytest.mark.parametrize(
    ("columns", "features"),
    [(["sun", "rain"], None), (["rain", "sun"], None), (["rain", "sun"], "load"), (["rain", "load", "sun"], "load")],
)
def test_columns_of_a_future_frame_are_found_by_name(columns: list[str], features: str | None) -> None:
    wanted = NAMED.forecast(HISTORY, 4, future=WEATHER[["sun", "rain"]].to_numpy()).mean
    for future in (WEATHER[columns], [WEATHER[columns]]):
        np.testing.assert_array_equal(NAMED.forecast(HISTORY, 4, future=future, features=features).mean, wanted)


def test_features_that_a_future_frame_lacks_are_predicted() -> None:
    future = WEATHER[["load", "rain"]]
    found = NAMED.forecast(HISTORY, 4, future=future)
    assert found.names == ("sun",)
    wanted = NAMED.forecast(HISTORY, 4, future=future.to_numpy(), features="sun").mean
    np.testing.assert_array_equal(found.mean, wanted)


@pytest.mark.parametrize(
    ("future", "features", "message"),
    [
        (WEATHER[["sun"]].assign(rian=1.0), None, "column 'rian', which the history has not. Did you mean 'rain'"),
        (WEATHER[["sun"]], "load", "future has no column 'rain', a feature that is not predicted. It has sun"),
        (WEATHER, None, "future has a column for every feature: say which ones are predicted by features="),
    ],
)
def test_a_future_frame_of_other_columns_is_refused(future: pd.DataFrame, features: str | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        NAMED.forecast(HISTORY, 4, future=future, features=features)


@pytest.mark.parametrize("quantiles", [(0.05, 0.95), (0.25, 0.75)])
def test_a_band_of_sampled_residuals_has_the_quantiles_of_the_process(quantiles: tuple[float, float]) -> None:
    residuals = np.random.default_rng(1).normal(size=5000)
    history = np.array([[2.0]])
    found = autoregression().forecast(history, 8, residuals=residuals, samples=20000, quantiles=quantiles, rng=2)
    steps = np.arange(1, 9)
    mean = 2 * PHI**steps
    spread = np.sqrt([(PHI ** (2 * np.arange(k))).sum() for k in steps])
    np.testing.assert_allclose(found.mean[:, 0], mean, atol=0.1)
    for value, q in zip((found.low, found.high), quantiles, strict=True):
        np.testing.assert_allclose(value[:, 0], mean + spread * stats.norm.ppf(q), atol=0.12)
        np.testing.assert_array_equal(found.quantile(q), value)
    future = simulated(8, 4000, start=2.0, seed=3)
    covered = ((found.low <= future) & (future <= found.high)).mean(axis=1)
    np.testing.assert_allclose(covered, quantiles[1] - quantiles[0], atol=0.04)


def test_residuals_on_a_validation_set_give_the_band_its_coverage() -> None:
    series = simulated(2000, seed=5)
    validation = rnnbp.SequenceDataset([series[:1000], series[1000:]], dtype=np.float64).shifted()
    residuals = rnnbp.forecast_residuals(autoregression(), validation)
    assert [len(r) for r in residuals] == [999, 999]
    np.testing.assert_allclose(np.concatenate(residuals)[:999], (series[1:1000] - PHI * series[:999]), atol=1e-12)
    histories = [np.array([[s]]) for s in np.linspace(-2, 2, 40)]
    hits = []
    for i, found in enumerate(autoregression().forecast(histories, 5, residuals=residuals, samples=500)):
        future = simulated(5, 100, start=float(histories[i][0, 0]), seed=100 + i)
        hits.append((found.low <= future) & (future <= found.high))
    assert np.mean(hits) == pytest.approx(0.9, abs=0.02)


def test_residuals_that_depend_on_each_other_are_sampled_in_blocks() -> None:
    """A random walk of residuals that keep their sign for ten steps spreads more than one of independent ones."""
    residuals = np.repeat(np.random.default_rng(0).choice([-1.0, 1.0], 500), 10)
    spread = {
        block: np.ptp(autoregression(1.0).forecast([[0.0]], 10, residuals=residuals, block=block, samples=2000).samples)
        for block in (1, 10)
    }
    alone = autoregression(1.0).forecast([[0.0]], 10, residuals=residuals, block=10, samples=4000).samples[:, -1, 0]
    # blocks begin anywhere: the variance of the sum of ten is that of k of one run and 10 - k of the next
    expected = np.mean([k**2 + (10 - k) ** 2 for k in range(1, 11)])
    assert spread[10] > spread[1] / 2
    assert alone.var() == pytest.approx(expected, rel=0.1)
    independent = autoregression(1.0).forecast([[0.0]], 10, residuals=residuals, samples=4000).samples[:, -1, 0]
    assert independent.var() == pytest.approx(10, rel=0.1)


def test_a_block_ends_with_its_sequence() -> None:
    bootstrap = BlockBootstrap([np.arange(3.0), np.arange(10.0, 14.0)], 5, np.random.default_rng(0))
    drawn = np.stack([bootstrap.next(200)[:, 0] for _ in range(30)])
    follows = drawn[1:] == drawn[:-1] + 1
    assert follows[(drawn[:-1] != 2) & (drawn[:-1] != 13)].mean() > 0.7
    assert np.isin(np.unique(drawn), [0, 1, 2, 10, 11, 12, 13]).all()


def test_an_ensemble_is_the_paths_of_its_models() -> None:
    models = [rnnbp.Sequential(rnnbp.GRU(1, 4), rnnbp.Dense(4, 1), seed=seed) for seed in range(5)]
    history = RNG.normal(size=(6, 1))
    found = rnnbp.forecast_ensemble(models, history, 4, quantiles=(0.25, 0.75))
    for model, path in zip(models, found.samples, strict=True):
        np.testing.assert_array_equal(path, model.forecast(history, 4).mean)
    np.testing.assert_allclose(found.low, np.quantile(found.samples, 0.25, axis=0))
    several = rnnbp.forecast_ensemble(models, [history, history[:3]], 4, residuals=[0.1, -0.1], samples=7)
    assert [one.samples.shape for one in several] == [(35, 4, 1)] * 2
    with pytest.raises(ValueError, match="models must be at least one model, got none"):
        rnnbp.forecast_ensemble([], history, 4)


def test_a_loss_with_a_distribution_samples_its_own_band() -> None:
    class Normal(rnnbp.MeanSquaredError):
        def sample(self, outputs: np.ndarray, rng: np.random.Generator) -> np.ndarray:
            return outputs + rng.normal(size=outputs.shape)

    model = autoregression()
    model.loss = Normal()
    found = model.forecast([[0.0]], 6, samples=4000)
    np.testing.assert_allclose(found.samples.std(axis=0)[-1], np.sqrt((PHI ** (2 * np.arange(6))).sum()), rtol=0.05)


def test_a_mixture_density_is_sampled_and_a_median_is_fed_back() -> None:
    model = rnnbp.Sequential(rnnbp.Dense(1, 3), dtype=np.float64)
    model.params["0.w"], model.params["0.b"] = [[0], [PHI], [0]], 0
    model.loss = rnnbp.MixtureDensity(1)
    found = model.forecast([[2.0]], 6, samples=4000)
    scale = model.loss.mixture(np.zeros((1, 3))).scales.item()
    np.testing.assert_allclose(found.mean[:, 0], 2 * PHI ** np.arange(1, 7), atol=0.1)
    spread = scale * np.sqrt((PHI ** (2 * np.arange(6))).sum())
    np.testing.assert_allclose(found.samples[:, 5].std(), spread, rtol=0.05)
    model.loss = rnnbp.Quantile((0.1, 0.5, 0.9))
    model.params["0.w"] = [[0], [PHI], [1]]
    np.testing.assert_allclose(model.forecast([[2.0]], 6).mean[:, 0], 2 * PHI ** np.arange(1, 7))
    model.loss = rnnbp.Quantile((0.1, 0.4, 0.9))
    with pytest.raises(ValueError, match=r"predicts several: 0\.5 must be among them"):
        model.forecast([[2.0]], 6)


def test_features_are_put_in_the_order_that_the_model_was_trained_on() -> None:
    model = rnnbp.Sequential(rnnbp.GRU(2, 4), rnnbp.Dense(4, 2))
    model.feature_names = ("load", "sun")
    x = RNG.normal(size=(5, 2))
    found = model.forecast(pd.DataFrame(x[:, ::-1], columns=["sun", "load"]), 3)
    np.testing.assert_array_equal(found.mean, model.forecast(x, 3).mean)
    assert found.names == model.forecast(x, 3).names == ("load", "sun")
    with pytest.raises(ValueError, match="history: the features must be those that the model was trained on"):
        model.forecast(pd.DataFrame(x, columns=["sun", "rain"]), 3)


def test_the_same_seed_gives_the_same_samples() -> None:
    draws = [autoregression().forecast([[0.0]], 5, residuals=RNG.normal(size=9), rng=seed).samples for seed in (1, 2)]
    assert (draws[0] != draws[1]).any()
    residuals = RNG.normal(size=9)
    same = [autoregression().forecast([[0.0]], 5, residuals=residuals, rng=1).samples for _ in range(2)]
    np.testing.assert_array_equal(*same)


def test_a_table_of_a_forecast_has_a_row_for_each_step() -> None:
    found = autoregression().forecast(pd.DataFrame({"load": [1.0]}), 3, residuals=[0.1, -0.1]).to_frame()
    assert found.columns.tolist() == ["mean", "low", "high"]
    assert found.index.tolist() == [1, 2, 3]
    model = rnnbp.Sequential(rnnbp.Dense(2, 2))
    found = model.forecast(pd.DataFrame({"a": [1.0], "b": [2.0]}), 3).to_frame()
    assert found.columns.tolist() == [("a", "mean"), ("b", "mean")]


MODEL = rnnbp.Sequential(rnnbp.GRU(2, 4), rnnbp.Dense(4, 2))
CLASSIFIER = rnnbp.Sequential(rnnbp.GRU(2, 4), rnnbp.Dense(4, 2))
CLASSIFIER.loss = rnnbp.CrossEntropy()


@pytest.mark.parametrize(
    ("model", "arguments", "message"),
    [
        (
            MODEL,
            {"history": [1.0, 2.0]},
            r"history must have shape \(T, F\), at least one step, got float64 of",
        ),
        (MODEL, {"history": [np.ones((2, 2)), np.ones(2)]}, r"history\[1\] must have shape"),
        (MODEL, {"history": np.ones((2, 3))}, "takes 2 features, got 3"),
        (MODEL, {"steps": 0}, "steps must be a positive integer"),
        (MODEL, {"residuals": np.ones((3, 1))}, r"residuals must be \(N, 2\), as the model predicts, got \(N, 1\)"),
        (MODEL, {"residuals": [np.nan]}, "residuals must be finite"),
        (MODEL, {"residuals": []}, "residuals must be at least one, got none"),
        (MODEL, {"history": []}, "history must have shape"),
        (MODEL, {"history": np.full((2, 2), np.nan)}, "sequence 0 holds nan at step 0, feature 0"),
        (MODEL, {"future": np.ones((2, 1))}, "future must be the features that are not predicted"),
        (MODEL, {"future": np.ones((3, 1)), "features": "x0"}, None),
        (MODEL, {"features": "x0"}, r"future must be the features that are not predicted, \(steps, E\) = \(3, 1\)"),
        (MODEL, {"features": "x5", "future": np.ones((3, 1))}, "features must be among 'x0', 'x1'"),
        (MODEL, {"quantiles": (0.9, 0.1)}, r"quantiles\[1\] must be a number"),
        (MODEL, {"quantiles": 0.9}, "quantiles must be two levels"),
        (MODEL, {"samples": 0}, "samples must be a positive integer"),
        (MODEL, {"block": 0}, "block must be a positive integer"),
        (MODEL, {"rng": "a"}, "rng must be"),
        (CLASSIFIER, {}, "forecast takes a model of values, got one trained by CrossEntropy"),
        (rnnbp.Sequential(rnnbp.GRU(2, 3)), {}, "outputs are the next values of its 2 predicted features"),
        (rnnbp.Sequential(rnnbp.GRU(2, 1, bidirectional=True)), {}, "is non-causal"),
        (rnnbp.Sequential(rnnbp.Embedding(2, 2)), {}, "forecast takes a model of values, got one of tokens: generate"),
    ],
)
def test_what_cannot_be_forecast_is_refused(model: rnnbp.Sequential, arguments: dict, message: str | None) -> None:
    given = {"history": np.ones((4, 2)), "steps": 3} | arguments
    if message is None:
        assert model.forecast(**given).mean.shape == (3, 1)
        return
    with pytest.raises(ValueError, match=message):
        model.forecast(**given)


def test_residuals_take_values_that_the_model_predicts() -> None:
    with pytest.raises(ValueError, match="data must have targets that the model predicts, 1 values, got 2"):
        rnnbp.forecast_residuals(autoregression(), rnnbp.SequenceDataset([np.ones((5, 1))]).shifted(2))
    with pytest.raises(ValueError, match="data must have values as targets"):
        rnnbp.forecast_residuals(autoregression(), rnnbp.SequenceDataset([np.ones((5, 1))], [1]))


def test_a_forecast_begins_where_the_last_episode_of_a_dataset_does() -> None:
    x = np.random.default_rng(0).normal(size=(10, 2))
    model = rnnbp.Sequential(rnnbp.GRU(2, 4), rnnbp.Dense(4, 2))
    data = rnnbp.SequenceDataset([x, x], resets=[np.isin(np.arange(10), (2, 6)), np.zeros(10, bool)])
    for found, history in zip(model.forecast(data, 4), (x[6:], x), strict=True):
        np.testing.assert_allclose(found.mean, model.forecast(history, 4).mean, rtol=0, atol=1e-6)


def test_futures_of_different_lengths_are_refused() -> None:
    history, future = np.ones((8, 3)), np.ones((4, 2))
    model = rnnbp.Sequential(rnnbp.GRU(3, 4), rnnbp.Dense(4, 1))
    with pytest.raises(ValueError, match="future must have one shape for all sequences"):
        model.forecast([history, history], 4, future=[future, future[:2]])


def test_features_that_are_named_twice_or_not_at_all_and_blocks_of_nothing_are_refused() -> None:
    x = np.random.default_rng(0).normal(size=(8, 3))
    model = rnnbp.Sequential(rnnbp.GRU(3, 4), rnnbp.Dense(4, 2))
    for features in ([0, 0], [], [1, "x1"]):
        for call in (
            lambda f=features: rnnbp.SequenceDataset([x]).shifted(1, f),
            lambda f=features: model.forecast(x, 2, features=f, future=np.zeros((2, 1))),
        ):
            with pytest.raises(ValueError, match="features must be at least one, each of them once"):
                call()
    with pytest.raises(ValueError, match="block=3 has no effect without residuals"):
        model.forecast(x, 2, future=np.zeros((2, 1)), block=3)
