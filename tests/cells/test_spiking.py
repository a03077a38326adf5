"""Spiking neurons: their equations, and a surrogate that is the same in the backward pass and in complex numbers. Their
products are tested in test_cells.py, and their gradients through time in test_gradients.py.
"""

from dataclasses import replace

import numpy as np
import pytest
from helpers import LENGTHS, SPIKING, gradient_error, made, relative_error

import rnnbp
from rnnbp.cells import ALIFCell, LIFCell
from rnnbp.cells.declared import arrays
from rnnbp.data import SequenceBatch
from rnnbp.gradients import BPTT, FiniteDifference, check_gradient, hvp, jvp
from rnnbp.layers import ALIF, LIF, Dense, MultiLayer, Recurrent
from rnnbp.losses import CrossEntropy
from rnnbp.models import Sequential

CELLS = {"LIF": LIFCell(3, 5, tau=8, threshold=0.7), "ALIF": ALIFCell(3, 5, 8, 0.7, tau_adaptation=30, beta=0.3)}


def busy(cell, seed=0):
    """Return parameters whose weights are large enough for many spikes."""
    params = made(cell, seed=seed)
    params.vector[:] *= 3
    return params


def problem(cell, lengths=LENGTHS["unequal lengths"]):
    model = Sequential(Recurrent(cell), Dense(cell.output_size, 3), dtype=np.float64)
    model.params.vector[:] *= 3
    rng = np.random.default_rng(1)
    batch = SequenceBatch.from_array(rng.standard_normal((6, 3, 3)), lengths)
    return model, replace(batch, targets=rng.integers(3, size=(6, 3)))


# ---- the equations --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CELLS)
def test_spiking_steps_equal_the_equations(name, rng):
    """Neuron by neuron, over many steps, in which many fire and many do not."""
    cell = CELLS[name]
    p, state, x = busy(cell), np.zeros(cell.state_size), rng.standard_normal((40, 3))
    z, v, a = [0.0] * 5, [0.0] * 5, [0.0] * 5
    beta, rho = (cell.beta, np.exp(-1 / cell.tau_adaptation)) if name == "ALIF" else (0, 0)
    spikes = 0
    for t in range(40):
        current = [
            sum(p["w_ih"][j, f] * x[t, f] for f in range(3)) + sum(p["w_hh"][j, i] * z[i] for i in range(5))
            for j in range(5)
        ]
        v = [np.exp(-1 / 8) * v[j] + current[j] - 0.7 * z[j] for j in range(5)]
        a = [rho * a[j] + z[j] for j in range(5)]
        z = [1.0 if v[j] > 0.7 + beta * a[j] else 0.0 for j in range(5)]
        state, _ = cell.step(p, state, x[t])
        np.testing.assert_allclose(state, [*z, *v, *(a if name == "ALIF" else [])], atol=1e-12)
        spikes += sum(z)
    assert 40 < spikes < 160


def test_without_beta_the_threshold_is_fixed(rng):
    fixed, adaptive = CELLS["LIF"], replace(CELLS["ALIF"], beta=0)
    p, state, other = busy(fixed), np.zeros((4, 10)), np.zeros((4, 15))
    for x in rng.standard_normal((20, 4, 3)):
        state, _ = fixed.step(p, state, x)
        other, _ = adaptive.step(p, other, x)
        np.testing.assert_array_equal(other[:, :10], state)
    assert other[:, 10:].any()


def test_membrane_potentials_scale_with_the_threshold(rng):
    """With weights and threshold twice as large the spikes are the same."""
    one, two = CELLS["LIF"], replace(CELLS["LIF"], threshold=1.4)
    p, state, other = busy(one), np.zeros(10), np.zeros(10)
    double = p.like(2 * p.vector)
    for x in rng.standard_normal((20, 3)):
        before, twice = state, other
        (state, psi), (other, same) = one.step(p, state, x), two.step(double, other, x)
        np.testing.assert_array_equal(other[:5], state[:5])
        np.testing.assert_allclose(same, psi, atol=1e-14)
        d_spikes = np.repeat([1.0, 0.0], 5)
        slope, half = one.step_vjp(p, before, x, psi, d_spikes)[2], two.step_vjp(double, twice, x, same, d_spikes)[2]
        np.testing.assert_allclose(half, slope / 2, atol=1e-14)


# ---- the surrogate --------------------------------------------------------------------------------------


def primitive(u, gamma):
    """Return the antiderivative of the surrogate: 0 below -1, gamma above 1, half of it at 0."""
    u = np.clip(u, -1, 1)
    return gamma * (0.5 + u - 0.5 * u * np.abs(u))


def surrogate(u, gamma):
    return gamma * arrays.relu(1 - arrays.absolute(u))


def test_the_complex_step_through_a_spike_gives_the_surrogate(rng):
    u = rng.uniform(-2, 2, 500)
    step = u + 1e-30j
    moved = arrays.spike(step, surrogate(step, 0.3)).imag / 1e-30
    differences = (primitive(u + 1e-6, 0.3) - primitive(u - 1e-6, 0.3)) / 2e-6
    np.testing.assert_allclose(moved, differences, atol=1e-6)
    np.testing.assert_allclose(moved, surrogate(u, 0.3), rtol=1e-14)
    np.testing.assert_array_equal(arrays.spike(step, surrogate(step, 0.3)).real, u > 0)
    np.testing.assert_array_equal(arrays.spike(u, surrogate(u, 0.3)), u > 0)


def test_the_surrogate_has_a_derivative(rng):
    u = rng.uniform(-2, 2, 500)
    slope = surrogate(u + 1e-30j, 0.3).imag / 1e-30
    np.testing.assert_allclose(slope, np.where(np.abs(u) < 1, -0.3 * np.sign(u), 0), atol=1e-15)


def test_the_reset_has_no_derivative(rng):
    """A spike acts on the neuron's own next potential through its recurrent weight only."""
    cell = CELLS["LIF"]
    p, state, x = busy(cell), rng.standard_normal(10), rng.standard_normal(3)
    jacobian = rnnbp.cells.state_jacobian(cell, p, state, x)
    np.testing.assert_allclose(jacobian[5:, :5], p["w_hh"], rtol=1e-13)
    np.testing.assert_allclose(jacobian[5:, 5:], np.exp(-1 / 8) * np.eye(5), rtol=1e-13)


@pytest.mark.parametrize("name", CELLS)
def test_check_gradient_agrees_by_the_complex_step_and_not_by_finite_differences(name):
    assert check_gradient(CELLS[name]).ok
    assert not check_gradient(CELLS[name], oracle=FiniteDifference()).ok


@pytest.mark.parametrize("name", SPIKING)
def test_the_slope_along_a_direction_is_the_surrogate_gradients(name, rng):
    model, batch = problem(SPIKING[name])
    (g,) = BPTT().gradients(model, batch, CrossEntropy())
    v = rng.standard_normal(model.params.size)
    assert jvp(model, batch, CrossEntropy(), v).slope == pytest.approx(g.vector @ v, rel=1e-12)


@pytest.mark.parametrize("name", CELLS)
def test_the_hessian_vector_product_is_symmetric(name, rng):
    """The spike has the surrogate as derivative, and the derivative of the surrogate as second derivative."""
    model, batch = problem(CELLS[name])
    u, v = rng.standard_normal((2, model.params.size))
    H_u, H_v = (hvp(model, batch, CrossEntropy(), d).product for d in (u, v))
    assert abs(v @ H_u) > 1e-3
    assert v @ H_u == pytest.approx(u @ H_v, rel=1e-10)


# ---- the same as PyTorch ----------------------------------------------------------------------------------


@pytest.mark.torch
@pytest.mark.parametrize("name", CELLS)
def test_the_gradient_equals_a_surrogate_gradient_in_pytorch(name):
    torch = pytest.importorskip("torch")
    cell = CELLS[name]
    model, batch = problem(cell, LENGTHS["equal lengths"])

    class Spike(torch.autograd.Function):
        @staticmethod
        def forward(ctx, u):
            ctx.save_for_backward(u)
            return (u > 0).to(u.dtype)

        @staticmethod
        def backward(ctx, d):
            (u,) = ctx.saved_tensors
            return d * 0.3 * torch.clamp(1 - u.abs(), min=0)

    weights = {key: torch.tensor(value, requires_grad=True) for key, value in model.params.items()}
    z = v = a = torch.zeros(3, 5, dtype=torch.float64)
    beta, rho = (cell.beta, np.exp(-1 / cell.tau_adaptation)) if name == "ALIF" else (0.0, 0.0)
    logits, spikes = [], 0
    for x in torch.from_numpy(batch.x):
        a = rho * a + z
        v = np.exp(-1 / 8) * v + x @ weights["0.w_ih"].T + z @ weights["0.w_hh"].T - 0.7 * z.detach()
        z = Spike.apply((v - 0.7 - beta * a) / 0.7)
        logits.append(z @ weights["1.w"].T + weights["1.b"])
        spikes += z.sum().item()
    loss = torch.nn.functional.cross_entropy(
        torch.stack(logits).reshape(-1, 3), torch.tensor(batch.targets).reshape(-1)
    )
    loss.backward()
    (g,) = BPTT().gradients(model, batch, CrossEntropy())
    assert 10 < spikes < 80
    assert g.loss == pytest.approx(loss.item(), rel=1e-12)
    expected = np.concatenate([weights[key].grad.numpy().ravel() for key in model.params])
    assert gradient_error(model.params, g.vector, expected) < 1e-11
    assert relative_error(g.outputs, torch.stack(logits).detach().numpy()) < 1e-12


# ---- names and refusals -------------------------------------------------------------------------------------


def test_the_layers_unroll_their_cells():
    assert LIF(3, 4, tau=5, threshold=0.5, dampening=0.2).unrolled == Recurrent(LIFCell(3, 4, 5, 0.5, 0.2))
    wanted = ALIFCell(3, 4, 5, 0.5, 0.2, tau_adaptation=50, beta=0.1)
    assert ALIF(3, 4, tau=5, threshold=0.5, dampening=0.2, tau_adaptation=50, beta=0.1).unrolled == Recurrent(wanted)
    assert LIF(3, 4, num_layers=2).unrolled == MultiLayer((LIFCell(3, 4), LIFCell(4, 4)), False, 0.0)


def test_spiking_models_are_saved_and_loaded(tmp_path):
    model = Sequential(ALIF(3, 4, beta=0.3), Dense(4, 2))
    model.save(tmp_path / "model.npz")
    assert rnnbp.load(tmp_path / "model.npz").layers == model.layers


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LIFCell(3, 0), "hidden_size must be a positive integer, got 0"),
        (lambda: LIFCell(3.0, 4), "input_size must be a positive integer, got 3.0"),
        (lambda: LIFCell(3, 4, tau=0), "tau must be a number above 0, got 0"),
        (lambda: LIFCell(3, 4, threshold=-1), "threshold must be a number above 0, got -1"),
        (lambda: LIFCell(3, 4, dampening=0), "dampening must be a number above 0, got 0"),
        (lambda: ALIFCell(3, 4, tau_adaptation=0), "tau_adaptation must be a number above 0, got 0"),
        (lambda: ALIFCell(3, 4, beta=-0.1), "beta must be a number of 0 or more, got -0.1"),
        (lambda: ALIF(3, 4, tau=-2), "tau must be a number above 0, got -2"),
        (lambda: LIF(3, 4, num_layers=0), "num_layers must be a positive integer, got 0"),
    ],
)
def test_wrong_arguments_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
