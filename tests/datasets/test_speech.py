"""Speech Commands, Spoken Arabic Digits and TIMIT, on generated files in their layouts."""

import numpy as np
import pytest

from rnnbp.audio import write_sphere, write_wav
from rnnbp.datasets import load_speech_commands, load_spoken_arabic_digits, load_timit, read_segments
from rnnbp.datasets.arabic_digits import TEST, TRAIN
from rnnbp.datasets.speech_commands import part_of
from rnnbp.features import MFCC

# ---- Speech Commands -----------------------------------------------------------------------------

# Names from the lists that the dataset comes with.
OFFICIAL = {"a69b9b3e": "validation", "bb05582b": "testing"}


@pytest.fixture
def commands(tmp_path):
    speakers = [*OFFICIAL, *(f"{i:08x}" for i in range(30))]
    for word in ("yes", "no", "_background_noise_"):
        (tmp_path / word).mkdir()
        for speaker in speakers:
            write_wav(tmp_path / word / f"{speaker}_nohash_1.wav", np.zeros(160), 16000)
    return tmp_path


def test_the_official_splits_have_no_speaker_in_common(commands):
    parts = dict(zip(("training", "validation", "testing"), load_speech_commands(commands), strict=True))
    for name, data in parts.items():
        assert {part_of(file) for file in data.ids} == {name}
        assert data.classes == ("no", "yes")
    for speaker, name in OFFICIAL.items():
        assert speaker in set(parts[name].info["speaker"])
    speakers = [set(data.info["speaker"]) for data in parts.values()]
    assert sum(map(len, speakers)) == len(set.union(*speakers)) == 32
    assert sum(map(len, parts.values())) == 64


def test_two_splits_have_a_tenth_of_the_speakers_each():
    found = [part_of(f"{i:08x}_nohash_0.wav") for i in range(20_000)]
    for part in ("validation", "testing"):
        assert abs(found.count(part) / 20_000 - 0.1) < 4 * np.sqrt(0.09 / 20_000)
    assert part_of("yes/0a_nohash_0.wav") == part_of("no/0a_nohash_7.wav")


def test_selected_words_are_in_the_given_order(commands):
    assert load_speech_commands(commands, words=["yes", "no"])[0].classes == ("yes", "no")
    assert set(load_speech_commands(commands, words=["no"])[0].info["word"]) == {"no"}
    with pytest.raises(ValueError, match=r"word must be one of 'no', 'yes'; got 'yess'. Did you mean 'yes'"):
        load_speech_commands(commands, words=["yess"])


def test_an_empty_split_is_refused(tmp_path):
    (tmp_path / "yes").mkdir()
    write_wav(tmp_path / "yes" / "bb05582b_nohash_0.wav", np.zeros(9), 16000)
    with pytest.raises(ValueError, match="has no recording of the training part"):
        load_speech_commands(tmp_path)


# ---- Spoken Arabic Digits ------------------------------------------------------------------------


@pytest.fixture
def arabic(tmp_path, rng):
    """Return a corpus of four training and two test speakers; the first number of a block identifies it."""
    for name, speakers in ((TRAIN, 4), (TEST, 2)):
        with (tmp_path / name).open("w") as file:
            for block in range(10 * speakers * 10):
                file.write("                          \n")
                for _ in range(4 + block % 3):
                    file.write(" ".join(map(repr, [float(block), *rng.normal(size=12).tolist()])) + "\n")
    return tmp_path


def test_blocks_are_utterances_with_metadata_from_their_order(arabic):
    train, test = load_spoken_arabic_digits(arabic)
    assert (len(train), len(test), train.feature_size) == (400, 200, 13)
    assert train.lengths[:4].tolist() == [4, 5, 6, 4]
    assert [int(s[0, 0]) for s in train.sequences] == list(range(400))
    assert np.bincount(train.targets).tolist() == [40] * 10
    row = train.info.loc[271]
    assert (row["digit"], row["speaker"], row["take"], row["sex"]) == (6, 3, 1, "female")
    assert test.info.loc[9, "sex"] == "male"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 2 3\n", r"Train_Arabic_Digit\.txt', line 1: it must be 13 finite numbers, got \['1', '2', '3'\]"),
        ("\n" + " ".join(["nan"] * 13) + "\n", "line 2: it must be 13 finite numbers"),
        (" ".join(["1"] * 12 + ["x"]), "line 1: could not convert string to float: 'x'"),
        (" ".join(["1"] * 13), "has 1 utterances: it must be ten takes of ten digits by as many men as women"),
        ("", "has 0 utterances"),
    ],
)
def test_files_that_are_not_the_corpus_are_refused(arabic, text, message):
    (arabic / TRAIN).write_text(text)
    with pytest.raises(ValueError, match=message):
        load_spoken_arabic_digits(arabic)


def test_an_incomplete_corpus_is_refused(arabic):
    (arabic / TEST).unlink()
    with pytest.raises(FileNotFoundError, match=r"path: there is no file '.*Test_Arabic_Digit\.txt'"):
        load_spoken_arabic_digits(arabic)


# ---- TIMIT ---------------------------------------------------------------------------------------


@pytest.fixture
def timit(tmp_path, rng):
    for part, region, speaker, upper in (("TRAIN", "DR1", "FCJF0", True), ("TEST", "dr2", "mabw0", False)):
        folder = tmp_path / (part if upper else part.lower()) / region / speaker
        folder.mkdir(parents=True)
        y = rng.uniform(-1, 1, 1600)
        if upper:
            write_sphere(folder / "SA1.WAV", y, 16000)
            write_wav(folder / "SI9.WAV.wav", y, 16000)
            write_sphere(folder / "SI9.WAV", y, 16000)
        else:
            write_wav(folder / "si1.wav", y, 16000)
        for stem in ("SA1", "SI9") if upper else ("si1",):
            suffixes = (".PHN", ".WRD") if upper else (".phn", ".wrd")
            (folder / (stem + suffixes[0])).write_text("100 800 sh\n800 1500 iy\n")
            (folder / (stem + suffixes[1])).write_text("100 1500 she\n")
    return tmp_path


def test_timit_is_read_in_either_case_and_format(timit):
    train, test = load_timit(timit)
    assert train.ids == ["TRAIN/DR1/FCJF0/SA1.WAV", "TRAIN/DR1/FCJF0/SI9.WAV.wav"]
    assert test.ids == ["test/dr2/mabw0/si1.wav"]
    assert train.info.drop(columns="file").loc[0].tolist() == ["DR1", "F", "CJF0", "SA1", ("sh", "iy"), ("she",)]
    assert test.info.drop(columns="file").loc[0].tolist() == ["DR2", "M", "ABW0", "SI1", ("sh", "iy"), ("she",)]
    assert (train.targets, train.lengths.tolist()) == (None, [1600, 1600])


def test_targets_are_the_phones_at_the_centres_of_frames(timit):
    for feature in (MFCC(sr=16000), MFCC(sr=16000, center=False)):
        train, _ = load_timit(timit, feature=feature)
        assert train.classes == ("iy", "sh")
        middle = np.arange(train.lengths[0]) * feature.hop_length + (0 if feature.center else feature.n_fft // 2)
        wanted = [1 if 100 <= m < 800 else 0 if 800 <= m < 1500 else -1 for m in middle]
        assert train.targets[0].tolist() == wanted
        assert set(wanted) == ({-1, 0, 1} if feature.center else {0, 1})
    only = load_timit(timit, feature=MFCC(sr=16000), classes=["sh"])[0]
    assert set(only.targets[0]) == {-1, 0}
    assert only.classes == ("sh",)


def test_an_incomplete_copy_of_timit_is_refused(timit):
    with pytest.raises(ValueError, match="feature must have hop_length, so that its frames have a time"):
        load_timit(timit, feature=lambda y: y[:, None])
    phones = timit / "TRAIN" / "DR1" / "FCJF0" / "SA1.PHN"
    phones.unlink()
    with pytest.raises(FileNotFoundError, match=r"SA1\.WAV' has no \.phn beside it"):
        load_timit(timit)
    (timit / "test").rename(timit / "rest")
    phones.write_text("0 1 sh\n")
    with pytest.raises(ValueError, match="has no recordings in TEST"):
        load_timit(timit)
    with pytest.raises(FileNotFoundError, match="path: there is no folder"):
        load_timit(timit / "no")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0 10\n", r"a\.phn, line 1: it must be 'start end label', got '0 10'"),
        ("0 10 sh\n9 5 iy\n", r"a\.phn, line 2: it must be 'start end label', got '9 5 iy'"),
        ("-1 10 sh\n", "must be 'start end label'"),
        ("\n", r"a\.phn' is empty"),
    ],
)
def test_malformed_segments_are_refused(tmp_path, text, message):
    (tmp_path / "a.phn").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_segments(tmp_path / "a.phn")
