"""The iterations of fixed-point solvers, compiled once for all cells: row by row what `rnnbp.solvers` does.

A row of the arrays `z`, `fz` and `memory` is what a solver has of one equation; rows that have converged are recorded,
and the others move up. All rows are padded with zeros to a multiple of the vector width.

The entry points take the same arguments:

problem
    As `rnnbp.kernels.compiled.interpreter.evaluate` takes it.
tolerance : tuple
    (absolute, relative, iterations), of `rnnbp.solvers.Tolerance`.
z, fz : ndarray (R, S)
    The start, which is overwritten, and memory for f(z).
rows : ndarray (R,)
    The numbers of the rows.
memory : ndarray (R, W)
    What a solver stores from iteration to iteration.
found : tuple
    z (R, S), iterations, residual and converged (R,), as in `rnnbp.solvers.Solution`: overwritten.

They return how many rows were evaluated, summed over iterations.
"""

import math

from rnnbp.kernels.compiled.compiling import entry, helper
from rnnbp.kernels.compiled.interpreter import evaluate
from rnnbp.kernels.compiled.primitives import absolute, maximum
from rnnbp.kernels.compiled.reductions import dot, greatest_of, sum_of
from rnnbp.kernels.compiled.vectors import at, copy, lanes, load, store


@entry
def iterate(problem, tolerance, rate, z, fz, rows, memory, found):
    """Iterate z <- z + rate (f(z) - z) until all rows have converged or failed."""
    n, S, evaluations = len(z), z.shape[1], 0
    for k in range(tolerance[2] + 1):
        evaluations += n
        n = evaluate_and_record(problem, tolerance, k, n, z, fz, rows, memory, found)
        if n == 0:
            break
        for i in range(0, n * S, lanes(z)):
            store(at(z, i), load(at(z, i)) + rate * (load(at(fz, i)) - load(at(z, i))))
    return evaluations


@helper
def evaluate_and_record(problem, tolerance, k, n, z, fz, rows, memory, found):
    """Compute fz = f(z) for the first n rows after k updates, and record those that have converged or failed.

    The others are moved up, with their constants; return how many they are.
    """
    evaluate(problem, z, fz, n)
    (absolute_, relative, limit), first, arrays = tolerance, problem[5], problem[6]
    z_found, iterations, residual, converged = found
    S, W, P, R, remaining = z.shape[1], memory.shape[1], arrays.shape[2], arrays.shape[1], 0
    for i in range(n):
        change, largest = distances(at(z, i * S), at(fz, i * S), S)
        met = change <= absolute_ + relative * largest
        if met or not change < math.inf or k == limit:
            row = rows[i]
            copy(at(z_found, row * S), at(z, i * S), S)
            iterations[row], residual[row], converged[row] = k, change, met
        else:
            if remaining < i:
                rows[remaining] = rows[i]
                copy(at(z, remaining * S), at(z, i * S), S)
                copy(at(fz, remaining * S), at(fz, i * S), S)
                copy(at(memory, remaining * W), at(memory, i * W), W)
                for constant in range(first, len(arrays)):
                    copy(at(arrays, (constant * R + remaining) * P), at(arrays, (constant * R + i) * P), P)
            remaining += 1
    return remaining


@helper
def distances(z, fz, count):
    """Return max |fz - z|, which is NaN if any number is, and max |z|."""
    change = absolute(load(fz) - load(z))
    largest, total = absolute(load(z)), change
    for u in range(lanes(z), count, lanes(z)):
        here = absolute(load(at(fz, u)) - load(at(z, u)))
        change, total = maximum(change, here), total + here
        largest = maximum(largest, absolute(load(at(z, u))))
    nan = sum_of(total)
    return greatest_of(change) if nan == nan else nan, greatest_of(largest)


# ---- Anderson acceleration --------------------------------------------------------------------------------------


@entry
def accelerate(problem, tolerance, depth, mixing, ridge, z, fz, rows, memory, scratch, found):
    """Anderson acceleration; a row of `memory` has the last z and residual, both differences, and their products."""
    n, S, W, evaluations = len(z), z.shape[1], memory.shape[1], 0
    for k in range(tolerance[2] + 1):
        evaluations += n
        n = evaluate_and_record(problem, tolerance, k, n, z, fz, rows, memory, found)
        if n == 0:
            break
        for i in range(n):
            mixed(at(z, i * S), at(fz, i * S), at(memory, i * W), scratch, k, S, depth, mixing, ridge)
    return evaluations


@helper
def mixed(z, fz, memory, scratch, k, S, depth, mixing, ridge):
    """Replace z by z + mixing r - dg gamma, where gamma minimizes |r - dr gamma|."""
    last_z, last_r, dr, dg = memory, at(memory, S), at(memory, 2 * S), at(memory, (2 + depth) * S)
    gram, L, place = at(memory, (2 + 2 * depth) * S), lanes(z), (k - 1) % depth
    new_r, new_g = at(dr, place * S), at(dg, place * S)
    for u in range(0, S, L):
        r = load(at(fz, u)) - load(at(z, u))
        if k > 0:
            change = r - load(at(last_r, u))
            store(at(new_r, u), change)
            store(at(new_g, u), load(at(z, u)) - load(at(last_z, u)) + mixing * change)
        store(at(last_z, u), load(at(z, u)))
        store(at(last_r, u), r)
        store(at(z, u), load(at(z, u)) + mixing * r)
    if k == 0:
        return
    n = min(k, depth)
    norm = math.sqrt(dot(new_r, new_r, S))
    if norm > 0:
        for u in range(0, S, L):
            store(at(new_r, u), load(at(new_r, u)) / norm)
            store(at(new_g, u), load(at(new_g, u)) / norm)
    for j in range(n):
        gram[place * depth + j] = gram[j * depth + place] = dot(at(dr, j * S), new_r, S)
        scratch[j] = dot(at(dr, j * S), last_r, S)
    gram[place * depth + place] += ridge
    solve_positive(gram, scratch, n, depth)
    for j in range(n):
        for u in range(0, S, L):
            store(at(z, u), load(at(z, u)) - scratch[j] * load(at(dg, j * S + u)))


@helper
def solve_positive(gram, scratch, n, depth):
    """Replace the first n numbers of `scratch` by the solution for a positive definite matrix, by elimination."""
    a = at(scratch, depth)
    for i in range(n * depth):
        a[i] = gram[i]
    for i in range(n):
        for j in range(i + 1, n):
            factor = a[j * depth + i] / a[i * depth + i]
            for m in range(i, n):
                a[j * depth + m] -= factor * a[i * depth + m]
            scratch[j] -= factor * scratch[i]
    for i in range(n - 1, -1, -1):
        for j in range(i + 1, n):
            scratch[i] -= a[i * depth + j] * scratch[j]
        scratch[i] /= a[i * depth + i]


# ---- Broyden's method -------------------------------------------------------------------------------------------


@entry
def quasi_newton(problem, tolerance, most, tiny, z, fz, rows, memory, found):
    """Broyden's method; a row of `memory` has the last residual and step, and the vectors of all updates."""
    n, S, W, evaluations = len(z), z.shape[1], memory.shape[1], 0
    for k in range(tolerance[2] + 1):
        evaluations += n
        n = evaluate_and_record(problem, tolerance, k, n, z, fz, rows, memory, found)
        if n == 0:
            break
        for i in range(n):
            updated(at(z, i * S), at(fz, i * S), at(memory, i * W), k, S, most, tiny)
    return evaluations


@helper
def updated(z, fz, memory, k, S, most, tiny):
    """Replace z by z - H g, for the residual g and H = -I + U'V, after the update by the last step."""
    g, step, y, u, L = memory, at(memory, S), at(memory, 2 * S), at(memory, 3 * S), lanes(z)
    v = at(u, most * S)
    for i in range(0, S, L):
        here = load(at(fz, i)) - load(at(z, i))
        store(at(y, i), here - load(at(g, i)))
        store(at(g, i), here)
    n = 0
    if k > 0:
        n = (k - 1) % most
        hy, sh = at(u, n * S), at(v, n * S)
        multiplied(hy, y, v, u, n, S)
        multiplied(sh, step, u, v, n, S)
        divisor = dot(step, hy, S)
        inverse = 1 / divisor if math.fabs(divisor) > tiny else 0.0
        for i in range(0, S, L):
            store(at(hy, i), inverse * (load(at(step, i)) - load(at(hy, i))))
        n += 1
    multiplied(step, g, v, u, n, S)
    for i in range(0, S, L):
        store(at(step, i), -load(at(step, i)))
        store(at(z, i), load(at(z, i)) + load(at(step, i)))


@helper
def multiplied(out, a, inner, outer, n, S):
    """Write -a + sum of outer (inner . a): H a for inner = V and outer = U, a'H for inner = U and outer = V."""
    for i in range(0, S, lanes(a)):
        store(at(out, i), -load(at(a, i)))
    for j in range(n):
        coefficient = dot(at(inner, j * S), a, S)
        for i in range(0, S, lanes(a)):
            store(at(out, i), load(at(out, i)) + coefficient * load(at(outer, j * S + i)))


# ---- GMRES ------------------------------------------------------------------------------------------------------


@entry
def refine(problem, tolerance, limits, krylov, z, fz, points, values, rows, memory, sizes, found):
    """GMRES with refinement; a row of `memory` has the step, r, the direction, its image, and all pairs p and q."""
    accuracy, dependent, stagnation, restarts = limits
    n, S, W, evaluations = len(z), z.shape[1], memory.shape[1], 0
    for k in range(tolerance[2] + 1):
        evaluations += n
        n = evaluate_and_record(problem, tolerance, k, n, z, fz, rows, memory, found)
        if n == 0:
            break
        for i in range(n):
            begin(at(z, i * S), at(fz, i * S), at(memory, i * W), at(sizes, i * 5), S, accuracy)
        unfinished = True
        for _ in range(restarts):
            for j in range(krylov):
                for i in range(n):
                    direct(at(z, i * S), at(memory, i * W), at(sizes, i * 5), at(points, i * S), S, j, stagnation)
                evaluate(problem, points, values, n)
                evaluations += n
                unfinished = False
                for i in range(n):
                    reduce(at(fz, i * S), at(values, i * S), at(memory, i * W), at(sizes, i * 5), S, j, dependent)
                    unfinished |= sizes[i * 5 + 1] > sizes[i * 5 + 2]
                if not unfinished:
                    break
            if not unfinished:
                break
        for i in range(n):
            for u in range(0, S, lanes(z)):
                step = load(at(memory, i * W + u))
                store(at(z, i * S + u), load(at(z, i * S + u)) + sizes[i * 5] * step)
    return evaluations


@helper
def begin(z, fz, memory, sizes, S, accuracy):
    """Begin a correction: sizes become the scales of residual, |r|, the |r| that is enough, and the scale of z."""
    step, r = memory, at(memory, S)
    scale, largest = distances(z, fz, S)
    for u in range(0, S, lanes(z)):
        store(at(r, u), (load(at(fz, u)) - load(at(z, u))) / scale)
        store(at(step, u), 0.0 * load(at(r, u)))
    sizes[0], sizes[1], sizes[4] = scale, math.sqrt(dot(r, r, S)), largest if largest > 0 else 1
    sizes[2], sizes[3] = accuracy * sizes[1], sizes[1]


@helper
def direct(z, memory, sizes, point, S, j, stagnation):
    """Choose the direction: r, or the last image where r hardly decreases; and the point at which f is evaluated."""
    r, direction, q = at(memory, S), at(memory, 2 * S), at(memory, 4 * S)
    size, last = sizes[1], sizes[3]
    if not size > sizes[2]:
        return
    image = j > 0 and not size < stagnation * last
    source, scale = (at(q, (2 * j - 1) * S), 1.0) if image else (r, 1 / size)
    for u in range(0, S, lanes(z)):
        v = scale * load(at(source, u))
        store(at(direction, u), v)
        store(at(point, u), load(at(z, u)) + sizes[4] * v)


@helper
def reduce(fz, value, memory, sizes, S, j, dependent):
    """Make the image of the direction orthonormal to the earlier ones, and take it out of r."""
    step, r, direction, image, pairs = memory, at(memory, S), at(memory, 2 * S), at(memory, 3 * S), at(memory, 4 * S)
    L = lanes(fz)
    if not sizes[1] > sizes[2]:
        return
    for u in range(0, S, L):
        store(at(image, u), load(at(direction, u)) - (load(at(value, u)) - load(at(fz, u))) / sizes[4])
    before = after = math.sqrt(dot(image, image, S))
    for again in range(2):  # twice, where rounding leaves a part of what most of the image was
        if j == 0 or (again and after > 0.5 * before):
            break
        for i in range(j):
            p, q = at(pairs, 2 * i * S), at(pairs, (2 * i + 1) * S)
            overlap = dot(q, image, S)
            for u in range(0, S, L):
                store(at(image, u), load(at(image, u)) - overlap * load(at(q, u)))
                store(at(direction, u), load(at(direction, u)) - overlap * load(at(p, u)))
        after = math.sqrt(dot(image, image, S))
    inverse = 1 / after if after > dependent * before else 0.0
    p, q = at(pairs, 2 * j * S), at(pairs, (2 * j + 1) * S)
    for u in range(0, S, L):
        store(at(p, u), inverse * load(at(direction, u)))
        store(at(q, u), inverse * load(at(image, u)))
    coefficient = dot(q, r, S)
    for u in range(0, S, L):
        store(at(step, u), load(at(step, u)) + coefficient * load(at(p, u)))
        store(at(r, u), load(at(r, u)) - coefficient * load(at(q, u)))
    sizes[3], sizes[1] = sizes[1], math.sqrt(dot(r, r, S))
