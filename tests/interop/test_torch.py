"""Models from and to PyTorch: the same outputs and the same gradients."""

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

torch = pytest.importorskip("torch")

from torch.nn.utils.rnn import pack_sequence, pad_packed_sequence  # noqa: E402
from torch_pairs import Case, Result, cases, initial_states, numbers, reference, weights  # noqa: E402

import rnnbp  # noqa: E402
from rnnbp import interop, kernels  # noqa: E402
from rnnbp.layers import Run  # noqa: E402

# Of projections PyTorch says that it computes them without oneDNN.
pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore:LSTM with projections")]

TOLERANCES = {torch.float32: 1e-6, torch.float64: 1e-12}
RANDOM = settings(max_examples=25, suppress_health_check=list(HealthCheck))


@pytest.fixture(autouse=True)
def by_numpy() -> Iterator[None]:
    """Run all cells by NumPy: the tests of kernels hold that compiled ones compute the same."""
    with kernels.using("numpy"):
        yield


def padded(rows: list[np.ndarray]) -> np.ndarray:
    """Sequences (T_i, F) as one array (T, B, F), zero past their ends."""
    found = np.zeros((max(map(len, rows)), len(rows), *rows[0].shape[1:]), rows[0].dtype)
    for k, row in enumerate(rows):
        found[: len(row), k] = row
    return found


def ours(case: Case) -> Result:
    """Outputs and gradients of the model that the parts are translated to."""
    model = interop.from_torch(*case.parts)
    x, lengths = padded([numbers(x) for x in case.inputs()]), np.array(case.lengths)
    given = [
        state and ([numbers(s) for s in state] if len(state) > 1 else numbers(state[0]))
        for state in initial_states(case)
    ]
    states = interop.state_from_torch(model, given)
    y, residuals, after = model.unroll(model.params, x, Run(lengths), states)
    per_step = model.per_step
    after_lengths = lengths
    for layer in model.layers:
        after_lengths = layer.out_lengths(after_lengths) if hasattr(layer, "out_lengths") else after_lengths
    shapes = [(n, y.shape[2]) if per_step else (y.shape[1],) for n in after_lengths]
    rows = [weights(case, k, shape).astype(model.dtype) for k, shape in enumerate(shapes)]
    dy = padded(rows) if per_step else np.stack(rows)
    if per_step:
        dy = np.concatenate([dy, np.zeros((len(y) - len(dy), *dy.shape[1:]), dy.dtype)])
    final, d_final, k = [], [], 0
    for state, was in zip(interop.state_to_torch(model, after), given, strict=True):
        if was is None:
            d_final.append(None)
            continue
        parts = [numbers(part) for part in (state if isinstance(state, tuple) else (state,))]
        final += parts
        cotangents = [weights(case, -j - 1, part.shape).astype(model.dtype) for j, part in enumerate(parts, k)]
        d_final.append(cotangents if len(parts) > 1 else cotangents[0])
        k += len(parts)
    grad = model.params.zeros()
    dx, d_states = model.backward(model.params, residuals, dy, grad, interop.state_from_torch(model, d_final))
    d_params = model.params.like(model.params.masked(grad.vector))
    flat: list[np.ndarray] = []
    for state, was in zip(interop.state_to_torch(model, d_states), given, strict=True):
        if was is not None:
            flat += [numbers(part) for part in (state if isinstance(state, tuple) else (state,))]
    return Result(
        [y[: after_lengths[k], k] if per_step else y[k] for k in range(len(lengths))],
        final,
        {f"{i}.{name}": d_params[f"{i}.{own}"] for i, name, own in names_of(case, model)},
        [] if case.tokens else [dx[:n, k] for k, n in enumerate(lengths)],
        flat,
    )


def names_of(case: Case, model: rnnbp.Sequential) -> list[tuple[int, str, str]]:
    """The number of each layer, with the names of its parameters in its part and here."""
    found = []
    for theirs_of in interop.torch_names(model).items():
        own, theirs = theirs_of
        number, name = theirs.split(".")
        cell = isinstance(case.parts[int(number)], torch.nn.RNNCellBase)
        found.append((int(number), name.removesuffix("_l0") if cell else name, own.partition(".")[2]))
    return found


def theirs(case: Case, batch_first: bool) -> Result:
    """Outputs and gradients of the module that the model is translated back to, of packed sequences."""
    model = interop.from_torch(*case.parts)
    module = interop.to_torch(model, batch_first)
    inputs, states = case.inputs(), initial_states(case)
    if not case.tokens:
        inputs = [x.requires_grad_() for x in inputs]
    given = [state and (tuple(state) if len(state) > 1 else state[0]) for state in states]
    y, after = module.run(pack_sequence(inputs), given)
    if model.per_step:
        y, lengths = pad_packed_sequence(y, batch_first=True)
        outputs = [row[:n] for row, n in zip(y, lengths, strict=True)]
    else:
        outputs = list(y)
    final = [
        part for last, was in zip(after, states, strict=True) if was for part in (last if len(was) > 1 else [last])
    ]
    total = sum((y * torch.from_numpy(weights(case, k, tuple(y.shape))).to(y)).sum() for k, y in enumerate(outputs))
    total += sum((s * torch.from_numpy(weights(case, -k - 1, tuple(s.shape))).to(s)).sum() for k, s in enumerate(final))
    total.backward()
    d_params = {name: numbers(p.grad) for name, p in module.named_parameters()}
    return Result(
        [numbers(y) for y in outputs],
        [numbers(s) for s in final],
        {f"{i}.{name}": d_params[interop.torch_names(model)[f"{i}.{own}"]] for i, name, own in names_of(case, model)},
        [] if case.tokens else [numbers(x.grad) for x in inputs],
        [numbers(s.grad) for state in states if state for s in state],
    )


def worst(found: Result, expected: Result) -> float:
    """The greatest difference between two results, relative to the greatest value of the kind, or to 1."""
    errors = []
    for name in ("outputs", "final", "d_inputs", "d_states", "d_params"):
        one, other = getattr(found, name), getattr(expected, name)
        if name == "d_params":
            assert list(one) == list(other)
            one, other = list(one.values()), list(other.values())
        assert [a.shape for a in one] == [a.shape for a in other], name
        scale = max([1.0, *(np.abs(a).max(initial=0) for a in other)])
        errors += [np.abs(a - b).max(initial=0) / scale for a, b in zip(one, other, strict=True)]
    return float(max(errors))


@RANDOM
@given(cases())
def test_outputs_and_gradients_of_random_modules_are_pytorchs(case):
    assert worst(ours(case), reference(case)) < TOLERANCES[case.dtype]


@RANDOM
@given(cases())
def test_outputs_and_gradients_of_the_module_of_a_model_are_the_models(case):
    batch_first = bool(case.seed % 2)
    found = theirs(case, batch_first)
    assert worst(found, reference(case)) < TOLERANCES[case.dtype]
