"""Optimizers against PyTorch's, in blocks and whole, stopped and resumed."""

import numpy as np
import pytest

from rnnbp.core import Parameters
from rnnbp.optimizers import LBFGS, OPTIMIZERS, SGD, Adam, AdamW, Momentum, Nesterov, Optimizer, RMSprop, Rprop, base
from rnnbp.runtime import from_config, to_config

P = 11

# ours, the name of PyTorch's class, its arguments
PAIRS = [
    (SGD(0.1), "SGD", {"lr": 0.1}),
    (SGD(0.1, weight_decay=0.3), "SGD", {"lr": 0.1, "weight_decay": 0.3}),
    (Momentum(0.1, 0.8), "SGD", {"lr": 0.1, "momentum": 0.8}),
    (Momentum(0.1, 0.8, 0.3), "SGD", {"lr": 0.1, "momentum": 0.8, "weight_decay": 0.3}),
    (Nesterov(0.1, 0.8), "SGD", {"lr": 0.1, "momentum": 0.8, "nesterov": True}),
    (Nesterov(0.1, 0.8, 0.3), "SGD", {"lr": 0.1, "momentum": 0.8, "nesterov": True, "weight_decay": 0.3}),
    (RMSprop(0.02), "RMSprop", {"lr": 0.02}),
    (RMSprop(0.02, 0.9, 1e-3, 0.3), "RMSprop", {"lr": 0.02, "alpha": 0.9, "eps": 1e-3, "weight_decay": 0.3}),
    (Rprop(0.05), "Rprop", {"lr": 0.05}),
    (
        Rprop(0.05, 0.4, 1.5, 0.03, 0.11),
        "Rprop",
        {"lr": 0.05, "etas": (0.4, 1.5), "step_sizes": (0.03, 0.11)},
    ),
    (Adam(0.02), "Adam", {"lr": 0.02}),
    (
        Adam(0.02, 0.8, 0.9, 1e-2, 0.3),
        "Adam",
        {"lr": 0.02, "betas": (0.8, 0.9), "eps": 1e-2, "weight_decay": 0.3},
    ),
    (AdamW(0.02), "AdamW", {"lr": 0.02}),
    (AdamW(0.02, weight_decay=0.3), "AdamW", {"lr": 0.02, "weight_decay": 0.3}),
]
FIRST_ORDER = [SGD, Momentum, Nesterov, RMSprop, Rprop, Adam, AdamW]


def vector_of(optimizer: Optimizer, gradients: np.ndarray, dtype: type = np.float64) -> np.ndarray:
    """Return the parameters after steps from a fixed start."""
    params = Parameters({"w": gradients.shape[1:]}, np.linspace(-1, 1, gradients.shape[1]).astype(dtype))
    for gradient in gradients:
        optimizer.step(params, gradient)
    return params.vector


@pytest.mark.torch
@pytest.mark.parametrize(("optimizer", "name", "arguments"), PAIRS, ids=lambda v: repr(v)[:60])
def test_steps_are_pytorchs(optimizer, name, arguments, rng):
    torch = pytest.importorskip("torch")
    w = torch.tensor(np.linspace(-1, 1, P), requires_grad=True)
    theirs = getattr(torch.optim, name)([w], **arguments)
    params = Parameters({"w": (P,)}, w.detach().numpy().copy())
    for gradient in rng.standard_normal((12, P)):
        w.grad = torch.tensor(gradient)
        theirs.step()
        optimizer.step(params, gradient)
        np.testing.assert_allclose(params.vector, w.detach().numpy(), rtol=1e-12, atol=1e-14)


@pytest.mark.torch
def test_adam_equals_the_published_formula(rng):
    """Kingma & Ba 2015, algorithm 1, arXiv:1412.6980; eps is added to the root of the corrected v."""
    gradients, w, m, v = rng.standard_normal((4, P)), np.linspace(-1, 1, P), 0.0, 0.0
    for t, g in enumerate(gradients, start=1):
        m, v = 0.8 * m + 0.2 * g, 0.9 * v + 0.1 * g * g
        w = w - 0.02 * (m / (1 - 0.8**t)) / (np.sqrt(v / (1 - 0.9**t)) + 1e-2)
    np.testing.assert_allclose(vector_of(Adam(0.02, 0.8, 0.9, 1e-2), gradients), w, rtol=1e-13)


def test_learning_rate_may_be_set_between_steps(rng):
    torch = pytest.importorskip("torch")
    w = torch.tensor(np.linspace(-1, 1, P), requires_grad=True)
    theirs, ours = torch.optim.Adam([w], lr=1.0), Adam(1.0)
    params = Parameters({"w": (P,)}, w.detach().numpy().copy())
    for rate, gradient in zip([1.0, 0.1, 0.3], rng.standard_normal((3, P)), strict=True):
        theirs.param_groups[0]["lr"] = ours.learning_rate = rate
        w.grad = torch.tensor(gradient)
        theirs.step()
        ours.step(params, gradient)
    np.testing.assert_allclose(params.vector, w.detach().numpy(), rtol=1e-12)


@pytest.mark.parametrize("make", FIRST_ORDER)
class TestEveryStep:
    def test_blocks_do_not_change_the_result(self, make, rng, monkeypatch):
        gradients = rng.standard_normal((4, 1000)).astype(np.float32)
        whole = vector_of(make(weight_decay=0.1), gradients, np.float32)
        monkeypatch.setattr(base, "BLOCK", 64)
        np.testing.assert_array_equal(vector_of(make(weight_decay=0.1), gradients, np.float32), whole)

    def test_resuming_is_exact_to_the_bit(self, make, rng):
        gradients = rng.standard_normal((8, P)).astype(np.float32)
        params = Parameters({"w": (P,)})
        first, again = make(weight_decay=0.1), make(weight_decay=0.1)
        for gradient in gradients[:3]:
            first.step(params, gradient)
        first.learning_rate = 0.005
        resumed = params.copy()
        again.load_state_dict(first.state_dict())
        for gradient in gradients[3:]:
            first.step(params, gradient)
            again.step(resumed, gradient)
        np.testing.assert_array_equal(resumed.vector, params.vector)
        assert again.steps == 8
        assert again.learning_rate == 0.005

    def test_state_is_a_copy(self, make, rng):
        optimizer, params = make(), Parameters({"w": (P,)})
        optimizer.step(params, rng.standard_normal(P))
        state = optimizer.state_dict()
        before = {name: np.copy(value) for name, value in state.items()}
        make().load_state_dict(state).step(params, rng.standard_normal(P))
        optimizer.step(params, rng.standard_normal(P))
        for name, value in before.items():
            np.testing.assert_array_equal(state[name], value)

    def test_float32_stays_float32_and_follows_float64(self, make, rng):
        gradients = rng.standard_normal((5, P))
        single = make()
        vector = vector_of(single, gradients, np.float32)
        assert vector.dtype == np.float32
        assert {a.dtype for a in single.state_dict().values() if isinstance(a, np.ndarray)} <= {vector.dtype}
        np.testing.assert_allclose(vector, vector_of(make(), gradients), atol=2e-6)

    def test_gradient_is_not_changed(self, make, rng):
        gradient = rng.standard_normal(P)
        before = gradient.copy()
        make(weight_decay=0.1).step(Parameters({"w": (P,)}, np.ones(P)), gradient)
        np.testing.assert_array_equal(gradient, before)

    def test_nan_affects_its_own_parameter_only(self, make, rng):
        gradients = rng.standard_normal((3, P))
        clean = vector_of(make(), gradients)
        gradients[1, 4] = np.nan
        vector = vector_of(make(), gradients)
        elsewhere = np.arange(P) != 4
        np.testing.assert_array_equal(vector[elsewhere], clean[elsewhere])
        assert np.isnan(vector[4])

    def test_a_quadratic_is_minimized(self, make):
        params = Parameters({"w": (2,)}, np.array([1.0, -1.0]))
        optimizer = make(0.02)
        for _ in range(300):
            optimizer.step(params, params.vector * [1.0, 5.0])
        assert np.abs(params.vector).max() < 0.05

    def test_gradient_of_another_shape_is_refused(self, make):
        with pytest.raises(ValueError, match=r"gradient must be real of shape \(P,\) = \(3,\), got float64 of"):
            make().step(Parameters({"w": (3,)}), np.zeros(4))
        with pytest.raises(ValueError, match=r"gradient must be real .* got complex128 of shape \(3,\)"):
            make().step(Parameters({"w": (3,)}), np.zeros(3, complex))

    def test_config_round_trip(self, make):
        config = to_config(make(0.3, weight_decay=0.2))
        assert to_config(from_config(config, {make.__name__: make})) == config

    @pytest.mark.parametrize("argument", ["learning_rate", "weight_decay"])
    @pytest.mark.parametrize("value", [-0.1, np.nan, np.inf, "0.1"])
    def test_wrong_numbers_are_refused(self, make, argument, value):
        with pytest.raises(ValueError, match=f"{argument} must be a number of 0 or more, got {value!r}"):
            make(**{argument: value})


@pytest.mark.parametrize("make", [Adam, Momentum, Rprop])
def test_state_of_other_parameters_is_refused(make):
    optimizer = make()
    optimizer.step(Parameters({"w": (3,)}), np.zeros(3))
    with pytest.raises(ValueError, match="holds the state of 3 parameters in float32, got 4 in float32: make a new"):
        optimizer.step(Parameters({"w": (4,)}), np.zeros(4))
    with pytest.raises(ValueError, match="holds the state of 3 parameters in float32, got 3 in float64"):
        optimizer.step(Parameters({"w": (3,)}, np.zeros(3)), np.zeros(3))


def test_a_refused_step_leaves_the_state_as_it_was():
    optimizer, params = Adam(), Parameters({"w": (3,)})
    optimizer.step(params, np.ones(3))
    before = optimizer.state_dict()
    with pytest.raises(ValueError, match="gradient must be real"):
        optimizer.step(params, np.ones(4))
    assert optimizer.steps == before["steps"] == 1


@pytest.mark.parametrize(
    ("make", "arguments", "message"),
    [
        (Momentum, {"momentum": 1.1}, "momentum must be a number between 0 and 1, got 1.1"),
        (Adam, {"beta1": 1}, "beta1 must be a number from 0 to below 1, got 1"),
        (Adam, {"beta2": -0.1}, "beta2 must be a number between 0 and 1, got -0.1"),
        (AdamW, {"eps": -1}, "eps must be a number of 0 or more, got -1"),
        (RMSprop, {"decay": 1.0}, "decay must be a number from 0 to below 1, got 1.0"),
        (Rprop, {"increase": 0.9}, "increase must be a number of 1 or more, got 0.9"),
        (Rprop, {"decrease": 1.0}, "decrease must be a number from 0 to below 1, got 1.0"),
        (Rprop, {"smallest": 2, "greatest": 1}, "greatest must be a number of 2 or more, got 1"),
        (LBFGS, {"memory": 0}, "memory must be a positive integer, got 0"),
        (LBFGS, {"iterations": 1.5}, "iterations must be a positive integer, got 1.5"),
        (LBFGS, {"tolerance": -1}, "tolerance must be a number of 0 or more, got -1"),
    ],
)
def test_wrong_arguments_are_refused(make, arguments, message):
    with pytest.raises(ValueError, match=message):
        make(**arguments)


def test_learning_rate_is_checked_when_set():
    optimizer = SGD()
    with pytest.raises(ValueError, match="learning_rate must be a number of 0 or more, got nan"):
        optimizer.learning_rate = float("nan")


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"steps": 1, "learning_rate": 0.1, "means": [1.0]}, "which Adam does not have. Did you mean 'mean'"),
        ({"steps": 1, "learning_rate": 0.1, "mean": [1.0]}, "state of Adam lacks 'square'"),
        ({"steps": 1}, "state of Adam lacks 'learning_rate'"),
    ],
)
def test_state_of_another_optimizer_is_refused(state, message):
    with pytest.raises(ValueError, match=message):
        Adam().load_state_dict(state)


def test_state_before_the_first_step_is_restored():
    optimizer = Adam(0.3)
    assert optimizer.state_dict() == {"steps": 0, "learning_rate": 0.3}
    assert Adam().load_state_dict(optimizer.state_dict()).learning_rate == 0.3


def test_optimizers_are_found_by_name():
    first_order = {"sgd", "momentum", "nesterov", "rprop", "rmsprop", "adam", "adamw"}
    assert set(OPTIMIZERS) == first_order | {"lbfgs", "newton_cg", "ridge"}
    assert all(optimizer.name == name for name, optimizer in OPTIMIZERS.items())
    assert repr(Momentum(0.1)) == "Momentum(learning_rate=0.1, momentum=0.9, weight_decay=0.0)"


def rosenbrock(w: np.ndarray) -> tuple[float, np.ndarray]:
    x, y = w.astype(np.float64)
    value = (1 - x) ** 2 + 100 * (y - x * x) ** 2
    return value, np.array([-2 * (1 - x) - 400 * x * (y - x * x), 200 * (y - x * x)])


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-4), (np.float32, 2e-2)])
class TestLBFGS:
    def test_finds_the_minimum(self, dtype, tolerance):
        params = Parameters({"w": (2,)}, np.array([-1.2, 1.0], dtype))
        minimum = LBFGS(iterations=100).minimize(rosenbrock, params)
        np.testing.assert_allclose(params.vector, 1, atol=tolerance)
        assert params.vector.dtype == dtype
        assert minimum.value == pytest.approx(rosenbrock(params.vector)[0], abs=1e-5)
        assert 0 < minimum.iterations <= minimum.evaluations

    def test_the_objective_is_given_the_parameter_vector_itself(self, dtype, tolerance):
        params = Parameters({"w": (2,)}, np.array([-1.2, 1.0], dtype))

        def objective(w: np.ndarray) -> tuple[float, np.ndarray]:
            assert w is params.vector
            return rosenbrock(params["w"])

        LBFGS(iterations=3).minimize(objective, params)

    def test_minimization_stops_after_the_given_iterations(self, dtype, tolerance):
        params, optimizer = Parameters({"w": (2,)}, np.array([-1.2, 1.0], dtype)), LBFGS(iterations=4)
        minimum = optimizer.minimize(rosenbrock, params)
        assert (minimum.iterations, minimum.converged, optimizer.steps) == (4, False, 4)
        assert "ITERATIONS" in minimum.message.upper()
        assert optimizer.minimize(rosenbrock, params, iterations=2).iterations == 2

    def test_a_resumed_minimization_equals_an_uninterrupted_one(self, dtype, tolerance):
        params, optimizer = Parameters({"w": (2,)}, np.array([-1.2, 1.0], dtype)), LBFGS(iterations=3)
        optimizer.minimize(rosenbrock, params)
        resumed, again = params.copy(), LBFGS(iterations=3).load_state_dict(optimizer.state_dict())
        optimizer.minimize(rosenbrock, params)
        again.minimize(rosenbrock, resumed)
        np.testing.assert_array_equal(resumed.vector, params.vector)
        assert again.steps == optimizer.steps

    @pytest.mark.parametrize("number", [np.nan, np.inf])
    def test_no_step_is_taken_to_where_the_objective_is_not_finite(self, number, dtype, tolerance):
        params = Parameters({"w": (1,)}, np.array([4.0], dtype))

        def cliff(w: np.ndarray) -> tuple[float, np.ndarray]:
            """Decreasing to the left, and not finite below 1."""
            return (float(w[0]), np.ones(1)) if w[0] >= 1 else (number, np.full(1, number))

        minimum = LBFGS().minimize(cliff, params)
        assert 1 <= params.vector[0] < 4
        assert minimum.value == params.vector[0]
        assert minimum.iterations > 0

    def test_a_start_where_the_objective_is_not_finite_is_an_error(self, dtype, tolerance):
        params = Parameters({"w": (2,)}, np.array([-1.2, 1.0], dtype))
        with pytest.raises(ValueError, match="not finite at the parameters that minimize was given"):
            LBFGS().minimize(lambda w: (np.nan, w), params)
        np.testing.assert_array_equal(params.vector, np.array([-1.2, 1.0], dtype))


def test_lbfgs_does_not_step_by_a_gradient():
    with pytest.raises(TypeError, match=r"LBFGS cannot step by one gradient: call minimize\(objective, params\)"):
        LBFGS().step(Parameters({"w": (2,)}), np.zeros(2))


def test_lbfgs_takes_no_learning_rate():
    optimizer = LBFGS()
    assert optimizer.learning_rate == 1
    with pytest.raises(ValueError, match=r"LBFGS finds its step sizes itself: learning_rate stays 1, got 0.5"):
        optimizer.learning_rate = 0.5


def test_lbfgs_converges_on_least_squares(rng):
    a, b = rng.standard_normal((30, 6)), rng.standard_normal(30)

    def objective(w: np.ndarray) -> tuple[float, np.ndarray]:
        error = a @ w - b
        return float(error @ error), 2 * a.T @ error

    params = Parameters({"w": (6,)}, np.zeros(6))
    assert LBFGS(iterations=40).minimize(objective, params).converged
    np.testing.assert_allclose(params.vector, np.linalg.lstsq(a, b, rcond=None)[0], atol=1e-5)
