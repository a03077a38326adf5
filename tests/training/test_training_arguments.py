"""Every argument of optimizers, schedules, clipping, losses and trainers changes a result, or is refused."""

import inspect

import numpy as np
import pytest

import rnnbp
from rnnbp.core import Parameters
from rnnbp.losses import CTC, BinaryCrossEntropy, CrossEntropy, MeanSquaredError
from rnnbp.optimizers import OPTIMIZERS, ClipNorm, ClipValue, Cosine, OnPlateau, StepDecay, WarmUp
from rnnbp.optimizers.schedules import SCHEDULES

F = 2


def changed(call, options: dict, argument: str, value) -> bool:
    """Return whether the result of a call differs where one of its options has another value."""
    one, other = call(**options), call(**options | {argument: value})
    return not np.array_equal(np.asarray(one), np.asarray(other), equal_nan=True)


def arguments_of(kind: type) -> set[str]:
    return set(inspect.signature(kind).parameters)


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
    ("name", "argument"), [(name, a) for name in OPTIMIZERS for a in sorted(arguments_of(OPTIMIZERS[name]))]
)
def test_every_argument_of_an_optimizer_has_an_effect(name, argument):
    options = {"iterations": 30} if name in ("lbfgs", "newton_cg") and argument != "iterations" else {}
    options |= {"learning_rate": 0.01} if "learning_rate" in arguments_of(OPTIMIZERS[name]) else {}
    assert changed(parameters_after(name), options, argument, GIVEN[name][argument])


@pytest.mark.parametrize("name", [n for n in OPTIMIZERS if n not in ("lbfgs", "newton_cg")])
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


# ---- losses --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argument", "value"), [("class_weight", [1.0, 2.0, 3.0]), ("ignore", 2), ("label_smoothing", 0.1)]
)
def test_every_argument_of_cross_entropy_has_an_effect(argument, value):
    outputs = np.random.default_rng(0).normal(size=(4, 3))
    assert arguments_of(CrossEntropy) == {"class_weight", "ignore", "label_smoothing"}
    assert changed(lambda **options: CrossEntropy(**options)(outputs, [0, 1, 2, 2])[1], {}, argument, value)


@pytest.mark.parametrize(("argument", "value"), [("blank", 2), ("zero_infinity", True)])
def test_every_argument_of_ctc_has_an_effect(argument, value):
    assert arguments_of(CTC) == {"blank", "zero_infinity"}
    outputs = np.random.default_rng(0).normal(size=(4, 1, 3))
    if argument == "blank":
        assert changed(lambda **options: CTC(**options)(outputs, [[1]])[1], {}, argument, value)
        return
    assert CTC(zero_infinity=True)(outputs[:1], [[1, 1]])[0] == 0
    with pytest.raises(ValueError, match="1 steps, but its 2 labels need 3"):
        CTC()(outputs[:1], [[1, 1]])


def test_mean_squared_error_and_binary_cross_entropy_have_no_arguments():
    assert not arguments_of(MeanSquaredError) | arguments_of(BinaryCrossEntropy)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: CrossEntropy(ignore="none"), "ignore must be an integer, got 'none'"),
        (lambda: CTC(zero_infinity="yes"), "zero_infinity must be True or False, got 'yes'"),
    ],
)
def test_wrong_arguments_of_losses_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("targets", [[0.0, 1.0], [[0.0], [1.0]]])
def test_cross_entropy_refuses_values_with_advice(targets):
    with pytest.raises(
        ValueError, match=r"integer class labels, got float64.*classes as integers.*MeanSquaredError\(\)"
    ):
        CrossEntropy()(np.zeros((2, 3)), targets)


# ---- gradient algorithms -------------------------------------------------------------------------


def two_classes(n: int = 12) -> rnnbp.SequenceDataset:
    rng = np.random.default_rng(0)
    return rnnbp.SequenceDataset([rng.normal(k % 2, 1, (9, F)) for k in range(n)], targets=[k % 2 for k in range(n)])


def network(**options) -> rnnbp.Sequential:
    return rnnbp.Sequential(rnnbp.Elman(F, 4), rnnbp.Dropout(0.3), rnnbp.Last(), rnnbp.Dense(4, 2), **options)


@pytest.mark.parametrize(
    ("options", "argument", "value"),
    [({}, "slots", 1), ({}, "memory", "30 kB"), ({"slots": 1}, "block", 2)],
)
def test_every_argument_of_bptt_has_an_effect_on_its_cost(options, argument, value):
    assert arguments_of(rnnbp.BPTT) == {"slots", "memory", "block"}
    long = rnnbp.SequenceDataset([np.ones((64, F))] * 4, targets=[0, 1] * 2).batch()

    def cost(**options):
        (g,) = rnnbp.BPTT(**options).gradients(network(), long, CrossEntropy())
        return [g.cost.steps, g.cost.peak_bytes]

    assert changed(cost, options, argument, value)


@pytest.mark.parametrize(("argument", "value"), [("k1", 1), ("k2", 5)])
def test_every_argument_of_truncated_bptt_has_an_effect(argument, value):
    assert arguments_of(rnnbp.TruncatedBPTT) == {"k1", "k2"}

    def first(**options):
        return next(rnnbp.TruncatedBPTT(**options).gradients(network(), steps.batch(), MeanSquaredError())).vector

    steps = rnnbp.SequenceDataset([np.ones((9, F))], targets=[np.ones((9, 2))])

    def network():
        return rnnbp.Sequential(rnnbp.Elman(F, 4), rnnbp.Dense(4, 2))

    def total(**options):
        algorithm = rnnbp.TruncatedBPTT(**options)
        return sum(g.vector for g in algorithm.gradients(network(), steps.batch(), MeanSquaredError()))

    assert changed(total, {"k1": 3, "k2": 3}, argument, value)


# ---- trainers ------------------------------------------------------------------------------------


def trained(
    *, seed=0, clip=None, schedule=None, callbacks=(), stateful=False, gradient=None, optimizer=None, loss=None, **fit
):
    """Return the parameters and the shape of the history."""
    trainer = rnnbp.Trainer(
        network(),
        loss or CrossEntropy(),
        gradient,
        optimizer,
        seed=seed,
        clip=clip,
        schedule=schedule,
        callbacks=callbacks,
        stateful=stateful,
    )
    fit = {"train": two_classes(), "epochs": 4, "batch_size": 4, "progress": False} | fit
    return [*trainer.model.params.vector, *trainer.fit(**fit).shape, *trainer.model.params.vector]


EFFECTS = {
    "loss": CrossEntropy(label_smoothing=0.2),
    "gradient": rnnbp.TruncatedBPTT(2, 2),
    "optimizer": rnnbp.SGD(0.1),
    "seed": 1,
    "clip": ClipValue(1e-3),
    "schedule": StepDecay(1, 0.5),
    "callbacks": [lambda trainer, row: True],
    "train": two_classes(6),
    "validation": two_classes(6),
    "epochs": 5,
    "batch_size": 5,
    "stopping": rnnbp.EarlyStopping(patience=1, monitor="loss", least=100.0),
}
ELSEWHERE = {
    "self",
    "model",
    "stateful",  # test_streams.py
    "checkpoint",  # test_checkpoints.py
    "progress",  # test_training.py
}


@pytest.mark.parametrize("argument", EFFECTS)
def test_every_argument_of_a_trainer_and_of_fit_has_an_effect(argument):
    assert changed(trained, {}, argument, EFFECTS[argument])


def test_every_argument_of_a_trainer_is_in_the_table():
    both = arguments_of(rnnbp.Trainer) | set(inspect.signature(rnnbp.Trainer.fit).parameters)
    assert both == set(EFFECTS) | ELSEWHERE
    assert both - arguments_of(rnnbp.Trainer) == set(inspect.signature(rnnbp.Trainer.fit_up_to).parameters)


@pytest.mark.parametrize("argument", ["patience", "monitor", "least"])
def test_every_argument_of_early_stopping_has_an_effect(argument):
    assert arguments_of(rnnbp.EarlyStopping) == {"patience", "monitor", "least"}

    def ends(**options):
        rule = rnnbp.EarlyStopping(**options)
        best, stops = rule.begin(), []
        for row in HISTORY:
            stops.append(rule.seen(best, row | {"epoch": len(stops) + 1}, np.zeros(1)))
        return stops

    value = {"patience": 3, "monitor": "loss", "least": 0.2}[argument]
    assert changed(ends, {"patience": 2}, argument, value)


@pytest.mark.parametrize("optimizer", [rnnbp.LBFGS(2), rnnbp.NewtonCG(2)], ids=repr)
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"clip": ClipNorm(1.0)},
            r"clip has no effect with \w+, which minimizes .* such as Adam\(\); got ClipNorm\(1\)",
        ),
        ({"schedule": Cosine(3)}, "schedule has no effect with"),
        ({"stateful": True}, "stateful has no effect with"),
        ({"gradient": rnnbp.UORO()}, r"searches along the gradient of the loss, and UORO\(.*\) draws a random one"),
        ({"gradient": rnnbp.KFRTRL()}, "draws a random one"),
        ({"gradient": rnnbp.ARTBP(rnnbp.gradients.PowerLaw(mean=3.0))}, "draws a random one"),
        ({"gradient": rnnbp.ForwardGradient()}, "draws a random one"),
    ],
)
def test_a_minimizer_refuses_arguments_that_it_would_ignore(optimizer, options, message):
    with pytest.raises(ValueError, match=message):
        rnnbp.Trainer(network(), CrossEntropy(), optimizer=optimizer, **options)


def test_every_algorithm_with_a_seed_of_its_own_is_known_to_be_random():
    from rnnbp.gradients.base import is_random
    from rnnbp.gradients.guarantees import standard_guarantees

    for name, guarantee in standard_guarantees(10, 50).items():
        assert is_random(guarantee.algorithm) == (guarantee.level == "unbiased"), name
    assert is_random(rnnbp.SpectralPenalty(rnnbp.UORO(), ["0.w_hh"]))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"clip": 1.0}, r"clip must be a ClipNorm or ClipValue, got 1\.0: give ClipNorm\(1\.0\)"),
        ({"clip": ClipNorm}, "clip must be a ClipNorm or ClipValue, got <class"),
        ({"schedule": 0.1}, r"schedule must be a Schedule, got 0\.1: .* Adam\(learning_rate=0\.1\)"),
        ({"schedule": Cosine}, "schedule must be a Schedule, got <class"),
        ({"callbacks": print}, r"callbacks must be functions \(trainer, row\) in a list, got .*: give callbacks=\[f\]"),
        ({"callbacks": [1]}, r"callbacks must be functions \(trainer, row\) in a list, got \[1\]"),
        ({"stateful": "yes"}, "stateful must be True or False, got 'yes'"),
        ({"seed": -1}, "seed must be an integer of 0 or more, got -1"),
    ],
)
def test_wrong_arguments_of_a_trainer_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        rnnbp.Trainer(network(), CrossEntropy(), **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"train": None}, "train must be a SequenceDataset, got NoneType"),
        ({"validation": [1]}, "validation must be a SequenceDataset, got list"),
        ({"stopping": 5}, r"stopping must be an EarlyStopping, got 5: give EarlyStopping\(patience=5\)"),
        ({"stopping": rnnbp.EarlyStopping}, "stopping must be an EarlyStopping, got <class"),
        ({"stopping": rnnbp.EarlyStopping()}, r"got 'validation_loss'; there are .*\. Give fit\(validation=\.\.\.\)"),
        ({"schedule": OnPlateau()}, r"got 'validation_loss'; there are .*\. Give fit\(validation=\.\.\.\)"),
        ({"schedule": WarmUp(2, OnPlateau("los"))}, "got 'los'.* Did you mean 'loss'"),
    ],
)
def test_wrong_arguments_of_fit_are_refused_before_the_first_update(options, message):
    schedule = options.pop("schedule", None)
    trainer = rnnbp.Trainer(network(), CrossEntropy(), schedule=schedule)
    with pytest.raises(ValueError, match=message):
        trainer.fit(**{"train": two_classes(), "progress": False} | options)
    assert trainer.rows == []
