"""Hidden units of known weights and importance, and outputs on the beginning of a sequence."""

import numpy as np
import pytest

import rnnbp
from rnnbp.diagnostics import answers_by_step, receptive_fields, unit_importance


@pytest.fixture
def known():
    """Return a model whose units 0 and 1 are its inputs, unit 2 is constant, and the output is unit 0 + 3 unit 1."""
    model = rnnbp.Sequential(rnnbp.Flatten(1), rnnbp.Dense(2, 3), rnnbp.Dense(3, 1), dtype=np.float64)
    model.params.vector[:] = 0
    model.params["1.w"] = [[1, 0], [0, 1], [0, 0]]
    model.params["1.b"] = [0, 0, 5]
    model.params["2.w"] = [[1, 3, 7]]
    model.params["2.b"] = [-35]
    x = np.array([[[-1.0, -1.0]], [[-1.0, 1.0]], [[1.0, -1.0]], [[1.0, 1.0]]])
    data = rnnbp.SequenceDataset(list(x), targets=x[:, 0] @ [1.0, 3.0], dtype=np.float64)
    return model, data


def test_receptive_fields_are_copies_of_the_weights_as_images():
    layers = (
        rnnbp.Normalize([0.0] * 6, [2.0] * 6),
        rnnbp.Flatten(1),
        rnnbp.Dropout(0.5),
        rnnbp.Dense(6, 4),
        rnnbp.Dense(4, 2),
    )
    model = rnnbp.Sequential(*layers)
    fields = receptive_fields(model, (2, 3))
    assert fields.shape == (4, 2, 3)
    np.testing.assert_array_equal(fields[1, 1], model.params["3.w"][1, 3:])
    fields[:] = 0
    assert model.params["3.w"].all()


def test_importance_is_the_rise_of_the_loss_at_the_mean(known):
    """At its mean, 0, a unit contributes nothing: the squared error is the mean square of its contribution."""
    found = unit_importance(*known)
    assert found["unit"].tolist() == [1, 0, 2]
    np.testing.assert_allclose(found["rise"], [9, 1, 0], atol=1e-12)
    np.testing.assert_allclose(found["mean"], [0, 0, 5])
    np.testing.assert_allclose(found["std"], [1, 1, 0])


def test_importance_depends_on_the_loss_and_leaves_parameters_unchanged(rng):
    data = rnnbp.SequenceDataset(rng.standard_normal((6, 1, 4)), targets=[0, 1, 2] * 2)
    model = rnnbp.Sequential(rnnbp.Flatten(1), rnnbp.Dense(4, 5, "relu"), rnnbp.Dropout(0.5), rnnbp.Dense(5, 3))
    before = model.params.vector.copy()
    plain, weighted = unit_importance(model, data), unit_importance(model, data, rnnbp.CrossEntropy([1, 0, 0]))
    assert sorted(plain["unit"]) == sorted(weighted["unit"]) == list(range(5))
    assert not np.allclose(plain.sort_values("unit")["rise"], weighted.sort_values("unit")["rise"])
    assert plain["rise"].is_monotonic_decreasing
    np.testing.assert_array_equal(model.params.vector, before)
    column = int(plain["unit"][0])
    (hidden,) = [
        model.unroll(model.params, model.cast(data.batch().x), rnnbp.layers.Run(data.lengths), part=slice(2))[0]
    ]
    model.params["3.b"] += hidden[:, column].mean() * model.params["3.w"][:, column]
    model.params["3.w"][:, column] = 0  # the same as replacing it by its mean
    ablated = rnnbp.CrossEntropy()(model.forward(data.batch()), data.targets)[0]
    model.params.vector[:] = before
    whole = rnnbp.CrossEntropy()(model.forward(data.batch()), data.targets)[0]
    assert plain["rise"][0] == pytest.approx(ablated - whole, rel=1e-4)


def test_models_without_a_dense_layer_over_pixels_are_refused(known):
    recurrent = rnnbp.Sequential(rnnbp.GRU(2, 3), rnnbp.Last(), rnnbp.Dense(3, 1))
    with pytest.raises(ValueError, match=r"first layer with parameters must be a Dense, got GRU\(.*\) as layer 0"):
        receptive_fields(recurrent, (1, 2))
    with pytest.raises(ValueError, match="first layer with parameters must be a Dense"):
        unit_importance(recurrent, known[1])
    with pytest.raises(ValueError, match="the model must have a Dense layer"):
        receptive_fields(rnnbp.Sequential(rnnbp.Flatten(1)), (1, 2))
    with pytest.raises(
        ValueError, match=r"shape must be \(height, width\) of 2 pixels, which layer 1 takes, got \(2, 2\)"
    ):
        receptive_fields(known[0], (2, 2))
    with pytest.raises(ValueError, match=r"layer 0 must run once a sequence, on \(B, F\): Flatten comes before it"):
        unit_importance(rnnbp.Sequential(rnnbp.Dense(2, 3), rnnbp.Last(), rnnbp.Dense(3, 1)), known[1])
    with pytest.raises(ValueError, match="has no targets"):
        unit_importance(known[0], rnnbp.SequenceDataset(known[1].sequences))


# ---- answers by step ---------------------------------------------------------------------------------


def test_answers_of_a_recurrent_model_are_its_outputs_by_step(rng):
    data = rnnbp.SequenceDataset([rng.standard_normal((n, 2)) for n in (3, 5, 4)])
    whole = rnnbp.Sequential(rnnbp.GRU(2, 4), rnnbp.Dense(4, 3), dtype=np.float64)
    last = rnnbp.Sequential(rnnbp.GRU(2, 4), rnnbp.Dense(4, 3), rnnbp.Last(), dtype=np.float64)
    answers = answers_by_step(last, data)
    assert answers.shape == (5, 3, 3)
    for i, sequence in enumerate(data.sequences):
        by_step = whole.forward(sequence[:, None])[:, 0]
        np.testing.assert_allclose(answers[: len(sequence), i], by_step, rtol=1e-12, atol=1e-15)
        assert (answers[len(sequence) :, i] == answers[len(sequence) - 1, i]).all()


def test_static_model_has_zeros_for_the_missing_steps(rng):
    data = rnnbp.SequenceDataset(list(rng.standard_normal((4, 3, 2))))
    model = rnnbp.Sequential(rnnbp.Flatten(3), rnnbp.Dense(6, 2))
    answers = answers_by_step(model, data)
    for stop in (1, 2, 3):
        x = np.stack(data.sequences, axis=1)
        x[stop:] = 0
        np.testing.assert_allclose(answers[stop - 1], model.forward(x), rtol=1e-6)


def test_model_with_an_output_at_every_step_is_refused(rng):
    model = rnnbp.Sequential(rnnbp.GRU(2, 4), rnnbp.Dense(4, 3))
    with pytest.raises(ValueError, match=r"the model must have one output a sequence, \(B, K\): add Last\(\)"):
        answers_by_step(model, rnnbp.SequenceDataset([np.zeros((2, 2))]))
