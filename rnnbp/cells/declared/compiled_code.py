"""What the writers of a declared cell's compiled forward and backward pass share: addresses and assignments."""

from collections.abc import Iterable, Mapping, Sequence

from rnnbp.cells.declared.compiled_plan import TOGETHER, Plan, Product
from rnnbp.cells.declared.expressions import Expression, reachable
from rnnbp.cells.declared.numpy_step import FUNCTIONS
from rnnbp.cells.declared.source import Names, Writer

RESERVED = (
    *("signals", "sizes", "constants", "vectors", "active", "weights", "bias", "inputs", "gates", "extra", "sources"),
    *("outputs", "shard", "shards", "steps", "d_outputs", "deltas", "d_state", "dx", "end", "base", "work", "zeros"),
    *("room", "d_y", "rows", "row", "new", "first", "following", "entry", "product", "product_at", "STARTED", "WORK"),
    *("notify", "at", "copy", "copy_rows", "lanes", "load", "quotient", "store"),
    *("H", "T", "B", "F", "L", "N", "P", "X", "G", "C", "R", "D", "E", "W", "Y", "t", "b", "u"),
    *(f"w{k}" for k in range(30)),
    *FUNCTIONS.values(),
)


def parts(count: int, size: str = "P") -> str:
    """Return the width of a number of parts as the beginning of a sum.

    Examples
    --------
    >>> parts(0), parts(1), parts(2)
    ('', 'P + ', '2 * P + ')
    """
    return "" if count == 0 else f"{size} + " if count == 1 else f"{count} * {size} + "


class Code:
    """Base class of the writers of the forward and the backward pass.

    Parameters
    ----------
    plan : Plan
    """

    def __init__(self, plan: Plan) -> None:
        self.plan, self.program, self.equation = plan, plan.program, plan.program.equation
        self.names = Names(self.equation, RESERVED)
        self.writer = Writer(self.names, FUNCTIONS)
        self.lines: list[str] = []

    def add(self, indent: int, *lines: str) -> None:
        """Add lines."""
        self.lines += ["    " * indent + line for line in lines]

    def name_constants(self) -> None:
        """Add lines that name the constants."""
        for k, constant in enumerate(self.program.constants):
            self.add(1, f"{self.names.of(constant)} = constants[{k}]{self.writer.meaning(constant)}")

    def state(self, symbol: Expression, row: str) -> str:
        """Return the address of a part of the state, at unit u."""
        if symbol in self.plan.in_row:
            return f"at(inputs, {row} * X + {parts(self.plan.in_row.index(symbol), 'H')}u)"
        return f"at(extra, {row} * C + {parts(self.plan.extra.index(symbol))}u)"

    def slot(self, number: int, row: str = "row") -> str:
        """Return the address of a slot, at unit u."""
        return f"at(gates, {row} * G + {parts(number)}u)"

    def places(self) -> dict[Expression, str]:
        """Return the addresses of states, sources and invariants at unit u."""
        plan = self.plan
        found = {symbol: self.state(symbol, "row") for symbol in self.equation.states.values()}
        found |= {source: f"at(sources, row * R + {parts(k)}u)" for k, source in enumerate(plan.sources)}
        return found | {value: f"at(vectors, {parts(k)}u)" for k, value in enumerate(plan.invariants)}

    def span(self, product: Product) -> tuple[str, str, str]:
        """Return the address of a product's sources in the first row, the rows' stride, and the number of entries."""
        plan, source = self.plan, product.sources[0]
        if source in plan.sources:
            return f"at(sources, first * R{tail(parts(plan.sources.index(source)))})", "R", "H"
        k = len(plan.in_row) if source is self.equation.x else plan.in_row.index(source)
        depth = "(H + F)" if len(product.sources) > 1 else "F" if source is self.equation.x else "H"
        return f"at(inputs, first * X{tail(parts(k, 'H'))})", "X", depth

    def compute(self, indent: int, targets: Sequence[Expression], places: Mapping[Expression, str]) -> list[str]:
        """Add lines that load what `targets` are computed from and compute what they share; return them as code."""
        known = {*self.program.constants, *places}
        for node in reachable(targets, known):
            if node in places:
                self.add(indent, f"{self.names.of(node)} = {places[node]}")
        lines, texts = self.writer.inline(targets, known)
        self.add(indent, *lines)
        return texts


def tail(start: str) -> str:
    """Return the beginning of a sum as its end.

    Examples
    --------
    >>> tail("2 * P + "), tail("")
    (' + 2 * P', '')
    """
    return f" + {start.removesuffix(' + ')}" if start else ""


def unpack(names: Sequence[str]) -> str:
    """Return the line that names the weights.

    Examples
    --------
    >>> unpack(["bias"]), unpack(["w0", "w1"])
    ('(bias,) = weights', 'w0, w1 = weights')
    """
    return f"({names[0]},) = weights" if len(names) == 1 else f"{', '.join(names)} = weights"


def whole_product(width: str, a: str, weight: str, depth: str, start: str, into: str) -> list[str]:
    """Return the lines of a product with all of a packed matrix (depth, width)."""
    registers = "quotient(P, L)" if width == "H" else f"quotient({width} + L - 1, L)"
    return [
        "product(",
        f"    product_at, rows, {registers}, {a},",
        f"    at({weight}, 0), {TOGETHER} * L, {depth}, {start}, {into}, L",
        ")  # fmt: skip",
    ]


def loaded(places: Mapping[Expression, str]) -> dict[Expression, str]:
    """Return addresses as loads from them."""
    return {value: f"load({place})" for value, place in places.items()}


def by_sources(products: Iterable[Product]) -> list[Product]:
    """Return products with those of single slots first, which are computed by whole matrices before the others."""
    return sorted(products, key=lambda product: len(product.slots) > 1)
