"""scikit-learn's own list of checks, whole, for every estimator that takes an X of two axes: none is left out.

``pytest tests/estimators/test_scikit_checks.py -m slow -rP`` prints the table.
"""

import warnings
from collections import Counter

import pytest

from rnnbp import kernels

pytest.importorskip("sklearn")
from sklearn.utils.estimator_checks import check_estimator

from rnnbp import estimators
from rnnbp.estimators import (
    MLPClassifier,
    MLPRegressor,
    SequenceClassifier,
    SequenceFeatures,
    SequenceForecaster,
    SequenceRegressor,
    SequenceStandardizer,
    SequenceTagger,
    SequenceTranscriber,
)

TABLES = [
    MLPClassifier(),
    MLPRegressor(),
    SequenceClassifier(),
    SequenceRegressor(cell="elman", batch_size=64),  # fewer steps than by default, which passes as well
    SequenceTagger(cell="elman", batch_size=100),
    SequenceStandardizer(),
]
# A sequence of one step has no transcription, two axes are one series or recordings: no rows that are samples.
NOT_TABLES = [SequenceTranscriber(), SequenceForecaster(), SequenceFeatures(len)]


def checked(estimator: object) -> list[dict]:
    """Return the outcome of every check, with the kernels that need no compilation."""
    with kernels.using("numpy"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return check_estimator(estimator, on_fail=None, on_skip=None)


@pytest.mark.slow
@pytest.mark.parametrize("estimator", TABLES, ids=repr)
def test_all_checks_pass(estimator):
    outcomes = checked(estimator)
    print(repr(estimator), dict(Counter(one["status"] for one in outcomes)))
    for one in outcomes:
        print(f"  {one['status']:8}{one['check_name']}")
    assert len(outcomes) > 40
    assert [one["check_name"] for one in outcomes if one["status"] not in ("passed", "skipped")] == []
    # It needs the environment variable SCIPY_ARRAY_API, before anything is imported.
    assert {one["check_name"] for one in outcomes if one["status"] == "skipped"} <= {"check_array_api_input"}


@pytest.mark.parametrize("estimator", NOT_TABLES, ids=repr)
def test_estimators_without_samples_in_rows_say_so(estimator):
    """The checks that follow the first one are then not applicable."""
    assert [one["check_name"] for one in checked(estimator)] == ["check_estimator_cloneable"]


def test_every_estimator_is_checked():
    assert {type(one).__name__ for one in TABLES + NOT_TABLES} == set(estimators.__all__) - {"read_sequences"}
