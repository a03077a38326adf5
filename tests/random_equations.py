"""Random declared cells, and their steps by an interpreter of its own, which knows nothing of how cells are derived."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rnnbp.cells import declared
from rnnbp.cells.declared import DeclaredCell

UNARY = ("sigmoid", "tanh", "relu", "exp", "sin", "cos", "softplus", "abs", "neg", "square", "stop_gradient", "spike")
BINARY = ("add", "sub", "mul", "div", "maximum")


def lower(a):
    """Return min(a, 1), so that a chain of exponential functions stays finite."""
    return -declared.maximum(-a, -1.0)


RECORDED: dict[str, Any] = {  # in the words of a declaration
    "sigmoid": declared.sigmoid,
    "tanh": declared.tanh,
    "relu": declared.relu,
    "exp": lambda a: declared.exp(lower(a)),
    "sin": declared.sin,
    "cos": declared.cos,
    "softplus": declared.softplus,
    "abs": abs,
    "neg": lambda a: -a,
    "square": lambda a: declared.tanh(a) ** 2,
    "stop_gradient": declared.stop_gradient,
    "spike": lambda a: declared.spike(a, lambda u: 0.5 * declared.relu(1 - abs(u))),
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / (2 + declared.tanh(b)),
    "maximum": declared.maximum,
}


def _spike(u):
    return (u.real > 0) + 1j * u.imag * 0.5 * np.maximum(1 - np.abs(u.real), 0)


def _greater(a, b):
    return np.where(np.real(a) > np.real(b), a, b)


COMPLEX: dict[str, Any] = {  # in complex numbers, whose imaginary parts are the complex step's derivatives
    "sigmoid": lambda a: 1 / (1 + np.exp(-a)),
    "tanh": np.tanh,
    "relu": lambda a: a * (a.real > 0),
    "exp": lambda a: np.exp(-_greater(-a, -1.0)),
    "sin": np.sin,
    "cos": np.cos,
    "softplus": lambda a: np.log(1 + np.exp(a)),
    "abs": lambda a: a * np.sign(a.real),
    "neg": np.negative,
    "square": lambda a: np.tanh(a) * np.tanh(a),
    "stop_gradient": lambda a: a.real + 0j,
    "spike": _spike,
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": lambda a, b: a / (2 + np.tanh(b)),
    "maximum": _greater,
}


@dataclass(eq=False)
class Node:
    """A value of a random equation: an operation on others, a symbol, a number, or sources times weights."""

    op: str
    args: tuple["Node", ...] = ()
    label: Any = None


@dataclass
class RandomEquation:
    """A random equation: names, and the value of each part of the next state.

    Parameters
    ----------
    rng : numpy.random.Generator
    operations : int, default 8
    """

    rng: np.random.Generator
    operations: int = 8
    results: list[Node] = field(init=False)

    def __post_init__(self) -> None:
        rng = self.rng
        self.states = ["h", "c", "m"][: rng.integers(1, 4)]
        self.parameters = ["p", "q"][: rng.integers(0, 3)]
        self.constants = ["tau", "beta"][: rng.integers(0, 3)]
        self.x = Node("symbol", label="x")
        units = [Node("symbol", label=name) for name in (*self.states, *self.parameters)]
        scalars = [Node("symbol", label=name) for name in self.constants]
        needed = [node for node in units if node.label in self.parameters]
        self.gates = 0
        for _ in range(self.operations):
            sort = rng.choice(["unary", "binary", "scalar", "weights"], p=[0.35, 0.25, 0.1, 0.3])
            if sort == "unary":
                units.append(Node(str(rng.choice(UNARY)), (self.pick(units),)))
            elif sort == "binary":
                units.append(Node(str(rng.choice(BINARY)), (self.pick(units), self.pick(units))))
            elif sort == "scalar":
                number = Node("number", label=float(rng.choice([-1.0, 0.5, 1.0, 2.0])))
                pair = [self.pick([*scalars, number]), self.pick(units)]
                rng.shuffle(pair)
                units.append(Node(str(rng.choice(["add", "sub", "mul", "maximum"])), tuple(pair)))
            else:
                units.append(self.weights(units))
                needed.append(units[-1])
        varying = [node for node in units if self.varies(node)]
        self.results = [self.pick(varying) for _ in self.states]
        for node in needed:  # nothing that has parameters is without effect
            if not any(node in reached(result) for result in self.results):
                k = rng.integers(len(self.results))
                self.results[k] = Node("add", (self.results[k], Node("tanh", (node,))))

    def pick(self, nodes: list[Node]) -> Node:
        """Return a random node, rather a late one."""
        return nodes[max(self.rng.integers(len(nodes)), self.rng.integers(len(nodes)))]

    def varies(self, node: Node) -> bool:
        """Return whether a value may differ from step to step."""
        return any(n.label in ("x", *self.states) for n in reached(node) if n.op == "symbol")

    def weights(self, units: list[Node]) -> Node:
        """Return sources times weights."""
        sources = [self.x] if self.rng.random() < 0.6 else []
        if not sources or self.rng.random() < 0.6:
            sources.append(self.pick([node for node in units if self.varies(node)]))
        self.gates += 1
        return Node(str(self.rng.choice(["affine", "linear"])), tuple(sources), f"gate{self.gates}")

    def recorded(self, symbols: dict[str, Any]) -> tuple[Any, ...]:
        """Return the results in terms of the symbols of a declared cell."""

        def value(node: Node) -> Any:
            if node not in found:
                args = [value(arg) for arg in node.args]
                if node.op == "symbol":
                    found[node] = symbols[node.label]
                elif node.op in ("affine", "linear"):
                    found[node] = getattr(declared, node.op)(node.label, *args)
                else:
                    found[node] = node.label if node.op == "number" else RECORDED[node.op](*args)
            return found[node]

        found: dict[Node, Any] = {}
        return tuple(value(result) for result in self.results)

    def cell(self, input_size: int = 3, hidden_size: int = 4) -> DeclaredCell:
        """Return a declared cell of this equation, whose constants are 1.5 and 2.5."""
        names = ["x", *self.states, *self.parameters, *self.constants]
        namespace: dict[str, Any] = {"recorded": self.recorded}
        exec(f"def update({', '.join(names)}):\n    return recorded(locals())", namespace)
        attributes = {
            "state": " ".join(self.states),
            "parameters": " ".join(self.parameters),
            "update": staticmethod(namespace["update"]),
            "__annotations__": dict.fromkeys(self.constants, float),
            **dict(zip(self.constants, (1.5, 2.5), strict=False)),
        }
        cls = type("Random", (DeclaredCell,), attributes)
        return cls(input_size, hidden_size)

    def step(self, params: Any, state: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Return the next state, in complex numbers, from the parameters of `cell`."""
        H = state.shape[-1] // len(self.states)
        shape = state.shape[:-1]
        symbols: dict[str, Any] = {"x": x + 0j, "tau": 1.5, "beta": 2.5}
        symbols |= {name: state[..., k * H : (k + 1) * H] + 0j for k, name in enumerate(self.states)}
        symbols |= {name: np.broadcast_to(params[name], (*shape, H)) + 0j for name in self.parameters}
        found: dict[Node, Any] = {}
        rows: dict[tuple[Any, ...], Any] = {}
        first = {"w_ih": 0, "w_hh": 0, "b_ih": 0, "b_hh": 0}

        def value(node: Node) -> Any:
            if node not in found:
                args = [value(arg) for arg in node.args]
                if node.op in ("symbol", "number"):
                    found[node] = symbols[node.label] if node.op == "symbol" else node.label
                elif node.op in ("affine", "linear"):
                    terms = [product(node, source, arg) for source, arg in zip(node.args, args, strict=True)]
                    found[node] = sum(terms[1:], terms[0])
                else:
                    found[node] = COMPLEX[node.op](*args)
            return found[node]

        def product(node: Node, source: Node, u: Any) -> Any:
            if (node, source) not in rows:  # a source that occurs twice has one weight
                suffix = "ih" if source is self.x else "hh"
                places = []
                for name in (f"w_{suffix}", f"b_{suffix}") if node.op == "affine" else (f"w_{suffix}",):
                    places.append(params[name][first[name] : first[name] + H])
                    first[name] += H
                rows[node, source] = places
            weight, *bias = rows[node, source]
            return u @ weight.T + sum(bias)

        return np.concatenate([value(result) + np.zeros((*shape, H)) for result in self.results], axis=-1)


def reached(node: Node) -> set[Node]:
    """Return a node and all that it is computed from."""
    found, stack = set(), [node]
    while stack:
        node = stack.pop()
        if node not in found:
            found.add(node)
            stack.extend(node.args)
    return found
