"""The source of a declared cell's backward pass in NumPy."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property, partial

from rnnbp.cells.declared.expressions import Expression, reachable
from rnnbp.cells.declared.numpy_calls import Call, Place, computed, is_given, operands, operation, real
from rnnbp.cells.declared.numpy_cotangents import Cotangents
from rnnbp.cells.declared.numpy_forward import Storage, columns
from rnnbp.cells.declared.numpy_loop import HEADER, Loop, unpacked
from rnnbp.cells.declared.numpy_plan import NumpyPlan
from rnnbp.cells.declared.source import part


class Backward(Loop):
    """Writer of the backward pass.

    Before the loop over the steps of a block, the factors of all cotangents are computed, which do not depend on
    incoming ones, and after it all that the steps before do not need: gradients of weights, and of the input.
    """

    blocks = "for steps, here, block in reversed(rows.blocks()):"

    def __init__(self, plan: NumpyPlan) -> None:
        super().__init__(plan)
        self.reverse, self.storage, self.cotangents = plan.program.reverse, Storage(plan), Cotangents(plan)
        self.delta, self.d_states = self.cotangents.delta, self.cotangents.d_states
        self.incoming, self.depends = self.cotangents.incoming, self.cotangents.depends
        self.weight_names = [f"w{k or ''}" for k in range(len(plan.backward_products))]
        self.buffers = [Place(f"d_{name}") for name in self.equation.states]
        self.emitted: set[Expression] = set()
        self.arrays: list[str] = []
        self.first: list[Call] = []
        self.last: list[Call] = []
        self._stage: dict[Expression, int] = {}
        for root, node in self.reverse.sums.items():
            self.names.give(self.cotangents.hoisted(root), f"d_{self.names.of(node)}")

    def in_order(self, views: str) -> str:
        return f"reversed(list({views}))"

    # ---- the function ---------------------------------------------------------------------------------------

    def source(self) -> str:
        """Return the function."""
        self.given_values()
        self.loop()
        loop, self.calls.calls = self.calls.calls, []
        after = self.after()
        self.before([*loop, *after])
        self.calls.calls = [*self.calls.calls, *self.first, *loop, *self.last, *after]
        sections = self.calls.lines()
        for name in self.equation.states:
            self.view(f"d_{name}_t", f"{{rows}}.each(d_{name})")
        self.view("d_outputs_t", "{rows}.active_parts(d_outputs{steps})")
        self.view("delta_t", "{rows}.steps(delta)")
        for place in dict.fromkeys(self.calls.at.values()):
            if f"{place.name}_t" not in self.views:
                self.view(f"{place.name}_t", f"{{rows}}.steps({place.name})")
        arrays = [*self.arrays, *(place.name for place in self.calls.scratch[False])]
        self.calls.scratch[False].clear()
        before = [unpacked(arrays, f"block.packed({len(arrays)})")] if arrays else []
        before += self.read(sections)
        slots = len(self.plan.sums)
        if slots:
            before += [f"delta, columns = block.delta({slots})"]
            before += [unpacked([self.delta_name(k) for k in range(slots)], "columns")]
        before += [f"{self.delta_name(k)}[...] = 0" for k, value in enumerate(self.delta) if value is None]
        lines = self.over_blocks(
            [*before, *sections["before"]], sections["loop"], [*sections["after"], *self.gradients()], True
        )
        header = [
            unpacked([f"d_{name}" for name in self.equation.states], "d_states", HEADER),
            unpacked(self.total_names, "totals", HEADER),
        ]
        arguments = "rows, params, constants, weights, inputs, states, gates, ahead, d_outputs, d_states, totals, d_x"
        signature = f"backward(\n    {arguments}\n)"
        return self.define(signature, "Backpropagate, adding to `totals`, and updating `d_states`.", header, lines)

    @property
    def total_names(self) -> list[str]:
        """The names of the sums that the parameters' gradients consist of."""
        return [f"total{k or ''}" for k in range(len(self.plan.gradient_products))] + [
            f"total_{name}" for name in self.equation.parameters
        ]

    def delta_name(self, slot: int) -> str:
        """Return the name of a column."""
        value = self.storage.slot_of.get(self.plan.sums[slot].value, self.plan.sums[slot].value)
        return f"delta_{self.names.of(value)}"

    def given_values(self) -> None:
        """Note where the values of the forward pass are."""
        for name, symbol in self.equation.states.items():
            self.calls.put(symbol, Place(self.names.of(symbol), owned=False))
            result = real(self.equation.results[name])
            if result.args and result not in self.calls.at:
                self.calls.put(result, Place(f"{name}_next", owned=False))
            self.calls.put(self.reverse.incoming[name], Place(f"d_{name}"))
        for value in self.plan.stored:
            self.calls.put(value, Place(self.slot_name(value), owned=value in self.storage.loop))
        for row in self.plan.rows:
            for value in map(real, row):
                if value not in self.calls.at:
                    self.calls.put(value, Place(self.names.of(value), owned=False))
        self.known = set(self.calls.at)

    # ---- calls ----------------------------------------------------------------------------------------------

    def loop(self) -> None:
        """Add the calls of a step, in an order in which cotangents are used up early."""
        feeding = {k for source in self.reverse.products for run in self.plan.slots_of(source) for k in run}
        self.emitted |= set(self.incoming)
        self.calls.special(True, [self.incoming[0]], [], self.add_output)
        self.calls.wanted |= {
            value: Place(self.delta_name(k), dense=False) for k, value in enumerate(self.delta) if value is not None
        }
        self.calls.forever |= {value for value in self.delta if value is not None}
        for name, value in self.d_states.items():
            if value is not None:
                self.calls.wanted[value] = Place(f"d_{name}")
                self.calls.forever.add(value)
        self.in_loop = True
        for k in sorted(feeding, key=lambda k: self.stage_of(self.delta[k])):
            self.need(self.delta[k])
        for value in sorted(self.d_states.values(), key=self.has_product):
            self.need(value)
        for name, value in self.d_states.items():
            if value is None:
                self.calls.special(True, [], [], partial(self.zeroed, name))

    def zeroed(self, name: str, _: int, call: Call) -> list[str]:
        """Return the line for the cotangent of a state that nothing reads."""
        return [f"d_{name}_t[...] = 0"]

    def has_product(self, value: Expression | None) -> bool:
        """Return whether a cotangent has a term through weights."""
        return value is not None and any(node.op == "product" for node in reachable([value]))

    def stage_of(self, value: Expression | None) -> int:
        """Return how many products of cotangents come before a value."""
        if value is None:
            return 0
        if value in self._stage:
            return self._stage[value]
        products = [node for node in reachable([value]) if node.op == "product"]
        source = {product: source for source, product in self.reverse.products.items()}
        slots = [k for p in products for run in self.plan.slots_of(source[p]) for k in run]
        self._stage[value] = max((1 + self.stage_of(self.delta[k]) for k in slots), default=0)
        return self._stage[value]

    def add_output(self, k: int, call: Call) -> list[str]:
        """Return the line that adds the cotangent of the output to that of the first part of the state."""
        place, name = self.calls.wanted.get(self.incoming[0]), next(iter(self.equation.states))
        if place is None:
            return [f"d_{name}_t += d_outputs_t"]
        self.calls.put(self.incoming[0], place)
        return [f"add(d_{name}_t, d_outputs_t, out={place.name}_t)"]

    def need(self, value: Expression | None) -> None:
        """Add the calls that compute a cotangent, unless they are there."""
        if value is None or value in self.emitted or not self.depends(value):
            return
        if value.op == "product":
            self.product(value)
            return
        together = self.same_root(value)
        for one in together:
            for arg in operands(one):
                self.need(arg)
        self.emitted.update(together)
        if len(together) > 1:
            self.scale(together)
        else:
            self.calls.elementwise(self.in_loop, [value])

    def same_root(self, value: Expression) -> list[Expression]:
        """Return the values of consecutive columns that are a root times a factor of their own, this one included."""
        if not self.is_scaled(value):
            return [value]
        k = next(k for k, other in enumerate(self.delta) if other is value)
        first = last = k
        while first and self.shares(first - 1, value):
            first -= 1
        while last + 1 < len(self.delta) and self.shares(last + 1, value):
            last += 1
        return [v for v in self.delta[first : last + 1] if v is not None]

    def shares(self, slot: int, value: Expression) -> bool:
        """Return whether the value of a column is computed together with another one."""
        other = self.delta[slot]
        return (
            other is not None and self.is_scaled(other) and other.args[0] is value.args[0] and other not in self.emitted
        )

    def is_scaled(self, value: Expression) -> bool:
        """Return whether a value is that of a column, which has its factor before it is multiplied by the root."""
        if value.op != "mul" or not any(value is column for column in self.delta) or self.depends(value.args[1]):
            return False
        factor = value.args[1]
        return bool(factor.args) and factor not in self.known and not is_given(factor) and self.users[factor] == 1

    @cached_property
    def users(self) -> Counter[Expression]:
        """How many cotangents each value is an operand of."""
        nodes = reachable(self.cotangents.values, self.known)
        return Counter(arg for node in nodes if self.depends(node) for arg in operands(node))

    def scale(self, values: Sequence[Expression]) -> None:
        """Add the multiplication of consecutive columns by their root."""
        root = values[0].args[0]
        first = next(k for k, value in enumerate(self.delta) if value is values[0])
        whole, in_loop = len(values) == len(self.delta), self.in_loop
        array = f"columns[{first or ''}:{first + len(values) if first + len(values) < len(self.delta) else ''}]"
        name = "columns" if whole else f"columns_{first}_{first + len(values)}"
        self.view(f"{name}_t", f"{{rows}}.steps({'columns' if whole else array})")

        def write(k: int, call: Call) -> list[str]:
            for value in values:
                self.calls.put(value, self.calls.wanted[value])
            target, factor = f"{name}_t" if in_loop else "columns" if whole else array, self.calls.text(root, in_loop)
            return (
                operation("mul", target, [target, factor])
                if target.isidentifier()
                else [f"multiply({target}, {factor}, out={target})"]
            )

        self.calls.special(in_loop, values, [root, *(value.args[1] for value in values)], write)

    def product(self, product: Expression) -> None:
        """Add the product of delta with the weights of a source."""
        source = next(s for s, p in self.reverse.products.items() if p is product)
        slots = [k for run in self.plan.slots_of(source) for k in run]
        for k in slots:
            self.need(self.delta[k])
        self.emitted.add(product)
        if source.op != "state":
            self.names.give(product, f"d_{self.names.of(source)}")
        in_loop, terms = self.in_loop, []
        for run in self.plan.slots_of(source):
            name = "delta_t" if len(run) == len(self.delta) else f"delta_{run.start}_{run.stop}_t"
            self.view(name, f"{{rows}}.steps({self.part_of_delta(run)})")
            weight = self.weight_names[self.plan.backward_products.index((source, run))]
            terms.append((name if in_loop else self.part_of_delta(run), weight))
        inputs = [value for k in slots if (value := self.delta[k]) is not None]

        def write(k: int, call: Call) -> list[str]:
            place = self.calls.put(product, self.calls.choose(k, call))
            into, lines = self.variable(place.name, in_loop), []
            for number, (delta, weight) in enumerate(terms):
                out = self.variable(self.calls.free_scratch(k, call).name, in_loop) if number else into
                lines.append(f"matmul({delta}, {weight}, out={out})")
                lines += [f"{into} += {out}"] * bool(number)
            return lines

        self.calls.special(in_loop, [product], inputs, write)

    def part_of_delta(self, run: range) -> str:
        """Return columns of delta as code."""
        return part("delta", (run.start, run.stop), len(self.delta), ":, ")

    def after(self) -> list[Call]:
        """Return the calls after the loop."""
        before = set(self.emitted)
        self.in_loop = False
        for value in (*self.delta, *self.cotangents.of_parameters.values()):
            self.need(value)
        calls, self.calls.calls = self.calls.calls, []
        for name, value in self.cotangents.of_parameters.items():
            if value is not None:
                calls.append(Call(False, (), (value,), partial(self.summed, name)))
        used = {value for call in calls for value in call.inputs if value in before}
        for value in sorted(used, key=lambda value: value.number):
            if value not in self.calls.wanted:
                self.save(value)
            elif (buffer := self.calls.wanted[value]) in self.buffers:
                copied = self.plan.copy_of(value, buffer.name)
                self.calls.wanted[copied] = buffer
                self.calls.forever.add(copied)
                self.last.append(Call(True, (copied,), (value,)))
                self.save(value)
        return calls

    def save(self, value: Expression) -> None:
        """Keep a cotangent of every step of a block."""
        buffer = self.calls.at[value].name if value in self.incoming else ""
        name = f"{buffer}_next" if buffer else f"{self.names.of(value)}_all"
        place = self.calls.wanted[value] = Place(name, owned=False)
        self.arrays.append(name)
        if value in self.incoming[1:]:

            def write(k: int, call: Call) -> list[str]:
                self.calls.put(value, place)
                return [f"{name}_t[...] = {buffer}_t"]

            self.first.append(Call(True, (value,), (), write))

    def summed(self, name: str, _: int, call: Call) -> list[str]:
        """Return the line that adds to the gradient of an element-wise parameter."""
        return [f"total_{name} += {self.calls.text(call.inputs[0], False)}.sum(axis=0)"]

    def before(self, calls: Iterable[Call]) -> None:
        """Add the calls before the loop: all that does not depend on incoming cotangents."""
        calls = list(calls)
        targets = [value for call in calls for value in call.inputs if not self.depends(value)]
        nodes = [node for node in computed(targets, self.known) if not self.depends(node)]
        for value in self.delta:
            if value is not None and self.is_scaled(value):
                self.calls.wanted[value.args[1]] = self.calls.wanted[value]
        self.calls.elementwise(False, nodes)

    # ---- lines ----------------------------------------------------------------------------------------------

    def read(self, sections: dict[str, list[str]]) -> list[str]:
        """Return the lines that name what the forward pass has left."""
        used = set(re.findall(r"\w+", "\n".join(line for lines in sections.values() for line in lines)))
        found = {}
        for name, symbol in self.equation.states.items():
            found[self.names.of(symbol)] = f"block.pack({name}_all[:-1][steps])"
            found[f"{name}_next"] = f"block.pack({name}_all[1:][steps])"
        for position, row in enumerate(self.plan.rows):
            for place, value in enumerate(map(real, row)):
                if value.op != "state":
                    found[self.names.of(value)] = f"{self.row_names[position]}[here, {columns(place)}]"
        lines = [f"{name} = {code}" for name, code in found.items() if used & {name, f"{name}_t"}]
        if self.storage.keeps_loop:
            lines.append(unpacked(self.stored_names(self.storage.loop), "concatenate(gates[steps], axis=1)"))
        if self.storage.keeps_ahead:
            lines.append(unpacked(self.stored_names(self.storage.ahead), "ahead[:, here]"))
        return lines

    def stored_names(self, values: Iterable[Expression]) -> list[str]:
        """Return the names of slots, and `_` for those whose value was of no more use."""
        return [self.slot_name(value) if value in self.plan.stored else "_" for value in values]

    def gradients(self) -> list[str]:
        """Return the lines of the gradients with respect to weights and the input."""
        lines = []
        for total, product in zip(self.total_names, self.plan.gradient_products, strict=False):
            row = self.plan.row_of(product)
            array = self.row_names[row]
            start = 0 if product.sources else len(self.plan.rows[row])
            stop = None if product.with_x or not self.plan.has_x(product.sources) else len(product.sources)
            of_row = f"{array}[here]" if (start, stop) == (0, None) else f"{array}[here, {sliced(start, stop)}]"
            lines.append(f"add_products({total}, {self.part_of_delta(product.slots)}, {of_row})")
        of_x = [
            (self.part_of_delta(run), self.weight_names[k])
            for k, (source, run) in enumerate(self.plan.backward_products)
            if source is self.equation.x
        ]
        if of_x:
            lines.append("if d_x is not None:")
            lines.append(f"    matmul({of_x[0][0]}, {of_x[0][1]}, out=d_x[here])")
            lines += [f"    add(d_x[here], {delta} @ {weight}, out=d_x[here])" for delta, weight in of_x[1:]]
        return lines


def sliced(start: int, stop: int | None) -> str:
    """Return a slice in units of H as code; one more column for ones before `stop`."""
    first = "" if start == 0 else "H" if start == 1 else f"{start} * H"
    last = "" if stop is None else f"{'H' if stop == 1 else f'{stop} * H'} + 1"
    return f"{first} : {last}".strip()
