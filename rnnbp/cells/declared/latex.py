"""The equation of a declared cell as LaTeX."""

from collections import Counter
from collections.abc import Iterable, Sequence

from rnnbp.cells.declared.expressions import FEATURES, SCALAR, Expression
from rnnbp.cells.declared.latex_symbols import pieces, subscript, symbol
from rnnbp.cells.declared.recording import Equation
from rnnbp.cells.declared.residuals import gate_values

SUM, PRODUCT, ATOM = 1, 2, 3  # how tightly an expression binds
LONG = 48  # characters of a subexpression that gets an equation of its own where it occurs twice
FUNCTIONS = {
    "sigmoid": r"\sigma",
    "tanh": r"\tanh",
    "exp": r"\exp",
    "sin": r"\sin",
    "cos": r"\cos",
    "maximum": r"\max",
    "spike": r"\Theta",
    "stop_gradient": r"\operatorname{sg}",
}


def latex(equation: Equation) -> str:
    """Return an equation in LaTeX, an environment ``aligned`` with one line for each value that `update` names.

    Examples
    --------
    >>> from rnnbp.cells.declared.functions import affine, tanh
    >>> from rnnbp.cells.declared.recording import record
    >>> print(latex(record("Simple", lambda x, h: tanh(affine("h", x, h)), ["h"], [], [], {})))
    \\begin{aligned}
    h_t &= \\tanh(W x_t + R h_{t-1} + b)
    \\end{aligned}
    """
    return "\\begin{aligned}\n" + " \\\\\n".join(LatexWriter(equation).lines()) + "\n\\end{aligned}"


class LatexWriter:
    """Writes the equations of a cell, each value after those that it is computed from.

    Weights of the cell's input are called W, others R, with the name of the gate's value as subscript, or that of the
    gate where its value has no name. The bias b of a gate is the sum of its rows of ``b_ih`` and ``b_hh``, where these
    are added to the same sum; otherwise they are two, with subscripts W and R.

    Attributes
    ----------
    symbols : dict of Expression to str
        What stands for an expression: of the input, states, parameters, constants, and of `named` values.
    named : list of Expression
        The values with an equation of their own, in order of evaluation.
    """

    def __init__(self, equation: Equation) -> None:
        self.equation = equation
        self.nodes = visible(equation.results.values())
        self.symbols = {equation.x: symbol("x", "t")}
        self.symbols |= {node: symbol(name, "t-1") for name, node in equation.states.items()}
        leaves = [node for node in equation.graph.nodes.values() if node.op in ("parameter", "constant")]
        self.symbols |= {node: symbol(node.label) for node in leaves}
        self.gates = gate_subscripts(equation)
        self.named: list[Expression] = []
        for name, result in equation.results.items():
            if result not in self.symbols:
                self._name(result, symbol(name, "t"))
        for value, name in equation.names.items():
            if value in self.nodes and value not in self.symbols and value.op != "number" and name.strip("_"):
                self._name(value, symbol(name, *time_of(value)))
        self._name_shared_values()
        self.named.sort(key=lambda value: value.number)

    def _name(self, value: Expression, text: str) -> None:
        while text in self.symbols.values():
            text = rf"\tilde{{{text[0]}}}{text[1:]}" if text[0] != "\\" else f"{text}'"
        self.symbols[value] = text
        self.named.append(value)

    def _name_shared_values(self) -> None:
        """Name pre-activations and long values that occur in several places, for which `update` has no name."""
        uses = Counter(arg for node in self.nodes for arg in operands(node))
        count = 0
        for value in self.nodes:
            if uses[value] > 1 and value.op != "weighted" and value not in self.symbols:
                gates = {term.label[0] for _, term in self.terms(value) if term.op == "weighted"}
                if len(gates) == 1 and value.op == "add":
                    self._name(value, "a" + subscript(*self.gates[gates.pop()], "t"))
                elif len(self.definition(value)) > LONG:
                    count += 1
                    self._name(value, symbol(f"u_{count}", *time_of(value)))

    def lines(self) -> list[str]:
        """Return the equations: named values, parts of the state that are none, surrogate derivatives."""
        found = [f"{self.symbols[value]} &= {self.definition(value)}" for value in self.named]
        for name, result in self.equation.results.items():
            if self.symbols.get(result) != symbol(name, "t"):
                found.append(f"{symbol(name, 't')} &= {self.text(result)}")
        for value in self.nodes:
            if value.op == "spike":
                found.append(rf"\Theta'(u) &:= {self.definition_in(value.args[1], value.args[0], 'u')}")
        return found

    def definition_in(self, value: Expression, variable: Expression, text: str) -> str:
        """Return what a value is computed as, with `text` for one of the values that it is computed from."""
        before = self.symbols
        self.symbols = before | {variable: text}
        try:
            return self.definition(value)
        finally:
            self.symbols = before

    def text(self, value: Expression, least: int = 0) -> str:
        """Return a value in terms of named ones, in parentheses if it binds less than `least`."""
        return self.symbols[value] if value in self.symbols else self.definition(value, least)

    def definition(self, value: Expression, least: int = 0) -> str:
        """Return what a value is computed as, in parentheses if it binds less than `least`."""
        if value.op == "number":
            return f"{value.label:g}" if value.label >= 0 or least < SUM else f"({value.label:g})"
        if value.op in ("add", "sub", "neg", "weighted"):
            terms = self.terms(value)
            binds = PRODUCT if len(terms) == 1 and terms[0][0] > 0 and not value.label else SUM
            found = self.sum_of(terms)
        elif value.op == "mul":
            found, binds = self._product(value), PRODUCT
        elif value.op == "div":
            found, binds = self._quotient(*value.args)
        else:
            found, binds = self._call(value), ATOM
        return parenthesized(found) if binds < least else found

    # ---- sums -----------------------------------------------------------------------------------------------

    def terms(self, value: Expression, sign: int = 1, whole: bool = True) -> list[tuple[int, Expression]]:
        """Return the signed terms of a sum, in their order."""
        if (not whole and value in self.symbols) or value.op not in ("add", "sub", "neg"):
            return [(sign, value)]
        signs = {"add": (sign, sign), "sub": (sign, -sign), "neg": (-sign,)}[value.op]
        return [term for s, arg in zip(signs, value.args, strict=True) for term in self.terms(arg, s, False)]

    def sum_of(self, terms: Sequence[tuple[int, Expression]]) -> str:
        """Return signed terms as a sum, with the biases of gates."""
        found = ""
        for sign, term in terms:
            sign_text = (" - " if sign < 0 else " + ") if found else "-" if sign < 0 else ""
            if term.op != "weighted" or (term in self.symbols and len(terms) > 1):
                found += sign_text + self.text(term, PRODUCT)
            else:
                found += sign_text + self._weighted(term) + self._bias(term, sign, terms)
        return found

    def _weighted(self, term: Expression) -> str:
        return f"{letter_of(term)}{subscript(*self.gates[term.label[0]])} {self.text(term.args[0], ATOM)}"

    def _bias(self, term: Expression, sign: int, terms: Sequence[tuple[int, Expression]]) -> str:
        """Return the gate's bias after the last of the terms that it is added to."""
        gate, biased = term.label
        together = [other for other in self.equation.terms if other.label == term.label]
        here = [other for s, other in terms if s == sign and other in together]
        if not biased or term is not here[-1]:
            return ""
        which = [] if len(here) == len(together) else [letter_of(term)]
        return (" - " if sign < 0 else " + ") + "b" + subscript(*which, *self.gates[gate])

    # ---- products and functions -----------------------------------------------------------------------------

    def _product(self, value: Expression) -> str:
        factors = sorted(self.factors(value), key=lambda factor: (factor.op != "number", factor.width != SCALAR))
        found, before = "", None
        for factor, power in Counter(factors).items():
            text = self.text(factor, ATOM)
            if power > 1:
                text = f"{parenthesized(text) if '^' in text else text}^{power}"
            if before is not None:
                found += r" \odot " if before.width != SCALAR else " " if before.op == "number" else r" \, "
            found, before = found + text, factor
        return found

    def factors(self, value: Expression, whole: bool = True) -> list[Expression]:
        """Return the factors of a product, in their order."""
        if (not whole and value in self.symbols) or value.op != "mul":
            return [value]
        return [factor for arg in value.args for factor in self.factors(arg, False)]

    def _quotient(self, numerator: Expression, denominator: Expression) -> tuple[str, int]:
        below = self.text(denominator)
        if denominator.width == SCALAR and numerator not in self.symbols and numerator.op in ("add", "sub"):
            return rf"\frac{{1}}{{{below}}} {self.text(numerator, ATOM)}", PRODUCT
        if numerator.op == "number" and numerator.label < 0:
            return rf"-\frac{{{self.text(-numerator)}}}{{{below}}}", SUM
        return rf"\frac{{{self.text(numerator)}}}{{{below}}}", ATOM

    def _in_a_line(self, exponent: Expression) -> str:
        if exponent.op != "div" or exponent in self.symbols:
            return self.text(exponent)
        numerator, denominator = exponent.args
        least = 0 if numerator.op in ("number", "neg") else PRODUCT
        return f"{self.text(numerator, least)}/{self.text(denominator, ATOM)}"

    def _call(self, value: Expression) -> str:
        args = [self.text(arg) for arg in operands(value)]
        if value.op == "abs":
            return f"|{args[0]}|"
        if value.op == "exp" and value.width == SCALAR:
            return f"e^{{{self._in_a_line(value.args[0])}}}"
        return FUNCTIONS.get(value.op, rf"\operatorname{{{value.op}}}") + parenthesized(", ".join(args))


def operands(value: Expression) -> tuple[Expression, ...]:
    """Return what an operation is written with; the surrogate derivative of a spike is no part of it."""
    return value.args[:1] if value.op == "spike" else value.args


def visible(targets: Iterable[Expression]) -> list[Expression]:
    """Return what `targets` are written with, in order of evaluation."""
    found: set[Expression] = set()
    stack = list(targets)
    while stack:
        value = stack.pop()
        if value not in found:
            found.add(value)
            stack.extend(operands(value))
    return sorted(found, key=lambda value: value.number)


def time_of(value: Expression) -> tuple[str, ...]:
    """Return the subscript t for a value that changes with time, none for a function of parameters alone."""
    return () if value.is_invariant else ("t",)


def gate_subscripts(equation: Equation) -> dict[str, list[str]]:
    """Return the subscripts of each gate's weights: of the name of its value, which is shorter, or of its own."""
    values = gate_values(equation)
    if len(values) == 1:
        return {gate: [] for gate in values}
    names = {gate: equation.names.get(value, gate) for gate, value in values.items()}
    times = Counter(names.values())
    return {gate: pieces(name if times[name] == 1 else gate) for gate, name in names.items()}


def letter_of(term: Expression) -> str:
    """Return what the weight of a term is called: W for the cell's input, R for all that recurs."""
    return "W" if term.args[0].width == FEATURES else "R"


def parenthesized(text: str) -> str:
    """Return text in parentheses, which grow with fractions.

    Examples
    --------
    >>> print(parenthesized("a"), parenthesized(r"\\frac{a}{b}"))
    (a) \\left(\\frac{a}{b}\\right)
    """
    return rf"\left({text}\right)" if r"\frac" in text else f"({text})"
