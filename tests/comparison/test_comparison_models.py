"""The networks of the comparison: of the kind they say, of any width, and able to learn."""

import pickle

import numpy as np
import pytest

import rnnbp
from rnnbp.comparison import CONTESTANTS
from rnnbp.comparison import models as contestants
from rnnbp.comparison.models import STEP_CONTESTANTS


def one_a_sequence() -> rnnbp.SequenceDataset:
    rng = np.random.default_rng(0)
    labels = np.arange(30) % 3
    return rnnbp.SequenceDataset([rng.normal(k, 0.5, (rng.integers(4, 9), 2)) for k in labels], targets=labels)


def one_a_step() -> rnnbp.SequenceDataset:
    x = np.sin(np.arange(200) / 3)[:, None]
    return rnnbp.SequenceDataset([x[:-1]], targets=[x[1:]])


TABLE = [
    *(pytest.param(name, CONTESTANTS[name], one_a_sequence, id=name) for name in CONTESTANTS),
    *(pytest.param(name, STEP_CONTESTANTS[name], one_a_step, id=f"{name} a step") for name in STEP_CONTESTANTS),
]


@pytest.mark.parametrize(("name", "contestant", "make"), TABLE)
def test_it_is_of_its_kind_and_learns(name, contestant, make):
    data = make()
    model = contestants.maker(name, data)(0)
    assert model.kind == contestant.kind
    assert isinstance(model.layers[0], rnnbp.Normalize)
    loss = rnnbp.MeanSquaredError() if data.per_step else rnnbp.CrossEntropy()
    trainer = rnnbp.Trainer(model, loss, rnnbp.BPTT(), contestant.optimizer())
    trainer.fit(data, epochs=60 if data.per_step else 15, progress=False)
    assert trainer.evaluate(data)[loss.metric] > 0.9


@pytest.mark.parametrize(("name", "contestant", "make"), TABLE)
def test_it_gets_the_parameters_asked_for(name, contestant, make):
    for wanted in (500, 3000):
        size = contestants.maker(name, make(), parameters=wanted)(0).params.size
        assert size == pytest.approx(wanted, rel=0.1)


@pytest.mark.parametrize(("name", "contestant", "make"), TABLE)
def test_another_process_can_be_sent_it(name, contestant, make):
    made = contestants.maker(name, make())
    again, optimizer = pickle.loads(pickle.dumps((made, contestant.optimizer)))
    np.testing.assert_array_equal(again(3).params.vector, made(3).params.vector)
    assert repr(optimizer()) == repr(contestant.optimizer())


def test_a_seed_decides_the_first_parameters():
    make = contestants.maker("gru", one_a_sequence())
    np.testing.assert_array_equal(make(1).params.vector, make(1).params.vector)
    assert not np.array_equal(make(1).params.vector, make(2).params.vector)


def test_names_stand_for_several():
    assert contestants.names(["static"], STEP_CONTESTANTS) == ["window-mlp"]
    assert contestants.names(["all"]) == list(CONTESTANTS)
    assert contestants.names(["gru", "recurrent"])[0] == "gru"
    assert len(contestants.names(["gru", "recurrent"])) == len(contestants.names(["recurrent"]))


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match=r"models must be of .*; got 'ltsm'\. Did you mean 'lstm'\?"):
        contestants.names(["ltsm"])
    with pytest.raises(ValueError, match=r"models must be of window-mlp, elman, lstm, gru, .*; got 'bilstm'"):
        contestants.maker("bilstm", one_a_step())


def test_targets_are_needed():
    with pytest.raises(ValueError, match="train must have targets, got none"):
        contestants.maker("gru", rnnbp.SequenceDataset([np.ones((3, 2))]))


@pytest.mark.parametrize(
    ("targets", "outputs"),
    [
        ([0, 2], 3),
        (["a", "b"], 2),
        ([0.5, 1.5], 1),
        (np.ones((2, 4)), 4),
        ([np.array([0, 5, -1]), np.array([1, 1, 1])], 6),
        ([np.ones((3, 2)), np.ones((3, 2))], 2),
    ],
)
def test_outputs_are_the_targets(targets, outputs):
    data = rnnbp.SequenceDataset([np.ones((3, 1))] * 2, targets=targets)
    assert contestants.output_size(data) == outputs


def label_strings() -> rnnbp.SequenceDataset:
    """Bumps of three kinds, up to three of them, with rests between."""
    rng = np.random.default_rng(0)
    said = [rng.integers(1, 4, rng.integers(1, 4)) for _ in range(60)]
    rest = np.zeros((2, 3))
    x = [
        np.concatenate([rest, *(part for k in one for part in (np.tile(np.eye(3)[k - 1], (3, 1)), rest))])
        for one in said
    ]
    return rnnbp.SequenceDataset(x, rnnbp.LabelSequences(said, classes=["<blank>", "a", "b", "c"]))


@pytest.mark.parametrize("name", contestants.LABEL_CONTESTANTS)
def test_label_sequences_have_contestants_that_learn_by_ctc(name):
    data = label_strings()
    assert contestants.output_size(data) == 4
    contestant = contestants.contestants_for(data)[name]
    model = contestants.maker(name, data, parameters=4000)(0)
    assert model.kind == contestant.kind
    loss = contestants.loss_for(data)
    trainer = rnnbp.Trainer(model, loss, rnnbp.BPTT(), rnnbp.Adam(0.01))
    trainer.fit(data, epochs=40, batch_size=10, progress=False)
    assert trainer.evaluate(data)["token_error_rate"] < 0.1


def test_label_sequences_without_names_have_an_output_for_the_blank():
    data = rnnbp.SequenceDataset([np.zeros((3, 1))] * 2, rnnbp.LabelSequences([[2], [1, 2]]))
    assert contestants.output_size(data) == 3
