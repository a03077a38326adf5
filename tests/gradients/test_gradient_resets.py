"""At a reset the gradient stops: it is that of the sequences cut up at their resets, for every algorithm."""

import numpy as np
import pytest

import rnnbp
from rnnbp.gradients import ARTBP, BPTT, RTRL, SnAp, TruncatedBPTT
from rnnbp.gradients.base import GradientAlgorithm
from tests.helpers import CELLS

LENGTHS = (9, 7, 1)
RESETS = [np.array([0, 0, 0, 1, 0, 0, 1, 1, 0], bool), np.array([1, 0, 0, 0, 1, 0, 0], bool), np.array([0], bool)]
EXACT: dict[str, GradientAlgorithm] = {
    "BPTT": BPTT(),
    "checkpointed by residuals": BPTT(slots=2, block=2),
    "checkpointed by states": BPTT(memory="20 kB", block=1),
    "truncated, longer than the parts": TruncatedBPTT(2, 9),
    "truncated, whole": TruncatedBPTT(9, 9),
    "RTRL": RTRL(),
    "RTRL at every step": RTRL(every=1),
    "SnAp of full order": SnAp(9),
}


def data(rng: np.random.Generator, features: int = 3) -> rnnbp.SequenceDataset:
    x = [rng.normal(size=(n, features)) for n in LENGTHS]
    targets = [rng.integers(2, size=n) for n in LENGTHS]
    return rnnbp.SequenceDataset(x, targets, resets=RESETS, dtype=np.float64)


def cut_up(whole: rnnbp.SequenceDataset) -> rnnbp.SequenceDataset:
    x, targets = [], []
    for s, t, flags in zip(whole.sequences, whole.targets, whole.resets, strict=True):
        places = np.flatnonzero(flags)
        x += [piece for piece in np.split(s, places) if len(piece)]
        targets += [piece for piece in np.split(t, places) if len(piece)]
    return rnnbp.SequenceDataset(x, targets, dtype=np.float64)


def model_of(cell: rnnbp.cells.Cell) -> rnnbp.Sequential:
    return rnnbp.Sequential(rnnbp.Recurrent(cell), rnnbp.Dense(cell.output_size, 2), seed=1, dtype=np.float64)


def total(
    algorithm: GradientAlgorithm, model: rnnbp.Sequential, batch: rnnbp.SequenceBatch
) -> tuple[float, np.ndarray]:
    found = list(algorithm.gradients(model, batch, rnnbp.CrossEntropy()))
    return sum(g.loss for g in found), sum(g.vector for g in found)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("algorithm", EXACT)
def test_gradient_is_that_of_the_sequences_cut_up_at_their_resets(algorithm: str, cell: str) -> None:
    whole, model = data(np.random.default_rng(0)), model_of(CELLS[cell])
    loss, vector = total(EXACT[algorithm], model, whole.batch())
    wanted_loss, wanted = total(BPTT(), model, cut_up(whole).batch())
    assert loss == pytest.approx(wanted_loss, rel=1e-12)
    np.testing.assert_allclose(vector, wanted, rtol=0, atol=1e-12 * np.abs(wanted).max())


def test_a_stack_of_layers_with_dropout_draws_the_same_masks_at_every_run() -> None:
    model = rnnbp.Sequential(
        rnnbp.Embedding(5, 2), rnnbp.GRU(2, 2, num_layers=2, dropout=0.3), rnnbp.Dropout(0.2), rnnbp.Dense(2, 5),
        dtype=np.float64,
    )  # fmt: skip
    rng = np.random.default_rng(0)
    x = [rng.integers(5, size=n) for n in LENGTHS]
    batch = rnnbp.SequenceDataset(x, x, resets=RESETS, dtype=np.float64).batch()
    found = [next(BPTT().gradients(model, batch, rnnbp.CrossEntropy(), rng=np.random.default_rng(7))) for _ in range(2)]
    direction = np.random.default_rng(4).normal(size=model.params.size)
    slope = rnnbp.jvp(model, batch, rnnbp.CrossEntropy(), direction, rng=np.random.default_rng(7)).slope
    np.testing.assert_array_equal(found[0].vector, found[1].vector)
    assert found[0].vector @ direction == pytest.approx(slope, rel=1e-11)


@pytest.mark.parametrize("algorithm", [TruncatedBPTT(2, 3), ARTBP(seed=0)])
def test_a_window_does_not_reach_over_a_reset(algorithm: GradientAlgorithm) -> None:
    """Resets at every step: what is left is the gradient through a single step, whatever the window."""
    rng = np.random.default_rng(0)
    x, targets = rng.normal(size=(6, 3)), rng.integers(2, size=6)
    whole = rnnbp.SequenceDataset([x], [targets], resets=[np.ones(6, bool)], dtype=np.float64).batch()
    single = rnnbp.SequenceDataset(list(x[:, None]), list(targets[:, None]), dtype=np.float64).batch()
    model = model_of(CELLS["LSTM"])
    np.testing.assert_allclose(total(algorithm, model, whole)[1], total(BPTT(), model, single)[1], rtol=0, atol=1e-13)


@pytest.mark.parametrize("algorithm", [BPTT(), TruncatedBPTT(2, 4), BPTT(slots=2, block=2), RTRL()])
def test_a_reset_at_the_first_step_replaces_the_carried_state(algorithm: GradientAlgorithm) -> None:
    rng = np.random.default_rng(0)
    x, targets = rng.normal(size=(5, 2, 3)), rng.integers(2, size=(5, 2))
    reset = np.zeros((5, 2), bool)
    reset[0, 1] = True
    model = model_of(CELLS["GRU"])
    batch = rnnbp.SequenceBatch.from_array(x, targets=targets, reset=reset)
    carried = [rng.normal(size=(2, 4)), None]
    replaced = [np.stack([carried[0][0], np.zeros(4)]), None]
    plain = rnnbp.SequenceBatch.from_array(x, targets=targets)
    found = list(algorithm.gradients(model, batch, rnnbp.CrossEntropy(), carried))
    wanted = list(algorithm.gradients(model, plain, rnnbp.CrossEntropy(), replaced))
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one.vector, other.vector, rtol=0, atol=1e-14)
        np.testing.assert_allclose(one.state[0], other.state[0], rtol=0, atol=1e-14)


@pytest.mark.parametrize("algorithm", [rnnbp.UORO(seed=1), rnnbp.KFRTRL(seed=1), rnnbp.EProp(), rnnbp.RFLO()])
def test_online_estimates_of_a_sequence_reset_at_every_step_are_those_of_single_steps(
    algorithm: GradientAlgorithm,
) -> None:
    """The influence matrix of one step is exact in all of them, as nothing has been propagated yet."""
    rng = np.random.default_rng(0)
    x, targets = rng.normal(size=(6, 3)), rng.integers(2, size=6)
    model = model_of(CELLS["Elman tanh"])
    whole = rnnbp.SequenceDataset([x], [targets], resets=[np.ones(6, bool)], dtype=np.float64).batch()
    single = rnnbp.SequenceDataset(list(x[:, None]), list(targets[:, None]), dtype=np.float64).batch()
    wanted = total(algorithm if isinstance(algorithm, rnnbp.RFLO) else BPTT(), model, single)[1]
    if isinstance(algorithm, rnnbp.UORO):  # random even for one step: the mean over signs
        seeds = [total(rnnbp.UORO(seed=s), model, whole)[1] for s in range(60)]
        error = np.mean(seeds, axis=0) - wanted
        assert np.abs(error).max() < 5 * np.std(seeds, axis=0).max() / np.sqrt(60)
        return
    np.testing.assert_allclose(total(algorithm, model, whole)[1], wanted, rtol=0, atol=1e-13)


def test_one_time_diagnostics_of_lags_refuse_resets() -> None:
    batch = data(np.random.default_rng(0)).batch()
    with pytest.raises(ValueError, match="gradient_decay takes no reset flags: make a sequence of every part"):
        rnnbp.gradients.gradient_decay(model_of(CELLS["GRU"]), batch, rnnbp.CrossEntropy(), window=3)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([rnnbp.LSTM(3, 4), rnnbp.Last(), rnnbp.Dense(4, 2)], "layer 1, Last, reduces time: make a sequence of every"),
        ([rnnbp.LSTM(3, 4, bidirectional=True), rnnbp.Dense(8, 2)], "layer 0, LSTM, is non-causal"),
    ],
)
def test_a_model_that_takes_no_resets_names_the_layer(layers: list[rnnbp.layers.Layer], message: str) -> None:
    batch = rnnbp.SequenceBatch(np.ones((4, 1, 3)), [4], [0] if "Last" in message else np.zeros((4, 1), int),
                                reset=[[0], [0], [1], [0]])  # fmt: skip
    with pytest.raises(ValueError, match=message):
        next(BPTT().gradients(rnnbp.Sequential(*layers), batch, rnnbp.CrossEntropy()))


@pytest.mark.parametrize(
    "algorithm", [BPTT(), BPTT(slots=2, block=2), TruncatedBPTT(2, 9), TruncatedBPTT(9, 9), RTRL()]
)
@pytest.mark.parametrize("layer", [rnnbp.GRU(3, 4), rnnbp.LSTM(3, 4, num_layers=2), rnnbp.Elman(3, 4)])
def test_a_learned_initial_state_gets_its_gradient_at_every_reset(
    algorithm: GradientAlgorithm, layer: rnnbp.layers.Layer
) -> None:
    whole = data(np.random.default_rng(0))
    model = rnnbp.Sequential(rnnbp.LearnedStart(layer), rnnbp.Dense(4, 2), seed=1, dtype=np.float64)
    model.params.vector[:] = np.random.default_rng(2).normal(size=model.params.size) / 2
    vector = total(algorithm, model, whole.batch())[1]
    wanted = total(BPTT(), model, cut_up(whole).batch())[1]
    for name in model.params:
        assert np.abs(wanted[model.params.place(name)]).max() > 1e-4
    np.testing.assert_allclose(vector, wanted, rtol=0, atol=1e-12 * np.abs(wanted).max())


@pytest.mark.parametrize(
    "layers",
    [
        [rnnbp.VariationalDropout(0.5), rnnbp.GRU(3, 4), rnnbp.Dense(4, 2)],
        [rnnbp.Zoneout(rnnbp.cells.GRUCell(3, 4), 0.3), rnnbp.Dense(4, 2)],
        [rnnbp.Residual(rnnbp.GRU(3, 3)), rnnbp.Conv1D(3, 4, 2), rnnbp.Dense(4, 2)],
    ],
)
def test_random_and_nested_layers_are_differentiated_through_resets(layers: list[rnnbp.layers.Layer]) -> None:
    model = rnnbp.Sequential(*layers, seed=1, dtype=np.float64)
    batch = data(np.random.default_rng(0)).batch()
    found = next(BPTT().gradients(model, batch, rnnbp.CrossEntropy(), rng=np.random.default_rng(3))).vector
    for direction in np.random.default_rng(4).normal(size=(3, model.params.size)):
        slope = rnnbp.jvp(model, batch, rnnbp.CrossEntropy(), direction, rng=np.random.default_rng(3)).slope
        assert found @ direction == pytest.approx(slope, rel=1e-11)


def test_variational_dropout_draws_a_mask_for_every_episode() -> None:
    model = rnnbp.Sequential(rnnbp.VariationalDropout(0.5), dtype=np.float64)
    reset = np.zeros((9, 2), bool)
    reset[[3, 6], 0] = True
    run = rnnbp.layers.Run(np.array([9, 9]), np.random.default_rng(0), reset)
    y, _, _ = model.unroll(model.params, np.ones((9, 2, 40)), run)
    np.testing.assert_array_equal(y[:, 1], np.repeat(y[:1, 1], 9, axis=0))
    episodes = [y[start : start + 3, 0] for start in (0, 3, 6)]
    for episode in episodes:
        np.testing.assert_array_equal(episode, np.repeat(episode[:1], 3, axis=0))
    assert len({tuple(episode[0]) for episode in episodes}) == 3


@pytest.mark.parametrize("algorithm", [RTRL(), SnAp(1), rnnbp.UORO()])
def test_variational_dropout_with_resets_is_refused_online(algorithm) -> None:
    model = rnnbp.Sequential(rnnbp.VariationalDropout(0.4), rnnbp.GRU(2, 3), rnnbp.Dense(3, 2))
    batch = rnnbp.SequenceBatch.from_array(
        np.ones((4, 2, 2)), targets=np.zeros((4, 2), int), reset=np.eye(4, 2, -1, bool)
    )
    list(algorithm.gradients(model, batch, rnnbp.CrossEntropy()))
    with pytest.raises(ValueError, match="draw the mask of VariationalDropout once, and every reset needs a new one"):
        list(algorithm.gradients(model, batch, rnnbp.CrossEntropy(), rng=np.random.default_rng(0)))
