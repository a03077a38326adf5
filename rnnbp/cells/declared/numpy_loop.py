"""What the writers of a declared cell's forward and backward pass in NumPy share: names, views, and the loop itself."""

import re
import textwrap
from collections.abc import Sequence

from rnnbp.cells.declared.expressions import Expression
from rnnbp.cells.declared.numpy_calls import AT_STEP, Calls, Place, real
from rnnbp.cells.declared.numpy_plan import NumpyPlan
from rnnbp.cells.declared.numpy_step import FUNCTIONS
from rnnbp.cells.declared.source import WIDTH, Names, Writer, define

RESERVED = (
    *("rows", "params", "constants", "weights", "inputs", "states", "gates", "ahead", "block", "steps", "here"),
    *("one", "half", "zero", "matmul", "add", "subtract", "multiply", "divide", "negative", "absolute", "greater"),
    *(
        "d_outputs",
        "d_states",
        "outputs",
        "totals",
        "d_x",
        "delta",
        "columns",
        "add_products",
        "concatenate",
        "views",
        "H",
    ),
    *(f"{name}{k or ''}" for name in ("scratch", "work", "row", "total", "w") for k in range(100)),
    *FUNCTIONS.values(),
)


HEADER = "    "  # indentation of a function's first lines
DERIVED = (("", "_all"), ("d_", ""), ("d_", "_next"), ("d_", "_all"), ("total_", ""))


class Loop:
    """Base class of the writers of the forward and the backward pass.

    Parameters
    ----------
    plan : NumpyPlan
    """

    def __init__(self, plan: NumpyPlan) -> None:
        self.plan, self.program, self.equation = plan, plan.program, plan.program.equation
        equation = self.equation
        symbols = [*equation.states, *equation.parameters]
        own = {*symbols, *equation.names.values()}
        derived = [f"{before}{name}{after}" for name in symbols for before, after in DERIVED]
        derived += [f"delta_{name}" for name in own]
        self.names = Names(equation, [*RESERVED, *derived, *(f"{name}{AT_STEP}" for name in (*own, *derived))])
        for name, result in equation.results.items():
            if self.names.of(result) != f"{name}_next":
                self.names.give(plan.copy_of(result, name), f"{name}_next")
        self.calls = Calls(self.names)
        self.views: dict[str, str] = {}
        self.row_names = [f"row{k or ''}" for k in range(len(plan.rows))]
        self.weight_names = [f"w{k or ''}" for k in range(len(plan.products))]
        self._squashed: set[Expression] = set()

    def variable(self, name: str, in_loop: bool) -> str:
        """Return the name of an array in the loop, or for a block."""
        return name + AT_STEP * in_loop

    def in_row(self, source: Expression, position: int) -> str:
        """Return the name of a source's columns in the rows of inputs."""
        return f"{self.names.of(source)}_in{position or ''}"

    def slot_name(self, value: Expression) -> str:
        """Return the name of the slot that has a value; another one than that of the next state."""
        is_result = any(value is real(result) for result in self.equation.results.values())
        return f"{'slot_' * is_result}{self.names.of(value)}"

    def name_states(self) -> None:
        """Note where the states before the step are."""
        for symbol in self.equation.states.values():
            self.calls.put(symbol, Place(self.names.of(symbol), owned=False))

    def view(self, name: str, code: str) -> None:
        """Define a variable of the loop by the code of a list, which has an item a step."""
        self.views[name] = code

    def view_states(self) -> None:
        """Define the views of states before and after the step."""
        for name, symbol in self.equation.states.items():
            self.view(f"{self.names.of(symbol)}_t", f"{{rows}}.active_parts({name}_all[:-1]{{steps}})")
            self.view(f"{name}_next_t", f"{{rows}}.active_parts({name}_all[1:]{{steps}})")

    def over_blocks(self, before: list[str], loop: list[str], after: list[str], blocks: bool) -> list[str]:
        """Return the loop over steps, in a loop over blocks if there is something to do for a block."""
        for place in self.calls.scratch[True]:
            self.view(f"{place.name}_t", f"{{rows}}.each({place.name})")
        for place in self.calls.scratch[False]:
            self.view(f"{place.name}_t", f"{{rows}}.steps({place.name})")
        lines = [f"{place.name} = rows.scratch()" for place in self.calls.scratch[True]]
        if not blocks:
            return lines + self.over_steps(loop, "rows", {"here": "", "in_here": ":, ", "steps": ""})
        work = [place.name for place in self.calls.scratch[False]]
        allocated = [unpacked(work, f"block.packed({len(work)})")] if work else []
        steps = self.over_steps(loop, "block", {"here": "[here]", "in_here": "here, ", "steps": "[steps]"})
        lines.append(self.blocks)
        inner = "\n".join([*allocated, *before, *steps, *after])
        return lines + ["    " + line for line in inner.split("\n")]

    blocks = "for steps, here, block in rows.blocks():"

    def in_order(self, views: str) -> str:
        """Return the code that yields the steps in the order of the loop."""
        return views

    def over_steps(self, loop: Sequence[str], rows: str, places: dict[str, str]) -> list[str]:
        """Return the loop over steps."""
        if not loop:
            return []
        assigned = {name for line in loop if line.endswith(" = gates_t") for name in re.findall(r"\w+_t\b", line)[:-1]}
        used = set(re.findall(r"\w+", "\n".join(loop)))
        names = [name for name in self.views if name in used and name not in assigned]
        lists = [self.views[name].format(rows=rows, **places) for name in names]
        body = ["    " + part for line in loop for part in line.split("\n")]
        targets, items = f"{', '.join(names)}{',' * (len(names) == 1)}", f"zip({', '.join(lists)})"
        if len(line := f"for {targets} in {self.in_order(items)}:") <= WIDTH - 4:
            return [line, *body]
        lines = ["views = zip(", *(f"    {item}," for item in lists), ")"]
        if len(line := f"for {targets} in {self.in_order('views')}:") <= WIDTH - 4:
            return [*lines, line, *body]
        return [*lines, "for (", *wrapped(names), f") in {self.in_order('views')}:", *body]

    def define(self, signature: str, title: str, header: list[str], lines: list[str]) -> str:
        """Return the function."""
        writer = Writer(self.names, {op: f"arrays.{name}" for op, name in FUNCTIONS.items()})
        states = [f"{name}_all" for name in self.equation.states]
        top = [
            "H = rows.size",
            "one, half, zero = rows.numbers",
            unpacked(self.row_names, "inputs", HEADER),
            unpacked(states, "states", HEADER),
            unpacked(self.weight_names, "weights", HEADER),
        ]
        for k, constant in enumerate(self.program.constants):
            top.append(f"{self.names.of(constant)} = constants[{k}]{writer.meaning(constant)}")
        top += [f'{self.names.of(symbol)} = params["{name}"]' for name, symbol in self.equation.parameters.items()]
        known = {*self.equation.parameters.values(), *self.program.constants}
        given = [value for value in self.calls.given if value.args and value not in known]
        lines = [*writer.assignments(given, known), *lines]
        return define(signature, title, [line for line in [*top, *header] if line], lines)


def unpacked(names: Sequence[str], source: str, indent: str = "") -> str:
    """Return code that names the items of a sequence, in lines that are indented but the first; '' without names.

    Examples
    --------
    >>> unpacked(["h", "c"], "states"), unpacked(["h"], "states")
    ('h, c = states', '(h,) = states')
    """
    if not names:
        return ""
    line = f"({names[0]},) = {source}" if len(names) == 1 else f"{', '.join(names)} = {source}"
    if len(line) <= WIDTH - 4:
        return line
    return f"\n{indent}".join(["(", *wrapped(names), f") = {source}"])


def wrapped(names: Sequence[str]) -> list[str]:
    """Return names as lines of a tuple."""
    return [f"    {line}" for line in textwrap.wrap(", ".join(names) + ",", WIDTH - 8)]
