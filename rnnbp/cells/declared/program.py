"""A cell's equation with all that backends need: its reverse pass, layout, stored values, constants and stages."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from rnnbp.cells.declared.expressions import SCALAR, EquationError, Expression, reachable
from rnnbp.cells.declared.layout import Layout, layout_of
from rnnbp.cells.declared.recording import Equation
from rnnbp.cells.declared.residuals import backward_targets, gate_values, stored_values
from rnnbp.cells.declared.reverse import Reverse, reverse


@dataclass(frozen=True, eq=False)
class Program:
    """What every backend starts from.

    Attributes
    ----------
    equation : Equation
    reverse : Reverse
    layout : Layout
    residuals : tuple of Expression
        What `step` stores: the values of the gates, in their order, and what else its products need.
    constants : tuple of Expression
        The numbers that the equation and its reverse pass take from the cell's fields, as ``exp(-1 / tau)``.
    stages : tuple of tuple of Expression
        The sources of weights: first x and the states, then functions of them; those of a stage depend on the products
        of the stages before it alone.
    """

    equation: Equation
    reverse: Reverse
    layout: Layout
    residuals: tuple[Expression, ...]
    constants: tuple[Expression, ...]
    stages: tuple[tuple[Expression, ...], ...]

    def constant_values(self, fields: Mapping[str, float]) -> tuple[float, ...]:
        """Return the values of `constants` for a cell's fields.

        Raises
        ------
        EquationError
            If one is not finite for these fields, or 0 where the equation divides by it.
        """
        found = evaluate(self.constants, fields)
        nodes = self.equation.graph.nodes.values()
        divisors = {node.args[1] for node in nodes if node.op == "div" and node.width != SCALAR}
        for constant, value in found.items():
            if not math.isfinite(value) or (value == 0 and constant in divisors):
                names = sorted(n.label for n in reachable([constant]) if n.op == "constant")
                given = ", ".join(f"{name}={fields[name]!r}" for name in names)
                fault = "divides by " if math.isfinite(value) else "has no finite number for "
                raise EquationError(f"{self.equation.graph.owner}: with {given} the equation {fault}{constant}")
        return tuple(found.values())


def program_of(equation: Equation) -> Program:
    """Derive everything from an equation.

    Examples
    --------
    >>> from rnnbp.cells.declared.functions import affine, sigmoid, tanh
    >>> from rnnbp.cells.declared.recording import record
    >>> def update(x, h):
    ...     r = sigmoid(affine("r", x, h))
    ...     return tanh(affine("h", x, r * h))
    >>> program = program_of(record("Reset", update, ["h"], [], [], {}))
    >>> [len(stage) for stage in program.stages], len(program.residuals), len(program.layout.columns)
    ([2, 1], 2, 2)
    """
    found = reverse(equation)
    layout = layout_of(equation, found)
    gates = [gate_values(equation)[gate] for gate in layout.gates]
    residuals = dict.fromkeys([*gates, *stored_values(equation, found)])
    nodes = reachable([*equation.results.values(), *backward_targets(equation, found)])
    frontier = dict.fromkeys(
        arg for node in nodes if node.width != SCALAR for arg in node.args if arg.width == SCALAR and arg.op != "number"
    )
    return Program(equation, found, layout, tuple(residuals), tuple(frontier), _stages(equation))


def _stages(equation: Equation) -> tuple[tuple[Expression, ...], ...]:
    depth: dict[Expression, int] = {}
    for term in equation.terms:
        (source,) = term.args
        inside = [depth[node.args[0]] for node in reachable([source]) if node.op == "weighted"]
        depth[source] = 1 + max(inside, default=0) if source.args else 0
    return tuple(tuple(s for s in depth if depth[s] == k) for k in range(1 + max(depth.values(), default=-1)))


_NUMERIC: dict[str, Callable[..., float]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "neg": lambda a: -a,
    "abs": abs,
    "sigmoid": lambda a: 0.5 + 0.5 * math.tanh(0.5 * a),
    "tanh": math.tanh,
    "relu": lambda a: max(a, 0.0),
    "exp": math.exp,
    "sin": math.sin,
    "cos": math.cos,
    "softplus": lambda a: max(a, 0.0) + math.log1p(math.exp(-abs(a))),
    "maximum": max,
    "spike": lambda u, surrogate: float(u > 0),
    "positive": lambda a: float(a > 0),
    "sign": lambda a: float(a > 0) - float(a < 0),
    "stop_gradient": lambda a: a,
}


def evaluate(expressions: Sequence[Expression], fields: Mapping[str, float]) -> dict[Expression, float]:
    """Return the values of expressions of constants; NaN where one cannot be computed.

    Examples
    --------
    >>> from rnnbp.cells.declared.expressions import Graph
    >>> tau = Graph("example").symbol("constant", "tau", SCALAR)
    >>> list(evaluate([1 - 1 / tau], {"tau": 4.0}).values())
    [0.75]
    """
    values: dict[Expression, float] = {}
    for node in reachable(expressions):
        if node.op in ("number", "constant"):
            values[node] = node.label if node.op == "number" else float(fields[node.label])
        else:
            try:
                values[node] = _NUMERIC[node.op](*(values[arg] for arg in node.args))
            except (ArithmeticError, ValueError):  # the division by 0, an overflow, the sine of infinity
                values[node] = math.nan
    return {expression: values[expression] for expression in expressions}
