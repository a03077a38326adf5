"""Call of the compiled iterations of a solver: their memory, constants and packed weights."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from rnnbp.cells.declared.instructions import Instructions
from rnnbp.kernels.base import Array
from rnnbp.kernels.compiled.compiling import argument
from rnnbp.kernels.compiled.interpreter import OPERATIONS, WIDTH, interpreter_of
from rnnbp.kernels.compiled.iterations import accelerate, iterate, quasi_newton, refine
from rnnbp.kernels.compiled.product import product_of
from rnnbp.kernels.compiled.vectors import REGISTER_BYTES
from rnnbp.kernels.compiled.weights import pack_back, pack_side_by_side, panels
from rnnbp.kernels.fixed_point_equation import Equation
from rnnbp.solvers import GMRES, Anderson, Broyden, Solution, Solver, Tolerance
from rnnbp.solvers.anderson import ridge
from rnnbp.solvers.krylov import ACCURACY, RESTARTS, STAGNATION, dependence

ROWS = 64  # that are iterated together: what they need stays in the cache


def solution(solver: Solver, equation: Equation, start: Array, tolerance: Tolerance) -> tuple[Solution, int]:
    """Solve an equation, a block of rows after the other; see `rnnbp.kernels.fixed_points.compiled_solution`."""
    (R, S), dtype, run = start.shape, start.dtype, RUNS.get(type(solver), _iterate)
    lanes = REGISTER_BYTES // dtype.itemsize
    z = np.zeros((R, -(-S // lanes) * lanes), dtype)
    z[:, :S] = start
    found = np.empty_like(z), np.zeros(R, np.int64), np.zeros(R, dtype), np.ones(R, bool)
    addresses, code = (interpreter_of(dtype), product_of(dtype)), _code(equation.instructions)
    weights, evaluations = _packed(equation, dtype, lanes), 0
    limits = float(tolerance.absolute), float(tolerance.relative), int(tolerance.iterations)
    parts, H = equation.instructions.parts, equation.cell.hidden_size
    for first in range(0, R, ROWS):
        rows = slice(first, min(first + ROWS, R))
        arrays, constant = _arrays(equation, rows, dtype, lanes)
        problem = *addresses, code, parts, H, constant, arrays, weights
        evaluations += run(solver, S, problem, limits, z[rows], tuple(a[rows] for a in found))
    return Solution(np.ascontiguousarray(found[0][:, :S]), *found[1:]), evaluations


@lru_cache(maxsize=64)
def _code(instructions: Instructions) -> Array:
    """Return instructions as rows of `WIDTH` integers."""
    code = [(OPERATIONS.index(name), *places) for name, *places in instructions.code]
    return np.array(code, np.int64).reshape(-1, WIDTH)


def _arrays(equation: Equation, rows: slice, dtype: np.dtype, lanes: int) -> tuple[Array, int]:
    """Return the arrays of instructions for some rows, with the constants filled in, and the place of the first one."""
    instructions, H = equation.instructions, equation.cell.hidden_size
    arrays = np.zeros((instructions.arrays, rows.stop - rows.start, -(-H // lanes) * lanes), dtype)
    first = instructions.arrays - len(instructions.constants)
    for k, keys in enumerate(instructions.constants):
        arrays[first + k, :, :H] = equation.constant(keys, rows)
    return arrays, first


def _packed(equation: Equation, dtype: np.dtype, lanes: int) -> Array:
    """Return the weights, packed for products with the state, or transposed for those with cotangents."""
    H, wanted = equation.cell.hidden_size, equation.instructions.weights
    found = np.empty((len(wanted), *panels(H, H, 1, lanes)), dtype)
    for out, rows in zip(found, wanted, strict=True):
        weight = equation.weight(*rows)
        if equation.instructions.transposed:
            pack_back(argument(weight, dtype), out)
        else:
            pack_side_by_side(out, 1, [weight])
    return found.reshape(len(wanted), H * found[:1, :, 0].size)


# ---- solvers: each with its settings and the memory that its iterations take ------------------------------------


def _iterate(solver: Solver, S: int, problem: Any, limits: Any, z: Array, found: Any) -> int:
    none = np.empty((len(z), 0), z.dtype)
    return iterate(problem, limits, float(solver.rate), z, np.zeros_like(z), np.arange(len(z)), none, found)  # type: ignore[arg-type]


def _anderson(solver: Anderson, S: int, problem: Any, limits: Any, z: Array, found: Any) -> int:
    (R, P), m = z.shape, solver.memory
    memory = np.empty((R, (2 + 2 * m) * P + m * m), z.dtype)
    scratch, fz = np.empty(m + m * m, z.dtype), np.zeros_like(z)
    settings = m, float(solver.mixing), ridge(z.dtype)
    return accelerate(problem, limits, *settings, z, fz, np.arange(R), memory, scratch, found)


def _broyden(solver: Broyden, S: int, problem: Any, limits: Any, z: Array, found: Any) -> int:
    (R, P), most = z.shape, min(solver.memory, max(limits[2], 1))
    memory, tiny = np.zeros((R, (3 + 2 * most) * P), z.dtype), float(np.finfo(z.dtype).tiny)
    return quasi_newton(problem, limits, most, tiny, z, np.zeros_like(z), np.arange(R), memory, found)


def _gmres(solver: GMRES, S: int, problem: Any, limits: Any, z: Array, found: Any) -> int:
    (R, P), krylov = z.shape, min(solver.krylov, S)
    memory = np.zeros((R, (4 + 2 * krylov) * P), z.dtype)
    settings = (ACCURACY, dependence(z.dtype), STAGNATION, RESTARTS), krylov
    fz, points, values = np.zeros((3, *z.shape), z.dtype)
    return refine(problem, limits, *settings, z, fz, points, values, np.arange(R), memory, np.zeros(5 * R), found)


RUNS: dict[type, Callable[..., int]] = {Anderson: _anderson, Broyden: _broyden, GMRES: _gmres}
