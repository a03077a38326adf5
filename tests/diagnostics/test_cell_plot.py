"""Diagrams of declared cells: what is drawn, and that wires lead where they should."""

import inspect
from itertools import combinations, pairwise

import declarations
import numpy as np
import pytest
from declarations import MinGRU

import rnnbp
from rnnbp.cells import GRUCell, LSTMCell, OriginalGRUCell
from rnnbp.cells.declared import DeclaredCell, affine, linear, maximum, tanh
from rnnbp.diagnostics.cell_graph import GATE, OPERATION, RESULT, SOURCE, cell_graph
from rnnbp.diagnostics.layered_layout import layered_layout, layers_of

pytest.importorskip("matplotlib")

CELLS = {
    name: cell
    for module in (declarations, rnnbp.cells)
    for name, cell in ((name, getattr(module, name)) for name in dir(module))
    if inspect.isclass(cell) and issubclass(cell, DeclaredCell) and cell is not DeclaredCell
}
LARGE = ("SLSTMCell", "Stabilised")  # whose figures take seconds
every_cell = pytest.mark.parametrize(
    "cell",
    [pytest.param(cell, id=name, marks=[pytest.mark.slow] * (name in LARGE)) for name, cell in CELLS.items()],
)


def graph(cell):
    return cell_graph(cell.derivation.program.equation)


def written(cell, *kinds):
    """Return the texts of the nodes of some kinds."""
    return [node.text for node in graph(cell) if node.kind in kinds]


def declared(update, **attributes):
    return type("Mine", (DeclaredCell,), {"update": staticmethod(update), "__annotations__": {}, **attributes})(3, 4)


def drawing(cell):
    """Return nodes, their boxes and their wires, with boxes of width 1 and height 0.3."""
    nodes = graph(cell)
    inputs = [[nodes.index(i) for i in node.inputs] for node in nodes]
    offsets = [list(np.linspace(0.1, -0.1, len(i))) if len(i) > 1 else [0.0] * len(i) for i in inputs]
    return (nodes, *layered_layout(inputs, [(1.0, 0.3)] * len(nodes), offsets))


# ---- what is drawn -------------------------------------------------------------------------------


def test_a_gate_is_its_pre_activation_with_its_nonlinearity():
    gates = written(LSTMCell(3, 4), GATE)
    assert sorted(gates) == [
        r"f_t = \sigma(W_f x_t + R_f h_{t-1} + b_f)",
        r"g_t = \tanh(W_g x_t + R_g h_{t-1} + b_g)",
        r"i_t = \sigma(W_i x_t + R_i h_{t-1} + b_i)",
        r"o_t = \sigma(W_o x_t + R_o h_{t-1} + b_o)",
    ]
    assert sorted(written(LSTMCell(3, 4), OPERATION)) == ["+", r"\odot", r"\odot", r"\odot"]
    assert written(LSTMCell(3, 4), SOURCE) == ["h_{t-1}", "c_{t-1}", "x_t"]
    assert written(LSTMCell(3, 4), RESULT) == ["h_t", "c_t"]


def test_the_two_gated_recurrent_units_differ_in_their_reset_gate():
    assert [text for text in written(GRUCell(3, 4), GATE) if text[0] in "RW"] == [
        "W_n x_t + b_{W,n}",
        "R_n h_{t-1} + b_{R,n}",
    ]
    (new,) = (node for node in graph(OriginalGRUCell(3, 4)) if node.text.startswith("n_t"))
    assert new.text == r"n_t = \tanh(W_n x_t + R_n (r_t \odot h_{t-1}) + b_n)"
    assert [node.text for node in new.inputs] == ["x_t", r"\odot"]


def test_what_is_subtracted_or_divided_by_is_marked():
    (difference,) = (node for node in graph(GRUCell(3, 4)) if any(node.subtracted))
    assert [(node.text, minus) for node, minus in zip(difference.inputs, difference.subtracted, strict=True)] == [
        ("h_{t-1}", False),
        (r"\tanh", True),
    ]
    (quotient,) = (node for node in graph(declared(lambda x, h: h / affine("a", x))) if node.kind == OPERATION)
    assert quotient.text == r"\div"
    assert quotient.subtracted == (False, True)


@pytest.mark.parametrize(
    ("update", "texts"),
    [
        (lambda x, h: (1 - tanh(h)) * linear("a", x), ["W x_t", r"1 - \tanh(\cdot)", r"\odot"]),
        (lambda x, h: 2 * (h * linear("a", x)) + h, ["W x_t", r"\odot", r"2 \, \cdot", "+"]),
        (lambda x, h: tanh(h * linear("a", x) - h + 1), ["W x_t", r"\odot", "+", r"\cdot + 1", r"\tanh"]),
        (lambda x, h: maximum(h, h * linear("a", x)), ["W x_t", r"\odot", r"\max"]),
        (lambda x, h: h + linear("a", x), ["h_t = h_{t-1} + W x_t"]),
        (lambda x, h: h**2 * linear("a", x), ["W x_t", r"\cdot^2", r"\odot"]),
    ],
)
def test_functions_and_operations(update, texts):
    found = [node.text for node in graph(declared(update)) if node.kind not in (SOURCE, RESULT)]
    assert sorted(found) == sorted(texts)


def test_a_named_term_is_a_gate_of_its_own():
    assert "n_t = W_n x_t + b_n" in written(rnnbp.cells.MinGRUCell(3, 4), GATE)
    assert r"W_{\mathrm{new}} x_t + b_{\mathrm{new}} - h_{t-1}" in written(MinGRU(3, 4), GATE)


@every_cell
def test_nodes_come_after_those_that_they_depend_on(cell):
    nodes = graph(cell(3, 4))
    place = {node: k for k, node in enumerate(nodes)}
    for node in nodes:
        assert all(place[source] < place[node] for source in node.inputs)
        assert len(node.inputs) == len(node.subtracted)
        assert node.inputs or node.kind == SOURCE
    used = {source for node in nodes for source in node.inputs}
    assert all(node in used or node.kind == RESULT for node in nodes)


# ---- where it is drawn ---------------------------------------------------------------------------


@every_cell
def test_every_input_has_one_wire_that_ends_there(cell):
    nodes, boxes, wires = drawing(cell(3, 4))
    ends = sorted((number, k) for wire in wires for number, k, _ in wire.ends)
    assert ends == [(number, k) for number, node in enumerate(nodes) for k in range(len(node.inputs))]
    for wire in wires:
        for number, k, (x, y) in wire.ends:
            assert nodes[number].inputs[k] is nodes[wire.node]
            assert x == pytest.approx(boxes[number].x)
            assert y == pytest.approx(boxes[number].y + boxes[number].offsets[k])


@every_cell
def test_boxes_do_not_overlap_and_wires_do_not_run_through_them(cell):
    _, boxes, wires = drawing(cell(3, 4))
    for a, b in combinations(boxes, 2):
        assert abs(a.x - b.x) >= 1 - 1e-5 or abs(a.y - b.y) >= 0.3 - 1e-5
    for wire in wires:
        for line in wire.lines:
            for (x1, y1), (x2, y2) in pairwise(line):
                assert x1 == pytest.approx(x2) or y1 == pytest.approx(y2)
                for box in boxes:
                    beside = max(x1, x2) <= box.x + 1e-5 or min(x1, x2) >= box.x + box.width - 1e-5
                    assert beside or min(y1, y2) >= box.y + 0.15 - 1e-5 or max(y1, y2) <= box.y - 0.15 + 1e-5


def test_layers_are_longest_paths():
    assert layers_of([[], [], [0], [2, 1], [3]]) == [0, 0, 1, 2, 3]
    assert layers_of([[], [0], [1], [0]]) == [0, 1, 2, 2]


def test_a_wire_that_branches_is_drawn_with_a_dot():
    boxes, (wire, *_) = layered_layout([[], [0], [0], [0]], [(1, 0.3)] * 4, [[], [0.0], [0.0], [0.0]])
    ys = sorted(box.y for box in boxes[1:])
    assert [y for _, y in wire.branches] == [ys[1]]


# ---- the figure ----------------------------------------------------------------------------------


def test_the_figure_has_every_text(tmp_path):
    cell = LSTMCell(3, 4)
    fig = rnnbp.plot_cell(cell)
    found = [text.get_text() for text in fig.axes[0].texts]
    for text in written(cell, SOURCE, GATE, RESULT):
        assert f"${text}$" in found
    fig.savefig(tmp_path / "cell.png")
    assert (tmp_path / "cell.png").stat().st_size > 10_000


def test_a_cell_without_a_declaration_has_no_diagram():
    with pytest.raises(TypeError, match=r"cell must be declared by its equation, .* got Stack"):
        rnnbp.plot_cell(rnnbp.Stack([LSTMCell(3, 4), LSTMCell(4, 4)]))
