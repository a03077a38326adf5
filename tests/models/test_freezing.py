"""Frozen parameters are unchanged to the last bit under every algorithm, optimizer and file."""

import numpy as np
import pytest

import rnnbp
from rnnbp import BPTT, RTRL, CrossEntropy, Dense, Elman, Last, Sequential, Trainer, TruncatedBPTT
from rnnbp.gradients import (
    UORO,
    BlockRTRL,
    ComplexStep,
    EProp,
    FiniteDifference,
    ForwardGradient,
    SnAp,
    check_gradient,
    hvp,
)
from rnnbp.optimizers import LBFGS, SGD, Adam, AdamW, ClipNorm, Momentum, Nesterov, NewtonCG, RMSprop, Rprop

FROZEN = "*.w*"


def data():
    rng = np.random.default_rng(3)
    return rnnbp.SequenceDataset([rng.standard_normal((n, 3)) for n in (7, 5, 2, 6)], targets=[0, 1, 1, 0])


def made(dtype=np.float64):
    model = Sequential(Elman(3, 4), Last(), Dense(4, 2), seed=1, dtype=dtype)
    model.freeze(FROZEN)
    return model


def is_frozen(model):
    return np.repeat([name in model.frozen for name in model.params], [model.params[n].size for n in model.params])


ALGORITHMS = [
    *(BPTT(), BPTT(slots=2), TruncatedBPTT(2, 4), RTRL(), BlockRTRL(3), SnAp(1), EProp(), UORO(), ForwardGradient()),
    *(ComplexStep(), FiniteDifference()),
]


@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=lambda a: type(a).__name__)
def test_gradient_of_frozen_parameters_is_zero_and_the_rest_unchanged(algorithm):
    model, batch = made(), data().batch()

    def total():
        found = algorithm.gradients(model, batch, CrossEntropy(), rng=np.random.default_rng(0))
        return np.sum([g.vector for g in found], axis=0)

    found, frozen = total(), is_frozen(model)
    model.unfreeze()
    whole = total()
    assert not np.any(found[frozen])
    assert np.any(whole[frozen])
    if not isinstance(algorithm, ForwardGradient):  # whose estimate of one parameter depends on the others
        np.testing.assert_array_equal(found[~frozen], whole[~frozen])


OPTIMIZERS = {
    "sgd": lambda: SGD(0.1, weight_decay=0.1),
    "momentum": lambda: Momentum(0.1, weight_decay=0.1),
    "nesterov": lambda: Nesterov(0.1, weight_decay=0.1),
    "rmsprop": lambda: RMSprop(0.01, weight_decay=0.1),
    "rprop": lambda: Rprop(),
    "adam": lambda: Adam(0.01, weight_decay=0.1),
    "adamw": lambda: AdamW(0.01, weight_decay=0.1),
    "lbfgs": lambda: LBFGS(iterations=3),
    "newton_cg": lambda: NewtonCG(iterations=2),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_training_changes_no_bit_of_frozen_parameters(make, dtype):
    model = made(dtype)
    before, frozen = model.params.vector.copy(), is_frozen(model)
    Trainer(model, CrossEntropy(), optimizer=make(), seed=0).fit(data(), epochs=2, batch_size=2, progress=False)
    np.testing.assert_array_equal(model.params.vector[frozen], before[frozen])
    assert (model.params.vector[~frozen] != before[~frozen]).all()


def test_a_step_with_any_gradient_leaves_frozen_parameters_and_their_state_alone():
    model = made()
    before, frozen, optimizer = model.params.vector.copy(), is_frozen(model), AdamW(0.1)
    optimizer.step(model.params, np.ones(before.size))
    np.testing.assert_array_equal(model.params.vector[frozen], before[frozen])
    assert not np.any(optimizer.state_dict()["mean"][frozen])


def test_the_norm_of_a_gradient_is_that_of_the_trained_parameters():
    model = made()
    (g,) = BPTT().gradients(model, data().batch(), CrossEntropy())
    rest = g.vector[~is_frozen(model)]
    assert ClipNorm(100.0)(g.vector) == pytest.approx(np.linalg.norm(rest), rel=1e-14)


def test_check_gradient_takes_frozen_parameters_as_constants():
    assert check_gradient(made(), data().batch(), CrossEntropy()).ok


def test_curvature_along_frozen_parameters_is_zero():
    model, batch = made(), data().batch()
    frozen = is_frozen(model)
    product = hvp(model, batch, CrossEntropy(), np.ones(frozen.size)).product
    assert not np.any(product[frozen])
    np.testing.assert_allclose(product, hvp(model, batch, CrossEntropy(), 1.0 * ~frozen).product, rtol=1e-12)


def test_unfrozen_parameters_are_trained_again():
    model = made()
    model.unfreeze()
    before = model.params.vector.copy()
    Trainer(model, CrossEntropy(), optimizer=Adam(0.01)).fit(data(), epochs=1, progress=False)
    assert model.frozen == ()
    assert (model.params.vector != before).all()


def test_names_and_patterns_choose_parameters():
    model = Sequential(Elman(3, 4), Last(), Dense(4, 2))
    model.freeze("2.?", "0.b_[ih]h")
    assert model.frozen == ("0.b_ih", "0.b_hh", "2.w", "2.b")
    model.unfreeze("2.*")
    assert model.frozen == ("0.b_ih", "0.b_hh")
    assert "b_ih: (4,), frozen" in repr(model.params)


@pytest.mark.parametrize(
    ("patterns", "match"),
    [
        (["1.*"], r"no parameter fits '1\.\*': the model's are 0.w_ih, 0.w_hh, 0.b_ih, 0.b_hh, 2.w, 2.b"),
        (["0.*", "0.w_hi"], "no parameter fits '0.w_hi': .* Did you mean '0.w_ih'"),
        ([0], "patterns must be strings, as '0.*', got 0"),
        ([], "give at least one name or pattern: the model's parameters are 0.w_ih"),
    ],
)
def test_a_pattern_that_fits_nothing_is_refused_and_nothing_is_frozen(patterns, match):
    model = Sequential(Elman(3, 4), Last(), Dense(4, 2))
    with pytest.raises(ValueError, match=match):
        model.freeze(*patterns)
    assert model.frozen == ()


def test_what_is_frozen_is_saved_with_the_model(tmp_path):
    model = made()
    model.save(tmp_path / "model.npz")
    again = rnnbp.load(tmp_path / "model.npz")
    assert again.frozen == model.frozen == ("0.w_ih", "0.w_hh", "2.w")
    assert again.params == model.params
    assert model.astype(np.float32).frozen == model.frozen


def test_a_copy_of_a_model_is_frozen_and_unfrozen_by_itself():
    model = made()
    other = model.astype(np.float64)
    other.unfreeze()
    assert model.frozen
    assert not other.frozen


def test_a_resumed_training_freezes_the_same(tmp_path):
    def trainer():
        return Trainer(made(), CrossEntropy(), optimizer=Adam(0.05, weight_decay=0.01), seed=0)

    whole, first, second = trainer(), trainer(), trainer()
    whole.fit(data(), epochs=4, batch_size=2, progress=False)
    first.fit(data(), epochs=2, batch_size=2, progress=False)
    first.save(tmp_path / "run.npz")
    second.model.unfreeze()
    second.resume(tmp_path / "run.npz")
    assert second.model.frozen == whole.model.frozen
    second.fit(data(), epochs=2, batch_size=2, progress=False)
    np.testing.assert_array_equal(second.model.params.vector, whole.model.params.vector)


def test_frozen_vector_must_fit():
    with pytest.raises(ValueError, match=r"frozen_vector must be bools of shape \(P,\) = \(46,\), or None"):
        Sequential(Elman(3, 4), Last(), Dense(4, 2)).params.frozen_vector = np.zeros(3, bool)
