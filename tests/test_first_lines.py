"""The documented first lines run unchanged."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import rnnbp

# The public surface that others write against.
FIRST_LINES = """
import numpy as np
import rnnbp

train, test = rnnbp.datasets.load_japanese_vowels()           # two SequenceDatasets
model = rnnbp.Sequential(rnnbp.LSTM(12, 64), rnnbp.Last(), rnnbp.Dense(64, 9), seed=0, dtype=np.float32)
trainer = rnnbp.Trainer(model, loss=rnnbp.CrossEntropy(), gradient=rnnbp.BPTT(), optimizer=rnnbp.Adam(0.01), seed=0)
history = trainer.fit(train, validation=test, epochs=30, batch_size=16, progress=False)  # a DataFrame, one row an epoch
accuracy = trainer.evaluate(test)["accuracy"]
labels = trainer.predict(test)                                # class labels, in the dataset's order
trained = model
model.save("vowels.npz"); model = rnnbp.load("vowels.npz")

data = rnnbp.SequenceDataset([np.zeros((7, 12)), np.ones((9, 12))], targets=[0, 1])
batch = data.batch()  # all of it: batch.x (T, B, F), batch.lengths, batch.targets
(g,) = rnnbp.BPTT().gradients(model, batch, rnnbp.CrossEntropy())
found = g.loss, g.vector, model.params.vector, model.params["0.w_hh"]
checked = rnnbp.check_gradient(model, batch)                  # a report; report.max_error, report.ok

layer = rnnbp.LSTM(12, 64, num_layers=2, bidirectional=True)  # also GRU, Elman: PyTorch's gate order and names
y = model.forward(batch)                                      # the outputs, padded: (T, B, K) or (B, K)
"""

COMPARISON = """
report = rnnbp.compare({"static": make_static, "lstm": make_lstm}, train, test, seeds=5, epochs=30)
report.table; report.curves; report.to_html("report.html")
"""


def make_static(seed):
    return rnnbp.Sequential(rnnbp.TimeStatistics(), rnnbp.Dense(24, 32, "relu"), rnnbp.Dense(32, 9), seed=seed)


def make_lstm(seed):
    return rnnbp.Sequential(rnnbp.LSTM(12, 16), rnnbp.Last(), rnnbp.Dense(16, 9), seed=seed)


def blocks_of_readme() -> list[str]:
    text = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


@pytest.mark.slow
def test_the_documented_first_lines_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    exec(FIRST_LINES, names)
    train, test, model, g = (names[name] for name in ("train", "test", "model", "g"))
    assert [len(train), len(test)] == [270, 370]
    assert isinstance(names["history"], pd.DataFrame)
    assert len(names["history"]) == 30
    assert names["accuracy"] > 0.9
    assert (names["labels"] == test.named_targets).mean() == names["accuracy"]
    np.testing.assert_array_equal(model.params.vector, names["trained"].params.vector)
    batch = names["batch"]
    assert batch.x.shape == (9, 2, 12)
    assert batch.lengths.tolist() == [9, 7]
    assert batch.targets.tolist() == [1, 0]
    assert g.vector.shape == model.params.vector.shape
    assert model.params["0.w_hh"].shape == (256, 64)
    assert names["checked"].ok
    assert names["checked"].max_error < 1e-12
    assert {"w_ih_l0", "w_hh_l0", "b_ih_l0", "b_hh_l0", "w_ih_l1_reverse"} <= names["layer"].shapes().keys()
    assert names["y"].shape == (2, 9)


@pytest.mark.slow
def test_the_documented_comparison_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    train, test = rnnbp.datasets.load_japanese_vowels()
    names = {"rnnbp": rnnbp, "make_static": make_static, "make_lstm": make_lstm, "train": train, "test": test}
    exec(COMPARISON, names)
    table = names["report"].table
    assert table["model"].tolist() == ["static", "lstm"]
    assert {"kind", "parameters", "test_mean", "test_std", "seconds_mean"} <= set(table)
    assert (table["test_mean"] > 0.9).all()
    assert (tmp_path / "report.html").stat().st_size > 10_000


@pytest.mark.slow
def test_the_examples_of_the_readme_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    for block in blocks_of_readme():
        exec(block, names)
    assert len(names["history"]) == 30
    assert names["FastGRNN"](3, 4).shapes() == {"w_ih": (4, 3), "w_hh": (4, 4), "b_z": (4,), "b_h": (4,)}
    assert isinstance(names["model"].layers[0], rnnbp.Recurrent)
