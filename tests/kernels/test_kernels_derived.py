"""Kernels that are derived from a cell's declaration equal the loop over its step, in whatever it declares."""

import os
import subprocess
import sys
from pathlib import Path

import declarations
import numpy as np
import pytest
from helpers import relative_error
from hypothesis import given, settings
from hypothesis import strategies as st
from test_kernels import Case

import rnnbp
from rnnbp import kernels
from rnnbp.cells import ALIFCell, ElmanCell, GRUCell, LeakyElmanCell, LIFCell, LSTMCell, OriginalGRUCell
from rnnbp.cells.declared import DeclaredCell, affine, linear, stop_gradient, tanh
from rnnbp.kernels.blocks import BLOCK
from rnnbp.kernels.loop import Loop

pytest.importorskip("numba")

from rnnbp.cells.declared import compiled_plan
from rnnbp.cells.declared.compiled_plan import plan_of
from rnnbp.kernels.compiled import kernel, modules, product
from rnnbp.kernels.compiled.kernel import CompiledKernel

FLOAT64 = np.dtype(np.float64)


class TwoSources(DeclaredCell):
    """Two states multiplied by weights, a source between gates, and a first state that is not multiplied."""

    state = "y z v"

    @staticmethod
    def update(x, y, z, v):
        z_next = tanh(affine("z", x, z) + linear("z_of_v", v))
        v_next = 0.9 * v + tanh(affine("v", z_next)) * z
        return tanh(linear("y", x, v_next) + y), z_next, v_next


class Autonomous(DeclaredCell):
    """A cell without input."""

    @staticmethod
    def update(h):
        return tanh(affine("h", h))


class Echo(DeclaredCell):
    """States that are handed on: the output is that of two steps before."""

    state = "h g"

    @staticmethod
    def update(x, h, g):
        return g, tanh(affine("g", x))


class Decay(DeclaredCell):
    """A cell without parameters."""

    tau: float = 3.0

    @staticmethod
    def update(h, tau):
        return h - h / tau


class Detached(DeclaredCell):
    """Weights whose gradient is zero, and a state that nothing reads."""

    state = "h g"

    @staticmethod
    def update(x, h):
        return tanh(affine("h", x, h)), stop_gradient(linear("fixed", x))


class Six(DeclaredCell):
    """More gates than one product computes."""

    @staticmethod
    def update(x, h):
        gates = [tanh(affine(f"g{k}", x, h)) for k in range(6)]
        return gates[0] * gates[1] + gates[2] * gates[3] - gates[4] * gates[5]


DECLARED = (
    {cls.__name__: cls for cls in (ElmanCell, LeakyElmanCell, LSTMCell, GRUCell, OriginalGRUCell, LIFCell, ALIFCell)}
    | {
        name: getattr(declarations, name)
        for name in (
            "Peephole",
            "MinimalGated",
            "IndRNN",
            "MinGRU",
            "Stabilised",
            "Highway",
            "ExponentialDecay",
            "Rotation",
        )
    }
    | {cls.__name__: cls for cls in (TwoSources, Autonomous, Echo, Decay, Detached, Six)}
)
QUICK = ("LSTMCell", "OriginalGRUCell", "Stabilised", "IndRNN", "TwoSources", "Detached")  # others take CI to compile
every_cell = pytest.mark.parametrize(
    "make",
    [pytest.param(make, id=name, marks=[pytest.mark.slow] * (name not in QUICK)) for name, make in DECLARED.items()],
)


def case_of(make, sizes, lengths, steps=None, seed=0, dtype=np.float64):
    case = Case.random(make(*sizes), lengths, steps, seed, dtype)
    case.state = np.abs(case.state)  # the normalizer of exponential gates is positive
    return case


def errors(case):
    expected, found = case.run(Loop(case.cell)), case.run(CompiledKernel(case.cell, case.x.dtype))
    return [relative_error(a, b) for a, b in zip(found, expected, strict=True)]


@every_cell
def test_a_derived_kernel_equals_the_loop(make):
    for sizes in ((3, 4), (5, 19), (1, 33), (2, 16)):
        assert max(errors(case_of(make, sizes, [2 * BLOCK + 3, 2 * BLOCK + 3, 20, 7, 1, 0], 2 * BLOCK + 5))) < 1e-12


@settings(deadline=None, max_examples=25)
@given(
    lengths=st.lists(st.integers(0, 2 * BLOCK + 3), min_size=1, max_size=17),
    sizes=st.tuples(st.integers(1, 9), st.integers(1, 35)),
    more=st.integers(0, 2),
    seed=st.integers(0, 999),
)
@pytest.mark.parametrize("make", [OriginalGRUCell, declarations.Peephole, TwoSources, Six])
def test_a_derived_kernel_equals_the_loop_for_any_shape(make, lengths, sizes, more, seed):
    lengths = sorted(lengths, reverse=True)
    assert max(errors(case_of(make, sizes, lengths, lengths[0] + more, seed))) < 1e-12


@every_cell
def test_padding_does_not_affect_a_derived_kernel(make):
    case = case_of(make, (3, 4), [20, 18, 3, 0])
    kernel = CompiledKernel(case.cell, FLOAT64)
    before = case.run(kernel)
    padding = np.arange(20)[:, None] >= [20, 18, 3, 0]
    case.x[padding] = case.d_outputs[padding] = np.nan
    for a, b in zip(case.run(kernel), before, strict=True):
        np.testing.assert_array_equal(a, b)


@every_cell
def test_backward_params_of_a_derived_kernel_equals_backward_without_dx(make):
    case = case_of(make, (3, 4), [20, 18, 3])
    kernel, weights, grad = CompiledKernel(case.cell, FLOAT64), dict(case.params.items()), case.params.zeros()
    _, _, _, d_state, vector = case.run(kernel)
    _, residuals, _ = kernel.forward(weights, case.x, case.active, case.state)
    alone = kernel.backward_params(weights, residuals, case.d_outputs, grad, case.d_state)
    np.testing.assert_array_equal(alone, d_state)
    np.testing.assert_array_equal(grad.vector, vector)


@every_cell
def test_segments_of_a_derived_kernel_give_the_outputs_of_one_run_to_the_bit(make):
    case = case_of(make, (3, 33), np.repeat([3 * BLOCK + 5, 2 * BLOCK + 1, 4], 3), dtype=np.float32)
    kernel, weights = CompiledKernel(case.cell, case.x.dtype), dict(case.params.items())
    whole, state, d_state, grad, runs, d_inputs = (
        case.run(kernel),
        case.state,
        case.d_state,
        case.params.zeros(),
        [],
        [],
    )
    for span in (slice(0, 11), slice(11, 3 * BLOCK), slice(3 * BLOCK, None)):
        y, residuals, state = kernel.forward(weights, case.x[span], case.active[span], state)
        runs.append((span, y, residuals))
    for span, _, residuals in reversed(runs):
        dx, d_state = kernel.backward(weights, residuals, case.d_outputs[span], grad, d_state)
        d_inputs.insert(0, dx)
    found = np.concatenate([y for _, y, _ in runs]), state, np.concatenate(d_inputs), d_state
    for a, b in zip(found, whole[:4], strict=True):
        np.testing.assert_array_equal(a, b)
    assert relative_error(grad.vector, whole[4]) < 5e-6


@every_cell
def test_threads_of_a_derived_kernel_change_only_in_which_order_gradients_are_summed(make, monkeypatch):
    monkeypatch.setattr(kernel, "FLOPS_PER_THREAD", 1.0)
    case, found = case_of(make, (5, 19), [30, 30, 21, 8, 8, 2, 0], 32), []
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


def test_the_plan_stores_no_more_than_is_written_by_hand():
    stored = {name: len(plan_of(make(3, 4).derivation.program).stored) for name, make in DECLARED.items()}
    assert tuple(stored[f"{name}Cell"] for name in ("Elman", "LSTM", "GRU", "OriginalGRU")) == (0, 4, 4, 3)
    assert (stored["LIFCell"], stored["ALIFCell"]) == (0, 0)  # the surrogate is computed again from the next state


def test_the_compiled_source_is_formatted_and_shown():
    source = LSTMCell(3, 4).source("compiled")
    assert "                c_next = f * c + i * g\n" in source
    assert max(map(len, source.splitlines())) <= 120
    for make in DECLARED.values():
        compile(make(3, 4).source("compiled"), "source", "exec")


def test_a_generated_module_is_written_whole_and_again_if_it_was_changed(tmp_path):
    path = modules.written(tmp_path / "kernels" / "a.py", "x = 1\n")
    path.write_text("x = 2\n")
    assert modules.written(path, "x = 1\n").read_text() == "x = 1\n"
    assert [p.name for p in path.parent.iterdir()] == ["a.py"]


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
