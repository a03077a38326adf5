"""Every argument of trainers and early stopping changes a result, or is refused."""

import inspect

import numpy as np
import pytest
from helpers import arguments_of, changed

import rnnbp
from rnnbp.losses import CrossEntropy
from rnnbp.optimizers import ClipNorm, ClipValue, Cosine, OnPlateau, StepDecay, WarmUp

F = 2
HISTORY = [
    {"validation_loss": v, "loss": 1 / (1 + n)} for n, v in enumerate((1.0, 0.9, 0.95, 0.93, 0.5, 0.6, 0.7, 0.7))
]


def two_classes(n: int = 12) -> rnnbp.SequenceDataset:
    rng = np.random.default_rng(0)
    return rnnbp.SequenceDataset([rng.normal(k % 2, 1, (9, F)) for k in range(n)], targets=[k % 2 for k in range(n)])


def network(**options) -> rnnbp.Sequential:
    return rnnbp.Sequential(rnnbp.Elman(F, 4), rnnbp.Dropout(0.3), rnnbp.Last(), rnnbp.Dense(4, 2), **options)


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
    "comm",  # test_data_parallel.py
    "stateful",  # test_streams.py
    "checkpoint",  # test_checkpoints.py
    "checkpoint_every",  # test_partial_epochs.py
    "keep",  # test_rotation.py
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
        (
            {"gradient": rnnbp.UORO()},
            r"the gradient of the loss, of which UORO\(.*\) is a random estimate: take BPTT",
        ),
        ({"gradient": rnnbp.KFRTRL()}, "is a random estimate"),
        ({"gradient": rnnbp.ARTBP(rnnbp.gradients.PowerLaw(mean=3.0))}, "is a random estimate"),
        ({"gradient": rnnbp.ForwardGradient()}, "is a random estimate"),
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
