"""The certificate: every guarantee tested, wrong ones found, and the decomposition of the gradient by lag."""

import dataclasses
from collections.abc import Iterator

import numpy as np
import pytest
from helpers import CELLS
from pairs import slow_but
from test_forward import F, K, T, problem, reader

import rnnbp
from rnnbp.cli import main as cli
from rnnbp.gradients import BPTT, ForwardGradient, Gradient, Guarantee, TruncatedBPTT
from rnnbp.gradients.guarantees import standard_guarantees
from rnnbp.gradients.lag_decomposition import exact_fractions, final_steps, gradient_by_lag
from rnnbp.layers import GRU, LSTM, Bidirectional, Dense, Last, MeanOverTime
from rnnbp.losses import CrossEntropy, MeanSquaredError

SOME = ["BPTT", "TruncatedBPTT(1, 1)", "ForwardGradient"]


@dataclasses.dataclass(frozen=True)
class Scaled:
    """An algorithm whose gradient is that of another, times a number."""

    inner: object
    factor: float
    seed: int = 0

    def gradients(self, *arguments, **options) -> Iterator[Gradient]:
        for g in dataclasses.replace(self.inner, seed=self.seed).gradients(*arguments, **options):
            yield dataclasses.replace(g, vector=self.factor * g.vector)


@dataclasses.dataclass(frozen=True)
class Wrong(BPTT):
    """Full BPTT with an error of a billionth in one entry."""

    def gradients(self, *arguments, **options) -> Iterator[Gradient]:
        for g in super().gradients(*arguments, **options):
            g.vector[0] += 1e-9 * np.linalg.norm(g.vector)
            yield g


def row(found, name):
    return found.table.set_index("algorithm").loc[name]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["leaky Elman relu", "a user's"])
def test_every_guarantee_of_the_package_holds(name):
    model, batch = problem(reader(CELLS[name]))
    found = rnnbp.compare_gradients(model, batch, seeds=20, lags=0)
    assert found.ok, found
    assert found.failed == []
    assert found.reference_error < 1e-13
    exact = found.table[found.table["exact"]]
    assert {"BPTT", "TruncatedBPTT(1, T)", "ComplexStep"} <= set(exact["algorithm"])
    assert (exact["ok"]).all()
    oracles = exact["algorithm"] == "FiniteDifference"
    assert (exact.loc[~oracles, "distance"] < 1e-12).all()
    assert row(found, "TruncatedBPTT(1, 1)")["distance"] > 1e-3
    assert row(found, "TruncatedBPTT(1, 1)")["ok"] is not True
    assert "RecurrentBackprop" in found.refused


def test_the_table_equals_values_computed_by_hand():
    model, batch = problem([LSTM(F, 2), Last(), Dense(2, K)])
    found = rnnbp.compare_gradients(model, batch, algorithms=SOME, seeds=10)
    (g,) = BPTT().gradients(model, batch, CrossEntropy())
    (cut,) = [np.sum([p.vector for p in TruncatedBPTT(1, 1).gradients(model, batch, CrossEntropy())], axis=0)]
    full, one, ahead = (row(found, n) for n in ("BPTT", "TruncatedBPTT(1, 1)", "ForwardGradient"))
    size = np.linalg.norm(g.vector)
    assert full["loss"] == pytest.approx(g.loss, rel=1e-14)
    assert (full["cosine"], full["distance"]) == (pytest.approx(1, rel=1e-14), 0)
    assert one["cosine"] == pytest.approx(cut @ g.vector / np.linalg.norm(cut) / size, rel=1e-12)
    assert one["distance"] == pytest.approx(np.linalg.norm(cut - g.vector) / size, rel=1e-12)
    assert np.isnan([full["z"], one["bias"], one["variance"]]).all()
    assert full["steps"] == g.cost.steps == one["steps"]
    assert full["peak_bytes"] == g.cost.peak_bytes > one["peak_bytes"] > 0
    assert full["allocated_bytes"] > g.cost.peak_bytes
    assert (found.table["seconds"] > 0).all()
    v = np.array([ForwardGradient(seed=s).gradients(model, batch, CrossEntropy()).__next__().vector for s in range(10)])
    mean = v.mean(axis=0)
    assert ahead[["test", "guarantee"]].tolist() == ["all draws", "unbiased"]
    assert ahead["bias"] < 1e-12 < np.linalg.norm(mean - g.vector)
    assert ahead["variance"] == pytest.approx(v.var(axis=0, ddof=1).sum() / size**2, rel=1e-10)
    assert ahead["distance"] == pytest.approx(np.sqrt(((v - g.vector) ** 2).sum(axis=1).mean()) / size, rel=1e-10)


def test_a_wrong_exact_algorithm_fails():
    model, batch = problem(reader(CELLS["GRU"]))
    found = rnnbp.compare_gradients(model, batch, algorithms={"right": Guarantee("exact", BPTT()), "wrong": Wrong()})
    assert found.table["guarantee"].tolist() == ["exact", "approximate"]
    found = rnnbp.compare_gradients(model, batch, algorithms={"right": BPTT(), "wrong": Guarantee("exact", Wrong())})
    assert found.table["ok"].tolist() == [True, False]
    assert found.failed == ["wrong"]
    assert not found.ok
    assert "guarantee NOT met: wrong" in repr(found)
    assert "guarantee NOT met" in found._repr_html_()
    assert row(found, "wrong")["distance"] == pytest.approx(1e-9, rel=1e-3)


@pytest.mark.parametrize(
    ("factor", "seeds", "ok"),
    slow_but(
        [(-1.0, 20, False)],
        [(1.0, 600, True), (1.5, 600, False), (-1.0, 20, False)],
    ),
)
def test_a_wrong_factor_in_a_stochastic_algorithm_fails(factor, seeds, ok):
    model, batch = problem([*reader(CELLS["Elman tanh"]), Last()])
    guarantee = Guarantee("unbiased", Scaled(ForwardGradient(8), factor))
    found = rnnbp.compare_gradients(model, batch, algorithms={"it": guarantee}, seeds=seeds, lags=0)
    assert bool(row(found, "it")["ok"]) is ok, found


def test_a_bias_orthogonal_to_the_gradient_fails():
    @dataclasses.dataclass(frozen=True)
    class Turned:
        seed: int = 0

        def gradients(self, *arguments, **options):
            (g,) = BPTT().gradients(*arguments, **options)
            across = np.roll(g.vector, 1)
            across -= (across @ g.vector) / (g.vector @ g.vector) * g.vector
            noise = 0.1 * np.linalg.norm(g.vector) * np.random.default_rng(self.seed).standard_normal(g.vector.size)
            yield dataclasses.replace(g, vector=g.vector + 3 * across + noise)

    model, batch = problem(reader(CELLS["Elman tanh"]))
    found = rnnbp.compare_gradients(model, batch, algorithms={"it": Guarantee("unbiased", Turned())}, lags=0)
    assert row(found, "it")["test"] == "all draws"
    assert row(found, "it")["bias"] > 1
    assert found.failed == ["it"]
    by_samples = Guarantee("unbiased", lambda seed: Turned(int(seed)))
    found = rnnbp.compare_gradients(model, batch, algorithms={"it": by_samples}, lags=0)
    assert row(found, "it")["test"] == "samples"
    assert abs(row(found, "it")["z"]) < 4
    assert found.failed == ["it"]


@dataclasses.dataclass(frozen=True)
class Unlucky:
    """An unbiased algorithm with large errors for the first seeds."""

    unlucky: int
    seed: int = 0

    def gradients(self, *arguments, **options):
        (g,) = BPTT().gradients(*arguments, **options)
        noise = 0.1 * np.linalg.norm(g.vector) * np.random.default_rng(self.seed).standard_normal(g.vector.size)
        yield dataclasses.replace(g, vector=(1 + (self.seed < self.unlucky)) * g.vector + noise)


@pytest.mark.parametrize(("unlucky", "ok"), slow_but([(20, True)], [(0, True), (1000, False)]))
def test_a_failure_is_confirmed_with_other_seeds(unlucky, ok):
    model, batch = problem(reader(CELLS["Elman tanh"]))
    found = rnnbp.compare_gradients(model, batch, algorithms={"it": Guarantee("unbiased", Unlucky(unlucky))}, lags=0)
    assert found.ok is ok
    assert bool(abs(row(found, "it")["z"]) < 4) is ok


def test_a_cell_with_wrong_derivatives_fails():
    class Careless(rnnbp.ElmanCell):
        def step_vjp(self, params, state, x, residuals, d_next):
            d_state, d_x, delta = super().step_vjp(params, state, x, residuals, d_next)
            return 0.9 * d_state, d_x, delta

    model, batch = problem(reader(Careless(F, 4)))
    found = rnnbp.compare_gradients(model, batch, algorithms=["BPTT", "TruncatedBPTT(1, T)"])
    assert found.reference_error > 1e-4
    assert found.failed == ["BPTT", "TruncatedBPTT(1, T)"]


# ---- by lag -------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", [[], [Last()], [MeanOverTime()]], ids=["at every step", "last", "mean"])
@pytest.mark.parametrize("name", CELLS)
def test_terms_by_lag_add_up_and_exact_algorithms_have_all_of_them(name, end):
    model, batch = problem([*reader(CELLS[name]), *end], np.array([6, 6, 6]))
    last = final_steps(model, batch, CrossEntropy(), T)
    exact = gradient_by_lag(model, last, CrossEntropy(), BPTT())
    (g,) = BPTT().gradients(model, last.batch, CrossEntropy())
    np.testing.assert_allclose(exact.sum(axis=0), g.vector, rtol=1e-12, atol=1e-15)
    other = gradient_by_lag(model, last, CrossEntropy(), TruncatedBPTT(2, T))
    np.testing.assert_allclose(exact_fractions(other, exact), 1, rtol=1e-9)


def test_a_lags_term_is_the_gradient_of_a_copy_of_the_parameters_at_that_step(rng):
    """With a copy of the parameters for every step, by derivatives with respect to each copy."""
    cell = CELLS["GRU"]
    model, batch = problem([rnnbp.Recurrent(cell), Last(), Dense(4, K)], np.array([6, 6, 6]))
    last = final_steps(model, batch, CrossEntropy(), T)
    exact = gradient_by_lag(model, last, CrossEntropy(), BPTT())
    P, h = sum(int(np.prod(s)) for s in cell.shapes().values()), 1e-30
    v = rng.standard_normal(P)

    def loss_with(step):
        """Return the loss with the copy at one step moved along v, for the complex step."""
        h_state = np.zeros((3, 4), complex)
        for t in range(T):
            params = model.scopes(model.params.astype(complex))[0]
            params.vector[:] += 1j * h * v * (t == step)
            h_state, _ = cell.step(dict(params.items()), h_state, batch.x[t])
        w = model.scopes(model.params)[2]
        return CrossEntropy()(h_state @ w["w"].T + w["b"], batch.targets)[0].imag / h

    slopes = [loss_with(T - 1 - k) for k in range(T)]
    np.testing.assert_allclose(exact[:, :P] @ v, slopes, rtol=1e-10)


@pytest.mark.parametrize(("k1", "k2"), [(1, 1), (1, 3), (2, 4), (3, 3)])
def test_truncated_bptt_has_exactly_k2_steps(k1, k2):
    model, batch = problem([GRU(F, 4), Last(), Dense(4, K)], np.array([6, 6, 6]))
    found = rnnbp.compare_gradients(model, batch, algorithms=[TruncatedBPTT(k1, k2)])
    expected = (np.arange(T) < k2).astype(float)
    np.testing.assert_allclose(found.by_lag["fraction"], expected, atol=1e-9)
    assert found.by_lag["lag"].tolist() == list(range(T))


def test_sequences_of_unequal_lengths_are_aligned_at_their_ends():
    lengths = np.array([6, 5, 3])
    model, batch = problem([LSTM(F, 4), Dense(4, K)], lengths)
    last = final_steps(model, batch, CrossEntropy(), 10)
    assert last.steps == 3
    for b, n in enumerate(lengths):
        np.testing.assert_array_equal(last.batch.x[:, b], batch.x[n - 3 : n, b])
        assert last.batch.targets[:, b].tolist() == [-1, -1, batch.targets[n - 1, b]]
    outputs = model.forward(batch)
    for s in range(3):
        y, _, _ = model.unroll(model.params, last.batch.x[s:], rnnbp.layers.Run(last.batch.lengths - s), last.states[s])
        np.testing.assert_allclose(y[-1], outputs[lengths - 1, np.arange(3)], rtol=1e-12)


def test_values_and_user_defined_ignored_labels_are_taken():
    model, batch = problem([GRU(F, 4), Dense(4, K)])
    loss = CrossEntropy(ignore=2)
    assert final_steps(model, batch, loss, 3).batch.targets[0, 0] == 2
    values = dataclasses.replace(batch, targets=np.zeros((T, 3, K)))
    assert np.isnan(final_steps(model, values, MeanSquaredError(), 5).batch.targets).sum() == 0  # one step is left
    values = dataclasses.replace(values, lengths=np.array([6, 6, 6]))
    assert np.isnan(final_steps(model, values, MeanSquaredError(), 5).batch.targets[:4]).all()
    found = rnnbp.compare_gradients(model, values, algorithms=["BPTT", "TruncatedBPTT(1, 1)"])
    assert found.ok
    assert found.by_lag.loc[found.by_lag["algorithm"] == "BPTT", "fraction"].tolist() == [1.0] * 6


@pytest.mark.slow
def test_a_noncausal_model_has_no_lags():
    model, batch = problem([Bidirectional(CELLS["GRU"]), Dense(8, K)])
    found = rnnbp.compare_gradients(model, batch, seeds=5)
    assert found.by_lag.empty
    assert {"TruncatedBPTT(1, 1)", "RecurrentBackprop"} <= set(found.refused)
    assert found.ok
    assert "TruncatedBPTT(1, 1): not for this model (TruncatedBPTT takes causal layers" in repr(found)


@pytest.mark.slow
def test_fixed_point_models_are_certified():
    model, batch = problem([rnnbp.FixedPoint(rnnbp.ElmanCell(F, 4)), Dense(4, K)])
    found = rnnbp.compare_gradients(model, batch, seeds=5)
    assert row(found, "RecurrentBackprop")["ok"], found
    assert found.ok, found
    assert row(found, "RecurrentBackprop")["peak_bytes"] < row(found, "BPTT")["peak_bytes"]


# ---- how it is asked ----------------------------------------------------------------------------


def test_algorithms_are_selected_by_name_or_object():
    model, batch = problem([GRU(F, 2), Last(), Dense(2, K)])
    found = rnnbp.compare_gradients(model, batch, algorithms=["BPTT", TruncatedBPTT(1, 2), ForwardGradient(3)])
    assert found.table["algorithm"].tolist() == [
        "BPTT",
        "TruncatedBPTT(k1=1, k2=2)",
        "ForwardGradient(directions=3, seed=0)",
    ]
    assert found.table["guarantee"].tolist() == ["exact", "approximate", "unbiased"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"algorithms": ["BPTTT"]}, "algorithms must be .* got 'BPTTT'. Did you mean 'BPTT'?"),
        ({"algorithms": {"it": 3}}, "algorithm 'it' must be a gradient algorithm or a Guarantee, got 3"),
        ({"algorithms": ["RecurrentBackprop"]}, "RecurrentBackprop: RecurrentBackprop takes a model with a FixedPoint"),
        ({"seeds": 1}, "seeds must be an integer of 3 or more, got 1"),
        ({"lags": -1}, "lags must be an integer of 0 or more, got -1"),
    ],
)
def test_wrong_arguments_are_refused(options, message):
    model, batch = problem([GRU(F, 2), Last(), Dense(2, K)])
    with pytest.raises(ValueError, match=message):
        rnnbp.compare_gradients(model, batch, **options)


def test_arguments_of_a_guarantee_are_checked():
    with pytest.raises(ValueError, match="level must be one of 'approximate', 'exact', 'unbiased'; got 'exacts'"):
        Guarantee("exacts", BPTT())
    assert Guarantee("exact", BPTT()).seeded(3) == BPTT()
    assert not Guarantee("exact", BPTT()).stochastic
    assert Guarantee("unbiased", lambda seed: ForwardGradient(2, seed)).seeded(4) == ForwardGradient(2, 4)
    assert "ComplexStep" not in standard_guarantees(10, 401)


def test_float32_models_are_compared_in_float64_and_not_changed():
    model = rnnbp.Sequential(GRU(F, 3), Last(), Dense(3, K))
    _, batch = problem([GRU(F, 3), Last(), Dense(3, K)])
    before = model.params.copy()
    found = rnnbp.compare_gradients(model, batch.astype(np.float32), algorithms=SOME, seeds=5)
    assert found.ok, found
    assert model.params == before


def test_the_plot_has_distances_costs_and_fractions():
    model, batch = problem([GRU(F, 2), Last(), Dense(2, K)])
    fig = rnnbp.compare_gradients(model, batch, algorithms=SOME, seeds=3).plot()
    far, _, lag = fig.axes
    assert [t.get_text() for t in far.get_yticklabels()][-1] == "BPTT"
    assert len(lag.lines) == len(far.get_yticklabels())


def test_the_command_writes_the_certificate(tmp_path, capsys):
    out = tmp_path / "out"
    arguments = ["gradients", "gru", "--parameters", "120", "--sequences", "2", "--seeds", "4", "--lags", "3"]
    assert cli.main([*arguments, "--algorithms", "BPTT; TruncatedBPTT(1, 1)", "--output", str(out)]) == 0
    assert "guarantees hold" in capsys.readouterr().out
    assert {p.name for p in out.iterdir()} == {"table.csv", "by_lag.csv", "certificate.html", "certificate.png"}
    assert (out / "table.csv").read_text().splitlines()[1].startswith("BPTT,True,exact,True,")
    assert cli.main([*arguments, "--algorithms", "BPT"]) == 2
    assert "got 'BPT'. Did you mean 'BPTT'?" in capsys.readouterr().err
