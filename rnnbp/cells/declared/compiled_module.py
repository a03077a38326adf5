"""The source of a declared cell's compiled kernel: a module with its forward and its backward pass over time."""

from rnnbp.cells.declared.compiled_backward import Backward
from rnnbp.cells.declared.compiled_forward import Forward
from rnnbp.cells.declared.compiled_plan import Plan
from rnnbp.cells.declared.source import Names

IMPORTS = """from rnnbp.kernels.compiled.compiling import entry
from rnnbp.kernels.compiled.functions import sigmoid, tanh
from rnnbp.kernels.compiled.primitives import *
from rnnbp.kernels.compiled.product import product
from rnnbp.kernels.compiled.team import notify
from rnnbp.kernels.compiled.vectors import at, copy, copy_rows, lanes, load, quotient, store
from rnnbp.kernels.team import STARTED"""


def module_source(plan: Plan) -> str:
    """Return the source of the module for a plan.

    Examples
    --------
    >>> from rnnbp.cells import declared
    >>> from rnnbp.cells.declared.compiled_plan import plan_of
    >>> class Simple(declared.DeclaredCell):
    ...     @staticmethod
    ...     def update(x, h):
    ...         return declared.tanh(declared.affine("h", x, h))
    >>> "h_next = tanh(" in module_source(plan_of(Simple(2, 3).derivation.program))
    True
    """
    names = Names(plan.program.equation, ())
    row = " | ".join([*(names.of(state) for state in plan.in_row), "x"])
    title = (
        f'"""{plan.program.equation.graph.owner} over time, generated from the declaration.\n\n'
        f"A row of `inputs` is [{row}]; of `gates` what is stored of a step, in parts padded to P, a multiple of the\n"
        "vector width; of `deltas` the gradients with respect to the pre-activations. The last vector of a part of\n"
        '`inputs` or `deltas` reaches into the next part, which is written after it.\n"""'
    )
    return "\n\n\n".join([f"{title}\n\n{IMPORTS}", Forward(plan).source(), Backward(plan).source()]) + "\n"
