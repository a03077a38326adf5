"""The tables of letters to phonemes: on words that are made here, and on the real corpus where it is."""

import os
import shlex
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rnnbp.applications.nettalk import tables
from rnnbp.applications.nettalk.tables import Runs, cmudict_held_out, nettalk_1987, nettalk_held_out
from rnnbp.cli import main as cli
from rnnbp.datasets import load_nettalk
from rnnbp.runtime import Outcome, cores

SOUNDS = {"a": "@", "e": "E", "i": "I", "o": "a", "b": "b", "d": "d", "k": "k", "n": "n", "s": "s", "t": "t"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A language whose words are read letter by letter; an e at the end is silent."""
    folder, rng = tmp_path_factory.mktemp("nettalk"), np.random.default_rng(0)
    vowels, others = list("aeio"), list("bdknst")
    words = sorted(
        {"".join(rng.choice(others if n % 2 else vowels) for n in range(rng.integers(3, 7))) for _ in range(150)}
    )
    with (folder / "nettalk.data").open("w") as file:
        for word in words:
            last = "-" if word[-1] == "e" else SOUNDS[word[-1]]
            stress = "".join("1" if n == 0 else "0" if letter in "aeio" else ">" for n, letter in enumerate(word))
            file.write(f"{word}\t{''.join(SOUNDS[letter] for letter in word[:-1])}{last}\t{stress}\t0\n")
    (folder / "nettalk.list").write_text(" ".join(words[::3]).upper())
    return folder


@pytest.fixture
def rnn(tmp_path, monkeypatch, capsys):
    """Run a command in a new folder; return its status and what it printed."""
    monkeypatch.chdir(tmp_path)

    def run(line):
        return cli.main(shlex.split(line)), *capsys.readouterr()

    return run


@pytest.mark.slow
def test_the_table_of_1987_has_its_rows_and_learns(folder):
    table, curves = nettalk_1987(folder, Runs(seeds=2, epochs=20, progress=False), ["none", "120"])
    assert table["hidden"].unique().tolist() == ["none", "120"]
    found = table.set_index(["hidden", "error", "words", "pass"])
    assert found.loc[("120", "cross entropy", "common", 20), "phonemes"] > 0.95
    assert found.loc[("120", "squared error", "unseen", 0), "phonemes"] > 0.6
    assert found.loc[("120", "cross entropy", "dictionary", 5), "published"] == 0.90
    assert found.loc[("120", "cross entropy", "dictionary", 1), "published"] == 0.85
    assert np.isnan(found.loc[("none", "cross entropy", "unseen", 0), "published"])
    assert not {("none", "cross entropy", "dictionary", 1)} & set(found.index)
    assert (table["phonemes_std"] < 0.2).all()
    passes = curves.groupby(["hidden", "error", "words"])["pass"].apply(list)
    assert passes.loc[("120", "cross entropy", "common")] == list(range(1, 21))
    assert passes.loc[("120", "cross entropy", "dictionary")] == [1, 2, 3, 4, 5]


@pytest.mark.slow
def test_held_out_words_are_read_by_each_variant_and_by_the_ensemble_of_all_seeds(folder):
    variants = ["window-features", "window", "bilstm"]
    table = nettalk_held_out(folder, Runs(seeds=2, epochs=25, progress=False), variants).set_index("name")
    assert table.index.tolist() == [*variants, "window, 2 averaged", "bilstm, 2 averaged"]
    rates = ["phoneme_errors", "word_errors", "phoneme_errors_stressed", "word_errors_stressed"]
    assert table[rates].notna().all(axis=None)
    assert (table["phoneme_errors"] < 0.4).all()
    assert (table["phoneme_errors"] <= table["word_errors"]).all()
    assert (table["word_errors"] <= table["word_errors_stressed"] + 0.02).all()


def test_no_held_out_word_is_in_the_training_set(folder, monkeypatch, tmp_path):
    seen = []
    (tmp_path / "few.dict").write_text("".join(f"{word} K AE1 T\n" for word in load_nettalk(folder)["word"]))

    def note(run, trials, *_, **__):
        seen.extend(trials)
        return [Outcome(({"name": t.name, "seed": t.seed}, t.variant.network(2, 0))) for t in trials]

    monkeypatch.setattr(tables, "run_all", note)
    monkeypatch.setattr(tables.trials, "averaged", lambda *_: [])
    nettalk_held_out(folder, Runs(seeds=1), ["window"])
    cmudict_held_out(tmp_path / "few.dict", Runs(seeds=1), ["window"])
    for trial in seen:
        assert not set(trial.train.words) & set(trial.test.words)
        assert all(one is not None for one in trial.test.labels) == (trial is seen[0])  # the others were never aligned


def test_a_second_run_resumes_from_the_checkpoints(folder, tmp_path):
    runs = Runs(seeds=1, epochs=2, folder=tmp_path / "runs", progress=False)
    first = nettalk_held_out(folder, runs, ["window"])
    assert sorted(p.name for p in (tmp_path / "runs").iterdir()) == ["window-0.npz", "window-0.npz.1"]
    pd.testing.assert_frame_equal(nettalk_held_out(folder, runs, ["window"]), first)  # the same seconds: no training


def test_the_command_prints_and_writes(folder, rnn, tmp_path):
    line = (
        f"nettalk held-out --data {folder} --variants window --seeds 1 --epochs 2 --workers 1 --quiet --output report"
    )
    status, out, _ = rnn(line)
    assert status == 0
    assert out.splitlines()[0].split()[:2] == ["name", "parameters"]
    assert out.endswith("written: report/held-out.csv\n")
    assert pd.read_csv(tmp_path / "report" / "held-out.csv")["name"].tolist() == ["window"]
    status, out, _ = rnn(
        f"nettalk 1987 --data {folder} --variants 15 --seeds 1 --epochs 1 --workers 1 --quiet --output report"
    )
    assert status == 0
    assert len(pd.read_csv(tmp_path / "report" / "1987-curves.csv")) == 2 * 2


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1987", "RNNBP_OFFLINE forbids to download it from https://archive.ics.uci.edu"),
        ("held-out", "give the path of a copy, by path= or --data"),
        ("held-out --data none", "there is no file 'none'"),
        ("1987 --data {folder} --variants 12", "hidden must be of none, 15, 30, 60, 80, 120, 80+80; got '12'"),
        ("held-out --data {folder} --variants bilst", "got 'bilst'. Did you mean 'bilstm'?"),
        ("held-out --data {folder} --seeds 0", "seeds must be a positive integer, got 0"),
        ("1987 --data {folder}/nettalk.data.copy", "has no list of common words: nettalk.list belongs beside"),
    ],
)
def test_the_command_refuses_invalid_arguments(folder, rnn, tmp_path, monkeypatch, line, message):
    monkeypatch.setenv("RNNBP_OFFLINE", "1")
    monkeypatch.setenv("RNNBP_DATA", str(tmp_path))
    if "copy" in line:
        (tmp_path / "nettalk.data.copy").write_text((folder / "nettalk.data").read_text())
        line = "1987 --data nettalk.data.copy"
    status, _, err = rnn(f"nettalk {line.format(folder=folder)}")
    assert status == 2
    assert message in err


# ---- the real corpus ----------------------------------------------------------------------------


@pytest.fixture
def corpus():
    if "RNNBP_TEST_DATA" not in os.environ:
        pytest.skip("RNNBP_TEST_DATA does not say where the corpus is")
    return Path(os.environ["RNNBP_TEST_DATA"]) / "nettalk"


@pytest.mark.slow
def test_the_static_network_is_as_accurate_as_in_1987(corpus):
    table, _ = nettalk_1987(corpus, Runs(seeds=3, n_jobs=cores(), progress=False), ["none", "120", "80+80"])
    found = table.set_index(["hidden", "words", "pass", "error"])["phonemes"]
    for key, published in tables.PUBLISHED.items():
        assert found.loc[key].max() >= published, key


@pytest.mark.slow
def test_the_recurrent_network_beats_the_window_by_a_third(corpus):
    table = nettalk_held_out(corpus, Runs(seeds=1, epochs=12, progress=False), ["window", "bilstm"]).set_index("name")
    errors = table["phoneme_errors"]
    assert errors["bilstm"] < 2 / 3 * errors["window"]
    assert errors["bilstm"] < 0.083  # the joint n-gram of Bisani & Ney (2008)
