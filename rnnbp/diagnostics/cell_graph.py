"""A declared cell's update as the graph of a diagram: sources, gates, element-wise operations, the next state."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from rnnbp.cells.declared.expressions import Expression
from rnnbp.cells.declared.latex import LatexWriter, operands
from rnnbp.cells.declared.latex_symbols import symbol
from rnnbp.cells.declared.recording import Equation

SOURCE, GATE, FUNCTION, OPERATION, RESULT = "source", "gate", "function", "operation", "result"
PLACE = r"\cdot"  # stands for what a wire brings


@dataclass(eq=False)
class Node:
    """One box, circle or label of a diagram.

    Attributes
    ----------
    kind : {'source', 'gate', 'function', 'operation', 'result'}
    text : str
        What is written in it, in LaTeX.
    inputs : tuple of Node
        Where its wires come from.
    subtracted : tuple of bool
        Whether each of them is subtracted, or divided by.
    name : str
        The symbol of its value, for its wire; empty if the value has none, or the text names it.
    """

    kind: str
    text: str
    inputs: tuple["Node", ...] = ()
    subtracted: tuple[bool, ...] = ()
    name: str = ""


def cell_graph(equation: Equation) -> list[Node]:
    """Return the nodes of an equation's diagram, each after those that its wires come from.

    Examples
    --------
    >>> from rnnbp.cells.declared import affine, sigmoid
    >>> from rnnbp.cells.declared.recording import record
    >>> def update(x, h):
    ...     f = sigmoid(affine("forget", x))
    ...     return f * h
    >>> for node in cell_graph(record("Forgetful", update, ["h"], [], [], {})):
    ...     print(node.kind, node.text)
    source h_{t-1}
    source x_t
    gate f_t = \\sigma(W x_t + b)
    operation \\odot
    result h_t
    """
    return _Graph(equation).nodes


class _Graph:
    """Makes the nodes of an equation.

    A gate is a pre-activation with its nonlinearity, and the terms of the pre-activation are written in it. What
    depends on parameters and constants alone is written where it is used.
    """

    def __init__(self, equation: Equation) -> None:
        self.writer = LatexWriter(equation)
        self.uses = Counter(arg for node in self.writer.nodes for arg in operands(node))
        self.nodes: list[Node] = []
        self.made: dict[Expression, Node] = {}
        for source in (*equation.states.values(), equation.x):
            if source in self.writer.nodes:
                self.made[source] = self._add(Node(SOURCE, self.writer.symbols[source]))
        results = [(symbol(name, "t"), self.of(result)) for name, result in equation.results.items()]
        used = Counter(source for node in self.nodes for source in node.inputs)
        for text, node in results:
            if node.name == text and not used[node]:
                node.name = ""  # the wire leads to the result alone, which has this name
            self._add(Node(RESULT, text, (node,), (False,)))

    def _add(self, node: Node) -> Node:
        self.nodes.append(node)
        return node

    def of(self, value: Expression) -> Node:
        """Return the node of a value."""
        if value not in self.made:
            self.made[value] = self._node(value)
        return self.made[value]

    def _node(self, value: Expression) -> Node:
        name = self.writer.symbols.get(value, "")
        core = value  # what a chain of functions of one argument is applied to
        while not self._is_affine(core) and len(parts := self._parts(core)) == 1 and self._inline(parts[0]):
            (core,) = parts
        if self._is_affine(core):
            text = self.writer.definition(value)
            return self._gate(f"{name} = {text}" if name else text, self._sources(core))
        parts = self._parts(core)
        if core is value and len(parts) > 1:
            return self._operation(value, parts, name)
        variable = core if len(parts) > 1 else parts[0]
        text = self.writer.definition_in(value, variable, PLACE)
        alone = text.removesuffix(rf"({PLACE})")  # tanh, rather than tanh of what comes in
        return self._add(Node(FUNCTION, text if " " in alone else alone, (self.of(variable),), (False,), name))

    def _gate(self, text: str, sources: Iterable[Expression]) -> Node:
        inputs = tuple(self.of(source) for source in dict.fromkeys(sources))
        return self._add(Node(GATE, text, inputs, (False,) * len(inputs)))

    def _operation(self, value: Expression, parts: list[Expression], name: str) -> Node:
        if value.op == "div":
            return self._add(Node(OPERATION, r"\div", tuple(map(self.of, value.args)), (False, True), name))
        if value.op in ("add", "sub", "neg"):
            return self._sum(self.writer.terms(value), name)
        unsigned = (False,) * len(parts)
        if value.op != "mul":
            text = self.writer.definition(value).partition("(")[0]
            return self._add(Node(FUNCTION, text, tuple(map(self.of, parts)), unsigned, name))
        inputs = tuple(self._power(part, self.writer.factors(value).count(part)) for part in parts)
        scale = [factor for factor in self.writer.factors(value) if factor.is_invariant]
        product = Node(OPERATION, r"\odot", inputs, unsigned, "" if scale else name)
        return self._followed(product, r" \, ".join([*map(self.writer.text, scale), PLACE]) if scale else "", name)

    def _power(self, value: Expression, power: int) -> Node:
        node = self.of(value)
        return node if power == 1 else self._add(Node(FUNCTION, f"{PLACE}^{power}", (node,), (False,)))

    def _sum(self, terms: list[tuple[int, Expression]], name: str) -> Node:
        gated = any(map(self._is_weighted, (term for _, term in terms)))
        together = [(sign, term) for sign, term in terms if gated and self._is_term(term)]
        apart = [(sign, term) for sign, term in terms if (sign, term) not in together]
        sources = [self._source(term) for _, term in together if not term.is_invariant]
        inputs = [self._gate(self.writer.sum_of(together), sources)] if together else []
        signs = [1] * len(inputs) + [sign for sign, term in apart if not term.is_invariant]
        inputs += [self.of(term) for _, term in apart if not term.is_invariant]
        constant = [(sign, term) for sign, term in apart if term.is_invariant]
        added = Node(OPERATION, "+", tuple(inputs), tuple(sign < 0 for sign in signs), "" if constant else name)
        text = self.writer.sum_of(constant) if constant else ""
        return self._followed(added, text and f"{PLACE} {text if text[0] == '-' else f'+ {text}'}", name)

    def _followed(self, node: Node, text: str, name: str) -> Node:
        """Add a node, and a function of its value if there is a text for one."""
        self._add(node)
        return self._add(Node(FUNCTION, text, (node,), (False,), name)) if text else node

    # ---- what a value is made of ----------------------------------------------------------------------------

    def _parts(self, value: Expression) -> list[Expression]:
        """Return the different operands that change with time, those of a whole sum or product."""
        if value.op in ("add", "sub", "neg"):
            found = [term for _, term in self.writer.terms(value)]
        else:
            found = self.writer.factors(value) if value.op == "mul" else list(operands(value))
        return list(dict.fromkeys(part for part in found if not part.is_invariant))

    def _inline(self, value: Expression) -> bool:
        return value not in self.writer.symbols and self.uses[value] == 1 and value not in self.made

    def _is_affine(self, value: Expression) -> bool:
        """Return whether a value is a pre-activation, all terms of which are written in its gate."""
        terms = [term for _, term in self.writer.terms(value)]
        return value.op == "weighted" or (any(map(self._is_weighted, terms)) and all(map(self._is_term, terms)))

    def _is_weighted(self, term: Expression) -> bool:
        return term.op == "weighted" and term not in self.writer.symbols

    def _is_term(self, term: Expression) -> bool:
        """Return whether a term depends on one value that has a symbol or a weight, or on parameters alone."""
        source = self._source(term)
        return term.is_invariant or self._is_weighted(term) or source in self.writer.symbols

    def _sources(self, value: Expression) -> list[Expression]:
        """Return what the terms of a pre-activation depend on."""
        if value.op == "weighted":
            return [value.args[0]]
        return [self._source(term) for _, term in self.writer.terms(value) if not term.is_invariant]

    def _source(self, term: Expression) -> Expression:
        """Return the value that a term depends on, through functions of one argument."""
        while term not in self.writer.symbols:
            if term.op == "weighted":
                return term.args[0]
            parts = self._parts(term)
            if len(parts) != 1:
                break
            (term,) = parts
        return term
