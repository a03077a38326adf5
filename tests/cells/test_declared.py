"""Declared cells: every derivative is right, code reads as the equation, mistakes are explained."""

import copy
import cProfile
import functools
import pickle
from dataclasses import FrozenInstanceError, dataclass, field

import declarations
import numpy as np
import pytest
from declarations import Highway
from helpers import made, relative_error
from test_cells import LEADS, drawn

import rnnbp
from rnnbp import kernels
from rnnbp.cells import (
    ALIFCell,
    Cell,
    ElmanCell,
    GRUCell,
    LeakyElmanCell,
    LIFCell,
    LSTMCell,
    OriginalGRUCell,
    RHNCell,
    state_jacobian,
)
from rnnbp.cells.base import check_cell
from rnnbp.cells.declared import (
    DeclaredCell,
    EquationError,
    affine,
    exp,
    linear,
    maximum,
    relu,
    sigmoid,
    softplus,
    spike,
    stop_gradient,
    tanh,
)
from rnnbp.cells.outer import outer_method
from rnnbp.core import Parameters
from rnnbp.layers import Dense, Recurrent

OTHERS = {
    name: getattr(declarations, name)(3, 4)
    for name in (
        "Peephole",
        "MinimalGated",
        "IndRNN",
        "MinGRU",
        "Stabilised",
        "Highway",
        "ExponentialDecay",
        "Rotation",
    )
}
CELLS = {
    **{f"Elman {a}": ElmanCell(3, 4, a) for a in ("tanh", "relu", "sigmoid", "linear")},
    "leaky": LeakyElmanCell(3, 4, 3),
    "leaky relu": LeakyElmanCell(3, 4, 3, "relu"),
    "LSTM": LSTMCell(3, 4),
    "GRU": GRUCell(3, 4),
    "original GRU": OriginalGRUCell(3, 4),
    "LIF": LIFCell(3, 4, 5, 0.7, 0.4),
    "ALIF": ALIFCell(3, 4, tau=5, tau_adaptation=10, beta=0.4),
} | OTHERS
every_cell = pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)


def one_step(cell, params, state, x, d_next):
    """Return the next state, d_state, d_x and the parameters' gradient."""
    grad = params.zeros()
    next_state, residuals = cell.step(params, state, x)
    d_state, d_x, delta = cell.step_vjp(params, state, x, residuals, d_next)
    cell.param_vjp(state, x, residuals, delta, grad)
    return next_state, d_state, d_x, grad.vector


# ---- every derivative is right ---------------------------------------------------------------------


@every_cell
@pytest.mark.parametrize("lead", LEADS, ids=["no leading axis", "(B,)", "(T, B)"])
def test_vector_jacobian_products_equal_the_complex_step(cell, lead, rng):
    p, state, x = drawn(cell, rng, lead)
    state = np.abs(state)  # the normalizer of exponential gates is positive
    weights = rng.standard_normal(state.shape)

    def value(vector):
        params, s, u = np.split(vector, np.cumsum([p.size, state.size]))
        return np.sum(weights * cell.step(p.like(params), s.reshape(state.shape), u.reshape(x.shape))[0])

    point = np.concatenate([p.vector, state.ravel(), x.ravel()])
    expected = np.array([value(step).imag for step in point + 1e-30j * np.eye(point.size)]) / 1e-30
    _, d_state, d_x, gradient = one_step(cell, p, state, x, weights)
    assert relative_error(np.concatenate([gradient, d_state.ravel(), d_x.ravel()]), expected) < 1e-13


@every_cell
def test_state_jacobian_equals_the_complex_step(cell, rng):
    p, state, x = drawn(cell, rng, (2, 3))
    state, S = np.abs(state), cell.state_size
    columns = [cell.step(p.astype(complex), state + 1e-30j * np.eye(S)[j], x)[0].imag / 1e-30 for j in range(S)]
    assert relative_error(state_jacobian(cell, p, state, x), np.stack(columns, axis=-1)) < 1e-13


@every_cell
def test_outer_products_add_up_to_the_gradient(cell, rng):
    params, state, x = drawn(cell, rng)
    state = np.abs(state)
    _, residuals = cell.step(params, state, x)
    _, _, delta = cell.step_vjp(params, state, x, residuals, rng.standard_normal(state.shape))
    grad, found, counted = params.zeros(), params.zeros(), params.zeros()
    cell.param_vjp(state, x, residuals, delta, grad)
    for outer in outer_method(cell)(state, x, residuals):
        of_rows = delta[..., outer.columns]
        inputs = np.ones((len(x), 1)) if outer.inputs is None else outer.inputs
        found[outer.name][outer.rows] += (of_rows.T @ inputs).reshape(found[outer.name][outer.rows].shape)
        counted[outer.name][outer.rows] += 1
    assert relative_error(found.vector, grad.vector) < 1e-14
    assert (counted.vector == 1).all()


def test_recurrent_weights_are_marked_where_they_are_the_only_paths_between_units():
    def marked(cell):
        state, x, params = np.zeros(cell.state_size), np.zeros(3), Parameters(cell.shapes())
        outers = outer_method(cell)(state, x, cell.step(params, state, x)[1])
        return [outer.name for outer in outers if outer.units is not None]

    assert marked(LSTMCell(3, 4)) == ["w_hh"]
    assert marked(GRUCell(3, 4)) == ["w_hh"]
    assert marked(OriginalGRUCell(3, 4)) == marked(OTHERS["MinimalGated"]) == []


@every_cell
def test_rtrl_equals_backpropagation_through_time(cell, rng):
    model = rnnbp.Sequential(Recurrent(cell), rnnbp.Last(), Dense(4, 2), seed=1, dtype=np.float64)
    batch = rnnbp.SequenceDataset([rng.standard_normal((n, 3)) for n in (6, 4, 1)], targets=[0, 1, 1]).batch()
    loss = rnnbp.CrossEntropy()
    with kernels.using("numpy"):  # compiled ones have their own tests
        total = [
            sum(g.vector for g in algorithm.gradients(model, batch, loss)) for algorithm in (rnnbp.RTRL(), rnnbp.BPTT())
        ]
        assert relative_error(*total) < 1e-13
        assert rnnbp.check_gradient(model, batch).max_error < 1e-12


@every_cell
def test_declared_cells_fulfil_the_protocol_by_pure_functions(cell, rng):
    assert isinstance(cell, Cell)
    check_cell("cell", cell)
    params, state, x = drawn(cell, rng)
    d_next = rng.standard_normal(state.shape)
    for a in (params.vector, state, x, d_next):
        a.flags.writeable = False
    first, second = (one_step(cell, params, state, x, d_next) for _ in range(2))
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)


@every_cell
def test_float32_is_preserved(cell, rng):
    params, state, x = drawn(cell, rng, dtype=np.float32)
    assert {a.dtype for a in one_step(cell, params, state, x, np.ones_like(state))} == {np.dtype(np.float32)}


# ---- the cell as an object ---------------------------------------------------------------------------


def test_cells_of_different_constants_have_one_derivation():
    assert LeakyElmanCell(3, 4, 2.0).derivation is LeakyElmanCell(3, 4, 7.0).derivation
    assert LeakyElmanCell(3, 4, 2.0) == LeakyElmanCell(3, 4, 2)
    assert LeakyElmanCell(3, 4, activation="relu").derivation is not LeakyElmanCell(3, 4).derivation


def test_a_field_that_is_not_a_float_selects_the_equation():
    assert Highway(3, 4, depth=1).gates == ("transform0", "new0")
    assert Highway(3, 4, depth=3).shapes()["w_hh"] == (24, 4)


@every_cell
def test_a_cell_can_be_copied_and_pickled_after_use(cell, rng):
    params, state, x = drawn(cell, rng)
    expected = cell.step(params, np.abs(state), x)[0]
    for same in (copy.deepcopy(cell), pickle.loads(pickle.dumps(cell))):
        assert same == cell
        np.testing.assert_array_equal(same.step(params, np.abs(state), x)[0], expected)


@every_cell
def test_source_is_formatted_and_names_what_update_names(cell):
    source = cell.source("step")
    assert max(map(len, source.splitlines())) <= 120
    compile(source, "source", "exec")
    assert "def step_vjp(params, state, x, residuals, d_next, constants):" in source


def test_source_of_the_lstm_reads_as_its_equation():
    assert "    c_next = f * c + i * g\n" in LSTMCell(3, 4).source()
    assert "    h_next = o * tanh_c\n" in LSTMCell(3, 4).source()
    assert "    d_state = concatenate([h_by_weights, d_c_next * f], axis=-1)\n" in LSTMCell(3, 4).source()


def test_source_of_whole_sequences_names_products_and_says_which_weights_are_halved():
    class Scaled(DeclaredCell):
        parameters = "p"

        @staticmethod
        def update(x, h, p):
            scaled = p * h
            return 2.0 * tanh(affine("h", x, scaled))

    source = Scaled(3, 4).source("numpy")
    assert "matmul(delta_t, w, out=d_scaled_all_t)" in source
    assert "multiply(2, u7_t, out=h_next_t)" in source
    assert "it is half: sigmoid(a)" not in source
    assert "it is half: sigmoid(a)" in LSTMCell(3, 4).source("numpy")


def test_an_error_inside_generated_code_shows_its_line(rng):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - NumPy's message
        LSTMCell(3, 4).step(made(LSTMCell(3, 4)), np.zeros((2, 8)), np.zeros((2, 5)))
    last = caught.traceback[-1]
    assert 'x @ params["w_ih"].T' in str(last.statement)


def test_recording_an_equation_does_not_remove_a_profiler():
    import sys

    def profiler(*_):
        return None

    sys.setprofile(profiler)
    try:
        declare(lambda x, h: tanh(affine("h", x, h)))(3, 4)
        assert sys.getprofile() is profiler
    finally:
        sys.setprofile(None)


def test_a_cell_can_be_made_under_a_profiler():
    profile = cProfile.Profile()
    profile.enable()
    try:
        declare(lambda x, h: tanh(affine("h", x, h)) * 0.5)(3, 4)
        made(LSTMCell(3, 4))
    finally:
        profile.disable()
    assert any("initialize" in str(call.code) for call in profile.getstats())


def test_the_time_to_derive_from_a_long_equation_is_not_exponential():
    """Each of these layers uses the value of the one before twice."""
    assert len(RHNCell(3, 4, depth=24).gates) == 48


# ---- mistakes ----------------------------------------------------------------------------------------


def declare(update, **attributes):
    """Return a class of cells with the given equation."""
    return type("Mine", (DeclaredCell,), {"update": staticmethod(update), "__annotations__": {}, **attributes})


def branching(x, h):
    return h if h > 0 else tanh(affine("h", x, h))


def forgetful(x, h):
    tanh(affine("h", x, h))


@pytest.mark.parametrize(
    ("update", "message"),
    [
        (branching, r"Mine.update: a comparison of the symbol h; .* use maximum, relu or spike"),
        (lambda x, h: h and x, r"`if`, `and`, `or` or `not` of the symbol h; update is called once, with symbols"),
        (lambda x, hh: hh, "Mine.update has the unknown argument 'hh': it takes x, the names in `state`"),
        (lambda *x: x, r"takes its arguments by name, so it has no \*x"),
        (forgetful, r"must return the next h: one value as `state` names them; got nothing: is a `return` missing"),
        (lambda x, h: (h, h), "must return the next h: one value as `state` names them; got 2"),
        (lambda x, h: 0.0, "each with a value for every unit; got 0.0 for h"),
        (lambda x, h: x, "each with a value for every unit; got x for h"),
        (lambda x, h: h * x, r"mul is element-wise over the hidden_size units, but x has one .* as affine\(name, x\)"),
        (lambda x, h: np.tanh(h), "numpy.tanh of the symbol h; .* use the function of that name"),
        (lambda x, h: np.ones(4) * h, "numpy.multiply of the symbol h"),
        (lambda x, h: h * np.ones(4), "mul takes symbols and numbers, got ndarray"),
        (lambda x, h: h * "2", "mul takes symbols and numbers, got str '2'"),
        (lambda x, h: h[0], r"the index 0 of the symbol h; .* no indices"),
        (lambda x, h: h**3, r"the power 3 of the symbol h; .* only \*\* 2 is known"),
        (lambda x, h: float(h), r"float\(\) or a function of `math` of the symbol h"),
        (lambda x, h: sum(h), "unpacking of the symbol h"),
        (lambda x, h: x @ h, r'the matrix product @ of the symbol x; .*: W x \+ R h \+ b is affine\("gate", x, h\)'),
        (lambda x, h: h.tanh(), r"the attribute 'tanh' of the symbol h; .*: use \+ - \* / and the functions of"),
        (lambda x, h: h if h == 0 else affine("h", x), "a comparison of the symbol h; .* use maximum, relu or spike"),
        (lambda self, x, h: h, r"unknown argument 'self': .* An equation has no self: write def update\(x, ...\)"),
        (
            lambda x, h, a=0.5: a * h,
            r"unknown argument 'a': .* field of the class: write a: float = 0.5 beside `update`",
        ),
        (lambda x, h: affine(h, x), 'the first argument of affine is the name of a gate, as "forget", got h'),
        (lambda x, h: affine("h"), r'affine\("h"\) has no input: write affine\("h", x, h\)'),
        (lambda x, h: linear("h", 3.0), r'linear\("h", ...\) takes x, states and functions of them, got 3.0'),
        (lambda x, h: tanh(3.0), "tanh takes the symbols that update is called with, got 3.0"),
        (lambda x, h: spike(3.0, relu), "spike takes the symbols that update is called with, got 3.0"),
        (lambda x, h: affine("a", h) + affine("a", h * h), "the gate 'a' multiplies both h and .* a name of its own"),
        (lambda x, h: [affine("a", x), h][1], r"affine\('a', x\) has no effect on the next state"),
    ],
)
def test_a_mistake_in_an_equation_is_explained_at_construction(update, message):
    with pytest.raises(EquationError, match=message):
        declare(update)(3, 4)


def test_an_unknown_argument_suggests_the_nearest_name():
    class Slow(DeclaredCell):
        tau: float = 2.0

        @staticmethod
        def update(x, h, tua):
            return h / tua

    with pytest.raises(EquationError, match=r"unknown argument 'tua': .*, here x, h, tau\. Did you mean 'tau'\?"):
        Slow(3, 4)


def test_declared_names_are_identifiers_and_not_used_twice():
    with pytest.raises(EquationError, match="'c,' cannot be the name of a state, parameter or field"):
        declare(lambda x, h: h, state="h c,")(3, 4)
    with pytest.raises(EquationError, match="'h' cannot be the name"):
        declare(lambda x, h: h, parameters="h")(3, 4)
    with pytest.raises(EquationError, match=r"'x' cannot be the name .* x is the input"):
        declare(lambda x, h: h, state="h x")(3, 4)


def test_names_are_given_as_one_text():
    with pytest.raises(EquationError, match=r"""Mine.state must be names .* as "h c", got \('h', 'c'\)"""):
        declare(lambda x, h, c: (h, c), state=("h", "c"))(3, 4)


def test_a_field_without_a_type_is_explained():
    with pytest.raises(EquationError, match=r"Mine.tau has no type, so it is no field .*: write tau: float = 3\.0"):
        declare(lambda x, h, tau: h / tau, tau=3.0)(3, 4)


@pytest.mark.parametrize("tau", ["a", None, float("nan"), float("inf"), True])
def test_a_constant_is_a_finite_number(tau):
    with pytest.raises(ValueError, match="tau must be a number that is finite, got"):
        declare(lambda h, tau: h / tau, __annotations__={"tau": float}, tau=1.0)(3, 4, tau)


def test_a_field_that_chooses_the_equation_is_hashable():
    with pytest.raises(EquationError, match=r"Mine: sizes chooses among equations, .* got \[1\]; numbers that are"):
        declare(lambda h, sizes: h, __annotations__={"sizes": list})(3, 4, [1])


def test_numbers_may_be_of_numpy_and_results_a_list():
    def update(x, h, c):
        return [np.float64(0.5) * h + np.float32(0.25) * affine("h", x), c * np.int64(2) - np.float64(1.0)]

    cell = declare(update, state="h c")(3, 4)
    next_state = cell.step(made(cell), np.ones(8), np.zeros(3))[0]
    np.testing.assert_allclose(next_state[4:], 1.0)


def test_a_parameter_without_effect_is_refused():
    with pytest.raises(EquationError, match="p has no effect on the next state"):
        declare(lambda x, h: tanh(affine("h", x, h)), parameters="p")(3, 4)


def test_a_class_without_an_equation_is_refused():
    with pytest.raises(EquationError, match="Nothing has no `update`, which states its equation"):
        type("Nothing", (DeclaredCell,), {"__annotations__": {}})(3, 4)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LSTMCell(3, -3), "hidden_size must be a positive integer, got -3"),
        (lambda: LSTMCell(0, 3), "input_size must be a positive integer, got 0"),
        (lambda: LSTMCell(3, 4, init="orthogonal"), "init must be an initializer"),
        (lambda: ElmanCell(3, 4, "tahn"), r"activation must be one of .*; got 'tahn'. Did you mean 'tanh'\?"),
        (lambda: LSTMCell(3, 4).source("fortran"), "backend must be one of .*; got 'fortran'|backend must be 'numpy'"),
    ],
)
def test_wrong_arguments_of_declared_cells_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_what_only_stop_gradient_takes_has_a_gradient_of_zero(rng):
    cell = declare(lambda x, h: tanh(affine("h", x, h)) + stop_gradient(affine("fixed", x)))(3, 4)
    params, state, x = drawn(cell, rng)
    *_, gradient = one_step(cell, params, state, x, np.ones_like(state))
    grad = params.like(gradient)
    assert not grad["w_ih"][4:].any()
    assert grad["w_ih"][:4].any()


def test_a_declared_cell_may_have_fields_of_its_own_and_be_decorated_as_a_dataclass():
    @dataclass(frozen=True)
    class Counting(LSTMCell):
        seen: list[int] = field(default_factory=list, compare=False)

    one, other = Counting(3, 4), Counting(3, 4)
    one.seen.append(1)
    assert other.seen == []
    assert one.derivation is other.derivation
    for cell, name in ((one, "seen"), (one, "hidden_size"), (LSTMCell(3, 4), "hidden_size"), (Highway(3, 4), "depth")):
        with pytest.raises(FrozenInstanceError, match=f"cannot assign to field '{name}'"):
            setattr(cell, name, 5)
    assert one.step(made(one), np.zeros(8), np.zeros(3))[0].shape == (8,)


def test_update_may_be_written_without_staticmethod():
    class Plain(DeclaredCell):
        def update(x, h):  # noqa: N805
            return tanh(affine("h", x, h))

    params = made(Plain(3, 4))
    assert Plain(3, 4).step(params, np.zeros(4), np.ones(3))[0].shape == (4,)


def test_a_symbol_of_another_equation_is_refused():
    taken = []

    def leak(x, h):
        taken.append(h)
        return h + taken[0]

    declare(leak)(3, 4)
    with pytest.raises(EquationError, match="add combines symbols of two equations"):
        declare(leak, parameters="")(3, 4)


def test_sigmoid_and_exp_of_constants_are_computed_before_the_steps():
    class Decay(DeclaredCell):
        tau: float = 4.0

        @staticmethod
        def update(h, tau):
            decay = exp(-1 / tau)
            return decay * h + sigmoid(1 - tau) * h

    cell = Decay(3, 2, 5.0)
    params = Parameters(cell.shapes())
    expected = np.exp(-1 / 5) + 1 / (1 + np.exp(4))
    np.testing.assert_allclose(cell.step(params, np.ones(2), np.zeros(3))[0], expected, rtol=1e-15)
    assert "decay = constants[0]  # exp(-1 / tau)" in cell.source()


# ---- what only rare equations have -------------------------------------------------------------------


def test_weights_may_multiply_a_function_of_the_state_alone():
    """As in dh/dt = -h + W tanh(h): no gate is between the state and the weights."""
    cell = declare(lambda x, h: 0.5 * h + linear("rate", tanh(h)) + affine("input", x))(3, 4)
    assert rnnbp.check_gradient(cell).max_error < 1e-12
    assert "d_tanh_h = " in cell.derivation.source


def test_what_is_the_same_at_every_step_is_neither_a_state_nor_multiplied_by_weights():
    with pytest.raises(EquationError, match=r"returns sigmoid\(p\) for the next c, which is the same at every step"):
        declare(lambda x, h, c, p: (tanh(affine("h", x, h)) * p + c, sigmoid(p)), state="h c", parameters="p")(3, 4)
    with pytest.raises(EquationError, match=r'affine\("a", ...\) multiplies x, states .*, but p is the same at every'):
        declare(lambda x, h, p: affine("a", x, p) + h, parameters="p")(3, 4)


def test_a_long_equation_is_shortened_in_a_message():
    """Each value is used twice, so the whole expression has 2 ** 60 operands."""

    def update(x, h):
        for _ in range(60):
            h = h * h
        return h if h > 0 else x

    with pytest.raises(EquationError, match=r"a comparison of the symbol mul\(mul.*\.\.\."):
        declare(update)(3, 4)


@pytest.mark.parametrize(
    ("update", "message"),
    [
        (lambda x, h: h // 2, r"an operator other than \+ - \* / and \*\* 2 of the symbol h"),
        (lambda x, h: 2**h, r"an operator other than \+ - \* / and \*\* 2 of the symbol h; .* a \*\* b is exp"),
        (lambda x, h: ~h, r"an operator other than \+ - \* / and \*\* 2 of the symbol h"),
        (lambda x, h: h**h, "the power h of the symbol h"),
        (lambda x, h: round(h), "rounding of the symbol h"),
        (lambda x, h: int(h), r"int\(\) of the symbol h"),
        (lambda x, h: h(x), "does the argument h hide a function of the same name"),
        (lambda x, h: h * float("nan"), "a number in the equation must be finite, got nan"),
        (lambda x, h: maximum(h, -float("inf")), "a number in the equation must be finite, got -inf"),
        (lambda x, h: h * 10**400, "a number in the equation must be finite, got inf"),
        (lambda x, h: h * 1e300 * (h * 0 + 1) / (1e-9 - 1e-9), "is divided by 0"),
        (eval("lambda x, h, /: h"), "takes its arguments by name, so it has no / after x"),
        (max, "Mine.update must be a function of symbols, as def update.*, got <built-in function max>"),
        ("tanh(h)", r"Mine.update must be a function of symbols, as def update.*, got 'tanh\(h\)'"),
        (lambda x, h, hidden_size: h / hidden_size, "unknown argument 'hidden_size'.* Sizes do not enter an equation"),
        (lambda x, h: affine("a", x) + linear("a", x, h), "the gate 'a' multiplies x with and without a bias"),
    ],
)
def test_what_python_would_refuse_in_its_own_words_is_explained(update, message):
    with pytest.raises(EquationError, match=message):
        declare(update)(3, 4)


@pytest.mark.parametrize("name", ["w_ih", "w_hh", "b_ih", "b_hh", "lambda"])
def test_a_parameter_cannot_be_called_as_weights_or_a_keyword(name):
    with pytest.raises(EquationError, match=f"'{name}' cannot be the name of a state, parameter or field"):
        declare(lambda x, h: affine("h", x, h), parameters=name)(3, 4)


def test_a_cell_has_a_state():
    with pytest.raises(EquationError, match=r"Mine\.state must name at least one part of the state"):
        declare(lambda x: (), state="")(3, 4)


def test_names_are_the_same_however_they_are_typed():
    """Python takes the micro sign of keyboards for a Greek letter where it stands in code, but not in a text."""
    cell = declare(eval("lambda x, h, \u00b5: (tanh(affine('h', x, h)) * \u00b5, h)"), state="h \u00b5")(3, 4)
    assert list(cell.derivation.program.equation.states) == ["h", "\u03bc"]


@pytest.mark.parametrize("name", ["step", "gates", "output_size", "constants", "source", "derivation"])
def test_a_field_does_not_hide_what_a_cell_has(name):
    with pytest.raises(EquationError, match=f"Mine.{name} cannot be a field: it would hide what every cell calls"):
        declare(lambda x, h: h, __annotations__={name: float}, **{name: 1.0})


def test_a_state_with_a_type_is_no_argument_of_the_cell():
    class Typed(DeclaredCell):
        state: str = "h c"
        parameters: str = "p"
        tau: float = 2.0

        def update(x, h, c, p, tau):  # noqa: N805
            return tanh(affine("h", x, h) + p * c), h / tau

    assert Typed(3, 4, 5.0).tau == 5.0
    assert repr(Typed(3, 4)).endswith("Typed(input_size=3, hidden_size=4, init=Uniform(), tau=2.0)")


@pytest.mark.parametrize(
    ("update", "tau", "message"),
    [
        (lambda x, h, tau: h / tau, 0.0, "Mine: with tau=0.0 the equation divides by tau"),
        (lambda x, h, tau: h * (1 / tau), 0.0, "Mine: with tau=0.0 the equation divides by tau"),
        (
            lambda x, h, tau: h * exp(tau),
            1000.0,
            r"Mine: with tau=1000.0 the equation has no finite number for exp\(tau",
        ),
        (
            lambda x, h, tau: h * exp(-1 / tau),
            0.0,
            r"with tau=0.0 the equation has no finite number for exp\(div\(-1, tau\)\)",
        ),
    ],
)
def test_a_field_for_which_the_equation_has_no_value_is_refused(update, tau, message):
    with pytest.raises(EquationError, match=message):
        declare(update, __annotations__={"tau": float}, tau=1.0)(3, 4, tau)


def test_update_may_be_any_callable():
    def scaled(factor, x, h):
        return tanh(affine("h", x, h)) * factor

    assert rnnbp.check_gradient(declare(functools.partial(scaled, 0.5))(3, 4)).ok


def test_an_equation_may_be_thousands_of_operations_long():
    def update(x, h, tau):
        for _ in range(1500):
            h, tau = 0.999 * h + 0.001, 0.999 * tau
        return tanh(h) * tau + linear("a", x)

    assert rnnbp.check_gradient(declare(update, __annotations__={"tau": float}, tau=1.0)(3, 4)).max_error < 1e-12


@pytest.mark.parametrize(("function", "derivative"), [(softplus, 0.5), (abs, 0.0), (relu, 0.0)])
def test_step_and_its_products_take_the_same_derivative_at_a_kink(function, derivative):
    """The state begins at zero, where abs and relu have theirs, and softplus is computed in two pieces."""
    cell = declare(lambda x, h: function(h) + linear("a", x))(1, 1)
    params = Parameters(cell.shapes(), dtype=np.float64)
    x, h = np.zeros((1, 1)), np.zeros((1, 1))
    assert cell.step(params, h + 1e-30j, x)[0].imag / 1e-30 == derivative
    assert cell.step_vjp(params, h, x, cell.step(params, h, x)[1], np.ones((1, 1)))[0] == derivative


# ---- an equation that changes ------------------------------------------------------------------------


def outputs_of(cell, dtype=np.float64):
    """Return the outputs of a cell by its NumPy kernel."""
    params = Parameters(cell.shapes(), dtype=dtype)
    params.vector[:] = 0.3
    x, active, state = np.ones((2, 1, 3), dtype), np.array([1, 1]), np.zeros((1, cell.state_size), dtype)
    return np.array(kernels.arrays.array_kernel(cell, np.dtype(dtype)).forward(params, x, active, state)[0])


def test_a_new_cell_takes_the_present_value_of_a_number_outside_of_its_equation():
    """As in a notebook: first the number is changed, then a cell of the same class is made."""
    outside = {"alpha": 0.5}
    Scaled = declare(lambda x, h: outside["alpha"] * tanh(affine("h", x, h)))
    old = Scaled(3, 4)
    before = outputs_of(old)
    outside["alpha"] = 0.25
    new = Scaled(3, 4)
    np.testing.assert_allclose(outputs_of(new)[0], before[0] / 2, rtol=1e-15)
    np.testing.assert_array_equal(outputs_of(old), before)
    assert Scaled(3, 4).derivation is new.derivation is not old.derivation
    np.testing.assert_array_equal(outputs_of(copy.deepcopy(old)), before)


def test_classes_of_one_name_have_their_own_equations():
    first, second = declare(lambda x, h: tanh(affine("h", x, h))), declare(lambda x, h: sigmoid(affine("h", x, h)))
    one, other = first(3, 4), second(3, 4)
    assert one != other
    files = [cell.derivation.step.__code__.co_filename for cell in (one, other)]
    assert files[0] != files[1]  # so that a traceback shows the line of the right one
    tanh_of = outputs_of(one)[0]
    np.testing.assert_allclose(outputs_of(other)[0], 1 / (1 + np.exp(-np.arctanh(tanh_of))), rtol=1e-12)


def test_cells_that_are_equal_but_for_a_constant_do_not_share_a_kernel():
    class Uncompared(DeclaredCell):
        scale: float = field(default=1.0, compare=False)

        @staticmethod
        def update(x, h, scale):
            return scale * tanh(affine("h", x, h))

    one, other = Uncompared(3, 4, 1.0), Uncompared(3, 4, 0.5)
    assert one == other
    np.testing.assert_allclose(outputs_of(other)[0], outputs_of(one)[0] / 2, rtol=1e-15)


def test_a_cell_can_be_pickled_after_its_kernels_were_made():
    cell = LSTMCell(3, 4)
    expected = outputs_of(cell)
    np.testing.assert_array_equal(outputs_of(pickle.loads(pickle.dumps(cell))), expected)


class Saved(DeclaredCell):
    """Of this module, so that `rnnbp.load` finds it."""

    tau: float = 2.0

    @staticmethod
    def update(x, h, tau):
        return h / tau + tanh(affine("h", x, h))


def test_loading_a_model_whose_equation_has_changed_warns(tmp_path, monkeypatch):
    rnnbp.Sequential(Recurrent(Saved(3, 4, 3.0)), seed=0).save(tmp_path / "model.npz")
    assert rnnbp.load(tmp_path / "model.npz").layers[0].cell == Saved(3, 4, 3.0)
    monkeypatch.setattr(Saved, "update", staticmethod(lambda x, h, tau: h / tau + sigmoid(affine("h", x, h))))
    with pytest.warns(UserWarning, match=r"the equation of test_declared.Saved has changed since the model was saved"):
        rnnbp.load(tmp_path / "model.npz")


def test_an_equation_that_is_written_in_other_words_has_the_same_digest():
    def other(x, h, tau):
        decayed = h / tau
        drive = affine("h", x, h)
        return decayed + tanh(drive)

    assert declare(other, __annotations__={"tau": float}, tau=1.0)(3, 4).digest == Saved(5, 6).digest


def test_a_parameter_may_be_called_state():
    cell = declare(lambda x, h, state: tanh(affine("h", x, h)) * state, parameters="state")(3, 4)
    report = rnnbp.check_gradient(cell)
    assert report.ok
    assert list(report.table.index[:2]) == ["state (not the parameter)", "x"]
