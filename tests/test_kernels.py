"""Kernels: every one computes what the loop over `step` computes."""

import pytest
from helpers import CELLS

from rnnbp import kernels


@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_the_loop_takes_every_cell(cell):
    with kernels.using("loop"):
        assert type(kernels.kernel_of(cell, complex)).__name__ == "Loop"


def test_a_kind_that_is_not_there():
    with (
        pytest.raises(ValueError, match=r"kind must be one of .*'loop'.*; got 'lop'\. Did you mean 'loop'\?"),
        kernels.using("lop"),
    ):
        pass
