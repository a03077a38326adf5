"""Element-wise operations as calls of NumPy that write into given memory: ``multiply(f, c, out=c_next)``.

The calls of a function are listed first, so that the last use of every value is known. Then each gets a place for its
result: the one where it is wanted, as the next state; the place of an operand that is used no more; or scratch memory,
which is used again as soon as its value is.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from rnnbp.cells.declared.expressions import SCALAR, Expression
from rnnbp.cells.declared.source import Names

UFUNCS = {"add": "add", "sub": "subtract", "mul": "multiply", "div": "divide"}
SIGNS = {"add": "+", "sub": "-", "mul": "*", "div": "/"}
UNARY = {"neg": "negative", "abs": "absolute"}
AT_STEP = "_t"  # ends the names of a step's variables


def real(node: Expression) -> Expression:
    """Return a value without the operations that are none for real numbers."""
    while node.op == "stop_gradient":
        node = node.args[0]
    return node


def operands(node: Expression) -> tuple[Expression, ...]:
    """Return what a value is computed from; a spike's surrogate is needed for its derivative alone."""
    args = node.args[:1] if node.op == "spike" else node.args
    return tuple(real(arg) for arg in args)


def is_given(node: Expression) -> bool:
    """Return whether a value is the same at all steps, so that it is computed once in a call."""
    return node.width == SCALAR or node.is_invariant


def computed(targets: Iterable[Expression], known: Iterable[Expression]) -> list[Expression]:
    """Return what `targets` are computed from by element-wise operations, in order of evaluation, without `known`."""
    found: set[Expression] = set()
    stop, stack = set(known), [real(target) for target in targets]
    while stack:
        node = stack.pop()
        if node not in found and node not in stop and node.args and not is_given(node):
            found.add(node)
            stack.extend(operands(node))
    return sorted(found, key=lambda node: node.number)


@dataclass(frozen=True)
class Place:
    """Memory of one value.

    Attributes
    ----------
    name : str
        Of the variable that has the value at all steps of a block.
    owned : bool
        Whether it may be overwritten when its value is used no more.
    dense : bool
        Whether it is contiguous, so that it is fast for intermediate values too.
    """

    name: str
    owned: bool = True
    dense: bool = True


@dataclass(eq=False)
class Call:
    """One call, or a few that are written together.

    Attributes
    ----------
    in_loop : bool
        Whether it is of one step, or of all steps of a block.
    outputs, inputs : tuple of Expression
    write : callable, optional
        Returns its lines. None: an element-wise operation.
    """

    in_loop: bool
    outputs: tuple[Expression, ...]
    inputs: tuple[Expression, ...]
    write: "Callable[[int, Call], list[str]] | None" = None


@dataclass(eq=False)
class Calls:
    """The calls of one function, and the places of their values.

    Attributes
    ----------
    names : Names
    halved : set of Expression
        Pre-activations of which half is computed.
    calls : list of Call
    at : dict of Expression to Place
        Where values are.
    wanted : dict of Expression to Place
        Where values must be at the end of their section.
    forever : set of Expression
        Values that are needed after the last call.
    scratch : dict of bool to list of Place
        For one step (True), and for a block.
    """

    names: Names
    halved: set[Expression] = field(default_factory=set)
    calls: list[Call] = field(default_factory=list)
    at: dict[Expression, Place] = field(default_factory=dict)
    wanted: dict[Expression, Place] = field(default_factory=dict)
    forever: set[Expression] = field(default_factory=set)
    scratch: dict[bool, list[Place]] = field(default_factory=lambda: {True: [], False: []})
    given: dict[Expression, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._occupant: dict[Place, Expression] = {}
        self._last: dict[Expression, float] = {}
        self._users: dict[Expression, list[Call]] = {}

    # ---- the list of calls ----------------------------------------------------------------------------------

    def elementwise(self, in_loop: bool, nodes: Iterable[Expression]) -> None:
        """Add element-wise operations."""
        self.calls += [Call(in_loop, (node,), operands(node)) for node in nodes]

    def special(
        self,
        in_loop: bool,
        outputs: Sequence[Expression],
        inputs: Sequence[Expression],
        write: Callable[[int, Call], list[str]],
    ) -> None:
        """Add another call."""
        self.calls.append(Call(in_loop, tuple(outputs), tuple(inputs), write))

    # ---- places ---------------------------------------------------------------------------------------------

    def put(self, value: Expression, place: Place) -> Place:
        """Note that a value is in a place from now on."""
        self.at[value], self._occupant[place] = place, value
        return place

    def lines(self) -> dict[str, list[str]]:
        """Return the lines of each section: 'before' the loop, 'loop', and 'after' it."""
        for k, call in enumerate(self.calls):
            for value in call.inputs:
                self._last[value] = k
                self._users.setdefault(value, []).append(call)
        self._last |= dict.fromkeys(self.forever, float("inf"))
        loop = [k for k, call in enumerate(self.calls) if call.in_loop]
        first, last = (loop[0], loop[-1] + 1) if loop else (len(self.calls), len(self.calls))
        found: dict[str, list[str]] = {}
        for section, numbers in (("before", range(first)), ("loop", range(first, last))):
            found[section] = self._section(numbers, section == "loop")
        found["after"] = self._section(range(last, len(self.calls)), False)
        return found

    def _section(self, numbers: range, in_loop: bool) -> list[str]:
        lines = []
        for k in numbers:
            call = self.calls[k]
            lines += self._operation(k, call) if call.write is None else call.write(k, call)
        made = {value for call in self.calls[: numbers.stop] for value in call.outputs}
        for value, place in self.wanted.items():
            occupant = self._occupant.get(place, value)  # it is overwritten when it is used no more
            is_free = occupant is value or self._last.get(occupant, -1) < numbers.stop
            if value in made and self.at[value] != place and is_free:
                lines.append(f"{self.variable(place, in_loop)}[...] = {self.text(value, in_loop)}")
                self.put(value, place)
        return lines

    def variable(self, place: Place, in_loop: bool) -> str:
        """Return the name of a place's variable in the loop, or for a block."""
        return place.name + AT_STEP * in_loop

    def text(self, value: Expression, in_loop: bool) -> str:
        """Return the name of a value."""
        value = real(value)
        if value.op == "number":
            known = {1: "one", 0.5: "half"} if in_loop else {}
            return known.get(value.label) or (repr(int(value.label)) if value.label % 1 == 0 else repr(value.label))
        if is_given(value):
            return self.given.setdefault(value, self.names.of(value))
        return self.variable(self.at[value], in_loop)

    def _operation(self, k: int, call: Call) -> list[str]:
        (node,), args = call.outputs, call.inputs
        texts = [self.text(arg, call.in_loop) for arg in args]
        place = self.choose(k, call)
        self.put(node, place)
        half = "half" if call.in_loop else "0.5"
        return operation(node.op, self.variable(place, call.in_loop), texts, half, args[0] in self.halved)

    def choose(self, k: int, call: Call) -> Place:
        """Return the place for the one result of a call, which may overwrite its operands if it is element-wise."""
        (node,) = call.outputs
        wanted = self.wanted.get(node)
        if wanted is not None and self._is_free(wanted, k, call):
            return wanted
        if wanted is None:
            for arg in call.inputs if call.write is None else ():
                place = self.at.get(arg)
                if place and place.owned and place.dense and self._last[arg] == k:
                    return place
            following = self._place_of_following(node, call.in_loop)
            if following is not None and self._is_free(following, k, call):
                return following
        return self.free_scratch(k, call)

    def _place_of_following(self, node: Expression, in_loop: bool) -> Place | None:
        """Return where the result is wanted of the chain of operations that is all that a value is used for."""
        while True:
            users = self._users.get(node, [])
            if len(users) != 1 or users[0].write is not None or users[0].in_loop != in_loop or node in self.forever:
                return None
            (node,) = users[0].outputs
            if node in self.wanted:
                return self.wanted[node] if self.wanted[node].dense else None

    def free_scratch(self, k: int, call: Call) -> Place:
        """Return scratch memory."""
        pool = self.scratch[call.in_loop]
        for place in pool:
            if self._is_free(place, k, call):
                return place
        pool.append(Place(f"{'scratch' if call.in_loop else 'work'}{len(pool) or ''}"))
        return pool[-1]

    def _is_free(self, place: Place, k: int, call: Call) -> bool:
        occupant = self._occupant.get(place)
        if occupant is None or self.at.get(occupant) != place:
            return True
        last = self._last.get(occupant, -1)
        return last < k or (last == k and call.write is None)


def operation(op: str, out: str, args: Sequence[str], half: str = "0.5", halved: bool = False) -> list[str]:
    """Return the lines of an element-wise operation.

    Examples
    --------
    >>> operation("mul", "c", ["f", "c"]), operation("sub", "u", ["h", "n"])
    (['c *= f'], ['subtract(h, n, out=u)'])
    """
    if op in SIGNS:
        a, b = args
        if out == a:
            return [f"{out} {SIGNS[op]}= {b}"]
        if out == b and op in ("add", "mul"):
            return [f"{out} {SIGNS[op]}= {a}"]
        return [f"{UFUNCS[op]}({a}, {b}, out={out})"]
    if op == "sigmoid":
        first = [] if halved else operation("mul", out, [args[0], half])
        return [*first, f"tanh({args[0] if halved else out}, out={out})", *from_tanh(out, half)]
    if op == "copy":
        return [f"{out}[...] = {args[0]}"]
    if op == "relu":
        return [f"maximum({args[0]}, zero, out={out})"]
    if op in ("spike", "positive"):
        return [f"greater({args[0]}, zero, out={out})"]
    return [f"{UNARY.get(op, op)}({', '.join(args)}, out={out})"]


def from_tanh(out: str, half: str) -> list[str]:
    """Return the lines that turn tanh(a / 2) into sigmoid(a) = (1 + tanh(a / 2)) / 2."""
    return [f"{out} += {'one' if half == 'half' else 1}", f"{out} *= {half}"]
