"""The report of a comparison: its table, verdict, plot and page."""

import html
import re

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from rnnbp.comparison import Report
from rnnbp.comparison.report_page import columns_to_read

KINDS = {"mlp": "static", "window": "static", "gru": "recurrent"}
TEST = {"mlp": [0.90, 0.92, 0.91], "window": [0.95, 0.93, 0.97], "gru": [0.96, 0.97, 0.98]}
VALIDATION = {"mlp": [0.5, 0.94, 0.95], "window": [0.6, 0.97, 0.94], "gru": [0.7, 0.8, 0.99]}


SETTINGS = {"dataset": "vowels <9>", "training set": "270 sequences", "test set": "370 sequences", "epochs": "3"}


def report_of(models=KINDS, seeds: int = 3, metric: str = "accuracy") -> Report:
    runs = [
        {
            "model": model,
            "kind": KINDS[model],
            "seed": seed,
            "parameters": 100,
            "train": 1.0,
            "test": TEST[model][seed],
            "test_loss": 0.1,
            "seconds": 2.0 + seed,
            "gradient_norm": 0.5,
            "inference_ms": 0.25,
        }
        for seed in range(seeds)
        for model in models
    ]
    curves = [
        {"epoch": epoch, "loss": 1 / epoch, f"validation_{metric}": score, "seconds": 0.5, "model": model, "run": run}
        for model in models
        for run in ("fold 0", "fold 1", "seed 0")
        for epoch, score in enumerate(VALIDATION[model] if run != "seed 0" else [np.nan] * 3, 1)
    ]
    return Report(pd.DataFrame(runs), pd.DataFrame(curves), metric, SETTINGS)


@pytest.fixture
def unrendered(monkeypatch) -> None:
    """Leave the plots out of the pages, for the time that they take."""
    monkeypatch.setattr("rnnbp.comparison.page._svg", lambda plot, width: "data:")


def test_the_table_has_a_row_a_model():
    table = report_of().table
    assert list(table) == [
        *("model", "kind", "parameters", "train_mean", "train_std", "validation_mean", "test_mean", "test_std"),
        *("epochs_to_best", "seconds_to_best", "seconds_mean", "seconds_per_epoch", "inference_ms", "gradient_norm"),
    ]
    gru = table.set_index("model").loc["gru"]
    assert gru["test_mean"] == pytest.approx(0.97)
    assert gru["test_std"] == pytest.approx(0.01)
    assert gru["validation_mean"] == pytest.approx(0.99)
    assert gru["seconds_mean"] == 3
    assert table["epochs_to_best"].tolist() == [3, 2, 3]
    assert table["seconds_to_best"].tolist() == [1.5, 1.0, 1.5]


def test_the_best_is_chosen_by_validation():
    report = report_of()
    assert report.best("static") == "mlp"  # though `window` does better on the test set
    assert report.best("recurrent") == "gru"
    assert report_of(["mlp"]).best("recurrent") is None


def test_paired_differences_are_tested_by_students_t():
    pair = report_of().paired("gru", "window")
    expected = stats.ttest_rel(TEST["gru"], TEST["window"])
    assert pair.difference == pytest.approx(0.02)
    assert pair.p == pytest.approx(expected.pvalue)
    assert (pair.low, pair.high) == pytest.approx(tuple(expected.confidence_interval(0.95)))


def test_without_variance_there_is_no_interval():
    assert np.isnan([report_of(seeds=1).paired("gru", "mlp").p, report_of().paired("gru", "gru").p]).all()
    assert "interval" not in report_of(seeds=1).verdict


@pytest.mark.parametrize("metric", ["accuracy", "r2"])
def test_an_interval_beyond_the_range_of_accuracies_is_not_printed(metric):
    """The accuracies of two seeds differ by 0 and 0.3: by Student's t by -1.76 to 2.06, which no accuracies can."""
    report = report_of(["mlp", "gru"], seeds=2, metric=metric)
    report.runs["test"] = [0.5, 0.5, 0.5, 0.8]
    pair = report.paired("gru", "mlp")
    assert (pair.difference, pair.p) == (pytest.approx(0.15), pytest.approx(0.5))
    if metric == "r2":  # which has no least value
        assert (pair.low, pair.high) == (pytest.approx(0.15 - 1.9059, abs=1e-4), pytest.approx(0.15 + 1.9059, abs=1e-4))
        assert "(95 % interval -1.7559 to +2.0559, p = 0.5)" in report.verdict
    else:
        assert np.isnan([pair.low, pair.high]).all()
        assert report.verdict.endswith("+0.1500 in accuracy (2 seeds are too few for an interval, p = 0.5).")


def test_the_page_counts_one_seed_and_one_run_in_the_singular(tmp_path):
    pytest.importorskip("matplotlib")
    report_of(["mlp"], seeds=1).to_html(tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Mean over 1 seed, " in page
    assert "<summary>1 run</summary>" in page


def test_two_seeds_can_have_an_interval():
    pair = report_of(seeds=2).paired("gru", "mlp")
    assert -1 <= pair.low < pair.difference < pair.high <= 1


def test_the_page_names_the_data_and_the_settings(tmp_path, unrendered):
    report_of().to_html(tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    for name, text in SETTINGS.items():
        assert f'<tr><th scope="row">{name}</th><td>{html.escape(text)}</td></tr>' in page


def test_the_table_of_the_page_fits_a_window():
    """Of a window of 1,200 pixels 1,088 are left, 19 of each cell are margin, and a letter takes 8 or so."""
    table = columns_to_read(report_of().table.assign(model="statistics-mlp", kind="recurrent", parameters=1_234_567))
    letters = sum(max(*map(len, name.split()), *map(len, table[name])) for name in table)
    assert 8 * letters + 19 * table.shape[1] < 1088
    assert table.iloc[0].tolist()[3:6] == ["0.9500", "0.9100 ± 0.0100", "1.0000 ± 0.0000"]


def test_the_verdict_is_one_sentence():
    assert re.fullmatch(
        r"Chosen by cross-validation, the best recurrent network is gru with 0\.9700 ± 0\.0100 on the test set, the "
        r"best static one mlp with 0\.9100 ± 0\.0100: a difference of \+0\.0600 in accuracy "
        r"\(95 % interval \+0\.0\d+ to \+0\.\d+, p = 0\.\d+\)\.",
        report_of().verdict,
    )
    alone = report_of(["mlp", "window"]).verdict
    assert alone.startswith("The best network, chosen by cross-validation, is mlp with 0.9100")


def test_written_files_have_the_tables_and_the_verdict(tmp_path):
    report = report_of()
    report.write(tmp_path / "new")
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == [
        *("comparison.png", "curves.csv", "report.html", "table.csv")
    ]
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "new" / "table.csv"), report.table)
    assert len(pd.read_csv(tmp_path / "new" / "curves.csv")) == len(report.curves)
    page = (tmp_path / "new" / "report.html").read_text(encoding="utf-8")
    assert html.escape(report.verdict) in page
    assert 'src="data:image/svg+xml;base64,' in page
    assert not re.search(r'(src|srcset|href)="(?!data:)', page)  # it needs no other file
    for model in KINDS:
        assert f'<th scope="row">{model}</th>' in page


def test_without_matplotlib_the_page_has_a_note_in_place_of_the_plot(tmp_path, monkeypatch):
    def missing(*args):
        raise ImportError("this needs matplotlib")

    monkeypatch.setattr("rnnbp.comparison.plots.plot_comparison", missing)
    report_of().write(tmp_path)
    assert "No plot here: this needs matplotlib" in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert not (tmp_path / "comparison.png").exists()


def test_names_are_escaped_in_the_page(tmp_path, unrendered):
    report = report_of()
    runs = report.runs.replace("gru", "<b>gru</b>")
    named = Report(runs, report.curves.replace("gru", "<b>gru</b>"), "accuracy")
    named.to_html(tmp_path / "report.html")
    assert "<b>gru</b>" not in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_names_are_escaped_in_notebooks():
    report = report_of()
    runs, curves = (frame.replace("gru", "<script>gru") for frame in (report.runs, report.curves))
    page = Report(runs, curves, "accuracy")._repr_html_()
    assert "<script>" not in page
    assert "&lt;script&gt;gru" in page


def test_repr_and_html_have_the_verdict_and_the_table():
    report = report_of()
    assert repr(report).startswith(report.verdict)
    assert "validation_mean" in repr(report)
    assert report._repr_html_().startswith(f"<p>{html.escape(report.verdict)}</p><table")


def test_the_lowest_error_rate_is_best():
    report = report_of(metric="token_error_rate")
    assert report.best("static") == "window"
    assert report.table.set_index("model")["epochs_to_best"].to_dict() == {"mlp": 1, "window": 1, "gru": 1}
    assert report_of().best("static") == "mlp"
