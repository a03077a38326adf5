"""SnAp against a reference RTRL with masks: derivatives by the complex step, masks from Jacobians at many points."""

from dataclasses import replace

import numpy as np
import pytest
from helpers import CELLS, LENGTHS, SPIKING, gradient_error, made, relative_error
from pairs import each, pairs, slow_but
from test_gradients import CAUSAL, F, K, batch_for, model_of, whole

import rnnbp
from rnnbp.cells import ClockworkRNNCell, LIFCell
from rnnbp.gradients import BPTT, RTRL, SnAp
from rnnbp.gradients.online.decomposition import decompose
from rnnbp.gradients.online.influence import ElementwiseUpdate, OuterProductUpdate, SparseInfluenceMatrix
from rnnbp.gradients.online.jacobian_compression import CompressedEntries, Compression, JacobianEntries
from rnnbp.gradients.online.jacobian_sparsity import sparsity_of
from rnnbp.gradients.online.linearized_steps import LinearizedSteps
from rnnbp.gradients.online.parameter_groups import group_parameters
from rnnbp.layers import GRU, LSTM, Dense, Elman, Embedding, MeanOverTime, OriginalGRU, Recurrent
from rnnbp.losses import CrossEntropy
from rnnbp.models import Sequential

EVERY = CELLS | SPIKING
TINY = 1e-30
POINTS = 400


def jacobians(cell, params, state, x):
    """Return the recurrent Jacobian (n, S, S) and the immediate one (n, S, P), column by column."""
    n, S = state.shape
    J, action = np.zeros((n, S, S)), np.zeros((n, S, params.size))
    weights = dict(params.items())
    for j in range(S):
        moved = state.astype(complex)
        moved[:, j] += TINY * 1j
        J[:, :, j] = cell.step(weights, moved, x)[0].imag / TINY
    for p in range(params.size):
        near = params.astype(complex)
        near.vector[p] += TINY * 1j
        action[:, :, p] = cell.step(dict(near.items()), state, x)[0].imag / TINY
    return J, action


def spread(rng, width):
    """Return points near to zero and far from it."""
    return rng.standard_normal((POINTS, width)) * rng.choice([0.5, 3], (POINTS, 1))


def reached(cell, params, order, inputs):
    """Return where (S, P) I, J I, ..., J^(n-1) I may be nonzero, given where J and I are at any of many points."""
    rng = np.random.default_rng(0)
    J, action = jacobians(cell, params, spread(rng, cell.state_size), inputs(rng))
    J, found = (J != 0).any(axis=0), (action != 0).any(axis=0)
    for _ in range(order - 1):
        found |= J.astype(int) @ found > 0
    return found


def masked_rtrl(model, batch, order, state=None, masked_as=None):
    """Return the gradient with respect to the cell's parameters; the model's last layer must be its `Dense` one."""
    parts = decompose(model, "a test")
    cell, params, tokens = parts.cell, parts.params, batch.x.ndim == 2
    x = batch.x[..., None] if tokens else batch.x

    def inputs(rng):
        return rng.integers(5, size=(POINTS, 1)) if tokens else spread(rng, cell.input_size)

    mask = reached(cell, params, order if masked_as is None else masked_as, inputs)
    per_step = model.out_shape[0] == "T"
    if state is None:
        outputs = model.forward(batch)
    else:
        (g,) = BPTT().gradients(model, batch, CrossEntropy(), state)
        outputs = g.outputs
    _, d_outputs = CrossEntropy()(outputs, batch.targets, batch.lengths if per_step else None)
    d_output = d_outputs @ model.params[f"{len(model.layers) - 1}.w"]
    s, gradient = parts.begin(state, batch.size), np.zeros(params.size)
    M = np.zeros((batch.size, *mask.shape))
    for t in range(batch.steps):
        n = int((batch.lengths > t).sum())
        J, action = jacobians(cell, params, s[:n], x[t, :n])
        M[:n] = (J @ M[:n] + action) * mask
        s[:n] = cell.step(dict(params.items()), s[:n], x[t, :n])[0]
        for b in range(n):
            if per_step or t == batch.lengths[b] - 1:
                d = d_output[t, b] if per_step else d_output[b]
                gradient += d @ M[b, : len(d)]
    return gradient


def check(model, batch, order, **options):
    """Compare with masked RTRL, and the readout's gradient with BPTT; return the error of the reference itself."""
    state = options.get("state")
    wanted = whole(BPTT(), model, batch, CrossEntropy(), state=state)[1]
    exact = wanted.copy()
    cell = masked_rtrl(model, batch, order, **options)
    wanted[: len(cell)] = cell
    for algorithm in (SnAp(order), SnAp(order, every=1), SnAp(order, every=4)):
        found = whole(algorithm, model, batch, CrossEntropy(), state=state)[1]
        assert gradient_error(model.params, found, wanted) < 1e-12, algorithm
    return gradient_error(model.params, wanted, exact)


def thinned(layer, connected):
    """Return a model whose recurrent weights are zero where `connected` (H, H) is false, for each gate."""
    model = model_of([layer, Dense(layer.out_shape(("T", "B", F))[-1], K)])
    w_hh = model.params["0.w_hh"]
    w_hh *= np.tile(connected, (len(w_hh) // len(connected), 1))
    return model


CYCLE = np.eye(4, k=-1, dtype=bool) | np.eye(4, k=3, dtype=bool)
RANDOM = np.random.default_rng(3).random((4, 4)) < 0.3
RECURRENT = {"Elman": Elman(F, 4), "LSTM": LSTM(F, 4), "GRU": GRU(F, 4), "original GRU": OriginalGRU(F, 4)}


@pytest.mark.parametrize(
    ("name", "order", "lengths"), slow_but(each(EVERY, [1, 2], LENGTHS), pairs(EVERY, [1, 2], LENGTHS))
)
def test_snap_equals_masked_rtrl(name, order, lengths):
    model = model_of(CAUSAL[name])
    error = check(model, batch_for(model, LENGTHS[lengths]), order)
    assert error > 1e-3 or order > 1


CONNECTED = {"cycle": CYCLE, "random": RANDOM}


@pytest.mark.parametrize(("name", "connected", "order"), pairs(RECURRENT, CONNECTED, [1, 2, 3]))
def test_zero_weights_are_no_connections(name, connected, order):
    model = thinned(RECURRENT[name], CONNECTED[connected])
    batch = batch_for(model, LENGTHS["unequal lengths"])
    check(model, batch, order)


@pytest.mark.parametrize(
    "layers",
    [
        [LSTM(F, 3, num_layers=2), Dense(3, K)],
        [Dense(F, 4, "tanh"), GRU(4, 3), Dense(3, K)],
        [Embedding(5, F), LSTM(F, 3), Dense(3, K)],
        [GRU(F, 3), MeanOverTime(), Dense(3, K)],
    ],
    ids=["two layers", "a layer below", "tokens", "mean"],
)
@pytest.mark.parametrize("order", [1, 2])
def test_snap_equals_masked_rtrl_for_models_of_several_layers(layers, order, rng):
    model = model_of(layers)
    batch = batch_for(model, LENGTHS["unequal lengths"])
    if isinstance(layers[0], Embedding):
        batch = replace(batch, x=rng.integers(5, size=(6, 3)))
    check(model, batch, order)


@pytest.mark.parametrize("name", ["Elman tanh", "LSTM", "a user's"])
def test_snap_equals_masked_rtrl_from_a_given_state(name, rng):
    model = model_of(CAUSAL[name])
    batch = batch_for(model, LENGTHS["unequal lengths"])
    check(model, batch, 1, state=[rng.standard_normal((3, CELLS[name].state_size)), None])


def test_masked_rtrl_of_another_order_differs():
    model = thinned(Elman(F, 4), CYCLE)
    batch = batch_for(model, LENGTHS["unequal lengths"])
    found = whole(SnAp(2), model, batch, CrossEntropy())[1]
    for order, same in ((1, False), (2, True), (3, False)):
        wanted = masked_rtrl(model, batch, 2, masked_as=order)
        assert (relative_error(found[: len(wanted)], wanted) < 1e-12) == same
        assert same or relative_error(found[: len(wanted)], wanted) > 1e-4


@pytest.mark.parametrize("name", CAUSAL)
def test_snap_of_a_large_order_equals_rtrl(name):
    model = model_of(CAUSAL[name])
    batch = batch_for(model, LENGTHS["unequal lengths"])
    exact, found = (whole(a, model, batch, CrossEntropy())[1] for a in (RTRL(), SnAp(10)))
    assert gradient_error(model.params, found, exact) < 1e-12


@pytest.mark.parametrize(("name", "order"), [("Elman", 1), ("GRU", 1), ("LSTM", 2)])
def test_snap_is_exact_for_independent_units(name, order):
    """Units with recurrent weights to themselves alone; an LSTM's output gate affects c one step later."""
    model = thinned(RECURRENT[name], np.eye(4, dtype=bool))
    batch = batch_for(model, LENGTHS["unequal lengths"])
    exact, found = (whole(a, model, batch, CrossEntropy())[1] for a in (BPTT(), SnAp(order)))
    assert gradient_error(model.params, found, exact) < 1e-12
    groups_by_form = sparse_influence(model, order).groups_by_form
    assert {groups.units.shape[1] for groups in groups_by_form} == {2 if name == "LSTM" else 1}


def test_updates_between_steps_change_the_jacobian():
    """Each step's Jacobian is that of the current parameters."""
    trained = []
    for algorithm in (RTRL(every=1), SnAp(9, every=1)):
        model = model_of(CAUSAL["GRU"])
        optimizer = rnnbp.Adam(0.05)
        for g in algorithm.gradients(model, batch_for(model, LENGTHS["unequal lengths"]), CrossEntropy()):
            optimizer.step(model.params, g.vector)
        trained.append(model.params.vector)
    np.testing.assert_allclose(*trained, rtol=1e-10)


# ---- memory and cost --------------------------------------------------------------


def sparse_influence(model, order, batch_size=1):
    return SnAp(order).initial_influence(decompose(model, "SnAp"), batch_size, None)


def numbers(influence: SparseInfluenceMatrix) -> int:
    return sum(groups.matrix.size for groups in influence.groups_by_form)


def multiplications(influence: SparseInfluenceMatrix) -> int:
    return sum(groups.matrix.size * groups.units.shape[1] for groups in influence.groups_by_form)


@pytest.mark.parametrize("hidden", [8, 24])
def test_the_influence_matrix_of_order_1_has_the_published_size(hidden):
    """d P numbers and d^2 P multiplications, d being 1 in Elman and GRU, (2, 2, 2, 1) for an LSTM's gates."""
    H, gate = hidden, hidden * (F + hidden + 2)
    for layer, ds in (
        (Elman(F, H), [1]),
        (GRU(F, H), [1, 1, 1]),
        (LSTM(F, H), [2, 2, 2, 1]),
        (OriginalGRU(F, H), [H, 1, 1]),
    ):
        influence = sparse_influence(model_of([layer, Dense(H, K)]), 1, batch_size=5)
        assert numbers(influence) == 5 * gate * sum(ds)
        assert multiplications(influence) == 5 * gate * sum(d * d for d in ds)


@pytest.mark.parametrize("order", [1, 2, 3, 4, 5])
def test_the_influence_matrix_of_a_cycle_grows_by_a_unit_per_order(order):
    """Each further step reaches one further unit, until all are reached."""
    model = thinned(Elman(F, 4), CYCLE)
    P = 4 * (F + 4 + 2)
    assert numbers(sparse_influence(model, order)) == min(order, 4) * P


def test_the_influence_matrix_of_order_2_is_full_for_dense_recurrent_weights():
    model = model_of([LSTM(F, 4), Dense(4, K)])
    assert numbers(sparse_influence(model, 2)) == 8 * decompose(model, "SnAp").params.size


def test_memory_grows_as_the_square_of_the_units():
    """And that of RTRL as the cube."""
    stored = {}
    for H in (16, 32):
        for algorithm in (SnAp(), RTRL()):
            model = model_of([Elman(F, H), Dense(H, K)])
            batch = batch_for(model, LENGTHS["equal lengths"])
            (g,) = algorithm.gradients(model, batch, CrossEntropy())
            stored[type(algorithm), H] = g.cost.peak_bytes
    assert 1.7 < np.log2(stored[SnAp, 32] / stored[SnAp, 16]) < 2.1
    assert 2.6 < np.log2(stored[RTRL, 32] / stored[RTRL, 16]) < 3.1
    assert stored[SnAp, 32] < stored[RTRL, 32] / 8


# ---- sparsity and entries of the Jacobians --------------------------------------------------------


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("name", EVERY)
def test_the_sparsity_equals_that_of_jacobians_at_many_points(name, order):
    cell = EVERY[name]
    params = made(cell)
    params.vector[:] += 0.2 * np.random.default_rng(0).standard_normal(params.size)
    found = sparsity_of(cell, params)
    wanted = reached(cell, params, order, lambda rng: spread(rng, cell.input_size))
    np.testing.assert_array_equal(found.reach(order)[:, found.columns], wanted)


def test_inactive_rectified_units_count_as_connected():
    """Rectified units far below their threshold, where every derivative is zero."""
    cell = CELLS["Elman relu"]
    params = made(cell)
    params["b_ih"] = np.full(4, -100.0)
    found = sparsity_of(cell, params)
    np.testing.assert_array_equal(found.activation, np.eye(4, dtype=bool))
    assert found.jacobian.all()
    assert not found.non_recurrent.any()


@pytest.mark.parametrize("threshold", [1e-3, 1, 1e3])
def test_neurons_far_from_their_threshold_count_as_connected(threshold):
    """The surrogate is zero there."""
    cell = LIFCell(F, 4, threshold=threshold)
    found = sparsity_of(cell, made(cell))
    np.testing.assert_array_equal(found.activation, np.tile(np.eye(4, dtype=bool), (2, 1)))
    assert found.jacobian[:, :4].all()
    np.testing.assert_array_equal(found.non_recurrent[:, 4:], np.tile(np.eye(4, dtype=bool), (2, 1)))


def test_biases_initialized_at_zero_count_as_connected():
    """A GRU's reset gate scales a product that may consist of a bias alone."""
    cell = CELLS["GRU"]
    params = made(cell)
    params["w_hh"], params["b_hh"] = np.zeros((12, 4)), np.zeros(12)
    assert sparsity_of(cell, params).activation[:, :4].diagonal().all()


@pytest.mark.parametrize("name", EVERY)
def test_compressed_entries_are_those_of_the_full_jacobian(name, rng):
    cell = EVERY[name]
    params = made(cell)
    found = sparsity_of(cell, params)
    step = LinearizedSteps(cell, params, rng.standard_normal((3, cell.state_size)), rng.standard_normal((3, F)))
    compressed, full = CompressedEntries(step, Compression(found, np.dtype(float))), JacobianEntries(step)
    units = rng.integers(cell.state_size, size=(5, 3))
    assert relative_error(compressed.blocks(units), full.blocks(units)) < 1e-14
    pairs = np.nonzero(found.activation[:, found.columns])
    assert relative_error(compressed.immediate(*pairs), full.immediate(*pairs)) < 1e-14


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("name", [name for name in EVERY if name != "a user's"])
def test_outer_product_and_elementwise_updates_agree(name, order, rng):
    cell = EVERY[name]
    params = made(cell)
    found = sparsity_of(cell, params)
    step = LinearizedSteps(cell, params, rng.standard_normal((3, cell.state_size)), rng.standard_normal((3, F)))
    for entries in (JacobianEntries(step), CompressedEntries(step, Compression(found, np.dtype(float)))):
        for units, parameters in group_parameters(found, order):
            one, other = (np.zeros((3, *units.shape, parameters.shape[1])) for _ in range(2))
            for update, matrix in ((OuterProductUpdate, one), (ElementwiseUpdate, other)):
                added = update(found, units, parameters)
                added.add(added.of(entries), slice(None), matrix)
            np.testing.assert_allclose(one, other, rtol=1e-13, atol=1e-15)


def test_outer_product_updates_are_used_at_order_1():
    for order, update in ((1, OuterProductUpdate), (2, ElementwiseUpdate)):
        influence = sparse_influence(model_of([LSTM(F, 4), Dense(4, K)]), order)
        assert {type(groups.update) for groups in influence.groups_by_form} == {update}


@pytest.mark.parametrize(("name", "passes"), [("Elman tanh", 1), ("GRU", 1), ("LSTM", 2), ("a user's", 4)])
def test_compression_takes_one_vector_jacobian_product_per_color(name, passes):
    compression = Compression(sparsity_of(CELLS[name], made(CELLS[name])), np.dtype(float))
    assert len(compression.seeds) == passes
    assert compression.pays(4 * 4) == (passes < 4)


def test_a_users_cell_with_independent_units_equals_masked_rtrl():
    """Without outer products the entries are not compressed."""
    cell = CELLS["a user's"]
    params = made(cell)
    params["v"] *= np.eye(4)
    model = Sequential(Recurrent(cell), Dense(3, K), dtype=np.float64)
    model.params.vector[: params.size] = params.vector
    influence = sparse_influence(model, 1)
    assert not influence.compression.pays(influence.entries)  # `keep` acts on all units
    check(model, batch_for(model, LENGTHS["unequal lengths"]), 1)


@pytest.mark.parametrize("order", [0, -1, 1.5, True])
def test_order_must_be_positive(order):
    with pytest.raises(ValueError, match="order must be a positive integer, got"):
        SnAp(order)


def test_what_rtrl_does_not_take_is_refused():
    model = Sequential(LSTM(3, 2, bidirectional=True), Dense(4, K), dtype=np.float64)
    with pytest.raises(ValueError, match="SnAp takes causal layers, but layer 0"):
        list(SnAp().gradients(model, batch_for(model, LENGTHS["equal lengths"]), CrossEntropy()))


# ---- the order at which it is exact -----------------------------------------------------------------------------

EXACT_FROM = {
    "Elman tanh": 2,
    "leaky Elman": 2,
    "LSTM": 2,
    "GRU": 2,
    "original GRU": 2,
    "LIF": 2,
    "ALIF": 3,
    "Jordan": 2,
    "Jordan with decay": 3,
    "Stack LSTM > GRU": 2,
    "Stack ALIF > leaky Elman": 3,
}


@pytest.mark.parametrize("name", EXACT_FROM)
def test_snap_is_exact_from_the_documented_order_on(name):
    """And not at the order below it."""
    model = model_of(CAUSAL[name])
    batch = batch_for(model, LENGTHS["unequal lengths"])
    _, exact = whole(BPTT(), model, batch, CrossEntropy())
    order = EXACT_FROM[name]
    errors = [
        gradient_error(model.params, whole(SnAp(n), model, batch, CrossEntropy())[1], exact) for n in (order, order - 1)
    ]
    assert errors[0] < 1e-12
    assert errors[1] > 1e-6


@pytest.mark.parametrize("layers", [[Elman(3, 3), GRU(3, 3)], [LSTM(3, 2, num_layers=3)]], ids=["mixed", "three"])
def test_the_largest_order_of_stacked_layers_makes_snap_exact(layers):
    model = model_of([*layers, Dense(layers[-1].hidden_size, K)])
    batch = batch_for(model, LENGTHS["equal lengths"])
    _, exact = whole(BPTT(), model, batch, CrossEntropy())
    assert gradient_error(model.params, whole(SnAp(2), model, batch, CrossEntropy())[1], exact) < 1e-12
    assert gradient_error(model.params, whole(SnAp(1), model, batch, CrossEntropy())[1], exact) > 1e-6


# ---- masks -------------------------------------------------------------------------------------------------------


def sparse_model():
    model = model_of([Elman(3, 20), Dense(20, K)])
    rng = np.random.default_rng(0)
    model.params.set_mask("0.w_hh", rng.random((20, 20)) < 0.1)
    return model


@pytest.mark.parametrize(
    "make", [lambda: rnnbp.SGD(0.1), lambda: rnnbp.Adam(0.01, weight_decay=0.1)], ids=["SGD", "Adam"]
)
def test_sparsity_survives_updates(make):
    """The influence matrix has the same number of entries after training as before."""
    model = sparse_model()
    batch = batch_for(model, LENGTHS["equal lengths"])
    before, optimizer = numbers(sparse_influence(model, 2)), make()
    for _ in range(3):
        for g in SnAp(2, every=2).gradients(model, batch, CrossEntropy()):
            optimizer.step(model.params, g.vector)
    assert (model.params["0.w_hh"] == 0).mean() > 0.85
    assert numbers(sparse_influence(model, 2)) == before
    assert before < numbers(sparse_influence(model_of([Elman(3, 20), Dense(20, K)]), 2)) / 3


def test_snap_of_a_large_order_is_exact_for_a_masked_network():
    model = sparse_model()
    batch = batch_for(model, LENGTHS["unequal lengths"])
    (exact,) = BPTT().gradients(model, batch, CrossEntropy())
    (found,) = SnAp(20).gradients(model, batch, CrossEntropy())
    assert gradient_error(model.params, found.vector, exact.vector) < 1e-12


def test_a_zero_weight_that_is_not_masked_is_a_connection():
    """It may change within the batch."""
    model = model_of([Elman(3, 4), Dense(4, K)])
    model.params["0.w_hh"] = 0
    assert numbers(sparse_influence(model, 2)) == model.params.size - 15
    model.params.set_mask("0.w_hh", np.arange(16).reshape(4, 4) != 1)
    model.params["0.w_hh"] = 0
    assert numbers(sparse_influence(model, 2)) > 3 * (model.params.size - 15)


def test_units_that_run_at_some_steps_only_count_as_connected():
    """Those of a clockwork network, at a random time of which none but the fastest may run."""
    cell = ClockworkRNNCell(F, 8)
    model = Sequential(Recurrent(cell), Dense(8, K), dtype=np.float64)
    batch = batch_for(model, LENGTHS["equal lengths"])
    exact, found = (whole(a, model, batch, CrossEntropy())[1] for a in (RTRL(), SnAp(8)))
    assert gradient_error(model.params, found, exact) < 1e-12
