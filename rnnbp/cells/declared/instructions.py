"""The step of a declared cell at a constant input, and its VJP with respect to the state, as instructions on arrays.

An interpreter of a few operations on arrays (`rnnbp.kernels.compiled.interpreter`) runs every cell, so that nothing is
compiled for a cell. What does not change between iterations (`rnnbp.cells.declared.numpy_fixed_point`) is a constant.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from rnnbp.cells.declared.expressions import Expression, reachable
from rnnbp.cells.declared.layout import Block
from rnnbp.cells.declared.numpy_fixed_point import COTANGENTS, STATES
from rnnbp.cells.declared.program import Program

ADDED = "added"  # the constant that is added to a product with the transposed Jacobian, in parts

Key = Expression | tuple[str, int]  # a value, (name of a bias, row in units of H), or (ADDED, part)
Rows = tuple[str, int]  # of a weight: its name, and the first row in units of H


class Instruction(NamedTuple):
    """An operation, the places of the array it writes and of one or two that it reads, and, of a product, a weight.

    Operations have the names of those of expressions; besides there are 'copy', and 'product':
    ``out = a @ weight + b``.
    """

    operation: str
    out: int
    a: int
    b: int
    weight: int


@dataclass(frozen=True, eq=False)
class Instructions:
    """Instructions on arrays (R, H): first the parts of the argument, then those of the result, then others.

    Attributes
    ----------
    code : tuple of Instruction
    constants : tuple of tuple of Key
        The last arrays: each is the sum of some constants.
    weights : tuple of Rows
        H rows of a parameter each.
    parts, arrays : int
        Number of parts of the argument, and of all arrays.
    transposed : bool
        Whether products are with the weights as they are, for cotangents, rather than with the transposed ones.
    """

    code: tuple[Instruction, ...]
    constants: tuple[tuple[Key, ...], ...]
    weights: tuple[Rows, ...]
    parts: int
    arrays: int
    transposed: bool


@lru_cache(maxsize=64)
def step_instructions(program: Program) -> Instructions:
    """Return the instructions of the step, from the parts of the state to those of the next one.

    Examples
    --------
    >>> from rnnbp.cells import ElmanCell
    >>> found = step_instructions(ElmanCell(2, 3).derivation.program)
    >>> [instruction.operation for instruction in found.code], found.weights
    (['product', 'tanh'], (('w_hh', 0),))
    >>> found.constants
    ((affine('h', x), ('b_hh', 0)),)
    """
    equation = program.equation
    writer = _Writer(program, list(equation.states.values()), STATES, list(equation.results.values()))
    return writer.instructions([writer.place(result) for result in equation.results.values()])


@lru_cache(maxsize=64)
def state_vjp_instructions(program: Program) -> Instructions:
    """Return the instructions of J'a + d, from the parts of a; d is a constant."""
    found, states = program.reverse, program.equation.states
    targets = [found.d_state(name, symbol) for name, symbol in states.items()]
    writer = _Writer(program, list(found.incoming.values()), COTANGENTS, targets)
    return writer.instructions([writer.sum(target, (ADDED, k)) for k, target in enumerate(targets)])


class _Writer:
    """Writer of instructions, which notes where each value is; constants have negative places until all are known."""

    def __init__(
        self, program: Program, inputs: Sequence[Expression], symbols: Iterable[str], targets: Sequence[Expression]
    ) -> None:
        self.layout, self.symbols, self.parts = program.layout, tuple(symbols), len(inputs)
        self.sources = {product: source for source, product in program.reverse.products.items()}
        self.places = {symbol: k for k, symbol in enumerate(inputs)}
        self.arrays = 2 * self.parts
        self.code: list[Instruction] = []
        self.constants: dict[tuple[Key, ...], int] = {}
        self.weights: dict[Rows, int] = {}
        columns = [column.value for column in program.layout.columns]
        self.uses = Counter(arg for node in reachable([*targets, *columns]) for arg in node.args)
        self.uses.update(targets)

    def instructions(self, results: Sequence[int]) -> Instructions:
        """Return what was written, with the results in their places."""
        for k, place in enumerate(results):
            self.write("copy", place, out=self.parts + k)
        code = tuple(self.placed(one) for one in _without_copies(self.code, 2 * self.parts))
        arrays, transposed = self.arrays + len(self.constants), self.symbols == COTANGENTS
        return Instructions(code, tuple(self.constants), tuple(self.weights), self.parts, arrays, transposed)

    def placed(self, one: Instruction) -> Instruction:
        """Return an instruction with the places of constants, which come after all others."""
        out, a, b = (place if place >= 0 else self.arrays - 1 - place for place in (one.out, one.a, one.b))
        return one._replace(out=out, a=a, b=b)

    def write(self, operation: str, a: int, b: int = 0, weight: int = 0, out: int | None = None) -> int:
        """Add an instruction; return where its result is."""
        if out is None:
            out, self.arrays = self.arrays, self.arrays + 1
        self.code.append(Instruction(operation, out, a, b, weight))
        return out

    def constant(self, *keys: Key) -> int:
        """Return the place of a sum of constants."""
        return self.constants.setdefault(keys, -1 - len(self.constants))

    def changes(self, node: Expression) -> bool:
        """Return whether a value changes between iterations."""
        return any(other.op in self.symbols for other in reachable([node]))

    def place(self, node: Expression) -> int:
        """Return where a value is, after adding the instructions that compute it."""
        if node not in self.places:
            self.places[node] = self.computed(node) if self.changes(node) else self.constant(node)
        return self.places[node]

    def computed(self, node: Expression) -> int:
        """Add the instructions of a value that changes."""
        if node.op in ("weighted", "product"):
            return self.product(node)
        if node.op == "stop_gradient":
            return self.place(node.args[0])
        if node.op == "add":
            for one, other in (node.args, node.args[::-1]):
                if not self.changes(other) and self.uses[one] == 1:
                    return self.sum(one, other)
        places = [self.place(arg) for arg in (node.args[:1] if node.op == "spike" else node.args)]
        return self.write(node.op, *places)

    def sum(self, node: Expression, constant: Key) -> int:
        """Add the instructions of a value plus a constant, with which a product may begin."""
        if node.op in ("weighted", "product") and self.uses[node] == 1:
            return self.product(node, constant)
        return self.write("add", self.place(node), self.constant(constant))

    def product(self, node: Expression, *start: Key) -> int:
        """Add the product of a source with its weights, or that of cotangents with the transposed ones."""
        if node.op == "weighted":
            (block,) = (block for block in self.layout.blocks if block.term is node)
            bias = () if block.bias_row is None else ((f"b_{block.suffix}", block.bias_row),)
            a, begin = self.place(block.source), self.constant(*start, *bias)
            return self.write("product", a, begin, self.weight(block))
        blocks = [block for block in self.layout.blocks if block.source is self.sources[node]]
        places = [self.place(self.layout.columns[block.column].value) for block in blocks]
        total = self.constant(*start)
        for block, a in zip(blocks, places, strict=True):
            total = self.write("product", a, total, self.weight(block))
        return total

    def weight(self, block: Block) -> int:
        """Return the number of a weight."""
        return self.weights.setdefault((f"w_{block.suffix}", block.row), len(self.weights))


def _without_copies(code: Sequence[Instruction], reserved: int) -> list[Instruction]:
    """Return the code with a result computed where it is copied to, unless that is a copy of another one."""
    others, renamed = list[Instruction](), dict[int, int]()
    for one in code:
        if one.operation == "copy" and one.a >= reserved and one.a not in renamed:
            renamed[one.a] = one.out
        else:
            others.append(one)
    places = [[renamed.get(place, place) for place in (one.out, one.a, one.b)] for one in others]
    return [one._replace(out=out, a=a, b=b) for one, (out, a, b) in zip(others, places, strict=True)]
