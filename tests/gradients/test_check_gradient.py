"""The report of check_gradient: it agrees for right gradients and names wrong ones."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from helpers import CELLS, LeakyCell
from pairs import each

from rnnbp.cells import ElmanCell, GRUCell, LSTMCell, Stack
from rnnbp.data import SequenceBatch
from rnnbp.gradients import (
    BPTT,
    Backprop,
    ComplexStep,
    FiniteDifference,
    GradientReport,
    TruncatedBPTT,
    check,
    check_gradient,
)
from rnnbp.layers import (
    GRU,
    LSTM,
    Bidirectional,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    Last,
    Layer,
    MeanOverTime,
    Normalize,
    Recurrent,
    Resample,
    TimeStatistics,
    Window,
)
from rnnbp.losses import CrossEntropy, MeanSquaredError
from rnnbp.models import Sequential

LAYERS = [
    LSTM(3, 4),
    GRU(5, 2, num_layers=2, bidirectional=True),
    Bidirectional(ElmanCell(2, 3)),
    Dense(4, 2, "sigmoid"),
    Normalize([0.5, 1.0, 1.5, 2.0], [1.0, 2.0, 3.0, 4.0]),
    Embedding(7, 3),
    Dropout(0.5),
    Last(),
    MeanOverTime(),
    TimeStatistics(),
    Window(1, 2),
    Flatten(9),
    Resample(4),
]


class Wrong(LSTMCell):
    """The recurrent weights' gradient is a little too large."""

    def param_vjp(self, state, x, residuals, delta, grad):
        super().param_vjp(state, x, residuals, delta, grad)
        grad["w_hh"] *= 1 + 1e-9


class WrongState(GRUCell):
    """The third unit's d_state is wrong."""

    def step_vjp(self, params, state, x, residuals, d_next):
        d_state, d_x, delta = super().step_vjp(params, state, x, residuals, d_next)
        d_state[..., 2] += 1e-3
        return d_state, d_x, delta


class WrongInput(ElmanCell):
    """d_x has the wrong sign."""

    def step_vjp(self, params, state, x, residuals, d_next):
        d_state, d_x, delta = super().step_vjp(params, state, x, residuals, d_next)
        return d_state, -d_x, delta


class NotANumber(ElmanCell):
    """The bias's gradient is NaN."""

    def param_vjp(self, state, x, residuals, delta, grad):
        super().param_vjp(state, x, residuals, delta, grad)
        grad["b_ih"][0] = np.nan


@pytest.fixture
def batch(rng) -> SequenceBatch:
    """Unequal lengths, a class for each."""
    return SequenceBatch.from_array(rng.standard_normal((6, 3, 3)), np.array([6, 2, 4]), np.array([0, 2, 1]))


@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS.keys())
def test_every_cell_agrees_with_the_complex_step(cell):
    report = check_gradient(cell)
    assert report.ok, report
    assert report.max_error < 1e-13
    assert list(report.table.index) == ["state", "x", *cell.shapes()]
    assert report.tolerance == 1e-12


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: type(layer).__name__)
def test_every_layer_agrees_with_the_complex_step(layer):
    report = check_gradient(layer)
    assert report.ok, report
    expected = [f"0.{name}" for name in layer.shapes()]
    assert list(report.table.index) == (expected if isinstance(layer, Embedding) else [*expected, "input"])


@pytest.mark.parametrize(
    ("gradient", "end"),
    each([None, BPTT(), TruncatedBPTT(2, 6), ComplexStep(), FiniteDifference()], [Last(), MeanOverTime()]),
    ids=repr,
)
def test_models_agree_with_and_without_a_loss(end, gradient, batch):
    model = Sequential(GRU(3, 4), Dense(4, 3), end)  # float32, yet checked in float64
    oracle = FiniteDifference() if isinstance(gradient, FiniteDifference) else None
    for loss in (None, CrossEntropy()):
        report = check_gradient(model, batch, loss, gradient=gradient, oracle=oracle)
        assert report.ok, report
    assert model.params.vector.dtype == np.float32


def test_models_with_outputs_at_every_step_agree(batch, rng):
    model = Sequential(LSTM(3, 4), Dense(4, 2))
    assert check_gradient(model, batch).ok
    assert check_gradient(model, batch, gradient=TruncatedBPTT(1, 6)).ok
    batch = replace(batch, targets=rng.standard_normal((6, 3, 2)))
    assert check_gradient(model, batch, MeanSquaredError()).ok


def test_a_truncating_algorithm_is_reported_as_inexact(batch):
    model = Sequential(LSTM(3, 4), Last(), Dense(4, 3))
    report = check_gradient(model, batch, CrossEntropy(), gradient=TruncatedBPTT(2, 3))
    assert not report.ok
    assert report.table.loc["2.w", "max_error"] < 1e-12
    assert report.table.loc["0.w_hh", "max_error"] > 1e-3


def test_static_models_agree_with_backprop(batch):
    model = Sequential(Window(1, 1), Dense(9, 4, "relu"), MeanOverTime(), Dense(4, 3))
    assert check_gradient(model, batch, CrossEntropy(), gradient=Backprop()).ok


def test_models_of_tokens_agree_without_an_input_gradient(rng):
    batch = SequenceBatch.from_array(rng.integers(5, size=(6, 3)), np.array([6, 2, 4]), np.array([0, 2, 1]))
    report = check_gradient(Sequential(Embedding(5, 3), GRU(3, 4), Last(), Dense(4, 3)), batch, CrossEntropy())
    assert report.ok, report
    assert "input" not in report.table.index


# ---- wrong gradients are found and named --------------------------------------------------------


def test_a_wrong_parameter_gradient_is_named():
    report = check_gradient(Wrong(3, 4))
    assert not report.ok
    assert report.table.index[report.table["max_error"] > 1e-12].tolist() == ["w_hh"]
    assert report.max_error == pytest.approx(1e-9, rel=1e-3)


def test_a_wrong_state_gradient_is_named_with_its_index():
    report = check_gradient(WrongState(3, 4), samples=1000)
    assert not report.ok
    row = report.table.loc["state"]
    assert row["at"][-1] == 2
    assert row["computed"] - row["expected"] == pytest.approx(1e-3)
    assert report.table.drop("state")["max_error"].max() < 1e-12


def test_a_wrong_input_gradient_is_named():
    report = check_gradient(WrongInput(3, 4))
    assert report.table.index[report.table["max_error"] > 1e-12].tolist() == ["x"]
    assert report.table.loc["x", "max_error"] == pytest.approx(2)
    assert check_gradient(Recurrent(WrongInput(3, 4))).table.loc["input", "max_error"] == pytest.approx(2)


@pytest.mark.parametrize("target", [NotANumber(3, 4), Recurrent(NotANumber(3, 4))], ids=["cell", "layer"])
def test_nan_is_an_error(target):
    report = check_gradient(target)
    assert not report.ok
    assert np.isnan(report.max_error)
    assert "DO NOT agree" in repr(report)


def test_a_wrong_cell_deep_in_a_stack_is_found(batch):
    assert not check_gradient(Stack((ElmanCell(3, 3), Wrong(3, 4)))).ok
    report = check_gradient(Sequential(Dense(3, 3), Recurrent(Wrong(3, 4)), Last()), batch)
    assert report.table.index[report.table["max_error"] > 1e-12].tolist() == ["1.w_hh"]


def test_a_wrong_layer_is_found():
    @dataclass(frozen=True)
    class Doubled(Layer):
        """y = 2 x, whose backward pass lacks the factor of 2."""

        def out_shape(self, shape):
            return shape

        def forward(self, params, x, run, state=None):
            return 2 * x, None, None

        def backward(self, params, residuals, dy, grad, d_state=None):
            return dy, None

    report = check_gradient(Doubled())
    assert not report.ok
    assert report.max_error == pytest.approx(0.5)


# ---- a user's own cell --------------------------------------------------------------------------


class Hinge(ElmanCell):
    """h = |a|, which the complex step cannot differentiate."""

    def step(self, params, state, x):
        a = x @ params["w_ih"].T + state @ params["w_hh"].T + params["b_ih"] + params["b_hh"]
        return np.abs(a), np.sign(a.real)

    def step_vjp(self, params, state, x, residuals, d_next):
        delta = d_next * residuals
        return delta @ params["w_hh"], delta @ params["w_ih"], delta


def test_a_cell_not_safe_for_complex_numbers_is_checked_by_finite_differences():
    assert not check_gradient(Hinge(3, 4)).ok
    report = check_gradient(Hinge(3, 4), oracle=FiniteDifference())
    assert report.ok, report
    assert report.tolerance == 1e-6


def test_a_users_cell_in_a_model_agrees(batch):
    assert check_gradient(Sequential(Recurrent(LeakyCell(3, 5)), Last()), batch).ok


def test_a_cell_may_have_no_residuals(batch):
    """Its residuals are an empty tuple; the vector-Jacobian products recompute what they need."""

    class Bare(ElmanCell):
        def step(self, params, state, x):
            return super().step(params, state, x)[0], ()

        def step_vjp(self, params, state, x, residuals, d_next):
            h, _ = super().step(params, state, x)
            return super().step_vjp(params, state, x, h, d_next)

    assert check_gradient(Bare(3, 4)).ok
    assert check_gradient(Sequential(Recurrent(Bare(3, 4)), Last()), batch).ok


# ---- the report ---------------------------------------------------------------------------------


def test_the_report_has_a_verdict_and_a_table():
    report = check_gradient(LSTMCell(3, 4))
    assert isinstance(report, GradientReport)
    assert repr(report).startswith("the gradients agree: worst relative error ")
    assert "tolerance 1e-12" in repr(report)
    assert list(report.table.columns) == ["size", "checked", "max_error", "at", "computed", "expected"]
    assert report.table.loc["w_hh", ["size", "checked"]].tolist() == [64, 20]
    assert "<table" in report._repr_html_()
    assert "<b>do not agree</b>" in check_gradient(Wrong(3, 4))._repr_html_()


def test_samples_and_seed_select_the_checked_entries():
    all_of_it = check_gradient(GRUCell(3, 4), samples=10_000).table
    assert (all_of_it["checked"] == all_of_it["size"]).all()
    few = [check_gradient(GRUCell(3, 4), samples=2, seed=seed).table for seed in (1, 1, 2)]
    assert (few[0]["checked"] == 2).all()
    assert few[0].equals(few[1])
    assert not few[0].equals(few[2])


def test_a_given_tolerance_decides():
    assert check_gradient(Wrong(3, 4), tolerance=1e-8).ok


# ---- what is refused ----------------------------------------------------------------------------


def test_a_model_needs_a_batch():
    with pytest.raises(ValueError, match=r"batch is needed to check a model: data.batch\(\), say"):
        check_gradient(Sequential(GRU(3, 4)))


def test_a_target_of_another_type_is_refused():
    with pytest.raises(ValueError, match="target must be a Sequential, a Layer or a Cell, got str"):
        check_gradient("lstm")


def test_a_very_wide_layer_needs_a_batch():
    with pytest.raises(ValueError, match=r"batch is needed to check Dense\(.*which takes none of 1 to 9999 features"):
        check_gradient(Dense(10_000, 1))


def test_a_loss_needs_targets(batch):
    with pytest.raises(ValueError, match="batch has no targets"):
        check_gradient(Sequential(GRU(3, 3), Last()), replace(batch, targets=None), CrossEntropy())


def test_a_batch_that_does_not_fit_is_refused(batch):
    with pytest.raises(ValueError, match=r"x of shape \(6, 3, 3\) does not fit layer 0: GRU takes 5 features"):
        check_gradient(Sequential(GRU(5, 3)), batch)


def test_samples_must_be_positive():
    with pytest.raises(ValueError, match="samples must be a positive integer, got 0"):
        check_gradient(GRUCell(3, 4), samples=0)


@pytest.mark.parametrize(("size", "ok"), [(1e-16, True), (1e-13, False)])
def test_rounding_in_a_parameter_whose_gradient_is_zero_is_relative_to_the_other_gradients(size, ok, rng):
    """Of sequences of one step the recurrent weights have no effect."""

    class Rounded(BPTT):
        def gradients(self, model, batch, loss, state=None, rng=None):
            for g in super().gradients(model, batch, loss, state, rng):
                grad = model.params.like(g.vector.copy())
                grad["0.w_hh"] += size
                yield replace(g, vector=grad.vector)

    model = Sequential(Recurrent(ElmanCell(3, 4)), Dense(4, 3), dtype=np.float64)
    batch = SequenceBatch.from_array(rng.standard_normal((1, 3, 3)), [1, 1, 1], np.array([[0, 2, 1]]))
    assert check_gradient(model, batch, CrossEntropy(), gradient=Rounded()).ok == ok


def test_a_layer_that_takes_any_number_of_features_is_checked_with_three():
    assert check._random_batch(MeanOverTime(), np.random.default_rng(0)).x.shape == (5, 3, 3)
    assert check._random_batch(Dense(7, 2), np.random.default_rng(0)).x.shape == (5, 3, 7)
