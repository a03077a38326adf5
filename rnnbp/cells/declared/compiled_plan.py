"""How a declared cell is run by compiled code: where everything is stored, and what is computed in which phase.

A *slot* is H units of a row of the array `gates`: during a step a pre-activation, and after it one of the values that
are stored for the backward pass. Slots are in an order in which the gates of each source are next to each other, so
that one product computes them. A *phase* is element-wise work between products: a cell has one, and one more for each
stage of sources that themselves depend on gates, as r h in the original GRU.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby, permutations

from rnnbp.cells.declared.expressions import FEATURES, SCALAR, VARYING, Expression, reachable
from rnnbp.cells.declared.layout import Block
from rnnbp.cells.declared.program import Program
from rnnbp.cells.declared.residuals import stored_values
from rnnbp.cells.declared.reverse import Cotangent

TOGETHER = 4  # slots that one product computes: registers of a row of its tile
MOST_PERMUTED = 7  # slots, of which all orders are tried


@dataclass(frozen=True)
class Sum:
    """A pre-activation: a term, or a sum of terms that occur nowhere else."""

    value: Expression
    blocks: tuple[Block, ...]

    def block(self, source: Expression) -> Block | None:
        """Return the block of one source, if it contributes."""
        return next((block for block in self.blocks if block.source is source), None)


@dataclass(frozen=True)
class Product:
    """Source times weights of consecutive slots."""

    sources: tuple[Expression, ...]  # one, or two that are next to each other in a row
    slots: range


@dataclass(frozen=True)
class Phase:
    """Element-wise work: what is computed, and what is already there.

    Attributes
    ----------
    products : tuple of Product
        Before it.
    stores : dict of Expression to int
        The values it stores, and their slots.
    sources : tuple of Expression
        The sources of the next stage.
    """

    products: tuple[Product, ...]
    stores: dict[Expression, int]
    sources: tuple[Expression, ...]


@dataclass(frozen=True, eq=False)
class Plan:
    """The whole plan.

    Attributes
    ----------
    program : Program
    in_row : tuple of Expression
        The states that a row of `inputs` begins with, before x: those that are multiplied by weights, and the output,
        which is next to x.
    extra : tuple of Expression
        The other states.
    sources : tuple of Expression
        The sources that depend on gates, stage by stage.
    sums : tuple of Sum
        The pre-activation in each slot.
    phases : tuple of Phase
    slots : int
        Number of slots: as many as there are sums, or more if more values are stored.
    invariants : tuple of Expression
        Values (H,) that are the same at all steps: element-wise parameters and functions of them.
    """

    program: Program
    in_row: tuple[Expression, ...]
    extra: tuple[Expression, ...]
    sources: tuple[Expression, ...]
    sums: tuple[Sum, ...]
    phases: tuple[Phase, ...]
    slots: int
    invariants: tuple[Expression, ...]

    @property
    def stored(self) -> dict[Expression, int]:
        """The values that are stored for the backward pass, and their slots."""
        of_sums = {s.value: k for k, s in enumerate(self.sums)}
        kept = {value: of_sums[value] for value in _stored(self.program) if value in of_sums}
        return kept | {value: slot for phase in self.phases for value, slot in phase.stores.items()}

    @property
    def columns(self) -> tuple[Cotangent, ...]:
        """The columns of delta: the cotangent of the sum in each slot, then those of the element-wise parameters."""
        layout = self.program.layout
        of_sums = [layout.columns[s.blocks[0].column] for s in self.sums]
        return (*of_sums, *(layout.columns[column] for column in layout.parameter_columns.values()))

    def runs(self, sources: Sequence[Expression]) -> list[range]:
        """Return the longest runs of slots to which all of `sources` contribute by consecutive rows."""

        def rows(slot: int) -> tuple[int | None, ...] | None:
            blocks = [self.sums[slot].block(source) for source in sources]
            if None in blocks:
                return None
            rows = [row for b in blocks if b for row in (b.row, b.bias_row)]
            return tuple(row if row is None else row - slot for row in rows)

        runs = [list(group) for key, group in groupby(range(len(self.sums)), rows) if key is not None]
        return [range(run[0], run[-1] + 1) for run in runs]

    def backwards(self, run: range) -> bool:
        """Return whether the input's gradient is summed from the last slot of a run to the first.

        Sums round less if small terms come first, and the gradients of sigmoid gates are the smaller ones.
        """
        gate = [self._is_sigmoid(self.sums[slot].value) for slot in (run[0], run[-1])]
        return gate == [False, True]

    def _is_sigmoid(self, value: Expression) -> bool:
        nodes = reachable(self.program.equation.results.values())
        return any(node.op == "sigmoid" and node.args == (value,) for node in nodes)

    def slots_of(self, source: Expression) -> list[range]:
        """Return the runs of slots to which a source contributes, by whichever rows."""
        return ranges(k for k, s in enumerate(self.sums) if s.block(source))


@lru_cache(maxsize=64)
def plan_of(program: Program) -> Plan:
    """Plan the kernel of a cell.

    Examples
    --------
    >>> from rnnbp.cells.declared import DeclaredCell, affine, sigmoid, tanh
    >>> class Gated(DeclaredCell):
    ...     @staticmethod
    ...     def update(x, h):
    ...         r = sigmoid(affine("r", x, h))
    ...         return tanh(affine("n", x, r * h))
    >>> plan = plan_of(Gated(2, 3).derivation.program)
    >>> len(plan.phases), plan.slots, len(plan.sources)
    (2, 2, 1)
    """
    equation, stages = program.equation, program.stages
    states = list(equation.states.values())
    weighted = {source for stage in stages for source in stage}
    in_row = (*(s for s in states[1:] if s in weighted), states[0])
    sources = tuple(source for stage in stages[1:] for source in stage)
    sums = _ordered(sums_of(program), [equation.x, *states, *sources])
    phases, slots = _phases(program, sums, in_row[-1])
    return Plan(
        program, in_row, tuple(s for s in states if s not in in_row), sources, sums, phases, slots, _invariants(program)
    )


def sums_of(program: Program) -> list[Sum]:
    """Return the pre-activations: the largest sums of terms of which each is used once."""
    nodes = reachable(program.equation.results.values())
    uses = {node: sum(other.args.count(node) for other in nodes) for node in nodes}
    blocks = {block.term: (block,) for block in program.layout.blocks}
    found: dict[Expression, tuple[Block, ...]] = {}
    for node in nodes:
        if node in blocks:
            found[node] = blocks[node]
        elif node.op == "add" and all(arg in found and uses[arg] == 1 for arg in node.args):
            together = tuple(block for arg in node.args for block in found[arg])
            if len({block.source for block in together}) == len(together):  # a product takes one block of a source
                found = {value: of_sum for value, of_sum in found.items() if value not in node.args}
                found[node] = together
    return [Sum(value, of_sum) for value, of_sum in found.items()]


def _ordered(sums: list[Sum], sources: Sequence[Expression]) -> tuple[Sum, ...]:
    """Return the sums in the first order in which the slots of each source form the fewest runs."""
    if len(sums) > MOST_PERMUTED:
        return tuple(sums)

    def runs(order: tuple[Sum, ...]) -> int:
        return sum(len(ranges(k for k, s in enumerate(order) if s.block(source))) for source in sources)

    return min(permutations(sums), key=runs)


def ranges(numbers: Iterable[int]) -> list[range]:
    """Return increasing numbers as ranges.

    Examples
    --------
    >>> ranges([0, 1, 3])
    [range(0, 2), range(3, 4)]
    """
    groups = groupby(enumerate(numbers), lambda pair: pair[1] - pair[0])
    found = [[number for _, number in group] for _, group in groups]
    return [range(group[0], group[-1] + 1) for group in found]


def _phases(program: Program, sums: tuple[Sum, ...], output: Expression) -> tuple[tuple[Phase, ...], int]:
    equation, stages = program.equation, program.stages or ((),)
    level = {source: k for k, stage in enumerate(stages) for source in stage}
    kept = _stored(program)
    free = [s.value for s in sums if s.value not in kept]
    slot_of, slots, phases = {s.value: k for k, s in enumerate(sums)}, len(sums), []
    pending = [value for value in kept if value not in slot_of]
    for k, stage in enumerate(stages):
        following = stages[k + 1] if k + 1 < len(stages) else ()
        ready = [value for value in pending if _level(value, level) <= k]
        pending = [value for value in pending if value not in ready]
        later = [*pending, *(s for stage in stages[k + 2 :] for s in stage), *equation.results.values()]
        known = {*ready, *kept, *equation.states.values(), *(s for stage in stages[: k + 2] for s in stage)}
        needed = set(reachable(later, known)) if k + 1 < len(stages) else set()
        stores = {}
        for value in ready:
            own = set(reachable([value]))
            choices = [v for v in free if v not in needed and _level(v, level) <= k]
            if choices:
                best = min(choices, key=lambda v: v not in own)
                free.remove(best)
                stores[value] = slot_of[best]
            else:
                stores[value], slots = slots, slots + 1
        phases.append(Phase(tuple(_products(sums, stage, equation.x, output)), stores, following))
    return tuple(phases), slots


def _products(
    sums: tuple[Sum, ...], stage: Sequence[Expression], x: Expression, output: Expression
) -> Iterable[Product]:
    """Yield the products of a stage, of at most `TOGETHER` slots each; x and the output are one source if possible."""
    of_source = {source: [k for k, s in enumerate(sums) if s.block(source)] for source in stage}
    joint = x in of_source and of_source.get(output) == of_source[x]
    for source, numbers in of_source.items():
        if joint and source is output:
            continue
        for run in ranges(numbers):
            for first in range(run.start, run.stop, TOGETHER):
                yield Product(
                    (output, x) if joint and source is x else (source,), range(first, min(run.stop, first + TOGETHER))
                )


def _level(value: Expression, level: dict[Expression, int]) -> int:
    """Return the stage after which a value can be computed."""
    return max((level[node.args[0]] for node in reachable([value]) if node.op == "weighted"), default=0)


@lru_cache(maxsize=64)
def _stored(program: Program) -> tuple[Expression, ...]:
    """Return the values stored besides states and sources, from both of which others are computed again."""
    return stored_values(program.equation, program.reverse, available(program))


def available(program: Program) -> list[Expression]:
    """Return the values that are computed again from states, before or after the step, and sources."""
    equation = program.equation
    there = [*equation.states.values(), *equation.results.values(), *(s for stage in program.stages[1:] for s in stage)]
    return [
        node
        for node in reachable(equation.results.values())
        if not any(n.op in VARYING and n not in there for n in reachable([node], there))
    ]


def _invariants(program: Program) -> tuple[Expression, ...]:
    """Return the values (H,) that do not change from step to step and that others are computed from."""
    found = program.reverse
    targets = [
        *program.equation.results.values(),
        *(column.value for column in program.layout.columns),
        *(term.value for terms in found.states.values() for term in terms),
    ]

    def constant(node: Expression) -> bool:
        leaf = node.op in ("cotangent", "product") or node.width in (SCALAR, FEATURES)
        return not leaf and node.is_invariant

    varying = [node for node in reachable(targets) if not constant(node)]
    return tuple(dict.fromkeys(arg for node in varying for arg in node.args if constant(arg)))
