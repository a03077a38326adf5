"""Recursive least squares and FORCE learning."""

import numpy as np
import pytest

import rnnbp
from rnnbp.reservoirs import force


def weighted_ridge(x, y, weights, penalty):
    """Return [W, b] of ridge regression whose bias is penalized too."""
    one = np.hstack([x, np.ones((len(x), 1))])
    return np.linalg.solve((one.T * weights) @ one + penalty * np.eye(one.shape[1]), (one.T * weights) @ y).T


@pytest.mark.parametrize("forgetting", [1.0, 0.97])
def test_after_a_pass_it_is_ridge_regression(rng, forgetting):
    x, y = rng.normal(size=(80, 5)), rng.normal(size=(80, 2))
    rls = rnnbp.RecursiveLeastSquares(5, 2, forgetting, initial=0.3)
    for one, target in zip(x, y, strict=True):
        rls.update(one, target)
    weights = forgetting ** np.arange(79, -1, -1.0)
    expected = weighted_ridge(x, y, weights, 0.3 * forgetting**80)
    np.testing.assert_allclose(np.column_stack([rls.w, rls.b]), expected, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(rls.predict(x[0]), expected @ [*x[0], 1], rtol=1e-9)


def test_the_error_is_that_before_the_update_and_a_missing_target_changes_nothing(rng):
    rls = rnnbp.RecursiveLeastSquares(2, 1)
    assert rls.update([1.0, 2.0], [3.0]) == pytest.approx(-3)
    before = rls.w.copy(), rls.p.copy()
    assert np.isnan(rls.update([1.0, 2.0], [np.nan])).all()
    np.testing.assert_array_equal(rls.w, before[0])
    np.testing.assert_array_equal(rls.p, before[1])


def test_forgetting_follows_a_change(rng):
    errors = {}
    for forgetting in (1.0, 0.9):
        rls = rnnbp.RecursiveLeastSquares(1, 1, forgetting, initial=0.01)
        for k, x in enumerate(np.random.default_rng(0).normal(size=200)):
            errors[forgetting] = abs(rls.update([x], [x if k < 150 else -x])[0])
    assert errors[0.9] < 0.01 * errors[1.0]


@pytest.mark.parametrize("options", [{"forgetting": 0}, {"forgetting": 1.1}, {"initial": 0}])
def test_wrong_arguments_are_refused(options):
    with pytest.raises(ValueError, match=f"{next(iter(options))} must be a number"):
        rnnbp.RecursiveLeastSquares(3, 1, **options)


def test_force_learns_two_sums_of_sines_that_the_network_then_generates_alone():
    t = 2 * np.pi * np.arange(2800) / 60
    wave = np.stack([np.sin(t) + 0.5 * np.sin(2 * t), np.cos(t)], 1) / 1.5
    model = rnnbp.echo_state_network(2, 150, 2, spectral_radius=1.5, leak=0.3, dtype=np.float64)
    frozen = model.params["0.w_hh"].copy()
    silent = rnnbp.reservoirs.ForceRun(wave[:1], np.zeros(1), model, model.start()).generate(300)
    run = force(model, wave[:2500])
    np.testing.assert_allclose(run.generate(300), wave[2500:], atol=0.1)
    assert abs(silent - wave[2500:]).max() > 0.5
    assert run.change[-100:].mean() < 0.2 * run.change[:100].mean()
    np.testing.assert_array_equal(model.params["0.w_hh"], frozen)
    assert run.outputs.shape == wave[:2500].shape


def test_every_argument_of_force_has_an_effect():
    wave = np.sin(np.arange(30) / 3)

    def outputs(**options):
        return force(rnnbp.echo_state_network(1, 20, 1, dtype=np.float64), wave, **options).outputs

    for options in ({"forgetting": 0.9}, {"initial": 10.0}, {"seed": 1}):
        assert not np.array_equal(outputs(**options), outputs())


def test_force_takes_a_model_with_as_many_outputs_as_the_target():
    with pytest.raises(ValueError, match=r"target be \(T,\) or \(T, K\), got Dense.*\(9, 2\)"):
        force(rnnbp.echo_state_network(1, 20, 1), np.zeros((9, 2)))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_items_that_are_not_finite_are_left_out(bad):
    rng = np.random.default_rng(0)
    one, other = (rnnbp.RecursiveLeastSquares(2, 1) for _ in range(2))
    for x in rng.normal(size=(20, 2)):
        one.update(x, [x[0]])
        one.update([bad, 1], [0.0])
        one.update([1, 1], [bad])
        other.update(x, [x[0]])
    assert one.w.tolist() == other.w.tolist()
    assert one.p.tolist() == other.p.tolist()


def test_force_learning_needs_as_many_inputs_as_outputs_and_a_finite_target():
    with pytest.raises(ValueError, match=r"model must take its own 1 outputs as its input: .*takes 2 features"):
        force(rnnbp.echo_state_network(2, 20, 1), np.zeros(10))
    with pytest.raises(ValueError, match="target must be finite"):
        force(rnnbp.echo_state_network(1, 20, 1), [0.0, np.nan])


@pytest.mark.parametrize(
    ("x", "target", "message"), [([1, 2, 3], [1], "x must be"), ([1, 2], [1, 2], "target must be")]
)
def test_a_readout_learned_online_names_an_item_of_another_size(x, target, message):
    with pytest.raises(ValueError, match=message):
        rnnbp.RecursiveLeastSquares(2, 1).update(x, target)
