"""Datasets are checked before the first update, once, and evaluated without further forward passes."""

import re
from pathlib import Path

import numpy as np
import pytest

import rnnbp
from rnnbp.models import LayerStack
from rnnbp.models.inference import Inference
from rnnbp.training.data_checks import check_dataset, check_targets_of
from rnnbp.training.evaluation import Tally
from rnnbp.training.fit_arguments import FitArguments, check_stopping
from rnnbp.training.trainer_arguments import check_clip, check_schedule

F = 2


def network(outputs: int = 2, per_step: bool = False) -> rnnbp.Sequential:
    last = () if per_step else (rnnbp.Last(),)
    return rnnbp.Sequential(rnnbp.Elman(F, 4), *last, rnnbp.Dense(4, outputs))


def labelled(targets, **options) -> rnnbp.SequenceDataset:
    return rnnbp.SequenceDataset([np.ones((4, F))] * len(targets), targets=targets, **options)


@pytest.fixture
def passes(monkeypatch) -> list[int]:
    """Number of sequences in every forward pass of a model, in training and in evaluation."""
    sizes, unroll, evaluate = [], LayerStack.unroll, Inference.evaluate

    def counted(self, params, x, *arguments, **options):
        sizes.append(x.shape[1])
        return unroll(self, params, x, *arguments, **options)

    def counted_evaluation(self, x, *arguments, **options):
        sizes.append(x.shape[1])
        return evaluate(self, x, *arguments, **options)

    monkeypatch.setattr(LayerStack, "unroll", counted)
    monkeypatch.setattr(Inference, "evaluate", counted_evaluation)
    return sizes


# ---- number of forward passes --------------------------------------------------------------------


@pytest.mark.parametrize("epochs", [1, 5])
def test_fit_runs_one_forward_pass_of_one_sequence_to_check_each_dataset(passes, epochs):
    train, validation = labelled([0, 1] * 5), labelled([0, 1] * 3)
    rnnbp.Trainer(network(), rnnbp.CrossEntropy()).fit(train, validation, epochs, batch_size=5, progress=False)
    assert passes == [1, 1] + [5, 5, 6] * epochs


def test_evaluate_runs_one_forward_pass_for_every_batch(passes):
    rnnbp.Trainer(network(), rnnbp.CrossEntropy()).evaluate(labelled([0, 1] * 5), batch_size=4)
    assert passes == [4, 4, 2]


@pytest.mark.parametrize("epochs", [1, 3])
def test_stateful_training_runs_no_forward_pass_more(passes, epochs):
    stream = rnnbp.SequenceDataset.from_stream(np.zeros((24, F)), np.zeros((24, 1)), 4, steps=3)
    trainer = rnnbp.Trainer(network(1, per_step=True), rnnbp.MeanSquaredError(), stateful=True)
    trainer.fit(stream, stream, epochs, batch_size=4, progress=False)
    assert passes == [1, 1] + [4] * 4 * epochs
    passes.clear()
    trainer.evaluate(stream)
    assert passes == [4, 4]


# ---- targets -------------------------------------------------------------------------------------

LABELS = rnnbp.LabelSequences
OUT_OF_RANGE = [
    (rnnbp.CrossEntropy(), network(2), labelled([0] * 20 + [2, 0]), r"sequence 20, .* label 2 .* of the K = 2 classes"),
    (
        rnnbp.CrossEntropy(),
        network(2, per_step=True),
        labelled([np.zeros(4, int)] * 9 + [np.array([0, -1, 0, 5])]),
        r"sequence 9, .* label 5 in targets\[t=3, b=0\] is not one of the K = 2 classes",
    ),
    (
        rnnbp.BinaryCrossEntropy(),
        network(1),
        labelled([0.0] * 20 + [1.5]),
        r"sequence 20, .* targets must be from 0 to 1, got 1\.5",
    ),
    (rnnbp.CTC(), network(2, per_step=True), labelled(LABELS([[1]] * 20 + [[2]])), "label 2 in sequence 20 is not one"),
    (
        rnnbp.CTC(),
        network(2, per_step=True),
        labelled(LABELS([[1]] * 20 + [[0]])),
        "label 0 in sequence 20 is the",
    ),
    (rnnbp.CTC(), network(2, per_step=True), labelled(LABELS([[1]] * 20 + [[1] * 4])), "sequence 20 has 4 steps, but"),
    (
        rnnbp.CrossEntropy([1.0, 2.0, 3.0]),
        network(2),
        labelled([0, 1]),
        "sequence 0, .* class_weight must have a weight for each of the K = 2 outputs, got 3",
    ),
]


@pytest.mark.parametrize(("loss", "model", "wrong", "message"), OUT_OF_RANGE, ids=lambda one: type(one).__name__)
def test_targets_out_of_range_are_refused_before_the_first_update(loss, model, wrong, message):
    trainer, before = rnnbp.Trainer(model, loss), model.params.vector.copy()
    with pytest.raises(ValueError, match=f"^train: {message}"):
        trainer.fit(wrong, epochs=1, batch_size=2, progress=False)
    with pytest.raises(ValueError, match=f"^dataset: {message}"):
        trainer.evaluate(wrong)
    np.testing.assert_array_equal(model.params.vector, before)
    assert trainer.rows == []


def test_validation_targets_out_of_range_are_refused_before_the_first_update():
    trainer = rnnbp.Trainer(network(2), rnnbp.CrossEntropy())
    with pytest.raises(ValueError, match=r"^validation: sequence 1, as a batch of its own: label 2"):
        trainer.fit(labelled([0, 1]), labelled([0, 2]), epochs=1, progress=False)
    assert trainer.rows == []


def test_ignored_and_missing_targets_are_no_targets_out_of_range():
    steps = labelled([np.array([0, -1, 1, -1]), np.array([-1] * 4)])
    trainer = rnnbp.Trainer(network(2, per_step=True), rnnbp.CrossEntropy())
    assert len(trainer.fit(steps, epochs=1, progress=False)) == 1
    values = labelled([[0.0, np.nan], [1.0, 0.5]])
    assert len(rnnbp.Trainer(network(2), rnnbp.BinaryCrossEntropy()).fit(values, epochs=1, progress=False)) == 1


# ---- names of classes ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("loss", "outputs", "names", "message"),
    [
        (
            rnnbp.BinaryCrossEntropy(),
            1,
            ["a", "b", "c"],
            r"tells two classes apart by one output, got 3 classes, 'a', 'b', 'c', and K = 1 .* take CrossEntropy\(\)",
        ),
        (
            rnnbp.BinaryCrossEntropy(),
            2,
            ["a", "b"],
            r"tells two classes apart .* got 2 classes, .* and K = 2 outputs",
        ),
        (rnnbp.MeanSquaredError(), 1, ["a", "b"], r"is for values, and the targets are classes, 'a', 'b': take CrossE"),
    ],
)
def test_names_of_classes_that_do_not_fit_the_loss_are_refused(loss, outputs, names, message):
    trainer, data = rnnbp.Trainer(network(outputs), loss), labelled(names)
    with pytest.raises(ValueError, match=f"^train: {type(loss).__name__} {message}"):
        trainer.fit(data, epochs=1, progress=False)
    with pytest.raises(ValueError, match=f"^dataset: {type(loss).__name__} {message}"):
        trainer.evaluate(data)


def test_two_names_of_classes_fit_binary_cross_entropy_with_one_output():
    trainer = rnnbp.Trainer(network(1), rnnbp.BinaryCrossEntropy())
    trainer.fit(labelled(["no", "yes"]), epochs=1, progress=False)
    assert trainer.model.classes == ("no", "yes")


def test_a_model_trained_on_integers_does_not_adopt_names():
    trainer = rnnbp.Trainer(network(), rnnbp.CrossEntropy())
    trainer.fit(labelled([0, 1]), epochs=1, progress=False)
    before = trainer.model.params.vector.copy()
    for ask in (trainer.evaluate, lambda data: trainer.fit(data, epochs=1, progress=False)):
        with pytest.raises(ValueError, match=r"has the classes 'no', 'yes', and the model is trained without names"):
            ask(labelled(["yes", "no"]))
    assert trainer.model.classes is None
    assert len(trainer.rows) == 1
    np.testing.assert_array_equal(trainer.model.params.vector, before)


def test_a_model_trained_on_integers_takes_names_that_are_set_or_new_labels_where_its_loss_is_reset():
    trainer = rnnbp.Trainer(network(), rnnbp.CrossEntropy())
    trainer.fit(labelled([0, 1]), epochs=1, progress=False)
    trainer.model.classes = ["yes", "no"]
    trainer.fit(labelled(["yes", "no"]), epochs=1, progress=False)
    assert trainer.model.classes == ("yes", "no")
    trainer.model.classes = trainer.model.loss = None
    trainer.fit(labelled(["up", "down"]), epochs=1, progress=False)
    assert trainer.model.classes == ("down", "up")


def test_a_resumed_checkpoint_of_no_epochs_leaves_the_model_untrained(tmp_path):
    rnnbp.Trainer(network(), rnnbp.CrossEntropy()).save(tmp_path / "c.npz")
    trainer = rnnbp.Trainer(network(), rnnbp.CrossEntropy())
    trainer.resume(tmp_path / "c.npz")
    trainer.fit(labelled(["no", "yes"]), epochs=1, progress=False)
    assert trainer.model.classes == ("no", "yes")


# ---- validation data ------------------------------------------------------------------------------


def arguments(train, validation) -> FitArguments:
    return FitArguments(train, validation, 4, progress=False, stopping=None, checkpoint=None)


def test_labels_of_validation_data_are_numbered_as_those_of_training():
    found = arguments(labelled(["a", "b", "c"]), labelled(["c", "c", "b"])).with_classes_of(network(3))
    assert found.validation.classes == ("a", "b", "c")
    assert found.validation.targets.tolist() == [2, 2, 1]


def test_features_of_validation_data_are_in_the_order_of_training():
    sequences = [np.array([[1.0, 2.0], [3.0, 4.0]])]
    train = rnnbp.SequenceDataset(sequences, [0], feature_names=["left", "right"])
    other = rnnbp.SequenceDataset(sequences, [0], feature_names=["right", "left"])
    found = arguments(train, other).with_classes_of(network())
    assert found.validation.feature_names == ("left", "right")
    assert found.validation.sequences[0].tolist() == [[2.0, 1.0], [4.0, 3.0]]


def test_validation_data_of_another_vocabulary_are_refused_before_the_first_update():
    train, other = (rnnbp.SequenceDataset.from_text(text, 1, 2) for text in ("abab", "acac"))
    with pytest.raises(ValueError, match=r"^validation has the tokens of CharTokenizer"):
        arguments(train, other).with_classes_of(network())


# ---- data that cannot be checked -------------------------------------------------------------------


def test_a_dataset_without_sequences_of_positive_weight_has_no_targets_to_check():
    check_targets_of("train", labelled([5, 5], weights=[0.0, 0.0]), network(2), rnnbp.CrossEntropy())
    with pytest.raises(ValueError, match=r"^train: sequence 0, .*, counting those of a weight above 0 only$"):
        check_targets_of("train", labelled([0, 5], weights=[0.0, 1.0]), network(2), rnnbp.CrossEntropy())
    with pytest.raises(ValueError, match=r"^train: sequence 1, (?!.*counting)"):
        check_targets_of("train", labelled([0, 5]), network(2), rnnbp.CrossEntropy())


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("speech.ts.gz", r"got 'speech\.ts\.gz': read it by rnnbp\.datasets\.read_ts\('speech\.ts\.gz'\)"),
        (Path("vowels"), r"got 'vowels': rnnbp\.datasets\.load\(name\) loads one"),
        (np.zeros((2, 3)), r"got an array of shape \(2, 3\): SequenceDataset\("),
        ([1], r"got list: SequenceDataset\("),
    ],
)
def test_what_is_no_dataset_is_refused_with_a_way_to_make_one(given, message):
    with pytest.raises(ValueError, match=f"^train must be a SequenceDataset, {message}"):
        check_dataset("train", given)


def test_evaluation_needs_a_dataset_and_prediction_takes_a_list():
    trainer = rnnbp.Trainer(network(), rnnbp.CrossEntropy())
    with pytest.raises(ValueError, match="dataset must be a SequenceDataset, got list"):
        trainer.evaluate([np.ones((4, F))])
    np.testing.assert_array_equal(trainer.predict([np.ones((4, F))] * 3), trainer.predict(labelled([0, 0, 0])))


@pytest.mark.parametrize(
    ("check", "given", "advice"),
    [
        (check_clip, 0.5, "give ClipNorm(0.5)"),
        (check_clip, "x", "give ClipNorm(1.0), say"),
        (check_clip, True, "give ClipNorm(1.0), say"),
        (check_schedule, 1, "Adam(learning_rate=1)"),
        (check_schedule, False, "give Cosine(epochs=30), say"),
        (check_stopping, 3, "give EarlyStopping(patience=3)"),
        (check_stopping, True, "give EarlyStopping()"),
    ],
)
def test_a_number_in_place_of_an_object_is_what_its_argument_may_be(check, given, advice):
    with pytest.raises(ValueError, match=re.escape(advice)):
        check(given)


def test_the_loss_of_spans_is_that_of_whole_sequences_in_a_tally():
    steps = rnnbp.SequenceDataset([np.ones((4, F)), np.ones((3, F))], [np.array([0, 1, 1, 0]), np.array([1, 0, 1])])
    model, loss, batch = network(2, per_step=True), rnnbp.CrossEntropy(), steps.batch()
    outputs, spans, whole = model.forward(batch), Tally(loss, model), Tally(loss, model)
    total = loss.total(batch.targets, batch.lengths)
    for start, stop in ((0, 3), (3, 4)):
        due = batch.due(start, stop, True)
        value, _ = loss.masked(outputs[start:stop], batch.targets_of(start, stop), due, total)
        spans.add(outputs[start:stop], batch, value, (start, stop))
    whole.add(outputs, batch, loss(outputs, batch.targets, batch.lengths)[0], (0, 4))
    assert spans.result() == pytest.approx(whole.result(), rel=1e-6)
