"""Kernels: every one computes what the loop over `step` computes, in outputs, states and all gradients."""

import os
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np
import pytest
from declared_cells import COMPILED, CONSTRAINED, DECLARED
from helpers import CELLS, made, relative_error
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnbp import kernels
from rnnbp.cells import ElmanCell, GRUCell, LSTMCell, OriginalGRUCell
from rnnbp.kernels.blocks import BLOCK
from rnnbp.kernels.loop import Loop
from rnnbp.layers import Recurrent, Run

FAST = {
    "Elman tanh": ElmanCell,
    "Elman relu": lambda F, H: ElmanCell(F, H, "relu"),
    "Elman sigmoid": lambda F, H: ElmanCell(F, H, "sigmoid"),
    "Elman linear": lambda F, H: ElmanCell(F, H, "linear"),
    "LSTM": LSTMCell,
    "GRU": GRUCell,
    "original GRU": OriginalGRUCell,
}
KINDS = [kind for kind in kernels.BACKENDS if kind != "loop"]
QUICK = ("LSTMCell", "TwoSources")  # CI compiles the others; test_random_kernels.py runs such code by Python


def pair(kind, name, make):
    return pytest.param(kind, make, id=f"{kind}-{name}", marks=[pytest.mark.slow] * slow(kind, name))


def slow(kind, name):
    return kind == "compiled" and name not in (*QUICK, *FAST)


every_cell = pytest.mark.parametrize("make", FAST.values(), ids=FAST)
every_kind = pytest.mark.parametrize("kind", KINDS)
every_pair = pytest.mark.parametrize(
    ("kind", "make"),
    [
        pair(kind, name, make)
        for kind in KINDS
        for name, make in (FAST | (DECLARED | CONSTRAINED if kind == "numpy" else COMPILED)).items()
    ],
)


def kernel_of(kind, cell, dtype=np.float64):
    with kernels.using(kind):
        kernel = kernels.kernel_of(cell, dtype)
    assert not isinstance(kernel, Loop)
    return kernel


@dataclass
class Case:
    """What a kernel is given."""

    cell: object
    params: object
    x: np.ndarray
    active: np.ndarray
    state: np.ndarray
    d_outputs: np.ndarray
    d_state: np.ndarray

    @classmethod
    def random(cls, cell, lengths, steps=None, seed=0, dtype=np.float64):
        rng, lengths = np.random.default_rng(seed), np.asarray(lengths)
        B, T = len(lengths), max(lengths) if steps is None else steps
        shapes = ((T, B, cell.input_size), (B, cell.state_size), (T, B, cell.output_size), (B, cell.state_size))
        x, state, d_outputs, d_state = (rng.standard_normal(shape).astype(dtype) for shape in shapes)
        if "n" in getattr(cell, "state", "").split():
            state = np.abs(state)  # the normalizer of exponential gates is positive
        return cls(cell, made(cell, dtype, seed), x, Run(lengths).active(T), state, d_outputs, d_state)

    def run(self, kernel):
        """Return outputs, final state, dx, d_state and gradient."""
        weights, grad = dict(self.params.items()), self.params.zeros()
        y, residuals, state = kernel.forward(weights, self.x, self.active, self.state)
        dx, d_state = kernel.backward(weights, residuals, self.d_outputs, grad, self.d_state)
        return y, state, dx, d_state, grad.vector

    def previous_states(self, kernel):
        """Return the state before each real step."""
        return kernel.previous_states(kernel.forward(dict(self.params.items()), self.x, self.active, self.state)[1])

    def astype(self, dtype):
        arrays = (a.astype(dtype) for a in (self.x, self.state, self.d_outputs, self.d_state))
        x, state, d_outputs, d_state = arrays
        return Case(self.cell, self.params.astype(dtype), x, self.active, state, d_outputs, d_state)

    def errors(self, kind, expected=None):
        """Return the errors of all results relative to those of the loop."""
        expected = self.run(Loop(self.cell)) if expected is None else expected
        found = self.run(kernel_of(kind, self.cell, self.x.dtype))
        return [relative_error(a, b) for a, b in zip(found, expected, strict=True)]


# ---- equality with the loop ---------------------------------------------------------------------


@every_pair
def test_kernels_tell_the_state_before_each_step(kind, make):
    for lengths in ([2 * BLOCK + 3, 20, 7, 1, 0], [BLOCK + 1] * 3):
        case = Case.random(make(3, 17), lengths, lengths[0] + 2)
        found, expected = (case.previous_states(k) for k in (kernel_of(kind, case.cell), Loop(case.cell)))
        assert relative_error(found, expected) < 1e-12


@every_pair
def test_kernels_equal_the_loop(kind, make):
    for sizes in ((3, 4), (5, 19), (1, 33), (2, 16)):
        lengths, bound = [2 * BLOCK + 3, 2 * BLOCK + 3, 20, 7, 1, 0], {"numpy": 1e-14, "compiled": 1e-12}[kind]
        assert max(Case.random(make(*sizes), lengths, 2 * BLOCK + 5).errors(kind)) < bound
        assert max(Case.random(make(*sizes), [BLOCK + 1] * 3).errors(kind)) < bound


@settings(deadline=None, max_examples=25)
@given(
    lengths=st.lists(st.integers(0, 2 * BLOCK + 3), min_size=1, max_size=17),
    sizes=st.tuples(st.integers(1, 9), st.integers(1, 35)),
    more=st.integers(0, 2),
    seed=st.integers(0, 999),
)
@pytest.mark.parametrize(
    ("kind", "make"),
    [
        pair(kind, name, make)
        for kind in KINDS
        for name, make in (FAST | {name: DECLARED[name] for name in ("Peephole", "TwoSources", "Six")}).items()
    ],
)
def test_kernels_equal_the_loop_for_any_shape(kind, make, lengths, sizes, more, seed):
    lengths = sorted(lengths, reverse=True)
    case = Case.random(make(*sizes), lengths, lengths[0] + more, seed)
    assert max(case.errors(kind)) < 1e-12


@every_pair
def test_kernels_equal_the_loop_for_arrays_of_any_strides(kind, make):
    case = Case.random(make(5, 7), [20, 20, 13, 1, 0])
    expected = case.run(Loop(case.cell))
    case.x, case.state = np.asfortranarray(case.x), np.asfortranarray(case.state)
    case.d_outputs = np.repeat(case.d_outputs, 2, axis=2)[:, :, ::2]
    case.d_state = case.d_state[:, ::-1].copy()[:, ::-1]
    assert max(case.errors(kind, expected)) < 1e-12


@every_pair
def test_padding_does_not_affect_the_results(kind, make):
    case = Case.random(make(3, 4), [20, 18, 3, 0])
    before = case.run(kernel_of(kind, case.cell))
    padding = np.arange(20)[:, None] >= [20, 18, 3, 0]
    case.x[padding] = case.d_outputs[padding] = np.nan
    for a, b in zip(case.run(kernel_of(kind, case.cell)), before, strict=True):
        np.testing.assert_array_equal(a, b)
    assert not before[0][padding].any()
    assert not before[2][padding].any()


@every_pair
def test_arguments_are_not_changed_and_the_gradient_is_added_to(kind, make):
    case = Case.random(make(3, 4), [20, 18, 3])
    kernel, weights = kernel_of(kind, case.cell), dict(case.params.items())
    copies = [a.copy() for a in (case.x, case.state, case.d_outputs, case.d_state, case.params.vector)]
    _, residuals, _ = kernel.forward(weights, case.x, case.active, case.state)
    once, twice = case.params.zeros(), case.params.zeros()
    for grad in (once, twice, twice):
        kernel.backward(weights, residuals, case.d_outputs, grad, case.d_state)
    np.testing.assert_allclose(twice.vector, 2 * once.vector, rtol=1e-13)
    for a, b in zip((case.x, case.state, case.d_outputs, case.d_state, case.params.vector), copies, strict=True):
        np.testing.assert_array_equal(a, b)


@every_pair
def test_backward_params_equals_backward_without_dx(kind, make):
    case = Case.random(make(3, 4), [20, 18, 3])
    kernel, weights, grad = kernel_of(kind, case.cell), dict(case.params.items()), case.params.zeros()
    _, _, _, d_state, vector = case.run(kernel)
    _, residuals, _ = kernel.forward(weights, case.x, case.active, case.state)
    alone = kernel.backward_params(weights, residuals, case.d_outputs, grad, case.d_state)
    np.testing.assert_array_equal(alone, d_state)
    np.testing.assert_array_equal(grad.vector, vector)


@pytest.mark.parametrize("copies", [1, 9], ids=["few sequences", "many sequences"])
@every_pair
def test_segments_give_the_outputs_and_input_gradients_of_one_run_to_the_bit(kind, make, copies):
    lengths = np.repeat([3 * BLOCK + 5, 3 * BLOCK, 2 * BLOCK + 1, BLOCK, 4], copies)
    case = Case.random(make(3, 33), lengths, dtype=np.float32)
    kernel, weights = kernel_of(kind, case.cell, np.float32), dict(case.params.items())
    whole = case.run(kernel)
    spans = [slice(0, BLOCK), slice(BLOCK, 3 * BLOCK), slice(3 * BLOCK, None)]
    runs, state, d_state, grad = [], case.state, case.d_state, case.params.zeros()
    for span in spans:
        y, residuals, state = kernel.forward(weights, case.x[span], case.active[span], state)
        runs.append((y, residuals))
    d_inputs = []
    for span, (_, residuals) in zip(reversed(spans), reversed(runs), strict=True):
        dx, d_state = kernel.backward(weights, residuals, case.d_outputs[span], grad, d_state)
        d_inputs.insert(0, dx)
    outputs = np.concatenate([y for y, _ in runs])
    for a, b in zip((outputs, state, np.concatenate(d_inputs), d_state), whole[:4], strict=True):
        np.testing.assert_array_equal(a, b)
    assert relative_error(grad.vector, whole[4]) < 2e-6


@every_cell
@every_kind
def test_nan_propagates_within_its_sequence(kind, make):
    case = Case.random(make(3, 4), [5, 5])
    case.x[2, 1, 0] = np.nan
    y, state, _, _, gradient = case.run(kernel_of(kind, case.cell))
    assert np.isnan(y[2:, 1]).all()
    assert np.isnan(state[1]).any()
    assert np.isfinite(y[:, 0]).all()
    assert np.isnan(gradient).any()


@every_cell
@every_kind
def test_huge_inputs_saturate_without_a_warning(kind, make, recwarn):
    case = Case.random(make(3, 4), [5, 5])
    case.x *= 1e3
    assert max(case.errors(kind)) < 1e-10  # 1 - h h near h = 1 magnifies tanh's last bit, in which libraries differ


# ---- float32 ------------------------------------------------------------------------------------


def torch_run(name, case):
    """Return what `Case.run` returns, by PyTorch."""
    torch = pytest.importorskip("torch")
    F, H = case.cell.input_size, case.cell.hidden_size
    module = getattr(torch.nn, name)(F, H)
    for ours, theirs in zip(case.params, module.parameters(), strict=True):
        theirs.data = torch.from_numpy(case.params[ours].copy())
    x = torch.from_numpy(case.x).requires_grad_()
    parts = np.split(case.state, case.cell.state_size // H, axis=1)
    start = [torch.from_numpy(part.copy())[None].requires_grad_() for part in parts]
    y, last = module(x, tuple(start) if len(start) > 1 else start[0])
    last = torch.cat(last if isinstance(last, tuple) else (last,), dim=-1)[0]
    ((y * torch.from_numpy(case.d_outputs)).sum() + (last * torch.from_numpy(case.d_state)).sum()).backward()
    d_state = np.concatenate([s.grad.numpy()[0] for s in start], axis=1)
    gradient = np.concatenate([p.grad.numpy().ravel() for p in module.parameters()])
    return y.detach().numpy(), last.detach().numpy(), x.grad.numpy(), d_state, gradient


def rms(found, expected):
    return np.sqrt(np.mean((found - expected) ** 2) / np.mean(expected**2))


@pytest.mark.torch
@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
@every_kind
def test_rounding_of_gradients_is_no_worse_than_in_pytorch(kind, name):
    """By the geometric mean, over sizes, of the root mean square errors of float32 against float64."""
    make = {"RNN": ElmanCell, "LSTM": LSTMCell, "GRU": GRUCell}[name]
    ratios = []
    for seed, (T, B, F, H) in enumerate([(100, 4, 13, 32), (50, 16, 13, 64), (29, 32, 12, 100), (200, 2, 5, 64)]):
        case = Case.random(make(F, H), [T] * B, seed=seed, dtype=np.float32)
        exact = case.astype(np.float64).run(Loop(case.cell))
        ours, theirs = case.run(kernel_of(kind, case.cell, np.float32)), torch_run(name, case)
        assert max(rms(a, b) for a, b in zip(ours, exact, strict=True)) < 1e-6
        ratios.append([rms(a, c) / rms(b, c) for a, b, c in zip(ours[2:], theirs[2:], exact[2:], strict=True)])
    assert np.exp(np.log(ratios).mean()) <= 1, ratios


# ---- selection of kernels ----------------------------------------------------------------------


@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_the_loop_takes_every_cell(cell):
    with kernels.using("loop"):
        assert kernels.kernel_of(cell, np.float32) == Loop(cell)


@every_cell
def test_choices_of_backends_nest(make):
    cell = make(2, 3)
    with ExitStack() as stack:
        stack.enter_context(kernels.using("numpy"))
        numpy = kernels.kernel_of(cell, np.float64)
        with kernels.using("loop"):
            assert kernels.kernel_of(cell, np.float64) == Loop(cell)
        assert kernels.kernel_of(cell, np.float64) == numpy != Loop(cell)


@pytest.mark.parametrize("dtype", [np.complex128, np.complex64, np.float16, np.longdouble])
def test_other_dtypes_take_the_loop(dtype):
    assert kernels.kernel_of(LSTMCell(2, 3), dtype) == Loop(LSTMCell(2, 3))


def test_derived_cells_take_the_loop():
    """A subclass may change the equation: here h[t] is half of the LSTM's."""

    class Half(LSTMCell):
        def step(self, params, state, x):
            next_state, residuals = super().step(params, state, x)
            return next_state / 2, residuals

    layer, plain = Recurrent(Half(3, 4)), Recurrent(LSTMCell(3, 4))
    params, x, run = made(plain), np.ones((1, 2, 3)), Run(np.array([1, 1]))
    np.testing.assert_allclose(2 * layer.forward(params, x, run)[0], plain.forward(params, x, run)[0], rtol=1e-15)


def test_the_backward_pass_uses_the_kernel_of_the_forward_pass(rng):
    layer = Recurrent(GRUCell(3, 4))
    params, x, run = made(layer), rng.standard_normal((6, 3, 3)), Run(np.array([6, 4, 1]))
    y, residuals, _ = layer.forward(params, x, run)
    expected, grad = params.zeros(), params.zeros()
    layer.backward(params, residuals, y, expected)
    with kernels.using("loop"):
        layer.backward(params, residuals, y, grad)
    np.testing.assert_array_equal(grad.vector, expected.vector)


def test_an_unknown_backend_is_refused():
    with (
        pytest.raises(ValueError, match=r"backend must be one of .*'loop'.*; got 'lop'\. Did you mean 'loop'\?"),
        kernels.using("lop"),
    ):
        pass


def test_numpy_kernels_are_used_where_numba_does_not_compile():
    """Its array kernels, not Numba's code run by the interpreter; CTC's as well."""
    code = """
import numpy as np, rnnbp, sys
from rnnbp.cells import LSTMCell
from rnnbp.kernels import kernel_of
data = rnnbp.SequenceDataset([np.ones((5, 2))] * 2, targets=rnnbp.LabelSequences([[1], [1, 2]]))
model = rnnbp.Sequential(rnnbp.LSTM(2, 3), rnnbp.Dense(3, 3))
rnnbp.Trainer(model, rnnbp.CTC()).fit(data, epochs=1, progress=False)
assert "numba" not in sys.modules
print(type(kernel_of(LSTMCell(2, 3), np.float32)).__module__)
"""
    environment = os.environ | {"NUMBA_DISABLE_JIT": "1"}
    result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert result.stdout == "rnnbp.kernels.arrays.kernel\n"
