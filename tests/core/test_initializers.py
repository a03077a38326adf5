"""Initial values of a cell's parameters."""

import numpy as np
import pytest
from helpers import made

from rnnbp.cells import ElmanCell, GRUCell, JordanCell, LSTMCell, OriginalGRUCell, Stack
from rnnbp.cells.declared import DeclaredCell, affine, linear, sigmoid, tanh
from rnnbp.core import Chrono, EchoState, ForgetBias, Glorot, Identity, Orthogonal, SpectralRadius, Uniform, glorot
from rnnbp.core.initializers import INITIALIZERS, Sparse, orthogonal
from rnnbp.core.spectral_radius import scaled_to_radius, spectral_radius

H = 50
EVERY = {
    "uniform": Uniform(),
    "glorot": Glorot(),
    "orthogonal": Orthogonal(),
    "identity": Identity(),
    "forget-bias": ForgetBias(),
    "chrono": Chrono(100),
    "sparse": Sparse(0.3),
    "spectral-radius": SpectralRadius(0.8),
    "echo-state": EchoState(0.8, 0.3),
}


def blocks(weight: np.ndarray) -> list[np.ndarray]:
    """Return the row block of each gate."""
    return np.split(weight, len(weight) // H)


def test_every_initializer_is_tested_and_found_by_name():
    assert EVERY.keys() == INITIALIZERS.keys()
    assert all(type(EVERY[name]) is INITIALIZERS[name] for name in EVERY)


@pytest.mark.parametrize("name", EVERY)
def test_initial_weights_follow_from_the_seed(name):
    cell = LSTMCell(3, 8, init=EVERY[name])
    np.testing.assert_array_equal(made(cell, seed=1).vector, made(cell, seed=1).vector)
    assert not np.array_equal(made(cell, seed=1).vector, made(cell, seed=2).vector)


@pytest.mark.parametrize("size", [8, 150])  # all eigenvalues, and the greatest alone
def test_the_spectral_radius_of_each_gate_is_the_one_given(size):
    for init in (SpectralRadius(0.7, Orthogonal()), EchoState(0.7, 0.5)):
        for block in np.split(made(GRUCell(2, size, init=init))["w_hh"], 3):
            assert abs(np.linalg.eigvals(block)).max() == pytest.approx(0.7, rel=1e-10)


def test_echo_state_weights_have_the_scalings_and_density_given():
    init = EchoState(0.9, density=0.2, input_scaling=0.5, bias_scaling=0.3)
    params = made(ElmanCell(40, H, init=init))
    assert 0.49 < np.abs(params["w_ih"]).max() <= 0.5
    assert 0.25 < np.abs(params["b_ih"]).max() <= 0.3
    assert not params["b_hh"].any()
    assert np.count_nonzero(params["w_hh"]) == params.mask("w_hh").sum() == 0.2 * H * H


def test_weights_without_a_cycle_have_no_spectral_radius_to_scale():
    with pytest.raises(ValueError, match=r"have a spectral radius of 0, which no factor makes 0\.9: give a"):
        made(ElmanCell(1, 4, init=EchoState(0.9, density=1 / 16)), seed=1)
    assert not made(ElmanCell(1, 4, init=EchoState(0.0)))["w_hh"].any()


@pytest.mark.parametrize("make", [ElmanCell, LSTMCell, GRUCell, OriginalGRUCell])
def test_uniform_fills_plus_minus_one_over_root_h(make):
    vector = made(make(20, H)).vector
    bound = 1 / np.sqrt(H)
    assert np.abs(vector).max() <= bound
    assert vector.min() < -0.99 * bound
    assert vector.max() > 0.99 * bound
    assert abs(vector.mean()) < 0.02 * bound
    assert vector.std() == pytest.approx(bound / np.sqrt(3), rel=0.02)


def test_glorot_bound_is_that_of_fan_in_and_fan_out(rng):
    weight = glorot((40, 60), rng)
    bound = np.sqrt(6 / 100)
    assert 0.99 * bound < np.abs(weight).max() <= bound


def test_glorot_bounds_each_gate_separately():
    params = made(LSTMCell(150, H, init=Glorot()))
    bound = np.sqrt(6 / (150 + H))
    for block in blocks(params["w_ih"]):
        assert 0.98 * bound < np.abs(block).max() <= bound
    assert not params["b_ih"].any()
    assert not params["b_hh"].any()


@pytest.mark.parametrize("shape", [(5, 5), (7, 3), (3, 7)])
def test_orthogonal_has_orthonormal_rows_or_columns(shape, rng):
    q = orthogonal(shape, rng)
    assert q.shape == shape
    gram = q @ q.T if shape[0] <= shape[1] else q.T @ q
    np.testing.assert_allclose(gram, np.eye(min(shape)), atol=1e-14)


def test_orthogonal_is_uniform_over_the_rotations(rng):
    """The trace of a uniform matrix has mean 0 and variance 1, unlike that of QR without sign correction."""
    traces = np.array([np.trace(orthogonal((4, 4), rng)) for _ in range(2000)])
    assert abs(traces.mean()) < 0.1
    assert traces.var() == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("make", [ElmanCell, LSTMCell, GRUCell])
def test_orthogonal_applies_to_each_recurrent_block(make):
    params = made(make(20, H, init=Orthogonal(gain=1.5)))
    for block in blocks(params["w_hh"]):
        np.testing.assert_allclose(np.linalg.svd(block, compute_uv=False), np.full(H, 1.5))
    bound = np.sqrt(6 / (20 + H))
    assert 0.95 * bound < np.abs(params["w_ih"]).max() <= bound
    assert not params["b_ih"].any()


def test_identity_is_the_irnn():
    params = made(ElmanCell(40, H, "relu", init=Identity()))
    np.testing.assert_array_equal(params["w_hh"], np.eye(H))
    assert params["w_ih"].std() == pytest.approx(0.001, rel=0.1)
    assert not params["b_ih"].any()
    assert not params["b_hh"].any()


def test_identity_scales_each_gates_block():
    params = made(GRUCell(4, H, init=Identity(0.5)))
    for block in blocks(params["w_hh"]):
        np.testing.assert_array_equal(block, 0.5 * np.eye(H))


def test_jordan_weights_are_not_split_into_gates():
    """An output layer of twice the hidden units is one matrix, bounded by its own fan-in and fan-out."""
    params = made(JordanCell(3, 10, 20, init=Glorot()))
    assert np.abs(params["w_ho"]).max() <= np.sqrt(6 / 30)


@pytest.mark.parametrize(("make", "gate"), [(LSTMCell, 1), (GRUCell, 1), (OriginalGRUCell, 1)])
def test_forget_bias_applies_to_the_gate_that_preserves_the_state(make, gate):
    params = made(make(3, H, init=ForgetBias(2.5)))
    plain = made(make(3, H))
    total = params["b_ih"] + params["b_hh"]
    rows = slice(gate * H, (gate + 1) * H)
    np.testing.assert_array_equal(total[rows], np.full(H, 2.5))
    others = np.ones(len(total), bool)
    others[rows] = False
    np.testing.assert_array_equal(params["b_ih"][others], plain["b_ih"][others])
    np.testing.assert_array_equal(params["w_hh"], plain["w_hh"])


def zeros(cell, params, rng):
    """An initializer that sets everything to zero."""
    params.vector[:] = 0


@pytest.mark.parametrize("make", [LSTMCell, GRUCell, OriginalGRUCell])
def test_a_large_forget_bias_preserves_the_state(make):
    """It is the gate that multiplies the previous state."""
    cell = make(3, 4, init=ForgetBias(1000.0, base=zeros))
    state = np.linspace(-1, 2, cell.state_size)
    next_state, _ = cell.step(made(cell), state, np.ones(3))
    np.testing.assert_array_equal(next_state[-4:], state[-4:])


def test_forget_bias_leaves_other_weights_to_its_base():
    params = made(LSTMCell(3, H, init=ForgetBias(1.0, base=Orthogonal())))
    np.testing.assert_allclose(blocks(params["w_hh"])[2] @ blocks(params["w_hh"])[2].T, np.eye(H), atol=1e-13)
    np.testing.assert_array_equal(params["b_ih"], np.repeat([0.0, 1.0, 0.0, 0.0], H))


def test_chrono_biases_of_an_lstm():
    cell = LSTMCell(3, 400, init=Chrono(longest=100))
    params = made(cell)
    total = params["b_ih"] + params["b_hh"]
    forget, enter = total[400:800], total[:400]
    np.testing.assert_array_equal(enter, -forget)
    u = np.exp(forget)
    assert 1 <= u.min() < 3
    assert 97 < u.max() <= 99
    assert u.mean() == pytest.approx(50, rel=0.1)


def test_chrono_biases_of_a_gru_leave_the_reset_gate():
    params, plain = made(GRUCell(3, H, init=Chrono(10))), made(GRUCell(3, H))
    update = params["b_ih"][H : 2 * H] + params["b_hh"][H : 2 * H]
    assert update.min() >= 0
    assert update.max() <= np.log(9)
    np.testing.assert_array_equal(params["b_ih"][:H], plain["b_ih"][:H])


@pytest.mark.parametrize("init", [ForgetBias(), Chrono(10)], ids=["ForgetBias", "Chrono"])
def test_a_cell_without_a_gate_is_refused(init):
    name = type(init).__name__
    with pytest.raises(ValueError, match=f"{name} takes a cell with a forget or an update gate, got Elman"):
        made(ElmanCell(3, 4, init=init))


def test_a_stack_initializes_each_cell_by_its_own_initializer():
    params = made(Stack((LSTMCell(3, H, init=ForgetBias(1.0)), ElmanCell(H, H, init=Identity()))))
    np.testing.assert_array_equal(params["0.b_ih"][H : 2 * H], np.ones(H))
    np.testing.assert_array_equal(params["1.w_hh"], np.eye(H))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Orthogonal(0), "gain must be a number above 0, got 0"),
        (lambda: Identity(np.nan), "scale must be a number that is finite, got nan"),
        (lambda: ForgetBias(np.inf), "value must be a number that is finite, got inf"),
        (lambda: Chrono(2), "longest must be .*3.*, got 2"),
        (lambda: Chrono("10"), "longest must be .*, got '10'"),
    ],
)
def test_wrong_arguments_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def unbiased_first(x, h):
    g = tanh(linear("cell", x, h))
    f = sigmoid(affine("forget", x, h))
    return f * h + (1 - f) * g


def forget_of_state_alone(x, h):
    g = tanh(affine("cell", x, h))
    f = sigmoid(affine("forget", h))
    return f * h + (1 - f) * g


def cell_of_state_alone(x, h):
    g = tanh(affine("cell", h))
    f = sigmoid(affine("forget", x, h))
    return f * h + (1 - f) * g


def declared(update, init):
    return type("Mine", (DeclaredCell,), {"update": staticmethod(update), "__annotations__": {}})(3, 2, init=init)


@pytest.mark.parametrize("update", [unbiased_first, forget_of_state_alone, cell_of_state_alone])
@pytest.mark.parametrize("init", [ForgetBias(7.0), Chrono(20)])
def test_biases_of_the_forget_gate_are_found_by_its_name(update, init):
    """Whatever other gates have: the total bias of the forget gate is that of the initializer, of no other it is 0."""
    cell = declared(update, init)
    params = made(cell)
    totals = {gate: sum(params[b][rows] for b, rows in cell.bias_rows(gate).items()) for gate in cell.gates}
    wanted = 7.0 if isinstance(init, ForgetBias) else np.log([1, 19])
    assert (totals["forget"] >= np.min(wanted)).all()
    assert (totals["forget"] <= np.max(wanted)).all()
    assert "cell" not in totals or np.all(totals["cell"] != 0) or update is unbiased_first


def test_a_forget_gate_without_a_bias_is_refused():
    cell = declared(lambda x, h: sigmoid(linear("forget", x, h)) * h, ForgetBias())
    with pytest.raises(ValueError, match="the gate 'forget' of Mine has no bias to be set"):
        made(cell)


@pytest.mark.parametrize("size", [20, 101, 150])
def test_a_matrix_without_cycles_has_a_spectral_radius_of_0_and_is_not_scaled(size):
    rng = np.random.default_rng(0)
    order = rng.permutation(size)
    w = np.triu(rng.normal(size=(size, size)), 1)[order][:, order]
    for one in (w, np.diag(np.ones(size - 1), 1)):
        assert spectral_radius(one) == 0
        with pytest.raises(ValueError, match="have a spectral radius of 0, which no factor makes"):
            scaled_to_radius(one, 0.9)


def test_the_spectral_radius_of_a_large_matrix_is_that_of_its_components():
    rng = np.random.default_rng(0)
    w = np.triu(rng.normal(size=(160, 160)), 1)
    w[40:60, 40:60] = rng.normal(size=(20, 20))
    w[150, 150] = 0.5
    order = rng.permutation(160)
    expected = abs(np.linalg.eigvals(w[40:60, 40:60])).max()
    assert spectral_radius(w[order][:, order]) == pytest.approx(expected, rel=1e-12)
