"""Every argument of optimizers, schedules and clipping changes a result."""

import numpy as np
import pytest
from helpers import arguments_of, changed

import rnnbp
from rnnbp.core import Parameters
from rnnbp.optimizers import OPTIMIZERS, ClipNorm, ClipValue, Cosine, OnPlateau, StepDecay, WarmUp
from rnnbp.optimizers.schedules import SCHEDULES

# ---- optimizers ----------------------------------------------------------------------------------

GIVEN = {
    "sgd": {"learning_rate": 0.02, "weight_decay": 0.1},
    "momentum": {"learning_rate": 0.02, "momentum": 0.5, "weight_decay": 0.1},
    "nesterov": {"learning_rate": 0.02, "momentum": 0.5, "weight_decay": 0.1},
    "rprop": {
        "learning_rate": 0.02,
        "decrease": 0.3,
        "increase": 1.5,
        "smallest": 0.009,
        "greatest": 0.012,
        "weight_decay": 5.0,
    },
    "rmsprop": {"learning_rate": 0.02, "decay": 0.5, "eps": 0.1, "weight_decay": 0.1},
    "adam": {"learning_rate": 0.02, "beta1": 0.5, "beta2": 0.9, "eps": 0.1, "weight_decay": 0.1},
    "adamw": {"learning_rate": 0.02, "beta1": 0.5, "beta2": 0.9, "eps": 0.1, "weight_decay": 0.1},
    "lbfgs": {"iterations": 3, "memory": 1, "tolerance": 0.5},
    "newton_cg": {"iterations": 3, "tolerance": 0.5},
}


def test_every_optimizer_is_in_the_table_but_one_that_solves():
    assert set(OPTIMIZERS) - set(GIVEN) == {"ridge"}  # which takes no gradient: tests/training/test_ridge.py


def bowl(w: np.ndarray) -> tuple[float, np.ndarray]:
    """Return value and gradient of a quartic with a curvature that differs from parameter to parameter."""
    curvature = np.arange(1.0, len(w) + 1)
    return float(curvature @ (w - 1) ** 4 / 4), curvature * (w - 1) ** 3


def parameters_after(name: str):
    def run(**options):
        params = Parameters({"w": (6,)}, np.linspace(-1, 3, 6))
        optimizer = OPTIMIZERS[name](**options)
        if isinstance(optimizer, rnnbp.optimizers.Minimizer):
            optimizer.minimize(bowl, params)
            return params.vector
        for _ in range(60):
            optimizer.step(params, bowl(params.vector)[1])
        return params.vector

    return run


@pytest.mark.parametrize(
    ("name", "argument"), [(name, a) for name in GIVEN for a in sorted(arguments_of(OPTIMIZERS[name]))]
)
def test_every_argument_of_an_optimizer_has_an_effect(name, argument):
    options = {"iterations": 30} if name in ("lbfgs", "newton_cg") and argument != "iterations" else {}
    options |= {"learning_rate": 0.01} if "learning_rate" in arguments_of(OPTIMIZERS[name]) else {}
    assert changed(parameters_after(name), options, argument, GIVEN[name][argument])


@pytest.mark.parametrize("name", [n for n in GIVEN if n not in ("lbfgs", "newton_cg")])
def test_a_rate_that_a_schedule_sets_has_an_effect_on_every_optimizer(name):
    def last_step(factor):
        params, optimizer = Parameters({"w": (6,)}, np.linspace(-1, 3, 6)), OPTIMIZERS[name]()
        optimizer.step(params, bowl(params.vector)[1])
        before = params.vector.copy()
        optimizer.learning_rate *= factor
        optimizer.step(params, bowl(params.vector)[1])
        return params.vector - before

    np.testing.assert_allclose(last_step(0.25), 0.25 * last_step(1.0), rtol=1e-10)


def test_resumed_rprop_scales_its_steps_by_its_first_learning_rate():
    def step(optimizer, params):
        optimizer.step(params, bowl(params.vector)[1])

    params, whole = Parameters({"w": (6,)}, np.linspace(-1, 3, 6)), rnnbp.Rprop(0.1)
    step(whole, params)
    whole.learning_rate = 0.05
    resumed = rnnbp.Rprop(0.3).load_state_dict(whole.state_dict())
    again = params.copy()
    step(whole, params)
    step(resumed, again)
    np.testing.assert_array_equal(again.vector, params.vector)
    with pytest.raises(ValueError, match="state of Rprop lacks 'first_rate'"):
        rnnbp.Rprop().load_state_dict({"steps": 0, "learning_rate": 0.1})


@pytest.mark.parametrize("tolerance", [1e-2, 1e-5, 1e-9])
def test_a_smaller_tolerance_of_lbfgs_ends_nearer_to_the_minimum(tolerance):
    """SciPy's own tolerance of the loss alone would end the search where the gradient is about 1e-6."""

    def quadratic(w):
        curvature = np.logspace(0, 3, len(w))
        return float(curvature @ (w - 1) ** 2 / 2), curvature * (w - 1)

    params = Parameters({"w": (6,)}, np.linspace(-1, 3, 6))
    minimum = rnnbp.LBFGS(iterations=500, tolerance=tolerance).minimize(quadratic, params)
    assert minimum.converged
    assert np.abs(quadratic(params.vector)[1]).max() < 30 * tolerance


# ---- schedules and clipping ----------------------------------------------------------------------

HISTORY = [
    {"validation_loss": v, "loss": 1 / (1 + n)} for n, v in enumerate((1.0, 0.9, 0.95, 0.93, 0.5, 0.6, 0.7, 0.7))
]
SCHEDULE_ARGUMENTS = {
    StepDecay: ({"every": 2}, {"every": 3, "factor": 0.5}),
    Cosine: ({"epochs": 6}, {"epochs": 7, "final": 0.2}),
    WarmUp: ({"epochs": 2}, {"epochs": 3, "after": StepDecay(1), "start": 0.5}),
    OnPlateau: (
        {"patience": 1, "factor": 0.5},
        {"monitor": "loss", "factor": 0.2, "patience": 2, "threshold": 0.2, "cooldown": 2, "smallest": 0.4},
    ),
}


@pytest.mark.parametrize(
    ("kind", "argument"), [(kind, a) for kind, (_, given) in SCHEDULE_ARGUMENTS.items() for a in given]
)
def test_every_argument_of_a_schedule_has_an_effect(kind, argument):
    options, values = SCHEDULE_ARGUMENTS[kind]
    assert set(values) == arguments_of(kind)

    def course(**options):
        return [kind(**options)(epoch, HISTORY) for epoch in range(9)]

    assert changed(course, options, argument, values[argument])


def test_every_schedule_with_arguments_is_in_the_table():
    assert {kind for kind in SCHEDULES.values() if arguments_of(kind)} == set(SCHEDULE_ARGUMENTS)


def test_on_plateau_counts_a_falling_error_rate_as_an_improvement():
    falling = [{"validation_token_error_rate": 0.9**n} for n in range(9)]
    schedule = OnPlateau("validation_token_error_rate", patience=1)
    assert schedule(9, falling) == 1
    assert schedule(9, falling[::-1]) < 1


@pytest.mark.parametrize(("kind", "argument"), [(ClipNorm, "max_norm"), (ClipValue, "limit")])
def test_every_argument_of_clipping_has_an_effect(kind, argument):
    def clipped(**options):
        gradient = np.array([3.0, -0.5])
        kind(**options)(gradient)
        return gradient

    assert arguments_of(kind) == {argument}
    assert changed(clipped, {argument: 1.0}, argument, 2.0)
