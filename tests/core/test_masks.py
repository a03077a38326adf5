"""Masked parameters stay zero under every gradient algorithm and optimizer, and in every file."""

import copy
import json

import numpy as np
import pytest
from helpers import relative_error

import rnnbp
from rnnbp.cells import ElmanCell, GRUCell
from rnnbp.core import Orthogonal, Parameters
from rnnbp.core.initializers import Sparse
from rnnbp.gradients import (
    ARTBP,
    BPTT,
    KFRTRL,
    RFLO,
    RTRL,
    UORO,
    AdaptiveTruncation,
    Backprop,
    BlockRTRL,
    ComplexStep,
    EProp,
    FiniteDifference,
    ForwardGradient,
    Geometric,
    RecurrentBackprop,
    SnAp,
    SpectralPenalty,
    TruncatedBPTT,
    check_gradient,
    gradient_decay,
    hvp,
    jvp,
)
from rnnbp.gradients.online.jacobian_sparsity import sparsity_of
from rnnbp.layers import GRU, LSTM, Dense, Elman, FixedPoint, Last
from rnnbp.losses import CrossEntropy
from rnnbp.models import Sequential
from rnnbp.optimizers import LBFGS, SGD, Adam, AdamW, Momentum, Nesterov, NewtonCG, RMSprop, Rprop
from rnnbp.runtime.archives import CHECKSUM, checksum

NAMES = ("0.w_hh", "1.w")


def data():
    rng = np.random.default_rng(3)
    return rnnbp.SequenceDataset([rng.standard_normal((n, 3)) for n in (7, 5, 2, 6)], targets=[0, 1, 1, 0])


def masked_model(layer=None, dtype=np.float64, end=True):
    """Return a model of a recurrent and a Dense layer with about half of their weights masked."""
    layers = [Elman(3, 4) if layer is None else layer, *([Last()] if end else []), Dense(4, 2)]
    model, rng = Sequential(*layers, seed=1, dtype=dtype), np.random.default_rng(0)
    for name in model.params:
        if name.endswith(("w_hh", ".w")):
            model.params.set_mask(name, rng.random(model.params[name].shape) < 0.5)
    return model


def without_mask(model):
    other = model.astype(model.dtype)
    other.params.mask_vector = None
    return other


def total(algorithm, model, batch, seed=0):
    found = algorithm.gradients(model, batch, CrossEntropy(), rng=np.random.default_rng(seed))
    return np.sum([g.vector for g in found], axis=0)


# ---- the parameters themselves --------------------------------------------------------------------


def test_a_mask_sets_to_zero_and_leaves_the_rest():
    params = Parameters({"w": (2, 3), "b": (2,)}, np.arange(1.0, 9.0))
    params.set_mask("w", [[True, False, True], [False, True, True]])
    np.testing.assert_array_equal(params.vector, [1, 0, 3, 0, 5, 6, 7, 8])
    np.testing.assert_array_equal(params.mask_vector, [1, 0, 1, 0, 1, 1, 1, 1])
    np.testing.assert_array_equal(params.mask("w"), [[True, False, True], [False, True, True]])
    assert params.mask("b").all()
    assert repr(params) == "Parameters: 8 float64 numbers\n  w: (2, 3), 2 fixed at zero\n  b: (2,)"


def test_a_second_mask_replaces_the_first_and_true_removes_it():
    params = Parameters({"w": (3,)}, np.ones(3))
    params.set_mask("w", [True, False, True])
    params.set_mask("w", [False, True, True])
    np.testing.assert_array_equal(params.mask_vector, [False, True, True])
    np.testing.assert_array_equal(params.vector, [0, 0, 1])
    params.set_mask("w", True)
    params["w"] = [1, 2, 3]
    np.testing.assert_array_equal(params.masked(params.vector), [1, 2, 3])


def test_views_share_the_mask_and_copies_have_their_own():
    params = Parameters({"0.w": (2,), "1.w": (2,), "1.b": (1,)}, np.ones(5))
    params.scope("1.").set_mask("w", [False, True])  # set before the whole has a mask
    np.testing.assert_array_equal(params.mask_vector, [True, True, False, True, True])
    np.testing.assert_array_equal(params.renamed({"v": (2,)}, start=2).mask("v"), [False, True])
    for copied in (params.copy(), params.astype(np.float32), copy.deepcopy(params)):
        assert copied.mask_vector.tolist() == params.mask_vector.tolist()
        copied.set_mask("0.w", False)
        assert params.mask("0.w").all()
    assert params.copy() == params
    assert params.zeros().mask_vector is None
    other = params.copy()
    other.set_mask("1.w", True)
    assert other != params  # the same numbers, with another mask


def test_apply_mask_zeroes_values_written_into_a_view():
    params = Parameters({"w": (2,)})
    params.set_mask("w", [True, False])
    params["w"][:] = 5
    params.apply_mask()
    np.testing.assert_array_equal(params.vector, [5, 0])


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda p: p.set_mask("v", True), KeyError, "no parameter 'v'"),
        (lambda p: p.set_mask("w", [1, 0]), ValueError, "mask must be bools, False where .* fixed at zero, got int64"),
        (lambda p: p.set_mask("w", [True] * 3), ValueError, r"parameter 'w' has shape \(2,\), which mask \(3,\) does"),
        (
            lambda p: setattr(p, "mask_vector", [True]),
            ValueError,
            r"mask_vector must be bools of shape \(P,\) = \(2,\), or None",
        ),
        (
            lambda p: p.update_all(),
            ValueError,
            r"fixes 1 of its 2 at zero, but 1 of those given there are not: multiply by params.mask\('w'\)",
        ),
    ],
)
def test_wrong_masks_are_refused(change, error, message):
    class Tried(Parameters):
        def update_all(self):
            self["w"] = [3, 3]

    params = Tried({"w": (2,)})
    params.set_mask("w", [True, False])
    with pytest.raises(error, match=message):
        change(params)
    np.testing.assert_array_equal(params.vector, [0, 0])


def test_a_value_that_respects_the_mask_can_be_assigned():
    params = Parameters({"w": (2,)})
    params.set_mask("w", [True, False])
    params["w"] = np.array([3, 3]) * params.mask("w")
    np.testing.assert_array_equal(params["w"], [3, 0])


# ---- gradients ------------------------------------------------------------------------------------

EXACT = {
    "BPTT": BPTT(),
    "BPTT(slots=2)": BPTT(slots=2, block=2),
    "TruncatedBPTT over all": TruncatedBPTT(9, 9),
    "AdaptiveTruncation of no tolerance": AdaptiveTruncation(1e-12),
    "RTRL": RTRL(),
    "SnAp(9)": SnAp(9),
    "FiniteDifference": FiniteDifference(),
    "ComplexStep": ComplexStep(),
}
OTHERS = {
    "TruncatedBPTT": TruncatedBPTT(2, 2),
    "ARTBP": ARTBP(Geometric(0.3)),
    "BlockRTRL": BlockRTRL(2),
    "SnAp(1)": SnAp(1),
    "UORO": UORO(),
    "KFRTRL": KFRTRL(),
    "EProp": EProp(),
    "SpectralPenalty": SpectralPenalty(BPTT(), ["0.w_hh"], radius=0.01),
}


@pytest.mark.parametrize("algorithm", EXACT.values(), ids=EXACT.keys())
@pytest.mark.parametrize("end", [True, False], ids=["one output", "an output a step"])
def test_an_exact_gradient_is_zero_for_masked_weights_and_unchanged_for_others(algorithm, end):
    model, batch = masked_model(end=end), data().batch()
    if not end:
        batch = rnnbp.SequenceBatch.from_array(batch.x, batch.lengths, np.zeros(batch.x.shape[:2], int))
    expected = total(BPTT(), without_mask(model), batch)
    assert np.abs(expected[~model.params.mask_vector]).min() > 0  # a mask is needed
    found = total(algorithm, model, batch)
    assert relative_error(found, expected * model.params.mask_vector) < (1e-7 if "Diff" in repr(algorithm) else 1e-11)
    assert not found[~model.params.mask_vector].any()


@pytest.mark.parametrize("algorithm", OTHERS.values(), ids=OTHERS.keys())
def test_inexact_gradients_are_zero_for_masked_weights(algorithm):
    model, batch = masked_model(), data().batch()
    found = total(algorithm, model, batch)
    assert not found[~model.params.mask_vector].any()
    np.testing.assert_array_equal(found, model.params.masked(total(algorithm, without_mask(model), batch)))
    assert found[model.params.place("0.w_hh")].any()


def test_snap_is_zero_for_masked_weights_and_takes_its_sparsity_from_the_mask():
    """Without a mask, weights of zero are connections that updates may change."""
    model, batch = masked_model(), data().batch()
    found, dense = (total(SnAp(2), m, batch) for m in (model, without_mask(model)))
    assert not found[~model.params.mask_vector].any()
    assert relative_error(dense, total(BPTT(), without_mask(model), batch)) < 1e-11
    assert relative_error(found, model.params.masked(dense)) > 1e-4


def test_a_forward_gradient_has_the_slope_along_the_free_directions_only():
    model, batch = masked_model(), data().batch()
    (g,) = ForwardGradient(seed=4).gradients(model, batch, CrossEntropy())
    v = model.params.masked(np.random.default_rng(4).standard_normal(model.params.size))
    np.testing.assert_allclose(g.vector, (total(BPTT(), model, batch) @ v) * v, rtol=1e-10, atol=1e-15)


def test_local_static_and_fixed_point_gradients_are_zero_for_masked_weights():
    batch = data().batch()
    cases = [
        (RFLO(), masked_model(rnnbp.LeakyElman(3, 4, tau=2))),
        (Backprop(), masked_model(rnnbp.Dense(3, 4, "tanh"))),
        (RecurrentBackprop(), masked_model(FixedPoint(ElmanCell(3, 4, init=Orthogonal(0.3))))),
        (BPTT(), masked_model(GRU(3, 4))),
        (BPTT(), masked_model(LSTM(3, 4))),
    ]
    for algorithm, model in cases:
        found, expected = total(algorithm, model, batch), total(algorithm, without_mask(model), batch)
        assert not found[~model.params.mask_vector].any()
        np.testing.assert_array_equal(found, model.params.masked(expected))


@pytest.mark.parametrize("layer", [Elman(3, 4), GRU(3, 4), LSTM(3, 4)], ids=["Elman", "GRU", "LSTM"])
@pytest.mark.parametrize("oracle", [None, FiniteDifference()], ids=["complex step", "differences"])
def test_check_gradient_agrees_on_a_masked_model(layer, oracle):
    model = masked_model(layer)
    report = check_gradient(model, data().batch(), CrossEntropy(), oracle=oracle, samples=10_000)
    assert report.ok, report
    tokens = Sequential(rnnbp.Embedding(4, 3), layer, Last(), Dense(4, 2), dtype=np.float64)
    tokens.params.set_mask("0.w", np.arange(12).reshape(4, 3) % 2 == 0)
    batch = rnnbp.SequenceBatch.from_array(np.array([[0, 1], [2, 3], [1, 1]]), targets=np.array([0, 1]))
    assert check_gradient(tokens, batch, CrossEntropy(), samples=10_000, oracle=oracle).ok


def test_check_gradient_finds_a_gradient_that_ignores_the_mask():
    class Blind:
        def gradients(self, model, batch, loss, state=None, rng=None):
            yield from BPTT().gradients(without_mask(model), batch, loss, state, rng)

    assert not check_gradient(masked_model(), data().batch(), CrossEntropy(), gradient=Blind(), samples=10_000).ok


def test_second_order_products_are_those_of_the_free_weights():
    model, batch, rng = masked_model(), data().batch(), np.random.default_rng(2)
    v = rng.standard_normal(model.params.size)
    free = model.params.masked(v)
    expected = model.params.masked(hvp(without_mask(model), batch, CrossEntropy(), free).product)
    np.testing.assert_allclose(hvp(model, batch, CrossEntropy(), v).product, expected, rtol=1e-10, atol=1e-14)
    slope = jvp(model, batch, CrossEntropy(), v).slope
    assert slope == pytest.approx(total(BPTT(), model, batch) @ v, rel=1e-11)


def test_the_decay_of_the_gradient_leaves_masked_weights_out():
    model, batch = masked_model(end=False), data().batch()
    batch = rnnbp.SequenceBatch.from_array(batch.x, batch.lengths, np.zeros(batch.x.shape[:2], int))
    sizes = [gradient_decay(m, batch, CrossEntropy(), window=3).size for m in (model, without_mask(model))]
    assert sizes[0] < sizes[1]


# ---- optimizers and training ----------------------------------------------------------------------

STEPPING = {
    "SGD": lambda: SGD(0.1, weight_decay=0.1),
    "Momentum": lambda: Momentum(0.1, weight_decay=0.1),
    "Nesterov": lambda: Nesterov(0.1, weight_decay=0.1),
    "RMSprop": lambda: RMSprop(0.01, weight_decay=0.1),
    "Adam": lambda: Adam(0.01, weight_decay=0.1),
    "AdamW": lambda: AdamW(0.01, weight_decay=0.1),
    "Rprop": lambda: Rprop(),
}
MINIMIZING = {"LBFGS": lambda: LBFGS(), "NewtonCG": lambda: NewtonCG()}


@pytest.mark.parametrize("make", STEPPING.values(), ids=STEPPING.keys())
def test_masked_weights_stay_zero_under_any_gradient_and_with_momentum(make):
    params, optimizer, rng = Parameters({"w": (4,)}, np.ones(4)), make(), np.random.default_rng(0)
    for _ in range(3):
        optimizer.step(params, 1 + rng.random(4))
    params.set_mask("w", [True, False, True, False])
    for _ in range(5):
        before = params.vector.copy()
        optimizer.step(params, 1 + rng.random(4))
        np.testing.assert_array_equal(params.vector[[1, 3]], 0)
        assert (params.vector[[0, 2]] < before[[0, 2]]).all()


@pytest.mark.parametrize("make", MINIMIZING.values(), ids=MINIMIZING.keys())
def test_a_minimizer_finds_the_minimum_among_the_free_numbers(make):
    """Of (w - m)' A (w - m) / 2 with one entry fixed at zero, by the normal equations of the others."""
    A = np.array([[3.0, 1.0, 0.5], [1.0, 2.0, 0.3], [0.5, 0.3, 1.0]])
    m, free = np.array([1.0, -2.0, 3.0]), [0, 2]
    params = Parameters({"w": (3,)}, np.ones(3))
    params.set_mask("w", [True, False, True])
    seen = []

    def objective(w):
        seen.append(w.copy())
        return (w - m) @ A @ (w - m) / 2, A @ (w - m)

    make().minimize(objective, params, iterations=50, product=lambda v: A @ v)
    expected = np.zeros(3)
    expected[free] = np.linalg.solve(A[np.ix_(free, free)], (A @ m)[free])
    np.testing.assert_allclose(params.vector, expected, atol=1e-4)
    assert all(w[1] == 0 for w in seen)


@pytest.mark.parametrize("make", (STEPPING | MINIMIZING).values(), ids=(STEPPING | MINIMIZING).keys())
def test_a_mask_survives_training(make):
    model = masked_model(dtype=np.float32)
    masked, before = ~model.params.mask_vector, model.params.vector.copy()
    rnnbp.Trainer(model, CrossEntropy(), BPTT(), make()).fit(data(), epochs=3, batch_size=2, progress=False)
    assert not model.params.vector[masked].any()
    assert (model.params.vector[~masked] != before[~masked]).mean() > 0.9


def test_training_equals_that_of_a_network_without_the_masked_weights():
    """All weights of one unit are masked; the other network does not have this unit."""
    large, small = Sequential(Elman(3, 4), Last(), Dense(4, 2)), Sequential(Elman(3, 3), Last(), Dense(3, 2))
    for name, inside in small.params.items():
        kept = np.zeros(large.params[name].shape, bool)
        place = tuple(slice(0, n) for n in inside.shape)
        kept[place] = True
        large.params.set_mask(name, kept)
        inside[...] = large.params[name][place]
    for model in (large, small):
        trainer = rnnbp.Trainer(model, CrossEntropy(), BPTT(), Adam(0.01), clip=rnnbp.ClipNorm(0.1), seed=0)
        trainer.fit(data(), epochs=5, progress=False)
    for name, inside in small.params.items():
        np.testing.assert_allclose(large.params[name][tuple(slice(0, n) for n in inside.shape)], inside, rtol=1e-5)


# ---- files ----------------------------------------------------------------------------------------


def test_a_mask_is_saved_with_a_model(tmp_path):
    model = masked_model(dtype=np.float32)
    model.save(tmp_path / "model.npz")
    loaded = rnnbp.load(tmp_path / "model.npz")
    assert loaded.params == model.params
    np.testing.assert_array_equal(loaded.params.mask_vector, model.params.mask_vector)
    rnnbp.Trainer(loaded, CrossEntropy(), BPTT(), Adam(0.1)).fit(data(), epochs=1, progress=False)
    assert not loaded.params.vector[~model.params.mask_vector].any()


def test_a_random_mask_is_loaded_and_not_sampled_again(tmp_path):
    model = Sequential(Elman(3, 6, init=Sparse(0.3)), Last(), Dense(6, 2), seed=0)
    rng = np.random.default_rng(9)
    model.params.set_mask("0.w_hh", rng.random((6, 6)) < 0.5)
    model.save(tmp_path / "model.npz")
    assert rnnbp.load(tmp_path / "model.npz").params == model.params
    model.params.set_mask("0.w_hh", True)
    model.save(tmp_path / "model.npz")
    assert rnnbp.load(tmp_path / "model.npz").params.mask("0.w_hh").all()


def save_with_checksum(path, arrays):
    """Write the arrays of an archive of the package, changed ones, with the right checksum."""
    header = json.loads(arrays.pop("header").tobytes())
    header[CHECKSUM] = checksum({name: value for name, value in header.items() if name != CHECKSUM}, arrays)
    np.savez(path, header=np.frombuffer(json.dumps(header).encode(), np.uint8), **arrays)


def test_a_model_without_a_mask_is_loaded_without_one(tmp_path):
    Sequential(Elman(3, 4)).save(tmp_path / "model.npz")
    assert rnnbp.load(tmp_path / "model.npz").params.mask_vector is None


@pytest.mark.parametrize(
    "kept", [np.ones(4, bool), np.ones(46), np.ones((2, 23), bool)], ids=["size", "dtype", "shape"]
)
def test_a_file_with_an_invalid_mask_is_refused(tmp_path, kept):
    path = tmp_path / "model.npz"
    masked_model().save(path)
    with np.load(path) as file:
        arrays = dict(file) | {"mask": kept}
    save_with_checksum(path, arrays)
    with pytest.raises(ValueError, match=r"complete model: mask_vector must be bools of shape \(P,\)"):
        rnnbp.load(path)


def test_a_checkpoint_restores_its_mask_and_training_continues_identically(tmp_path):
    def trainer(model):
        return rnnbp.Trainer(model, CrossEntropy(), BPTT(), Momentum(0.1), seed=0)

    whole = trainer(masked_model())
    whole.fit(data(), epochs=6, progress=False)
    first = trainer(masked_model())
    first.fit(data(), epochs=3, progress=False, checkpoint=tmp_path / "run.npz")
    plain = Sequential(*first.model.layers, seed=5, dtype=np.float64)  # another process, which sets no mask
    second = trainer(plain)
    second.resume(tmp_path / "run.npz")
    second.fit(data(), epochs=3, progress=False)
    assert plain.params == whole.model.params


def test_a_checkpoint_without_a_mask_removes_the_models(tmp_path):
    dense = Sequential(Elman(3, 4), Last(), Dense(4, 2), dtype=np.float64)
    first = rnnbp.Trainer(dense, CrossEntropy(), BPTT(), Adam(0.1))
    first.fit(data(), epochs=1, progress=False, checkpoint=tmp_path / "run.npz")
    second = rnnbp.Trainer(masked_model(), CrossEntropy(), BPTT(), Adam(0.1))
    second.resume(tmp_path / "run.npz")
    assert second.model.params.mask("0.w_hh").all()
    np.testing.assert_array_equal(second.model.params.vector, dense.params.vector)


def test_a_checkpoint_with_a_wrong_mask_changes_nothing(tmp_path):
    path = tmp_path / "run.npz"
    trainer = rnnbp.Trainer(masked_model(), CrossEntropy(), BPTT(), Adam(0.1))
    trainer.fit(data(), epochs=1, progress=False, checkpoint=path)
    with np.load(path) as file:
        arrays = dict(file) | {"mask": np.ones(3, bool)}
    save_with_checksum(path, arrays)
    before = trainer.model.params.copy()
    with pytest.raises(ValueError, match="does not contain a complete checkpoint: mask is bool"):
        trainer.resume(path)
    assert trainer.model.params == before


def test_copies_of_a_model_have_its_mask():
    model = masked_model()
    for other in (model.astype(np.float32), copy.deepcopy(model)):
        np.testing.assert_array_equal(other.params.mask_vector, model.params.mask_vector)
    model.initialize(np.random.default_rng(7))
    assert not model.params.vector[~model.params.mask_vector].any()
    assert model.params.vector[model.params.mask_vector].all()


# ---- sparse networks ------------------------------------------------------------------------------


@pytest.mark.parametrize("layer", [Elman, GRU, LSTM])
@pytest.mark.parametrize("options", [{}, {"num_layers": 2}, {"bidirectional": True}], ids=str)
def test_sparse_masks_all_but_a_fraction_of_each_recurrent_block(layer, options):
    model = Sequential(layer(3, 10, init=Sparse(0.11), **options), dtype=np.float64)
    dense = Sequential(layer(3, 10, **options), dtype=np.float64)
    recurrent = [name for name in model.params if "w_hh" in name]
    assert len(recurrent) == (1 if not options else 2)
    for name in model.params:
        kept = model.params.mask(name)
        if name in recurrent:
            for block in np.split(kept, len(kept) // 10):
                assert block.sum() == 11
        else:
            assert kept.all()
    masks = [model.params.mask(name) for name in recurrent]
    assert len(masks) == 1 or not np.array_equal(*masks)
    assert not np.array_equal(model.params.vector, dense.params.vector)
    assert Sequential(layer(3, 10, init=Sparse(0.11), **options), dtype=np.float64).params == model.params


def test_first_values_of_a_sparse_network_are_those_of_its_base():
    sparse, dense = (Sequential(Elman(3, 10, init=init), seed=4) for init in (Sparse(0.2, Orthogonal()), Orthogonal()))
    np.testing.assert_array_equal(sparse.params.vector, sparse.params.masked(dense.params.vector))


@pytest.mark.parametrize("density", [0, 1.5, "half"])
def test_a_wrong_density_is_refused(density):
    with pytest.raises(ValueError, match=r"density must be a number above 0 and at most 1, got "):
        Sparse(density)


@pytest.mark.parametrize("optimizer", [SGD(0.1), Adam(0.01)], ids=["SGD", "Adam"])
def test_snap_stays_sparse_over_a_training(optimizer):
    """The units that a parameter affects within two steps are the same before and after training, and not all."""
    model = Sequential(GRU(3, 20, init=Sparse(0.05)), Last(), Dense(20, 2), dtype=np.float64)

    def reached():
        params = model.params.scope("0.")
        return sparsity_of(GRUCell(3, 20), params).reach(2)

    before = reached()
    assert 0.05 < before.mean() < 0.25
    trainer = rnnbp.Trainer(model, CrossEntropy(), SnAp(2, every=1), optimizer)
    trainer.fit(data(), epochs=3, batch_size=2, progress=False)
    assert np.count_nonzero(model.params["0.w_hh"]) == 3 * 20
    np.testing.assert_array_equal(reached(), before)
