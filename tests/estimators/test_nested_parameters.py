"""Parameters of optimizers, losses, gradient algorithms and layers are reached through those of the estimators."""

import numpy as np
import pytest

import rnnbp

pytest.importorskip("sklearn")
from sklearn.base import clone

from rnnbp.estimators import MLPClassifier, SequenceClassifier


def test_a_default_and_a_name_have_the_parameters_of_what_they_stand_for():
    classifier = SequenceClassifier(gradient="truncated")
    params = classifier.get_params()
    assert (params["optimizer"], params["optimizer__learning_rate"]) == (None, 0.01)
    assert (params["gradient"], params["gradient__k1"], params["gradient__k2"]) == ("truncated", 10, 10)
    assert params["loss__label_smoothing"] == 0.0


def test_setting_an_argument_makes_another_object():
    optimizer = rnnbp.SGD(0.5)
    classifier = SequenceClassifier(optimizer=optimizer).set_params(optimizer__learning_rate=0.25)
    assert (classifier.optimizer.learning_rate, optimizer.learning_rate) == (0.25, 0.5)
    assert isinstance(classifier.optimizer, rnnbp.SGD)


def test_an_object_and_its_argument_can_be_set_together_in_any_order():
    classifier = SequenceClassifier().set_params(optimizer__momentum=0.5, optimizer="momentum")
    assert (type(classifier.optimizer), classifier.optimizer.momentum) == (rnnbp.Momentum, 0.5)


def test_arguments_of_arguments_are_reached():
    cell = rnnbp.LSTMCell(1, 8, init=rnnbp.ForgetBias(0.5))
    classifier = SequenceClassifier(cell=cell).set_params(cell__init__value=0.25)
    assert classifier.get_params()["cell__init__value"] == classifier.cell.init.value == 0.25
    view = MLPClassifier(view=rnnbp.Resample(5)).set_params(view__steps=7).view
    assert view == rnnbp.Resample(7)


def test_every_nested_parameter_can_be_set_to_what_it_is():
    given = {
        "optimizer": "adam",
        "gradient": rnnbp.TruncatedBPTT(2, 4),
        "loss": rnnbp.CrossEntropy(label_smoothing=0.1),
    }
    classifier = SequenceClassifier(**given, cell=rnnbp.ElmanCell(1, 8, "relu"), pooling="mean")
    nested = {key: value for key, value in classifier.get_params().items() if "__" in key}
    for key, value in clone(classifier).set_params(**nested).get_params().items():
        if "__" in key:
            assert value == nested[key], key


def test_a_clone_has_the_same_parameters_and_objects_of_its_own():
    classifier = SequenceClassifier(optimizer=rnnbp.Adam(0.03), schedule=rnnbp.Cosine(30), clip=rnnbp.ClipNorm(1.0))
    other = clone(classifier)
    assert other.optimizer is not classifier.optimizer
    assert repr(other.get_params()) == repr(classifier.get_params())


def test_training_leaves_the_given_optimizer_untouched():
    optimizer = rnnbp.Adam(0.03)
    X = [np.ones((n, 1)) for n in (2, 3, 4, 5)]
    SequenceClassifier(optimizer=optimizer, epochs=2).fit(X, [0, 1, 0, 1])
    assert optimizer.steps == 0


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (
            {"hiden_size": 3},
            "Invalid parameter 'hiden_size' for estimator SequenceC.* Did you mean 'hidden_size'",
        ),
        ({"optimizer__rate": 3}, r"Invalid parameter 'optimizer__rate': Adam has the arguments learning_rate, "),
        ({"epochs__n": 3}, r"Invalid parameter 'epochs__n': int has no arguments that can be set"),
    ],
)
def test_an_unknown_parameter_is_an_error_that_lists_those_there_are(params, message):
    with pytest.raises(ValueError, match=message):
        SequenceClassifier().set_params(**params)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"optimizer": "adm"}, "optimizer must be of .*; got 'adm'. Did you mean 'adam'"),
        ({"gradient": "btpp"}, "gradient must be of .*; got 'btpp'"),
        ({"cell": "lsmt"}, "cell must be of elman, lstm, .*; got 'lsmt'. Did you mean 'lstm'"),
        ({"cell": rnnbp.Stack((rnnbp.ElmanCell(2, 3),))}, r"cell takes 2 features, got 1: Stack"),
        ({"cell": 3}, "cell must be a name .*, a Cell or a class of one, got 3"),
        ({"pooling": "first"}, "pooling must be of last, mean, ends, attention; got 'first'"),
        ({"dtype": "int8"}, "dtype must be 'float32' or 'float64', got 'int8'"),
    ],
)
def test_a_wrong_parameter_is_reported_by_fit(params, message):
    with pytest.raises(ValueError, match=message):
        SequenceClassifier(**params).fit([np.ones((2, 1)), np.ones((3, 1))], [0, 1])
