"""Datasets of the UCR and UEA archives that installed packages bring."""

import numpy as np
import pytest

from rnnbp.data import SequenceDataset
from rnnbp.datasets import load, load_archive, write_ts
from rnnbp.datasets.archives import PACKAGES

DATA = SequenceDataset([[[0.0], [1.0]], [[2.0], [3.0]]], targets=[0, 1], classes=["a", "b"])


@pytest.fixture
def packages(tmp_path, monkeypatch):
    """Put packages with one dataset each on the path, that raise where they are imported, and return their folder."""
    for package in ("aeon", "tslearn"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text("raise AssertionError('imported')")
    folder = tmp_path / "aeon" / "datasets" / "data" / "GunPoint"
    folder.mkdir(parents=True)
    for part in ("TRAIN", "TEST"):
        write_ts(folder / f"GunPoint_{part}.ts", DATA)
    (tmp_path / "tslearn" / ".cached_datasets").mkdir()
    arrays = {"X_train": np.ones((2, 3, 1)), "y_train": [2, 1], "X_test": np.zeros((1, 3, 1)), "y_test": [2]}
    np.savez(tmp_path / "tslearn" / ".cached_datasets" / "Trace.npz", **arrays)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def test_a_set_of_aeon_is_read_without_importing_it(packages):
    train, test = load("archive:GunPoint")
    assert repr(train) == repr(test) == repr(DATA)
    np.testing.assert_array_equal(train.targets, [0, 1])


def test_a_set_of_tslearn_has_its_classes_by_name(packages):
    train, test = load_archive("Trace")
    assert train.classes == test.classes == ("1", "2")
    assert (train.targets.tolist(), test.targets.tolist()) == ([1, 0], [1])
    assert train.sequences[0].shape == (3, 1)


def test_a_copy_of_the_archive_needs_no_package(packages):
    assert len(load_archive("GunPoint", packages / "aeon" / "datasets" / "data" / "GunPoint")[0]) == 2


def test_a_missing_package_is_named_with_its_extra(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r'needs tslearn, which is not installed: pip install "rnnbp\[suite\]", or'):
        load_archive("Trace")


def test_missing_files_are_named(packages):
    with pytest.raises(FileNotFoundError, match=r"the installed aeon has no file OSULeaf_TRAIN.ts: '"):
        load_archive("OSULeaf")
    with pytest.raises(FileNotFoundError, match=r"' has no file Mine_TRAIN.ts: '"):
        load_archive("Mine", packages)


def test_an_incomplete_file_of_arrays_is_refused(packages):
    np.savez(packages / "tslearn" / ".cached_datasets" / "Trace.npz", X_train=np.ones((2, 3, 1)))
    with pytest.raises(ValueError, match=r"Trace.npz of tslearn is not as expected"):
        load_archive("Trace")


def test_an_unknown_name_is_refused():
    with pytest.raises(ValueError, match=r"name must be one of .*; got 'Gunpoint'. Did you mean 'GunPoint'"):
        load_archive("Gunpoint")


@pytest.mark.oracles
@pytest.mark.parametrize("name", [name for name, package in PACKAGES.items() if package == "aeon"])
def test_values_equal_those_that_aeon_loads(name):
    aeon = pytest.importorskip("aeon.datasets")
    for part, ours in zip(("TRAIN", "TEST"), load_archive(name), strict=True):
        file = f"{aeon.__path__[0]}/data/{name}/{name}_{part}.ts"
        x, y = aeon.load_from_ts_file(file, return_meta_data=False)
        for sequence, theirs in zip(ours.sequences, x, strict=True):
            np.testing.assert_allclose(sequence, np.asarray(theirs).T, rtol=1e-6, atol=1e-6)
        if ours.classes is None:
            np.testing.assert_allclose(ours.targets[:, 0], y.astype(float), rtol=1e-6)
        else:
            assert [ours.classes[k].lower() for k in ours.targets] == y.tolist(), "aeon has lower case"
