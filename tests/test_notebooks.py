"""Every notebook runs from its first cell to its last, and what the documentation names exists."""

import json
import pkgutil
import re
from importlib.util import find_spec
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent.parent / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


def texts(path):
    """Return the Markdown cells of a notebook."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]


def links(path):
    """Return the targets of the links and pictures of a notebook that are files beside it."""
    found = re.findall(r"\]\(([^)\s]+)\)", "\n".join(texts(path)))
    return [target.partition("#")[0] for target in found if not re.match(r"https?:|#", target)]


def test_notebooks_are_numbered_in_reading_order_without_gaps():
    assert [path.name[:3] for path in NOTEBOOKS] == [f"{n:02}_" for n in range(1, len(NOTEBOOKS) + 1)]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_begins_with_its_title_what_one_learns_and_how_long_it_takes(path):
    first = texts(path)[0]
    assert re.match(r"# \w", first)
    for part in ("**You learn**: ", "**Time**: ", "**Needs**: `pip install "):
        assert part in first


@pytest.mark.parametrize("place", range(len(NOTEBOOKS)), ids=lambda place: NOTEBOOKS[place].stem)
def test_a_notebook_leads_to_the_one_before_it_and_to_the_next(place):
    neighbours = [*NOTEBOOKS[max(place - 1, 0) : place], *NOTEBOOKS[place + 1 : place + 2]]
    assert all(f"({other.name})" in texts(NOTEBOOKS[place])[0] for other in neighbours)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_what_a_notebook_links_to_is_there(path):
    assert [target for target in links(path) if not (FOLDER / target).is_file()] == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_committed_with_their_outputs(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    assert any(cell.get("outputs") for cell in cells)
    assert all(cell["execution_count"] for cell in cells if cell["cell_type"] == "code")


@pytest.mark.parametrize("path", [*NOTEBOOKS, FOLDER.parent / "README.md"], ids=lambda path: path.stem)
def test_notebooks_do_not_validate_on_test_sets(path):
    assert not re.search(r"validation=test|fit\(\w+, (test|unseen)\b", path.read_text(encoding="utf-8"))


def exists(name):
    """Return whether a dotted name leads to an object: `rnnbp.metrics.accuracy`."""
    try:
        pkgutil.resolve_name(name)
    except AttributeError:
        return is_file(name)
    return True


def is_file(name):
    """Return whether a dotted name is that of a file, which may need a library that is not installed."""
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:  # what it is in is no package
        return False


def test_every_dotted_name_in_notebooks_readme_and_docstrings_exists():
    paths = [*NOTEBOOKS, FOLDER.parent / "README.md", *(FOLDER.parent / "rnnbp").rglob("*.py")]
    named = {
        (path.name, name)
        for path in paths
        for name in re.findall(r"\brnnbp(?:\.[A-Za-z_]\w*)+", path.read_text(encoding="utf-8"))
    }
    assert len(named) > 300
    assert not [found for found in sorted(named) if not exists(found[1])]


def test_a_missing_dotted_name_is_found():
    assert exists("rnnbp.metrics.accuracy")
    assert not exists("rnnbp.metrics.accurate")
    assert not exists("rnnbp.metrics.accuracy.of")
    assert exists("rnnbp.estimators.aeon")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of Jupyter's own machinery
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_run(path, monkeypatch):
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    monkeypatch.setenv("PYTHONPATH", str(FOLDER.parent))
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    nbclient.NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(FOLDER)}}).execute()
    errors = [
        output for cell in notebook.cells for output in cell.get("outputs", []) if output["output_type"] == "error"
    ]
    assert not errors
