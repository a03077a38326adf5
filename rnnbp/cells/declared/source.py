"""Source code from expressions: names, infix notation, and assignments in order of evaluation."""

import keyword
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from rnnbp.cells.declared.expressions import Expression, reachable
from rnnbp.cells.declared.recording import Equation

WIDTH = 112  # characters of a line, before its indentation
LONG = 60  # characters of an expression that gets a line of its own
INFIX = {"add": ("+", 1), "sub": ("-", 1), "mul": ("*", 2), "div": ("/", 2)}
ATOM = 4  # precedence of a name or a call
SYMBOLS = {"input", "state", "parameter", "constant", "cotangent", "product", "weighted"}


class Names:
    """A variable name for each expression, no name twice.

    Symbols are called as in `update`, its results ``..._next``, other values as its local variables; what has no name
    there is named after its operation, as ``tanh_c``.

    Parameters
    ----------
    equation : Equation
    reserved : iterable of str
        What the generated code uses otherwise.
    """

    def __init__(self, equation: Equation, reserved: Iterable[str]) -> None:
        self._taken = {*reserved, *keyword.kwlist}
        self._found: dict[Expression, str] = {}
        self.give(equation.x, "x")
        for name, symbol in (equation.states | equation.parameters).items():
            self.give(symbol, name)
        for name, result in equation.results.items():
            self.give(result, f"{name}_next")
        self._wanted = dict(equation.names)

    def give(self, expression: Expression, name: str) -> str:
        """Name an expression, unless it has a name; return its name."""
        if expression not in self._found:
            while name in self._taken:
                name += "_"
            self._taken.add(name)
            self._found[expression] = name
        return self._found[expression]

    def named(self, expression: Expression) -> bool:
        """Return whether an expression has a name or `update` gave it one."""
        return expression in self._found or expression in self._wanted

    def of(self, expression: Expression) -> str:
        """Return the name of an expression."""
        if expression in self._found:
            return self._found[expression]
        return self.give(expression, self._wanted.get(expression) or self._described(expression))

    def _described(self, expression: Expression) -> str:
        if isinstance(expression.label, str):
            return expression.label
        if expression.op == "weighted":
            return f"{self.of(expression.args[0])}_{expression.label[0]}"
        names = [self.of(arg).removesuffix("_next") for arg in expression.args if self.named(arg)]
        if len(names) == len(expression.args) and (expression.op == "mul" or expression.op not in INFIX):
            return "_".join(names if expression.op == "mul" else [expression.op, *names])
        return f"u{expression.number}"


class Writer:
    """Writes expressions as code.

    Parameters
    ----------
    names : Names
    functions : mapping of str to str
        What operations without a sign are called in the code.
    """

    def __init__(self, names: Names, functions: Mapping[str, str]) -> None:
        self.names, self.functions = names, functions

    def text(self, expression: Expression, variables: Iterable[Expression], least: int = 0) -> str:
        """Return an expression in terms of `variables`, in parentheses if it binds less than `least`."""
        if expression in variables or expression.op in SYMBOLS:
            return self.names.of(expression)
        if expression.op == "number":
            value = expression.label
            found = repr(int(value)) if value == int(value) and abs(value) < 1e6 else repr(value)
            return f"({found})" if value < 0 and least > 2 else found
        if expression.op in INFIX:
            sign, binds = INFIX[expression.op]
            left, right = expression.args
            # a product on the right keeps its parentheses, which say in which order it is evaluated
            found = f"{self.text(left, variables, binds)} {sign} {self.text(right, variables, binds + 1)}"
        elif expression.op == "neg":
            found, binds = f"-{self.text(expression.args[0], variables, 3)}", 2
        else:
            args = ", ".join(self.text(arg, variables) for arg in expression.args)
            return f"{self.functions[expression.op]}({args})"
        return f"({found})" if binds < least else found

    def meaning(self, constant: Expression) -> str:
        """Return the definition of a constant as a comment, if it has one and it is short."""
        if not constant.args or len(reachable([constant])) > 12:
            return ""
        return f"  # {self.text(constant, ())}"

    def assignments(self, targets: Sequence[Expression], known: set[Expression]) -> list[str]:
        """Return lines that compute `targets`, and what they share, from `known`, to which these are added."""
        return self._compute(targets, known, set(targets))

    def inline(self, targets: Sequence[Expression], known: set[Expression]) -> tuple[list[str], list[str]]:
        """Return lines that compute what `targets` share, which is added to `known`, and `targets` as code."""
        lines = self._compute(targets, known, {target for target in targets if self.names.named(target)})
        return lines, [self.text(target, known) for target in targets]

    def _compute(self, targets: Sequence[Expression], known: set[Expression], wanted: set[Expression]) -> list[str]:
        nodes = [node for node in reachable(targets, known) if node not in known and not self._free(node)]
        uses = Counter(arg for node in nodes for arg in node.args)
        lines = []
        for node in nodes:
            value = self.text(node, known)
            if node in wanted or uses[node] > 1 or (uses[node] and (self.names.named(node) or len(value) > LONG)):
                lines.append(f"{self.names.of(node)} = {value}")
                known.add(node)
        return lines

    def _free(self, node: Expression) -> bool:
        return node.op in SYMBOLS or node.op == "number"


def joined(target: str, items: Sequence[str]) -> list[str]:
    """Return the lines that concatenate blocks (..., H), one a line where they do not fit one line.

    Examples
    --------
    >>> joined("delta", ["d_r", "d_z"]), joined("delta", ["d_h"])
    (['delta = concatenate([d_r, d_z], axis=-1)'], ['delta = d_h'])
    """
    if len(items) == 1:
        return [f"{target} = {items[0]}"]
    line = f"{target} = concatenate([{', '.join(items)}], axis=-1)"
    if len(line) <= WIDTH:
        return [line]
    return [f"{target} = concatenate(", "    [", *(f"        {item}," for item in items), "    ],", "    axis=-1,", ")"]


def unpacked(names: Sequence[str], source: str) -> str:
    """Return a line that names the blocks (..., H) of an array.

    Examples
    --------
    >>> unpacked(["h", "c"], "state"), unpacked(["h"], "state")
    ('h, c = blocks(state, 2)', 'h = state')
    """
    return f"{names[0]} = {source}" if len(names) == 1 else f"{', '.join(names)} = blocks({source}, {len(names)})"


def listed(names: Sequence[str], source: str) -> str:
    """Return a line that names the items of a sequence, or what takes the place of the line if there are none.

    Examples
    --------
    >>> listed(["x_r", "x_z"], "given"), listed(["x_r"], "given")
    ('x_r, x_z = given', '(x_r,) = given')
    """
    return f"({names[0]},) = {source}" if len(names) == 1 else f"{', '.join(names)} = {source}"


def part(array: str, place: tuple[int, int], whole: int, lead: str = "") -> str:
    """Return rows or, after `lead`, columns of an array in units of H.

    Examples
    --------
    >>> part("delta", (1, 3), 4, "..., "), part("w", (0, 1), 2), part("w", (0, 4), 4)
    ('delta[..., H : 3 * H]', 'w[:H]', 'w')
    """
    if place == (0, whole):
        return array
    start, stop = (f"{n} * H" if n > 1 else "H" if n else "" for n in place)
    stop = "" if place[1] == whole else stop
    sign = " : " if "*" in start + stop else ":"
    return f"{array}[{lead}{(start + sign + stop).strip()}]"


def define(signature: str, title: str, header: Sequence[str], lines: Sequence[str]) -> str:
    """Return a function's source; lines of the header that name nothing that is used are left out."""
    used = set(re.findall(r"\w+", "\n".join(lines)))
    kept = [line for line in header if used & set(re.findall(r"\w+", line.partition(" = ")[0]))]
    body = "".join(f"    {line}\n" for line in (*kept, *lines))
    return f'def {signature}:\n    """{title}"""\n{body}'.rstrip()
