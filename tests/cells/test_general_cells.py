"""The cells with the options of ONNX's operators: against transcriptions of their equations, with every activation."""

import inspect

import numpy as np
import pytest
from helpers import relative_error
from test_cells import logistic
from test_literature_cells import F, H, Rows, parts_of, point, products, sequences

import rnnbp
from rnnbp import cells
from rnnbp.kernels import using


def limited(a):
    return np.where(np.abs(a) > 0.9, 0.9 * np.sign(a), a)


def hard(a):
    return np.clip(0.3 * a + 0.4, 0, 1)


def general_elman(name, *coefficients):
    return lambda p, x, h: (ACTIVATIONS[name](limited(p.a(0, x, h)), *coefficients),)


def general_gru_after(p, x, h):
    r, z = hard(limited(p.a(0, x, h))), hard(limited(p.a(1, x, h)))
    n = limited(p.i(2, x) + r * p.h(2, h))
    return ((1 - z) * n / (1 + np.abs(n)) + z * h,)


def general_gru_before(p, x, h):
    r, z = logistic(p.a(0, x, h)), logistic(p.a(1, x, h))
    n = p.i(2, x) + p.h(2, r * h)
    return ((1 - z) * np.where(n < 0, 0.2 * n, n) + z * h,)


def general_lstm(p, x, h, c):
    c = hard(limited(p.a(1, x, h))) * c + hard(limited(p.a(0, x, h))) * np.log1p(np.exp(limited(p.a(2, x, h))))
    return hard(limited(p.a(3, x, h))) * 0.7 * np.tanh(0.4 * c), c


def general_coupled_lstm(p, x, h, c):
    i = logistic(p.a(0, x, h))
    c = (1 - i) * c + i * np.tanh(p.a(1, x, h))
    return logistic(p.a(2, x, h)) * (2 * c + 0.1), c


def general_peephole_lstm(p, x, h, c):
    i, f = hard(limited(p.a(0, x, h) + p.p_i * c)), hard(limited(p.a(1, x, h) + p.p_f * c))
    c = f * c + i * np.tanh(limited(p.a(2, x, h)))
    return hard(limited(p.a(3, x, h) + p.p_o * c)) * np.tanh(c), c


def general_coupled_peephole_lstm(p, x, h, c):
    i = hard(limited(p.a(0, x, h) + p.p_i * c))
    c = (1 - i) * c + i * np.tanh(limited(p.a(1, x, h)))
    return hard(limited(p.a(2, x, h) + p.p_o * c)) * np.tanh(c), c


# The activations of ONNX, as its operators define them.
ACTIVATIONS = {
    "affine": lambda a, alpha, beta: alpha * a + beta,
    "elu": lambda a, alpha: np.where(a < 0, alpha * np.expm1(a), a),
    "hard_sigmoid": lambda a, alpha, beta: np.maximum(0, np.minimum(1, alpha * a + beta)),
    "leaky_relu": lambda a, alpha: np.where(a < 0, alpha * a, a),
    "linear": lambda a: a,
    "relu": lambda a: np.maximum(a, 0),
    "scaled_tanh": lambda a, alpha, beta: alpha * np.tanh(beta * a),
    "sigmoid": lambda a: 1 / (1 + np.exp(-a)),
    "softplus": lambda a: np.log1p(np.exp(a)),
    "softsign": lambda a: a / (1 + np.abs(a)),
    "tanh": np.tanh,
    "thresholded_relu": lambda a, alpha: np.where(a >= alpha, a, 0),
}
COEFFICIENTS = {"affine": (0.7, 0.3), "hard_sigmoid": (0.7, 0.3), "scaled_tanh": (0.7, 0.3)}
COEFFICIENTS |= dict.fromkeys(("elu", "leaky_relu", "thresholded_relu"), (0.4,))
CHOSEN = {name: (name, *COEFFICIENTS.get(name, ())) for name in ACTIVATIONS}
HARD = ("hard_sigmoid", 0.3, 0.4)

# The cell, and the equations that it must equal.
TABLE = {
    **{
        f"general Elman {name}": (cells.GeneralElmanCell(F, H, one, clip=0.9), general_elman(*one))
        for name, one in CHOSEN.items()
    },
    "general GRU": (cells.GeneralGRUCell(F, H, (HARD, "softsign"), clip=0.9), general_gru_after),
    "general GRU, reset before": (
        cells.GeneralGRUCell(F, H, ("sigmoid", ("leaky_relu", 0.2)), "before"),
        general_gru_before,
    ),
    "general LSTM": (
        cells.GeneralLSTMCell(F, H, (HARD, "softplus", ("scaled_tanh", 0.7, 0.4)), clip=0.9),
        general_lstm,
    ),
    "general LSTM, coupled": (
        cells.GeneralLSTMCell(F, H, ("sigmoid", "tanh", ("affine", 2.0, 0.1)), coupled=True),
        general_coupled_lstm,
    ),
    "general peephole LSTM": (
        cells.GeneralPeepholeLSTMCell(F, H, (HARD, "tanh", "tanh"), clip=0.9),
        general_peephole_lstm,
    ),
    "general coupled peephole LSTM": (
        cells.GeneralCoupledPeepholeLSTMCell(F, H, (HARD, "tanh", "tanh"), clip=0.9),
        general_coupled_peephole_lstm,
    ),
}
every_cell = pytest.mark.parametrize(("cell", "equations"), TABLE.values(), ids=TABLE)


@every_cell
def test_steps_equal_the_equations_of_the_operators(cell, equations, rng):
    params, state, x = point(cell, rng)
    found, _ = cell.step(params, state, x)
    for b in range(len(x)):
        expected = equations(Rows(params), x[b], *parts_of(cell, state[b]))
        np.testing.assert_allclose(found[b], np.hstack(expected), rtol=1e-12, atol=1e-14)


@every_cell
def test_vector_jacobian_products_equal_the_complex_step(cell, equations, rng):
    params, state, x = point(cell, rng)
    weights = rng.standard_normal(state.shape)

    def value(vector):
        p, s, u = np.split(vector, np.cumsum([params.size, state.size]))
        return np.sum(weights * cell.step(params.like(p), s.reshape(state.shape), u.reshape(x.shape))[0])

    start = np.concatenate([params.vector, state.ravel(), x.ravel()])
    expected = np.array([value(step).imag for step in start + 1e-30j * np.eye(start.size)]) / 1e-30
    d_state, d_x, gradient = products(cell, params, state, x, weights)
    assert relative_error(np.concatenate([gradient, d_state.ravel(), d_x.ravel()]), expected) < 1e-12


@pytest.mark.parametrize("name", ["general GRU", "general peephole LSTM"])
def test_the_fastest_kernel_equals_the_loop(name, rng):
    model, batch = sequences(rng, TABLE[name][0])
    (found,) = rnnbp.BPTT().gradients(model, batch, rnnbp.CrossEntropy())
    with using("loop"):
        (expected,) = rnnbp.BPTT().gradients(model, batch, rnnbp.CrossEntropy())
    assert relative_error(found.vector, expected.vector) < 1e-12


def test_a_saved_cell_has_its_activations(tmp_path):
    cell = TABLE["general LSTM"][0]
    rnnbp.Sequential(rnnbp.Recurrent(cell)).save(tmp_path / "model.npz")
    assert rnnbp.load(tmp_path / "model.npz").layers[0].cell == cell


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: cells.GeneralElmanCell(F, H, "tanhh"), "activation must be one of .*'tanhh'. Did you mean 'tanh'"),
        (lambda: cells.GeneralElmanCell(F, H, ("elu", 1, 2)), "activation: 'elu' takes 1 coefficients, got 2"),
        (lambda: cells.GeneralElmanCell(F, H, clip=0), "clip must be positive, got 0"),
        (lambda: cells.GeneralGRUCell(F, H, ("tanh",)), "activations must be 2, each a name"),
        (lambda: cells.GeneralGRUCell(F, H, reset="aftr"), "reset must be one of 'after', 'before'; got 'aftr'"),
        (lambda: cells.GeneralLSTMCell(F, H, coupled=2), "coupled must be"),
    ],
)
def test_options_that_no_operator_has_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    "cell",
    [cells.GeneralElmanCell, cells.GeneralGRUCell, cells.GeneralLSTMCell, cells.GeneralPeepholeLSTMCell],
)
def test_help_describes_every_argument_at_the_same_indentation(cell):
    described = inspect.getdoc(cell).partition("Parameters\n")[2].partition("\nRaises\n")[0].splitlines()[1:]
    names = [line.partition(" : ")[0] for line in described if line and not line.startswith(" ")]
    assert sorted(", ".join(names).split(", ")) == sorted(inspect.signature(cell).parameters)
    assert {len(line) - len(line.lstrip()) for line in described if line} == {0, 4}
