"""The baselines: static or recurrent as declared, of any number of parameters, and able to learn."""

import pickle

import numpy as np
import pytest
from pairs import slow_but

import rnnbp
from rnnbp import comparison
from rnnbp.comparison import BASELINES, baseline_names, model_factory, output_size
from rnnbp.comparison.models import LABEL_BASELINES, STEP_BASELINES


def one_a_sequence() -> rnnbp.SequenceDataset:
    rng = np.random.default_rng(0)
    labels = np.arange(30) % 3
    return rnnbp.SequenceDataset([rng.normal(k, 0.5, (rng.integers(4, 9), 2)) for k in labels], targets=labels)


def one_a_step() -> rnnbp.SequenceDataset:
    x = np.sin(np.arange(200) / 3)[:, None]
    return rnnbp.SequenceDataset([x[:-1]], targets=[x[1:]])


TABLE = [
    *(pytest.param(name, BASELINES[name], one_a_sequence, id=name) for name in BASELINES),
    *(pytest.param(name, STEP_BASELINES[name], one_a_step, id=f"{name} a step") for name in STEP_BASELINES),
]


@pytest.mark.parametrize(("name", "baseline", "make"), TABLE)
def test_a_baseline_is_of_its_kind_and_learns(name, baseline, make):
    data = make()
    model = model_factory(name, data)(0)
    assert model.kind == baseline.kind
    assert isinstance(model.layers[0], rnnbp.Normalize)
    loss = rnnbp.MeanSquaredError() if data.per_step else rnnbp.CrossEntropy()
    trainer = rnnbp.Trainer(model, loss, rnnbp.BPTT(), baseline.optimizer())
    trainer.fit(data, epochs=60 if data.per_step else 15, progress=False)
    assert trainer.evaluate(data)[loss.metric] > 0.9


@pytest.mark.parametrize(("name", "baseline", "make"), TABLE)
def test_width_search_gives_the_number_of_parameters(name, baseline, make):
    for wanted in (500, 3000) if name != "lstm-fcn" else (3000, 10000):  # which grows in steps of hundreds
        size = model_factory(name, make(), parameters=wanted)(0).params.size
        assert size == pytest.approx(wanted, rel=0.1)


@pytest.mark.parametrize(("name", "baseline", "make"), TABLE)
def test_a_model_factory_can_be_pickled(name, baseline, make):
    made = model_factory(name, make())
    again, optimizer = pickle.loads(pickle.dumps((made, baseline.optimizer)))
    np.testing.assert_array_equal(again(3).params.vector, made(3).params.vector)
    assert repr(optimizer()) == repr(baseline.optimizer())


def test_the_seed_determines_the_initial_parameters():
    make = model_factory("gru", one_a_sequence())
    np.testing.assert_array_equal(make(1).params.vector, make(1).params.vector)
    assert not np.array_equal(make(1).params.vector, make(2).params.vector)


def test_group_names_are_expanded():
    assert baseline_names(["static"], STEP_BASELINES) == ["window-mlp"]
    assert baseline_names(["all"]) == [name for name in BASELINES if name not in ("conv-gru", "lstm-fcn", "esn-bptt")]
    assert baseline_names(["reservoir"]) == baseline_names(["reservoir"], STEP_BASELINES) == ["esn"]
    assert baseline_names(["static", "lstm-fcn"])[-1] == "lstm-fcn"
    assert baseline_names(["gru", "recurrent"])[0] == "gru"
    assert len(baseline_names(["gru", "recurrent"])) == len(baseline_names(["recurrent"]))


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match=r"models must be of .*; got 'ltsm'\. Did you mean 'lstm'\?"):
        baseline_names(["ltsm"])
    with pytest.raises(ValueError, match=r"model must be of window-mlp, elman, lstm, gru, esn, esn-bptt; got 'bilstm'"):
        model_factory("bilstm", one_a_step())


def test_data_without_targets_are_refused():
    with pytest.raises(ValueError, match="train must have targets, got none"):
        model_factory("gru", rnnbp.SequenceDataset([np.ones((3, 2))]))


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
def test_output_size_is_the_number_of_classes_or_values(targets, outputs):
    data = rnnbp.SequenceDataset([np.ones((3, 1))] * 2, targets=targets)
    assert output_size(data) == outputs


def label_strings() -> rnnbp.SequenceDataset:
    """Return sequences of one to three bumps, each in one of three features, with pauses between."""
    rng = np.random.default_rng(0)
    labels = [rng.integers(1, 4, rng.integers(1, 4)) for _ in range(60)]
    rest = np.zeros((2, 3))
    x = [
        np.concatenate([rest, *(part for k in one for part in (np.tile(np.eye(3)[k - 1], (3, 1)), rest))])
        for one in labels
    ]
    return rnnbp.SequenceDataset(x, rnnbp.LabelSequences(labels, classes=["<blank>", "a", "b", "c"]))


@pytest.mark.parametrize("name", slow_but(list(LABEL_BASELINES)[:1], LABEL_BASELINES))
def test_label_sequences_have_baselines_that_learn_by_ctc(name):
    data = label_strings()
    assert output_size(data) == 4
    baseline = comparison.baselines_for(data)[name]
    model = model_factory(name, data, parameters=4000)(0)
    assert model.kind == baseline.kind
    loss = comparison.loss_for(data)
    trainer = rnnbp.Trainer(model, loss, rnnbp.BPTT(), rnnbp.Adam(0.01))
    trainer.fit(data, epochs=40, batch_size=10, progress=False)
    assert trainer.evaluate(data)["token_error_rate"] < 0.1


def test_label_sequences_without_names_have_an_output_for_the_blank():
    data = rnnbp.SequenceDataset([np.zeros((3, 1))] * 2, rnnbp.LabelSequences([[2], [1, 2]]))
    assert output_size(data) == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("gru", 8, "recurrent"), "build must be a function"),
        ((lambda *sizes: [], 0, "recurrent"), "width must be a positive integer"),
        ((lambda *sizes: [], 8, "recurrnt"), "kind must be one of .* Did you mean 'recurrent'"),
        ((lambda *sizes: [], 8, "static", 0), "learning_rate must be a number above 0"),
    ],
)
def test_a_baseline_names_its_wrong_argument(arguments, message):
    with pytest.raises(ValueError, match=message):
        comparison.Baseline(*arguments)


def test_simple_forecasts_are_of_targets_that_are_the_next_inputs():
    data = one_a_step()
    assert list(comparison.forecasts_for(data)) == ["persistence", "autoregression"]
    forecasts = comparison.forecasts_for(data, season=5)
    x = data.sequences[0][:, None]
    np.testing.assert_array_equal(forecasts["persistence"](0).forward(x), x)
    np.testing.assert_array_equal(forecasts["seasonal"](0).forward(x)[4:], x[:-4])
    assert comparison.forecasts_for(one_a_sequence(), season=5) == {}
    assert comparison.forecasts_for(rnnbp.SequenceDataset(data.sequences, data.sequences)) == {}
