"""The Free Spoken Digit Dataset: its splits on generated files, and on the recordings where they are available."""

import os
from pathlib import Path

import numpy as np
import pytest

from rnnbp.audio import write_wav
from rnnbp.datasets import load_spoken_digits

REAL = Path(os.environ.get("RNNBP_TEST_DATA", "no folder")) / "fsdd"
needs_recordings = pytest.mark.skipif(not REAL.is_dir(), reason="RNNBP_TEST_DATA names no folder that has fsdd")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "recordings").mkdir()
    for digit in (0, 7):
        for speaker in ("ann", "bob"):
            for index in range(3, 8):
                write_wav(tmp_path / "recordings" / f"{digit}_{speaker}_{index}.wav", np.zeros(80 + index), 8000)
    return tmp_path


def test_the_official_test_set_is_index_0_to_4(folder):
    train, test = load_spoken_digits(folder)
    assert (len(train), len(test)) == (12, 8)
    assert set(train.info["index"]) == {5, 6, 7}
    assert set(test.info["index"]) == {3, 4}
    assert train.classes == test.classes == tuple("0123456789")
    assert set(train.targets) == {0, 7}
    assert repr(load_spoken_digits(folder / "recordings")[0]) == repr(train)


def test_one_speaker_is_left_out(folder):
    train, test = load_spoken_digits(folder, "speaker", speaker="bob")
    assert set(train.info["speaker"]) == {"ann"}
    assert set(test.info["speaker"]) == {"bob"}


def test_a_random_split_follows_from_its_seed_and_has_every_digit(folder):
    train, test = load_spoken_digits(folder, "random", test_fraction=0.3, seed=1)
    assert np.bincount(test.targets)[[0, 7]].tolist() == [3, 3]
    assert not set(train.ids) & set(test.ids)
    assert test.ids == load_spoken_digits(folder, "random", test_fraction=0.3, seed=1)[1].ids
    assert test.ids != load_spoken_digits(folder, "random", test_fraction=0.3, seed=2)[1].ids


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split": "offical"}, "split must be one of 'official', 'random', 'speaker'; got 'offical'. Did you mean"),
        ({"split": "speaker"}, "speaker must be given with the split 'speaker', and only then: got None with"),
        ({"speaker": "ann"}, "and only then: got 'ann' with 'official'"),
        ({"split": "speaker", "speaker": "an"}, r"speaker must be one of 'ann', 'bob'; got 'an'. Did you mean 'ann'\?"),
    ],
)
def test_wrong_splits_are_refused(folder, options, message):
    with pytest.raises(ValueError, match=message):
        load_spoken_digits(folder, **options)


def test_an_empty_split_is_refused(tmp_path):
    write_wav(tmp_path / "0_ann_9.wav", np.zeros(9), 8000)
    with pytest.raises(ValueError, match="the split 'official' leaves a part without recordings"):
        load_spoken_digits(tmp_path)


@needs_recordings
def test_the_downloaded_recordings_are_the_documented_ones():
    train, test = load_spoken_digits(REAL)
    speakers = sorted(set(train.info["speaker"]))
    assert np.bincount(test.targets).tolist() == [5 * len(speakers)] * 10
    assert np.bincount(train.targets).tolist() == [45 * len(speakers)] * 10
    assert 0.1 < min(train.lengths) / 8000 < max(train.lengths) / 8000 < 2.5
    for left_out in speakers:
        rest, one = load_spoken_digits(REAL, "speaker", speaker=left_out)
        assert (len(rest), len(one)) == (500 * (len(speakers) - 1), 500)
