"""CTC: against all alignments written out, against the complex step and against PyTorch; training with it."""

import itertools

import numpy as np
import pytest
from helpers import relative_error

import rnnbp
from rnnbp import kernels
from rnnbp.data import LabelSequences, SequenceBatch, SequenceDataset
from rnnbp.decoding.best_path import collapse
from rnnbp.losses import CTC, CrossEntropy, from_config, natural_loss
from rnnbp.losses.ctc_arrays import log_sum

# Labels of a batch for K = 4 with blank 0, and the sequences' steps: repeated labels, none, as many as steps.
LABELS = [[1, 2], [3, 3], [], [2, 1, 2, 3], [1]]
STEPS = np.array([5, 4, 3, 4, 1])
T, B, K = 5, len(STEPS), 4


@pytest.fixture(params=["compiled", "numpy"])
def backend(request):
    """Each implementation."""
    with kernels.using(request.param):
        yield request.param


def with_blank(labels, blank):
    """Return the labels of the case above for another blank."""
    return [[k if k > blank else k - 1 for k in one] for one in labels]


def outputs_for(rng, dtype=np.float64):
    """Return outputs with NaN past the ends."""
    outputs = 2 * rng.standard_normal((T, B, K))
    outputs[np.arange(T)[:, None] >= STEPS] = np.nan
    return outputs.astype(dtype)


def summed_over_alignments(outputs, labels, blank=0):
    """Return -log of the probability of labels and its gradient, as sums over all paths of one sequence."""
    y = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    y /= y.sum(axis=1, keepdims=True)
    steps, count = outputs.shape
    total, occupied = 0.0, np.zeros_like(y)
    for path in itertools.product(range(count), repeat=steps):
        if collapse(np.array(path), blank).tolist() == list(labels):
            p = np.prod(y[np.arange(steps), list(path)])
            total += p
            occupied[np.arange(steps), list(path)] += p
    return -np.log(total), y - occupied / total


@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize("blank", [0, 2, 3])
def test_loss_and_gradient_equal_sums_over_all_alignments(blank, rng):
    outputs, labels = outputs_for(rng), with_blank(LABELS, blank)
    value, d_outputs = CTC(blank)(outputs, labels, STEPS)
    expected = [summed_over_alignments(outputs[:n, b], labels[b], blank) for b, n in enumerate(STEPS)]
    assert value == pytest.approx(np.mean([loss for loss, _ in expected]), rel=1e-13)
    for b, (_, d) in enumerate(expected):
        np.testing.assert_allclose(d_outputs[: STEPS[b], b], d / B, rtol=1e-11, atol=1e-14)
        assert np.all(d_outputs[STEPS[b] :, b] == 0)


@pytest.mark.usefixtures("backend")
def test_gradient_equals_the_complex_step(rng):
    outputs, loss = outputs_for(rng), CTC()
    value, d_outputs = loss(outputs, LABELS, STEPS)
    numerical = np.zeros_like(outputs)
    for place in zip(*np.nonzero(np.isfinite(outputs)), strict=True):
        moved = outputs.astype(complex)
        moved[place] += 1e-100j
        numerical[place] = loss(moved, LABELS, STEPS)[0].imag / 1e-100
    np.testing.assert_allclose(d_outputs, numerical, rtol=1e-12, atol=1e-14)
    moved = outputs.astype(complex)
    assert loss(moved, LABELS, STEPS)[0].real == pytest.approx(value, rel=1e-14)
    assert loss(moved, LABELS, STEPS)[1].dtype == complex


@pytest.mark.usefixtures("backend")
def test_float32_is_preserved_and_arguments_are_not_changed(rng):
    outputs, labels = outputs_for(rng), LabelSequences(LABELS)
    single = outputs.astype(np.float32)
    value, d_outputs = CTC()(single, labels, STEPS)
    assert d_outputs.dtype == np.float32
    assert type(value) is float
    exact, d_exact = CTC()(single.astype(np.float64), labels, STEPS)
    assert value == pytest.approx(exact, rel=1e-6)
    np.testing.assert_allclose(d_outputs, d_exact, atol=1e-7)
    np.testing.assert_array_equal(single, outputs.astype(np.float32))


@pytest.mark.usefixtures("backend")
def test_probabilities_below_the_range_of_floats_do_not_underflow():
    """The only alignment has a probability of exp(-60000)."""
    steps = 200
    outputs = np.zeros((steps, 1, 3))
    outputs[:, 0, 0] = 300.0
    value, d_outputs = CTC()(outputs, [[1, 2] * (steps // 2)])
    assert value == pytest.approx(300 * steps, rel=1e-12)
    assert d_outputs[0, 0].tolist() == pytest.approx([1, -1, 0], abs=1e-12)


@pytest.mark.usefixtures("backend")
def test_probabilities_of_all_label_sequences_add_up_to_one(rng):
    """Over all label sequences that four steps can have."""
    outputs = rng.standard_normal((4, 1, 3))
    possible = {tuple(collapse(np.array(path))) for path in itertools.product(range(3), repeat=4)}
    total = sum(np.exp(-CTC()(outputs, [labels])[0]) for labels in possible)
    assert total == pytest.approx(1, rel=1e-13)


@pytest.mark.usefixtures("backend")
def test_an_empty_sequence_has_loss_and_gradient_zero():
    value, d_outputs = CTC()(np.ones((2, 2, 3)), [[], [1]], [0, 2])
    assert value == pytest.approx(-np.log(1 / 3) / 2)
    assert not d_outputs[:, 0].any()


def test_compiled_and_numpy_agree_for_extreme_outputs(rng):
    """Probabilities that differ by more than any float; repeated labels, no label, hardly a step for each."""
    pytest.importorskip("numba")
    steps = np.array([60, 60, 41, 5])
    labels = [rng.integers(1, 6, 20), np.ones(30, int), [], [2] * 3]
    for scale in (1e-3, 1, 30, 1e3, 1e6):
        outputs = scale * rng.standard_normal((60, 4, 7))
        with kernels.using("numpy"):
            value, d_outputs = CTC()(outputs, labels, steps)
        found, d_found = CTC()(outputs, labels, steps)
        assert found == pytest.approx(value, rel=1e-13)
        np.testing.assert_allclose(d_found, d_outputs, atol=1e-10 * max(1, scale / 100))


def test_sequences_are_distributed_over_threads(rng, monkeypatch):
    pytest.importorskip("numba")
    from rnnbp.losses import ctc

    outputs, expected = outputs_for(rng), None
    monkeypatch.setattr(ctc, "SMALLEST_SHARD", 1)
    for threads in (1, 2, 3):
        monkeypatch.setattr(ctc, "get_num_threads", lambda threads=threads: threads)
        value, d_outputs = CTC()(outputs, LABELS, STEPS)
        expected = expected or (value, d_outputs)
        assert value == expected[0]
        np.testing.assert_array_equal(d_outputs, expected[1])


def test_without_numba_the_numpy_implementation_is_used(rng, monkeypatch):
    from rnnbp.losses import ctc

    outputs = outputs_for(rng)
    with kernels.using("numpy"):
        value, d_outputs = CTC()(outputs, LABELS, STEPS)
    monkeypatch.setattr(ctc, "may_compile", lambda: False)
    again, d_again = CTC()(outputs, LABELS, STEPS)
    assert value == again
    np.testing.assert_array_equal(d_outputs, d_again)


# ---- labels that have no alignment --------------------------------------------------------------


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([[1], [1, 2, 3]], "sequence b=1 has 2 steps, but its 3 labels need 3: leave it out, or let it count as 0 by"),
        ([[1], [2, 2]], "sequence b=1 has 2 steps, but its 2 labels need 3, 1 of them for blanks between two that are"),
        (
            [[1, 0], [1]],
            r"label 0 in targets\[b=0\] is the blank: the network has one output for each label and one for the blank",
        ),
        ([[1], [1, 4]], r"label 4 in targets\[b=1\] is not one of the K = 4 outputs 0..3"),
        ([[1]], "targets must be labels for each of the B = 2 sequences, got 1"),
        ([[1], [[2]]], r"labels of sequence 1 must be of shape \(L,\), all integers or all names"),
        ([[1], [-1]], "labels of sequence 1 must be integers of 0 or more, got -1"),
    ],
)
def test_labels_that_do_not_fit_are_refused(labels, message):
    with pytest.raises(ValueError, match=message):
        CTC()(np.zeros((2, 2, 4)), labels)


def test_wrong_outputs_and_arguments_are_refused():
    with pytest.raises(ValueError, match=r"outputs must have shape \(T, B, K\) for CTC, got \(2, 3\): leave out the"):
        CTC()(np.zeros((2, 3)), [[1], [1]])
    with pytest.raises(ValueError, match=r"blank must be one of the K = 3 outputs 0..2, got 3"):
        CTC(blank=3)(np.zeros((2, 1, 3)), [[1]])
    with pytest.raises(ValueError, match="blank must be an integer of 0 or more, got -1"):
        CTC(blank=-1)
    with pytest.raises(ValueError, match="lengths must be from 0 to T = 2, got 3 to 3"):
        CTC()(np.zeros((2, 1, 3)), [[1]], [3])


@pytest.mark.usefixtures("backend")
def test_zero_infinity_gives_loss_and_gradient_zero_without_an_alignment(rng):
    outputs = rng.standard_normal((2, 3, 4))
    labels = [[1], [2, 2], [3]]
    outputs[:, 2, 3] = -np.inf  # its steps suffice, but its label has no probability
    value, d_outputs = CTC(zero_infinity=True)(outputs, labels)
    alone, d_alone = CTC()(outputs[:, :1], labels[:1])
    assert value == pytest.approx(alone / 3, rel=1e-14)
    np.testing.assert_allclose(d_outputs[:, :1], d_alone / 3, rtol=1e-13)
    assert not d_outputs[:, 1:].any()
    assert CTC()(outputs[:, 2:], labels[2:])[0] == np.inf


@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_nonfinite_outputs_give_a_nonfinite_loss(number, rng):
    outputs = rng.standard_normal((3, 1, 3))
    outputs[0, 0, 0] = number
    assert not np.isfinite(CTC()(outputs, [[1]])[0])


# ---- PyTorch -----------------------------------------------------------------------------------


def pytorch(blank, outputs, labels, steps):
    """Return the mean loss over the sequences, and its gradient."""
    torch = pytest.importorskip("torch")
    theirs = torch.tensor(outputs, requires_grad=True)
    loss = torch.nn.CTCLoss(blank, reduction="sum", zero_infinity=True)
    lengths = torch.tensor([len(one) for one in labels])
    value = loss(theirs.log_softmax(-1), torch.tensor(np.concatenate(labels)), torch.tensor(steps), lengths)
    (value / len(labels)).backward()
    return value.item() / len(labels), theirs.grad.numpy()


def torch_case(rng, blank, scale):
    """Outputs, labels and steps of a batch with repeated labels, none, and too many for the steps."""
    count, steps = 9, np.array([40, 37, 30, 12, 12, 5]) // scale
    symbols = np.setdiff1d(np.arange(count), [blank])
    labels = [rng.choice(symbols, n // scale) for n in (12, 7, 2, 0, 5, 4)]
    labels[1][1:3] = labels[1][1]
    labels[5][:] = labels[5][0]  # needs a step more for each two of them
    return 2 * rng.standard_normal((steps[0], len(steps), count)), labels, steps


@pytest.mark.usefixtures("backend")
@pytest.mark.torch
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 1e-5), (np.float64, 1e-10)])
@pytest.mark.parametrize("blank", [0, 6])
def test_loss_and_gradient_are_pytorchs(dtype, tolerance, blank, rng):
    """In float32 the sequences are shorter: over 40 steps PyTorch, which adds up in float32, is off by 1.5e-5."""
    outputs, labels, steps = torch_case(rng, blank, scale=2 if dtype == np.float32 else 1)
    value, d_outputs = CTC(blank, zero_infinity=True)(outputs.astype(dtype), labels, steps)
    expected, d_expected = pytorch(blank, outputs.astype(dtype), labels, steps)
    assert d_outputs.dtype == dtype
    assert value == pytest.approx(expected, rel=tolerance)
    assert relative_error(d_outputs, d_expected) < tolerance
    assert expected > 0


@pytest.mark.usefixtures("backend")
@pytest.mark.torch
def test_float32_is_as_accurate_as_pytorch_in_float64(rng):
    outputs, labels, steps = torch_case(rng, 0, scale=1)
    outputs = outputs.astype(np.float32)
    value, d_outputs = CTC(zero_infinity=True)(outputs, labels, steps)
    expected, d_expected = pytorch(0, outputs.astype(np.float64), labels, steps)
    assert value == pytest.approx(expected, rel=1e-12)
    assert relative_error(d_outputs, d_expected) < 1e-6
    assert not d_outputs[:, 5].any()


# ---- targets of their own lengths ---------------------------------------------------------------


def spelt(rng, count=12, noise=0.1):
    """Sequences with their labels one after another, each for some steps: labels 1 to 3, K = 4."""
    labels = [rng.integers(1, 4, rng.integers(1, 5)) for _ in range(count)]
    eye = np.eye(4)[:, 1:]
    shown = [np.repeat(np.append(0, np.insert(one, range(1, len(one) + 1), 0)), 2) for one in labels]
    sequences = [eye[path] + noise * rng.standard_normal((len(path), 3)) for path in shown]
    return SequenceDataset(sequences, LabelSequences(labels))


def test_a_dataset_keeps_labels_with_their_sequences(rng):
    data = spelt(rng)
    (batch,) = data.batches(12, shuffle=True, rng=rng)
    assert np.all(np.diff(batch.lengths) <= 0)
    assert not batch.per_step
    for b, place in enumerate(batch.order):
        np.testing.assert_array_equal(batch.targets[b], data.targets[int(place)])
    part = data.subset([3, 1])
    assert [one.tolist() for one in part.targets] == [data.targets[3].tolist(), data.targets[1].tolist()]
    assert batch.span(0, 2).targets is batch.targets
    first, second = data.split(0.5)
    assert len(first.targets) == len(second.targets) == 6
    assert "label sequences of classes" in repr(data)
    assert natural_loss(data.targets).name == "ctc"
    with pytest.raises(ValueError, match="targets are one a sequence, so the sequences cannot be cut"):
        data.cut(2)
    with pytest.raises(ValueError, match="a table with a row a step has no place"):
        data.to_frame()


def test_a_batch_of_an_array_sorts_labels():
    batch = SequenceBatch.from_array(np.ones((3, 2, 1)), [1, 3], LabelSequences([[1], [2, 3]]))
    assert [one.tolist() for one in batch.targets] == [[2, 3], [1]]
    with pytest.raises(ValueError, match="targets must be labels for each of the B = 2 sequences, got 1"):
        SequenceBatch.from_array(np.ones((3, 2, 1)), [1, 3], LabelSequences([[1]]))


def test_a_loss_of_steps_refuses_label_sequences():
    with pytest.raises(ValueError, match=r"targets are label sequences .* a loss that takes them is rnnbp.CTC\(\)"):
        CrossEntropy()(np.zeros((2, 1, 3)), LabelSequences([[1]]))


def test_config_round_trip_and_repr():
    loss = from_config(CTC(2, zero_infinity=True).to_config())
    assert (loss.blank, loss.zero_infinity) == (2, True)
    assert repr(loss) == "CTC(blank=2, zero_infinity=True)"


# ---- with gradient algorithms -------------------------------------------------------------------


def small_network(dtype=np.float64, causal=False):
    layer = rnnbp.LSTM(3, 4, bidirectional=not causal)
    return rnnbp.Sequential(layer, rnnbp.Dense(4 if causal else 8, 4), seed=1, dtype=dtype)


def test_gradient_through_a_bidirectional_network_equals_the_complex_step(rng):
    batch = spelt(rng, 4).batch(np.float64)
    assert rnnbp.check_gradient(small_network(), batch, CTC()).ok


@pytest.mark.parametrize(
    ("algorithm", "tolerance"),
    [(rnnbp.BPTT(slots=2, block=4), 1e-12), (rnnbp.ComplexStep(), 1e-12), (rnnbp.FiniteDifference(), 1e-6)],
)
def test_algorithms_over_whole_sequences_agree(algorithm, tolerance, rng):
    batch, model = spelt(rng, 3).batch(np.float64), small_network(causal=True)
    (expected,) = rnnbp.BPTT().gradients(model, batch, CTC())
    (found,) = algorithm.gradients(model, batch, CTC())
    assert found.loss == pytest.approx(expected.loss, rel=1e-12)
    np.testing.assert_allclose(found.vector, expected.vector, atol=tolerance * np.abs(expected.vector).max())


def test_forward_gradient_is_the_gradient_along_its_directions(rng):
    batch, model = spelt(rng, 2).batch(np.float64), small_network(causal=True)
    (expected,) = rnnbp.BPTT().gradients(model, batch, CTC())
    found = [list(rnnbp.ForwardGradient(seed=seed).gradients(model, batch, CTC())) for seed in range(5)]
    for (g,) in found:
        assert g.loss == pytest.approx(expected.loss, rel=1e-12)
        assert g.vector @ expected.vector > 0  # (d . v) v . d = (d . v)^2


@pytest.mark.parametrize(
    "algorithm",
    [
        rnnbp.TruncatedBPTT(2, 4),
        rnnbp.RTRL(),
        rnnbp.SnAp(1),
        rnnbp.UORO(),
        rnnbp.KFRTRL(),
        rnnbp.EProp(),
        rnnbp.ARTBP(),
        rnnbp.AdaptiveTruncation(0.1),
    ],
    ids=lambda a: type(a).__name__,
)
def test_algorithms_that_need_a_loss_at_every_step_refuse(algorithm, rng):
    batch, model = spelt(rng, 3).batch(np.float64), small_network(causal=True)
    with pytest.raises(ValueError, match=r"CTC is the loss of a whole sequence and no sum over its steps: .* BPTT\(\)"):
        list(algorithm.gradients(model, batch, CTC()))


def test_a_trainer_learns_and_transcribes(rng):
    train, unseen = spelt(rng, 60), spelt(rng, 20)
    trainer = rnnbp.Trainer(small_network(np.float32), CTC(), optimizer=rnnbp.Adam(0.03), seed=1)
    stopping = rnnbp.EarlyStopping(monitor="validation_token_error_rate")
    history = trainer.fit(train, unseen, epochs=25, batch_size=10, progress=False, stopping=stopping)
    assert history["token_error_rate"].iloc[0] > 0.5
    found = trainer.evaluate(unseen, batch_size=7)
    assert found == pytest.approx(trainer.evaluate(unseen), rel=1e-5)
    assert found["token_error_rate"] < 0.05
    assert found["token_error_rate"] == history["validation_token_error_rate"].min()
    said = trainer.predict(unseen)
    assert len(said) == 20
    assert rnnbp.token_error_rate(unseen.named_targets, said).rate == found["token_error_rate"]


@pytest.mark.slow
def test_a_bidirectional_network_transcribes_strings_of_vowels():
    """Of 200 unseen strings of 2 to 6 vowels by unseen speakers, 1.0 % of the vowels are wrong (as it ran)."""
    options = {"shortest": 20, "longest": 35}
    train = rnnbp.datasets.synthetic_vowel_strings(1000, **options, seed=1)
    unseen = rnnbp.datasets.synthetic_vowel_strings(200, **options, seed=2)
    model = rnnbp.Sequential(
        rnnbp.Normalize(*train.statistics()), rnnbp.LSTM(3, 48, bidirectional=True), rnnbp.Dense(96, 11)
    )
    trainer = rnnbp.Trainer(
        model, CTC(), optimizer=rnnbp.Adam(0.01), clip=rnnbp.ClipNorm(1.0), schedule=rnnbp.Cosine(12)
    )
    trainer.fit(train, epochs=12, batch_size=16, progress=False)
    assert trainer.evaluate(unseen)["token_error_rate"] < 0.03


def test_a_trainer_names_the_sequence_of_the_dataset(rng):
    data = SequenceDataset([np.ones((n, 3)) for n in (9, 2, 3)], LabelSequences([[1], [2], [3, 3, 1]]))
    with pytest.raises(ValueError, match="sequence 2 has 3 steps, but its 3 labels need 4, 1 of them for blanks betw"):
        rnnbp.Trainer(small_network(), CTC()).fit(data, epochs=1, progress=False)
    trainer = rnnbp.Trainer(small_network(), CTC(zero_infinity=True))
    assert np.isfinite(trainer.fit(data, epochs=1, progress=False)["loss"]).all()


def test_a_minimizer_lowers_the_ctc_loss(rng):
    train = spelt(rng, 20)
    trainer = rnnbp.Trainer(small_network(), CTC(), optimizer=rnnbp.LBFGS(), seed=1)
    history = trainer.fit(train, epochs=2, progress=False)
    assert history["loss"].iloc[-1] < history["loss"].iloc[0]


def test_log_sum_of_zero_probabilities_is_minus_infinity():
    assert log_sum(np.array(-np.inf), np.array(-np.inf)) == -np.inf
    assert log_sum(np.array(-np.inf + 0j), np.array(1 + 2j)) == pytest.approx(1 + 2j, rel=1e-15)


# ---- edges --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("steps", "threads", "shards"), [(99, 8, 1), (200, 8, 2), (399, 8, 3), (999, 8, 4), (999, 3, 3)]
)
def test_a_shard_has_work_enough_for_a_thread_and_at_least_a_sequence(steps, threads, shards, monkeypatch):
    pytest.importorskip("numba")
    from rnnbp.kernels import team
    from rnnbp.losses import ctc

    found = []
    monkeypatch.setattr(ctc, "get_num_threads", lambda: threads)
    monkeypatch.setattr(team, "run_shards", lambda shards, run: found.append(shards))
    with kernels.using("compiled"):
        CTC()(np.zeros((steps, 4, 20)), [[1, 2]] * 4)  # S = 5 states and K = 20 outputs: 100 of them at each step
    assert found == [shards]


@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize(("label", "accepted"), [(3, True), (4, False), (0, False)])
def test_labels_are_those_of_outputs_other_than_the_blank(label, accepted):
    outputs = np.zeros((2, 2, 4))
    if accepted:
        assert CTC()(outputs, [[1], [label]])[0] == pytest.approx(-np.log(3 / 16))
    else:
        why = "is the blank" if label == 0 else r"is not one of the K = 4 outputs 0\.\.3"
        with pytest.raises(ValueError, match=rf"label {label} in targets\[b=1\] {why}"):
            CTC()(outputs, [[1], [label]])


def test_a_dataset_is_checked_sequence_by_sequence():
    CTC().check_dataset([[1, 1], [2]], lambda: np.array([3, 1]), 3)
    with pytest.raises(ValueError, match=r"^sequence 1 has 2 steps, but its 2 labels need 3, 1 of them for blanks"):
        CTC().check_dataset([[2], [1, 1]], lambda: np.array([1, 2]), 3)
    with pytest.raises(ValueError, match=r"^sequence 0 has 1 steps, but its 2 labels need 2: leave it out"):
        CTC().check_dataset([[2, 1], [1, 1]], lambda: np.array([1, 2]), 3)
    CTC(zero_infinity=True).check_dataset([[2], [1, 1]], lambda: np.array([1, 2]), 3)


def test_errors_are_weighted_with_their_sequences():
    outputs = np.eye(3)[[[1, 1, 2], [0, 0, 1]]]  # decoded as 1, 1 and 2 1
    labels = [[1], [2], [1]]
    one = CTC().errors(outputs, labels)
    assert (one.substitutions, one.insertions, one.deletions, one.tokens) == (1, 1, 0, 3)
    weighted = CTC().errors(outputs, labels, weights=[5, 2, 3])
    assert (weighted.substitutions, weighted.insertions, weighted.tokens) == (2, 3, 10)
    assert CTC().score(outputs, labels, weights=[1, 0, 1]) == 0.5
    assert CTC().errors(outputs, labels, lengths=[2, 2, 1]).insertions == 0
