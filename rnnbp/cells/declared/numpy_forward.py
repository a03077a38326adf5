"""The source of a declared cell's forward pass in NumPy."""

from collections.abc import Sequence
from functools import partial

from rnnbp.cells.declared.compiled_plan import ranges
from rnnbp.cells.declared.expressions import Expression, reachable
from rnnbp.cells.declared.numpy_calls import Call, Place, computed, from_tanh, real
from rnnbp.cells.declared.numpy_loop import Loop, unpacked
from rnnbp.cells.declared.numpy_plan import SQUASHING, NumpyPlan, Product, direct, is_ahead


class Forward(Loop):
    """Writer of the forward pass.

    A step's slots are next to each other in memory, ``gates_t`` (G, n, H), and after the step hold the stored values.
    """

    def __init__(self, plan: NumpyPlan) -> None:
        super().__init__(plan)
        self.calls.halved = {plan.sums[k].value for k in plan.halved}
        self.results = {name: real(result) for name, result in self.equation.results.items()}
        self.storage = Storage(plan)
        self.own = {value: Place(self.slot_name(value)) for value in self.storage.values}  # where stored values are

    def source(self) -> str:
        """Return the function."""
        plan, storage = self.plan, self.storage
        self.name_states()
        self.calls.wanted |= self.own
        self.calls.forever |= set(plan.stored)
        for name, result in self.results.items():
            if not result.args or is_ahead(result) or result in self.calls.wanted:
                result = self.results[name] = self.plan.copy_of(result, name)
            self.calls.wanted[result] = Place(f"{name}_next", owned=False)
            self.calls.forever.add(result)
        sums = {s.value for s in plan.sums}
        known = {*self.equation.states.values(), *sums}
        nodes = computed([*self.results.values(), *plan.stored, *(s for row in plan.rows for s in row)], known)
        ahead = [node for node in nodes if node.op != "copy" and is_ahead(node)]
        for product in (p for p in plan.products if not p.sources):
            self.product(product, in_loop=False)
        done = {*self.squashed, *ahead}
        self.calls.elementwise(False, [node for node in ahead if node not in self.squashed])
        for k, stage in enumerate(self.program.stages):
            of_stage = [source for source in stage if any(source in row for row in plan.rows)]
            needed = [node for node in computed(of_stage, {*known, *done}) if node not in done]
            self.calls.elementwise(True, needed)
            done.update(needed)
            self.into_rows(of_stage)
            for product in (p for p in plan.products if plan.stage(p) == k):
                self.product(product, in_loop=True)
                done |= self.squashed
        self.calls.elementwise(True, [node for node in nodes if node not in done])
        sections = self.calls.lines()
        self.view_states()
        for position, (row, sources) in enumerate(zip(self.row_names, plan.rows, strict=True)):
            self.view(f"{row}_t", f"{{rows}}.steps({row}{{here}})")
            for place, source in enumerate(sources):
                self.view(f"{self.in_row(source, position)}_t", f"{{rows}}.steps({row}[{{in_here}}{columns(place)}])")
        gates = [self.own[value].name for value in storage.loop]
        self.view("gates_t", "gates{steps}" if storage.keeps_loop else "{rows}.each(gates)")
        body = sections["loop"]
        body = [unpacked([f"{name}_t" for name in gates], "gates_t"), *body] if gates else body
        header = [f"gates = rows.{'stacks' if storage.keeps_loop else 'stack'}({len(gates)})"] if gates else []
        before = []
        if storage.ahead:
            names = [self.own[value].name for value in storage.ahead]
            allocated = f"{{}}.packed({len(names)})"
            if storage.keeps_ahead:
                header.append(f"ahead = {allocated.format('rows')}")
                before.append(unpacked(names, "ahead[:, here]"))
            else:
                before += [f"ahead = {allocated.format('block')}", unpacked(names, "ahead")]
            for name in names:
                self.view(f"{name}_t", f"{{rows}}.steps({name})")
        lines = self.over_blocks([*before, *sections["before"]], body, sections["after"], bool(ahead or storage.ahead))
        kept = ["gates" if storage.keeps_loop else "None", "ahead" if storage.keeps_ahead else "None"]
        lines.append(f"return {', '.join(kept)}")
        return self.define("forward(rows, params, constants, weights, inputs, states)", self.title(), header, lines)

    def title(self) -> str:
        """Return the docstring: what each of the weights maps to what."""
        lines = ["Run the cell over time; return what is stored.", ""]
        for weight, product in zip(self.weight_names, self.plan.products, strict=True):
            row = " | ".join([*(self.names.of(source) for source in product.sources), "1", *["x"] * product.with_x])
            slots = [self.plan.sums[k].value for k in product.slots]
            gates = ", ".join(self.names.of(self.storage.slot_of.get(value, value)) for value in slots)
            lines.append(f"    {weight}: from [{row}] to the pre-activations of {gates}")
        if any(self.plan.halved.intersection(product.slots) for product in self.plan.products):
            lines += ["", "    Of those whose sigmoid is taken it is half: sigmoid(a) = (1 + tanh(a / 2)) / 2."]
        return "\n".join([*lines, "    "]) if self.weight_names else lines[0]

    @property
    def squashed(self) -> set[Expression]:
        """The activations that are computed together with their product."""
        return self._squashed

    # ---- calls ----------------------------------------------------------------------------------------------

    def product(self, product: Product, in_loop: bool) -> None:
        """Add the product, and the squashing functions that are next to each other."""
        values = [self.plan.sums[k].value for k in product.slots]
        position = self.plan.rows.index(product.sources)
        weight = self.weight_names[self.plan.products.index(product)]
        row = self.row_names[position] + ("_t" if in_loop else "[here]")

        def write(k: int, call: Call) -> list[str]:
            slots = [self.storage.slot_of.get(value) for value in values]
            if slots[0] is None:
                out = self.calls.put(values[0], self.calls.choose(k, call)).name + "_t" * in_loop
            else:
                for value, slot in zip(values, slots, strict=True):
                    self.calls.put(value, self.own[slot])  # type: ignore[index]
                out = self.slots(slots, in_loop)  # type: ignore[arg-type]
            return [f"matmul({row}, {weight}, out={out})"]

        self.calls.special(in_loop, values, product.sources, write)
        if len(values) > 1:
            activated = [direct(self.program, value) in SQUASHING for value in values]
            for run in ranges(k for k, found in enumerate(activated) if found):
                self.squash([values[k] for k in run], in_loop)

    def squash(self, values: Sequence[Expression], in_loop: bool) -> None:
        """Add tanh or sigmoid of the pre-activations in consecutive slots."""
        nodes = reachable(self.equation.results.values())
        results = [next(node for node in nodes if value in node.args) for value in values]
        sigmoids = ranges(k for k, result in enumerate(results) if result.op == "sigmoid")
        self._squashed.update(results)

        def write(_: int, call: Call) -> list[str]:
            slots = [self.storage.slot_of[value] for value in values]
            for result, slot in zip(results, slots, strict=True):
                self.calls.put(result, self.own[slot])
            out, lines = self.slots(slots, in_loop), []
            if len(sigmoids) == 1 and len(sigmoids[0]) == len(slots) and not out.isidentifier():
                lines, out = [f"{self.variable('sigmoids', in_loop)} = {out}"], self.variable("sigmoids", in_loop)
            lines.append(f"tanh({out}, out={out})")
            for run in sigmoids:
                part = out if len(run) == len(slots) else self.slots([slots[k] for k in run], in_loop)
                if not part.isidentifier():  # named, because `a[:2] += b` would copy the result to where it is
                    lines.append(f"{self.variable('sigmoids', in_loop)} = {part}")
                    part = self.variable("sigmoids", in_loop)
                lines += from_tanh(part, "half")
            return lines

        self.calls.special(in_loop, results, values, write)

    def slots(self, values: Sequence[Expression], in_loop: bool) -> str:
        """Return the code of the consecutive slots that are named after `values`."""
        if len(values) == 1:
            return self.variable(self.own[values[0]].name, in_loop)
        whole = self.storage.loop if in_loop else self.storage.ahead
        first = whole.index(values[0])
        start, stop = str(first or ""), str(first + len(values)) if first + len(values) < len(whole) else ""
        array = "gates_t" if in_loop else "ahead"
        if not in_loop and self.storage.keeps_ahead:
            return f"ahead[{start}:{stop}, here]"
        return array if len(values) == len(whole) else f"{array}[{start}:{stop}]"

    def into_rows(self, sources: Sequence[Expression]) -> None:
        """Add the copies of sources into the rows of inputs."""
        for position, row in enumerate(self.plan.rows):
            for source in row:
                if source not in sources:
                    continue
                name, value = self.in_row(source, position), real(source)
                elsewhere = value in {*self.calls.wanted, *self.storage.slot_of, *self.squashed}
                if value.args and not elsewhere and not is_ahead(value):
                    self.calls.wanted[value] = Place(name, owned=False, dense=False)
                    self.calls.forever.add(value)
                else:
                    self.calls.special(True, [], [value], partial(self.copied, f"{name}_t"))

    def copied(self, target: str, _: int, call: Call) -> list[str]:
        """Return the line that copies a value."""
        return [f"{target}[...] = {self.calls.text(call.inputs[0], True)}"]


class Storage:
    """Which value each slot has after the step, and slots for further values.

    Attributes
    ----------
    loop, ahead : list of Expression
        The values in the slots of a step, and in those of a block that are computed before the loop.
    slot_of : dict of Expression to Expression
        For pre-activations: the value in whose slot they are computed.
    keeps_loop, keeps_ahead : bool
        Whether any of these values is stored for the backward pass.
    """

    def __init__(self, plan: NumpyPlan) -> None:
        self.plan = plan
        self.slot_of: dict[Expression, Expression] = {}
        sums = [s.value for s in plan.sums]
        single = {sums[p.slots[0]] for p in plan.products if p.sources and len(p.slots) == 1}
        of_ahead = {sums[k] for p in plan.products if not p.sources for k in p.slots}
        stored = [real(value) for value in plan.stored]
        self.ahead = self._assigned([v for v in sums if v in of_ahead], [v for v in stored if is_ahead(v)], set())
        in_loop = [v for v in stored if not is_ahead(v)]
        self.loop = self._assigned([v for v in sums if v not in of_ahead], in_loop, single)
        self.keeps_loop = any(value in in_loop for value in self.loop)
        self.keeps_ahead = any(value in stored for value in self.ahead)

    @property
    def values(self) -> list[Expression]:
        """All values that have a slot."""
        return [*self.loop, *self.ahead]

    def _assigned(self, sums: list[Expression], stored: list[Expression], single: set[Expression]) -> list[Expression]:
        """Return the final value of each slot, those of `sums` first; `single` ones have none unless it is stored."""
        found = {value: value for value in sums if value in stored}
        for value in stored:
            inside = [s for s in sums if s not in found and s in reachable([value])]
            if value not in sums and inside:
                found[max(inside, key=lambda s: (s in value.args, s.number))] = value
        slots = [value for value in sums if value in found or value not in single]
        self.slot_of |= {value: found.get(value, value) for value in slots}
        final = [self.slot_of[value] for value in slots]
        return [*final, *(value for value in stored if value not in final)]


def columns(place: int) -> str:
    """Return columns of a row as code.

    Examples
    --------
    >>> columns(0), columns(1), columns(2)
    (':H', 'H : 2 * H', '2 * H : 3 * H')
    """
    return ":H" if place == 0 else f"{'H' if place == 1 else f'{place} * H'} : {place + 1} * H"
