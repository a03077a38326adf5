"""The file of figures: every line is checked, and every table shown anywhere is made from it."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from rnnbp import reproduction
from rnnbp.cli.main import parser
from rnnbp.datasets.bundled import bundled_path
from rnnbp.reproduction.figures import figures_of, read_figures
from rnnbp.reproduction.markdown_tables import with_tables

ROOT = Path(__file__).parents[2]
HEADER = "table,row,column,value,unit,origin,source,version\n"
SHOWN = [ROOT / "README.md", *sorted((ROOT / "notebooks").glob("*.ipynb"))]


def test_published_and_recorded_figures_are_side_by_side():
    table = reproduction.table("nettalk-1987")
    assert table.columns.tolist() == ["unit", "published", "recorded"]
    assert table.loc[("120; all others, unseen", "squared error")].tolist() == ["%", 77.0, 76.8]
    assert np.isnan(table.loc[("120; all others, unseen", "cross entropy"), "published"])


def test_every_table_has_a_heading_and_numbers():
    assert len(reproduction.names()) == len(set(reproduction.names())) >= 15
    for name in reproduction.names():
        assert [f.origin for f in figures_of(name)].count("heading") == 1, name
        assert len(reproduction.table(name)) > 0, name


def test_texts_are_shown_and_are_no_numbers():
    assert "| bigru | recurrent | 28,233 |" in reproduction.markdown("japanese-vowels")
    assert "kind" not in reproduction.table("japanese-vowels").index.get_level_values("column")


def test_figures_that_are_published_alone_are_in_italics_and_others_in_a_column():
    assert "| TWIESN |  |  |  | *96.5 %* |" in reproduction.markdown("japanese-vowels")
    table = reproduction.markdown("nettalk-1987", ["80 + 80; common, 55 passes"])
    assert table.splitlines()[0] == "| hidden units; words | published | squared error | cross entropy |"
    assert table.splitlines()[2] == "| 80 + 80; common, 55 passes | 97 % | 97.3 % | 99.1 % |"


def test_the_lines_below_a_table_name_the_sources_of_its_rows_alone():
    table = reproduction.markdown("archives", ["ACSF1"])
    assert "results-ucr-128.csv" in table
    assert "Karim" not in table
    assert "`rnnbp compare --output report`" in reproduction.markdown("japanese-vowels")


@pytest.mark.parametrize("name", reproduction.names())
def test_recorded_commands_are_commands(name, capsys):
    for source in {f.source for f in figures_of(name) if f.origin == "recorded"}:
        if source.startswith("rnnbp "):
            parser().parse_args(shlex.split(source, comments=True)[1:])
        for file in re.findall(r"(?:notebooks|tests)/\S+", source):
            assert (ROOT / file).is_file(), file


@pytest.mark.parametrize("path", SHOWN, ids=lambda path: path.stem)
def test_tables_that_are_shown_equal_the_file_of_figures(path):
    text = path.read_text(encoding="utf-8")
    assert with_tables(text) == text, f"run rnnbp.reproduction.rewrite_tables({path.name!r})"


def test_a_marked_table_is_rewritten_between_its_lines_alone(tmp_path):
    path = tmp_path / "README.md"
    path.write_text("before\n<!-- table: mnist-1d; GRU | MLP -->\nold\n<!-- end -->\nafter\n", encoding="utf-8")
    assert reproduction.rewrite_tables(path)
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [lines[0], lines[-1]] == ["before", "after"]
    assert [line.split(" | ")[0] for line in lines[2:6]] == ["| network", "| ---", "| GRU", "| MLP"]
    assert "old" not in lines
    assert not reproduction.rewrite_tables(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<!-- table: mnist-2d -->\n<!-- end -->", "table must be one of .*; got 'mnist-2d'. Did you mean 'mnist-1d'?"),
        ("<!-- table: mnist-1d; CNNs -->\n<!-- end -->", "row must be one of .*; got 'CNNs'. Did you mean 'CNN'?"),
        ("<!-- table: mnist-1d -->\n", "must be followed by the table and a line <!-- end -->"),
    ],
)
def test_unknown_tables_and_rows_are_refused(text, message):
    with pytest.raises(ValueError, match=message):
        with_tables(text)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a,r,c,1,%,recorded,rnnbp x", "line 2: expected 8 cells, got 7"),
        ("a,r,c,1,%,guessed,rnnbp x,0", "line 2: origin must be one of published, recorded, got 'guessed'"),
        ("a,r,c,1,miles,published,X,", "line 2: unit must be one of %, s, ms, µs, MB, text or empty, got 'miles'"),
        ("a,r,c,one,%,published,X,", "line 2: value must be a number, got 'one'; the unit of a text is 'text'"),
        ("a,r,c,1_0,%,published,X,", "line 2: value must be a number, got '1_0'"),
        ("a,r,c,1,%,published,,", "line 2: source is empty"),
        ("a,r,c,1,%,recorded,rnnbp x,", "line 2: version is empty, and the figure is recorded"),
        ("a,r,c,1,%,published,X,\na,r,c,2,%,published,X,", "line 3: the figure of 'r', 'c' is in line 2 already"),
    ],
)
def test_a_line_that_is_no_figure_is_named(tmp_path, line, message):
    path = tmp_path / "figures.csv"
    path.write_text(f"{HEADER}{line}\n", encoding="utf-8")
    with pytest.raises(ValueError, match=f"figures.csv, {message}"):
        read_figures(path)


def test_other_columns_are_refused(tmp_path):
    path = tmp_path / "figures.csv"
    path.write_text("table,value\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"the columns must be table, row, column, .*, got table, value"):
        read_figures(path)


def test_the_file_is_installed_with_the_package():
    assert bundled_path("figures.csv").is_file()
