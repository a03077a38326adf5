"""Echo-state networks: the equation, what is frozen, and training them further."""

import numpy as np
import pytest

import rnnbp
from rnnbp.layers import Parallel, Run, sparse_recurrence


def test_the_state_is_that_of_the_leaky_integrator(rng):
    model = rnnbp.echo_state_network(2, 30, 1, leak=0.3, bias_scaling=0.5, input_scaling=0.7, dtype=np.float64)
    x, h = rng.normal(size=(20, 2)), np.zeros(30)
    w, v, b = model.params["0.w_hh"], model.params["0.w_ih"], model.params["0.b_ih"]
    for one in x:
        h = 0.7 * h + 0.3 * np.tanh(v @ one + b + w @ h)
    np.testing.assert_allclose(model.up_to(1).forward(x[:, None])[-1, 0], h, rtol=1e-12)


def test_below_a_radius_of_one_the_initial_state_is_forgotten(rng):
    x = rng.normal(size=(300, 1, 1))
    for radius, forgotten in ((0.8, True), (3.0, False)):
        model = rnnbp.echo_state_network(1, 50, 1, spectral_radius=radius, input_scaling=0.1, dtype=np.float64).up_to(1)
        ends = [model.evaluate(x, Run(np.array([300])), [start])[0][-1] for start in np.eye(2, 50)[:, None]]
        assert (abs(ends[0] - ends[1]).max() < 1e-8) == forgotten


def test_the_readout_may_see_inputs_and_pooled_states():
    model = rnnbp.echo_state_network(3, 20, 2, direct=True, pooling=Parallel(rnnbp.MeanOverTime(), rnnbp.Last()))
    assert model.forward(np.ones((5, 4, 3))).shape == (4, 2)
    assert model.params["2.w"].shape == (2, 2 * 23)
    assert model.kind == "reservoir"
    assert set(model.params) - set(model.frozen) == {"2.w", "2.b"}


def test_another_seed_is_another_reservoir():
    one, again, other = (rnnbp.echo_state_network(1, 20, 1, seed=seed).params.vector for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)


def test_the_unfrozen_network_is_trained_from_the_same_weights_and_stays_sparse(rng):
    x = rng.normal(size=(6, 15, 1))
    data = rnnbp.SequenceDataset(list(x), list(x.cumsum(axis=1)))
    model = rnnbp.echo_state_network(1, 30, 1, density=0.2)
    solved = rnnbp.Trainer(model, rnnbp.MeanSquaredError(), optimizer=rnnbp.Ridge()).fit(data, progress=False)
    before = model.params["0.w_hh"].copy()
    model.unfreeze()
    assert model.kind == "recurrent"
    history = rnnbp.Trainer(model, rnnbp.MeanSquaredError(), optimizer=rnnbp.Adam(1e-3)).fit(
        data, epochs=5, progress=False
    )
    assert history["loss"].iloc[-1] < solved["loss"][0]
    np.testing.assert_array_equal(model.params["0.w_hh"] != 0, before != 0)
    assert (model.params["0.w_hh"] != before).any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"leak": 0}, "leak must be a number above 0"),
        ({"leak": 1.5}, "leak must be a number"),
        ({"spectral_radius": -1}, "spectral_radius must be a number of 0 or more, got -1"),
        ({"density": 0}, "density must be"),
        ({"pooling": "last"}, r"pooling must be a layer that reduces time, as rnnbp\.Last\(\), or None, got 'last'"),
    ],
)
def test_wrong_arguments_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        rnnbp.echo_state_network(1, 20, 1, **options)


# ---- memory -------------------------------------------------------------------------------------


def test_a_delay_line_remembers_its_length_and_no_more():
    model = rnnbp.Sequential(rnnbp.Elman(1, 8, activation="linear"), rnnbp.Dense(8, 1), dtype=np.float64)
    model.params.vector[:] = 0
    model.params["0.w_ih"][0] = 1
    model.params["0.w_hh"] = np.eye(8, k=-1)
    curve = rnnbp.reservoirs.memory_capacity(model, delays=12, penalty=0).curve
    np.testing.assert_allclose(curve[:7], 1, atol=1e-9)  # the state holds the input of this step and of seven before
    assert (curve[7:] < 0.01).all()


def test_the_capacity_of_a_linear_reservoir_is_at_most_its_size_and_above_that_of_a_saturated_one():
    linear, saturated = (
        rnnbp.reservoirs.memory_capacity(rnnbp.echo_state_network(1, 30, 1, dtype=np.float64, **options)).total
        for options in ({"activation": "linear", "input_scaling": 0.1}, {"input_scaling": 5.0})
    )
    assert 15 < linear <= 30.5  # of finite samples, chance correlations at long delays add a little
    assert saturated < 0.7 * linear


def test_memory_of_a_network_with_one_output_a_sequence_is_refused():
    with pytest.raises(ValueError, match="model must have an output at every step and a layer below the last one"):
        rnnbp.reservoirs.memory_capacity(rnnbp.echo_state_network(1, 9, 1, density=1, pooling=rnnbp.Last()))


# ---- sparse recurrence --------------------------------------------------------------------------


@pytest.mark.parametrize("leak", [1.0, 0.4])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_products_with_sparse_weights_give_the_states_of_the_dense_kernel(rng, leak, dtype, monkeypatch):
    monkeypatch.setattr(sparse_recurrence, "LEAST_BYTES", 0)
    model = rnnbp.echo_state_network(2, 300, 1, leak=leak, bias_scaling=0.2, dtype=dtype)
    x = rng.normal(size=(40, 1, 2))
    start = list(model.evaluate(rng.normal(size=(5, 1, 2)), Run(np.array([5])))[1])
    dense = model.unroll(model.params, model.cast(x), Run(np.array([40])), start)
    sparse = model.evaluate(x, Run(np.array([40])), start)
    tolerance = 1e-4 if dtype == np.float32 else 1e-12
    np.testing.assert_allclose(sparse[0], dense[0], rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(sparse[1][0], dense[2][0], rtol=tolerance, atol=tolerance)
    assert sparse[0].dtype == dtype


def test_steps_with_sparse_weights_are_those_of_the_whole_sequence_to_the_last_bit(rng, monkeypatch):
    monkeypatch.setattr(sparse_recurrence, "LEAST_BYTES", 0)
    model, x = rnnbp.echo_state_network(1, 300, 1, leak=0.4).up_to(1), rng.normal(size=(20, 1, 1))
    state, whole = model.start(), model.forward(x)
    for one, expected in zip(x, whole, strict=True):
        y, state = model.step(one, state)
        np.testing.assert_array_equal(y, expected)
