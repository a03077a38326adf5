"""The expression graph of an equation: symbols, the operators on them, and the errors that explain what they cannot do.

A cell's `update` is called once with symbols in place of numbers. Each operation returns the expression of its result,
so that the call leaves the equation as a graph. Equal expressions are one object (`Graph.node`), so a common
subexpression is computed once, and an expression is created after all that it is made of: creation order, `number`, is
an order of evaluation.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from numbers import Real
from typing import TYPE_CHECKING, Any, NoReturn

UNITS, FEATURES, SCALAR = "hidden_size", "input_size", ""  # what an expression has one value for each of
VARYING = {"state", "input", "weighted", "cotangent", "product"}  # what differs from step to step

ONCE = "update is called once, with symbols, to record the equation"


class EquationError(ValueError):
    """Error in a cell's declaration."""


@dataclass(eq=False, slots=True)
class Graph:
    """All expressions of one equation.

    Examples
    --------
    >>> graph = Graph("example")
    >>> h = graph.symbol("state", "h")
    >>> h * h is h * h
    True
    """

    owner: str
    nodes: dict[tuple, "Expression"] = field(default_factory=dict)
    recurrent_mask: "Expression | None" = None  # by which all that enters by recurrent weights is multiplied

    def node(
        self, op: str, args: tuple["Expression", ...] = (), label: Any = None, width: str = SCALAR
    ) -> "Expression":
        """Return the expression of an operation, a new one if it has not occurred before."""
        key = (op, label, *(arg.number for arg in args))
        if key not in self.nodes:
            self.nodes[key] = Expression(self, op, args, label, width, len(self.nodes))
        return self.nodes[key]

    def weighted(self, source: "Expression", label: tuple[str, bool]) -> "Expression":
        """Return a source times a weight; `label` is (gate, has a bias)."""
        if self.recurrent_mask is not None and source.width == UNITS:
            source = self.recurrent_mask * source
        return self.node("weighted", (source,), label, UNITS)

    def symbol(self, op: str, name: str, width: str = UNITS) -> "Expression":
        """Return the symbol of a state, a parameter, a constant, ..."""
        return self.node(op, (), name, width)

    def constant(self, value: Real | float) -> "Expression":
        """Return a number as an expression."""
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            raise EquationError(f"{self.owner}.update: a number in the equation must be finite, got {number}")
        return self.node("number", (), number)

    def lift(self, value: Any, function: str) -> "Expression":
        """Return a number or an expression as an expression of this graph."""
        if isinstance(value, Expression):
            if value.graph is not self:
                raise EquationError(f"{self.owner}.update: {function} combines symbols of two equations")
            return value
        if isinstance(value, Real) and not isinstance(value, bool):
            return self.constant(value)
        raise EquationError(
            f"{self.owner}.update: {function} takes symbols and numbers, got {type(value).__name__} {value!r}"
        )

    def apply(self, op: str, *values: Any) -> "Expression":
        """Return an element-wise operation on symbols and numbers, simplified."""
        args = tuple(self.lift(value, op) for value in values)
        for arg in args:
            if arg.width == FEATURES:
                raise EquationError(
                    f"{self.owner}.update: {op} is element-wise over the {UNITS} units, but {arg} has one value for "
                    f"each of the {FEATURES} features: it enters by weights, as affine(name, {arg})"
                )
        return simplified(self, op, args)


class Expression:
    """A symbol, or the result of an operation on expressions: one value for each unit, or a scalar.

    Attributes
    ----------
    op : str
        'state', 'input', 'parameter', 'constant', 'number', 'weighted', or the name of an element-wise operation.
    args : tuple of Expression
        The operands.
    label : object
        Name of a symbol, value of a number, (gate, has a bias) of a source times a weight.
    width : str
        What there is one value for each of: UNITS, FEATURES, or SCALAR for one value.
    number : int
        Place in the order of creation.
    is_invariant : bool
        Whether it depends on parameters and constants alone, so that it is the same at all steps.
    """

    __array_ufunc__: Callable[..., Any] | None
    __slots__ = ("args", "graph", "is_invariant", "label", "number", "op", "width")

    def __init__(
        self, graph: Graph, op: str, args: tuple["Expression", ...], label: Any, width: str, number: int
    ) -> None:
        self.graph, self.op, self.args, self.label, self.width, self.number = graph, op, args, label, width, number
        self.is_invariant: bool = op not in VARYING and all(arg.is_invariant for arg in args)

    def __add__(self, other: Any) -> "Expression":
        return self.graph.apply("add", self, other)

    def __radd__(self, other: Any) -> "Expression":
        return self.graph.apply("add", other, self)

    def __sub__(self, other: Any) -> "Expression":
        return self.graph.apply("sub", self, other)

    def __rsub__(self, other: Any) -> "Expression":
        return self.graph.apply("sub", other, self)

    def __mul__(self, other: Any) -> "Expression":
        return self.graph.apply("mul", self, other)

    def __rmul__(self, other: Any) -> "Expression":
        return self.graph.apply("mul", other, self)

    def __truediv__(self, other: Any) -> "Expression":
        return self.graph.apply("div", self, other)

    def __rtruediv__(self, other: Any) -> "Expression":
        return self.graph.apply("div", other, self)

    def __neg__(self) -> "Expression":
        return self.graph.apply("neg", self)

    def __pos__(self) -> "Expression":
        return self

    def __abs__(self) -> "Expression":
        return self.graph.apply("abs", self)

    def __pow__(self, power: Any) -> "Expression":
        if isinstance(power, Expression) or power != 2:
            self._refuse(f"the power {power!r}", "only ** 2 is known; write other powers as products")
        return self * self

    def __repr__(self) -> str:
        return self._described(4)

    def _described(self, depth: int) -> str:
        """Return the expression as nested calls; what is deeper than `depth` calls as dots, as it may be very long."""
        if self.op == "number":
            return f"{self.label:g}"
        if not self.args:
            return str(self.label)
        inside = ", ".join(arg._described(depth - 1) for arg in self.args) if depth else "..."
        if self.op == "weighted":
            gate, biased = self.label
            return f"{'affine' if biased else 'linear'}({gate!r}, {inside})"
        return f"{self.op}({inside})"

    def _refuse(self, what: str, instead: str) -> NoReturn:
        raise EquationError(f"{self.graph.owner}.update: {what} of the symbol {self}; {ONCE}: {instead}")

    def __bool__(self) -> bool:
        self._refuse("`if`, `and`, `or` or `not`", "for a case for each unit use maximum, relu or abs")

    def _compare(self, other: Any) -> bool:
        self._refuse("a comparison", "for a case for each unit use maximum, relu or spike")

    __lt__ = __le__ = __gt__ = __ge__ = _compare
    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        """Return whether both are one object, as equal expressions of an equation are."""
        return self is other if isinstance(other, Expression) else self._compare(other)

    def _product_with_weights(self, other: Any) -> "Expression":
        self._refuse("the matrix product @", 'weights have names of their own: W x + R h + b is affine("gate", x, h)')

    __matmul__ = __rmatmul__ = _product_with_weights

    def _unknown_operator(self, *_: Any) -> Any:
        self._refuse("an operator other than + - * / and ** 2", "there is no derivative of // % & |, and a ** b is exp")

    __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __divmod__ = __rdivmod__ = __rpow__ = _unknown_operator
    __and__ = __rand__ = __or__ = __ror__ = __xor__ = __rxor__ = __invert__ = _unknown_operator

    def __call__(self, *_: Any, **__: Any) -> Any:
        self._refuse("a call", f"does the argument {self} hide a function of the same name? Give it another name")

    def __round__(self, *_: Any) -> Any:
        self._refuse("rounding", "what has no derivative is spike(u, surrogate)")

    def __int__(self) -> int:
        self._refuse("int()", "it has one value for each unit, which is not known yet")

    def __float__(self) -> float:
        self._refuse("float() or a function of `math`", "use exp, tanh, ... of rnnbp.cells.declared")

    def __getitem__(self, key: Any) -> "Expression":
        self._refuse(f"the index {key!r}", "a symbol stands for every unit, so an equation has no indices")

    def __iter__(self) -> Iterator["Expression"]:
        self._refuse("unpacking", "a symbol stands for every unit, so an equation has no indices")

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> NoReturn:
            if name.startswith("_"):  # protocols ask for these
                raise AttributeError(name)
            self._refuse(f"the attribute {name!r}", "use + - * / and the functions of rnnbp.cells.declared")

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> "Expression":  # type: ignore[no-redef]
        op = _OPERATORS.get(ufunc.__name__)
        if op is None or not all(isinstance(value, Expression | Real) for value in inputs):
            self._refuse(f"numpy.{ufunc.__name__}", "use the function of that name of rnnbp.cells.declared")
        return self.graph.apply(op, *inputs)  # a NumPy number on the left


_OPERATORS = {"add": "add", "subtract": "sub", "multiply": "mul", "divide": "div"}  # NumPy's names


def reachable(targets: Iterable[Expression], known: Iterable[Expression] = ()) -> list[Expression]:
    """Return the expressions that `targets` are computed from, in order of evaluation, without those behind `known`.

    Examples
    --------
    >>> h = Graph("example").symbol("state", "h")
    >>> reachable([1 - h * h])
    [h, mul(h, h), 1, sub(1, mul(h, h))]
    """
    found: set[Expression] = set()
    stop, stack = set(known), list(targets)
    while stack:
        expression = stack.pop()
        if expression not in found:
            found.add(expression)
            if expression not in stop:
                stack.extend(expression.args)
    return sorted(found, key=lambda e: e.number)


def width_of(args: Iterable[Expression]) -> str:
    """Return the width of an element-wise operation: units, if one of its operands has a value for each unit."""
    return UNITS if any(arg.width == UNITS for arg in args) else SCALAR


def simplified(graph: Graph, op: str, args: tuple[Expression, ...]) -> Expression:
    """Return an element-wise operation without neutral elements and double signs, which derivatives are full of.

    Examples
    --------
    >>> h = Graph("example").symbol("state", "h")
    >>> 1 * h, h + 0, 1 + -h, -(-h)
    (h, h, sub(1, h), h)
    """
    values = [arg.label if arg.op == "number" else None for arg in args]
    if op in _NUMBERS and None not in values:
        return graph.constant(_NUMBERS[op](*values))
    found = _REWRITE[op](*args, *values) if op in _REWRITE else None
    return graph.node(op, args, None, width_of(args)) if found is None else found


_NUMBERS: dict[str, Callable[..., float]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "neg": lambda a: -a,
}


def _add(a: Expression, b: Expression, x: float | None, y: float | None) -> Expression | None:
    if x == 0 or y == 0:
        return b if x == 0 else a
    if b.op == "neg":
        return a - b.args[0]
    return b - a.args[0] if a.op == "neg" else None


def _sub(a: Expression, b: Expression, x: float | None, y: float | None) -> Expression | None:
    if x == 0 or y == 0:
        return -b if x == 0 else a
    return a + b.args[0] if b.op == "neg" else None


def _mul(a: Expression, b: Expression, x: float | None, y: float | None) -> Expression | None:
    if x == 1 or y == 1:
        return b if x == 1 else a
    if x == -1 or y == -1:
        return -(b if x == -1 else a)
    if a.op == "neg":
        return -(a.args[0] * b)
    if b.op == "neg":
        return -(a * b.args[0])
    for one, other in ((a, b), (b, a)):  # e (1 / tau) is e / tau, which rounds once less
        if one.op == "div" and one.args[0].label == 1 and one.width == SCALAR:
            return other / one.args[1]
    return None


def _div(a: Expression, b: Expression, x: float | None, y: float | None) -> Expression | None:
    if y == 0:
        raise EquationError(f"{a.graph.owner}.update: {a} is divided by 0")
    return a if y == 1 else None


def _neg(a: Expression, x: float | None) -> Expression | None:
    return a.args[0] if a.op == "neg" else None


_REWRITE: dict[str, Callable[..., Expression | None]] = {
    "add": _add,
    "sub": _sub,
    "mul": _mul,
    "div": _div,
    "neg": _neg,
}
