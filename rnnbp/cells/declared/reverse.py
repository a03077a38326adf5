"""Reverse-mode differentiation of an equation, as further expressions of its graph.

The cotangent of every value is stored as a product ``root * factor``, where the factor does not depend on incoming
cotangents. So the factors of a whole block of steps can be computed before the loop over them, and a product of several
factors is evaluated in the order in which one writes it by hand. Where cotangents with different roots meet, their sum
is a new root.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from rnnbp.cells.declared.expressions import SCALAR, Expression, Graph, reachable
from rnnbp.cells.declared.recording import Equation


def _of_product(y: Expression, a: Expression, b: Expression) -> tuple[Expression, Expression]:
    return b, a


def _of_quotient(y: Expression, a: Expression, b: Expression) -> tuple[Expression, Expression]:
    return 1 / b, -(y / b)


def _of_maximum(y: Expression, a: Expression, b: Expression) -> tuple[Expression, Expression]:
    first = y.graph.apply("positive", a - b)
    return first, 1 - first


# The partial derivatives of y = op(*args) with respect to args, from y itself where that is possible.
PARTIAL_DERIVATIVES: dict[str, Callable[..., tuple[Expression | float, ...]]] = {
    "add": lambda y, a, b: (1, 1),
    "sub": lambda y, a, b: (1, -1),
    "mul": _of_product,
    "div": _of_quotient,
    "neg": lambda y, a: (-1,),
    "abs": lambda y, a: (y.graph.apply("sign", a),),
    "sigmoid": lambda y, a: (y * (1 - y),),
    "tanh": lambda y, a: (1 - y * y,),
    "relu": lambda y, a: (y.graph.apply("positive", y),),
    "exp": lambda y, a: (y,),
    "sin": lambda y, a: (y.graph.apply("cos", a),),
    "cos": lambda y, a: (-y.graph.apply("sin", a),),
    "softplus": lambda y, a: (y.graph.apply("sigmoid", a),),
    "maximum": _of_maximum,
    "spike": lambda y, u, surrogate: (surrogate, 0),
    "stop_gradient": lambda y, a: (0,),
    "positive": lambda y, a: (0,),
    "sign": lambda y, a: (0,),
}


@dataclass(frozen=True)
class Cotangent:
    """The cotangent ``root * factor``; the factor depends on the step alone, not on incoming cotangents."""

    root: Expression
    factor: Expression

    @property
    def value(self) -> Expression:
        """The product as one expression; a division by a constant comes last, where it rounds once."""
        if self.factor.op == "div" and self.factor.args[1].width == SCALAR:
            numerator, constant = self.factor.args
            return self.root * numerator / constant
        return self.root * self.factor


@dataclass(frozen=True, eq=False)
class Reverse:
    """What the reverse pass of a step computes.

    Attributes
    ----------
    incoming : dict of str to Expression
        The symbol of the cotangent of each part of the next state.
    deltas : dict of Expression to Cotangent
        Of each term of a pre-activation and each element-wise parameter.
    products : dict of Expression to Expression
        For each input of weights but x, the symbol of its cotangent through the weights, ``delta @ w``.
    states : dict of str to tuple of Cotangent
        For each part of the state, the terms of its cotangent besides those through weights.
    sums : dict of Expression to Expression
        The roots that are sums of several cotangents, in the order in which they are computed, and what they are the
        cotangents of.
    """

    incoming: dict[str, Expression]
    deltas: dict[Expression, Cotangent]
    products: dict[Expression, Expression]
    states: dict[str, tuple[Cotangent, ...]]
    sums: dict[Expression, Expression]

    def d_state(self, name: str, symbol: Expression) -> Expression:
        """Return the whole cotangent of one part of the state."""
        terms = [term.value for term in self.states[name]]
        if symbol in self.products:
            terms.append(self.products[symbol])
        return total(symbol.graph, terms)


def total(graph: Graph, terms: Iterable[Expression]) -> Expression:
    """Return the sum of expressions; 0 of none."""
    found = graph.constant(0)
    for term in terms:
        found = found + term
    return found


def reverse(equation: Equation) -> Reverse:
    """Return the reverse pass of an equation.

    Examples
    --------
    >>> from rnnbp.cells.declared.functions import affine, tanh
    >>> from rnnbp.cells.declared.recording import record
    >>> equation = record("Simple", lambda x, h: tanh(affine("h", x, h)), ["h"], [], [], {})
    >>> found = reverse(equation)
    >>> h, delta = equation.results["h"], found.deltas[equation.terms[0]]
    >>> delta.root, delta.factor is 1 - h * h
    (d_h, True)
    """
    graph = equation.graph
    incoming = {name: graph.symbol("cotangent", f"d_{name}") for name in equation.states}
    products = {
        source: graph.node("product", (), source.number, source.width)
        for (source,) in (term.args for term in equation.terms)
        if source.op != "input"
    }
    terms: dict[Expression, dict[Expression, Expression]] = {}
    for name, result in equation.results.items():
        _add(terms, result, Cotangent(incoming[name], graph.constant(1)))
    deltas: dict[Expression, Cotangent] = {}
    sums: dict[Expression, Expression] = {}
    for node in reversed(reachable(equation.results.values())):
        if node in products and node.op != "state":
            _add(terms, node, Cotangent(products[node], graph.constant(1)))
        if node not in terms or node.op == "state":
            continue
        cotangent = _merged(graph, terms[node])
        if len(terms[node]) > 1:
            sums[cotangent.root] = node
        if node.op in ("weighted", "parameter"):
            deltas[node] = cotangent
        else:
            _propagate(terms, node, cotangent)
    none = Cotangent(next(iter(incoming.values())), graph.constant(0))  # of what only stop_gradient takes
    return Reverse(
        incoming,
        {node: deltas.get(node, none) for node in (*equation.terms, *equation.parameters.values())},
        products,
        {name: _terms(terms.get(symbol, {})) for name, symbol in equation.states.items()},
        sums,
    )


def _propagate(terms: dict[Expression, dict[Expression, Expression]], node: Expression, cotangent: Cotangent) -> None:
    """Add a value's cotangent to those of its operands."""
    partial_derivatives = PARTIAL_DERIVATIVES[node.op](node, *node.args)
    for arg, derivative in zip(node.args, partial_derivatives, strict=True):
        if arg.width != SCALAR and not (isinstance(derivative, int) and derivative == 0):
            _add(terms, arg, Cotangent(cotangent.root, cotangent.factor * derivative))


def _add(terms: dict[Expression, dict[Expression, Expression]], node: Expression, cotangent: Cotangent) -> None:
    """Add a term to a value's cotangent; terms with the same root are one."""
    of_node = terms.setdefault(node, {})
    before = of_node.get(cotangent.root)
    of_node[cotangent.root] = cotangent.factor if before is None else before + cotangent.factor


def _terms(terms: Mapping[Expression, Expression]) -> tuple[Cotangent, ...]:
    return tuple(Cotangent(root, factor) for root, factor in terms.items())


def _merged(graph: Graph, terms: Mapping[Expression, Expression]) -> Cotangent:
    """Return one cotangent; the sum of several is a new root."""
    several = _terms(terms)
    if len(several) == 1:
        return several[0]
    return Cotangent(total(graph, [term.value for term in several]), graph.constant(1))
