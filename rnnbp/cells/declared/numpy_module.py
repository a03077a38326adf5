"""The source of a declared cell's kernel in NumPy: a module with its forward and its backward pass over time."""

from rnnbp.cells.declared.numpy_backward import Backward
from rnnbp.cells.declared.numpy_forward import Forward
from rnnbp.cells.declared.numpy_plan import NumpyPlan

IMPORTS = """from numpy import absolute, add, concatenate, cos, divide, exp, greater, matmul, maximum, multiply
from numpy import negative, sign, sin, subtract, tanh

from rnnbp.cells.declared import arrays
from rnnbp.kernels.arrays.functions import add_products, softplus"""


def numpy_source(plan: NumpyPlan) -> str:
    """Return the source of the module for a plan.

    Examples
    --------
    >>> from rnnbp.cells import LSTMCell
    >>> from rnnbp.cells.declared.numpy_plan import numpy_plan_of
    >>> "multiply(f_t, c_t, out=c_next_t)" in numpy_source(numpy_plan_of(LSTMCell(2, 3).derivation.program))
    True
    """
    title = f'"""{plan.program.equation.graph.owner} over whole sequences, generated from the declaration."""'
    return "\n\n\n".join([f"{title}\n\n{IMPORTS}", Forward(plan).source(), Backward(plan).source()]) + "\n"
