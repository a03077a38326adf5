"""The API reference has a page for every public name, and no link that leads nowhere."""

from importlib.util import find_spec

import pytest

import rnnbp
from rnnbp.reference import BrokenReferenceError, build_reference, public_names, public_rooms
from rnnbp.reference.build import broken_links, chosen_rooms
from rnnbp.reference.links import resolve
from rnnbp.reference.members import members
from rnnbp.reference.names import ROOMS
from rnnbp.reference.pages import docstring, name_page, start_page

needs_sphinx = pytest.mark.skipif(find_spec("sphinx") is None, reason="needs rnnbp[docs]")


def page(name):
    """Return the source of the page of a public name."""
    return next(name_page(found) for found in public_names() if found.short == name)


def test_every_name_that_a_package_exports_has_exactly_one_page():
    names = public_names()
    documented = {alias for name in names for alias in name.aliases} | {room.name for room in public_rooms()}
    exported = {f"{room.name}.{short}" for room in public_rooms() for short in room.module.__all__}
    assert exported <= documented
    pages = [name.page.lower() for name in names] + [room.page for room in public_rooms()]
    assert len(pages) == len(set(pages))
    assert len(names) > 500


def test_what_a_class_has_from_other_libraries_is_not_documented():
    names = [member.name for member in members(rnnbp.metrics.History)]
    assert set(names).isdisjoint({"T", "to_csv", "groupby"})  # of pandas
    assert "get_metadata_routing" not in [member.name for member in members(rnnbp.estimators.SequenceClassifier)]


def test_the_start_page_lists_every_package_in_the_order_of_the_layout():
    text = start_page(public_rooms())
    assert {room.name.split(".")[1] for room in public_rooms()} == set(ROOMS)
    places = [text.index(f"<rnnbp.{room}>`") for room in ROOMS]
    assert places == sorted(places)
    assert f":name:`Trainer <rnnbp.Trainer>`\n     - {rnnbp.Trainer.__doc__.splitlines()[0]}" in text


@pytest.mark.slow  # run where Sphinx is installed
@needs_sphinx
def test_a_page_has_the_signature_with_the_defaults_that_hold():
    assert ".. py:class:: rnnbp.LSTM(input_size, hidden_size, num_layers=1, *, bidirectional=False" in page("LSTM")
    assert "schedule=Cosine" in page("compare")
    assert "init=Uniform())" in page("LEMCell")
    assert ".. py:method:: rnnbp.SequenceDataset.from_stream(" in page("SequenceDataset")
    assert "self" not in page("Trainer").split(".. py:method:: rnnbp.Trainer.fit(")[1].partition(")")[0]


@pytest.mark.slow  # run where Sphinx is installed
@needs_sphinx
def test_a_page_describes_the_methods_of_private_base_classes_and_links_to_those_of_public_ones():
    assert ".. py:method:: rnnbp.Trainer.evaluate(" in page("Trainer")
    assert "As in :name:`Layer <rnnbp.Layer>`: :name:`shapes <rnnbp.Layer.shapes>`" in page("LSTM")


@pytest.mark.slow  # run where Sphinx is installed
@needs_sphinx
def test_numpydoc_sections_become_fields():
    text = docstring(rnnbp.compare)
    assert ":param models:" in text
    assert ":type models: mapping of str to callable" in text
    assert ":returns:" in text
    assert ".. rubric:: Examples" in text


@pytest.mark.parametrize(
    ("text", "page", "found"),
    [
        ("GRU", "layers/LSTM", "rnnbp.GRU"),
        ("rnnbp.layers.lstm.LSTM", "layers/LSTM", "rnnbp.LSTM"),
        ("LSTM.forward", "data/SequenceBatch", "rnnbp.Layer.forward"),
        ("resume", "training/Trainer", "rnnbp.Trainer.resume"),
        (".to_html(path)", "comparison/compare", None),
        (".table", "comparison/compare", "rnnbp.Report.table"),
        ("optimizer", "training/Trainer", None),  # its argument
        ("data", "layers/LSTM", None),  # a word, not the package
        ("rnnbp.data", "layers/LSTM", "rnnbp.data"),
        ("np.ndarray", "layers/LSTM", None),
        ("LTSM", "layers/LSTM", None),
    ],
)
def test_names_in_backticks_stand_for_what_a_reader_of_the_page_means(text, page, found):
    assert resolve(text, page) == found


def test_an_unknown_package_is_refused():
    with pytest.raises(ValueError, match=r"rooms must be .*'trainings'"):
        chosen_rooms(["trainings"])


def test_links_without_a_page_or_a_place_are_found(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.html").write_text('<p id="top"></p><a href="#top"></a><a href="sub/b.html#no">', encoding="utf-8")
    (tmp_path / "sub" / "b.html").write_text(
        '<a href="../a.html?x=1#top"></a><a href="https://x.org/#y"></a><script src="c%20d.js"></script>',
        encoding="utf-8",
    )
    assert broken_links(tmp_path) == [
        "a.html links to sub/b.html#no, a place that does not exist",
        "sub/b.html links to c%20d.js, which does not exist",
    ]


@pytest.mark.slow
def test_the_pages_of_two_packages_are_built_without_a_warning_or_a_broken_link(tmp_path):
    pytest.importorskip("sphinx")
    pytest.importorskip("furo")
    (tmp_path / "api").mkdir()
    for name in (".buildinfo", "removed.html"):  # of an earlier build
        (tmp_path / "api" / name).write_text("", encoding="utf-8")
    start = build_reference(tmp_path / "api", rooms=["training", "decoding"])
    assert not (tmp_path / "api" / "removed.html").exists()
    assert "training/index.html" in start.read_text(encoding="utf-8")
    trainer = (tmp_path / "api" / "training" / "Trainer.html").read_text(encoding="utf-8")
    assert 'id="rnnbp.Trainer.fit"' in trainer
    assert 'href="EarlyStopping.html#rnnbp.EarlyStopping"' in trainer
    assert (tmp_path / "api" / "searchindex.js").stat().st_size > 1000


@pytest.mark.slow
def test_a_malformed_docstring_stops_the_build(tmp_path, monkeypatch):
    pytest.importorskip("furo")
    monkeypatch.setattr(rnnbp.decoding.greedy, "__doc__", "Decode |y| and `this.\n")
    with pytest.raises(BrokenReferenceError, match=r"decoding/greedy.rst:\d*: .*substitution"):
        build_reference(tmp_path / "api", rooms=["decoding"])
