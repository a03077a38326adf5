"""Ends: the final states of both directions, and the warning that recommends it."""

import warnings

import numpy as np
import pytest
from helpers import LENGTHS, made, padded, real, run

import rnnbp
from rnnbp.cells import GRUCell, LSTMCell
from rnnbp.core import Parameters
from rnnbp.layers import (
    GRU,
    LSTM,
    Bidirectional,
    Dense,
    Dropout,
    Elman,
    Ends,
    Last,
    MeanOverTime,
    Noise,
    Normalize,
    Recurrent,
    Run,
    Window,
)
from rnnbp.models import Sequential

T, B, F, H = 6, 3, 3, 4
all_lengths = pytest.mark.parametrize("lengths", LENGTHS.values(), ids=LENGTHS.keys())
BOTH = {
    "Bidirectional": Bidirectional(GRUCell(F, H)),
    "one layer": LSTM(F, H, bidirectional=True),
    "two layers": LSTM(F, H, num_layers=2, bidirectional=True),
}
both_directions = pytest.mark.parametrize("layer", BOTH.values(), ids=BOTH.keys())


@all_lengths
def test_ends_are_the_final_states_of_both_directions(lengths, rng):
    cell = GRUCell(F, H)
    layer = Bidirectional(cell)
    params, x = made(layer), padded(lengths, rng)
    ends = run(Ends(), run(layer, x, lengths, params), lengths)
    for b, length in enumerate(lengths):
        own = x[:length, b : b + 1]
        for half, inputs, suffix in ((slice(0, H), own, ""), (slice(H, None), own[::-1], "_reverse")):
            weights = Parameters(cell.shapes(), np.concatenate([params[n + suffix].ravel() for n in cell.shapes()]))
            _, _, final = Recurrent(cell).forward(weights, inputs, Run(np.array([length])))
            np.testing.assert_allclose(ends[b, half], final[0], rtol=1e-12)


@pytest.mark.torch
@all_lengths
@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
@pytest.mark.parametrize("layers", [1, 2])
def test_ends_are_pytorchs_final_hidden_states(kind, layers, lengths, rng):
    torch = pytest.importorskip("torch")
    module = getattr(torch.nn, kind)(F, H, num_layers=layers, bidirectional=True, dtype=torch.float64)
    layer = getattr(rnnbp, kind)(F, H, num_layers=layers, bidirectional=True)
    vector = np.concatenate([p.detach().numpy().ravel() for p in module.parameters()])
    x = padded(lengths, rng)
    packed = torch.nn.utils.rnn.pack_padded_sequence(torch.from_numpy(x), torch.from_numpy(lengths))
    _, last = module(packed)
    hidden = last[0] if kind == "LSTM" else last
    expected = torch.cat((hidden[-2], hidden[-1]), dim=1).detach().numpy()
    found = run(Ends(), run(layer, x, lengths, Parameters(layer.shapes(), vector)), lengths)
    np.testing.assert_allclose(found, expected, rtol=1e-10)


@both_directions
@all_lengths
def test_gradient_through_ends_equals_the_complex_step(layer, lengths, rng):
    model = Sequential(layer, Ends(), Dense(2 * H, 2), dtype=np.float64)
    batch = rnnbp.SequenceBatch.from_array(padded(lengths, rng), lengths, np.array([0, 1, 1]))
    report = rnnbp.check_gradient(model, batch, samples=8)
    assert report.ok, report
    assert rnnbp.check_gradient(model, batch, rnnbp.CrossEntropy(), samples=8).ok


def test_padding_does_not_affect_ends(rng):
    lengths = LENGTHS["unequal lengths"]
    x = rng.standard_normal((T, B, 2 * H))
    y, residuals, _ = Ends().forward(Parameters({}), x, Run(lengths))
    np.testing.assert_array_equal(y, run(Ends(), real(x, lengths), lengths))
    dx, _ = Ends().backward(Parameters({}), residuals, np.ones_like(y), Parameters({}))
    np.testing.assert_array_equal(dx, real(dx, lengths))
    assert dx.sum() == y.size


@both_directions
def test_both_halves_of_ends_depend_on_every_step(layer, rng):
    model = Sequential(layer, Ends(), dtype=np.float64)
    x = rng.standard_normal((T, 1, F))
    before = model.forward(x)[0]
    for t in range(T):
        changed = x.copy()
        changed[t] += 1
        moved = np.abs(model.forward(changed)[0] - before)
        assert moved[:H].max() > 1e-6
        assert moved[H:].max() > 1e-6


def test_a_bidirectional_model_with_ends_learns_from_the_first_step(rng):
    """The class is the sign of the first input, which the backward direction sees last."""
    first = rng.choice([-1.0, 1.0], 60)
    sequences = [np.concatenate([[[s]], rng.normal(0, 0.3, (rng.integers(2, 7), 1))]) for s in first]
    data = rnnbp.SequenceDataset(sequences, targets=(first > 0).astype(int))
    model = Sequential(Elman(1, 4, bidirectional=True), Ends(), Dense(8, 2))
    trainer = rnnbp.Trainer(model, rnnbp.CrossEntropy(), rnnbp.BPTT(), rnnbp.Adam(0.05))
    trainer.fit(data, epochs=10, progress=False)
    assert trainer.evaluate(data)["accuracy"] == 1


# ---- warnings and errors ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "layers",
    [
        [LSTM(F, H, bidirectional=True), Last()],
        [Bidirectional(GRUCell(F, H)), Dropout(0.5), Last()],
        [Elman(F, H), GRU(H, H, 2, bidirectional=True), Dense(2 * H, 5, "relu"), Last(), Dense(5, 2)],
        [GRU(F, H, bidirectional=True), Window(1, 1), Last()],
    ],
    ids=lambda layers: " > ".join(type(layer).__name__ for layer in layers),
)
def test_last_after_a_bidirectional_layer_warns_and_names_ends(layers):
    with pytest.warns(UserWarning, match=r"Last\(\) after the bidirectional layer \d .* rnnbp\.Ends\(\)") as caught:
        Sequential(*layers)
    assert caught[0].filename == __file__  # points at the line that makes the model


@pytest.mark.parametrize(
    "layers",
    [
        [LSTM(F, H), Last()],
        [Last()],
        [LSTM(F, H, bidirectional=True), MeanOverTime()],
        [LSTM(F, H, bidirectional=True), GRU(2 * H, H), Last()],  # its input includes the backward half of every step
        [LSTM(F, H, bidirectional=True), Normalize([0.0] * 8, [1.0] * 8), Dropout(0.1), Noise(0.1), Ends()],
    ],
    ids=lambda layers: " > ".join(type(layer).__name__ for layer in layers),
)
def test_no_warning_where_outputs_depend_on_all_steps(layers):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Sequential(*layers)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        (
            [LSTM(F, H), Ends()],
            r"layer 1: Ends takes the outputs of a bidirectional layer, .* got (LSTM|Recurrent) below",
        ),
        ([Ends()], "layer 0: Ends takes the outputs of a bidirectional layer, .* got none below it"),
        ([LSTM(F, H, bidirectional=True), Dense(8, 4), Ends()], "layer 2: .* got Dense below it: use rnnbp.Last"),
        ([Bidirectional(LSTMCell(F, H)), Window(1, 1), Ends()], "layer 2: .* got Window below it"),
        (
            [Dense(F, 3), Ends()],
            r"layer 1: Ends takes two directions of O features each, \(T, B, 2 O\), got 3 features",
        ),
        ([GRU(F, H, bidirectional=True), Ends(), Ends()], r"layer 2: Ends takes sequences \(T, B, F\), got \(B, 8\)"),
    ],
)
def test_ends_after_another_layer_is_refused(layers, message):
    with pytest.raises(ValueError, match=message):
        Sequential(*layers)


def test_ends_is_saved_with_a_model(tmp_path, rng):
    model = Sequential(GRU(F, H, bidirectional=True), Ends(), Dense(2 * H, 2), dtype=np.float64)
    model.save(tmp_path / "model.npz")
    x = rng.standard_normal((T, B, F))
    np.testing.assert_array_equal(rnnbp.load(tmp_path / "model.npz").forward(x), model.forward(x))


def test_truncated_algorithms_refuse_ends_because_it_is_not_causal(rng):
    model = Sequential(GRU(F, H, bidirectional=True), Ends(), Dense(2 * H, 2))
    batch = rnnbp.SequenceBatch.from_array(rng.standard_normal((T, B, F)), targets=np.array([0, 1, 1]))
    with pytest.raises(ValueError, match=r"TruncatedBPTT.* takes causal layers"):
        list(rnnbp.TruncatedBPTT(2, 2).gradients(model, batch, rnnbp.CrossEntropy()))
