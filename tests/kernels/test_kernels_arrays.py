"""The source of generated NumPy kernels: what it stores, how it looks, and that writing it changes nothing else."""

import pytest
from declared_cells import DECLARED

from rnnbp.cells import ElmanCell, GRUCell, LSTMCell, MinGRUCell, OriginalGRUCell, RHNCell
from rnnbp.cells.declared.numpy_plan import numpy_plan_of


@pytest.mark.parametrize("make", DECLARED.values(), ids=DECLARED)
def test_the_source_is_formatted(make):
    source = make(3, 4).source("numpy")
    compile(source, "source", "exec")
    assert max(map(len, source.splitlines())) <= 120


def test_a_step_takes_as_few_calls_as_by_hand():
    forward, backward = LSTMCell(3, 4).source("numpy").split("\n\n\n")[1:]
    loop = forward[forward.index(") in views:") if ") in views:" in forward else forward.index(" in views:") :]
    assert loop.count("\n") - loop.count("= gates_t\n") - loop.count("return") <= 11
    assert "    multiply(f_t, c_t, out=c_next_t)\n" in forward
    assert "tanh(gates_t, out=gates_t)\n" in forward  # of all gates in one call
    assert "matmul(row_t, w, out=gates_t)\n" in forward
    step = backward[backward.index("in reversed(list(views)):") : backward.index("add_products")]
    assert step.count("\n") - 1 == 7


def test_products_with_the_input_alone_are_ahead_of_the_loop():
    forward = MinGRUCell(3, 4).source("numpy").split("\n\n\n")[1]
    assert forward.index("matmul") < forward.index("zip(")
    assert forward.count("matmul") == 1


def test_the_plan_stores_no_more_than_is_written_by_hand():
    cells = (ElmanCell, LSTMCell, GRUCell, OriginalGRUCell, MinGRUCell)
    assert [len(numpy_plan_of(make(3, 4).derivation.program).stored) for make in cells] == [0, 4, 4, 3, 2]


def test_the_source_of_one_backend_does_not_depend_on_that_of_another():
    """For compiled modules are found by their source."""
    first, second = (RHNCell(3, 4, depth=3), RHNCell(3, 4, depth=3))
    before = first.source("compiled")
    assert first.source("numpy") == second.source("numpy")
    nodes = len(first.derivation.program.equation.graph.nodes)
    first.source("numpy")
    assert len(first.derivation.program.equation.graph.nodes) == nodes
    assert second.source("compiled") == before


def test_a_deep_equation_is_written_in_polynomial_time():
    assert RHNCell(3, 4, depth=12).source("numpy").count("matmul") > 12
