"""The table of gate orders: what it says of this package is what the cells have, and reordering is invertible."""

import numpy as np
import pytest

from rnnbp import cells, interop
from rnnbp.interop.weight_layouts import LAYOUTS, in_order, layout_of, reordered

ROWS = [(cell, library) for cell, libraries in LAYOUTS.items() for library in libraries]


@pytest.mark.parametrize("cell", LAYOUTS)
def test_our_gates_are_those_of_the_cells(cell):
    assert layout_of("rnnbp", cell).gates == getattr(cells, f"{cell}Cell")(2, 3).gates


@pytest.mark.parametrize(("cell", "library"), ROWS)
def test_reordering_there_and_back_changes_nothing(cell, library, rng):
    gates = layout_of("rnnbp", cell).gates
    assert set(layout_of(library, cell).gates) == set(gates)
    array = rng.standard_normal((5, 4 * max(len(gates), 1)))
    there = reordered(array, cell, "rnnbp", library, axis=1)
    assert np.array_equal(reordered(there, cell, library, "rnnbp", axis=1), array)


def test_the_table_has_a_row_for_each_cell_and_library():
    table = interop.gate_orders()
    assert list(table.index) == ROWS
    assert table.loc[("LSTM", "ONNX"), "gates"] == "input output forget cell"
    assert table["transposed"].groupby("library").all().to_dict() == {
        **dict.fromkeys(["rnnbp", "PyTorch", "ONNX", "cuDNN"], False),
        "Keras": True,
    }


def test_a_cell_that_a_library_does_not_have_is_named_with_those_that_do():
    with pytest.raises(ValueError, match="library must be one of 'Keras', 'ONNX', 'rnnbp'; got 'PyTorch'"):
        layout_of("PyTorch", "OriginalGRU")


def test_an_axis_that_is_not_blocks_of_the_gates_is_refused():
    with pytest.raises(ValueError, match=r"axis 0 of shape \(7,\) must be blocks of the 4 gates"):
        in_order(np.zeros(7), ("i", "f", "g", "o"), ("i", "o", "f", "g"))
