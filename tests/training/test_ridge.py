"""Ridge solves for the last layer of a frozen network: against scikit-learn, least squares and dense formulas."""

import numpy as np
import pytest
import sklearn.linear_model as sk

import rnnbp
from rnnbp.optimizers import NormalEquations, Ridge
from rnnbp.training.solving import Recent


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def data(rng: np.random.Generator, lengths=(30, 50, 7), **options) -> rnnbp.SequenceDataset:
    """Sequences of two features; the targets of each step are far from 0, and depend on steps before."""
    x = [rng.normal(size=(n, 2)) for n in lengths]
    y = [np.stack([one[:, 0].cumsum() + 30, one.sum(1)], 1) + 0.3 * rng.normal(size=one.shape) for one in x]
    return rnnbp.SequenceDataset(x, y, dtype=np.float64, **options)


def reservoir(outputs: int = 2, pooling: rnnbp.Layer | None = None, **options) -> rnnbp.Sequential:
    return rnnbp.echo_state_network(2, 12, outputs, density=1, pooling=pooling, dtype=np.float64, **options)


def solved(model, loss, train, **options) -> Ridge:
    batch_size, optimizer = options.pop("batch_size", 2), Ridge(**options)
    rnnbp.Trainer(model, loss, optimizer=optimizer).fit(train, epochs=3, batch_size=batch_size, progress=False)
    return optimizer


def features(model, train) -> np.ndarray:
    """Return what the last layer sees, of all steps one below another."""
    below = model.up_to(len(model.layers) - 1)
    return np.concatenate([below.forward(x[:, None])[..., 0, :].reshape(-1, 12) for x in train.sequences])


def readout(model) -> tuple[np.ndarray, np.ndarray]:
    index = len(model.layers) - 1
    return model.params[f"{index}.w"], model.params[f"{index}.b"]


def equations_of(x, y, weights=None) -> NormalEquations:
    made = NormalEquations(x.shape[1], y.shape[1])
    made.add(x, y, weights)
    return made


# ---- the solution -------------------------------------------------------------------------------


@pytest.mark.parametrize("penalty", [1e-3, 2.0])
def test_a_penalty_gives_the_solution_of_scikit_learn(rng, penalty):
    train, model = data(rng), reservoir()
    solved(model, rnnbp.MeanSquaredError(), train, penalty=penalty)
    expected = sk.Ridge(alpha=penalty).fit(features(model, train), np.concatenate(train.targets))
    np.testing.assert_allclose(readout(model)[0], expected.coef_, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(readout(model)[1], expected.intercept_, rtol=1e-8)


def test_without_penalty_it_is_least_squares_of_minimum_norm(rng):
    x, y = rng.normal(size=(5, 9)) + 3, rng.normal(size=(5, 2))
    for given in (x, np.hstack([x, x[:, :1]])[:4], rng.normal(size=(30, 4))):
        own = y if len(given) == 5 else np.resize(y, (len(given), 2))
        fit = Ridge(0).solve(equations_of(given, own))
        centred = np.linalg.lstsq(given - given.mean(0), own - own.mean(0), rcond=None)[0]
        np.testing.assert_allclose(fit.w, centred.T, rtol=1e-9, atol=1e-10)
        np.testing.assert_allclose(fit.b, own.mean(0) - given.mean(0) @ centred, rtol=1e-9, atol=1e-9)


def test_the_sums_do_not_depend_on_the_batches_and_lose_no_digits_to_the_mean(rng):
    x, y = rng.normal(size=(40, 3)) + 1e6, rng.normal(size=(40, 1)) - 1e6
    several = NormalEquations(3, 1)
    for part in np.split(np.arange(40), [1, 2, 17]):
        several.add(x[part], y[part])
    centred, target = x - x.mean(0), y - y.mean(0)
    np.testing.assert_allclose(several.xx, centred.T @ centred, rtol=1e-8)
    np.testing.assert_allclose(several.xy, centred.T @ target, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(several.yy, (target**2).sum(0), rtol=1e-8)


def test_weights_count_as_repetitions(rng):
    train = data(rng)
    twice, once = train.subset([0, 0, 1, 2]), data(np.random.default_rng(0), weights=[2.0, 1.0, 1.0])
    one, other = reservoir(), reservoir()
    solved(one, rnnbp.MeanSquaredError(), twice, penalty=0.5)
    solved(other, rnnbp.MeanSquaredError(), once, penalty=0.5)
    np.testing.assert_allclose(one.params.vector, other.params.vector, rtol=1e-9, atol=1e-10)


def test_fractional_weights_of_steps_are_those_of_scikit_learn(rng):
    plain = data(rng)
    weights = [rng.choice([0.0, 0.25, 1.5], len(x)) for x in plain.sequences]
    train, model = data(np.random.default_rng(0), weights=weights), reservoir()
    solved(model, rnnbp.MeanSquaredError(), train, penalty=0.5)
    expected = sk.Ridge(alpha=0.5).fit(features(model, train), np.concatenate(train.targets), np.concatenate(weights))
    np.testing.assert_allclose(readout(model)[0], expected.coef_, rtol=1e-8, atol=1e-8)


def test_a_missing_target_leaves_out_one_output_alone(rng):
    train, model = data(rng), reservoir()
    train.targets[0][3:9, 1] = np.nan
    train.targets[1][5] = np.nan
    optimizer = solved(model, rnnbp.MeanSquaredError(), train, penalty=0.5, batch_size=1)
    x, y = features(model, train), np.concatenate(train.targets)
    for k in range(2):
        there = ~np.isnan(y[:, k])
        expected = sk.Ridge(alpha=0.5).fit(x[there], y[there, k])
        np.testing.assert_allclose(readout(model)[0][k], expected.coef_, rtol=1e-8, atol=1e-8)
    assert optimizer.found == (0.5, 0.5)


def test_classes_are_one_hot_and_ignored_labels_left_out(rng):
    x = [rng.normal(k, 1, (9, 2)) for k in (0, 1, 2, 1, 0, 2)]
    labels = [rng.integers(-1, 3, 9) for _ in x]
    model, train = reservoir(3), rnnbp.SequenceDataset(x, labels, dtype=np.float64)
    solved(model, rnnbp.CrossEntropy(), train, penalty=0.1)
    y = np.concatenate(labels)
    expected = sk.Ridge(alpha=0.1).fit(features(model, train)[y >= 0], np.eye(3)[y[y >= 0]])
    np.testing.assert_allclose(readout(model)[0], expected.coef_, rtol=1e-8, atol=1e-8)


def test_binary_labels_are_told_apart_by_the_sign_of_the_output(rng):
    x = [rng.normal(2 * k, 1, (9, 2)) for k in (0, 1) * 10]
    train, model = rnnbp.SequenceDataset(x, np.array([0.0, 1.0] * 10)), reservoir(1, rnnbp.Last())
    solved(model, rnnbp.BinaryCrossEntropy(), train)
    assert rnnbp.Trainer(model, rnnbp.BinaryCrossEntropy()).evaluate(train)["accuracy"] > 0.9


def test_washout_leaves_out_the_first_steps(rng):
    train, model = data(rng), reservoir()
    solved(model, rnnbp.MeanSquaredError(), train, penalty=0.5, washout=10)
    places = np.concatenate([np.arange(n) >= 10 for n in train.lengths])
    expected = sk.Ridge(alpha=0.5).fit(features(model, train)[places], np.concatenate(train.targets)[places])
    np.testing.assert_allclose(readout(model)[0], expected.coef_, rtol=1e-8, atol=1e-8)


def test_a_stream_is_fitted_with_the_state_carried_through_it(rng):
    x = rng.normal(size=(90, 2))
    y = x.cumsum(0)
    whole, cut = reservoir(), reservoir()
    solved(whole, rnnbp.MeanSquaredError(), rnnbp.SequenceDataset([x], [y], dtype=np.float64), penalty=0.5, washout=25)
    stream = rnnbp.SequenceDataset.from_stream(x, y, batch_size=1, steps=10, dtype=np.float64)
    optimizer = Ridge(0.5, washout=25)
    trainer = rnnbp.Trainer(cut, rnnbp.MeanSquaredError(), optimizer=optimizer, stateful=True)
    trainer.fit(stream, batch_size=1, progress=False)
    np.testing.assert_allclose(cut.params.vector, whole.params.vector, rtol=1e-9, atol=1e-10)


# ---- the penalty --------------------------------------------------------------------------------


def dense_gcv(x, y, penalty) -> float:
    """Return the criterion by the matrix that maps targets to fits, intercept included."""
    centred = x - x.mean(0)
    hat = np.full((len(x), len(x)), 1 / len(x))
    hat += centred @ np.linalg.solve(centred.T @ centred + penalty * np.eye(x.shape[1]), centred.T)
    left = len(x) - 1.4 * np.trace(hat)
    return len(x) * ((y - hat @ y) ** 2).sum() / left**2 if left > 0 else np.inf


@pytest.mark.parametrize(("items", "size", "noise"), [(60, 8, 1.0), (60, 40, 3.0), (25, 40, 0.5)])
def test_the_penalty_minimizes_generalized_cross_validation(rng, items, size, noise):
    x = rng.normal(size=(items, size)) * np.logspace(0, -2, size) + 2
    y = x @ rng.normal(size=(size, 2)) + noise * rng.normal(size=(items, 2))
    fit = Ridge().solve(equations_of(x, y))
    tried = [dense_gcv(x, y, one) for one in fit.penalty * np.logspace(-3, 3, 121)]
    assert dense_gcv(x, y, fit.penalty) <= min(tried) * (1 + 1e-6)


def test_with_many_items_the_penalty_predicts_left_out_ones_as_well_as_that_of_leave_one_out(rng):
    x = rng.normal(size=(400, 30))
    y = x @ rng.normal(size=30) + 4 * rng.normal(size=400)
    penalties = np.logspace(-3, 4, 100)
    best = sk.RidgeCV(alphas=penalties).fit(x, y)
    own = sk.RidgeCV(alphas=[Ridge().solve(equations_of(x, y[:, None])).penalty]).fit(x, y)
    assert own.best_score_ >= best.best_score_ - 0.01 * abs(best.best_score_)


def test_the_penalty_scales_with_the_weights(rng):
    x, y = rng.normal(size=(40, 6)), rng.normal(size=(40, 1))
    once, thrice = (Ridge().solve(equations_of(x, y, np.full(40, w))) for w in (1.0, 3.0))
    assert thrice.penalty == pytest.approx(3 * once.penalty, rel=1e-6)
    np.testing.assert_allclose(thrice.w, once.w, rtol=1e-6)


def test_series_with_correlated_errors_and_as_many_features_are_not_interpolated(rng):
    noise = rng.normal(size=400).cumsum()
    x = np.sin(np.outer(np.arange(400), np.linspace(0.01, 0.5, 200))) + 0.01 * rng.normal(size=(400, 200))
    y = (np.sin(np.arange(400) / 20) + 0.05 * noise)[:, None]
    fit = Ridge().solve(equations_of(x[:200], y[:200]))
    fitted = x[:200] @ fit.w.T + fit.b
    assert ((fitted - y[:200]) ** 2).mean() > 1e-3 * y[:200].var()


@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_with_more_features_than_items_the_fit_still_predicts(rng, noise):
    w = rng.normal(size=(300, 1)) * (np.arange(300) < 5)[:, None]
    x = rng.normal(size=(100, 3)) @ rng.normal(size=(3, 300)) + 0.01 * rng.normal(size=(100, 300))
    fit = Ridge().solve(equations_of(x[:50], x[:50] @ w + noise * rng.normal(size=(50, 1))))
    error = x[50:] @ fit.w.T + fit.b - x[50:] @ w
    assert np.sqrt((error**2).mean()) < 0.2 * (x[50:] @ w).std()


def test_constant_targets_are_predicted_by_the_intercept(rng):
    fit = Ridge().solve(equations_of(rng.normal(size=(9, 3)), np.full((9, 1), 4.0)))
    assert not fit.w.any()
    assert fit.b == pytest.approx(4)


def test_rounding_of_float32_features_is_not_fitted(rng):
    x = rng.normal(size=(500, 2)).astype(np.float32)
    x = np.hstack([x, x + np.float32(1e-9) * rng.normal(size=x.shape).astype(np.float32)])
    fit = Ridge().solve(equations_of(x, x[:, :1].astype(float)), np.float32)
    assert np.abs(fit.w).max() < 10


# ---- in training --------------------------------------------------------------------------------


def test_one_epoch_is_the_whole_training(rng, tmp_path):
    train, trainer = data(rng), rnnbp.Trainer(reservoir(), rnnbp.MeanSquaredError(), optimizer=Ridge())
    history = trainer.fit(train, train, epochs=30, progress=False, checkpoint=tmp_path / "c.npz")
    assert len(history) == 1
    assert history["validation_loss"][0] == pytest.approx(history["loss"][0])
    again = rnnbp.Trainer(reservoir(), rnnbp.MeanSquaredError(), optimizer=Ridge())
    assert len(again.fit_up_to(30, train, progress=False, checkpoint=tmp_path / "c.npz")) == 1
    np.testing.assert_array_equal(again.model.params.vector, trainer.model.params.vector)
    assert again.optimizer.found == trainer.optimizer.found != ()


def test_a_further_fit_solves_for_other_data(rng):
    trainer = rnnbp.Trainer(reservoir(), rnnbp.MeanSquaredError(), optimizer=Ridge(0.1))
    trainer.fit(data(rng), progress=False)
    other, fresh = data(rng), reservoir()
    trainer.fit(other, progress=False, batch_size=2)
    solved(fresh, rnnbp.MeanSquaredError(), other, penalty=0.1)
    np.testing.assert_allclose(trainer.model.params.vector, fresh.params.vector, rtol=1e-9, atol=1e-9)
    assert len(trainer.history) == 2


def test_a_solved_model_is_saved_and_compared(rng, tmp_path):
    train = data(rng)
    report = rnnbp.compare({"esn": lambda seed: reservoir(seed=seed)}, train, train, seeds=2, folds=2, epochs=5,
                           optimizer=Ridge, progress=False)  # fmt: skip
    assert report.table["kind"].tolist() == ["reservoir"]
    model = reservoir()
    solved(model, rnnbp.MeanSquaredError(), train)
    model.save(tmp_path / "m.npz")
    loaded = rnnbp.load(tmp_path / "m.npz")
    assert loaded.kind == "reservoir"
    np.testing.assert_array_equal(loaded.predict(train)[0], model.predict(train)[0])


def unfrozen() -> rnnbp.Sequential:
    model = reservoir()
    model.unfreeze("0.w_hh")
    return model


def frozen_bias() -> rnnbp.Sequential:
    model = reservoir()
    model.freeze("1.b")
    return model


def curved() -> rnnbp.Sequential:
    return rnnbp.Sequential(rnnbp.Window(1, 1), rnnbp.Dense(6, 2, "tanh"), dtype=np.float64)


@pytest.mark.parametrize(
    ("make", "loss", "message"),
    [
        (
            unfrozen,
            rnnbp.MeanSquaredError(),
            r"parameters 0\.w_hh are not frozen: freeze them, model\.freeze\('0\.\*'\)",
        ),
        (frozen_bias, rnnbp.MeanSquaredError(), r"1\.b is frozen or masked: call model\.unfreeze\('1\.b'\)"),
        (curved, rnnbp.MeanSquaredError(), r"a last layer that is Dense and linear, got Dense\(.*tanh.*end with Dense"),
        (reservoir, rnnbp.Huber(), r"Ridge minimizes squared errors: take MeanSquaredError\(\), or .*, got Huber"),
    ],
)
def test_what_cannot_be_solved_for_is_refused_before_anything_changes(rng, make, loss, message):
    model = make()
    before = model.params.vector.copy()
    with pytest.raises(ValueError, match=message):
        rnnbp.Trainer(model, loss, optimizer=Ridge()).fit(data(rng), progress=False)
    np.testing.assert_array_equal(model.params.vector, before)


@pytest.mark.parametrize("options", [{"clip": rnnbp.ClipNorm(1.0)}, {"schedule": rnnbp.Cosine(3)}])
def test_arguments_of_single_steps_are_refused(options):
    with pytest.raises(ValueError, match=r"has no effect with Ridge, which solves for the last layer: leave it out"):
        rnnbp.Trainer(reservoir(), rnnbp.MeanSquaredError(), optimizer=Ridge(), **options)


def test_wrong_arguments_are_refused(rng):
    with pytest.raises(ValueError, match="penalty must be a number of 0 or more, got -1"):
        Ridge(-1)
    with pytest.raises(ValueError, match=r"washout must be .*, got -1"):
        Ridge(washout=-1)
    train = rnnbp.SequenceDataset([np.ones((3, 2))], [[1.0]])
    with pytest.raises(ValueError, match="washout leaves out steps, and the model has one output a sequence: give"):
        solved(reservoir(1, rnnbp.Last()), rnnbp.MeanSquaredError(), train, washout=2)
    with pytest.raises(ValueError, match="no item has a target and a weight above 0"):
        solved(reservoir(), rnnbp.MeanSquaredError(), data(rng), washout=99)
    with pytest.raises(TypeError, match=r"Ridge cannot step by one gradient: call solve\(equations\)"):
        Ridge().step(reservoir().params, np.zeros(3))


# ---- kinds of models ----------------------------------------------------------------------------


def test_a_model_is_a_reservoir_where_all_its_recurrent_layers_are_frozen():
    branch = rnnbp.layers.Chain(rnnbp.Dense(2, 3), rnnbp.GRU(3, 4))
    inner = rnnbp.layers.Parallel(branch, rnnbp.layers.Activation("tanh"))
    model = rnnbp.Sequential(inner, rnnbp.Elman(6, 5), rnnbp.Dense(5, 1))
    assert model.kind == "recurrent"
    model.freeze("0.0.1.*", "1.*")
    assert model.kind == "reservoir"
    model.unfreeze("1.b_hh")
    assert model.kind == "recurrent"
    static = rnnbp.Sequential(rnnbp.Window(1, 1), rnnbp.Dense(6, 1))
    static.freeze("1.*")
    assert static.kind == "static"


# ---- what is stored of an epoch -------------------------------------------------------------------


def test_features_are_stored_as_long_as_they_fit_and_none_of_them_from_then_on():
    seen, batch = Recent(24), rnnbp.SequenceDataset([np.zeros((1, 2))]).batch()
    for count in (1, 2):
        seen.add(batch, np.zeros(count))
        assert [features.size for _, features in seen.batches] == [1, 2][:count]
    seen.add(batch, np.zeros(1))
    assert seen.batches is None
    seen.add(batch, np.zeros(0))
    assert seen.batches is None


@pytest.mark.parametrize("stateful", [False, True])
def test_the_scores_of_stored_features_are_those_of_features_computed_again(rng, stateful, monkeypatch):
    x = rng.normal(size=(60, 2))
    stream = rnnbp.SequenceDataset.from_stream(x, x.cumsum(0), batch_size=2, steps=10, dtype=np.float64)
    histories = []
    for most in (2**27, 0):
        monkeypatch.setattr("rnnbp.training.solving.MOST_BYTES", most)
        model = reservoir()
        trainer = rnnbp.Trainer(model, rnnbp.MeanSquaredError(), optimizer=Ridge(0.5), stateful=stateful)
        histories.append(trainer.fit(stream, batch_size=2, progress=False))
        scores = trainer.evaluate(stream, batch_size=2)
        assert histories[-1]["loss"].item() == pytest.approx(scores["loss"], rel=1e-12)
        assert histories[-1]["r2"].item() == pytest.approx(scores["r2"], rel=1e-12)
        assert histories[-1]["gradient_norm"].item() == 0
    assert histories[0]["loss"].item() == pytest.approx(histories[1]["loss"].item(), rel=1e-12)


def test_features_that_are_not_finite_name_the_epoch_and_the_batch(rng):
    train, model = data(rng, lengths=(9, 9, 9)), reservoir()
    train.sequences[2][4] = np.inf
    before = model.params.vector.copy()
    with pytest.raises(rnnbp.TrainingDivergedError, match="not finite at epoch 1, batch 1"):
        solved(model, rnnbp.MeanSquaredError(), train, batch_size=2)
    np.testing.assert_array_equal(model.params.vector, before)


def test_outputs_with_the_same_weights_have_one_penalty_and_others_one_each(rng):
    train = data(rng)
    assert len(solved(reservoir(), rnnbp.MeanSquaredError(), train, batch_size=1).found) == 1
    train.targets[1][4] = np.nan  # both values are missing
    assert len(solved(reservoir(), rnnbp.MeanSquaredError(), train, batch_size=1).found) == 1
    train.targets[2][4, 0] = np.nan
    assert len(solved(reservoir(), rnnbp.MeanSquaredError(), train, batch_size=1).found) == 2


def test_an_epoch_counts_one_step_of_the_optimizer_and_all_steps_of_the_sequences(rng):
    train, optimizer = data(rng, weights=[1.0, 0.0, 2.0]), Ridge(0.5)
    trainer = rnnbp.Trainer(reservoir(), rnnbp.MeanSquaredError(), optimizer=optimizer)
    history = trainer.fit(train, epochs=1, batch_size=2, progress=False)
    assert optimizer.steps == 1
    assert trainer.rows[-1]["steps"] == history["steps"].item() == sum(train.lengths)
