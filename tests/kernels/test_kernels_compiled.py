"""Compiled kernels: what they have beyond what all kernels have, which `test_kernels` tests."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest
from helpers import relative_error
from hypothesis import given
from hypothesis import strategies as st
from test_kernels import FAST, Case, every_cell

import rnnbp
from rnnbp import kernels
from rnnbp.kernels.loop import Loop
from rnnbp.layers import Run
from rnnbp.runtime import empties

pytest.importorskip("numba")

from rnnbp.kernels.compiled import compiled_kernel, compiling, functions, primitives
from rnnbp.kernels.compiled import kernel as compiled
from rnnbp.kernels.compiled.shards import split_batch
from rnnbp.kernels.compiled.vectors import at, lanes, load, store

LENGTHS = [60, 60, 51, 40, 40, 40, 33, 8, 8, 2, 0]


@pytest.fixture(autouse=True)
def _as_before():
    yield
    rnnbp.set_num_threads(None)


@pytest.fixture
def always_threads(monkeypatch):
    """Shard out whatever there is, worth it or not."""
    monkeypatch.setattr("rnnbp.runtime.threads.FLOPS_PER_THREAD", 1.0)


def on_threads(case, n):
    rnnbp.set_num_threads(n)
    return case.run(compiled_kernel(case.cell, case.x.dtype))


def assert_same_bits(found, expected):
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)


# ---- functions ----------------------------------------------------------------------------------


def both(first, second):
    """Return a function that applies two functions of registers to an array."""
    from numba import njit

    @njit
    def apply(x, of_first, of_second):
        for k in range(0, len(x), lanes(x)):
            store(at(of_first, k), first(load(at(x, k))))
            store(at(of_second, k), second(load(at(x, k))))

    def applied(x):
        found = np.empty_like(x), np.empty_like(x)
        apply(x, *found)
        return found

    return applied


@pytest.fixture(scope="module")
def tanh_and_sigmoid():
    return both(functions.tanh, functions.sigmoid)


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 3e-7), (np.float64, 5e-16)])
def test_tanh_and_sigmoid_are_accurate_to_rounding(tanh_and_sigmoid, dtype, tolerance):
    size = np.concatenate([np.geomspace(1e-30, 100, 1 << 17), np.linspace(0, 10, 1 << 17)])
    x = np.concatenate([size, -size]).astype(dtype)
    tanh, sigmoid = tanh_and_sigmoid(x)
    exact = np.tanh(x.astype(np.float64))
    assert (np.abs(tanh - exact) <= tolerance * np.abs(exact)).all()
    assert np.abs(sigmoid - (1 + np.tanh(x.astype(np.float64) / 2)) / 2).max() <= tolerance
    assert np.abs(tanh).max() <= 1
    assert sigmoid.min() >= 0
    assert sigmoid.max() <= 1


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_tanh_and_sigmoid_take_nan_and_infinities(tanh_and_sigmoid, dtype):
    tanh, sigmoid = tanh_and_sigmoid(np.repeat([np.nan, np.inf, -np.inf, 0.0], 16).astype(dtype))
    np.testing.assert_array_equal(np.isnan(tanh), np.repeat([True, False, False, False], 16))
    np.testing.assert_allclose(tanh[16:], np.repeat([1, -1, 0], 16), rtol=1e-6)
    np.testing.assert_array_equal(np.isnan(sigmoid), np.isnan(tanh))


@pytest.fixture(scope="module")
def exp_and_softplus():
    return both(primitives.exp, primitives.softplus)


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 3e-7), (np.float64, 6e-16)])
def test_exp_and_softplus_are_accurate_to_rounding(exp_and_softplus, dtype, tolerance):
    size = np.concatenate([np.geomspace(1e-30, 87, 1 << 17), np.linspace(0, 10, 1 << 17)])
    x = np.concatenate([size, -size]).astype(dtype)
    wide = x.astype(np.longdouble)
    exact = np.exp(wide), np.maximum(wide, 0) + np.log1p(np.exp(-np.abs(wide)))
    for found, expected in zip(exp_and_softplus(x), exact, strict=True):
        assert (np.abs(found - expected) <= tolerance * np.abs(expected)).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_exp_and_softplus_take_what_is_not_finite_or_too_large(exp_and_softplus, dtype):
    most = np.log(np.finfo(dtype).max) - 0.01
    x = np.repeat(np.array([np.nan, np.inf, -np.inf, 0.0, 1e4, -1e4, most], dtype), 16)
    exp, softplus = exp_and_softplus(x)
    np.testing.assert_allclose(exp, np.repeat([np.nan, np.inf, 0, 1, np.inf, 0, np.exp(most)], 16), rtol=1e-5)
    expected = np.repeat([np.nan, np.inf, 0, np.log(2), 1e4, 0, most], 16)
    np.testing.assert_allclose(softplus, expected, rtol=1e-6, atol=1e-37)


# ---- threads ------------------------------------------------------------------------------------


@every_cell
@pytest.mark.parametrize(("dtype", "rounding"), [(np.float32, 2e-6), (np.float64, 2e-15)])
def test_threads_change_only_the_order_in_which_gradients_are_summed(make, dtype, rounding, always_threads):
    case = Case.random(make(5, 19), LENGTHS, 62, dtype=dtype)
    *alone, gradient = on_threads(case, 1)
    for n in (1, 2, 3, 11, 50):
        *found, same = on_threads(case, n)
        assert_same_bits(found, alone)
        assert relative_error(same, gradient) < rounding
        assert_same_bits(on_threads(case, n), [*found, same])


@every_cell
def test_a_sequence_does_not_depend_on_the_others_of_its_batch(make):
    case = Case.random(make(5, 19), [40] * 13, dtype=np.float32)
    whole = on_threads(case, 1)
    few = Case(
        case.cell,
        case.params,
        case.x[:, 5:9],
        np.full(40, 4),
        case.state[5:9],
        case.d_outputs[:, 5:9],
        case.d_state[5:9],
    )
    y, state, dx, d_state, _ = on_threads(few, 1)
    assert_same_bits((y, state, dx, d_state), (whole[0][:, 5:9], whole[1][5:9], whole[2][:, 5:9], whole[3][5:9]))


def test_concurrent_callers_get_the_results_of_single_ones(always_threads):
    cases = [Case.random(make(4, 20), LENGTHS, 60, seed, np.float32) for seed, make in enumerate(FAST.values())]
    expected = [on_threads(case, 3) for case in cases]
    found, errors = {}, []

    def call(k):
        try:
            for _ in range(20):
                found[k] = cases[k].run(compiled_kernel(cases[k].cell, np.dtype(np.float32)))
                assert_same_bits(found[k], expected[k])
        except BaseException as error:
            errors.append(error)

    callers = [threading.Thread(target=call, args=(k,)) for k in range(len(cases))]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert not errors
    assert len(found) == len(cases)


def test_small_batches_run_in_one_thread():
    rnnbp.set_num_threads(8)
    kernel = compiled_kernel(FAST["LSTM"](3, 4), np.dtype(np.float32))
    assert kernel.threads(180, 6) == 1
    assert kernel.threads(10**9, 6) == 6


@given(
    lengths=st.lists(st.integers(0, 70), min_size=1, max_size=20), count=st.integers(1, 20), most=st.integers(0, 400)
)
def test_shards_have_every_sequence_once_and_chunks_of_whole_blocks(lengths, count, most):
    """Chunks have at most the given number of rows, or one block."""
    lengths = np.array(sorted(lengths, reverse=True))
    count = min(count, len(lengths))
    shards = split_batch(Run(lengths).active(70), count, most)
    taken = [np.arange(len(lengths))[shard.sequences] for shard in shards]
    np.testing.assert_array_equal(np.sort(np.concatenate(taken)), np.arange(len(lengths)))
    for shard, own in zip(shards, taken, strict=True):
        active = Run(lengths[own]).active(70)
        np.testing.assert_array_equal(shard.active, [*active, 0])
        assert shard.rows == active.sum() <= lengths.sum() / count + lengths.max()
        stop = end = 0
        for chunk in shard.chunks:
            assert (stop, end) == (chunk.steps[0], chunk.rows[0])
            (start, stop), (_, end) = chunk.steps, chunk.rows
            assert stop % 16 == 0 or stop == 70
            assert end - chunk.rows[0] <= most or stop - start <= 16
        assert (stop, end) == (70, shard.rows)


@given(lengths=st.lists(st.integers(1, 70), min_size=2, max_size=20), start=st.integers(0, 60))
def test_a_sequence_stays_in_its_shard_whatever_the_first_step(lengths, start):
    active = Run(np.array(sorted(lengths, reverse=True))).active(70)
    whole, part = split_batch(active, 2, 100), split_batch(active[start:], 2, 100)
    for a, b in zip(whole, part, strict=True):
        assert a.sequences == b.sequences
        np.testing.assert_array_equal(a.active[start:], b.active)


@every_cell
def test_chunks_change_only_the_order_in_which_gradients_are_summed(make, monkeypatch):
    case = Case.random(make(5, 33), LENGTHS)
    *whole, gradient = case.run(compiled_kernel(case.cell, case.x.dtype))
    for size in (1, 40_000):
        monkeypatch.setattr(compiled, "CHUNK_BYTES", size)
        *found, other = case.run(compiled_kernel(case.cell, case.x.dtype))
        assert_same_bits(found, whole)
        assert relative_error(other, gradient) < 2e-15


def test_threads_tell_the_states_of_all_sequences(always_threads):
    case = Case.random(FAST["LSTM"](3, 17), [9, 9, 7, 4, 4, 1, 0], 11)
    rnnbp.set_num_threads(3)
    found = case.previous_states(compiled_kernel(case.cell, case.x.dtype))
    assert relative_error(found, case.previous_states(Loop(case.cell))) < 1e-12


def test_memory_of_deltas_is_that_of_a_chunk(monkeypatch):
    rnnbp.set_num_threads(1)
    monkeypatch.setattr(compiled, "CHUNK_BYTES", 1 << 16)  # 64 rows
    case, asked = Case.random(FAST["LSTM"](3, 64), [400, 400], dtype=np.float32), []
    kernel = compiled_kernel(case.cell, case.x.dtype)
    _, residuals, _ = kernel.forward(dict(case.params.items()), case.x, case.active, case.state)
    monkeypatch.setattr(compiled, "empties", lambda *given: asked.extend(given[1:]) or empties(*given))
    kernel.backward_params(dict(case.params.items()), residuals, case.d_outputs, case.params.zeros(), case.d_state)
    assert max(shape[0] for shape in asked if len(shape) == 2) == 64  # weights have four axes


# ---- selection, compilation and cache -----------------------------------------------------------


@every_cell
def test_without_numba_numpy_takes_over(make, monkeypatch):
    monkeypatch.setattr("rnnbp.kernels.compiled.available", lambda: False)
    with kernels.using("numpy"):
        expected = kernels.kernel_of(make(2, 3), np.float32)
    assert kernels.kernel_of(make(2, 3), np.float32) == expected
    monkeypatch.undo()
    assert isinstance(kernels.kernel_of(make(2, 3), np.float32), compiled.CompiledKernel)


def test_an_edit_of_any_kernel_source_invalidates_the_cache(monkeypatch):
    forward = compiled_kernel(FAST["LSTM"](2, 3), np.dtype(np.float32)).module.forward
    (signature, *_) = forward.signatures or [None]
    codegen = forward.targetctx.codegen()
    key = forward._cache._index_key(signature, codegen)
    assert forward._cache._index_key(signature, codegen) == key
    monkeypatch.setattr(compiling, "SOURCES", "edited")
    assert forward._cache._index_key(signature, codegen) != key


SCRIPT = """
import numpy as np, rnnbp
from rnnbp import kernels
from rnnbp.kernels.loop import Loop
from rnnbp.kernels.compiled.vectors import REGISTER_BYTES
from rnnbp.kernels.loop import Loop
from rnnbp.core.parameters import Parameters
cell = rnnbp.ElmanCell(3, 5)
params = Parameters(cell.shapes())
cell.initialize(params, np.random.default_rng(0))
x, active, state = np.ones((20, 2, 3), "f"), np.full(20, 2), np.zeros((2, 5), "f")
y = [k.forward(params, x, active, state)[0] for k in (kernels.kernel_of(cell, np.float32), Loop(cell))]
assert abs(y[0] - y[1]).max() < 1e-6
print(REGISTER_BYTES)
"""


@pytest.mark.slow
@pytest.mark.parametrize("machine", ["this", "generic"])
def test_compilation_is_announced_once_and_cached(tmp_path, machine):
    """Also for the generic processor of the architecture."""
    env = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)} | ({"NUMBA_CPU_NAME": "generic"} if machine != "this" else {})
    command = [sys.executable, "-c", SCRIPT]
    first, second = (subprocess.run(command, env=env, capture_output=True, text=True, check=True) for _ in range(2))
    assert first.stderr.count("compiles its kernels") == 1
    assert second.stderr == ""
    if machine == "generic":
        assert first.stdout.strip() == "16"
