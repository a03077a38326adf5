"""Containers that aeon, sktime and tslearn make themselves, and aeon's own list of checks."""

import warnings

import numpy as np
import pytest

from rnnbp import SequenceDataset, kernels
from rnnbp.estimators.containers import Container

pytestmark = pytest.mark.interop

UNEQUAL = [np.random.default_rng(k).normal(size=(3 + k, 2)) for k in range(4)]
EQUAL = [np.random.default_rng(k).normal(size=(5, 2)) for k in range(4)]


def assert_sequences(found: SequenceDataset, wanted: list[np.ndarray]) -> None:
    """Assert that a dataset holds these sequences."""
    assert len(found) == len(wanted)
    for one, other in zip(found.sequences, wanted):
        np.testing.assert_array_equal(one, other)


def test_containers_of_tslearn():
    utils = pytest.importorskip("tslearn.utils")
    X = utils.to_time_series_dataset(UNEQUAL)
    assert_sequences(Container(axes="ntf").read(X), UNEQUAL)


@pytest.mark.parametrize("name", ["pd-multiindex", "nested_univ", "numpy3D", "df-list"])
def test_containers_of_sktime(name):
    convert = pytest.importorskip("sktime.datatypes").convert
    array = np.stack([s.T for s in EQUAL])
    X = convert(array, from_type="numpy3D", to_type=name, as_scitype="Panel")
    container = Container(axes="nft" if name == "numpy3D" else None)
    assert not container.is_table(X)
    assert_sequences(container.read(X), EQUAL)


@pytest.mark.parametrize("equal", [True, False])
def test_containers_of_aeon(equal):
    datasets = pytest.importorskip("aeon.testing.data_generation")
    if equal:
        X, _ = datasets.make_example_3d_numpy(n_cases=4, n_channels=2, n_timepoints=5, random_state=0)
    else:
        X, _ = datasets.make_example_3d_numpy_list(n_cases=4, n_channels=2, random_state=0)
    assert_sequences(Container(axes="nft").read(X), [one.T for one in X])


@pytest.mark.parametrize("name", ["AeonClassifier", "AeonRegressor"])
def test_all_checks_of_aeon_pass(name):
    checking = pytest.importorskip("aeon.testing.estimator_checking")
    from rnnbp.estimators import aeon

    with kernels.using("numpy"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        outcomes = checking.check_estimator(getattr(aeon, name))
    print(name, len(outcomes))
    assert len(outcomes) > 20
    assert {check: outcome for check, outcome in outcomes.items() if outcome != "PASSED"} == {}
