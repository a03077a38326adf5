"""Reservoirs on the command line: train, compare and bench."""

import re

import pandas as pd
import pytest

import rnnbp
from rnnbp.benchmark import reservoirs


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_a_reservoir_is_trained_by_ridge_unless_another_optimizer_is_named(rnn, tmp_path):
    out = rnn("train esn --parameters 2000 --save esn.npz --checkpoint c.npz --quiet")
    assert float(re.search(r"accuracy (0\.\d+)", out)[1]) > 0.9
    model = rnnbp.load(tmp_path / "esn.npz")
    assert model.kind == "reservoir"
    assert rnn("evaluate esn.npz") == out.replace("written: esn.npz\n", "")
    again = rnn("train esn --parameters 2000 --save again.npz --checkpoint c.npz --epochs 9 --quiet")  # has ended
    assert again == out.replace("esn.npz", "again.npz")
    rnn("train esn --parameters 2000 --save adam.npz --optimizer adam --epochs 1 --quiet")
    other = rnnbp.load(tmp_path / "adam.npz")
    assert (other.params["1.0.w_hh"] == model.params["1.0.w_hh"]).all()


def test_ridge_for_a_network_that_is_not_frozen_says_what_to_do(refused):
    error = refused("train gru --optimizer ridge --save a.npz --quiet")
    assert "Ridge solves for the last layer alone" in error
    assert "or train all by an optimizer such as Adam()" in error
    assert "--learning-rate has no effect with ridge" in refused("train esn --learning-rate 0.1 --save a.npz --quiet")


def test_compare_tells_what_bptt_adds_to_a_reservoir(rnn, tmp_path):
    line = "compare sunspots --models reservoir,esn-bptt --seeds 1 --epochs 1 --parameters 300 --workers 1"
    rnn(f"{line} --output r --quiet")
    table = pd.read_csv(tmp_path / "r" / "table.csv").set_index("model")
    assert table["kind"].to_dict() == {"esn": "reservoir", "esn-bptt": "recurrent"}
    assert table.loc["esn", "parameters"] == table.loc["esn-bptt", "parameters"]


def test_bench_writes_the_table_of_reservoirs(rnn, tmp_path, monkeypatch):
    monkeypatch.setattr(reservoirs, "TASKS", reservoirs.TASKS[2:3])
    monkeypatch.setattr(reservoirs, "has_reservoirpy", lambda: False)
    out = rnn("bench --reservoirs --quick --output b")
    assert "NARMA-10" in out
    assert "reservoirpy" not in out
    table = pd.read_csv(tmp_path / "b" / "reservoirs_table.csv")
    assert table["library"].tolist() == ["rnnbp", "rnnbp, GCV"]
    assert (table["score"] < 0.5).all()


def test_bench_of_reservoirs_refuses_options_of_the_others(refused):
    assert "--suite and --seconds are of the other benchmarks" in refused("bench --reservoirs --seconds 2")
    assert "--cells is of the layers' benchmark: leave it out, or --reservoirs" in refused(
        "bench --reservoirs --cells gru"
    )


def test_a_series_is_compared_with_simple_forecasts(rnn, refused, tmp_path):
    models = "persistence,seasonal,autoregression,elman"
    rnn(f"compare sunspots --models {models} --season 11 --seeds 1 --epochs 1 --workers 1 --quiet --output r")
    table = pd.read_csv(tmp_path / "r" / "table.csv").set_index("model")
    assert table["test_mean"].round(3)[["persistence", "seasonal"]].to_dict() == {
        "persistence": 0.621,
        "seasonal": 0.428,
    }
    assert table["test_mean"]["autoregression"] > 0.85
    assert "seasonal needs the number of steps" in refused("compare sunspots --models seasonal")
    assert "persistence is for forecasts" in refused("compare parity --models persistence")
    assert "--season is for forecasts" in refused("compare parity --season 3")
    assert "--season is '3'" in refused("compare --suite quick --season 3")
    assert "Did you mean 'persistence'" in refused("compare sunspots --models persistance")


def test_models_are_checked_before_recordings_are_downloaded(refused):
    assert "models must be of" in refused("speakers --models foo")
