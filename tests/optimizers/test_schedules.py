"""Schedules against their formulas and PyTorch's."""

import math
import warnings

import numpy as np
import pytest

from rnnbp.optimizers import Constant, Cosine, OnPlateau, StepDecay, WarmUp
from rnnbp.optimizers.schedules import SCHEDULES, Schedule
from rnnbp.runtime import from_config, to_config

EPOCHS = 25


def rates_of_pytorch(make) -> list[float]:
    """Return the learning rate of every epoch, starting from 0.1."""
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the optimizer makes no steps here
        scheduler = make(torch.optim.lr_scheduler, optimizer)
        rates = []
        for _ in range(EPOCHS):
            rates.append(optimizer.param_groups[0]["lr"])
            scheduler.step()
    return rates


@pytest.mark.torch
@pytest.mark.parametrize(
    ("schedule", "make"),
    [
        pytest.param(StepDecay(4, 0.5), lambda s, o: s.StepLR(o, 4, 0.5), id="step"),
        pytest.param(Cosine(30), lambda s, o: s.CosineAnnealingLR(o, 30), id="cosine"),
        pytest.param(Cosine(30, final=0.2), lambda s, o: s.CosineAnnealingLR(o, 30, 0.02), id="cosine to above 0"),
        pytest.param(WarmUp(5, start=0.25), lambda s, o: s.LinearLR(o, 0.25, 1.0, 5), id="warm-up"),
        pytest.param(
            WarmUp(5, after=Cosine(20), start=0.25),
            lambda s, o: s.SequentialLR(o, [s.LinearLR(o, 0.25, 1.0, 5), s.CosineAnnealingLR(o, 20)], milestones=[5]),
            id="warm-up, then cosine",
        ),
    ],
)
def test_rates_are_pytorchs(schedule, make):
    np.testing.assert_allclose(
        [0.1 * schedule(epoch) for epoch in range(EPOCHS)], rates_of_pytorch(make), rtol=1e-10, atol=1e-15
    )


@pytest.mark.torch
@pytest.mark.parametrize("cooldown", [0, 3])
@pytest.mark.parametrize(("monitor", "mode"), [("validation_loss", "min"), ("validation_accuracy", "max")])
@pytest.mark.parametrize("values", ["falling", "rising", "random", "with nan"])
def test_on_plateau_is_pytorchs(values, monitor, mode, cooldown, rng):
    torch = pytest.importorskip("torch")
    series = {
        "falling": np.exp(-np.arange(60) / 10).round(2),
        "rising": 1 - np.exp(-np.arange(60) / 10).round(2),
        "random": rng.uniform(size=60),
        "with nan": np.where(rng.random(60) < 0.3, np.nan, rng.uniform(size=60)),
    }[values]
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer, mode, factor=0.5, patience=2, cooldown=cooldown, min_lr=0.01, threshold=0.01
    )
    ours = OnPlateau(monitor, factor=0.5, patience=2, cooldown=cooldown, smallest=0.01, threshold=0.01)
    history = [{monitor: value} for value in series]
    for epoch, value in enumerate(series):
        assert ours(epoch, history[:epoch]) == optimizer.param_groups[0]["lr"]
        theirs.step(value)


def test_cosine_equals_its_formula():
    assert Cosine(10)(2.5) == pytest.approx((1 + math.cos(math.pi / 4)) / 2)
    assert [Cosine(10, final=0.3)(epoch) for epoch in (0, 10, 99)] == [1.0, 0.3, 0.3]


def test_schedules_take_fractions_of_an_epoch():
    assert WarmUp(2, start=0.0)(0.5) == 0.25
    assert StepDecay(1, 0.5)(1.9) == 0.5
    assert Constant()(0.5) == 1
    history = [{"validation_loss": 1.0}] * 3
    assert OnPlateau(patience=0, factor=0.5)(2.5, history) == 0.5


def test_schedules_do_not_depend_on_the_order_of_calls():
    schedule = WarmUp(2, after=OnPlateau("loss", patience=0, factor=0.5), start=0.0)
    history = [{"loss": 1.0}] * 6
    ascending = [schedule(epoch, history[:epoch]) for epoch in range(7)]
    descending = [schedule(epoch, history[:epoch]) for epoch in reversed(range(7))]
    assert ascending == descending[::-1] == [0.0, 0.5, 1.0, 1.0, 0.5, 0.25, 0.125]


def test_epochs_of_the_warm_up_do_not_count_as_a_plateau():
    schedule = WarmUp(3, after=OnPlateau("loss", patience=0))
    assert schedule(4, [{"loss": 1.0}] * 3 + [{"loss": 5.0}]) == 1


@pytest.mark.parametrize("schedule", [Constant(), StepDecay(3), Cosine(5), OnPlateau("loss", patience=2)])
def test_config_round_trip(schedule):
    again = from_config(to_config(schedule), {type(schedule).__name__: type(schedule)})
    assert repr(again) == repr(schedule)


@pytest.mark.parametrize(
    ("make", "arguments", "message"),
    [
        (StepDecay, {"every": 0}, "every must be a positive integer, got 0"),
        (StepDecay, {"every": 2, "factor": 0}, "factor must be a number above 0 and at most 1, got 0"),
        (Cosine, {"epochs": 2.5}, "epochs must be a positive integer, got 2.5"),
        (Cosine, {"epochs": 2, "final": 1.5}, "final must be a number between 0 and 1, got 1.5"),
        (WarmUp, {"epochs": -1}, "epochs must be a positive integer, got -1"),
        (WarmUp, {"epochs": 1, "start": -1}, "start must be a number between 0 and 1, got -1"),
        (WarmUp, {"epochs": 1, "after": 0.1}, "after must be a Schedule, got 0.1"),
        (OnPlateau, {"patience": -1}, "patience must be an integer of 0 or more, got -1"),
        (OnPlateau, {"factor": 2}, "factor must be a number above 0 and at most 1, got 2"),
        (OnPlateau, {"threshold": -1}, "threshold must be a number of 0 or more, got -1"),
        (OnPlateau, {"cooldown": 0.5}, "cooldown must be an integer of 0 or more, got 0.5"),
    ],
)
def test_wrong_arguments_are_refused(make, arguments, message):
    with pytest.raises(ValueError, match=message):
        make(**arguments)


def test_a_history_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="history must have a row for each of the 2 epochs, got 1"):
        OnPlateau()(2, [{"validation_loss": 1.0}])
    with pytest.raises(
        ValueError,
        match=r"monitor must be a column of the history, got 'validation_loss'; there are loss, accuracy\.",
    ):
        OnPlateau()(1, [{"loss": 1.0, "accuracy": 0.5}])
    with pytest.raises(ValueError, match="Did you mean 'validation_loss'"):
        OnPlateau("valdation_loss")(1, [{"validation_loss": 1.0}])


def test_schedules_are_found_by_name():
    assert set(SCHEDULES) == {"constant", "step", "cosine", "warm_up", "on_plateau"}
    assert all(issubclass(schedule, Schedule) for schedule in SCHEDULES.values())
    assert repr(Cosine(5)) == "Cosine(epochs=5, final=0.0)"
