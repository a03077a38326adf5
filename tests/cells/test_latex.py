"""A declared cell's equation in LaTeX."""

import inspect

import declarations
import pytest
from declarations import Peephole

import rnnbp.cells
from rnnbp.cells import ALIFCell, ElmanCell, GRUCell, LeakyElmanCell, LIFCell, LSTMCell, OriginalGRUCell
from rnnbp.cells.declared import DeclaredCell, affine, exp, linear, maximum, relu, sigmoid, spike, tanh

DECLARED = {
    name: cell
    for module in (declarations, rnnbp.cells)
    for name, cell in ((name, getattr(module, name)) for name in dir(module))
    if inspect.isclass(cell) and issubclass(cell, DeclaredCell) and cell is not DeclaredCell
}


def lines(cell):
    """Return the equations of a cell without the alignment of their signs."""
    first, *found, last = cell.latex().splitlines()
    assert (first, last) == (r"\begin{aligned}", r"\end{aligned}")
    assert all(line.endswith(r" \\") for line in found[:-1])
    return [line.removesuffix(r" \\").replace("&=", "=").replace("&:=", ":=") for line in found]


def declared(update, **attributes):
    """Return the equations of a cell that is declared by `update`."""
    cls = type("Mine", (DeclaredCell,), {"update": staticmethod(update), "__annotations__": {}, **attributes})
    return lines(cls(3, 4))


def test_elman_network():
    assert lines(ElmanCell(3, 4)) == [r"h_t = \tanh(W x_t + R h_{t-1} + b)"]
    assert lines(ElmanCell(3, 4, "relu")) == [r"h_t = \operatorname{relu}(W x_t + R h_{t-1} + b)"]


def test_lstm():
    assert lines(LSTMCell(3, 4)) == [
        r"i_t = \sigma(W_i x_t + R_i h_{t-1} + b_i)",
        r"f_t = \sigma(W_f x_t + R_f h_{t-1} + b_f)",
        r"g_t = \tanh(W_g x_t + R_g h_{t-1} + b_g)",
        r"o_t = \sigma(W_o x_t + R_o h_{t-1} + b_o)",
        r"c_t = f_t \odot c_{t-1} + i_t \odot g_t",
        r"h_t = o_t \odot \tanh(c_t)",
    ]


def test_biases_are_two_where_they_enter_separately():
    assert lines(GRUCell(3, 4))[2:] == [
        r"n_t = \tanh(W_n x_t + b_{W,n} + r_t \odot (R_n h_{t-1} + b_{R,n}))",
        r"h_t = n_t + z_t \odot (h_{t-1} - n_t)",
    ]
    assert lines(OriginalGRUCell(3, 4))[2] == r"n_t = \tanh(W_n x_t + R_n (r_t \odot h_{t-1}) + b_n)"


def test_element_wise_parameters_do_not_depend_on_time():
    assert lines(Peephole(3, 4))[0] == r"i_t = \sigma(W_i x_t + R_i h_{t-1} + b_i + p_i \odot c_{t-1})"
    assert lines(Peephole(3, 4))[4] == r"o_t = \sigma(W_o x_t + R_o h_{t-1} + b_o + p_o \odot c_t)"


def test_constants_are_symbols_without_time():
    assert lines(LeakyElmanCell(3, 4)) == [r"h_t = h_{t-1} + \frac{1}{\tau} (\tanh(W x_t + R h_{t-1} + b) - h_{t-1})"]
    assert lines(ALIFCell(3, 4))[:2] == [r"\alpha = e^{-1/\tau}", r"\rho = e^{-1/\tau_{\mathrm{adaptation}}}"]


def test_spikes_come_with_their_surrogate_derivative():
    assert lines(LIFCell(3, 4))[1:] == [
        r"v_t = \alpha \, v_{t-1} + W x_t + R z_{t-1} - \mathrm{threshold} \, \operatorname{sg}(z_{t-1})",
        r"z_t = \Theta\left(\frac{v_t}{\mathrm{threshold}} - 1\right)",
        r"\Theta'(u) := \mathrm{dampening} \, \operatorname{relu}(1 - |u|)",
    ]
    assert declared(lambda x, h: spike(linear("h", x, h), lambda u: 1 / (1 + u * u)))[1] == (
        r"\Theta'(u) := \frac{1}{1 + u^2}"
    )


@pytest.mark.parametrize(
    ("update", "expected"),
    [
        (lambda x, h: 0.5 * linear("h", x) - 2 * h, r"0.5 (W x_t) - 2 h_{t-1}"),
        (lambda x, h: h * 2 + linear("h", x), r"2 h_{t-1} + W x_t"),
        (lambda x, h: linear("h", x) - (h - h * h), r"W x_t - h_{t-1} + h_{t-1}^2"),
        (lambda x, h: -affine("h", x, h), r"-W x_t - R h_{t-1} - b"),
        (lambda x, h: affine("h", x) - affine("h", h), r"W x_t + b_W - R h_{t-1} - b_R"),
        (lambda x, h: tanh(h) ** 2 / (1 + linear("h", x)), r"\frac{\tanh(h_{t-1})^2}{1 + W x_t}"),
        (lambda x, h: exp(h) ** 2 * linear("h", x), r"\exp(h_{t-1})^2 \odot (W x_t)"),
        (lambda x, h: maximum(h, -1) * linear("h", x), r"\max(h_{t-1}, -1) \odot (W x_t)"),
        (lambda x, h: (1 - h) * (h + linear("h", x)), r"(1 - h_{t-1}) \odot (h_{t-1} + W x_t)"),
        (lambda x, h: linear("a", x) + affine("b", h), r"W_a x_t + R_b h_{t-1} + b_b"),
        (lambda x, h: relu(linear("new_value", x)) - sigmoid(affine("old", x)),
         r"\operatorname{relu}(W_{\mathrm{new\,value}} x_t) - \sigma(W_{\mathrm{old}} x_t + b_{\mathrm{old}})"),
    ],
)  # fmt: skip
def test_operations_are_written_as_in_a_paper(update, expected):
    assert declared(update) == [f"h_t = {expected}"]


def test_values_that_update_names_have_equations():
    def update(x, h):
        h_tilde = tanh(affine("new", x, h))
        return h + 0.1 * (h_tilde - h)

    assert declared(update) == [
        r"\tilde{h}_t = \tanh(W x_t + R h_{t-1} + b)",
        r"h_t = h_{t-1} + 0.1 (\tilde{h}_t - h_{t-1})",
    ]


def test_a_symbol_that_is_taken_gets_an_accent():
    def update(x, h, c):
        c_t = tanh(affine("c", x, h))
        return h * c_t, c + c_t

    def rebound(x, h):
        new, h = h + linear("a", x), tanh(affine("h", x, h))
        return new * h

    def letters(x, h, alpha):
        alpha_t = tanh(affine("a", x, h))
        return alpha + alpha_t, alpha_t * alpha

    assert declared(letters, state="h alpha")[0] == r"\alpha_t' = \tanh(W x_t + R h_{t-1} + b)"
    assert declared(update, state="h c")[0] == r"\tilde{c}_t = \tanh(W x_t + R h_{t-1} + b)"
    assert declared(rebound)[1:] == [
        r"\tilde{h}_t = \tanh(W_h x_t + R_h h_{t-1} + b_h)",
        r"h_t = \mathrm{new}_t \odot \tilde{h}_t",
    ]


def test_a_state_that_is_copied_has_an_equation():
    assert declared(lambda x, h, d: (tanh(affine("h", x, d)), h), state="h d") == [
        r"h_t = \tanh(W x_t + R d_{t-1} + b)",
        "d_t = h_{t-1}",
    ]
    assert declared(lambda x, h, d: (linear("h", x), linear("h", x)), state="h d") == ["h_t = W x_t", "d_t = h_t"]


def test_what_occurs_twice_and_has_no_name_is_written_once():
    found = declared(lambda x, h: sigmoid(affine("a", x, h)) * tanh(affine("a", x, h)) + linear("g", x))
    assert found == [
        "a_{a,t} = W_a x_t + R_a h_{t-1} + b_a",
        r"h_t = \sigma(a_{a,t}) \odot \tanh(a_{a,t}) + W_g x_t",
    ]


def test_a_notebook_displays_the_equation():
    assert LSTMCell(3, 4)._repr_latex_() == f"$$\n{LSTMCell(3, 4).latex()}\n$$"


@pytest.mark.parametrize("cell", DECLARED.values(), ids=DECLARED)
def test_equations_are_valid_latex(cell):
    parser = pytest.importorskip("matplotlib.mathtext").MathTextParser("agg")
    for line in lines(cell(3, 4)):
        parser.parse(f"${line}$")


def test_words_are_upright_and_known_symbols_are_not_words():
    class Decay(DeclaredCell):
        dt: float = 0.1
        tau: float = 4.0
        scale: float = 1.0

        @staticmethod
        def update(x, h, dt, tau, scale):
            return exp(-dt / tau) * h + dt * scale * linear("new", x)

    assert lines(Decay(3, 4)) == [r"h_t = e^{-\Delta t/\tau} \, h_{t-1} + \Delta t \, \mathrm{scale} \, (W x_t)"]
