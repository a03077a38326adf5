"""The step of a declared cell at a constant input, and its product with a cotangent, as NumPy source.

Iterations towards a fixed point repeat the step with the same input, and those towards its adjoint repeat the product
with the transposed Jacobian of one state. What does not change between iterations is computed once: the products with
the input, and the factors of the cotangents.
"""

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

from rnnbp.cells.declared.derivation import load
from rnnbp.cells.declared.expressions import UNITS, Expression, reachable
from rnnbp.cells.declared.numpy_step import Step, StepVJP
from rnnbp.cells.declared.program import Program
from rnnbp.cells.declared.source import define, joined, listed

STATES, COTANGENTS = ("state",), ("cotangent", "product")  # the symbols that change between iterations


@lru_cache(maxsize=64)
def fixed_point_functions(program: Program) -> dict[str, Callable[..., Any]]:
    """Return the functions that are generated for a program, by name."""
    return load(
        fixed_point_source(program), f"<declared {program.equation.graph.owner} at a fixed point, {id(program)}>"
    )


def fixed_point_source(program: Program) -> str:
    """Return a module with `given`, `step`, `factors` and `state_vjp`.

    ``step(params, state, given(params, state, x, constants), constants)`` returns the next state and a tuple of the
    residuals of the cell's step; ``state_vjp(params, factors(params, state, residuals, constants), d_next, constants)``
    the cotangent of the state.

    Examples
    --------
    >>> from rnnbp.cells import ElmanCell
    >>> print(fixed_point_source(ElmanCell(2, 3).derivation.program).split("\\n\\n\\n")[2])
    def step(params, state, given, constants):
        \"\"\"Compute one step from what depends on x alone.\"\"\"
        h = state
        (x_h,) = given
        h_h = h @ params["w_hh"].T + params["b_hh"]
        h_next = tanh(x_h + h_h)
        next_state = h_next
        return next_state, (h_next,)
    """
    owner = program.equation.graph.owner
    title = f'"""{owner} at a fixed point, generated from the declaration."""'
    imports = "from rnnbp.cells.declared.arrays import *"
    functions = (writer(program).source() for writer in (_Given, _Step, _Factors, _StateVJP))
    return "\n\n\n".join([f"{title}\n\n{imports}", *functions]) + "\n"


def varying(targets: Iterable[Expression], symbols: Iterable[str]) -> set[Expression]:
    """Return all values that `targets` are computed from and that depend on a symbol of one of these sorts."""
    found: set[Expression] = set()
    for node in reachable(targets):
        if node.op in symbols or not found.isdisjoint(node.args):
            found.add(node)
    return found


def constant_operands(targets: Iterable[Expression], symbols: Iterable[str]) -> list[Expression]:
    """Return the values that do not depend on these symbols and are operands of others that do.

    Examples
    --------
    >>> from rnnbp.cells import GRUCell
    >>> program = GRUCell(2, 3).derivation.program
    >>> constant_operands(program.equation.results.values(), STATES)
    [affine('reset', x), affine('update', x), affine('new', x)]
    """
    targets = list(targets)
    changes = varying(targets, symbols)
    operands = {arg for node in changes for arg in node.args} | {*targets}
    return [
        node
        for node in sorted(operands - changes, key=lambda node: node.number)
        if node.width == UNITS and (node.args or node.op == "state")
    ]


@lru_cache(maxsize=64)
def given_values(program: Program) -> list[Expression]:
    """Return what `given` of `fixed_point_source` returns the values of."""
    return constant_operands([*program.equation.results.values(), *program.residuals], STATES)


@lru_cache(maxsize=64)
def factor_values(program: Program) -> list[Expression]:
    """Return what `factors` of `fixed_point_source` returns the values of."""
    runs = [run for run in program.layout.transposed_products if run.source is not program.equation.x]
    columns = [program.layout.columns[k].value for run in runs for k in range(*run.columns)]
    states = program.equation.states.items()
    return constant_operands([*(program.reverse.d_state(*state) for state in states), *columns], COTANGENTS)


class _Forward(Step):
    """Base class of the writers of both parts of the step: what depends on x alone, and the rest."""

    def __init__(self, program: Program) -> None:
        super().__init__(program)
        self.targets = [*self.equation.results.values(), *program.residuals]
        self.given = given_values(program)
        self.changes = varying([*self.targets, *self.equation.terms], STATES)

    def products(self, changes: bool) -> None:
        """Add the products of the sources that depend on the state, or of those that do not."""
        for sources in self.program.stages:
            here = [source for source in sources if (source in self.changes) == changes]
            self.assign([source for source in here if source.args])
            for run in self.layout.products:
                if run.source in here:
                    self.product(run)


class _Given(_Forward):
    """Writer of `given`: the values that depend on x alone."""

    def source(self) -> str:
        """Return `given`."""
        header = self.header(params=True, residuals=False)
        self.products(changes=False)
        self.assign(self.given)
        self.lines.append(f"return [{', '.join(self.names.of(value) for value in self.given)}]")
        title = "Compute what depends on x alone."
        return define("given(params, state, x, constants)", title, header, self.lines)


class _Step(_Forward):
    """Writer of `step`: what is computed in every iteration towards the fixed point."""

    def source(self) -> str:
        """Return `step`."""
        header = self.header(params=True, residuals=False)
        header.append(listed([self.names.of(value) for value in self.given], "given"))
        self.known.update(self.given)
        self.products(changes=True)
        results = list(self.equation.results.values())
        self.assign([*results, *self.program.residuals])
        self.lines += joined("next_state", [self.names.of(result) for result in results])
        stored = "".join(f"{self.names.of(value)}, " for value in self.program.residuals)
        self.lines.append(f"return next_state, ({stored.strip()})")
        title = "Compute one step from what depends on x alone."
        return define("step(params, state, given, constants)", title, header, self.lines)


class _Backward(StepVJP):
    """Base class of the writers of both parts of the product: the factors of cotangents, and the rest."""

    def __init__(self, program: Program) -> None:
        super().__init__(program)
        self.d_states = [program.reverse.d_state(name, symbol) for name, symbol in self.equation.states.items()]
        self.sources = [s for stage in reversed(program.stages) for s in stage if s is not self.equation.x]
        self.factors = factor_values(program)


class _Factors(_Backward):
    """Writer of `factors`: the values that cotangents are multiplied by."""

    def source(self) -> str:
        """Return `factors`."""
        header = self.header(params=True, residuals=True)
        self.assign([value for value in self.factors if value.args])
        self.lines.append(f"return [{', '.join(self.names.of(value) for value in self.factors)}]")
        title = "Compute the factors of cotangents."
        return define("factors(params, state, residuals, constants)", title, header, self.lines)


class _StateVJP(_Backward):
    """Writer of `state_vjp`: what is computed in every iteration of the adjoint equation."""

    def source(self) -> str:
        """Return `state_vjp`."""
        incoming = list(self.program.reverse.incoming.values())
        header = [self.units("d_next"), *self.constants(), *self.parameters()]
        header.append(listed([self.names.of(value) for value in self.factors], "factors"))
        header.append(self.unpacked(incoming, "d_next"))
        self.known.update(self.factors)
        for root, node in self.program.reverse.sums.items():
            self.names.give(root, f"d_{self.names.of(node)}")
        for source in self.sources:
            self.inner_product(source)
        lines, texts = self.writer.inline(self.d_states, self.known)
        names = [self.names.of(symbol) for symbol in incoming]
        texts = [f"zeros_like({name})" if text == "0" else text for text, name in zip(texts, names, strict=True)]
        self.lines += [*lines, *joined("d_state", texts), "return d_state"]
        title = "Compute the cotangent of the state."
        return define("state_vjp(params, factors, d_next, constants)", title, header, self.lines)
