"""A sequence run in segments, from state to state, gives the numbers of one run, whatever the layer."""

from itertools import pairwise

import numpy as np
import pytest
from helpers import CELLS, made, relative_error
from pairs import pairs, slow_but

from rnnbp.cells import GRUCell, JordanCell, LSTMCell
from rnnbp.kernels.blocks import BLOCK, blocks, packed_blocks
from rnnbp.layers import Dense, Embedding, Last, MeanOverTime, MultiLayer, Normalize, Recurrent, Run, Window

T, B, F = 3 * BLOCK + 5, 3, 3
LENGTHS = {"equal lengths": np.full(B, T), "unequal lengths": np.array([T, 2 * BLOCK + 1, 4])}
CUTS = {"one block a span": [0, BLOCK, 2 * BLOCK, 3 * BLOCK, T], "two blocks, then the rest": [0, 2 * BLOCK, T]}

ROUNDING = {np.float32: 2e-6, np.float64: 4e-15}  # of sums over steps in another order

LAYERS = {
    **{name: Recurrent(cell) for name, cell in CELLS.items()},
    "three recurrent layers": MultiLayer((JordanCell(F, 3, 2, 0.4), LSTMCell(2, 3), GRUCell(3, 2))),
    "Dense": Dense(F, 4, "tanh"),
    "Normalize": Normalize([0.3, 0.1, -1.0], [2.0, 1.0, 0.7]),
    "Embedding": Embedding(7, 4),
    "Window(2, 0)": Window(2, 0),
    "Window longer than a block": Window(BLOCK + 3, 0),
    "MeanOverTime": MeanOverTime(),
    "Last": Last(),
}


def forward_and_backward(layer, params, x, dy, lengths, cuts):
    """Return outputs, dx and the parameters' gradient, over spans each of which continues the one before."""
    state, residuals, outputs = None, [], []
    for start, stop in pairwise(cuts):
        span = Run(np.clip(lengths - start, 0, stop - start))
        y, own, state = layer.forward(params, x[start:stop], span, state)
        outputs.append(y)
        residuals.append(own)
    grad, d_state, d_x = params.zeros(), None, []
    timed = outputs[0].ndim == 3
    for own, (start, stop) in reversed(list(zip(residuals, pairwise(cuts), strict=True))):
        here = dy[start:stop] if timed else dy * (stop == len(x))
        dx, d_state = layer.backward(params, own, here, grad, d_state)
        d_x.append(dx)
    return np.concatenate(outputs) if timed else outputs[-1], np.concatenate(d_x[::-1]), grad.vector


COMPILED_BY_OTHER_TESTS = ("Elman tanh", "LSTM", "GRU", "original GRU")
ROWS = pairs(LAYERS, ROUNDING, LENGTHS, CUTS)
QUICK = [row for row in ROWS if row[0] not in CELLS or row[0] in COMPILED_BY_OTHER_TESTS]


@pytest.mark.parametrize(("name", "dtype", "lengths", "cuts"), slow_but(QUICK, ROWS))
def test_segments_give_the_outputs_and_input_gradients_of_one_run_to_the_bit(name, dtype, lengths, cuts, rng):
    layer, lengths, cuts = LAYERS[name], LENGTHS[lengths], CUTS[cuts]
    params = made(layer, dtype)
    x = rng.integers(7, size=(T, B)) if name == "Embedding" else rng.standard_normal((T, B, F)).astype(dtype)
    once = layer.forward(params, x, Run(lengths))[0]
    dy = rng.standard_normal(once.shape).astype(dtype)
    expected = forward_and_backward(layer, params, x, dy, lengths, [0, T])
    found = forward_and_backward(layer, params, x, dy, lengths, cuts)
    for f, e in zip(found[:2], expected[:2], strict=True):
        np.testing.assert_array_equal(f, e)
    assert relative_error(found[2], expected[2]) < ROUNDING[dtype]
    assert all(f.dtype == dtype for f in found)
    assert all(np.isfinite(f).all() for f in found)


@pytest.mark.parametrize("size", [1, 2])
def test_a_mean_over_time_of_few_features_is_summed_in_order(size, rng):
    """NumPy sums contiguous numbers pairwise, in another order."""
    x = rng.standard_normal((T, 1, size)).astype(np.float32)
    cuts, dy = CUTS["one block a span"], np.ones((1, size), np.float32)
    found, expected = (
        forward_and_backward(MeanOverTime(), made(MeanOverTime()), x, dy, np.array([T]), c)[0] for c in (cuts, [0, T])
    )
    np.testing.assert_array_equal(found, expected)


def test_blocks_cover_time_once():
    for steps in (0, 1, BLOCK, BLOCK + 1, T):
        taken = [t for here in blocks(steps) for t in range(steps)[here]]
        assert taken == list(range(steps))


def test_packed_blocks_are_the_rows_of_their_steps():
    active = Run(LENGTHS["unequal lengths"]).active(T)
    owner = np.repeat(np.arange(T), active)
    for steps, rows in packed_blocks(active):
        np.testing.assert_array_equal(owner[rows], np.repeat(np.arange(T)[steps], active[steps]))
