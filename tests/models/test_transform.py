"""`model.transform`: outputs, states and gates of a layer at every step, for every sequence in the caller's order."""

import numpy as np
import pytest

import rnnbp

RNG = np.random.default_rng(0)
DATA = [RNG.normal(size=(n, 3)).astype(np.float32) for n in (4, 7, 1, 5)]


def sigmoid(a: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-a))


def test_outputs_of_the_last_layer_are_those_of_forward() -> None:
    model = rnnbp.Sequential(rnnbp.LSTM(3, 4), rnnbp.Dense(4, 2))
    for x, y in zip(DATA, model.transform(DATA, batch_size=2), strict=True):
        np.testing.assert_allclose(y, model.forward(x[:, None])[:, 0], rtol=0, atol=1e-6)
    model = rnnbp.Sequential(rnnbp.LSTM(3, 4), rnnbp.MeanOverTime(), rnnbp.Dense(4, 2))
    found = model.transform(DATA)
    assert found.shape == (4, 2)
    np.testing.assert_allclose(found[1], model.forward(DATA[1][:, None])[0], rtol=0, atol=1e-6)


@pytest.mark.parametrize(("name", "place"), [(0, (0,)), ("0", (0,)), (-2, (0,))])
def test_states_are_those_of_step_to_the_last_bit(name: int | str, place: tuple[int, ...]) -> None:
    model = rnnbp.Sequential(rnnbp.LSTM(3, 4), rnnbp.Dense(4, 2))
    batch = rnnbp.SequenceBatch.from_array(np.stack([DATA[1], DATA[1][::-1]], axis=1))
    found = model.transform(batch, layer=name, what="states")
    state = model.start(2)
    for t in range(7):
        _, state = model.step(batch.x[t], state)
        np.testing.assert_array_equal(np.stack([s[t] for s in found]), state[place[0]])


def test_every_layer_of_a_multi_layer_has_its_own_states_and_outputs() -> None:
    model = rnnbp.Sequential(rnnbp.Dense(3, 5), rnnbp.GRU(5, 4, num_layers=2), rnnbp.Dense(4, 2))
    states = [model.transform(DATA, layer=f"1.{k}", what="states") for k in range(2)]
    outputs = [model.transform(DATA, layer=layer) for layer in ("1.0", "1.1", 1)]
    for i in range(4):
        for k in range(2):
            np.testing.assert_array_equal(states[k][i], outputs[k][i])  # the state of a GRU is its output
        np.testing.assert_array_equal(outputs[1][i], outputs[2][i])
    x, state = DATA[3], model.start(1)
    for t in range(5):
        _, state = model.step(x[t : t + 1], state)
        for k in range(2):
            np.testing.assert_allclose(states[k][3][t], state[1][k][0], rtol=0, atol=1e-6)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_gates_of_an_lstm_are_those_of_its_equations(bidirectional: bool) -> None:
    model = rnnbp.Sequential(rnnbp.LSTM(3, 4, bidirectional=bidirectional), dtype=np.float64)
    gates = model.transform(DATA, what="gates")
    states = model.transform(DATA, what="states")
    suffixes = ["", "_reverse"][: 1 + bidirectional]
    assert list(gates) == [name + s for s in suffixes for name in ("input", "forget", "cell", "output")]
    for i, x in enumerate(DATA):
        for d, suffix in enumerate(suffixes):
            of_layer = "_l0" if bidirectional else ""
            p = {name: model.params[f"0.{name}{of_layer}{suffix}"] for name in ("w_ih", "w_hh", "b_ih", "b_hh")}
            steps = range(len(x))[:: -1 if d else 1]
            h, c = np.zeros(4), np.zeros(4)
            for t in steps:
                a = p["w_ih"] @ x[t] + p["w_hh"] @ h + p["b_ih"] + p["b_hh"]
                values = dict(zip(("input", "forget", "cell", "output"), np.split(a, 4), strict=True))
                values = {name: np.tanh(v) if name == "cell" else sigmoid(v) for name, v in values.items()}
                c = values["forget"] * c + values["input"] * values["cell"]
                h = values["output"] * np.tanh(c)
                for name, value in values.items():
                    np.testing.assert_allclose(gates[name + suffix][i][t], value, rtol=0, atol=1e-12)
                np.testing.assert_allclose(states[i][t, 8 * d : 8 * d + 8], np.concatenate([h, c]), atol=1e-12)


def test_gates_of_a_stack_have_the_number_of_their_cell() -> None:
    cell = rnnbp.cells.Stack((rnnbp.cells.LSTMCell(3, 4), rnnbp.cells.GRUCell(4, 2)))
    found = rnnbp.Sequential(rnnbp.Recurrent(cell)).transform(DATA, what="gates")
    assert {name: values[1].shape for name, values in found.items()} == {
        **{f"0.{name}": (7, 4) for name in ("input", "forget", "cell", "output")},
        **{f"1.{name}": (7, 2) for name in ("reset", "update", "new")},
    }


@pytest.mark.parametrize("what", ["outputs", "states", "gates"])
def test_resets_are_followed(what: str) -> None:
    model = rnnbp.Sequential(rnnbp.GRU(3, 4), rnnbp.Dense(4, 2))
    flags = [np.arange(len(x)) == 3 for x in DATA]
    whole = model.transform(rnnbp.SequenceDataset(DATA, resets=flags), layer=0, what=what)
    cut = model.transform([DATA[1][:3], DATA[1][3:]], layer=0, what=what)
    pairs = [(whole[name], cut[name]) for name in whole] if what == "gates" else [(whole, cut)]
    for one, other in pairs:
        np.testing.assert_allclose(one[1], np.concatenate(other), rtol=0, atol=1e-6)


def test_the_state_is_carried_through_a_stream() -> None:
    model = rnnbp.Sequential(rnnbp.GRU(3, 4), rnnbp.Dense(4, 2))
    x = RNG.normal(size=(20, 3)).astype(np.float32)
    stream = rnnbp.SequenceDataset.from_stream(x, np.zeros(20, int), 2, 4)
    model.stateful = True
    found = np.concatenate(model.transform(stream, what="states")[::2])
    np.testing.assert_allclose(found, model.transform([x[:10]], what="states")[0], rtol=0, atol=1e-6)


def test_layers_below_one_that_reduces_time_have_values_at_every_step() -> None:
    model = rnnbp.Sequential(rnnbp.Dense(3, 5, "relu"), rnnbp.LSTM(5, 4), rnnbp.Last(), rnnbp.Dense(4, 2))
    hidden = model.transform(DATA, layer=0)
    assert [h.shape for h in hidden] == [(4, 5), (7, 5), (1, 5), (5, 5)]
    expected = np.maximum(DATA[1] @ model.params["0.w"].T + model.params["0.b"], 0)
    np.testing.assert_allclose(hidden[1], expected, rtol=0, atol=1e-6)
    assert model.transform(DATA, layer=2).shape == (4, 4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"layer": 5}, "layer must be one of '0', '1.0', '1.1', '2': 5 has no outputs"),
        ({"layer": 2, "what": "states"}, "layer must be one of '0', '1.0', '1.1': 2 has no states"),
        ({"layer": 1, "what": "states"}, "layer must be one of '0', '1.0', '1.1': 1 is one of several with cells"),
        ({"what": "states"}, "layer must be one of '0', '1.0', '1.1', as several layers have states"),
        (
            {"layer": 0, "what": "gates"},
            "what='gates' takes a cell with gates, as LSTM's and GRU's have, got Elman",
        ),
        ({"what": "gate"}, "what must be .*'gate'"),
        ({"layer": "1.2"}, r"'1.2' has no outputs. Did you mean '1.1'\?"),
    ],
)
def test_a_layer_without_such_values_is_refused_with_those_that_have_some(arguments: dict, message: str) -> None:
    model = rnnbp.Sequential(rnnbp.Elman(3, 4), rnnbp.GRU(4, 4, num_layers=2), rnnbp.Dense(4, 2))
    with pytest.raises(ValueError, match=message):
        model.transform(DATA, **arguments)


def test_states_of_a_learned_start_begin_there() -> None:
    model = rnnbp.Sequential(rnnbp.LearnedStart(rnnbp.GRU(3, 4, num_layers=2)), rnnbp.Dense(4, 2))
    model.params.vector[:] = np.random.default_rng(0).normal(size=model.params.size) / 2
    batch = rnnbp.SequenceBatch.from_array(np.stack([DATA[1], DATA[1][::-1]], axis=1))
    states = [model.transform(batch, layer=f"0.{k}", what="states") for k in range(2)]
    gates = model.transform(batch, layer="0.1", what="gates")
    state = model.start(2)
    for t in range(7):
        _, state = model.step(batch.x[t], state)
        for k in range(2):
            np.testing.assert_array_equal(np.stack([s[t] for s in states[k]]), state[0][k])
    z, n = gates["update"][0], gates["new"][0]
    before = np.concatenate([model.params["0.start_l1"][None], states[1][0][:-1]])
    np.testing.assert_allclose(states[1][0], (1 - z) * n + z * before, rtol=0, atol=1e-6)


def test_a_static_model_has_no_states() -> None:
    with pytest.raises(ValueError, match="takes a model with a layer of cells"):
        rnnbp.Sequential(rnnbp.Dense(3, 2)).transform(DATA, what="states")
