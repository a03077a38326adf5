"""The command `rnnbp reproduce`."""

import re
from dataclasses import replace

import pytest

from rnnbp.cli.main import main
from rnnbp.reproduction import comparison_tables
from rnnbp.reproduction.catalog import REPRODUCTIONS
from rnnbp.reproduction.figures import read_figures
from rnnbp.reproduction.side_by_side import Measured


def test_the_command_lists_the_tables(rnn):
    listed = rnn("reproduce")
    assert [line.split()[0] for line in listed.splitlines()[1:]] == list(REPRODUCTIONS)
    assert listed.split()[:4] == ["name", "what", "time", "needs"]


def test_the_command_prints_and_writes_new_figures(rnn, monkeypatch, tmp_path):
    seen = []

    def run(settings):
        seen.append(settings)
        return [Measured("mnist-1d", "GRU", "MNIST-1D", 97.9)]

    monkeypatch.setitem(REPRODUCTIONS, "mnist-1d", replace(REPRODUCTIONS["mnist-1d"], run=run))
    out = rnn(f"reproduce mnist-1d --seeds 2 --workers 1 --quiet --output {tmp_path / 'new.csv'}")
    assert "published" in out
    assert "recorded" in out
    assert "97.90" in out
    assert (seen[0].seeds, seen[0].n_jobs, seen[0].progress) == (2, 1, False)
    assert [one.value for one in read_figures(tmp_path / "new.csv")] == ["97.90"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("reproduce mnist-2d", "table must be one of .*; got 'mnist-2d'. Did you mean 'mnist-1d'?"),
        ("reproduce speed --seeds 3", "--seeds has no effect on the reproduction of"),
        ("reproduce mnist-1d --data here", "--data has no effect on the reproduction of"),
        ("reproduce mnist-1d --seeds 0", "seeds must be a positive integer, got 0"),
    ],
)
def test_the_command_refuses_what_it_cannot_do(refused, line, message):
    assert re.search(message, refused(line))


@pytest.mark.parametrize(("table", "resumes"), [("mnist-1d", True), ("speed", False)])
def test_an_interrupted_run_says_how_to_resume_where_it_can(monkeypatch, capsys, table, resumes):
    def run(settings):
        raise KeyboardInterrupt

    monkeypatch.setitem(REPRODUCTIONS, table, replace(REPRODUCTIONS[table], run=run))
    assert main(["reproduce", table, "--workers", "1"]) == 130
    message = capsys.readouterr().err
    assert (f"rnnbp reproduce {table} --workers 1 --checkpoints DIR" in message) == resumes


@pytest.mark.slow
def test_japanese_vowels_are_reproduced(rnn, monkeypatch):
    monkeypatch.setattr(comparison_tables, "baseline_names", lambda kinds: ["statistics-mlp"])
    out = rnn("reproduce japanese-vowels --seeds 2 --workers 1 --quiet")
    row = next(line for line in out.split("test, %")[1].splitlines() if line.startswith("statistics-mlp"))
    _, published, recorded, new = row.split()
    assert published == "-"
    assert abs(float(new) - float(recorded)) < 1.5
