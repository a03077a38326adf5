"""The cotangents that a backward pass over time computes, with all that does not depend on incoming ones ahead."""

from rnnbp.cells.declared.expressions import UNITS, Expression
from rnnbp.cells.declared.numpy_calls import is_given, real
from rnnbp.cells.declared.numpy_plan import NumpyPlan
from rnnbp.cells.declared.reverse import Cotangent


class Cotangents:
    """The cotangents of a step as expressions, each of a value of its own: None where it is zero.

    Parameters
    ----------
    plan : NumpyPlan

    Attributes
    ----------
    incoming : list of Expression
        Of the parts of the next state.
    delta : list of Expression or None
        Of the pre-activations, slot by slot.
    d_states : dict of str to Expression or None
        Of the parts of the state before the step.
    of_parameters : dict of str to Expression or None
        Of the element-wise parameters.
    """

    def __init__(self, plan: NumpyPlan) -> None:
        self.plan, self.equation, self.reverse = plan, plan.program.equation, plan.program.reverse
        self._depends: dict[Expression, bool] = {}
        self._hoisted: dict[Expression, Expression] = {}
        self.incoming = list(self.reverse.incoming.values())
        self.delta = [self._column(k, cotangent) for k, cotangent in enumerate(plan.columns)]
        self.d_states: dict[str, Expression | None] = {}
        for name in self.equation.states:
            self.d_states[name] = self._d_state(name)
        deltas = self.reverse.deltas
        self.of_parameters = {name: self.scaled(deltas[symbol]) for name, symbol in self.equation.parameters.items()}

    @property
    def values(self) -> list[Expression]:
        """All that are not zero."""
        found = [*self.delta, *self.d_states.values(), *self.of_parameters.values()]
        return [value for value in found if value is not None]

    def depends(self, node: Expression) -> bool:
        """Return whether a value depends on incoming cotangents."""
        if node not in self._depends:
            self._depends[node] = node.op in ("cotangent", "product") or any(map(self.depends, node.args))
        return self._depends[node]

    def hoisted(self, node: Expression) -> Expression:
        """Return a cotangent in which what does not depend on incoming ones is one factor."""
        if node.op in ("cotangent", "product") or not self.depends(node):
            return node
        if node not in self._hoisted:
            self._hoisted[node] = self._rewritten(node)
        return self._hoisted[node]

    def _rewritten(self, node: Expression) -> Expression:
        args = [self.hoisted(arg) for arg in node.args]
        make = self.plan.graph.node
        if node.op in ("div", "neg") and args[0].op == "mul":
            root, factor = args[0].args
            if self.depends(root) and not is_given(factor):
                return make("mul", (root, make(node.op, (factor, *args[1:]), None, UNITS)), None, UNITS)
        return make(node.op, tuple(args), None, UNITS)

    def scaled(self, cotangent: Cotangent) -> Expression | None:
        """Return a cotangent as one expression; None if it is zero."""
        root, factor = self.hoisted(cotangent.root), real(cotangent.factor)
        if factor.op == "number" and factor.label == 0:
            return None
        if factor.op == "number" and factor.label == 1:
            return root
        return (
            self.hoisted(cotangent.value)
            if is_given(factor)
            else self.plan.graph.node("mul", (root, factor), None, UNITS)
        )

    def _column(self, slot: int, cotangent: Cotangent) -> Expression | None:
        """Return the value of a column of delta, different from those of others."""
        value = self.scaled(cotangent)
        taken = [self.scaled(other) for other in self.plan.columns[:slot]]
        is_other = value is not None and (value.op != "mul" or any(value is other for other in taken))
        return self.plan.copy_of(value, f"column {slot}") if is_other and value is not None else value

    def _d_state(self, name: str) -> Expression | None:
        """Return the cotangent of a part of the state before the step; None if it is zero."""
        symbol = self.equation.states[name]
        terms = [value for term in self.reverse.states[name] if (value := self.scaled(term)) is not None]
        terms += [self.reverse.products[symbol]] if symbol in self.reverse.products else []
        if not terms:
            return None
        total = terms[0]
        for term in terms[1:]:
            op, args = ("sub", term.args) if term.op == "neg" else ("add", (term,))
            total = self.plan.graph.node(op, (total, *args), None, UNITS)
        elsewhere = [*self.incoming, *map(self.hoisted, self.reverse.sums), *self.delta, *self.d_states.values()]
        return self.plan.copy_of(total, f"d_{name}") if any(total is value for value in elsewhere) else total
