"""The report of a suite: table, ranks, margins beside memory, verdict, plots, page and files."""

import html
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

import rnnbp
from rnnbp.comparison import Report, SuiteReport
from rnnbp.comparison.suite.page import columns_to_read

KINDS = {"mlp": "static", "naive": "static", "esn": "reservoir", "esn-bptt": "recurrent", "gru": "recurrent"}
NOISE = np.array([0.0, 0.01, -0.01, 0.005])


def report_of(scores: dict[str, float], metric: str = "accuracy", seeds: int = 4, **settings: str) -> Report:
    """Return a comparison with these test scores on average, and noise over seeds that differs between models."""
    rng = np.random.default_rng(0)
    runs = [
        {"model": model, "kind": KINDS[model], "seed": seed, "parameters": 100, "train": 1.0, "test": score + noise}
        | {"test_loss": 0.1, "seconds": 2.0, "gradient_norm": 0.5, "inference_ms": 0.25}
        for model, score in scores.items()
        for seed, noise in enumerate(rng.permutation(NOISE)[:seeds])
    ]
    curves = [
        {"epoch": epoch, "loss": 1.0, f"validation_{metric}": score, "seconds": 0.5, "model": model, "run": "fold 0"}
        for model, score in scores.items()
        for epoch in (1, 2)
    ]
    return Report(pd.DataFrame(runs), pd.DataFrame(curves), metric, {"dataset": "made", **settings})


def profile(lag: int) -> pd.DataFrame:
    """Return a lag profile with nine tenths of the gradient up to a lag."""
    share = np.zeros(lag + 5)
    share[lag], share[-1] = 0.9, 0.1
    return pd.DataFrame({"lag": np.arange(lag + 5), "share": share})


@pytest.fixture(scope="module")
def suite() -> SuiteReport:
    reports = {
        "recall": report_of({"mlp": 0.5, "esn": 0.8, "esn-bptt": 0.85, "gru": 0.95}, epochs="3", seeds_="4"),
        "vowels": report_of({"mlp": 0.9, "esn": 0.7, "esn-bptt": 0.8, "gru": 0.901}, epochs="9", seeds_="4"),
        "sines": report_of({"naive": 0.2, "mlp": 0.9, "esn": 0.85, "esn-bptt": 0.7, "gru": 0.6}, "r2", seeds_="4"),
        "speech": report_of({"mlp": 0.4, "esn": 0.5, "esn-bptt": 0.3, "gru": 0.2}, "token_error_rate", seeds_="4"),
    }
    return SuiteReport(reports, {"recall": profile(30), "vowels": profile(4), "sines": profile(6)})


@pytest.fixture
def unrendered(monkeypatch) -> None:
    """Leave the plots out of the pages, for the time that they take."""
    monkeypatch.setattr("rnnbp.comparison.page._svg", lambda plot, width: "data:")


@pytest.fixture
def unwritten(monkeypatch) -> None:
    """Have pages make their wide plots, without the time that writing them as images takes."""

    def axes(plot, width: float) -> str:
        return f"data:{len(plot(width).axes) if width > 7 else ''}"

    monkeypatch.setattr("rnnbp.comparison.page._svg", axes)


def test_the_table_has_a_row_for_each_task_and_model(suite: SuiteReport) -> None:
    assert len(suite.table) == 17
    assert list(suite.table)[:6] == ["task", "metric", "model", "kind", "parameters", "train_mean"]
    assert {"test_mean", "test_std", "seconds_mean", "validation_mean"} <= set(suite.table)
    row = suite.table.set_index(["task", "model"]).loc[("sines", "mlp")]
    assert (row["metric"], row["kind"]) == ("r2", "static")
    assert row["test_mean"] == pytest.approx(0.9 + NOISE.mean())


def test_a_model_that_a_task_is_without_has_no_score_there_and_no_rank(suite: SuiteReport) -> None:
    assert list(suite.wide.index) == ["recall", "vowels", "sines", "speech"]
    assert suite.wide["naive"].isna().tolist() == [True, True, False, True]
    assert set(suite.ranks["model"]) == {"mlp", "esn", "esn-bptt", "gru"}


def test_ranks_count_error_rates_the_other_way_round(suite: SuiteReport) -> None:
    """Ranks of recall, vowels, sines and speech, whose metric is an error rate."""
    expected = {"gru": (1 + 1 + 4 + 1) / 4, "mlp": (4 + 2 + 1 + 3) / 4, "esn-bptt": (2 + 3 + 3 + 2) / 4}
    expected["esn"] = (3 + 4 + 2 + 4) / 4
    assert dict(zip(suite.ranks["model"], suite.ranks["rank"], strict=True)) == expected
    assert suite.ranks["rank"].is_monotonic_increasing
    assert suite.ranking_of_kinds.ranks.to_dict() == {"recurrent": 1.5, "static": 2.0, "reservoir": 2.5}


def test_margins_are_paired_by_seed_with_their_intervals(suite: SuiteReport) -> None:
    row = suite.margins.set_index("task").loc["recall"]
    assert (row["static"], row["reservoir"], row["recurrent"]) == ("mlp", "esn", "gru")
    pair = suite.reports["recall"].paired("gru", "mlp")
    assert (row["margin"], row["margin_low"], row["margin_high"]) == (pair.difference, pair.low, pair.high)
    assert (row["margin_p"], row["effect"]) == (pair.p, pair.effect)
    assert row["over_reservoir"] == suite.reports["recall"].paired("gru", "esn").difference
    assert row["bptt"] == suite.reports["recall"].paired("esn-bptt", "esn").difference


def test_an_improvement_of_an_error_rate_is_positive(suite: SuiteReport) -> None:
    row = suite.margins.set_index("task").loc["speech"]
    assert row["margin"] == pytest.approx(0.2)
    assert 0 < row["margin_low"] < 0.2 < row["margin_high"]
    assert row["recurrent_mean"] == pytest.approx(0.2 + NOISE.mean())
    assert row["bptt"] == pytest.approx(0.2)


def test_the_outcome_is_decided_by_the_interval(suite: SuiteReport) -> None:
    assert suite.margins["outcome"].tolist() == ["recurrent", "undecided", "static", "recurrent"]


def test_the_same_difference_for_every_seed_decides() -> None:
    report = report_of({"mlp": 0.5, "gru": 0.9})
    report.runs["test"] = report.runs["model"].map({"mlp": 0.5, "gru": 1.0})
    assert SuiteReport({"recall": report}).margins["outcome"].tolist() == ["recurrent"]
    equal = report_of({"mlp": 0.5, "gru": 0.9})
    equal.runs["test"] = 1.0
    assert SuiteReport({"recall": equal}).margins["outcome"].tolist() == ["undecided"]


def test_a_significant_difference_decides_where_its_interval_exceeds_the_scale() -> None:
    report = report_of({"mlp": 0.5, "esn": 0.7, "gru": 0.9}, seeds=3)
    scores = {"mlp": [0.05, 0.1, 0.0], "esn": [1.0, 1.0, 0.98], "gru": [0.0, 0.02, 0.01]}
    report.runs["test"] = [scores[row.model][row.seed] for row in report.runs.itertuples()]
    margins = SuiteReport({"recall": report}).margins
    assert margins["outcome"].tolist() == ["undecided"]
    assert margins["over_reservoir_low"].isna().all()
    assert margins["over_reservoir_outcome"].tolist() == ["reservoir"]
    assert SuiteReport({"recall": report}).verdict.endswith("gains on 0 of 1 and it is worse on 1.")


def test_tasks_without_a_profile_have_no_memory(suite: SuiteReport) -> None:
    np.testing.assert_array_equal(suite.margins["memory"], [30, 4, 6, np.nan])


def test_the_verdict_says_where_recurrence_pays_off_and_where_not(suite: SuiteReport) -> None:
    assert suite.verdict == (
        "Recurrence pays off on 2 of 4 tasks: recall (+0.45) and speech (+0.20); 90 % of the gradient lies within "
        "30 steps there, within 4 to 6 steps on the others. A static model is better on sines (-0.20); on vowels "
        "(+0.00) the difference may be chance. Over the best reservoir, whose recurrent weights are random, the best "
        "trained recurrent network gains on 3 of 4, most on speech (+0.30); it is worse on 1."
    )


def test_with_one_seed_nothing_is_decided() -> None:
    suite = SuiteReport({"recall": report_of({"mlp": 0.5, "esn": 0.7, "gru": 0.9}, seeds=1)})
    assert suite.margins["outcome"].tolist() == ["undecided"]
    assert suite.verdict == ("Recurrence pays off on none of 1 task. On recall (+0.42) the seeds are too few to tell.")
    assert "No test of ranks" in suite.ranking.sentence


@pytest.mark.parametrize("models", [["mlp"], ["gru"], ["mlp", "esn"]])
def test_kinds_may_be_missing(models: list[str], tmp_path, unwritten) -> None:
    reports = {task: report_of(dict.fromkeys(models, 0.5)) for task in ("a", "b")}
    suite = SuiteReport(reports)
    suite.to_html(tmp_path / "report.html")
    assert suite.verdict
    assert len(suite.ranks) == len(models)


def test_tasks_without_a_common_model_have_no_ranks(tmp_path, unwritten) -> None:
    suite = SuiteReport({"a": report_of({"mlp": 0.5, "gru": 0.7}), "b": report_of({"naive": 0.5, "esn-bptt": 0.6})})
    assert suite.ranks.empty
    assert suite.ranking_of_kinds.ranks.to_dict() == {"recurrent": 1.0, "static": 2.0}
    suite.to_html(tmp_path / "report.html")


def test_written_files_have_the_tables_and_the_verdict(suite: SuiteReport, tmp_path, unrendered) -> None:
    folder = tmp_path / "new"
    suite.write(folder)
    assert sorted(path.name for path in folder.iterdir()) == [
        *("curves.csv", "margins.csv", "memory.csv", "ranks.csv", "report.html", "suite-dark.png", "suite.png"),
        "table.csv",
    ]
    pd.testing.assert_frame_equal(pd.read_csv(folder / "table.csv"), suite.table)
    pd.testing.assert_frame_equal(pd.read_csv(folder / "margins.csv"), suite.margins)
    curves = pd.read_csv(folder / "curves.csv")
    assert curves.groupby("task", sort=False).size().to_dict() == {"recall": 8, "vowels": 8, "sines": 10, "speech": 8}
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert html.escape(suite.verdict) in page
    assert html.escape(suite.ranking.sentence) in page
    assert not re.search(r'(src|srcset|href)="(?!data:)', page)  # it needs no other file


def test_the_page_has_common_settings_once_and_those_of_a_task_with_it(
    suite: SuiteReport, tmp_path, unrendered
) -> None:
    suite.to_html(tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert page.count('<th scope="row">seeds_</th>') == 1
    assert page.count('<th scope="row">epochs</th>') == 2
    assert page.count("<summary>") == 2 * len(suite.reports)


def test_published_figures_have_a_section_of_their_own(suite: SuiteReport, tmp_path, unrendered) -> None:
    suite.to_html(tmp_path / "without.html")
    assert "Published" not in (tmp_path / "without.html").read_text(encoding="utf-8")
    reports = dict(suite.reports)
    reports["vowels"] = report_of({"mlp": 0.9, "gru": 0.91}, published="GRU 91 % (A & B, 2020)")
    SuiteReport(reports).to_html(tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert page.count('<th scope="row">vowels</th><td>GRU 91 % (A &amp; B, 2020)</td>') == 1
    assert page.count("GRU 91 %") == 1


def test_a_task_is_shown_with_its_question_and_metric(tmp_path, unrendered) -> None:
    report = report_of({"mlp": 0.5, "gru": 0.7}, task="recall: which symbol?")
    SuiteReport({"recall": report, "other": report_of({"mlp": 0.5}, "r2")}).to_html(tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<summary>recall <span>which symbol?, accuracy</span></summary>" in page
    assert "<summary>other <span>r2</span></summary>" in page


def test_scores_are_drawn_as_they_are_and_error_rates_as_their_complement(suite: SuiteReport) -> None:
    scores, *_ = suite.plot(11).axes
    (static,) = (line for line in scores.lines if line.get_label() == "best static")
    expected = {"speech": 1 - 0.4 - NOISE.mean(), "recall": 0.5 + NOISE.mean()}
    np.testing.assert_allclose(static.get_xdata()[:2], list(expected.values()))
    low, high = scores.get_xlim()
    assert 0.3 < low < 0.5
    assert high > 1


def test_a_score_below_the_axis_is_hollow_at_its_end() -> None:
    scores, *_ = SuiteReport({"sum": report_of({"mlp": -3.0, "gru": 0.9}, "r2")}).plot(11).axes
    (note,) = (line for line in scores.lines if line.get_label() == "static, far below 0")
    assert note.get_markerfacecolor() == "none"
    assert scores.get_xlim()[0] < -0.05


class Tags(HTMLParser):
    """Checks that elements are closed in order, and collects what accessibility needs."""

    VOID = frozenset({"meta", "img", "source"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.images: list[dict[str, str | None]] = []
        self.headings: list[int] = []
        self.tables = self.captions = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.VOID:
            self.open.append(tag)
        if tag == "img":
            self.images.append(dict(attrs))
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        self.tables += tag == "table"
        self.captions += tag == "caption"

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_pages_are_well_formed_and_accessible(suite: SuiteReport, tmp_path, unrendered) -> None:
    suite.to_html(tmp_path / "suite.html")
    suite.reports["recall"].to_html(tmp_path / "single.html")
    for name in ("suite", "single"):
        page, tags = (tmp_path / f"{name}.html").read_text(encoding="utf-8"), Tags()
        tags.feed(page)
        assert not tags.open
        assert '<html lang="en">' in page
        assert tags.images
        assert all(image["alt"] for image in tags.images)
        assert tags.tables == tags.captions > 0
        assert tags.headings[0] == 1
        assert tags.headings.count(1) == 1
        assert max(np.diff(tags.headings)) <= 1  # no level is skipped


def test_names_are_escaped_in_the_page(tmp_path, unrendered) -> None:
    report = report_of({"mlp": 0.5, "gru": 0.7})
    named = Report(report.runs.replace("gru", "<b>gru"), report.curves.replace("gru", "<b>gru"), "accuracy")
    SuiteReport({"<i>task": named}).to_html(tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<b>gru" not in page
    assert "<i>task" not in page


def test_without_matplotlib_the_page_has_notes_in_place_of_the_plots(suite, tmp_path, monkeypatch) -> None:
    def missing(*args):
        raise ImportError("this needs matplotlib")

    for module in ("comparison.suite.plots", "comparison.plots"):
        for name in ("plot_suite", "plot_ranks", "plot_costs", "plot_comparison"):
            monkeypatch.setattr(f"rnnbp.{module}.{name}", missing, raising=False)
    suite.write(tmp_path)
    assert "No plot here: this needs matplotlib" in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert not list(tmp_path.glob("*.png"))


def test_the_plots_have_a_row_or_a_mark_for_each(suite: SuiteReport) -> None:
    """Each task has a row, of the shortest memory on top; each model a row of the ranks and a mark of the costs."""
    for width in (11, 5):
        scores, gains, memory = suite.plot(width).axes
        labels = [[label.get_text() for label in ax.get_yticklabels()] for ax in (scores, gains, memory)]
        assert labels[0] == ["speech", "recall", "sines", "vowels"]
        assert [bar.get_width() for bar in memory.patches][1:] == [30, 6, 4]
        models, kinds = suite.plot_ranks(width).axes
        assert [label.get_text() for label in models.get_yticklabels()] == list(suite.ranks["model"])
        assert [label.get_text() for label in kinds.get_yticklabels()] == ["recurrent", "static", "reservoir"]
        parameters, seconds = suite.plot_costs(width).axes
        for ax in (parameters, seconds):
            assert [line.get_label() for line in ax.lines] == ["mlp", "esn", "esn-bptt", "gru"]


def test_texts_of_the_plots_do_not_cross(suite: SuiteReport) -> None:
    for plot in (suite.plot, suite.plot_ranks, suite.plot_costs, suite.reports["sines"].plot):
        for width in (11, 5.2):
            figure = plot(width)
            assert not crossing(figure), (plot, width)


def crossing(figure) -> list[tuple[str, str]]:
    """Return the pairs of visible texts of a figure that overlap, and texts beyond its edge."""
    from matplotlib.text import Text

    figure.draw_without_rendering()
    texts = [one for one in figure.findobj(Text) if one.get_visible() and one.get_text().strip()]
    axes = [axis for ax in figure.axes for axis in (ax.xaxis, ax.yaxis)]
    hidden = {id(label) for axis in axes for tick in _outside(axis) for label in (tick.label1, tick.label2)}
    boxes = [(one.get_text(), one.get_window_extent()) for one in texts if id(one) not in hidden]
    whole = figure.bbox
    found = [
        (first, second)
        for n, (first, a) in enumerate(boxes)
        for second, b in boxes[:n]
        if a.x0 < b.x1 - 1 and b.x0 < a.x1 - 1 and a.y0 < b.y1 - 1 and b.y0 < a.y1 - 1
    ]
    found += [(text, "edge") for text, box in boxes if box.x0 < whole.x0 - 1 or box.x1 > whole.x1 + 1]
    return found


def _outside(axis) -> list:
    """Return the ticks beyond the limits of an axis, which are not drawn."""
    low, high = sorted(axis.get_view_interval())
    ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
    return [tick for tick in ticks if not low <= tick.get_loc() <= high]


def test_repr_has_the_verdict_and_a_row_for_each_task(suite: SuiteReport) -> None:
    assert repr(suite).startswith(suite.verdict)
    assert all(task in repr(suite) for task in suite.reports)
    assert suite._repr_html_().startswith(f"<p>{html.escape(suite.verdict)}</p><table")
    assert columns_to_read(suite.margins).iloc[0].tolist()[:5] == [
        "recall",
        "accuracy",
        "mlp 0.501",
        "esn 0.801",
        "gru 0.951",
    ]


def test_the_report_of_a_suite_is_public() -> None:
    assert rnnbp.SuiteReport is SuiteReport
