"""The source of a declared cell's backward pass."""

from rnnbp.cells.declared.compiled_code import Code, loaded, parts, tail, unpack, whole_product
from rnnbp.cells.declared.compiled_plan import Plan
from rnnbp.cells.declared.expressions import Expression, reachable
from rnnbp.cells.declared.reverse import total


class Backward(Code):
    """Writer of the backward pass.

    Phases run in the reverse order of the forward pass: first what does not depend on cotangents of sources between
    gates, then the products that yield these, and so on. A row of `work` has these cotangents, what one phase computes
    for a later one, and columns of delta that a later phase computes; then room for H or F numbers, padded.
    """

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self.reverse, stages = self.program.reverse, self.program.stages
        last = len(stages) - 1
        self.level = {self.reverse.products[s]: last - stages.index(stage) + 1 for stage in stages[1:] for s in stage}
        self.incoming = list(self.reverse.incoming.values())
        self.work = {self.reverse.products[source]: k for k, source in enumerate(plan.sources)}
        self.columns = [column.value for column in plan.columns]

    def level_of(self, value: Expression) -> int:
        """Return the first phase in which a value can be computed."""
        return max((self.level.get(node, 0) for node in reachable([value])), default=0)

    def room(self, value: Expression) -> str:
        """Return the address of a value in `work`, at unit u; it gets a place at the first call."""
        return f"at(work, b * W + {parts(self.work.setdefault(value, len(self.work)))}u)"

    def source(self) -> str:
        """Return the function."""
        for root, node in self.reverse.sums.items():
            self.names.give(root, f"d_{self.names.of(node)}")
        for product, source in ((self.reverse.products[s], s) for s in self.plan.sources):
            self.names.give(product, f"d_{self.names.of(source)}")
        weights = self.body()
        body, self.lines = self.lines, []
        self.add(0, f"WORK = {len(self.work)}  # parts of a row of `work`", "", "", "@entry", "def backward(")
        self.add(1, "signals, product_at, sizes, constants, vectors, steps, active, weights, inputs, gates, extra,")
        self.add(1, "sources, d_outputs, deltas, d_state, dx, work, end, base, shard, shards")
        self.add(0, "):  # fmt: skip")
        self.add(1, '"""Backpropagate the same sequences through the steps of a chunk, whose rows end before `end`.')
        self.add(1, "", "`deltas` has rows for these steps alone, the first of which is row `base` of all.")
        self.add(1, "The last row of `work` is zeros.", '"""')
        self.add(1, "if steps[1] == len(active) - 1:", "    notify(signals, STARTED)  # once a call")
        self.add(1, "(H, P), (_, B, F) = sizes, dx.shape")
        self.add(1, unpack(weights) if weights else "")
        self.add(1, "L, N = lanes(dx), len(gates)")
        self.add(1, "X, G, C, R = inputs.shape[1], gates.shape[1], extra.shape[1], sources.shape[1]")
        self.add(1, "E, D, W = deltas.shape[1], d_state.shape[1], work.shape[1]")
        self.add(1, "room, zeros = at(work, WORK * P), at(work, len(d_state) * W)")
        self.name_constants()
        self.add(1, "for t in range(steps[1] - 1, steps[0] - 1, -1):", "    rows, first = active[t], end - active[t]")
        self.add(2, "d_y, Y = at(d_outputs, (t * B + shard) * H), shards * H")
        self.add(2, "if P > H:  # the last vector of a row is read whole")
        self.add(3, "copy_rows(room, W, d_y, Y, rows, H)", "d_y, Y = room, W")
        return "\n".join(line.rstrip() for line in [*self.lines, *body, "        end = first"])

    def body(self) -> list[str]:
        """Add one step; return the names of its weights."""
        stages = self.program.stages
        weights: list[str] = []
        phases = max(1, len(stages))
        for phase in range(phases):
            if phase:
                for source in stages[phases - phase]:
                    into = f"at(work, {parts(self.work[self.reverse.products[source]]).removesuffix(' + ') or 0}), W"
                    weights += self.products(source, "H", into, "zeros, 0", len(weights))
            self.elementwise(phase)
        for k, (name, symbol) in enumerate(self.equation.states.items()):
            into = f"at(d_state, {parts(k).removesuffix(' + ') or 0}), D"
            start = into if self.reverse.states[name] else "zeros, 0"
            weights += self.products(symbol, "H", into, start, len(weights))
        lines, self.lines = self.lines, []
        of_x = self.products(self.equation.x, "F", "room, W", "zeros, 0", len(weights))
        of_x_lines, self.lines = self.lines, lines
        if of_x:
            self.add(2, f"if len({of_x[0]}) > 0:")
            self.lines += ["    " + line for line in of_x_lines]
            self.add(3, "copy_rows(at(dx, (t * B + shard) * F), shards * F, room, W, rows, F)")
        return weights + of_x

    def products(self, source: Expression, width: str, into: str, start: str, number: int) -> list[str]:
        """Add the products of delta with the weights of a source, summed; return the names of the weights."""
        names: list[str] = []
        for run in self.plan.slots_of(source):
            names.append(f"w{number + len(names)}")
            backwards = width == "F" and self.plan.backwards(run)
            k = f" + {run[-1] + 1} * H - 1" if backwards else tail(parts(run[0], "H"))
            a = f"at(deltas, (first - base) * E{k}), E, {-1 if backwards else 1}"
            depth = f"{len(run)} * H" if len(run) > 1 else "H"
            self.add(2, *whole_product(width, a, names[-1], depth, start, into))
            start = into
        return names

    def elementwise(self, phase: int) -> None:
        """Add a phase's element-wise work."""
        graph, plan = self.equation.graph, self.plan
        columns = {k: value for k, value in enumerate(self.columns) if self.level_of(value) == phase}
        states = {}
        for k, (name, symbol) in enumerate(self.equation.states.items()):
            terms = [term.value for term in self.reverse.states[name] if self.level_of(term.value) == phase]
            if terms or (phase == 0 and not self.reverse.states[name] and symbol not in self.reverse.products):
                states[k] = total(graph, terms)
        roots = {*self.incoming, *self.reverse.sums}
        places = self.places() | {value: self.slot(slot) for value, slot in plan.stored.items()}
        places |= {
            r: self.state(self.equation.states[name], "new") for name, r in self.equation.results.items() if r.args
        }
        places |= {root: self.room(root) for root in roots if root in self.work}
        places |= {product: self.room(product) for product in self.level}
        loads = loaded(places)
        if phase == 0:
            d = {symbol: f"load(at(d_state, b * D + {parts(k)}u))" for k, symbol in enumerate(self.incoming)}
            d[self.incoming[0]] += " + load(at(d_y, b * Y + u))"
            loads |= d
        kept = [root for root in self.needed_later(phase, roots) if self.level_of(root) == phase]
        targets = [*columns.values(), *states.values(), *kept]
        if not targets:
            return
        for root in kept:
            self.names.of(root)
        self.add(2, "for b in range(rows - 1, -1, -1):")
        self.add(3, "row = first + b", "new = (end if b < active[t + 1] else N) + b")
        self.add(3, "for u in range(P - L, -1, -L):")
        texts = iter(self.compute(4, targets, loads))
        for k, value in columns.items():
            place = f"at(deltas, (row - base) * E + {parts(k, 'H')}u)" if phase == 0 else self.room(value)
            self.add(4, f"store({place}, {next(texts)})")
        for k in states:
            place, text = f"at(d_state, b * D + {parts(k)}u)", next(texts)
            first = all(self.level_of(t.value) >= phase for t in self.reverse.states[list(self.equation.states)[k]])
            self.add(4, f"store({place}, {text})" if first else f"store({place}, load({place}) + {text})")
        self.add(4, *(f"store({self.room(root)}, {text})" for root, text in zip(kept, texts, strict=True)))
        if phase:
            for k, value in columns.items():
                place = f"at(deltas, (row - base) * E{tail(parts(k, 'H'))})"
                self.add(3, f"copy({place}, at(work, b * W{tail(parts(self.work[value]))}), H)")

    def needed_later(self, phase: int, roots: set[Expression]) -> list[Expression]:
        """Return the roots that a later phase needs of what is there after this one."""
        later = [value for value in self.columns if self.level_of(value) > phase]
        later += [t.value for terms in self.reverse.states.values() for t in terms if self.level_of(t.value) > phase]
        there = {root for root in roots if self.level_of(root) <= phase}
        return [node for node in reachable(later, there) if node in there]
