"""Tasks learned by fixed-point networks: XOR, digits, completing corrupted digits, and propagation along a line."""

from dataclasses import dataclass

import numpy as np
import pytest

import rnnbp
from rnnbp import (
    BPTT,
    Adam,
    CrossEntropy,
    Dense,
    Direct,
    ElmanCell,
    FixedPoint,
    JordanCell,
    Last,
    MeanSquaredError,
    RecurrentBackprop,
    SequenceDataset,
    Sequential,
    SpectralPenalty,
    SpectralProjection,
    Tolerance,
    Trainer,
    check_gradient,
)
from rnnbp.solvers import Accept


def fixed_points(model: Sequential, data: SequenceDataset):
    """Return the fixed points of the first layer with the solver's statistics."""
    return model.layers[0].solve(model.scopes(model.params)[0], data.batch().x)


@pytest.mark.parametrize("seed", range(3))
def test_xor_is_learned_by_a_fixed_point_network(seed):
    corners = [np.array([[a, b]], float) for a in (0, 1) for b in (0, 1)]
    data = SequenceDataset(corners, targets=[0, 1, 1, 0])
    model = Sequential(FixedPoint(ElmanCell(2, 4)), Last(), Dense(4, 2), seed=seed)
    trainer = Trainer(model, CrossEntropy(), SpectralPenalty(RecurrentBackprop(), ["0.w_hh"]), Adam(0.05))
    trainer.fit(data, epochs=150, batch_size=4, progress=False)
    score = trainer.evaluate(data)
    assert score["accuracy"] == 1
    assert score["loss"] < 0.02
    assert fixed_points(model, data).iterations.max() < 60


def test_projection_bounds_the_norm_as_a_callback():
    data = SequenceDataset([np.array([[a]], float) for a in (0, 1)] * 8, targets=[0, 1] * 8)
    model = Sequential(FixedPoint(ElmanCell(1, 8)), Last(), Dense(8, 2))
    callbacks = [SpectralProjection(["0.w_hh"], radius=0.4)]
    trainer = Trainer(model, CrossEntropy(), RecurrentBackprop(), Adam(0.05), callbacks=callbacks)
    trainer.fit(data, epochs=5, batch_size=4, progress=False)
    np.testing.assert_allclose(np.linalg.norm(model.params["0.w_hh"], 2), 0.4, rtol=1e-5)


@pytest.mark.slow
def test_digits_are_classified_by_a_fixed_point_network():
    train, test = rnnbp.datasets.load_digits()
    model = Sequential(FixedPoint(ElmanCell(64, 64)), Last(), Dense(64, 10), seed=0)
    gradient = SpectralPenalty(RecurrentBackprop(), ["0.w_hh"], radius=0.9)
    trainer = Trainer(model, CrossEntropy(), gradient, Adam(0.003))
    trainer.fit(train, epochs=30, batch_size=32, progress=False)
    assert trainer.evaluate(test)["accuracy"] >= 0.96
    assert fixed_points(model, test).converged.all()


def corrupted(data: SequenceDataset, fraction: float, rng: np.random.Generator) -> SequenceDataset:
    """Return images with a fraction of the pixels made grey; the targets are the clean images."""
    clean = np.concatenate(data.sequences)
    lost = rng.random(clean.shape) < fraction
    return SequenceDataset(list(np.where(lost, 0.5, clean)[:, None]), targets=clean)


def completing_network(tolerance: Tolerance) -> Sequential:
    """Return a model whose output, an image, is fed back beside the constant input, the corrupted image."""
    cell = JordanCell(64, 200, 64, activation="sigmoid")
    return Sequential(FixedPoint(cell, tolerance=tolerance, on_failure=Accept()), Last(), seed=0)


@pytest.mark.slow
def test_corrupted_digits_converge_to_clean_ones(rng):
    train, test = rnnbp.datasets.load_digits()
    model, seen = completing_network(Tolerance()), corrupted(test, 0.4, rng)
    gradient = SpectralPenalty(RecurrentBackprop(), ["0.w_hh", "0.w_ho"], radius=2.5)
    trainer = Trainer(model, MeanSquaredError(), gradient, Adam(0.005))
    for _ in range(30):
        trainer.fit(corrupted(train, 0.4, rng), epochs=1, batch_size=32, progress=False)
    statistics = fixed_points(model, seen)
    assert statistics.converged.all()
    assert statistics.iterations.max() < 50
    before = ((np.concatenate(seen.sequences) - seen.targets) ** 2).mean()
    after = trainer.evaluate(seen)["loss"]
    assert after < 0.3 * before
    two_iterations = completing_network(Tolerance(0, 0, iterations=2))
    two_iterations.params.vector[:] = model.params.vector
    unconverged = Trainer(two_iterations, MeanSquaredError()).evaluate(seen)["loss"]
    assert after < unconverged  # by a few per cent: the first iterations do most of the work


@dataclass(frozen=True)
class LineCell:
    """A line of places, each connected to its left neighbour by the same weights."""

    places: int
    channels: int

    @property
    def input_size(self) -> int:
        return 2 * self.places

    @property
    def output_size(self) -> int:
        return self.places

    @property
    def state_size(self) -> int:
        return self.places * self.channels

    def shapes(self):
        return {"w": (self.channels, self.channels), "u": (self.channels, 2), "b": (self.channels,)}

    def initialize(self, params, rng):
        params.vector[:] = rng.uniform(-0.5, 0.5, params.size)

    def _left(self, state):
        s = state.reshape(*state.shape[:-1], self.channels, self.places)
        return np.concatenate([np.zeros_like(s[..., :1]), s[..., :-1]], axis=-1)

    def _inputs(self, x):
        return x.reshape(*x.shape[:-1], 2, self.places)

    def step(self, params, state, x):
        field = params["w"] @ self._left(state) + params["u"] @ self._inputs(x) + params["b"][:, None]
        h = np.tanh(field)
        h = h.reshape(state.shape)
        return h, h

    def step_vjp(self, params, state, x, h, d_next):
        delta = d_next * (1 - h * h)
        by_channel = delta.reshape(*delta.shape[:-1], self.channels, self.places)
        d = params["w"].T @ by_channel
        d_state = np.concatenate([d[..., 1:], np.zeros_like(d[..., :1])], axis=-1)
        return d_state.reshape(d_next.shape), (params["u"].T @ by_channel).reshape(x.shape), delta

    def param_vjp(self, state, x, h, delta, grad):
        delta = delta.reshape(*delta.shape[:-1], self.channels, self.places)
        for name, source in (("w", self._left(state)), ("u", self._inputs(x))):
            product = delta @ source.swapaxes(-1, -2)
            grad[name] += product.reshape(-1, *product.shape[-2:]).sum(axis=0)
        grad["b"] += delta.sum(axis=-1).reshape(-1, self.channels).sum(axis=0)


def rivers(count: int, places: int, seed: int) -> SequenceDataset:
    """Return lines on which water flows from a spring to the right as far as a dam; the targets are the wet places."""
    rng = np.random.default_rng(seed)
    spring, place = rng.integers(places, size=(count, 1)), np.arange(places)
    dams = (rng.random((count, places)) < 1 / places) & (place != spring)
    wet = (place >= spring) & (np.cumsum(dams & (place > spring), axis=1) == 0)
    x = np.concatenate([dams, place == spring], axis=1).astype(float)
    return SequenceDataset(list(x[:, None]), targets=np.where(wet, 0.9, -0.9))


def river_model(places: int, tolerance: Tolerance, seed: int) -> Sequential:
    layer = FixedPoint(LineCell(places, 3), tolerance=tolerance, on_failure=Accept())
    return Sequential(layer, Last(), seed=seed)


def places_right(model: Sequential, data: SequenceDataset) -> float:
    """Return the fraction of rivers all of whose places are classified correctly."""
    batch = data.batch()
    return float(((model.forward(batch) > 0) == (batch.targets > 0)).all(axis=1).mean())


def test_gradient_of_the_line_cell_is_exact():
    assert check_gradient(LineCell(5, 3)).ok


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_only_a_converged_network_propagates_along_the_line(seed):
    # A spring n places away reaches a place after n iterations: three are too few, whatever is learned.
    train, test, longer = rivers(400, 12, 0), rivers(200, 12, 1), rivers(200, 40, 2)
    how = {
        "converged": (Tolerance(iterations=100), RecurrentBackprop(Direct())),
        "three iterations": (Tolerance(0, 0, iterations=3), BPTT()),
    }
    right = {}
    for name, (tolerance, gradient) in how.items():
        model = river_model(12, tolerance, seed)
        Trainer(model, MeanSquaredError(), gradient, Adam(0.02)).fit(train, epochs=30, batch_size=50, progress=False)
        grown = river_model(40, tolerance, seed)  # the weights are those of one place: any length has them
        grown.params.vector[:] = model.params.vector
        right[name] = places_right(model, test), places_right(grown, longer)
        assert name != "converged" or fixed_points(grown, longer).converged.all()
    assert right["converged"][0] >= 0.99
    assert right["converged"][1] >= 0.95
    assert right["three iterations"][0] < 0.6
    assert right["three iterations"][1] < 0.3
