"""Where the parameters of an equation are: rows of weights and biases, and columns of delta."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Any

import numpy as np

from rnnbp.cells.base import Array
from rnnbp.cells.declared.expressions import FEATURES, EquationError, Expression
from rnnbp.cells.declared.recording import Equation
from rnnbp.cells.declared.reverse import Cotangent, Reverse
from rnnbp.cells.outer import Outer


@dataclass(frozen=True)
class Block:
    """The weight of one source in one gate: H rows of ``w_ih`` or ``w_hh``.

    Attributes
    ----------
    term : Expression
        The source times the weight.
    column : int
        Place of its cotangent in delta, in units of H columns.
    row : int
        Place of its rows in the weight, in units of H.
    bias_row : int or None
        The same in the bias; None without bias.
    """

    term: Expression
    column: int
    row: int
    bias_row: int | None

    @property
    def gate(self) -> str:
        """The name of the gate."""
        return self.term.label[0]

    @property
    def source(self) -> Expression:
        """What the weight is multiplied by: x, a state, or a function of states."""
        return self.term.args[0]

    @property
    def suffix(self) -> str:
        """'ih' for a weight of the cell's input, 'hh' for others: the weight is ``w_ih``, the bias ``b_ih``."""
        return suffix_of(self.source)


def suffix_of(source: Expression) -> str:
    """Return the suffix of the weights that multiply a source."""
    return "ih" if source.width == FEATURES else "hh"


@dataclass(frozen=True)
class Run:
    """Blocks of one source that follow each other, so that one matrix product does for all of them."""

    blocks: tuple[Block, ...]

    @property
    def source(self) -> Expression:
        """The source of all of them."""
        return self.blocks[0].source

    @property
    def weight(self) -> str:
        """The name of the weight."""
        return f"w_{self.blocks[0].suffix}"

    @property
    def bias(self) -> str | None:
        """The name of the bias, if there is one."""
        return None if self.blocks[0].bias_row is None else f"b_{self.blocks[0].suffix}"

    @property
    def rows(self) -> tuple[int, int]:
        """First row of the weight, and one past the last, in units of H."""
        return self.blocks[0].row, self.blocks[-1].row + 1

    @property
    def bias_rows(self) -> tuple[int, int]:
        """The same for the bias."""
        first = self.blocks[0].bias_row or 0
        return first, first + len(self.blocks)

    @property
    def columns(self) -> tuple[int, int]:
        """First column of delta, and one past the last, in units of H."""
        return self.blocks[0].column, self.blocks[-1].column + 1


@dataclass(frozen=True, eq=False)
class Layout:
    """The blocks of an equation's weights, and the columns of delta.

    Attributes
    ----------
    equation : Equation
    columns : tuple of Cotangent
        The cotangents that delta consists of: of the terms of pre-activations, which are the same for all terms of a
        sum, and of the element-wise parameters.
    blocks : tuple of Block
    parameter_columns : dict of str to int
        The column of each element-wise parameter.

    Examples
    --------
    >>> from rnnbp.cells.declared.functions import affine
    >>> from rnnbp.cells.declared.recording import record
    >>> from rnnbp.cells.declared.reverse import reverse
    >>> equation = record("Gated", lambda x, h: h * affine("a", x, h) + affine("b", x), ["h"], [], [], {})
    >>> [(block.suffix, block.row, block.column) for block in layout_of(equation, reverse(equation)).blocks]
    [('ih', 0, 0), ('hh', 0, 0), ('ih', 1, 1)]
    """

    equation: Equation
    columns: tuple[Cotangent, ...]
    blocks: tuple[Block, ...]
    parameter_columns: dict[str, int]

    def shapes(self, input_size: int, hidden_size: int) -> dict[str, tuple[int, ...]]:
        """Return the names and shapes of the parameters: weights, biases, element-wise parameters."""
        found: dict[str, tuple[int, ...]] = {}
        for suffix, width in (("ih", input_size), ("hh", hidden_size)):
            if rows := len(self._of(suffix)):
                found[f"w_{suffix}"] = (rows * hidden_size, width)
        for suffix in ("ih", "hh"):
            if rows := sum(block.bias_row is not None for block in self._of(suffix)):
                found[f"b_{suffix}"] = (rows * hidden_size,)
        return found | dict.fromkeys(self.parameter_columns, (hidden_size,))

    def _of(self, suffix: str) -> list[Block]:
        return [block for block in self.blocks if block.suffix == suffix]

    def rows(self, name: str) -> int:
        """Return the rows of a weight or bias in units of H."""
        return self.shapes(1, 1)[name][0]

    @property
    def gates(self) -> tuple[str, ...]:
        """The names of the row blocks of the input's weights; none if all are named after states, as a plain unit's."""
        names = dict.fromkeys(block.gate for block in self._by_row)
        return () if names.keys() <= self.equation.states.keys() else tuple(names)

    def bias_rows(self, gate: str) -> dict[str, int]:
        """Return the biases of a gate, and its place in each in units of H."""
        blocks = [block for block in self._by_row if block.gate == gate]
        return {f"b_{block.suffix}": block.bias_row for block in blocks if block.bias_row is not None}

    @cached_property
    def products(self) -> tuple[Run, ...]:
        """Runs of consecutive rows: the products of a forward pass."""
        return tuple(_runs(self._by_row, lambda a, b: b.row == a.row + 1))

    @cached_property
    def transposed_products(self) -> tuple[Run, ...]:
        """Runs of consecutive rows and columns: the products of a backward pass, and the gradients of weights."""
        return tuple(_runs(self._by_row, lambda a, b: (b.row, b.column) == (a.row + 1, a.column + 1)))

    def outer_products(self, hidden_size: int, sources: Mapping[Expression, Array]) -> tuple[Outer, ...]:
        """Return the parameters' gradient as outer products of delta and the values of the sources.

        Recurrent weights are marked, by `units`, where they are the only paths between units: where no weight
        multiplies a function of states, as r h in the original GRU.
        """
        return tuple(
            one if source is None else Outer(one.name, one.columns, sources[source], one.rows, one.units)
            for one, source in self._outers(hidden_size, tuple(sources))
        )

    def _outers(self, hidden_size: int, sources: tuple[Expression, ...]) -> list[tuple[Outer, Expression | None]]:
        """Return the outer products without their inputs, each with its source, None for a bias; made once."""
        if (hidden_size, sources) in self._made:
            return self._made[hidden_size, sources]
        states, H = list(self.equation.states.values()), hidden_size
        marked = all(source in (self.equation.x, *states) for source in sources)

        def columns(numbers: Iterable[int]) -> Array:
            return np.concatenate([np.arange(k * H, (k + 1) * H) for k in numbers])

        found: list[tuple[Outer, Expression | None]] = []
        for run in self.products:
            (first, last), source = run.rows, run.source
            units = slice((k := states.index(source)) * H, (k + 1) * H) if marked and source in states else None
            here = columns(block.column for block in run.blocks)
            found.append((Outer(run.weight, here, None, slice(first * H, last * H), units), source))
        for suffix in ("ih", "hh"):
            biased = [block for block in self._by_row if block.suffix == suffix and block.bias_row is not None]
            if biased:
                found.append((Outer(f"b_{suffix}", columns(block.column for block in biased)), None))
        found += [(Outer(name, columns([column])), None) for name, column in self.parameter_columns.items()]
        self._made[hidden_size, sources] = found
        return found

    @cached_property
    def _made(self) -> dict[Any, list[tuple[Outer, Expression | None]]]:
        return {}

    @property
    def _by_row(self) -> list[Block]:
        return sorted(self.blocks, key=lambda block: (block.suffix == "hh", block.row))


def layout_of(equation: Equation, found: Reverse) -> Layout:
    """Give every term its rows in the order of the calls, and every different cotangent its columns.

    Raises
    ------
    EquationError
        If a gate multiplies two sources by the same rows.
    """
    columns: dict[Cotangent, int] = {}
    blocks: list[Block] = []
    for term in equation.terms:
        (source,), (gate, biased) = term.args, term.label
        same = [block for block in blocks if block.suffix == suffix_of(source)]
        for block in same:
            if block.gate == gate and block.source is source:
                raise EquationError(
                    f"{equation.graph.owner}.update: the gate {gate!r} multiplies {source} with and without a bias: "
                    "write affine or linear both times, or give one of them a name of its own"
                )
            if block.gate == gate:
                raise EquationError(
                    f"{equation.graph.owner}.update: the gate {gate!r} multiplies both {block.source} and {source} by "
                    f"the same rows of w_{block.suffix}: give one of them a name of its own"
                )
        column = columns.setdefault(found.deltas[term], len(columns))
        bias_row = sum(block.bias_row is not None for block in same) if biased else None
        blocks.append(Block(term, column, len(same), bias_row))
    of_parameters = {name: len(columns) + k for k, name in enumerate(equation.parameters)}
    all_columns = (*columns, *(found.deltas[symbol] for symbol in equation.parameters.values()))
    return Layout(equation, all_columns, tuple(blocks), of_parameters)


def _runs(blocks: Sequence[Block], follows: Callable[[Block, Block], bool]) -> Iterator[Run]:
    """Yield the longest runs of blocks of which each follows the one before, with the same source and sort of bias."""

    def key(block: Block) -> tuple:
        return block.suffix, block.source, block.bias_row is None

    for _, group in groupby(blocks, key):
        run: list[Block] = []
        for block in group:
            if run and not follows(run[-1], block):
                yield Run(tuple(run))
                run = []
            run.append(block)
        yield Run(tuple(run))
