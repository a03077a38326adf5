"""Online algorithms on cells whose dependencies no random point shows: switches, long periods, no parameters."""

from dataclasses import replace

import numpy as np
import pytest
from helpers import LeakyCell, gradient_error, made
from random_equations import RandomEquation
from test_gradients import batch_for, model_of, whole

from rnnbp.cells import ClockworkRNNCell, ElmanCell, JordanCell, Stack, state_jacobian
from rnnbp.cells.declared import DeclaredCell, affine, linear, maximum, relu, stop_gradient, tanh
from rnnbp.core import Parameters
from rnnbp.gradients import BPTT, KFRTRL, RTRL, UORO, BlockRTRL, EProp, SnAp
from rnnbp.gradients.online.dependencies import with_dependencies
from rnnbp.gradients.online.jacobian_sparsity import sparsity_of, structure_of
from rnnbp.kernels import using
from rnnbp.layers import Dense, Embedding, Recurrent
from rnnbp.losses import CrossEntropy

EXACT = [RTRL(), RTRL(every=3), SnAp(30), BlockRTRL(4)]


class Floor(DeclaredCell):
    """A unit's state is at least a parameter, which random points below 1 never show."""

    parameters = "p"

    @staticmethod
    def update(x, h, p):
        return maximum(tanh(affine("h", x, h)) + 3, 1 + p)


class Threshold(DeclaredCell):
    """Recurrent weights that count above 9 alone."""

    @staticmethod
    def update(x, h):
        return 0.5 * h + relu(linear("r", h) - 9) + linear("h", x)


class Oscillator(DeclaredCell):
    """Without parameters."""

    state = "h c"

    @staticmethod
    def update(x, h, c):
        return tanh(0.9 * h - 0.3 * c + 0.1), 0.8 * c + 0.2 * h


def agrees_with_bptt(cell, lengths, change=lambda model: None, backends=("compiled", "numpy")):
    model = model_of([Recurrent(cell), Dense(cell.output_size, 3)])
    change(model)
    batch = batch_for(model, np.array(lengths))
    exact = whole(BPTT(), model, batch, CrossEntropy())[1]
    for backend in backends:
        with using(backend):
            for algorithm in EXACT:
                found = whole(algorithm, model, batch, CrossEntropy())[1]
                assert gradient_error(model.params, found, exact) < 1e-10, (backend, algorithm)
    return model.params.like(exact)


def floors(model):
    model.params["0.p"] = 2.5


def strong(model):
    model.params["0.w_hh"] = 2.0
    model.params["0.w_ih"] = 3.0


@pytest.mark.parametrize(
    ("cell", "change", "name"), [(Floor(3, 4), floors, "p"), (Threshold(3, 4), strong, "w_hh")], ids=["floor", "relu"]
)
def test_a_switch_that_is_off_at_random_points_is_a_dependency(cell, change, name):
    assert agrees_with_bptt(cell, [6, 4, 1], change)[f"0.{name}"].any()


@pytest.mark.parametrize("periods", [(1, 50), (2, 17), (1, 3, 8, 64)], ids=str)
def test_units_of_long_periods_are_in_the_pattern_of_snap(periods):
    agrees_with_bptt(ClockworkRNNCell(3, len(periods), periods), [6, 6, 6])


@pytest.mark.parametrize("seed", range(12))
def test_dependencies_include_every_nonzero_derivative(seed):
    rng = np.random.default_rng(seed)
    cell = Stack((RandomEquation(rng).cell(3, 2), RandomEquation(rng).cell(2, 3)))
    structure = structure_of(cell)
    params, state, x = {}, 2 * rng.standard_normal((50, cell.state_size)), 2 * rng.standard_normal((50, 3))
    for name, shape in cell.shapes().items():
        params[name] = 2 * rng.standard_normal(shape)
    _, residuals = cell.step(params, state, x)
    for unit, seed_vector in enumerate(np.eye(cell.state_size)):
        d_state, _, delta = cell.step_vjp(params, state, x, residuals, np.broadcast_to(seed_vector, state.shape))
        assert not d_state[:, ~structure.jacobian[unit]].any()
        assert not np.concatenate(delta, axis=-1)[:, ~structure.activation[unit]].any()


def test_weights_that_are_no_connections_are_no_dependencies():
    cell = Stack((ElmanCell(1, 3),))
    params = Parameters(cell.shapes())
    params["0.w_hh"] = np.eye(3, k=-1)
    np.testing.assert_array_equal(sparsity_of(cell, params).jacobian, np.eye(3, k=-1))


def test_what_a_mask_forbids_is_no_path_in_a_cell_whose_pattern_random_points_show(rng):
    cell = JordanCell(3, 4, 2, decay=0.5)
    params = made(cell)
    for name in ("w_hh", "w_ho"):
        params.set_mask(name, rng.random(params[name].shape) < 0.4)
    expected = np.zeros((cell.state_size, cell.state_size), bool)
    for _ in range(5):
        params.vector[:] = params.masked(rng.standard_normal(params.size))
        expected |= state_jacobian(cell, params, rng.standard_normal(cell.state_size), rng.standard_normal(3)) != 0
    found = sparsity_of(cell, params).jacobian
    np.testing.assert_array_equal(found, expected)
    assert not np.array_equal(found, structure_of(cell).jacobian)


def test_cells_that_are_not_derived_are_left_unchanged():
    class Doubled(ElmanCell):
        def step(self, params, state, x):
            next_state, residuals = super().step(params, state, x)
            return 2 * next_state, residuals

    cell = Doubled(1, 2)
    assert with_dependencies(cell) is cell


@pytest.mark.parametrize("backend", ["compiled", "numpy"])
def test_a_cell_without_parameters_has_the_gradient_of_its_readout(backend):
    agrees_with_bptt(Oscillator(3, 4), [6, 4, 1], backends=[backend])
    model = model_of([Recurrent(Oscillator(3, 4)), Dense(4, 3)])
    batch = batch_for(model, np.array([6, 4, 1]))
    exact = whole(BPTT(), model, batch, CrossEntropy())[1]
    with using(backend):
        for algorithm in (UORO(), KFRTRL(), EProp(), SnAp(1)):
            assert gradient_error(model.params, whole(algorithm, model, batch, CrossEntropy())[1], exact) < 1e-12


@pytest.mark.parametrize("cell", [ClockworkRNNCell(4, 2, (1, 2)), LeakyCell(4, 3)], ids=repr)
@pytest.mark.parametrize("backend", ["compiled", "numpy"])
def test_snap_has_the_gradient_of_all_tokens_below_a_cell_without_outer_products(cell, backend):
    """Random points have the first token alone."""
    model = model_of([Embedding(5, 4), Recurrent(cell), Dense(cell.output_size, 3)])
    batch = batch_for(model, np.array([6, 4, 1]))
    batch = replace(batch, x=np.abs(3 * batch.x[:, :, 0]).astype(int) % 5)
    exact = whole(BPTT(), model, batch, CrossEntropy())[1]
    assert model.params.like(exact)["0.w"].any(axis=1).sum() > 2
    with using(backend):
        found = whole(SnAp(30), model, batch, CrossEntropy())[1]
    assert gradient_error(model.params, found, exact) < 1e-12


class Constant(DeclaredCell):
    """A state that no parameter affects."""

    @staticmethod
    def update(x, h):
        return 0.5 * h + stop_gradient(affine("h", x, h))


@pytest.mark.parametrize("backend", ["compiled", "numpy"])
def test_parameters_that_affect_no_unit_have_no_gradient(backend):
    agrees_with_bptt(Constant(3, 4), [6, 4, 1], backends=[backend])
