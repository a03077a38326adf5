"""Bundled data against known facts, and errors of changed files."""

import numpy as np
import pytest

from rnnbp.datasets import (
    bundled,
    load_digit_rows,
    load_digits,
    load_japanese_vowels,
    load_shakespeare,
    load_sunspots,
    sunspot_numbers,
)


def test_japanese_vowels_is_the_official_split():
    train, test = load_japanese_vowels()
    assert (len(train), len(test)) == (270, 370)
    assert (train.lengths.min(), train.lengths.max()) == (7, 26)
    assert (test.lengths.min(), test.lengths.max()) == (7, 29)
    assert train.feature_size == test.feature_size == 12
    assert train.classes == test.classes == tuple("123456789")
    assert np.bincount(train.targets).tolist() == [30] * 9
    assert np.bincount(test.targets).tolist() == [31, 35, 88, 44, 29, 24, 40, 50, 29]
    np.testing.assert_array_equal(train.sequences[0][:2, 0], np.float32([1.860936, 1.891651]))
    assert train.sequences[0].shape == (20, 12)


def test_digits_are_complete_scaled_and_split_by_class():
    train, test = load_digits()
    assert (len(train), len(test)) == (1438, 359)
    assert train.classes == tuple("0123456789")
    counts = np.bincount(train.targets) + np.bincount(test.targets)
    assert counts.tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert (abs(np.bincount(test.targets) - 0.2 * counts) <= 1).all()
    pixels = np.concatenate(train.sequences)
    assert pixels.shape == (1438, 64)
    assert (pixels.min(), pixels.max()) == (0, 1)
    assert (pixels * 16 == np.round(pixels * 16)).all()


def test_digits_agree_with_scikit_learn():
    sklearn = pytest.importorskip("sklearn.datasets")
    theirs = sklearn.load_digits()
    train, test = load_digits()
    ours = {(s.tobytes(), int(t)) for data in (train, test) for s, t in data}
    assert ours == {((x / 16).astype(np.float32).tobytes(), int(t)) for x, t in zip(theirs.data, theirs.target)}


def test_digit_rows_are_the_same_pictures_in_the_same_split():
    for whole, rows in zip(load_digits(seed=3), load_digit_rows(seed=3), strict=True):
        assert rows.sequences[0].shape == (8, 8)
        np.testing.assert_array_equal(whole.targets, rows.targets)
        for a, b in zip(whole.sequences, rows.sequences, strict=True):
            np.testing.assert_array_equal(a[0], b.ravel())


def test_the_split_of_digits_goes_by_fraction_and_seed():
    assert [len(part) for part in load_digits(test_fraction=0.5)] == [899, 898]
    same, other = load_digits(seed=0)[1], load_digits(seed=1)[1]
    assert same.ids == load_digits()[1].ids != other.ids
    assert not set(load_digits()[0].ids) & set(same.ids)
    with pytest.raises(ValueError, match="test_fraction must be a number between 0 and 1, got 20"):
        load_digits(test_fraction=20)
    with pytest.raises(ValueError, match="test_fraction must leave both parts a picture of 1797, got 0"):
        load_digits(test_fraction=0)


def test_sunspot_targets_are_the_next_values():
    series = sunspot_numbers()
    assert (series.index[0], series.index[-1], len(series)) == (1700, 2008, 309)
    assert series.loc[[1700, 1816, 1957, 2008]].tolist() == [5, 45.8, 190.2, 2.9]
    train, test = load_sunspots()
    largest = series.loc[:1920].max()
    assert largest == 154.4
    for part, years in ((train, range(1700, 1921)), (test, range(1920, 2009))):
        numbers = series.loc[list(years)].to_numpy()
        np.testing.assert_allclose(part.sequences[0][:, 0] * largest, numbers[:-1], rtol=1e-6)
        np.testing.assert_allclose(part.targets[0][:, 0] * largest, numbers[1:], rtol=1e-12)


@pytest.mark.parametrize("year", [1701, 2009, 1])
def test_sunspots_cannot_be_split_outside_their_years(year):
    with pytest.raises(ValueError, match=f"split_year must be from 1702 to 2008, got {year}"):
        load_sunspots(year)


def test_shakespeare_is_one_text_in_two_parts():
    train, test = load_shakespeare()
    assert (len(train), len(test), len(set(train + test))) == (1_003_854, 111_540, 65)
    assert "".join(load_shakespeare(0.5)) == train + test


@pytest.mark.parametrize("train", [0, 1, 1e-9])
def test_shakespeare_leaves_no_part_empty(train):
    with pytest.raises(ValueError, match=f"train must leave characters for both parts, got {train}"):
        load_shakespeare(train)


# ---- where the files are ------------------------------------------------------------------------


def installed(tmp_path, monkeypatch, folder):
    """Return a copy of the package elsewhere, and the folder of its data."""
    monkeypatch.setattr(bundled, "__file__", str(tmp_path / "rnnbp" / "datasets" / "bundled.py"))
    (tmp_path / folder).mkdir(parents=True)
    return tmp_path / folder


@pytest.mark.parametrize("folder", ["rnnbp/bundled", "data"])
def test_files_are_found_in_a_wheel_and_in_a_checkout(tmp_path, monkeypatch, folder):
    content = bundled.bundled("sunspots.csv").read_bytes()
    place = installed(tmp_path, monkeypatch, folder) / "sunspots.csv"
    place.write_bytes(content)
    assert bundled.bundled("sunspots.csv") == place
    assert len(sunspot_numbers()) == 309


def test_changed_and_missing_files_are_named(tmp_path, monkeypatch):
    place = installed(tmp_path, monkeypatch, "data")
    with pytest.raises(FileNotFoundError, match=r"sunspots\.csv is missing from this installation: install"):
        load_sunspots()
    (place / "sunspots.csv").write_text("YEAR,SUNACTIVITY\n1700,6\n")
    with pytest.raises(
        ValueError, match=r"sunspots\.csv has been changed: its SHA-256 is [0-9a-f]{64}, it should be f678"
    ):
        load_sunspots()


def test_an_unknown_file_is_named():
    with pytest.raises(ValueError, match=r"Did you mean 'sunspots\.csv'\?"):
        bundled.bundled("sunspot.csv")
