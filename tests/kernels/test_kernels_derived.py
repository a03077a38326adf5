"""Compiled kernels of declared cells: threads, selection, plans, and the cache of generated modules."""

import os
import subprocess
import sys
from pathlib import Path

import declarations
import numpy as np
import pytest
from declared_cells import COMPILED
from helpers import relative_error
from test_kernels import QUICK, Case

import rnnbp
from rnnbp import kernels
from rnnbp.cells import LeakyElmanCell, LSTMCell
from rnnbp.kernels.loop import Loop

pytest.importorskip("numba")

from numba import types

from rnnbp.cells.declared import compiled_plan
from rnnbp.cells.declared.compiled_plan import plan_of
from rnnbp.kernels.compiled import compiling, modules, product, weights
from rnnbp.kernels.compiled.kernel import CompiledKernel

FLOAT64 = np.dtype(np.float64)
every_cell = pytest.mark.parametrize(
    "make",
    [pytest.param(make, id=name, marks=[pytest.mark.slow] * (name not in QUICK)) for name, make in COMPILED.items()],
)


@every_cell
def test_threads_of_a_derived_kernel_change_only_in_which_order_gradients_are_summed(make, monkeypatch):
    monkeypatch.setattr("rnnbp.runtime.threads.FLOPS_PER_THREAD", 1.0)
    case, found = Case.random(make(5, 19), [30, 30, 21, 8, 8, 2, 0], 32), []
    try:
        for threads in (1, 3):
            rnnbp.set_num_threads(threads)
            found.append(case.run(CompiledKernel(case.cell, FLOAT64)))
    finally:
        rnnbp.set_num_threads(None)
    for a, b in zip(found[0][:4], found[1][:4], strict=True):
        np.testing.assert_array_equal(a, b)
    assert relative_error(found[1][4], found[0][4]) < 2e-14


# ---- selection, plan and cache ---------------------------------------------------------------------


def test_a_declared_cell_is_run_by_its_derived_kernel():
    assert isinstance(kernels.kernel_of(LSTMCell(3, 4), np.float32), CompiledKernel)
    assert kernels.kernel_of(LSTMCell(3, 4), np.complex128) == Loop(LSTMCell(3, 4))


def test_a_subclass_that_overrides_a_derived_method_takes_the_loop():
    class Half(LSTMCell):
        def step(self, params, state, x):
            next_state, residuals = super().step(params, state, x)
            return next_state / 2, residuals

    assert kernels.kernel_of(Half(3, 4), np.float32) == Loop(Half(3, 4))


def test_a_product_computes_as_many_slots_as_its_tile_has_registers():
    assert compiled_plan.TOGETHER == product.COLUMNS


def test_a_constant_does_not_compile_again():
    first, second = (CompiledKernel(LeakyElmanCell(3, 4, tau), FLOAT64) for tau in (2.0, 5.0))
    assert first.module is second.module


def test_arrays_that_are_read_only_do_not_compile_again():
    case = Case.random(LSTMCell(3, 4), [5, 4])
    compiled = CompiledKernel(case.cell, FLOAT64)
    expected = case.run(compiled)
    for array in (case.x, case.d_outputs, case.params.vector):
        array.flags.writeable = False
    for a, b in zip(case.run(compiled), expected, strict=True):
        np.testing.assert_array_equal(a, b)
    functions = (compiled.module.forward, compiled.module.backward, weights.pack, weights.pack_back)
    given = [argument for function in functions for signature in function.signatures for argument in signature]
    assert all(argument.mutable for argument in given if isinstance(argument, types.Array))


def test_the_plan_stores_no_more_than_is_written_by_hand():
    stored = {name: len(plan_of(make(3, 4).derivation.program).stored) for name, make in COMPILED.items()}
    assert tuple(stored[f"{name}Cell"] for name in ("Elman", "LSTM", "GRU", "OriginalGRU")) == (0, 4, 4, 3)
    assert (stored["LIFCell"], stored["ALIFCell"]) == (0, 0)  # the surrogate is computed again from the next state


def test_the_compiled_source_is_formatted_and_shown():
    source = LSTMCell(3, 4).source("compiled")
    assert "                c_next = f * c + i * g\n" in source
    assert max(map(len, source.splitlines())) <= 120
    for make in COMPILED.values():
        compile(make(3, 4).source("compiled"), "source", "exec")


def test_a_generated_module_is_written_whole_and_again_if_it_was_changed(tmp_path):
    path = modules.written(tmp_path / "kernels" / "a.py", "x = 1\n")
    path.write_text("x = 2\n")
    assert modules.written(path, "x = 1\n").read_text() == "x = 1\n"
    path.write_bytes(b"\xff\xfe, which is no text")
    assert modules.written(path, "x = 1\n").read_text() == "x = 1\n"
    assert [p.name for p in path.parent.iterdir()] == ["a.py"]


def test_a_damaged_file_in_the_cache_is_compiled_again(tmp_path, caplog):
    """As a full disk or another version of Numba may leave it; of a small function, which takes a second."""
    source = modules.written(tmp_path / "small.py", "def double(x):\n    return 2 * x\n")
    namespace = {"__name__": "small", "__file__": str(source)}
    exec(compile(source.read_text(), str(source), "exec"), namespace)
    assert compiling.entry(namespace["double"])(2.0) == 4.0
    for damaged in (True, False):
        again = compiling.entry(namespace["double"])
        if damaged:
            Path(again._cache._cache_file._index_path).write_bytes(b"junk")
        assert again(2.0) == 4.0
        assert ("is damaged" in caplog.text) == damaged
        caplog.clear()


SCRIPT = """
import sys
sys.path.insert(0, sys.argv[1])
import numpy as np
from declarations import MinimalGated
from rnnbp.core import Parameters
from rnnbp.kernels import kernel_of
cell = MinimalGated(3, 5)
params = Parameters(cell.shapes())
cell.initialize(params, np.random.default_rng(0))
kernel = kernel_of(cell, np.float32)
y, residuals, state = kernel.forward(params, np.ones((9, 2, 3), "f"), np.full(9, 2), np.zeros((2, 5), "f"))
kernel.backward_params(params, residuals, y, params.zeros(), state)
print(type(kernel).__name__, y.sum())
"""


@pytest.mark.slow
@pytest.mark.parametrize("writable", [True, False])
def test_a_derived_kernel_is_compiled_once_and_cached_on_disk(tmp_path, writable):
    folder = tmp_path if writable else tmp_path / "file"
    if not writable:
        folder.write_text("not a folder")
    env = {k: v for k, v in os.environ.items() if k != "NUMBA_CACHE_DIR"} | {"XDG_CACHE_HOME": str(folder)}
    command = [sys.executable, "-c", SCRIPT, str(Path(declarations.__file__).parent)]
    first, second = (subprocess.run(command, env=env, capture_output=True, text=True, check=True) for _ in range(2))
    assert first.stdout == second.stdout
    assert first.stdout.startswith("CompiledKernel")
    if writable:
        assert second.stderr == ""
        assert len(list((tmp_path / "rnnbp" / "kernels").glob("*.py"))) == 1
    else:
        assert "cannot cache generated kernels" in second.stderr
