"""The source of a declared cell's forward pass."""

from rnnbp.cells.declared.compiled_code import Code, by_sources, loaded, parts, tail, unpack, whole_product
from rnnbp.cells.declared.compiled_plan import Phase, Product
from rnnbp.cells.declared.expressions import Expression

OVER_ROWS = "for b in range(rows):"
OVER_UNITS = "for u in range(P - L, -1, -L):"
NEW = "new = (following if b < active[t + 1] else N) + b"


class Forward(Code):
    """Writer of the forward pass.

    A phase is a loop over registers of units: the products of several slots for these units and all sequences, then the
    element-wise work. Products of single slots come before, as one register of units would not keep the processor busy.
    """

    def source(self) -> str:
        """Return the function."""
        plan = self.plan
        count = sum(len(phase.products) for phase in plan.phases)
        self.add(0, "@entry", "def forward(")
        self.add(1, "signals, product_at, sizes, constants, vectors, x, active, weights, inputs, gates, extra,")
        self.add(1, "sources, outputs, shard, shards")
        self.add(0, "):  # fmt: skip")
        self.add(1, '"""Run the sequences `shard`, `shard` + `shards`, ... through all steps."""')
        self.add(1, "notify(signals, STARTED)", "(H, P), (T, B, F) = sizes, x.shape")
        self.add(1, unpack(["bias", *(f"w{k}" for k in range(count))]))
        self.add(1, "L, N = lanes(x), len(gates)")
        self.add(1, "X, G, C, R = inputs.shape[1], gates.shape[1], extra.shape[1], sources.shape[1]")
        self.name_constants()
        self.add(1, "first = 0", "for t in range(T):")
        x = f"at(inputs, first * X{tail(parts(len(plan.in_row), 'H'))})"
        self.add(2, "rows, following = active[t], first + active[t]")
        self.add(2, f"copy_rows({x}, X, at(x, (t * B + shard) * F), shards * F, rows, F)")
        stored: dict[Expression, str] = {}
        touched: set[int] = set()
        weights = iter(f"w{k}" for k in range(count))
        for phase in plan.phases:
            for product in by_sources(phase.products):
                if len(product.slots) == 1:
                    self.product(product, next(weights), touched)
            panels = [product for product in by_sources(phase.products) if len(product.slots) > 1]
            if panels:
                self.add(2, OVER_UNITS)
                for product in panels:
                    self.panel(product, next(weights), touched)
                self.add(3, OVER_ROWS, "    row = first + b", "    " + NEW)
            else:
                self.add(2, OVER_ROWS, "    row = first + b", "    " + NEW, "    " + OVER_UNITS)
            self.elementwise(phase, phase is plan.phases[-1], stored)
        if any(len(product.slots) > 1 for product in plan.phases[-1].products):
            self.add(2, OVER_ROWS, "    " + NEW)
        output = f"at(inputs, new * X{tail(parts(len(plan.in_row) - 1, 'H'))})"
        self.add(3, f"copy(at(outputs, (t * B + shard + b * shards) * H), {output}, H)")
        self.add(2, "first = following")
        return "\n".join(self.lines)

    def product(self, product: Product, weight: str, touched: set[int]) -> None:
        """Add the product of a single slot, added to the bias or to what is there."""
        (a, stride, depth), slot = self.span(product), product.slots[0]
        place = f"at(gates, first * G{tail(parts(slot))})"
        start = f"{place}, G" if slot in touched else f"at(bias, {slot} * P), 0"
        touched.add(slot)
        self.add(2, *whole_product("H", f"{a}, {stride}, 1", weight, depth, start, f"{place}, G"))

    def panel(self, product: Product, weight: str, touched: set[int]) -> None:
        """Add the product of several slots, for the units from u on."""
        (a, stride, depth), slots = self.span(product), product.slots
        fresh = [slot for slot in slots if slot not in touched]
        place, n = self.slot(slots[0], "first"), len(slots)
        start = f"at(bias, {parts(slots[0])}u), 0" if len(fresh) == n else f"{place}, G"
        if fresh and len(fresh) < n:
            self.add(3, "for b in range(rows):")
            self.add(4, *(f"store({self.slot(slot, '(first + b)')}, load(at(bias, {parts(slot)}u)))" for slot in fresh))
        touched.update(slots)
        self.add(3, "product(")
        self.add(4, f"product_at, rows, {n}, {a}, {stride}, 1, at({weight}, u * {depth} * {n}), {n} * L, {depth},")
        self.add(4, f"{start}, {place}, G, P")
        self.add(3, ")  # fmt: skip")

    def elementwise(self, phase: Phase, last: bool, stored: dict[Expression, str]) -> None:
        """Add a phase's element-wise work for the units from u on; `stored` is what earlier phases have stored."""
        plan, results = self.plan, self.equation.results
        stores = [(self.slot(slot), value) for value, slot in phase.stores.items()]
        stores += [(self.places()[source], source) for source in phase.sources]
        if last:
            symbols = {symbol: name for name, symbol in self.equation.states.items()}
            stores += [(self.state(s, "new"), results[symbols[s]]) for s in (*plan.in_row, *plan.extra)]
        there = {value: place for value, place in self.places().items() if value not in phase.sources}
        places = {s.value: self.slot(slot) for slot, s in enumerate(plan.sums)} | there | stored
        for _, value in stores:
            self.names.of(value)  # named, so that it is a variable
        texts = self.compute(4, [value for _, value in stores], loaded(places))
        self.add(4, *(f"store({place}, {text})" for (place, _), text in zip(stores, texts, strict=True)))
        stored |= {value: self.slot(slot) for value, slot in phase.stores.items()}
