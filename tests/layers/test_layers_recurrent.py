"""Recurrent layers against the loop over a cell's step: one-directional, bidirectional and stacked."""

import numpy as np
import pytest
from helpers import CELLS, LENGTHS, made, padded, real, relative_error, run

from rnnbp.cells import ElmanCell, GRUCell, JordanCell, LSTMCell, Stack
from rnnbp.core import Parameters
from rnnbp.layers import GRU, LSTM, Bidirectional, Elman, Jordan, MultiLayer, OriginalGRU, Recurrent, Run

all_lengths = pytest.mark.parametrize("lengths", LENGTHS.values(), ids=LENGTHS.keys())

T, B, F = 6, 3, 3


@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS.keys())
def test_recurrent_is_the_loop_over_step(cell, rng):
    lengths, params = LENGTHS["unequal lengths"], made(cell)
    x = padded(lengths, rng)
    start = rng.standard_normal((B, cell.state_size))
    y, _, end = Recurrent(cell).forward(params, x, Run(lengths), start)
    for b in range(B):
        state = start[b]
        for t in range(lengths[b]):
            state, _ = cell.step(params, state, x[t, b])
            np.testing.assert_allclose(y[t, b], state[: cell.output_size], rtol=1e-12, atol=1e-15)
        np.testing.assert_allclose(end[b], state, rtol=1e-12, atol=1e-15)
        assert not y[lengths[b] :, b].any()


@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS.keys())
@all_lengths
def test_gradient_from_the_final_to_the_initial_state_equals_the_complex_step(cell, lengths, rng):
    layer, params, x = Recurrent(cell), made(cell), padded(lengths, rng)
    start, weights = rng.standard_normal((2, B, cell.state_size))
    _, residuals, _ = layer.forward(params, x, Run(lengths), start)
    _, d_state = layer.backward(params, residuals, np.zeros((T, B, cell.output_size)), params.zeros(), weights)
    at = params.astype(complex)

    def value(s):
        return np.sum(weights * layer.forward(at, x, Run(lengths), s.reshape(start.shape))[2])

    expected = [value(start.ravel() + 1e-30j * row).imag / 1e-30 for row in np.eye(start.size)]
    assert relative_error(d_state.ravel(), expected) < 1e-12


def test_the_given_state_is_not_modified(rng):
    layer = GRU(F, 4)
    start = rng.standard_normal((B, 4))
    before = start.copy()
    layer.forward(made(layer), padded(np.full(B, T), rng), Run(np.full(B, T)), start)
    np.testing.assert_array_equal(start, before)


def test_a_bidirectional_layer_is_two_layers_one_over_reversed_sequences(rng):
    lengths, cell = LENGTHS["unequal lengths"], LSTMCell(F, 4)
    layer = Bidirectional(cell)
    params, x = made(layer), padded(lengths, rng)
    y = run(layer, x, lengths, params)
    forward = Parameters(cell.shapes(), params.vector[: params.size // 2])
    backward = params.scope(suffix="_reverse")
    np.testing.assert_array_equal(y[..., :4], run(Recurrent(cell), x, lengths, forward))
    for b, length in enumerate(lengths):
        reversed_x = x[:length, b : b + 1][::-1]
        expected = run(Recurrent(cell), reversed_x, [length], backward)[::-1, 0]
        np.testing.assert_allclose(y[:length, b, 4:], expected, rtol=1e-12)
        assert not y[length:, b].any()


@all_lengths
def test_a_stack_of_cells_is_a_multilayer(lengths, rng):
    cells = (LSTMCell(F, 4), GRUCell(4, 2), JordanCell(2, 3, 2, 0.5))
    stack, layers = Recurrent(Stack(cells)), MultiLayer(cells)
    params, x = made(stack), padded(lengths, rng)
    assert [shape for _, shape in stack.shapes().items()] == list(layers.shapes().values())
    same = Parameters(layers.shapes(), params.vector)
    y, residuals, _ = stack.forward(params, x, Run(lengths))
    y_layers, residuals_layers, _ = layers.forward(same, x, Run(lengths))
    assert relative_error(y, y_layers) < 1e-14
    dy, grad, grad_layers = real(rng.standard_normal(y.shape), lengths), params.zeros(), same.zeros()
    dx, _ = stack.backward(params, residuals, dy, grad)
    dx_layers, _ = layers.backward(same, residuals_layers, dy, grad_layers)
    assert relative_error(grad.vector, grad_layers.vector) < 1e-13
    assert relative_error(dx, dx_layers) < 1e-13


@pytest.mark.parametrize(
    ("layer", "names"),
    [
        (Elman(F, 4), ["w_ih", "w_hh", "b_ih", "b_hh"]),
        (GRU(F, 4, 2), [f"{n}_l{k}" for k in range(2) for n in ("w_ih", "w_hh", "b_ih", "b_hh")]),
        (
            LSTM(F, 4, 2, bidirectional=True),
            [
                f"{n}_l{k}{suffix}"
                for k in range(2)
                for suffix in ("", "_reverse")
                for n in ("w_ih", "w_hh", "b_ih", "b_hh")
            ],
        ),
    ],
)
def test_parameter_names_are_pytorchs(layer, names):
    assert list(layer.shapes()) == names


def test_parameter_names_of_a_bidirectional_layer_have_its_number():
    names = ["w_ih", "w_hh", "b_ih", "b_hh"]
    expected = [f"{n}_l0" for n in names] + [f"{n}_l0_reverse" for n in names]
    assert list(GRU(F, 4, bidirectional=True).shapes()) == expected
    assert list(Bidirectional(GRUCell(F, 4)).shapes()) == names + [f"{n}_reverse" for n in names]


def test_named_layers_unroll_their_cells():
    assert Elman(3, 4, activation="relu").unrolled == Recurrent(ElmanCell(3, 4, "relu"))
    assert LSTM(3, 4, 2).unrolled == MultiLayer((LSTMCell(3, 4), LSTMCell(4, 4)))
    assert GRU(3, 4, 2, bidirectional=True).unrolled == MultiLayer((GRUCell(3, 4), GRUCell(8, 4)), bidirectional=True)
    assert Jordan(3, 4, 2, decay=0.5, activation="linear").unrolled == Recurrent(JordanCell(3, 4, 2, 0.5, "linear"))
    assert OriginalGRU(3, 4).out_shape(("T", "B", 3)) == ("T", "B", 4)


def test_dropout_is_applied_between_layers_only(rng):
    lengths = np.full(B, T)
    layer = GRU(F, 40, num_layers=2, dropout=0.5)
    params, x = made(layer), padded(lengths, rng)
    evaluated = run(layer, x, lengths, params)
    np.testing.assert_array_equal(evaluated, run(GRU(F, 40, num_layers=2), x, lengths, params))
    trained, residuals, _ = layer.forward(params, x, Run(lengths, np.random.default_rng(1)))
    assert relative_error(trained, evaluated) > 1e-3
    masks = [mask for mask, _ in residuals]
    assert masks[0] is None
    assert set(np.unique(masks[1])) == {0, 2}
    assert trained.all()  # no dropout after the last layer


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Recurrent(3), r"cell must be a cell \(rnnbp.cells.Cell\), got 3, which has no input_size, "),
        (lambda: Bidirectional(LSTM(3, 4)), r"cell must be a cell .* which has no output_size, .*step_vjp"),
        (lambda: MultiLayer(()), "cells must contain at least one cell, got none"),
        (lambda: MultiLayer((LSTMCell(3, 4), 7)), r"cell 1 of the layer must be a cell .*, got 7"),
        (
            lambda: MultiLayer((LSTMCell(3, 4), GRUCell(5, 4))),
            r"Recurrent takes 5 features, got 4 in \(T, B, 4\)",
        ),
        (lambda: MultiLayer((LSTMCell(3, 4),), dropout=1.0), "dropout must be below 1, got 1"),
        (lambda: LSTM(3, 4, 2, dropout=-0.1), "dropout must be a number between 0 and 1, got -0.1"),
        (lambda: LSTM(3, 4, 0), "num_layers must be a positive integer, got 0"),
        (lambda: GRU(3, 4, dropout=2), "dropout must be a number between 0 and 1, got 2"),
        (lambda: Elman(3, -3), "hidden_size must be a positive integer, got -3"),
        (lambda: Elman(3, 4, activation="rely"), "got 'rely'. Did you mean 'relu'"),
    ],
)
def test_wrong_arguments_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
