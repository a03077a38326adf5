"""One step of a cell, its vector-Jacobian products and parameter gradients, as NumPy source."""

from collections.abc import Sequence

from rnnbp.cells.declared.expressions import Expression
from rnnbp.cells.declared.layout import Run
from rnnbp.cells.declared.program import Program
from rnnbp.cells.declared.source import Names, Writer, define, joined, part, unpacked

FUNCTIONS = {
    name: {"abs": "absolute"}.get(name, name)
    for name in (
        *("sigmoid", "tanh", "relu", "exp", "sin", "cos", "softplus", "abs", "maximum", "spike", "stop_gradient"),
        *("positive", "sign"),
    )
}
RESERVED = (
    *("params", "state", "residuals", "constants", "next_state", "d_next", "d_x", "d_state", "delta", "grad"),
    *(
        "bias",
        "H",
        "blocks",
        "concatenate",
        "outer_sum",
        "given",
        "factors",
        "total",
        "zeros_like",
        *FUNCTIONS.values(),
    ),
)


def step_source(program: Program) -> str:
    """Return a module with `step`, `step_vjp` and `param_vjp` of the protocol `Cell`; the last argument: constants."""
    owner = program.equation.graph.owner
    title = f'"""{owner}: one step and its vector-Jacobian products, generated from the declaration."""'
    imports = "from rnnbp.cells.declared.arrays import *"
    functions = (writer(program).source() for writer in (Step, StepVJP, _ParamVJP, _Sources))
    return "\n\n\n".join([f"{title}\n\n{imports}", *functions]) + "\n"


def entry(mapping: str, name: str) -> str:
    """Return the code of an entry of a mapping."""
    return f'{mapping}["{name}"]'


class Function:
    """Base class of the writers of one function each.

    Parameters
    ----------
    program : Program
    """

    def __init__(self, program: Program) -> None:
        self.program, self.equation, self.layout = program, program.equation, program.layout
        self.names = Names(self.equation, RESERVED)
        self.writer = Writer(self.names, FUNCTIONS)
        self.known: set[Expression] = {*self.equation.parameters.values(), *program.constants}
        self.lines: list[str] = []

    def unpacked(self, items: Sequence[Expression], source: str) -> str:
        """Return a line that names the blocks of an array."""
        self.known.update(items)
        return unpacked([self.names.of(item) for item in items], source)

    def header(self, *, params: bool, residuals: bool) -> list[str]:
        """Return the lines that name the parts of the arguments."""
        lines = [self.units("state"), self.unpacked(list(self.equation.states.values()), "state"), *self.constants()]
        if params:
            lines += self.parameters()
        if residuals and self.program.residuals:
            lines.append(self.unpacked(self.program.residuals, "residuals"))
        return lines

    def units(self, array: str) -> str:
        """Return the line that takes the number of units from an array with the state's shape."""
        count = len(self.equation.states)
        return f"H = {array}.shape[-1]{f' // {count}' if count > 1 else ''}"

    def constants(self) -> list[str]:
        """Return the lines that name the constants."""
        constants = enumerate(self.program.constants)
        return [f"{self.names.of(c)} = constants[{k}]{self.writer.meaning(c)}" for k, c in constants]

    def parameters(self) -> list[str]:
        """Return the lines that name the element-wise parameters."""
        symbols = self.equation.parameters.items()
        return [f"{self.names.of(symbol)} = {entry('params', name)}" for name, symbol in symbols]

    def assign(self, targets: Sequence[Expression]) -> None:
        """Add the lines that compute `targets`."""
        self.lines += self.writer.assignments(targets, self.known)

    def weight(self, run: Run) -> str:
        """Return the rows of a weight as code."""
        return part(entry("params", run.weight), run.rows, self.layout.rows(run.weight))

    def name_sources(self) -> None:
        """Add the lines that compute all sources of weights from the state and the residuals."""
        self.assign([source for stage in self.program.stages for source in stage if source.args])

    def source(self) -> str:
        """Return the function."""
        raise NotImplementedError


class Step(Function):
    """Writer of `step`: next state and residuals."""

    def source(self) -> str:
        """Return `step`."""
        header = self.header(params=True, residuals=False)
        for sources in self.program.stages:
            self.assign([source for source in sources if source.args])
            for run in self.layout.products:
                if run.source in sources:
                    self.product(run)
        results = list(self.equation.results.values())
        self.assign([*results, *self.program.residuals])
        self.lines += joined("next_state", [self.names.of(result) for result in results])
        stored = [self.names.of(value) for value in self.program.residuals]
        self.lines += joined("residuals", stored) if stored else ["residuals = x[..., :0]"]
        self.lines.append("return next_state, residuals")
        return define("step(params, state, x, constants)", "Compute one step.", header, self.lines)

    def product(self, run: Run) -> None:
        """Add the line of one product, whose blocks are terms of pre-activations."""
        value = f"{self.names.of(run.source)} @ {self.weight(run)}.T"
        if run.bias is not None:
            value += " + " + part(entry("params", run.bias), run.bias_rows, self.layout.rows(run.bias))
        self.lines.append(self.unpacked([block.term for block in run.blocks], value))


class StepVJP(Function):
    """Writer of `step_vjp`: the cotangents of state, input and pre-activations."""

    def source(self) -> str:
        """Return `step_vjp`."""
        found = self.program.reverse
        header = self.header(params=True, residuals=True)
        header.append(self.unpacked(list(found.incoming.values()), "d_next"))
        for root, node in found.sums.items():
            self.names.give(root, f"d_{self.names.of(node)}")
        for stage in reversed(self.program.stages[1:]):
            for source in stage:
                self.inner_product(source)
        self.delta()
        for symbol in self.equation.states.values():
            if symbol in found.products:
                product = self.names.give(found.products[symbol], f"{symbol.label}_by_weights")
                self.lines.append(f"{product} = {self.products(symbol)}")
        symbols = self.equation.states.items()
        lines, texts = self.writer.inline([found.d_state(name, symbol) for name, symbol in symbols], self.known)
        texts = [f"zeros_like({name})" if text == "0" else text for text, name in zip(texts, self.equation.states)]
        self.lines += [*lines, *joined("d_state", texts)]
        reads = any(run.source is self.equation.x for run in self.layout.blocks)
        self.lines += [f"d_x = {self.products(self.equation.x) if reads else 'zeros_like(x)'}"]
        self.lines += ["return d_state, d_x, delta"]
        title = "Compute the vector-Jacobian product of one step."
        return define("step_vjp(params, state, x, residuals, d_next, constants)", title, header, self.lines)

    def column(self, number: int) -> Expression:
        """Return the value of a column of delta, named after its gate, its term or its parameter."""
        value, layout = self.layout.columns[number].value, self.layout
        of_parameter = [name for name, column in layout.parameter_columns.items() if column == number]
        for block in layout.blocks:
            if block.column == number:
                columns = {other.column for other in layout.blocks if other.gate == block.gate}
                self.names.give(value, f"delta_{block.gate if len(columns) == 1 else self.names.of(block.term)}")
        for name in of_parameter:
            self.names.give(value, f"delta_{name}")
        return value

    def inner_product(self, source: Expression) -> None:
        """Add the lines of the cotangent of a function of states through the weights that multiply it."""
        terms = []
        for run in self.layout.transposed_products:
            if run.source is source:
                columns = [self.column(number) for number in range(*run.columns)]
                self.assign(columns)
                names = ", ".join(self.names.of(column) for column in columns)
                delta = names if len(columns) == 1 else f"concatenate([{names}], axis=-1)"
                terms.append(f"{delta} @ {self.weight(run)}")
        product = self.program.reverse.products[source]
        self.lines.append(f"{self.names.give(product, f'd_{self.names.of(source)}')} = {' + '.join(terms)}")

    def delta(self) -> None:
        """Add the lines that compute delta."""
        columns = [self.column(number) for number in range(len(self.layout.columns))]
        lines, texts = self.writer.inline(columns, self.known)
        self.lines += [*lines, *(joined("delta", texts) if texts else ["delta = d_next[..., :0]"])]

    def products(self, source: Expression) -> str:
        """Return the cotangent of a source through its weights as code."""
        whole = len(self.layout.columns)
        runs = [run for run in self.layout.transposed_products if run.source is source]
        return " + ".join(f"{part('delta', run.columns, whole, '..., ')} @ {self.weight(run)}" for run in runs)


class _ParamVJP(Function):
    """Writer of `param_vjp`: the gradient with respect to the parameters."""

    def source(self) -> str:
        """Return `param_vjp`."""
        header = self.header(params=False, residuals=True)
        self.name_sources()
        whole = len(self.layout.columns)
        for run in self.layout.transposed_products:
            delta = part("delta", run.columns, whole, "..., ")
            self.add(run.weight, run.rows, f"outer_sum({delta}, {self.names.of(run.source)})")
        if len(self.layout.shapes(1, 1)) > len(self.weights):
            self.lines.append("bias = total(delta)")
        for run in self.layout.transposed_products:
            if run.bias is not None:
                self.add(run.bias, run.bias_rows, part("bias", run.columns, whole))
        for name, column in self.layout.parameter_columns.items():
            self.add(name, (0, 1), part("bias", (column, column + 1), whole))
        title = "Add the gradient with respect to the parameters to `grad`."
        return define("param_vjp(state, x, residuals, delta, grad, constants)", title, header, self.lines)

    @property
    def weights(self) -> set[str]:
        """The names of the weights."""
        return {run.weight for run in self.layout.products}

    def add(self, name: str, rows: tuple[int, int], value: str) -> None:
        """Add a line that adds to rows of a gradient."""
        whole = 1 if name in self.layout.parameter_columns else self.layout.rows(name)
        self.lines.append(f"{part(entry('grad', name), rows, whole)} += {value}")


class _Sources(Function):
    """Writer of `sources`: the inputs of the matrix products."""

    def source(self) -> str:
        """Return `sources`."""
        header = self.header(params=False, residuals=True)
        self.name_sources()
        items = ", ".join(self.names.of(source) for stage in self.program.stages for source in stage)
        self.lines.append(f"return [{items}]")
        title = "Return what weights are multiplied by, stage by stage."
        return define("sources(state, x, residuals, constants)", title, header, self.lines)
