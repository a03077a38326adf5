"""How a declared cell is run over time by NumPy: its pre-activations in an order in which few calls compute them.

A *slot* is H columns of the products with weights: one pre-activation, and later its cotangent. Slots that multiply the
same values by weights are a *group*: a row of their inputs, ``[h | 1 | x]``, times their weights and biases is one
matrix product. What depends on x alone, the *ahead* slots and all that is computed from them, is computed for a whole
block of steps, before the loop over them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import groupby, permutations

from rnnbp.cells.declared.compiled_plan import Sum, available, ranges, sums_of
from rnnbp.cells.declared.expressions import UNITS, Expression, Graph, reachable
from rnnbp.cells.declared.numpy_calls import real
from rnnbp.cells.declared.program import Program
from rnnbp.cells.declared.residuals import backward_targets, stored_values
from rnnbp.cells.declared.reverse import Cotangent

MOST_PERMUTED = 6  # slots, of which all orders are tried
SQUASHING = ("tanh", "sigmoid")


@dataclass(frozen=True)
class Product:
    """Slots whose weights multiply the same columns of rows of inputs: those of `sources`, of ones, of x if `with_x`.

    In the forward pass, slots have the same recurrent sources in one product, none if they are ahead, and x is in all
    of its rows if it is in any.
    """

    slots: range
    sources: tuple[Expression, ...]
    with_x: bool


@dataclass(frozen=True, eq=False)
class NumpyPlan:
    """The whole plan.

    Attributes
    ----------
    program : Program
    sums : tuple of Sum
        The pre-activation of each slot.
    products : tuple of Product
        Of the forward pass.
    stored : tuple of Expression
        What is stored for the backward pass, besides states and sources.
    """

    program: Program
    sums: tuple[Sum, ...]
    products: tuple[Product, ...]
    stored: tuple[Expression, ...]

    @cached_property
    def graph(self) -> Graph:
        """A graph for further expressions: those of the equation's own graph depend on the equation alone."""
        own = self.program.equation.graph
        return Graph(own.owner, dict(own.nodes))

    def copy_of(self, value: Expression, label: str) -> Expression:
        """Return a copy of a value as a value of its own."""
        return self.graph.node("copy", (value,), label, UNITS)

    @cached_property
    def columns(self) -> tuple[Cotangent, ...]:
        """The cotangent of the pre-activation in each slot."""
        return tuple(column_of(self.program, s) for s in self.sums)

    @cached_property
    def rows(self) -> tuple[tuple[Expression, ...], ...]:
        """The recurrent sources in the rows of each array of inputs; none of the last, ``[1 | x]``, if it is needed."""
        return tuple(dict.fromkeys(sorted((product.sources for product in self.products), key=lambda s: not s)))

    def has_x(self, sources: tuple[Expression, ...]) -> bool:
        """Return whether rows with these recurrent sources contain x."""
        return any(product.with_x for product in self.products if product.sources == sources)

    def stage(self, product: Product) -> int:
        """Return the stage of a product's sources; -1 for those that are ahead."""
        stages = self.program.stages
        return max((k for k, stage in enumerate(stages) for s in product.sources if s in stage), default=-1)

    def slots_of(self, source: Expression) -> list[range]:
        """Return the runs of slots to which a source contributes."""
        return ranges(k for k, s in enumerate(self.sums) if s.block(source))

    @cached_property
    def halved(self) -> frozenset[int]:
        """The slots whose pre-activation enters by its sigmoid alone, so that half of it is computed."""
        return frozenset(k for k, s in enumerate(self.sums) if direct(self.program, s.value) == "sigmoid")

    @cached_property
    def gradient_products(self) -> list[Product]:
        """The products of the weights' gradient, as few as possible without columns of zeros."""
        x, found, rest = self.program.equation.x, list[Product](), list[int]()
        for sources in self.rows:
            slots = [k for product in self.products if product.sources == sources for k in product.slots]
            with_x = [k for k in slots if self.sums[k].block(x)]
            joint = bool(sources) and with_x == slots
            found += [Product(run, sources, joint) for run in ranges(slots) if sources]
            rest += [] if joint else with_x
        return found + [Product(run, (), True) for run in ranges(sorted(rest))]

    def row_of(self, product: Product) -> int:
        """Return the place among `rows` of the array of inputs that a product of the gradient multiplies."""
        if product.sources or () in self.rows:
            return self.rows.index(product.sources)
        return next(k for k, sources in enumerate(self.rows) if self.has_x(sources))

    @cached_property
    def backward_products(self) -> list[tuple[Expression, range]]:
        """The products of the backward pass: a source, and slots to which it contributes by its weights."""
        equation = self.program.equation
        behind = [*(source for stage in reversed(self.program.stages[1:]) for source in stage)]
        found = [(source, run) for source in (*behind, *equation.states.values()) for run in self.slots_of(source)]
        return found + [(equation.x, run) for run in self._of_x]

    @cached_property
    def _of_x(self) -> list[range]:
        """The products of the input's gradient: sums round less if the small terms, of sigmoid gates, come first."""
        found = []
        for run in self.slots_of(self.program.equation.x):
            small = [direct(self.program, self.sums[k].value) == "sigmoid" for k in run]
            if small[-1] and not small[0]:
                first = run.start + small.index(True)
                found += [range(first, run.stop), range(run.start, first)]
            else:
                found.append(run)
        return found


@lru_cache(maxsize=64)
def numpy_plan_of(program: Program) -> NumpyPlan:
    """Plan the kernel of a cell.

    Examples
    --------
    >>> from rnnbp.cells import GRUCell
    >>> plan = numpy_plan_of(GRUCell(2, 3).derivation.program)
    >>> [(len(product.sources), product.slots) for product in plan.products]
    [(0, range(0, 1)), (1, range(1, 4))]
    """
    sums = _ordered(program, sums_of(program))
    return NumpyPlan(program, sums, tuple(_products(program, sums)), _stored(program, sums))


def _stored(program: Program, sums: Sequence[Sum]) -> tuple[Expression, ...]:
    """Return what is stored: also products with x alone, in place of what is computed from them and from states."""
    equation, of_x = program.equation, [s.value for s in sums if not recurrent_sources(program, s)]
    known = {*equation.states.values(), *equation.results.values(), *available(program)}
    kept = stored_values(equation, program.reverse, [*known, *of_x])
    needed = set(reachable(backward_targets(equation, program.reverse), {*known, *kept}))
    return tuple(dict.fromkeys(map(real, (*kept, *(value for value in of_x if value in needed)))))


def column_of(program: Program, s: Sum) -> Cotangent:
    """Return the cotangent of a pre-activation."""
    return program.layout.columns[s.blocks[0].column]


def recurrent_sources(program: Program, s: Sum) -> tuple[Expression, ...]:
    """Return what a pre-activation multiplies by weights besides x."""
    return tuple(source for stage in program.stages for source in stage if source.width == UNITS and s.block(source))


def direct(program: Program, value: Expression) -> str:
    """Return the squashing function that is all that is computed from a value; '' if there is none."""
    results = program.equation.results.values()
    following = [node for node in reachable(results) if value in node.args]
    alone = len(following) == 1 and value not in results
    return following[0].op if alone and following[0].op in SQUASHING else ""


def _products(program: Program, sums: Sequence[Sum]) -> Iterator[Product]:
    keys = [recurrent_sources(program, s) for s in sums]
    with_x = {keys[k] for k, s in enumerate(sums) if s.block(program.equation.x)}
    for run in (list(group) for _, group in groupby(range(len(sums)), lambda k: keys[k])):
        yield Product(range(run[0], run[-1] + 1), keys[run[0]], keys[run[0]] in with_x)


def _ordered(program: Program, sums: list[Sum]) -> tuple[Sum, ...]:
    """Return the sums in the first order in which they take the fewest calls, and sums round the least.

    That is, slots with the same sources, the same activation or the same root of their cotangents are next to each
    other. Sums over slots round less if the small terms come first, and those of sigmoid gates are the smaller ones.
    """
    if len(sums) > MOST_PERMUTED:
        return tuple(sums)
    x = program.equation.x
    sources = {s: recurrent_sources(program, s) for s in sums}
    activation = {s: direct(program, s.value) for s in sums}
    roots = {s: column_of(program, s).root for s in sums}

    def cost(order: tuple[Sum, ...]) -> int:
        total = 0
        for source in {x, *(source for key in sources.values() for source in key)}:
            for run in ranges(k for k, s in enumerate(order) if s.block(source)):
                backwards = activation[order[run[0]]] != "sigmoid" == activation[order[run[-1]]]
                total += 8 + backwards * (1 if source is x else 2)
        total += 8 * len(list(groupby(order, lambda s: sources[s])))
        total += 4 * len(list(groupby(order, lambda s: (sources[s], activation[s] in SQUASHING))))
        total += 4 * len(list(groupby(order, lambda s: (sources[s], activation[s] == "sigmoid"))))
        return total + 3 * len(list(groupby(order, lambda s: roots[s])))

    return min(permutations(sums), key=cost)


def is_ahead(node: Expression) -> bool:
    """Return whether a value depends on products with x, parameters and constants alone."""
    if node.is_invariant:
        return False
    nodes = reachable([node])
    sources = [n.args[0].op for n in nodes if n.op == "weighted"]
    return set(sources) <= {"input"} and not any(n.op in ("state", "cotangent", "product") for n in nodes)
