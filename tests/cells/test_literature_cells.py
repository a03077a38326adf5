"""The cells of the literature: each against a transcription of its equations, and what every cell guarantees."""

import numpy as np
import pytest
from helpers import CELLS, made, relative_error, spans_of
from test_cells import LEADS, drawn, logistic

import rnnbp
from rnnbp import cells
from rnnbp.cells import Cell, state_jacobian
from rnnbp.cells.base import check_cell
from rnnbp.cells.layer_norm import normalized, normalized_vjp
from rnnbp.cells.orthogonal import cayley
from rnnbp.cells.outer import outer_method
from rnnbp.kernels import kernel_of, using
from rnnbp.kernels.loop import Loop
from rnnbp.layers import Dense, Last, Recurrent, Run

F, H = 3, 4


class Rows:
    """The weights of a cell for transcriptions: ``p.a(k, x, h)`` is the k-th pre-activation, with both biases."""

    def __init__(self, params):
        self.params = params

    def __getattr__(self, name):
        return self.params[name]

    def part(self, name, k):
        return self.params[name][k * H : (k + 1) * H]

    def a(self, k, x, h):
        return self.i(k, x) + self.h(k, h)

    def i(self, k, x):
        return self.part("w_ih", k) @ x + self.part("b_ih", k)

    def h(self, k, h):
        return self.part("w_hh", k) @ h + self.part("b_hh", k)


# ---- the equations, of single sequences: (weights, input, parts of the state) -> parts of the next state ----------


def original_lstm(p, x, h, c):
    c = c + logistic(p.a(0, x, h)) * (4 * logistic(p.a(1, x, h)) - 2)
    return logistic(p.a(2, x, h)) * np.tanh(c / 2), c  # tanh(c / 2) = 2 sigmoid(c) - 1


def coupled_lstm(p, x, h, c):
    i = logistic(-p.a(0, x, h))  # 1 - sigmoid(a) = sigmoid(-a)
    c = (1 - i) * c + i * np.tanh(p.a(1, x, h))
    return logistic(p.a(2, x, h)) * np.tanh(c), c


def peephole_lstm(p, x, h, c):
    i, f = logistic(p.a(0, x, h) + np.diag(p.p_i) @ c), logistic(p.a(1, x, h) + np.diag(p.p_f) @ c)
    c = f * c + i * np.tanh(p.a(2, x, h))
    return logistic(p.a(3, x, h) + np.diag(p.p_o) @ c) * np.tanh(c), c


def mgu(p, x, h):
    f = logistic(p.a(0, x, h))
    return (1 - f) * h + f * np.tanh(p.a(1, x, f * h))


def janet(p, x, h):
    s = p.a(0, x, h)
    return logistic(s) * h + (1 - logistic(s - 0.5)) * np.tanh(p.a(1, x, h))


def ugrnn(p, x, h):
    g = logistic(p.a(0, x, h))
    return g * h + (1 - g) * np.tanh(p.a(1, x, h))


def indrnn(p, x, h):
    return np.maximum(p.w_ih @ x + np.diag(p.u) @ h + p.b_ih, 0)


def sru(p, x, h, c):
    f, r = logistic(p.i(0, x) + p.v_f * c), logistic(p.i(1, x) + p.v_r * c)
    c = f * c + (1 - f) * (p.part("w_ih", 2) @ x)
    return r * c + (1 - r) * (p.part("w_ih", 3) @ x), c


def qrnn(p, x, h, c):
    f = logistic(p.i(0, x))
    c = f * c + (1 - f) * np.tanh(p.i(2, x))
    return logistic(p.i(1, x)) * c, c


def min_gru(p, x, h):
    z = logistic(p.i(0, x))
    return (1 - z) * h + z * p.i(1, x)


def min_lstm(p, x, h):
    f, i = logistic(p.i(0, x)), logistic(p.i(1, x))
    return f / (f + i) * h + i / (f + i) * p.i(2, x)


def slstm(p, x, h, c, n, m):
    """Without the stabilizer, whose factor exp(m) is put back into c and n first and taken out last."""
    i, f = np.exp(p.a(0, x, h)), logistic(p.a(1, x, h))
    c = f * c * np.exp(m) + i * np.tanh(p.a(2, x, h))
    n = f * n * np.exp(m) + i
    m = np.maximum(np.log(f) + m, np.log(i))
    return logistic(p.a(3, x, h)) * c / n, c / np.exp(m), n / np.exp(m), m


def cornn(p, x, y, z):
    drive = np.tanh(p.w_hh[:H] @ y + p.w_hh[H:] @ z + p.w_ih @ x + p.b_ih + p.b_hh)
    z = z + 0.1 * drive - 0.1 * 1.5 * y - 0.1 * 0.8 * z
    return y + 0.1 * z, z


def lem(p, x, y, z):
    dz, dy = 0.7 * logistic(p.a(0, x, y)), 0.7 * logistic(p.a(1, x, y))
    z = (1 - dz) * z + dz * np.tanh(p.a(2, x, y))
    return (1 - dy) * y + dy * np.tanh(p.a(3, x, z)), z


def rhn(p, x, s):
    t = logistic(p.a(0, x, s))
    s = np.tanh(p.a(1, x, s)) * t + s * (1 - t)
    for layer in (1, 2):
        t = logistic(p.h(2 * layer, s))
        s = np.tanh(p.h(2 * layer + 1, s)) * t + s * (1 - t)
    return s


def ctrnn(p, x, h):
    return np.exp(-0.5 / 2) * h + (1 - np.exp(-0.5 / 2)) * np.tanh(p.a(0, x, h))


def diagonal_linear(p, x, h):
    return np.diag(np.exp(-np.exp(p.nu))) @ h + np.exp(p.gamma) * (p.w_ih @ x)


def lru(p, x, y, re, im):
    """In complex numbers."""
    eigenvalues = np.exp(-np.exp(p.nu) + 1j * np.exp(p.theta))
    B, C = p.part("w_ih", 0) + 1j * p.part("w_ih", 1), p.part("w_hh", 0) + 1j * p.part("w_hh", 1)
    s = eigenvalues * (re + 1j * im) + np.exp(p.gamma) * (B @ x)
    return (C @ s).real + p.part("w_ih", 2) @ x, s.real, s.imag


def antisymmetric(p, x, h):
    return h + 0.2 * np.tanh((p.w_hh - p.w_hh.T - 0.3 * np.eye(H)) @ h + p.w_ih @ x + p.b_ih + p.b_hh)


def hopfield(p, x, h):
    W = (p.w_hh + p.w_hh.T) / 2
    np.fill_diagonal(W, 0)
    return h + (np.tanh(W @ h + p.w_ih @ x + p.b_ih + p.b_hh) - h) / 3


def irregular_ctrnn(p, x, h):
    drive = np.tanh(p.w_ih @ x[:-1] + p.w_hh @ h + p.b_ih + p.b_hh)
    return np.exp(-x[-1] / 2) * h + (1 - np.exp(-x[-1] / 2)) * drive


def clockwork(p, x, h, t):
    """Two modules of two units, the second with period 3: module by module."""
    slow = h[2:]
    new_fast = np.tanh(p.w_ih[:2] @ x + p.w_hh[:2] @ h + p.b_ih[:2] + p.b_hh[:2])
    new_slow = np.tanh(p.w_ih[2:] @ x + p.w_hh[2:, 2:] @ slow + p.b_ih[2:] + p.b_hh[2:])
    return new_fast, new_slow if t[0] in (0, 3, 6) else slow, t + 1


def projection_lstm(p, x, h, c):
    i, f, g, o = (p.a(k, x, h) for k in range(4))
    c = logistic(f) * c + logistic(i) * np.tanh(g)
    return p.w_hr @ (logistic(o) * np.tanh(c)), c


def ln(a):
    return (a - np.mean(a)) / np.sqrt(np.var(a) + 1e-5)


def layer_norm_lstm(p, x, h, c):
    a = ln(p.w_hh @ h) * p.g_hh + p.b_hh + ln(p.w_ih @ x) * p.g_ih + p.b_ih
    i, f, g, o = np.split(a, 4)
    c = logistic(f) * c + logistic(i) * np.tanh(g)
    return logistic(o) * np.tanh(ln(c) * p.g_c + p.b_c), c


def layer_norm_gru(p, x, h):
    of_h = np.append(ln(p.w_hh[: 2 * H] @ h), ln(p.w_hh[2 * H :] @ h)) * p.g_hh + p.b_hh
    of_x = np.append(ln(p.w_ih[: 2 * H] @ x), ln(p.w_ih[2 * H :] @ x)) * p.g_ih + p.b_ih
    r, z = logistic(of_x[:H] + of_h[:H]), logistic(of_x[H : 2 * H] + of_h[H : 2 * H])
    return (1 - z) * np.tanh(of_x[2 * H :] + r * of_h[2 * H :]) + z * h


def orthogonal(p, x, h):
    A = p.w_hh - p.w_hh.T
    W = np.linalg.solve(np.eye(H) + A, np.eye(H) - A) @ np.diag([-1, 1, 1, 1])
    np.testing.assert_allclose(W @ W.T, np.eye(H), atol=1e-14)
    a = p.w_ih @ x + W @ h
    return np.sign(a) * np.maximum(np.abs(a) + p.b, 0)


# The cell, and the equations that it must equal.
TABLE = {
    "LSTM without forget gate": (cells.OriginalLSTMCell(F, H), original_lstm),
    "coupled LSTM": (cells.CoupledLSTMCell(F, H), coupled_lstm),
    "peephole LSTM": (cells.PeepholeLSTMCell(F, H), peephole_lstm),
    "MGU": (cells.MGUCell(F, H), mgu),
    "JANET": (cells.JANETCell(F, H, beta=0.5), janet),
    "UGRNN": (cells.UGRNNCell(F, H), ugrnn),
    "IndRNN": (cells.IndRNNCell(F, H), indrnn),
    "SRU": (cells.SRUCell(F, H), sru),
    "QRNN": (cells.QRNNCell(F, H), qrnn),
    "minGRU": (cells.MinGRUCell(F, H), min_gru),
    "minLSTM": (cells.MinLSTMCell(F, H), min_lstm),
    "sLSTM": (cells.SLSTMCell(F, H), slstm),
    "coRNN": (cells.CoRNNCell(F, H, dt=0.1, gamma=1.5, epsilon=0.8), cornn),
    "LEM": (cells.LEMCell(F, H, dt=0.7), lem),
    "RHN": (cells.RHNCell(F, H, depth=3), rhn),
    "CTRNN": (cells.CTRNNCell(F, H, tau=2.0, dt=0.5), ctrnn),
    "diagonal linear": (cells.DiagonalLinearCell(F, H), diagonal_linear),
    "LRU": (cells.LRUCell(F, H), lru),
    "antisymmetric RNN": (cells.AntisymmetricRNNCell(F, H, dt=0.2, gamma=0.3), antisymmetric),
    "Hopfield": (cells.HopfieldCell(F, H, tau=3.0), hopfield),
    "irregular CTRNN": (cells.IrregularCTRNNCell(F, H, tau=2.0), irregular_ctrnn),
    "clockwork RNN": (cells.ClockworkRNNCell(F, H, periods=(1, 3)), clockwork),
    "layer-norm LSTM": (cells.LayerNormLSTMCell(F, H), layer_norm_lstm),
    "layer-norm GRU": (cells.LayerNormGRUCell(F, H), layer_norm_gru),
    "orthogonal RNN": (cells.OrthogonalRNNCell(F, H, negative=1), orthogonal),
    "projection LSTM": (cells.ProjectionLSTMCell(F, H, projection_size=2), projection_lstm),
}

DERIVED = {name: cell for name, (cell, _) in TABLE.items() if getattr(cell, "is_derived", False)}
OUTER = {name: cell for name, (cell, _) in TABLE.items() if outer_method(cell) is not None}
every_cell = pytest.mark.parametrize("cell", [cell for cell, _ in TABLE.values()], ids=TABLE)


def point(cell, rng, lead=(5,), dtype=np.float64):
    """Return parameters, a state that the cell can be in, and an input that it takes."""
    params, state, x = drawn(cell, rng, lead, dtype)
    return params, valid(cell, state), valid_input(cell, x)


def valid(cell, state):
    """Return a state with a positive normalizer, or a number of steps done, where there is one."""
    if isinstance(cell, cells.ClockworkRNNCell):
        state[..., -1] = np.arange(state[..., -1].size).reshape(state.shape[:-1])
    return np.abs(state) if isinstance(cell, cells.SLSTMCell) else state


def valid_input(cell, x):
    """Return an input whose last feature is positive where it is a duration."""
    return np.abs(x) if isinstance(cell, cells.IrregularCTRNNCell) else x


def parts_of(cell, state):
    """Return the parts of a state, of which one may be narrower."""
    narrow = {cells.ProjectionLSTMCell: [2], cells.ClockworkRNNCell: [H]}
    return np.split(state, narrow.get(type(cell), cell.state_size // H))


def products(cell, params, state, x, d_next):
    """Return d_state, d_x and the parameters' gradient of one step."""
    grad = params.zeros()
    _, residuals = cell.step(params, state, x)
    d_state, d_x, delta = cell.step_vjp(params, state, x, residuals, d_next)
    cell.param_vjp(state, x, residuals, delta, grad)
    return d_state, d_x, grad.vector


def sequences(rng, cell, dtype=np.float64):
    """Return a model of a cell, and a batch of sequences of unequal lengths."""
    model = rnnbp.Sequential(Recurrent(cell), Last(), Dense(cell.output_size, 2), seed=1, dtype=dtype)
    examples = [valid_input(cell, rng.standard_normal((n, cell.input_size))) for n in (6, 4, 1)]
    return model, rnnbp.SequenceDataset(examples, targets=[0, 1, 1]).batch()


@pytest.mark.parametrize(("cell", "equations"), TABLE.values(), ids=TABLE)
def test_steps_equal_the_published_equations(cell, equations, rng):
    params, state, x = point(cell, rng)
    found, _ = cell.step(params, state, x)
    for b in range(len(x)):
        expected = equations(Rows(params), x[b], *parts_of(cell, state[b]))
        np.testing.assert_allclose(found[b], np.hstack(expected), rtol=1e-12, atol=1e-14)


@every_cell
@pytest.mark.parametrize("lead", LEADS, ids=["no leading axis", "(B,)", "(T, B)"])
def test_vector_jacobian_products_equal_the_complex_step(cell, lead, rng):
    params, state, x = point(cell, rng, lead)
    weights = rng.standard_normal(state.shape)

    def value(vector):
        p, s, u = np.split(vector, np.cumsum([params.size, state.size]))
        return np.sum(weights * cell.step(params.like(p), s.reshape(state.shape), u.reshape(x.shape))[0])

    start = np.concatenate([params.vector, state.ravel(), x.ravel()])
    expected = np.array([value(step).imag for step in start + 1e-30j * np.eye(start.size)]) / 1e-30
    d_state, d_x, gradient = products(cell, params, state, x, weights)
    assert relative_error(np.concatenate([gradient, d_state.ravel(), d_x.ravel()]), expected) < 1e-12


@pytest.mark.parametrize("cell", OUTER.values(), ids=OUTER)
def test_outer_products_add_up_to_the_gradient(cell, rng):
    params, state, x = point(cell, rng)
    _, residuals = cell.step(params, state, x)
    _, _, delta = cell.step_vjp(params, state, x, residuals, rng.standard_normal(state.shape))
    grad, found, counted = params.zeros(), params.zeros(), params.zeros()
    cell.param_vjp(state, x, residuals, delta, grad)
    for outer in outer_method(cell)(state, x, residuals):
        inputs = np.ones((len(x), 1)) if outer.inputs is None else outer.inputs
        product = delta[..., outer.columns].T @ inputs
        found[outer.name][outer.rows] += product.reshape(found[outer.name][outer.rows].shape)
        counted[outer.name][outer.rows] += 1
    assert relative_error(found.vector, grad.vector) < 1e-14
    assert (counted.vector == 1).all()


def test_cells_that_are_not_derived_from_a_declaration_say_why():
    others = TABLE.keys() - DERIVED.keys()
    assert others == {
        *("antisymmetric RNN", "Hopfield", "irregular CTRNN", "clockwork RNN", "orthogonal RNN"),
        *("layer-norm LSTM", "layer-norm GRU", "projection LSTM"),
    }
    assert all("declar" in type(TABLE[name][0]).__doc__ for name in others)


def test_cells_with_functions_of_weights_or_of_all_units_alone_have_no_outer_products():
    assert TABLE.keys() - OUTER.keys() == {
        *("antisymmetric RNN", "Hopfield", "clockwork RNN", "orthogonal RNN", "layer-norm LSTM", "layer-norm GRU")
    }


@every_cell
def test_state_jacobian_equals_the_complex_step(cell, rng):
    params, state, x = point(cell, rng, (2, 3))
    S = cell.state_size
    columns = [cell.step(params.astype(complex), state + 1e-30j * np.eye(S)[j], x)[0].imag / 1e-30 for j in range(S)]
    assert relative_error(state_jacobian(cell, params, state, x), np.stack(columns, axis=-1)) < 1e-12


@every_cell
def test_rtrl_equals_backpropagation_through_time_and_the_complex_step(cell, rng):
    model, batch = sequences(rng, cell)
    with using("loop"):
        online, full = (
            sum(g.vector for g in algorithm.gradients(model, batch, rnnbp.CrossEntropy()))
            for algorithm in (rnnbp.RTRL(), rnnbp.BPTT())
        )
        assert relative_error(online, full) < 1e-12
        assert rnnbp.check_gradient(model, batch).max_error < 1e-12


@pytest.mark.slow  # a few seconds a cell to compile
@pytest.mark.parametrize("cell", DERIVED.values(), ids=DERIVED)
def test_the_fastest_kernel_of_a_cell_equals_the_loop(cell, rng):
    pytest.importorskip("numba")
    model, batch = sequences(rng, cell)
    assert not isinstance(kernel_of(cell, np.float64), Loop)
    found = list(rnnbp.BPTT().gradients(model, batch, rnnbp.CrossEntropy()))
    with using("loop"):
        expected = list(rnnbp.BPTT().gradients(model, batch, rnnbp.CrossEntropy()))
    for a, b in zip(found, expected, strict=True):
        assert relative_error(a.outputs, b.outputs) < 1e-12
        assert relative_error(a.vector, b.vector) < 1e-12


@every_cell
def test_segments_that_pass_the_state_on_equal_one_run(cell, rng):
    layer, x, lengths = Recurrent(cell), valid_input(cell, rng.standard_normal((6, 2, F))), np.array([6, 5])
    params = made(layer)
    with using("loop"):
        whole, _, last = layer.forward(params, x, Run(lengths))
        outputs, state = spans_of(layer, params, x, lengths, [0, 2, 3, 6])
    np.testing.assert_array_equal(np.concatenate(outputs), whole)
    np.testing.assert_array_equal(state, last)


@pytest.mark.parametrize("cell", [*CELLS.values(), *(cell for cell, _ in TABLE.values())], ids=[*CELLS, *TABLE])
def test_every_parameter_is_initialized_whatever_it_was_before(cell):
    params = rnnbp.Parameters(cell.shapes())
    params.vector[:] = np.nan
    cell.initialize(params, np.random.default_rng(0))
    first = params.vector.copy()
    cell.initialize(params, np.random.default_rng(1))
    assert np.isfinite(first).all()
    assert np.isfinite(params.vector).all()
    assert (params.vector != first).any()


@every_cell
def test_check_gradient_takes_every_cell(cell):
    assert rnnbp.check_gradient(cell).max_error < 1e-12


@every_cell
def test_float32_is_preserved(cell, rng):
    params, state, x = point(cell, rng, dtype=np.float32)
    found = (cell.step(params, state, x)[0], *products(cell, params, state, x, np.ones_like(state)))
    assert {a.dtype for a in found} == {np.dtype(np.float32)}


@every_cell
def test_cells_fulfil_the_protocol_by_pure_functions(cell, rng):
    assert isinstance(cell, Cell)
    check_cell("cell", cell)
    params, state, x = point(cell, rng)
    for a in (params.vector, state, x):
        a.flags.writeable = False
    d_next = np.ones_like(state)
    for a, b in zip(products(cell, params, state, x, d_next), products(cell, params, state, x, d_next), strict=True):
        np.testing.assert_array_equal(a, b)


@every_cell
def test_models_of_every_cell_can_be_saved_and_loaded(cell, tmp_path):
    model = rnnbp.Sequential(Recurrent(cell), seed=3)
    model.save(tmp_path / "model.npz")
    loaded = rnnbp.load(tmp_path / "model.npz")
    assert loaded.layers == model.layers
    assert loaded.params == model.params


# ---- initialization and arguments -----------------------------------------------------------------------------

RETENTION = {  # the gate's place in b_ih, and the sign of what preserves the state
    "layer-norm LSTM": (1, 1),
    "layer-norm GRU": (1, 1),
    "coupled LSTM": (0, 1),
    "peephole LSTM": (1, 1),
    "MGU": (0, -1),
    "JANET": (0, 1),
    "UGRNN": (0, 1),
    "SRU": (0, 1),
    "QRNN": (0, 1),
    "minGRU": (0, -1),
    "minLSTM": (0, 1),
    "sLSTM": (1, 1),
}


@pytest.mark.parametrize("name", RETENTION)
def test_the_more_forget_bias_the_longer_a_state_is_preserved(name, rng):
    block, sign = RETENTION[name]
    kind = type(TABLE[name][0])
    params = made(kind(F, H, init=rnnbp.ForgetBias(20.0)))
    bias = sum(params[name] for name in ("b_ih", "b_hh") if name in params)
    np.testing.assert_array_equal(bias[block * H : (block + 1) * H], np.full(H, sign * 20.0))
    assert np.count_nonzero(np.abs(bias) == 20) == H
    cell = kind(F, H)
    params.vector[:] *= np.abs(params.vector) == 20  # all others zero
    state = valid(cell, rng.standard_normal(cell.state_size))
    last, _ = cell.step(params, state, np.zeros(F))
    preserved = slice(0, H) if cell.state_size == H else slice(H, 2 * H)
    expected = state[preserved]
    if name == "minLSTM":
        expected = expected / 1.5  # f is 1, the input gate a half
    if name == "sLSTM":
        expected = expected * np.exp(state[3 * H :] - last[3 * H :])  # but for the factor that m takes out
    np.testing.assert_allclose(last[preserved], expected, rtol=1e-7)


@pytest.mark.parametrize("name", ["JANET", "MGU", "minGRU", "minLSTM", "SRU"])
def test_chrono_gives_time_constants_up_to_the_longest_dependency(name):
    """At a constant zero input, what remains of a state after one step is u / (1 + u) with u from 1 to 99."""
    kind, size = type(TABLE[name][0]), 2000
    options = {"beta": 0.0} if name == "JANET" else {}
    cell = kind(F, size, init=rnnbp.Chrono(longest=100), **options)
    params = made(cell)
    set_by_chrono = np.zeros(len(params["b_ih"]), bool)
    set_by_chrono[: 2 * size if name == "minLSTM" else size] = True
    bias = np.where(set_by_chrono, params["b_ih"], 0)
    params.vector[:] = 0
    params["b_ih"] = bias
    state = np.ones(cell.state_size)
    remains = cell.step(params, state, np.zeros(F))[0][-size:]
    u = remains / (1 - remains)
    assert 1 <= u.min() < 1.2
    assert 98 < u.max() <= 99
    np.testing.assert_allclose(np.mean(u), 50, rtol=0.05)


def test_ring_initialization_fills_a_ring_of_the_complex_plane_and_gives_states_of_variance_one(rng):
    cell = cells.LRUCell(8, 4000, init=cells.Ring(0.6, 0.9, phase=1.0))
    params = made(cell)
    eigenvalues = np.exp(-np.exp(params["nu"]) + 1j * np.exp(params["theta"]))
    assert 0.6 <= np.abs(eigenvalues).min() < np.abs(eigenvalues).max() <= 0.9
    assert 0 <= np.angle(eigenvalues).min() < 0.01 < 0.99 < np.angle(eigenvalues).max() <= 1
    inside = (np.abs(eigenvalues) < 0.75).mean()  # by area
    assert inside == pytest.approx((0.75**2 - 0.6**2) / (0.9**2 - 0.6**2), abs=0.03)
    cell = cells.LRUCell(8, 200, init=cells.Ring(0.6, 0.9))
    params, state = made(cell), np.zeros((400, cell.state_size))
    for _ in range(60):
        state, _ = cell.step(params, state, rng.standard_normal((400, 8)))
    _, re, im = np.split(state, 3, axis=1)
    assert np.mean(re**2 + im**2) == pytest.approx(1, abs=0.05)


def test_hopfield_networks_descend_their_energy(rng):
    cell = cells.HopfieldCell(F, 20, tau=50.0)
    params = made(cell)
    params["w_hh"] = 0.4 * rng.standard_normal((20, 20))
    W = cell.constrained(params["w_hh"])
    h, x, energies = rng.uniform(-0.9, 0.9, 20), rng.standard_normal(F), []
    drive = params["w_ih"] @ x + params["b_ih"] + params["b_hh"]
    for _ in range(500):
        energies.append(-h @ W @ h / 2 - h @ drive + np.sum(np.arctanh(h) * h + np.log(1 - h**2) / 2))
        h, _ = cell.step(params, h, x)
    assert np.diff(energies).max() < 1e-12
    for _ in range(2000):  # in larger steps to the end
        h, _ = cells.HopfieldCell(F, 20, tau=2.0).step(params, h, x)
    np.testing.assert_allclose(h, np.tanh(W @ h + drive), atol=1e-6)


def test_hopfield_gradients_at_the_fixed_point_are_those_of_the_iterations(rng):
    converged = rnnbp.Tolerance(1e-14, 0.0)
    layer = rnnbp.FixedPoint(cells.HopfieldCell(F, H, tau=1.5), tolerance=converged)
    model = rnnbp.Sequential(layer, Dense(H, 2), seed=2, dtype=np.float64)
    batch = rnnbp.SequenceDataset(list(rng.standard_normal((5, 1, F))), targets=[[0], [1], [1], [0], [1]]).batch()
    implicit, unrolled = (
        sum(g.vector for g in algorithm.gradients(model, batch, rnnbp.CrossEntropy()))
        for algorithm in (rnnbp.RecurrentBackprop(tolerance=converged), rnnbp.BPTT())
    )
    assert np.abs(model.params.like(implicit)["0.w_hh"]).max() > 1e-3
    assert relative_error(implicit, unrolled) < 1e-10


def test_antisymmetric_dynamics_neither_grow_nor_decay():
    cell = cells.AntisymmetricRNNCell(F, H, dt=1e-3, gamma=0.0)
    params = made(cell)
    jacobian = (state_jacobian(cell, params, np.zeros(H), np.zeros(F)) - np.eye(H)) / 1e-3
    np.testing.assert_allclose(np.linalg.eigvals(jacobian).real, 0, atol=1e-10)


def test_latex_of_constrained_cells_has_the_constraint():
    lines = cells.AntisymmetricRNNCell(F, H).latex().split("\n")
    assert [line.startswith("h_t &= ") for line in lines] == [False, True, False, False]
    assert lines[1].endswith(r"\\")
    assert lines[2:] == [r"R &= V - V^\top", r"\end{aligned}"]


def test_latex_of_sine_and_cosine_is_that_of_latex():
    assert r"a &= \mathrm{radius} \odot \cos(\mathrm{angle})" in cells.LRUCell(F, H).latex()


def test_what_is_remembered_of_an_orthogonal_matrix_cannot_be_changed(rng):
    for matrix in cayley(rng.standard_normal((3, 3))):
        with pytest.raises(ValueError, match="read-only"):
            matrix[0, 0] = 1.0


def test_irregular_sampling_with_equal_intervals_is_the_regular_cell(rng):
    regular, irregular = cells.CTRNNCell(F - 1, H, tau=2.0, dt=0.7), cells.IrregularCTRNNCell(F, H, tau=2.0)
    params, state, x = drawn(regular, rng)
    with_time = np.concatenate([x, np.full((5, 1), 0.7)], axis=1)
    np.testing.assert_allclose(
        irregular.step(params, state, with_time)[0], regular.step(params, state, x)[0], rtol=1e-14
    )


def test_clockwork_of_period_one_is_an_elman_network(rng):
    clockwork, elman = cells.ClockworkRNNCell(F, H, periods=(1,)), cells.ElmanCell(F, H)
    params, h, x = drawn(elman, rng)
    found, _ = clockwork.step(params, np.concatenate([h, np.full((5, 1), 3.0)], axis=1), x)
    np.testing.assert_allclose(found[:, :H], elman.step(params, h, x)[0], rtol=1e-14)


@pytest.mark.parametrize("cell", [cells.LayerNormLSTMCell(F, H), cells.LayerNormGRUCell(F, H)])
def test_layer_normalization_starts_with_gains_of_one_and_its_memory_unshifted(cell):
    params = made(cell)
    assert all((params[name] == 1).all() for name in params.shapes if name.startswith("g_"))
    assert not params["b_c"].any() if "b_c" in params.shapes else params["b_ih"].any()


@pytest.mark.torch
def test_layer_normalization_equals_pytorch(rng):
    torch = pytest.importorskip("torch")
    a, d = rng.standard_normal((5, 7)), rng.standard_normal((5, 7))
    result = normalized(a)
    theirs = torch.tensor(a, requires_grad=True)
    expected = torch.nn.functional.layer_norm(theirs, (7,))
    np.testing.assert_allclose(result[0], expected.detach().numpy(), rtol=1e-12)
    expected.backward(torch.from_numpy(d))
    np.testing.assert_allclose(normalized_vjp(result, d), theirs.grad.numpy(), rtol=1e-11, atol=1e-13)


@pytest.mark.torch
def test_projection_lstm_equals_pytorch(rng):
    torch = pytest.importorskip("torch")
    layer = Recurrent(cells.ProjectionLSTMCell(3, 5, projection_size=2))
    params, x = made(layer), rng.standard_normal((6, 2, 3))
    theirs = torch.nn.LSTM(3, 5, proj_size=2, dtype=torch.float64)
    names = {
        "w_ih": "weight_ih_l0",
        "w_hh": "weight_hh_l0",
        "b_ih": "bias_ih_l0",
        "b_hh": "bias_hh_l0",
        "w_hr": "weight_hr_l0",
    }
    with torch.no_grad():
        for name, value in params.items():
            getattr(theirs, names[name]).copy_(torch.from_numpy(value))
    u = torch.tensor(x, requires_grad=True)
    y, residuals, _ = layer.forward(params, x, Run(np.array([6, 6])))
    expected, _ = theirs(u)
    np.testing.assert_allclose(y, expected.detach().numpy(), rtol=1e-12)
    dy, grad = rng.standard_normal(y.shape), params.zeros()
    dx, _ = layer.backward(params, residuals, dy, grad)
    expected.backward(torch.from_numpy(dy))
    np.testing.assert_allclose(dx, u.grad.numpy(), rtol=1e-11, atol=1e-14)
    for name, value in grad.items():
        np.testing.assert_allclose(value, getattr(theirs, names[name]).grad.numpy(), rtol=1e-11, atol=1e-14)


def test_a_state_that_is_as_large_as_exponentials_allow_stays_finite(rng):
    cell = cells.SLSTMCell(F, H)
    params = made(cell, np.float32)
    params["b_ih"][: 2 * H] = 300  # exp of which is infinite
    state = np.zeros(cell.state_size, np.float32)
    for _ in range(100):
        state, _ = cell.step(params, state, rng.standard_normal(F).astype(np.float32))
    assert np.isfinite(state).all()
    assert np.abs(state[:H]).max() <= 1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: cells.JANETCell(3, 4, beta=np.inf), "beta must be a number that is finite, got inf"),
        (lambda: cells.IndRNNCell(3, 4, "rleu"), r"activation must be one of .*; got 'rleu'. Did you mean 'relu'\?"),
        (lambda: cells.RecurrentRange(1.0, 0.5), "high must be a number of 1 or more, got 0.5"),
        (lambda: cells.CoRNNCell(3, 4, dt=0), "dt must be a number above 0, got 0"),
        (lambda: cells.CoRNNCell(3, 4, gamma=-1), "gamma must be a number above 0, got -1"),
        (lambda: cells.CoRNNCell(3, 4, epsilon=-1), "epsilon must be a number of 0 or more, got -1"),
        (lambda: cells.LEMCell(3, 4, dt=0), "dt must be a number above 0, got 0"),
        (lambda: cells.RHNCell(3, 4, depth=0), "depth must be a positive integer, got 0"),
        (lambda: cells.RHNCell(3, 4, depth=10**9), "depth must be at most 50, got 1000000000"),
        (lambda: cells.CTRNNCell(3, 4, tau=0), "tau must be a number above 0, got 0"),
        (lambda: cells.AntisymmetricRNNCell(3, 4, dt=0), "dt must be a number above 0, got 0"),
        (lambda: cells.AntisymmetricRNNCell(3, 4, gamma=-1), "gamma must be a number of 0 or more, got -1"),
        (lambda: cells.HopfieldCell(3, 4, tau=0.5), "tau must be a number of 1 or more, got 0.5"),
        (lambda: cells.Ring(0.5, 1.0), "high must be a number above 0.5 and at most 0.9999, got 1.0"),
        (lambda: cells.IrregularCTRNNCell(1, 4), "input_size must be 2 or more, as the last feature is the time"),
        (lambda: cells.IrregularCTRNNCell(3, 4, tau=0), "tau must be a number above 0, got 0"),
        (lambda: cells.ClockworkRNNCell(3, 4, periods=(2, 1)), r"periods must be increasing, .*, got \(2, 1\)"),
        (lambda: cells.ClockworkRNNCell(3, 4, periods=()), r"periods must be increasing, .*, got \(\)"),
        (lambda: cells.ClockworkRNNCell(3, 4, periods=(0, 1)), "a period must be a positive integer, got 0"),
        (lambda: cells.ClockworkRNNCell(3, 5, (1, 2)), "multiple of the number of periods, 2, got 5"),
        (lambda: cells.LayerNormLSTMCell(3, 0), "hidden_size must be a positive integer, got 0"),
        (lambda: cells.LayerNormGRUCell(0, 3), "input_size must be a positive integer, got 0"),
        (lambda: cells.OrthogonalRNNCell(3, 4, negative=5), "negative must be at most hidden_size, 4, got 5"),
        (lambda: cells.ProjectionLSTMCell(3, 4, 0), "projection_size must be a positive integer, got 0"),
        (lambda: cells.CTRNNCell(3, 4, dt=-1), "dt must be a number above 0, got -1"),
    ],
)
def test_wrong_arguments_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_slstm_is_finite_while_its_input_gates_are_shut():
    """exp(-200) is 0 in float32, so that the normalizer is 0, too; a gate that opens later acts as ever."""
    cell = cells.SLSTMCell(1, 1)
    params = rnnbp.Parameters(cell.shapes(), dtype=np.float32)
    params["w_ih"][0] = 200.0  # of the input gate
    params["b_ih"][2] = 0.5  # of the new value
    states, x = np.zeros((1, 4), np.float32), np.array([[-1.0]], np.float32)
    shut, residuals = cell.step(params, states, x)
    products = cell.step_vjp(params, states, x, residuals, np.full((1, 4), 10.0, np.float32))
    assert shut[0, 0] == 0.0
    assert all(np.isfinite(a).all() for a in products)
    opened, _ = cell.step(params, shut, -x)
    np.testing.assert_allclose(opened[0, 0], 0.5 * np.tanh(0.5), rtol=1e-6)
