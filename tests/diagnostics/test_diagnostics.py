"""Diagnostics against closed forms of linear cells, NumPy and the complex step; Elman against LSTM."""

import numpy as np
import pytest
from helpers import CELLS
from test_forward import F, K, problem, reader

import rnnbp
from rnnbp.cells import ElmanCell, GRUCell, LSTMCell, Stack, state_jacobian
from rnnbp.diagnostics import (
    Trajectory,
    effective_memory,
    error_flow,
    gate_saturation,
    jacobians,
    lyapunov_curve,
    lyapunov_exponents,
    plots,
    singular_values,
    spectral_radii,
    trajectory,
)
from rnnbp.layers import GRU, LSTM, Bidirectional, Dense, Ends, Last, MeanOverTime
from rnnbp.losses import CrossEntropy


def linear(matrix, steps: int) -> Trajectory:
    """Return the trajectory of h[t] = M h[t-1] + x[t] for x = 0."""
    matrix = np.asarray(matrix, float)
    cell = ElmanCell(1, len(matrix), "linear")
    weights = {n: np.zeros(s) for n, s in cell.shapes().items()} | {"w_hh": matrix}
    return Trajectory.run(cell, weights, np.zeros((steps, 1)))


# ---- trajectories -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CELLS)
def test_trajectory_ends_in_the_models_final_state(name):
    model, batch = problem(reader(CELLS[name]))
    for sequence, length in enumerate(batch.lengths):
        path = trajectory(model, batch, sequence=sequence)
        assert path.steps == length
        _, _, states = model.unroll(model.params, batch.x, rnnbp.layers.Run(batch.lengths))
        np.testing.assert_allclose(path.states[-1], states[0][sequence], rtol=1e-13, atol=1e-15)
        assert (path.states[0] == 0).all()


def test_layers_are_selected_by_their_numbers():
    model, batch = problem([Dense(F, F), LSTM(F, 4, num_layers=2), GRU(4, 2), Dense(2, K)])
    _, _, states = model.unroll(model.params, batch.x, rnnbp.layers.Run(batch.lengths))
    for layer, state in {"1.0": states[1][0], "1.1": states[1][1], "2": states[2]}.items():
        np.testing.assert_allclose(trajectory(model, batch, layer).states[-1], state[0], rtol=1e-12, atol=1e-15)
    with pytest.raises(ValueError, match=r"layer must be one of '1.0', '1.1', '2', got '1.3'"):
        trajectory(model, batch, "1.3")
    with pytest.raises(ValueError, match="sequence must be from 0 to 2, got 3"):
        trajectory(model, batch, sequence=3)
    model, batch = problem([Bidirectional(GRUCell(F, 3)), Ends(), Dense(6, K)])
    with pytest.raises(ValueError, match="model must have a layer that runs a cell forward in time"):
        trajectory(model, batch)


def test_inputs_and_states_of_another_shape_are_refused(rng):
    cell = ElmanCell(2, 3)
    weights = {n: np.zeros(s) for n, s in cell.shapes().items()}
    with pytest.raises(ValueError, match=r"x must have shape \(T, F\) with T > 0 and F = 2, got \(4, 3\)"):
        Trajectory.run(cell, weights, np.zeros((4, 3)))
    with pytest.raises(ValueError, match=r"state must have shape \(S,\) = \(3,\), got \(2,\)"):
        Trajectory.run(cell, weights, np.zeros((4, 2)), np.zeros(2))
    start = rng.standard_normal(3)
    np.testing.assert_array_equal(Trajectory.run(cell, weights, np.zeros((4, 2)), start).states[0], start)


# ---- error flow ---------------------------------------------------------------------------------


@pytest.mark.parametrize("end", [[], [Last()], [MeanOverTime()]], ids=["at every step", "last", "mean"])
@pytest.mark.parametrize("name", ["Elman tanh", "LSTM", "a user's", "Stack LSTM > GRU"])
def test_error_flow_equals_the_complex_step(name, end):
    """dL/dh[t] by a complex step of every unit of the state at lag k."""
    cell = CELLS[name]
    model, batch = problem([*reader(cell), *end], np.array([6, 6, 6]))
    flow = error_flow(model, batch).set_index("lag")
    assert flow.index.tolist() == [1, 2, 3, 4, 5, 6]
    Run, h = rnnbp.layers.Run, 1e-30
    for lag in (1, 3, 6):
        T = batch.steps
        state = None
        if lag < T:
            _, _, state = model.unroll(model.params, batch.x[: T - lag], Run(np.full(3, T - lag)))
        state = state or [np.zeros((3, cell.state_size)), *[None] * (len(model.layers) - 1)]
        derivative = np.zeros((3, cell.state_size))
        for k in range(cell.state_size):
            for b in range(3):
                shifted = [state[0].astype(complex), *state[1:]]
                shifted[0][b, k] += 1j * h
                y, _, _ = model.unroll(model.params.astype(complex), batch.x[T - lag :], Run(np.full(3, lag)), shifted)
                last = (y, batch.targets) if y.ndim == 2 else (y[-1], batch.targets[-1])
                derivative[b, k] = CrossEntropy()(*last)[0].imag / h
        expected = 3 * np.linalg.norm(derivative, axis=1).mean()
        assert flow.loc[lag, "norm"] == pytest.approx(expected, rel=1e-11)
        assert flow.loc[lag, "relative"] == pytest.approx(expected / flow.loc[1, "norm"], rel=1e-11)


def test_error_flow_has_every_layer_up_to_the_shortest_length():
    model, batch = problem([LSTM(F, 4, num_layers=2), GRU(4, 3), Dense(3, K)], np.array([6, 5, 4]))
    flow = error_flow(model, batch)
    assert flow.groupby("layer")["lag"].apply(list).to_dict() == {k: [1, 2, 3, 4] for k in ("1", "0.0", "0.1")}
    assert error_flow(model, batch, lags=2)["lag"].max() == 2


def test_error_flow_needs_a_causal_model_with_a_state():
    model, batch = problem([Bidirectional(GRUCell(F, 3)), Dense(6, K)])
    with pytest.raises(ValueError, match="error_flow takes causal layers"):
        error_flow(model, batch)
    model, batch = problem([Dense(F, K)])
    with pytest.raises(ValueError, match="model must have a layer with a state that goes from step to step"):
        error_flow(model, batch)


def test_gradient_of_an_elman_network_vanishes_or_explodes_where_that_of_an_lstm_does_not():
    """Over 40 steps at initialization, with open forget gates of the LSTM."""
    data = rnnbp.datasets.delayed_recall(8, delay=40, seed=0)
    lstm = rnnbp.Sequential(LSTM(3, 16, init=rnnbp.ForgetBias(4.0)), Last(), Dense(16, 2))
    elman = rnnbp.Sequential(rnnbp.Elman(3, 16), Last(), Dense(16, 2))
    large = rnnbp.Sequential(rnnbp.Elman(3, 16, activation="linear"), Last(), Dense(16, 2))
    w = large.params["0.w_hh"]
    w *= 1.3 / np.abs(np.linalg.eigvals(w)).max()
    at_40 = [error_flow(m, data.batch()).set_index("lag").loc[40, "relative"] for m in (lstm, elman, large)]
    assert at_40[0] > 0.2
    assert at_40[1] < 1e-6
    assert at_40[2] > 1e3


# ---- Jacobians ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CELLS)
def test_jacobians_and_radii_equal_those_of_numpy_and_the_complex_step(name):
    cell = CELLS[name]
    model, batch = problem(reader(cell))
    path = trajectory(model, batch)
    radii = spectral_radii(path)
    for t, J in enumerate(jacobians(path)):
        np.testing.assert_allclose(J, state_jacobian(cell, path.params, path.states[t], path.x[t]), rtol=1e-12)
        assert radii[t] == pytest.approx(np.abs(np.linalg.eigvals(J)).max(), rel=1e-12)
        column = (
            np.imag(cell.step(path.params, path.states[t] + 1e-30j * np.eye(cell.state_size)[1], path.x[t])[0]) / 1e-30
        )
        np.testing.assert_allclose(J[:, 1], column, rtol=1e-11, atol=1e-14)


def test_singular_values_are_those_of_jacobian_products():
    model, batch = problem(reader(CELLS["GRU"]))
    path = trajectory(model, batch)
    values, J = singular_values(path), jacobians(path)
    s = np.linalg.svd(J[-1] @ J[-2] @ J[-3], compute_uv=False)
    row = values.set_index("lag").loc[3]
    assert row["largest"] == pytest.approx(s[0], rel=1e-12)
    assert row["smallest"] == pytest.approx(s[-1], rel=1e-12)
    assert row["median"] == pytest.approx(np.median(s), rel=1e-12)
    assert row["rms"] == pytest.approx(np.linalg.norm(J[-1] @ J[-2] @ J[-3]) / 2, rel=1e-12)
    assert len(values) == 7
    assert len(singular_values(path, lags=2)) == 3


def test_lyapunov_exponents_of_a_linear_cell_are_logs_of_eigenvalue_moduli(rng):
    """Among them a complex pair."""
    moduli = np.array([1.2, 0.9, 0.9, 0.3])
    block = np.zeros((4, 4))
    block[0, 0], block[3, 3] = 1.2, -0.3
    block[1:3, 1:3] = 0.9 * np.array([[np.cos(1), -np.sin(1)], [np.sin(1), np.cos(1)]])
    basis = rng.standard_normal((4, 4))
    matrix = basis @ block @ np.linalg.inv(basis)
    np.testing.assert_allclose(np.sort(np.abs(np.linalg.eigvals(matrix)))[::-1], moduli, rtol=1e-10)
    path = linear(matrix, 4000)
    found = lyapunov_exponents(path, transient=200)
    np.testing.assert_allclose(found, np.log(moduli), atol=1e-3)
    # the exponents of real eigenvalues converge exponentially
    np.testing.assert_allclose(found[[0, 3]], np.log(moduli[[0, 3]]), atol=1e-10)
    np.testing.assert_allclose(found.sum(), np.log(abs(np.linalg.det(matrix))), rtol=1e-9)


def test_exponents_of_a_singular_and_of_a_chaotic_network(rng):
    assert lyapunov_exponents(linear([[0.5, 0.0], [0.0, 0.0]], 5)).tolist() == [np.log(0.5), -np.inf]
    cell = ElmanCell(1, 60)
    weights = {n: np.zeros(s) for n, s in cell.shapes().items()}
    found = {}
    for gain in (0.5, 4.0):
        weights["w_hh"] = gain * rng.standard_normal((60, 60)) / np.sqrt(60)
        start = rng.standard_normal(60)
        found[gain] = lyapunov_exponents(Trajectory.run(cell, weights, np.zeros((400, 1)), start), 100)[0]
    assert found[0.5] < -0.5  # Sompolinsky, Crisanti & Sommers (1988): chaos above a gain of 1
    assert found[4.0] > 0.1


def test_lyapunov_curve_ends_in_the_exponents():
    model, batch = problem(reader(CELLS["LSTM"]))
    path = trajectory(model, batch)
    curve = lyapunov_curve(path, transient=2)
    assert curve.shape == (4, 8)
    np.testing.assert_array_equal(np.sort(curve[-1])[::-1], lyapunov_exponents(path, transient=2))
    with pytest.raises(ValueError, match="transient must be from 0 to 5, one less than the steps, got 6"):
        lyapunov_exponents(path, transient=6)


@pytest.mark.parametrize("decay", [0.5, 0.9, 0.99])
def test_effective_memory_of_a_leaky_cell_is_its_time_constant(decay):
    assert effective_memory(linear(decay * np.eye(3), 200)) == pytest.approx(-1 / np.log(decay), rel=1e-12)
    assert effective_memory(linear(decay * np.eye(3), 800), 0.5) == pytest.approx(
        np.log(0.5) / np.log(decay), rel=1e-12
    )


def test_effective_memory_is_infinite_without_decay_and_one_step_for_a_zero_jacobian():
    assert effective_memory(linear(np.eye(2), 50)) == np.inf
    assert effective_memory(linear(np.zeros((2, 2)), 50)) == 1
    with pytest.raises(ValueError, match="level must be below 1, got 1"):
        effective_memory(linear(np.eye(2), 5), 1)


# ---- gates --------------------------------------------------------------------------------------


def test_gate_saturation_of_an_lstm_equals_its_biases(rng):
    cell = LSTMCell(2, 3)
    weights = {n: np.zeros(s) for n, s in cell.shapes().items()}
    weights["b_ih"][:] = np.repeat([-4, 3, 9, 0], 3)  # i, f, g, o
    weights["b_ih"][4] = 0
    table = gate_saturation(Trajectory.run(cell, weights, np.zeros((5, 2)))).set_index("gate")
    assert table.index.tolist() == ["input", "forget", "output"]
    assert table["closed"].tolist() == [1, 0, 0]
    assert table["open"].tolist() == [0, pytest.approx(2 / 3), 0]
    s = 1 / (1 + np.exp(-3))
    assert table.loc["forget", "mean"] == pytest.approx((2 * s + 0.5) / 3)
    assert table.loc["forget", "std"] == pytest.approx(np.std([s, 0.5, s]))


def test_gate_saturation_of_a_stack_and_of_grus_equals_their_equations():
    model, batch = problem(reader(CELLS["Stack LSTM > GRU"]))
    table = gate_saturation(trajectory(model, batch), low=0.3, high=0.7)
    assert table["gate"].tolist() == ["0.input", "0.forget", "0.output", "1.reset", "1.update"]
    assert isinstance(CELLS["Stack LSTM > GRU"], Stack)
    for name in ("GRU", "original GRU"):
        cell = CELLS[name]
        model, batch = problem(reader(cell))
        path = trajectory(model, batch)
        H = cell.hidden_size
        a = path.x @ path.params["w_ih"].T + path.params["b_ih"] + path.params["b_hh"]
        a[:, : 2 * H] += path.states[:-1] @ path.params["w_hh"][: 2 * H].T
        gates = 1 / (1 + np.exp(-a[:, : 2 * H]))
        table = gate_saturation(path).set_index("gate")
        assert table.loc["reset", "mean"] == pytest.approx(gates[:, :H].mean(), rel=1e-12)
        assert table.loc["update", "mean"] == pytest.approx(gates[:, H:].mean(), rel=1e-12)


def test_gate_saturation_needs_gates_and_ordered_levels():
    with pytest.raises(ValueError, match="the cell must have gates, as LSTMCell and GRUCell do, got ElmanCell"):
        gate_saturation(linear(np.eye(2), 5))
    with pytest.raises(ValueError, match=r"high must be a number between 0\.5 and 1, got 0.2"):
        gate_saturation(linear(np.eye(2), 5), 0.5, 0.2)


# ---- plots --------------------------------------------------------------------------------------


def test_plots_contain_the_values_they_are_given():
    model, batch = problem([LSTM(F, 4, num_layers=2), Last(), Dense(4, K)])
    path = trajectory(model, batch, "0.1")
    fig = plots.plot_error_flow({"LSTM": error_flow(model, batch)})
    assert [t.get_text() for t in fig.axes[0].get_legend().get_texts()] == ["LSTM, layer 0.0", "LSTM, layer 0.1"]
    values = singular_values(path)
    fig = plots.plot_singular_values({"a": values, "b": values})
    np.testing.assert_array_equal(fig.axes[1].lines[0].get_ydata(), values["median"])
    fig = plots.plot_lyapunov({"LSTM": lyapunov_curve(path)})
    assert len(fig.axes[0].lines) == 8 + 1
    fig = plots.plot_spectral_radii({"LSTM": spectral_radii(path)})
    np.testing.assert_array_equal(fig.axes[0].lines[0].get_ydata(), spectral_radii(path))
    fig = plots.plot_gates({"LSTM": gate_saturation(path)})
    assert [t.get_text() for t in fig.axes[0].get_yticklabels()] == ["LSTM: output", "LSTM: forget", "LSTM: input"]
    fig = plots.plot_memory({"LSTM": 3.0, "leaky": np.inf})
    assert {t.get_text() for t in fig.axes[0].texts} == {"3.0", "longer than the sequence"}
