"""Datasets by name."""

from functools import cache

import numpy as np
import pytest

from rnnbp import datasets
from rnnbp.audio import write_wav
from rnnbp.datasets import catalog, load
from rnnbp.datasets.by_name import ENTRIES, with_mfcc

DOWNLOADED = [name for name, entry in ENTRIES.items() if entry.source.startswith("downloaded")]
ARCHIVED = [name for name in ENTRIES if name.startswith("archive:")]
NAMES = [name for name in ENTRIES if name not in {*DOWNLOADED, *ARCHIVED}]


def test_the_table_lists_what_can_be_loaded():
    table = catalog()
    assert table.columns.tolist() == ["name", "what", "targets", "source"]
    assert table["name"].tolist() == list(ENTRIES)
    assert table["source"].str.contains("bundled|generated|downloaded, or path=, CC BY|the package").all()


loaded = cache(load)


@pytest.mark.parametrize("name", NAMES)
def test_every_name_loads_the_dataset_described_in_the_catalog(name):
    train, test = loaded(name)
    assert train.feature_size == test.feature_size
    assert train.classes == test.classes
    described = catalog().set_index("name").loc[name, "targets"]
    assert ("class" in described) == train.labelled == test.labelled
    assert ("step" in described) == train.per_step == test.per_step
    assert not np.array_equal(train.sequences[0], test.sequences[0])


@pytest.mark.parametrize("name", NAMES)
def test_loading_is_deterministic(name):
    for a, b in zip(loaded(name), load(name), strict=True):
        np.testing.assert_array_equal(np.concatenate(a.sequences), np.concatenate(b.sequences))


def test_generated_datasets_take_sizes_and_a_seed():
    train, test = load("adding", train=7, test=3, steps=12)
    assert (len(train), len(test), train.lengths[0]) == (7, 3, 12)
    same, _ = load("adding", train=7, test=99, steps=12)
    np.testing.assert_array_equal(same.sequences, train.sequences)
    other, _ = load("adding", train=7, test=3, steps=12, seed=1)
    assert not np.array_equal(other.sequences, train.sequences)
    assert len(load("digits", test_fraction=0.5)[1]) == 898


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("ading", {}, r"dataset must be one of 'adding', .*; got 'ading'. Did you mean 'adding'\?"),
        (
            "parity",
            {"step": 3},
            r"has no option 'step'; it takes train, test, seed, steps, shortest. Did you mean 'steps'\?",
        ),
        ("japanese-vowels", {"seed": 1}, "dataset 'japanese-vowels' has no option 'seed'; it takes none."),
        ("parity", {"train": 0}, "sequences must be a positive integer, got 0"),
    ],
)
def test_unknown_names_and_options_are_refused(name, options, message):
    with pytest.raises(ValueError, match=message):
        load(name, **options)


def test_all_lists_the_public_names():
    assert sorted(datasets.__all__) == datasets.__all__
    assert all(callable(getattr(datasets, name)) for name in datasets.__all__)


@pytest.mark.parametrize("name", DOWNLOADED)
def test_nothing_is_downloaded_offline(name, monkeypatch, tmp_path):
    monkeypatch.setenv("RNNBP_DATA", str(tmp_path))
    monkeypatch.setenv("RNNBP_OFFLINE", "1")
    folder = name.replace("connected", "spoken")  # strings are concatenated from the same recordings
    message = rf"{folder} is not in .*{folder}', and RNNBP_OFFLINE forbids.*give the path of a copy, by path="
    with pytest.raises(FileNotFoundError, match=message):
        load(name)


def test_recordings_come_as_cepstra_unless_a_feature_is_asked_for(tmp_path):
    for index in (0, 5):
        write_wav(tmp_path / f"7_ann_{index}.wav", np.zeros(800), 8000)
    loader = datasets.load_spoken_digits
    assert [part.feature_size for part in with_mfcc(loader, 8000, path=tmp_path)] == [13, 13]
    assert with_mfcc(loader, 8000, path=tmp_path, feature=None)[0].sequences[0].shape == (800, 1)
