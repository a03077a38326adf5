"""Which rows of which parameters a kernel packs for its products, and to which rows its gradients are added.

All of it depends on the plan and the sizes alone, and is computed once for each: a call takes slices of parameters.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from rnnbp.cells.base import Weights
from rnnbp.cells.declared import arrays
from rnnbp.cells.declared.compiled_code import by_sources
from rnnbp.cells.declared.compiled_plan import Plan
from rnnbp.cells.declared.expressions import Expression
from rnnbp.cells.declared.layout import Block
from rnnbp.cells.declared.numpy_step import FUNCTIONS
from rnnbp.core import Parameters
from rnnbp.kernels.base import Array


@dataclass(frozen=True)
class Rows:
    """Rows of one parameter, in the order in which they are wanted: slices, which are one where that is possible."""

    name: str
    slices: tuple[slice, ...]

    @classmethod
    def of(cls, name: str, numbers: Sequence[int], size: int) -> "Rows":
        """Return the rows of blocks of `size` rows each."""
        if list(numbers) == list(range(numbers[0], numbers[0] + len(numbers))):
            return cls(name, (slice(numbers[0] * size, (numbers[-1] + 1) * size),))
        return cls(name, tuple(slice(k * size, (k + 1) * size) for k in numbers))

    def take(self, params: Weights | Parameters) -> Array:
        """Return the rows; a view where they are one slice."""
        array, first = params[self.name], self.slices[0]
        if len(self.slices) == 1:
            return array if first.stop - first.start == len(array) else array[first]
        return np.concatenate([array[rows] for rows in self.slices])


@dataclass(frozen=True)
class GradientTerm:
    """A term of the parameters' gradient: columns of deltas from `begin` on, outer a source, added to these rows.

    Attributes
    ----------
    begin : int
        First column of `deltas`.
    source : {'inputs', 'sources'}
        The array with the source.
    start : int
        Its first column there.
    weights, biases : tuple of Rows
        Of one source or of two that are next to each other: the weights, and, where there are any, the biases.
    """

    begin: int
    source: str
    start: int
    weights: tuple[Rows, ...]
    biases: tuple[Rows | None, ...]


@dataclass(frozen=True)
class Bookkeeping:
    """All rows of a kernel.

    Attributes
    ----------
    products : tuple of (int, tuple of Rows)
        Of each product of the forward pass: its slots, and the rows of the weights of its sources.
    transposed : tuple of Rows
        Of each product of the backward pass through the state.
    of_input : tuple of (Rows, bool)
        Of each product of the input's gradient: whether the order of its columns is reversed.
    biases : tuple of (slice, Rows)
        Slots, and the biases that are added there.
    terms : tuple of GradientTerm
    """

    products: tuple[tuple[int, tuple[Rows, ...]], ...]
    transposed: tuple[Rows, ...]
    of_input: tuple[tuple[Rows, bool], ...]
    biases: tuple[tuple[slice, Rows], ...]
    terms: tuple[GradientTerm, ...]


@lru_cache(maxsize=64)
def bookkeeping_of(plan: Plan, hidden_size: int, padded_size: int) -> Bookkeeping:
    """Return the rows for a plan, for H and H rounded up to the vector width."""
    equation, stages, H = plan.program.equation, plan.program.stages, hidden_size

    def rows(source: Expression, slots: Sequence[int]) -> Rows:
        blocks = [block for slot in slots if (block := plan.sums[slot].block(source))]
        return Rows.of(f"w_{blocks[0].suffix}", [block.row for block in blocks], H)

    products = tuple(
        (len(product.slots), tuple(rows(source, product.slots) for source in product.sources))
        for phase in plan.phases
        for product in by_sources(phase.products)
    )
    behind = [*(source for stage in reversed(stages[1:]) for source in stage), *equation.states.values()]
    transposed = tuple(rows(source, run) for source in behind for run in plan.slots_of(source))
    of_input = tuple((rows(equation.x, run), plan.backwards(run)) for run in plan.slots_of(equation.x))
    return Bookkeeping(products, transposed, of_input, _biases(plan, H), tuple(_terms(plan, H, padded_size)))


def _biases(plan: Plan, H: int) -> tuple[tuple[slice, Rows], ...]:
    """Return the biases of each source, of as many slots at a time as their rows are consecutive."""
    equation = plan.program.equation
    found = []
    for source in (equation.x, *equation.states.values(), *plan.sources):
        for run in plan.runs((source,)):
            rows = _bias([plan.sums[slot].block(source) for slot in run], H)
            if rows is not None:
                found.append((slice(run.start, run.stop), rows))
    return tuple(found)


def _terms(plan: Plan, H: int, P: int) -> list[GradientTerm]:
    x, output = plan.program.equation.x, plan.in_row[-1]
    joint = plan.runs((output, x))
    found = [_term(plan, (output, x), run, "inputs", (len(plan.in_row) - 1) * H, H) for run in joint]
    together = {slot for run in joint for slot in run}
    places = {source: ("inputs", k * H) for k, source in enumerate((*plan.in_row, x))}
    places |= {source: ("sources", k * P) for k, source in enumerate(plan.sources)}
    for source, (array, start) in places.items():
        for run in plan.runs((source,)):
            for part in _without(run, together if source in (output, x) else set()):
                found.append(_term(plan, (source,), part, array, start, H))
    first = len(plan.sums)
    for k, name in enumerate(plan.program.equation.parameters):
        whole = Rows(name, (slice(0, H),))
        found.append(GradientTerm((first + k) * H, "inputs", 0, (), (whole,)))
    return found


def _without(run: range, together: set[int]) -> list[range]:
    """Return the parts of a run outside of a set."""
    parts: list[range] = []
    for slot in run:
        if slot in together:
            continue
        if parts and parts[-1].stop == slot:
            parts[-1] = range(parts[-1].start, slot + 1)
        else:
            parts.append(range(slot, slot + 1))
    return parts


def _term(plan: Plan, sources: Sequence[Expression], run: range, array: str, start: int, H: int) -> GradientTerm:
    blocks = [[plan.sums[slot].block(source) for slot in run] for source in sources]
    weights = tuple(Rows.of(f"w_{suffix(of)}", [b.row for b in of if b], H) for of in blocks)
    biases = tuple(_bias(of, H) for of in blocks)
    return GradientTerm(run[0] * H, array, start, weights, biases)


def suffix(blocks: Sequence[Block | None]) -> str:
    """Return the suffix of the parameters of blocks of one source."""
    return next(block.suffix for block in blocks if block)


def _bias(blocks: Sequence[Block | None], H: int) -> Rows | None:
    rows = [block.bias_row for block in blocks if block and block.bias_row is not None]
    return Rows.of(f"b_{suffix(blocks)}", rows, H) if rows else None


def invariant_values(plan: Plan, params: Weights, constants: Mapping[Expression, float]) -> list[Array]:
    """Return the values (H,) of expressions that are the same at all steps."""
    values: dict[Expression, Array | float] = dict(constants)
    operations: dict[str, Callable[..., Array]] = {
        "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide, "neg": np.negative,
        **{op: getattr(arrays, name) for op, name in FUNCTIONS.items()},
    }  # fmt: skip

    def value(expression: Expression) -> Array | float:
        if expression not in values:
            if expression.op == "number":
                values[expression] = expression.label
            elif expression.op == "parameter":
                values[expression] = params[expression.label]
            else:
                values[expression] = operations[expression.op](*(value(arg) for arg in expression.args))
        return values[expression]

    return [np.asarray(value(invariant)) for invariant in plan.invariants]
