"""Every declared cell: exactness, and time of a training pass per operation beside the LSTM and beside PyTorch.

    env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE python tests/benchmarks/bench_cells.py [names of cells]

PyTorch runs the same equation as a loop over time: it gets the same expressions, with the input's products of all steps
computed at once and one product for all gates that a state enters. All run on one thread, in turns.
"""

import ast
import inspect
import sys

import numpy as np
import pandas as pd
import torch

import rnnbp
from rnnbp import cells, kernels
from rnnbp.benchmark.measure import TimedCall, best_times, blas_threads
from rnnbp.cells.declared import DeclaredCell
from rnnbp.cells.declared.expressions import reachable
from rnnbp.core import Parameters

SIZES = ((16, 100, 40, 64), (32, 100, 40, 128))  # B, T, F, H
SECONDS = 0.5

CELLS = {
    cls.__name__.removesuffix("Cell"): cls
    for cls in (getattr(cells, name) for name in cells.__all__)
    if isinstance(cls, type) and issubclass(cls, DeclaredCell) and cls(2, 3).is_derived
}

TORCH = {
    "add": torch.add, "sub": torch.sub, "mul": torch.mul, "div": torch.div, "neg": torch.neg, "abs": torch.abs,
    "sigmoid": torch.sigmoid, "tanh": torch.tanh, "relu": torch.relu, "exp": torch.exp, "sin": torch.sin,
    "cos": torch.cos, "softplus": torch.nn.functional.softplus, "maximum": torch.maximum,
    "stop_gradient": torch.Tensor.detach,
}  # fmt: skip


class Spike(torch.autograd.Function):
    """A step, whose derivative is replaced by a surrogate."""

    @staticmethod
    def forward(ctx, u, surrogate):
        ctx.save_for_backward(surrogate)
        return (u > 0).to(u.dtype)

    @staticmethod
    def backward(ctx, d):
        return d * ctx.saved_tensors[0], None


TORCH["spike"] = Spike.apply


def torch_pass(cell, params, x, dy):
    """Return a function that runs a cell over time in PyTorch and returns the parameters, with their gradients."""
    program = cell.derivation.program
    equation, layout, H = program.equation, program.layout, cell.hidden_size
    leaves = {name: torch.tensor(a, requires_grad=True) for name, a in params.items()}
    constants = {name: value for name, value in vars(cell).items() if isinstance(value, float)}
    runs = {}
    for run in layout.products:
        runs.setdefault(run.source, []).append(run)
    nodes = [node for node in reachable(equation.results.values()) if node.op not in ("state", "input")]
    x, dy = torch.tensor(x), torch.tensor(dy)

    def products(source, value):
        """Return the product of a source with each of its weights."""
        found = {}
        for run in runs[source]:
            first, last = run.rows
            bias = None if run.bias is None else leaves[run.bias][run.bias_rows[0] * H : run.bias_rows[1] * H]
            parts = torch.nn.functional.linear(value, leaves[run.weight][first * H : last * H], bias)
            found |= dict(zip((block.term for block in run.blocks), parts.split(H, -1), strict=True))
        return found

    def run():
        hoisted = products(equation.x, x) if equation.x in runs else {}
        states = {symbol: x.new_zeros(x.shape[1], H) for symbol in equation.states.values()}
        outputs = []
        for t in range(len(x)):
            values = states | {term: steps[t] for term, steps in hoisted.items()}
            for node in nodes:
                if node in values:
                    continue
                if node.op == "number":
                    values[node] = node.label
                elif node.op == "constant":
                    values[node] = constants[node.label]
                elif node.op == "parameter":
                    values[node] = leaves[node.label]
                elif node.op == "weighted":
                    values |= products(node.args[0], values[node.args[0]])
                else:
                    values[node] = operation(node.op, [values[arg] for arg in node.args])
            states = {equation.states[name]: values[result] for name, result in equation.results.items()}
            outputs.append(values[next(iter(equation.results.values()))])
        for leaf in leaves.values():
            leaf.grad = None
        torch.stack(outputs).backward(dy)
        return leaves

    return run


def operation(op, args):
    """Apply an operation to tensors and numbers."""
    if not any(isinstance(arg, torch.Tensor) for arg in args):
        return float(TORCH[op](*(torch.tensor(arg, dtype=torch.float64) for arg in args)))
    if op == "maximum":
        args = [arg if isinstance(arg, torch.Tensor) else torch.tensor(arg) for arg in args]
    return TORCH[op](*args)


def training(cell, params, x, dy):
    """Return a function that runs the compiled kernel forward and back and returns the parameters' gradient."""
    kernel = kernels.BACKENDS["compiled"](cell, x.dtype)
    weights, active = dict(params.items()), np.full(len(x), x.shape[1])
    state, grad = np.zeros((x.shape[1], cell.state_size), x.dtype), params.zeros()

    def run():
        grad.vector[:] = 0
        _, residuals, _ = kernel.forward(weights, x, active, state)
        kernel.backward_params(weights, residuals, dy, grad, state)
        return grad

    return run


def problem(cls, B, T, F, H, dtype=np.float32):
    """Return a cell, its parameters, inputs, and cotangents of its outputs."""
    rng, cell = np.random.default_rng(0), cls(F, H)
    params = Parameters(cell.shapes(), dtype=dtype)
    cell.initialize(params, rng)
    x, dy = (rng.standard_normal(shape).astype(dtype) for shape in ((T, B, F), (T, B, cell.output_size)))
    return cell, params, x, dy


def operations(cell):
    """Return the multiplications and additions of a step's products, forward and back to weights and states."""
    weights = sum(shape[0] * shape[1] for name, shape in cell.shapes().items() if name.startswith("w_"))
    recurrent = sum(shape[0] * shape[1] for name, shape in cell.shapes().items() if name == "w_hh")
    return 2 * (2 * weights + recurrent)


def lines(cls):
    """Return the number of lines of a declaration: `update` and what it is declared with, without documentation."""
    source = inspect.getsource(cls)
    documented, source = ast.parse(source).body[0].body[0], source.splitlines()
    del source[documented.lineno - 1 : documented.end_lineno]
    declared = [s for s in source if s.strip() and '"""' not in s]
    update = next(k for k, s in enumerate(declared) if "def update" in s)
    end = next((k for k in range(update + 1, len(declared)) if declared[k].startswith("    @")), len(declared))
    end = next((k for k in range(update + 1, end) if declared[k].startswith("    def ")), end)
    return sum(not s.strip().startswith(("@", "class")) for s in declared[:end])


def exactness(cls):
    """Return the error of the gradient check, and the distance of RTRL's gradient from that of BPTT."""
    model = rnnbp.Sequential(rnnbp.Recurrent(cls(3, 4)), rnnbp.Dense(4, 3), dtype=np.float64, seed=1)
    rng = np.random.default_rng(0)
    xs, targets = [rng.standard_normal((n, 3)) for n in (6, 4)], [rng.integers(3, size=n) for n in (6, 4)]
    batch = rnnbp.SequenceDataset(xs, targets).batch(dtype=np.float64)
    (full,), (online,) = (a.gradients(model, batch, rnnbp.CrossEntropy()) for a in (rnnbp.BPTT(), rnnbp.RTRL()))
    distance = np.linalg.norm(online.vector - full.vector) / np.linalg.norm(full.vector)
    return rnnbp.check_gradient(model, batch).max_error, distance


def main(names):
    rows, lstm = [], {}
    torch.set_num_threads(1)
    with blas_threads() as limit:
        limit(1)
        rnnbp.set_num_threads(1)
        for name in dict.fromkeys(["LSTM", *(names or CELLS)]):
            cls = CELLS[name]
            row = {"cell": name, "lines": lines(cls)} | dict(zip(("check", "rtrl - bptt"), exactness(cls), strict=True))
            for B, T, F, H in SIZES:
                sizes = (cls, B, T, F, H)
                ours, theirs = training(*problem(*sizes)), torch_pass(*problem(*sizes))
                exact, found = torch_pass(*problem(*sizes, dtype=np.float64))(), ours()
                expected = np.concatenate([exact[key].grad.numpy().ravel() for key in exact])
                row[f"error {H}"] = np.abs(found.vector - expected).max() / np.abs(expected).max()
                reference = lstm.get(H) or training(*problem(CELLS["LSTM"], B, T, F, H))
                lstm.setdefault(H, reference)
                mine, torchs, base = best_times([TimedCall(f, 1) for f in (ours, theirs, reference)], limit, SECONDS)
                rate = operations(cls(F, H)) / mine / (operations(CELLS["LSTM"](F, H)) / base)
                row |= {f"ms {H}": 1e3 * mine, f"flop/s of LSTM's {H}": rate, f"x torch loop {H}": torchs / mine}
            rows.append(row)
            print(pd.DataFrame([row]).to_string(index=False), flush=True)
    print(pd.DataFrame(rows).to_string(index=False, float_format=lambda v: f"{v:.3g}"))


if __name__ == "__main__":
    main(sys.argv[1:])
