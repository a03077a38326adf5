"""Which states of an equation form a linear recurrence: one whose gates do not see the state."""

from functools import lru_cache

from rnnbp.cells.declared.expressions import Expression, reachable
from rnnbp.cells.declared.program import Program

CONSTANT, AFFINE, OTHER = 0, 1, 2  # how a value depends on the state


@lru_cache(maxsize=256)
def linear_states(program: Program) -> slice | None:
    """Return which states are read, if their next values are affine in them, unit by unit.

    That is, the coefficients are functions of x and the parameters alone. None if they are not, or nothing is read.

    Examples
    --------
    >>> from rnnbp.cells import ElmanCell, MinGRUCell, QRNNCell
    >>> [linear_states(cell(2, 3).derivation.program) for cell in (MinGRUCell, QRNNCell, ElmanCell)]
    [slice(0, 1, None), slice(1, 2, None), None]
    """
    equation = program.equation
    nodes = reachable(equation.results.values())
    read = [k for k, symbol in enumerate(equation.states.values()) if symbol in nodes]
    results = list(equation.results.values())
    degrees: dict[Expression, int] = {}
    for node in nodes:
        degrees[node] = AFFINE if node.op == "state" else _degree(node, [degrees[arg] for arg in node.args])
    if not read or any(degrees[results[k]] == OTHER for k in range(read[0], read[-1] + 1)):
        return None
    return slice(read[0], read[-1] + 1)


def _degree(node: Expression, args: list[int]) -> int:
    if node.op in ("add", "sub", "neg"):
        return max(args)
    if node.op == "mul" or (node.op == "div" and args[1] == CONSTANT):
        return min(sum(args), OTHER)
    return OTHER if any(args) else CONSTANT
