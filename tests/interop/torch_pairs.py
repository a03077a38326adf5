"""Random PyTorch parts, and their outputs and gradients over each sequence alone: nothing is padded or packed."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st
from torch import nn

from rnnbp.interop.pytorch.torch_layers import (
    CausalConv1d,
    Conv1D,
    Dense,
    Ends,
    Last,
    MeanOverTime,
    Normalize,
    Reverse,
    TimeStatistics,
)

KINDS = ("RNN", "LSTM", "GRU", "RNNCell", "LSTMCell", "GRUCell")


@dataclass(frozen=True)
class Case:
    """A network of PyTorch's parts with sequences for it."""

    parts: list[nn.Module]
    tokens: int  # 0 where the inputs are features
    features: int
    lengths: list[int]
    dtype: torch.dtype
    seed: int
    states: bool  # whether initial states are given

    def inputs(self) -> list[torch.Tensor]:
        """The sequences, (T_i, F) or (T_i,)."""
        rng = np.random.default_rng(self.seed)
        if self.tokens:
            return [torch.from_numpy(rng.integers(self.tokens, size=n)) for n in self.lengths]
        return [torch.from_numpy(rng.standard_normal((n, self.features))).to(self.dtype) for n in self.lengths]


@dataclass
class Result:
    """Outputs of each sequence, final states, and the gradients with respect to all that has one."""

    outputs: list[np.ndarray]
    final: list[np.ndarray]
    d_params: dict[str, np.ndarray]
    d_inputs: list[np.ndarray]
    d_states: list[np.ndarray] = field(default_factory=list)


@st.composite
def cases(draw: Any) -> Case:
    """Random networks: an embedding or features, parts at every step, and perhaps a part that reduces time."""
    dtype = draw(st.sampled_from([torch.float32, torch.float64]))
    seed = draw(st.integers(0, 10**6))
    torch.manual_seed(seed)
    features, tokens = draw(st.integers(1, 3)), draw(st.sampled_from([0, 0, 5]))
    lengths = sorted(draw(st.lists(st.integers(3, 6), min_size=1, max_size=3)), reverse=True)
    parts: list[nn.Module] = []
    width, two_ways, two_halves = features, False, False
    if tokens:
        parts.append(nn.Embedding(tokens, features, padding_idx=draw(st.sampled_from([None, 0, -1])), dtype=dtype))
    for name in draw(st.lists(st.sampled_from([*KINDS, *KINDS[:3], *POINTWISE]), min_size=1, max_size=3)):
        part, width = (recurrent if name in KINDS else POINTWISE[name])(draw, name, width, dtype)
        if name in KINDS:
            two_ways = getattr(part, "bidirectional", False)
        two_halves = two_ways and (name in KINDS or (two_halves and name == "Dropout"))
        parts.append(part)
    if draw(st.integers(0, 3)) == 0:
        parts.insert(bool(tokens), Normalize(*torch.rand(2, features, dtype=dtype) + 0.5))
    if draw(st.integers(0, 3)) == 0:
        parts.insert(draw(st.integers(bool(tokens), len(parts))), Reverse())
        two_halves = two_halves and not isinstance(parts[-1], Reverse)
    fitting = [Ends] if two_halves else [] if two_ways else [Last]
    end = draw(st.sampled_from([None, MeanOverTime, TimeStatistics, *fitting]))
    if end is not None:
        parts += [end(), nn.Linear(width * (2 if end is TimeStatistics else 1), 2, dtype=dtype)]
    if not any(True for part in parts for _ in [*part.parameters(), *part.buffers()]):
        dtype = torch.float32  # of a model without parameters
    return Case(parts, tokens, features, lengths, dtype, seed, draw(st.booleans()))


def recurrent(draw: Any, name: str, width: int, dtype: torch.dtype) -> tuple[nn.Module, int]:
    """A recurrent part and the number of its outputs."""
    hidden = draw(st.integers(2, 4))
    options: dict[str, Any] = {"bias": draw(st.booleans()), "dtype": dtype}
    if name.startswith("RNN"):
        options["nonlinearity"] = draw(st.sampled_from(["tanh", "relu"]))
    if name.endswith("Cell"):
        return getattr(nn, name)(width, hidden, **options), hidden
    options |= {"num_layers": draw(st.integers(1, 3)), "bidirectional": draw(st.booleans())}
    if name == "LSTM":
        options["proj_size"] = draw(st.sampled_from([0, 1]))
    part = getattr(nn, name)(width, hidden, **options)
    return part, (options.get("proj_size") or hidden) * (2 if part.bidirectional else 1)


def linear(draw: Any, name: str, width: int, dtype: torch.dtype) -> tuple[nn.Module, int]:
    """A linear layer and the number of its outputs."""
    outputs = draw(st.integers(1, 4))
    return nn.Linear(width, outputs, bias=draw(st.booleans()), dtype=dtype), outputs


def unchanged(draw: Any, name: str, width: int, dtype: torch.dtype) -> tuple[nn.Module, int]:
    """A part without parameters."""
    return (nn.Dropout(0.0) if name == "Dropout" else getattr(nn, name)()), width


def dense(draw: Any, name: str, width: int, dtype: torch.dtype) -> tuple[nn.Module, int]:
    """A linear layer with an activation, of the modules that models are translated to."""
    activation = draw(st.sampled_from(["tanh", "relu", "sigmoid"]))
    return Dense(width, 2, activation=activation, dtype=dtype), 2


def convolution(draw: Any, name: str, width: int, dtype: torch.dtype) -> tuple[nn.Module, int]:
    """A convolution over time; the shortest sequence has three steps, which the kernel does not exceed."""
    kernel, groups = draw(st.integers(1, 2)), draw(st.sampled_from([1, width]))
    options: dict[str, Any] = {"groups": groups, "bias": draw(st.booleans()), "dtype": dtype}
    options["dilation"] = draw(st.integers(1, 2))
    outputs = groups * draw(st.integers(1, 2))
    if draw(st.booleans()):
        return CausalConv1d(width, outputs, kernel, stride=draw(st.integers(1, 2)), **options), outputs
    options["padding"] = draw(st.sampled_from(["same", 2, 3]))
    options["stride"] = 1 if options["padding"] == "same" else draw(st.integers(1, 2))
    if draw(st.booleans()):
        return Conv1D(width, outputs, kernel, activation=draw(st.sampled_from(["linear", "tanh"])), **options), outputs
    return nn.Conv1d(width, outputs, kernel, **options), outputs


def layer_norm(draw: Any, name: str, width: int, dtype: torch.dtype) -> tuple[nn.Module, int]:
    """Layer normalization with random gain and bias. Its eps keeps the derivative of two features small."""
    part = nn.LayerNorm(width, eps=0.1, bias=draw(st.booleans()), dtype=dtype)
    for parameter in part.parameters():
        nn.init.uniform_(parameter, 0.5, 1.5)
    return part, width


POINTWISE = {"Linear": linear, "Dense": dense, "Conv1d": convolution, "LayerNorm": layer_norm}
POINTWISE |= dict.fromkeys(["Dropout", "Identity", "Tanh", "ReLU", "Sigmoid"], unchanged)


def initial_states(case: Case) -> list[list[torch.Tensor] | None]:
    """For each part of one direction h, or h and c, (layers, B, H); None for the others, and where none is given."""
    rng = np.random.default_rng(case.seed + 1)
    B = len(case.lengths)
    found: list[list[torch.Tensor] | None] = []
    for part in case.parts:
        shapes = []
        if case.states and isinstance(part, nn.RNNBase) and not part.bidirectional:
            shapes = [(part.num_layers, B, part.proj_size or part.hidden_size)]
            shapes += [(part.num_layers, B, part.hidden_size)] * isinstance(part, nn.LSTM)
        made = [torch.from_numpy(rng.standard_normal(s)).to(case.dtype).requires_grad_() for s in shapes]
        found.append(made or None)
    return found


def run_part(part: nn.Module, x: torch.Tensor, state: list[torch.Tensor] | None) -> tuple[torch.Tensor, list]:
    """The outputs of a part over one sequence, x (T, F) or tokens (T,), and its final state where one was given."""
    if isinstance(part, nn.RNNCellBase):
        h, outputs = None, []
        for row in x:
            h = part(row, h)
            outputs.append(h[0] if isinstance(h, tuple) else h)
        return torch.stack(outputs), []
    if isinstance(part, nn.RNNBase):
        given = None if state is None else state[0] if len(state) == 1 else tuple(state)
        y, last = part(x, given)
        return y, [] if state is None else list(last) if isinstance(last, tuple) else [last]
    if isinstance(part, Reverse):
        return x.flip(0), []
    if isinstance(part, TimeStatistics):
        return torch.cat([x.mean(0), torch.sqrt(x.var(0, correction=0) + 1e-6)]), []
    if isinstance(part, Last | Ends | MeanOverTime):
        return part(x[:, None])[0], []
    if isinstance(part, nn.Conv1d):
        return part(x.T).T, []
    return part(x), []


def reference(case: Case) -> Result:
    """Outputs and gradients of PyTorch's own parts, a sequence at a time."""
    inputs, states = case.inputs(), initial_states(case)
    if not case.tokens:
        inputs = [x.requires_grad_() for x in inputs]
    outputs, lasts, total = [], [], torch.zeros((), dtype=case.dtype)
    for k, x in enumerate(inputs):
        y, last = x, []
        for part, state in zip(case.parts, states, strict=True):
            y, after = run_part(part, y, state and [s[:, k].contiguous() for s in state])
            last += after
        outputs.append(y)
        lasts.append(last)
        total = total + (y * torch.from_numpy(weights(case, k, tuple(y.shape))).to(case.dtype)).sum()
    final = [torch.stack(parts, dim=1) for parts in zip(*lasts, strict=True)]
    for k, state in enumerate(final):
        total = total + (state * torch.from_numpy(weights(case, -k - 1, tuple(state.shape))).to(case.dtype)).sum()
    total.backward()
    return Result(
        [numbers(y) for y in outputs],
        [numbers(state) for state in final],
        {f"{i}.{name}": numbers(p.grad) for i, part in enumerate(case.parts) for name, p in part.named_parameters()},
        [] if case.tokens else [numbers(x.grad) for x in inputs],
        [numbers(s.grad) for state in states if state for s in state],
    )


def weights(case: Case, number: int, shape: tuple[int, ...]) -> np.ndarray:
    """The cotangent of the outputs of sequence `number`; of a final state where it is negative."""
    return np.random.default_rng([case.seed, number + 100]).standard_normal(shape)


def numbers(tensor: torch.Tensor) -> np.ndarray:
    """The values of a tensor."""
    return tensor.detach().numpy()
