"""Record a declared cell's equation: call its `update` with symbols, and check what it returns."""

import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import Any

from rnnbp.cells.declared.expressions import FEATURES, SCALAR, UNITS, EquationError, Expression, Graph, reachable
from rnnbp.runtime import did_you_mean

INHERITED = ("input_size", "hidden_size", "init")  # the fields of all declared cells


@dataclass(frozen=True, eq=False)
class Equation:
    """An equation as an expression graph.

    Attributes
    ----------
    graph : Graph
    x : Expression
        The symbol of the cell's input.
    states : dict of str to Expression
        The symbol of each part of the state before the step.
    results : dict of str to Expression
        Each part of the state after the step.
    parameters : dict of str to Expression
        The symbols of the element-wise parameters.
    terms : tuple of Expression
        The terms of pre-activations: sources times weights, in the order of the calls.
    names : dict of Expression to str
        The names that `update` gave its results and intermediate values, for readable generated code.
    """

    graph: Graph
    x: Expression
    states: dict[str, Expression]
    results: dict[str, Expression]
    parameters: dict[str, Expression]
    terms: tuple[Expression, ...]
    names: dict[Expression, str]

    @property
    def structure(self) -> str:
        """The equation as text: the same for equations that compute the same numbers from the same parameters."""
        nodes = reachable(self.results.values())
        place = {node: k for k, node in enumerate(nodes)}
        lines = [f"{node.op} {node.label!r} {[place[arg] for arg in node.args]}" for node in nodes]
        results = {name: place[result] for name, result in self.results.items()}
        return "\n".join([*lines, f"{results} {list(self.parameters)}"])


def record(
    owner: str,
    update: Callable[..., Any],
    states: Sequence[str],
    parameters: Sequence[str],
    constants: Sequence[str],
    options: Mapping[str, Any],
) -> Equation:
    """Call `update` with symbols and return the equation.

    Parameters
    ----------
    owner : str
        Name of the cell, for messages.
    update : callable
    states, parameters, constants : sequences of str
        The names that stand for symbols.
    options : mapping of str to object
        Fields that are passed unchanged: they choose between equations.

    Raises
    ------
    EquationError
        If an argument is unknown, the results do not match the state, or something declared has no effect.

    Examples
    --------
    >>> equation = record("Decay", lambda h, tau: h - h / tau, ["h"], [], ["tau"], {})
    >>> equation.results
    {'h': sub(h, div(h, tau))}
    """
    graph = Graph(owner)
    symbols = {
        "x": graph.symbol("input", "x", FEATURES),
        **{name: graph.symbol("state", name) for name in states},
        **{name: graph.symbol("parameter", name) for name in parameters},
        **{name: graph.symbol("constant", name, SCALAR) for name in constants},
    }
    known: dict[str, Any] = {**symbols, **options}
    taken = [_known_argument(owner, argument, known) for argument in arguments_of(owner, update)]
    returned, local = _call({name: known[name] for name in taken}, update)
    results = _results(graph, states, returned)
    _check_effect(graph, results, [symbols[name] for name in parameters])
    names = {value: name for name, value in local.items() if isinstance(value, Expression)}
    return Equation(
        graph,
        symbols["x"],
        {name: symbols[name] for name in states},
        results,
        {name: symbols[name] for name in parameters},
        tuple(node for node in reachable(results.values()) if node.op == "weighted"),
        {value: name for value, name in names.items() if value not in symbols.values()},
    )


def arguments_of(owner: str, update: Any) -> list[inspect.Parameter]:
    """Return the arguments of `update`."""
    try:
        return list(inspect.signature(update).parameters.values())
    except (TypeError, ValueError):
        raise EquationError(
            f"{owner}.update must be a function of symbols, as def update(x, h): ..., got {update!r}"
        ) from None


def _known_argument(owner: str, argument: inspect.Parameter, known: Mapping[str, Any]) -> str:
    if argument.kind in (argument.VAR_POSITIONAL, argument.VAR_KEYWORD):
        raise EquationError(f"{owner}.update takes its arguments by name, so it has no {argument}")
    if argument.kind is argument.POSITIONAL_ONLY:
        raise EquationError(f"{owner}.update takes its arguments by name, so it has no / after {argument}")
    if argument.name not in known:
        raise EquationError(
            f"{owner}.update has the unknown argument {argument.name!r}: it takes x, the names in `state` and "
            f"`parameters`, and the cell's fields, here {', '.join(known)}.{_advice(argument, known)}"
        )
    return argument.name


def _advice(argument: inspect.Parameter, known: Mapping[str, Any]) -> str:
    if argument.name == "self":
        return " An equation has no self: write def update(x, ...)"
    if argument.name in INHERITED:
        return " Sizes do not enter an equation: a number that depends on them is a field of its own, of type float"
    if argument.default is not argument.empty:
        return (
            f" A constant is a field of the class: write {argument.name}: float = {argument.default!r} beside `update`"
        )
    return did_you_mean(argument.name, known)


def _call(arguments: Mapping[str, Any], update: Callable[..., Any]) -> tuple[Any, dict[str, Any]]:
    """Return what `update` returns, and its local variables when it does."""
    local: dict[str, Any] = {}

    def at_return(frame: FrameType, event: str, _: Any) -> None:
        if event == "return" and frame.f_code is getattr(update, "__code__", None):  # a partial function has none
            local.update(frame.f_locals)

    before = sys.getprofile()
    sys.setprofile(at_return)
    try:
        return update(**arguments), local
    finally:
        sys.setprofile(before if callable(before) else None)
        if before is not None and not callable(before):
            before.enable()  # cProfile's, which is set by itself alone


def _results(graph: Graph, states: Sequence[str], returned: Any) -> dict[str, Expression]:
    values = tuple(returned) if isinstance(returned, tuple | list) else (returned,)
    wanted = (
        f"{', '.join(states)}: {'one value' if len(states) == 1 else f'{len(states)} values'} as `state` names them"
    )
    if returned is None or len(values) != len(states):
        got = "nothing: is a `return` missing?" if returned is None else f"{len(values)}"
        raise EquationError(f"{graph.owner}.update must return the next {wanted}; got {got}")
    found = {}
    for name, value in zip(states, values, strict=True):
        if not isinstance(value, Expression) or value.width != UNITS:
            raise EquationError(
                f"{graph.owner}.update must return the next {wanted}, each with a value for every unit; got {value!r} "
                f"for {name}"
            )
        if value.is_invariant:
            raise EquationError(
                f"{graph.owner}.update returns {value} for the next {name}, which is the same at every step: use it in "
                f"the equation instead, and take {name} out of `state`"
            )
        found[name] = value
    return found


def _check_effect(graph: Graph, results: Mapping[str, Expression], parameters: Sequence[Expression]) -> None:
    """Raise if something that has parameters does not contribute to the next state."""
    used = set(reachable(results.values()))
    for node in (*graph.nodes.values(), *parameters):
        if node.op in ("weighted", "parameter") and node not in used:
            raise EquationError(f"{graph.owner}.update: {node} has no effect on the next state, so it is a mistake")
