"""Folders of recordings: labels from names, folders and tables; computed and cached features; memory."""

import tracemalloc
from dataclasses import dataclass

import numpy as np
import pytest

import rnnbp
from rnnbp.audio import write_wav
from rnnbp.datasets import ByFolder, ByName, ByTable, load_recordings

NAMES = ByName("{digit}_{speaker}_{index}.wav", label="digit")


@pytest.fixture
def folder(tmp_path, rng):
    """Return a folder of two digits by two speakers, twice each, of 100 to 107 samples."""
    for i in range(8):
        name = f"{i // 4}_{'ann' if i % 4 < 2 else 'bob'}_{i % 2}.wav"
        write_wav(tmp_path / name, rng.uniform(-1, 1, 100 + i), 8000)
    return tmp_path


@dataclass(frozen=True)
class Frames:
    """Features that are frames of a number of samples; it counts its calls in a list that is not in its repr."""

    size: int = 10

    def __call__(self, y):
        CALLS.append(len(y))
        return y[: len(y) // self.size * self.size].reshape(-1, self.size)


CALLS: list[int] = []


@pytest.fixture(autouse=True)
def _no_calls():
    CALLS.clear()


def test_labels_and_metadata_come_from_names(folder):
    data = load_recordings(folder, NAMES)
    assert repr(data) == "SequenceDataset: 8 sequences of 100 to 107 steps, 1 feature; 2 classes"
    assert data.classes == ("0", "1")
    assert data.ids[2] == data.info["file"][2] == "0_bob_0.wav"
    assert data.info.loc[2].tolist() == ["0_bob_0.wav", 0, "bob", 0]
    assert data.info["index"].dtype == np.int64
    part = data.subset(data.info["speaker"] == "ann")
    assert part.ids == ["0_ann_0.wav", "0_ann_1.wav", "1_ann_0.wav", "1_ann_1.wav"]
    assert part.targets.tolist() == [0, 0, 1, 1]


def test_labels_from_a_regular_expression_and_none_at_all(folder):
    data = load_recordings(folder, ByName(r"(?P<digit>\d)_(?P<speaker>[a-z]+).*\.wav", label="speaker"))
    assert data.classes == ("ann", "bob")
    assert load_recordings(folder, ByName("{name}.wav")).targets is None


def test_labels_from_folders_leave_out_those_that_begin_with_a_line(tmp_path):
    for name in ("no/a.wav", "yes/b.wav", "yes/c.wav", "_background_noise_/d.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write_wav(tmp_path / name, np.zeros(10), 8000)
    data = load_recordings(tmp_path, ByFolder())
    assert data.ids == ["no/a.wav", "yes/b.wav", "yes/c.wav"]
    assert data.targets.tolist() == [0, 1, 1]
    assert load_recordings(tmp_path, ByFolder(), classes=["yes", "no"]).targets.tolist() == [1, 0, 0]


def test_labels_from_a_table_keep_its_other_columns(folder):
    (folder / "t.csv").write_text("path,word,age\n1_ann_0.wav,one,30\n0_ann_0.wav,NA,7\n")
    data = load_recordings(folder, ByTable("t.csv", file="path", label="word"))
    assert data.ids == ["1_ann_0.wav", "0_ann_0.wav"]
    assert data.classes == ("NA", "one")
    assert data.info["age"].tolist() == [30, 7]
    assert load_recordings(folder, ByTable(folder / "t.csv", file="path", label=None)).targets is None


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: ByName("{digit}_{speaker}.wav", label="digits"),
            r"label must be a field of the pattern, digit, speaker",
        ),
        (lambda: ByName("seven.wav"), r"pattern must have a field, such as \{label\}_\{index\}\.wav, got 'seven\.wav'"),
        (lambda: ByName("(?P<a>"), r"pattern '\(\?P<a>' cannot be read"),
    ],
)
def test_wrong_patterns_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ("{digit}.wav", r"labels must be ByName\(\.\.\.\), ByFolder\(\) or ByTable\(\.\.\.\), got '\{digit\}\.wav'"),
        (ByName("{digit}.flac"), r"'0_ann_0\.wav' does not match the pattern '\{digit\}\.flac'"),
        (ByFolder(), r"'0_ann_0\.wav' of .* is in no folder that could be its label"),
        (ByTable("t.csv", label="words"), r"has no column 'words'\. Did you mean 'word'\?"),
        (ByTable("t.csv", label="word"), r"row 1: there is no recording 'gone\.wav'"),
        (ByTable("empty.csv"), "has no rows"),
    ],
)
def test_labels_that_do_not_fit_are_refused(folder, labels, message):
    (folder / "t.csv").write_text("file,word\n0_ann_0.wav,a\ngone.wav,b\n")
    (folder / "empty.csv").write_text("file,label\n")
    with pytest.raises(ValueError, match=message):
        load_recordings(folder, labels)


def test_empty_and_missing_folders_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"holds no recordings \(\.wav, \.flac"):
        load_recordings(tmp_path, NAMES)
    with pytest.raises(FileNotFoundError, match="folder: there is no folder"):
        load_recordings(tmp_path / "no", NAMES)
    with pytest.raises(FileNotFoundError, match="table_file: there is no file"):
        load_recordings(tmp_path, ByTable("no.csv"))


def test_damaged_headers_are_found_immediately_and_damaged_samples_when_loaded(folder):
    (folder / "1_ann_0.wav").write_bytes(b"not a recording")
    data = load_recordings(folder, NAMES, feature=Frames())
    with pytest.raises(ValueError, match=r"1_ann_0\.wav' is neither WAV nor SPHERE, and soundfile cannot read it"):
        data.describe()
    with pytest.raises(ValueError, match=r"1_ann_0\.wav' is neither WAV nor SPHERE, and soundfile cannot read it"):
        load_recordings(folder, NAMES)


def test_sampling_rates_must_agree(folder):
    write_wav(folder / "1_ann_0.wav", np.zeros(50), 16000)
    with pytest.raises(ValueError, match=r"1_ann_0\.wav' has 16000 Hz, but '.*0_ann_0\.wav' has 8000 Hz"):
        load_recordings(folder, NAMES).batch()

    class Other:
        sr = 16000

        def __call__(self, y):
            return y[:, None]

    with pytest.raises(ValueError, match=r"feature is made for 16000 Hz, but '.*0_ann_0\.wav' has 8000 Hz"):
        load_recordings(folder, NAMES, feature=Other())


# ---- features ------------------------------------------------------------------------------------


def test_features_are_computed_lazily_from_averaged_channels(folder):
    write_wav(folder / "0_ann_0.wav", [[0.5] * 40, [-0.25] * 40], 8000, "FLOAT")
    data = load_recordings(folder, NAMES, feature=Frames())
    assert CALLS == [40]
    assert data.sequences[0].tolist() == [[0.125] * 10] * 4
    assert data.lengths.tolist() == [4] + [10] * 7


def test_a_feature_that_takes_the_sampling_rate_gets_it(folder):
    data = load_recordings(folder, NAMES, feature=lambda y, sr: np.full((2, 1), sr))
    assert data.sequences[3].tolist() == [[8000], [8000]]


def test_features_are_cached_on_disk_until_feature_or_recording_change(folder, tmp_path):
    cache = tmp_path / "cache"

    def load(feature):
        CALLS.clear()
        return load_recordings(folder, NAMES, feature=feature, cache=cache, memory=0).batch().x

    first = load(Frames())
    assert sorted(CALLS) == list(range(100, 108))
    assert len(list(cache.rglob("*.npy"))) == 8
    np.testing.assert_array_equal(load(Frames()), first)
    assert CALLS == []
    load(Frames(size=5))
    assert len(CALLS) == 8
    write_wav(folder / "0_ann_1.wav", np.zeros(90), 8000)
    load(Frames())
    assert set(CALLS) == {90}
    damaged = next(iter(cache.rglob("*.npy")))
    damaged.write_bytes(damaged.read_bytes()[:-1])
    np.testing.assert_array_equal(load(Frames(size=5)).shape, (21, 8, 5))
    assert not [p for p in cache.rglob("*") if p.is_file() and p.suffix != ".npy"]


def test_a_feature_without_a_repr_of_its_settings_is_not_cached(folder):
    with pytest.raises(ValueError, match="feature must have a repr that shows its settings"):
        load_recordings(folder, NAMES, feature=lambda y: y[:, None], cache=folder / "cache")
    with pytest.raises(ValueError, match="cache is for features: give feature="):
        load_recordings(folder, NAMES, cache=folder / "cache")


def test_a_network_trains_on_a_folder_larger_than_the_cache(folder):
    data = load_recordings(folder, NAMES, feature=Frames(), memory=1000)
    model = rnnbp.Sequential(rnnbp.Elman(10, 4), rnnbp.Last(), rnnbp.Dense(4, 2), seed=0)
    trainer = rnnbp.Trainer(model, rnnbp.CrossEntropy(), rnnbp.BPTT(), rnnbp.Adam(0.01), seed=0)
    history = trainer.fit(data, epochs=2, batch_size=4, progress=False)
    assert len(history) == 2
    assert 0 < data.sequences.cached_bytes <= 1000 < sum(s.nbytes for s in data.sequences)


def test_memory_is_bounded_for_every_operation_on_a_large_folder(tmp_path):
    """5 MB of samples in 300 recordings, of which 400 kB are cached; a batch of 8 is 128 kB."""
    for i in range(300):
        write_wav(tmp_path / f"{i % 2}_ann_{i}.wav", np.full(4000 + i % 9, 0.5), 8000)
    data = load_recordings(tmp_path, NAMES, memory=400_000)
    assert data.lengths.sum() * 4 > 4_800_000
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    train, test = data.split(0.8)
    for part in (train.map(lambda x: x * 2), test.subset(range(50)), train):
        part.describe()
        assert sum(b.x[0].sum() for b in part.batches(8, shuffle=True, rng=np.random.default_rng(0), bucket=4)) > 0
        assert part.sequences.lengths.sum() == part.lengths.sum()
    peak = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    cached = data.sequences.cached_bytes + train.map(np.negative).sequences.cached_bytes
    assert 0 < cached <= 2 * 400_000
    assert peak < 2 * 400_000 + 8 * 130_000  # two stages that hold, and a few batches on their way
