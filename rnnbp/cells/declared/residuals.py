"""Which values of the forward pass are stored for the backward pass, and which are computed again."""

from collections.abc import Iterable

from rnnbp.cells.declared.expressions import Expression, reachable
from rnnbp.cells.declared.recording import Equation
from rnnbp.cells.declared.reverse import Reverse

CHEAP = {"add", "sub", "mul", "neg", "stop_gradient"}  # computed again rather than stored
NONLINEAR = {"sigmoid", "tanh", "relu", "exp", "sin", "cos", "softplus", "maximum", "spike", "abs"}


def backward_targets(equation: Equation, found: Reverse) -> list[Expression]:
    """Return all expressions that a backward pass computes, and the sources of weights, which gradients need."""
    return [
        *(delta.value for delta in found.deltas.values()),
        *(found.d_state(name, symbol) for name, symbol in equation.states.items()),
        *(source for source in found.products if source.op != "state"),
    ]


def stored_values(equation: Equation, found: Reverse, available: Iterable[Expression] = ()) -> tuple[Expression, ...]:
    """Return the values that the forward pass stores: activations, and pre-activations that are needed.

    Values that take only cheap operations on stored ones, on states and on parameters are computed again, and all that
    depend on parameters alone. Values are considered in order of evaluation, so that what others are made of is stored
    before them.

    Parameters
    ----------
    equation : Equation
    found : Reverse
    available : iterable of Expression
        What the backward pass knows besides states and parameters: the next state, in a kernel.

    Examples
    --------
    >>> from rnnbp.cells.declared.functions import linear, sigmoid
    >>> from rnnbp.cells.declared.recording import record
    >>> from rnnbp.cells.declared.reverse import reverse
    >>> def update(x, h):
    ...     z = sigmoid(linear("z", x))
    ...     return z + h * (1 - z)
    >>> equation = record("Gated", update, ["h"], [], [], {})
    >>> stored_values(equation, reverse(equation))
    (sigmoid(linear('z', x)),)
    """
    forward = reachable(equation.results.values())
    needed = set(reachable(backward_targets(equation, found), forward))
    known, kept = {*equation.states.values(), *available}, list[Expression]()
    there = set(known)
    for node in forward:
        if node.is_invariant or (node.op in CHEAP and all(arg in there for arg in node.args)):
            there.add(node)
        elif node in needed and node.op != "input" and node not in there:
            kept.append(node)
            there.add(node)
    for source in found.products:  # gradients of weights are computed without the parameters
        if any(node.op == "parameter" for node in reachable([source], {*known, *kept})):
            kept.append(source)
    return tuple(kept)


def gate_values(equation: Equation) -> dict[str, Expression]:
    """Return each gate's value: that of the first nonlinearity on its pre-activation, else its term."""
    nodes = reachable(equation.results.values())
    found: dict[str, Expression] = {}
    for term in equation.terms:
        value = term
        while value.op not in NONLINEAR:
            following = [node for node in nodes if value in node.args]
            if len(following) != 1:
                break
            value = following[0]
        found.setdefault(term.label[0], value if value.op in NONLINEAR else term)
    return found
