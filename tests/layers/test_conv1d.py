"""Conv1D and LayerNorm against their definitions and PyTorch, and models in which the number of steps changes."""

import numpy as np
import pytest
from helpers import made, run

import rnnbp
from rnnbp import BPTT, CTC, RTRL, Conv1D, CrossEntropy, Dense, Elman, Last, LayerNorm, Sequential, TruncatedBPTT
from rnnbp.core import Parameters
from rnnbp.layers import Run

VARIANTS = {
    "causal": {"kernel_size": 3},
    "causal dilated": {"kernel_size": 3, "dilation": 2},
    "causal strided": {"kernel_size": 4, "stride": 3},
    "same": {"kernel_size": 3, "padding": "same"},
    "same even": {"kernel_size": 4, "padding": "same", "dilation": 2},
    "valid": {"kernel_size": 3, "padding": "valid"},
    "valid strided": {"kernel_size": 2, "padding": "valid", "stride": 2, "groups": 2},
    "two zeros": {"kernel_size": 3, "padding": 2, "stride": 2, "dilation": 2},
    "depthwise": {"kernel_size": 3, "padding": 1, "groups": 4},
}
LENGTHS = [9, 7, 5]


def defined(layer, params, x):
    """Return the convolution of one sequence (T, F), sum by sum."""
    left, right = layer.zeros
    x = np.concatenate([np.zeros((left, x.shape[1])), x, np.zeros((right, x.shape[1]))])
    steps = range(0, len(x) - layer.span, layer.stride)
    per_group, filters = layer.input_size // layer.groups, layer.output_size // layer.groups
    y = np.empty((len(steps), layer.output_size))
    for n, t in enumerate(steps):
        for k in range(layer.output_size):
            first = k // filters * per_group
            taps = x[t : t + layer.span + 1 : layer.dilation, first : first + per_group]
            y[n, k] = np.sum(params["w"][k] * taps.T) + params["b"][k]
    return y


@pytest.mark.parametrize("options", VARIANTS.values(), ids=VARIANTS)
def test_conv1d_is_its_definition_on_each_sequence(options, rng):
    layer, x = Conv1D(4, 8, **options), rng.standard_normal((9, 3, 4))
    params = made(layer)
    y, ends = run(layer, x, LENGTHS, params), layer.out_lengths(np.array(LENGTHS))
    for b, n in enumerate(LENGTHS):
        expected = defined(layer, params, x[:n, b])
        assert len(expected) == ends[b]
        np.testing.assert_allclose(y[: ends[b], b], expected, rtol=1e-12, atol=1e-14)


@pytest.mark.torch
@pytest.mark.parametrize("options", VARIANTS.values(), ids=VARIANTS)
def test_conv1d_and_its_gradient_are_those_of_pytorch(options, rng):
    torch = pytest.importorskip("torch")
    layer = Conv1D(4, 8, **options)
    params, x = made(layer, np.float32), rng.standard_normal((9, 2, 4)).astype(np.float32)
    y, residuals, _ = layer.forward(params, x, Run(np.array([9, 9])))
    grad = params.zeros()
    dx, _ = layer.backward(params, residuals, np.cos(y), grad)

    w, b, theirs = (torch.tensor(a, requires_grad=True) for a in (params["w"], params["b"], x))
    wide = torch.nn.functional.pad(theirs.permute(1, 2, 0), layer.zeros)
    found = torch.nn.functional.conv1d(wide, w, b, layer.stride, 0, layer.dilation, layer.groups).permute(2, 0, 1)
    found.backward(found.cos().detach())
    np.testing.assert_allclose(y, found.detach(), atol=1e-6)
    for ours, other in ((grad["w"], w.grad), (grad["b"], b.grad), (dx, theirs.grad)):
        np.testing.assert_allclose(ours, other, rtol=1e-5, atol=2e-5)


@pytest.mark.torch
def test_layer_norm_and_its_gradient_are_those_of_pytorch(rng):
    torch = pytest.importorskip("torch")
    layer, x = LayerNorm(5, eps=1e-3), rng.standard_normal((4, 2, 5)).astype(np.float32)
    params = made(layer, np.float32)
    params.vector[:] = rng.standard_normal(params.size)
    y, residuals, _ = layer.forward(params, x, Run(np.array([4, 4])))
    grad = params.zeros()
    dx, _ = layer.backward(params, residuals, np.cos(y), grad)
    w, b, theirs = (torch.tensor(a, requires_grad=True) for a in (params["w"], params["b"], x))
    found = torch.nn.functional.layer_norm(theirs, (5,), w, b, 1e-3)
    found.backward(found.cos().detach())
    np.testing.assert_allclose(y, found.detach(), atol=1e-6)
    for ours, other in ((grad["w"], w.grad), (grad["b"], b.grad), (dx, theirs.grad)):
        np.testing.assert_allclose(ours, other, rtol=1e-5, atol=1e-5)


def test_layer_norm_starts_as_normalization_alone(rng):
    y = run(LayerNorm(50), 3 + 2 * rng.standard_normal((4, 2, 50)), [4, 4])
    np.testing.assert_allclose(y.mean(axis=-1), 0, atol=1e-14)
    np.testing.assert_allclose(y.std(axis=-1), 1, rtol=1e-5)


@pytest.mark.parametrize("batch_size", [1, 3, 40])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_steps_of_a_causal_convolution_are_the_bits_of_the_whole_sequence(batch_size, dtype, rng):
    layers = Conv1D(4, 12, 3, dilation=2), LayerNorm(12), Conv1D(12, 6, 2, groups=3, activation="relu"), Elman(6, 5)
    model = Sequential(*layers, dtype=dtype)
    x = rng.standard_normal((9, batch_size, 4)).astype(dtype)
    state = model.start(batch_size)
    for t, expected in enumerate(model.forward(x)):
        y, state = model.step(x[t], state)
        np.testing.assert_array_equal(y, expected, err_msg=f"step {t}")


def sequences(rng, lengths=(9, 6, 4, 7)):
    return [rng.standard_normal((n, 3)) for n in lengths]


def strided(*above):
    return Sequential(Conv1D(3, 4, 3, stride=2, padding=1), *above, dtype=np.float64)


@pytest.mark.parametrize(
    "above",
    [[Elman(4, 3), Last()], [rnnbp.GRU(4, 2, bidirectional=True), rnnbp.Ends()], [rnnbp.MeanOverTime()]],
    ids=["last", "ends", "mean"],
)
def test_layers_above_a_strided_convolution_read_the_real_outputs(above, rng):
    model, data = strided(*above), rnnbp.SequenceDataset(sequences(rng), targets=[0, 1, 0, 1])
    together = model.forward(data.batch())
    for place, i in enumerate(data.batch().order):
        alone = model.forward(np.asarray(data.sequences[i])[:, None])
        np.testing.assert_allclose(together[place], alone[0], rtol=1e-12)
    assert rnnbp.check_gradient(model, data.batch()).ok


def test_ctc_takes_the_outputs_of_a_strided_convolution(rng):
    data = rnnbp.SequenceDataset(sequences(rng), targets=rnnbp.LabelSequences([[1], [2], [1], [2, 1]]))
    model = strided(Dense(4, 3))
    assert rnnbp.check_gradient(model, data.batch(), CTC()).ok
    trainer = rnnbp.Trainer(model, CTC(), optimizer=rnnbp.Adam(0.01))
    trainer.fit(data, epochs=1, progress=False)
    score = trainer.evaluate(data)
    assert np.isfinite(score["loss"])
    alone = [trainer.evaluate(data.subset([i]))["loss"] for i in range(4)]
    np.testing.assert_allclose(score["loss"], np.mean(alone), rtol=1e-12)
    assert [len(p) for p in model.predict_proba(data)] == [5, 3, 2, 4]


def test_targets_of_each_step_do_not_fit_fewer_outputs(rng):
    data = rnnbp.SequenceDataset(sequences(rng), targets=[np.zeros(n, int) for n in (9, 6, 4, 7)])
    match = r"targets are one a step, and the model has 5 outputs for 9 steps: give Conv1D stride=1"
    with pytest.raises(ValueError, match=match):
        next(BPTT().gradients(strided(Dense(4, 3)), data.batch(), CrossEntropy()))
    with pytest.raises(ValueError, match=match):
        rnnbp.Trainer(strided(Dense(4, 3)), CrossEntropy()).fit(data, progress=False)


@pytest.mark.parametrize("algorithm", [TruncatedBPTT(2, 2), RTRL(), BPTT(slots=2)])
def test_a_convolution_that_is_not_causal_is_refused_by_causal_algorithms(algorithm, rng):
    batch = rnnbp.SequenceDataset(sequences(rng), targets=[0, 1, 0, 1]).batch()
    with pytest.raises(ValueError, match=r"takes causal layers, but layer 0 \(Conv1D\)"):
        next(algorithm.gradients(strided(Elman(4, 3), Last()), batch, CrossEntropy()))
    with pytest.raises(ValueError, match="layer 0, Conv1D, is non-causal"):
        strided().start()


def test_a_sequence_shorter_than_the_kernel_is_refused():
    with pytest.raises(ValueError, match=r"padding='valid'.* takes sequences of at least 5 steps, got one of 4"):
        run(Conv1D(1, 1, 3, dilation=2, padding="valid"), np.zeros((6, 2, 1)), [6, 4])


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"kernel_size": 0}, "kernel_size must be a positive integer, got 0"),
        ({"stride": 1.5}, "stride must be a positive integer, got 1.5"),
        ({"groups": 3}, "groups must divide input_size = 4 and output_size = 6, got 3"),
        (
            {"padding": "casual"},
            "padding must be one of 'causal', 'same', 'valid'; got 'casual'. Did you mean 'causal'",
        ),
        ({"padding": -1}, "padding must be an integer of 0 or more, got -1"),
        ({"padding": "same", "stride": 2}, "padding='same' takes stride 1, got 2: give the zeros as a number"),
        ({"activation": "rule"}, "Did you mean 'relu'"),
    ],
)
def test_arguments_of_conv1d_are_checked(options, match):
    with pytest.raises(ValueError, match=match):
        Conv1D(**{"input_size": 4, "output_size": 6, "kernel_size": 2} | options)


@pytest.mark.parametrize(("size", "eps", "match"), [(0, 1e-5, "size must be"), (3, 0, "eps must be a number above 0")])
def test_arguments_of_layer_norm_are_checked(size, eps, match):
    with pytest.raises(ValueError, match=match):
        LayerNorm(size, eps)


def test_a_saved_convolution_is_the_same(tmp_path, rng):
    model = Sequential(Conv1D(3, 4, 3, dilation=2, padding="same"), LayerNorm(4, 1e-3), Last())
    model.save(tmp_path / "model.npz")
    x = rng.standard_normal((7, 2, 3))
    np.testing.assert_array_equal(rnnbp.load(tmp_path / "model.npz").forward(x), model.forward(x))


def test_a_state_of_another_layer_is_refused() -> None:
    layer = Conv1D(2, 4, 3)
    params = Parameters(layer.shapes())
    for shape in ((1, 2, 1), (1, 5, 2), (2, 2, 2)):
        with pytest.raises(ValueError, match=r"must have shape \(B, steps, F\) = \(1, 2, 2\), got"):
            layer.forward(params, np.ones((3, 1, 2)), Run(np.array([3])), np.zeros(shape))
