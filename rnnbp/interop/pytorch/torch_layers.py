"""PyTorch modules that compute what layers of this package do, where PyTorch itself has none.

This file imports PyTorch: it is itself imported by the functions that need it.
"""

from typing import Any

import torch

Tensor = torch.Tensor

ACTIVATIONS = {"tanh": torch.tanh, "relu": torch.relu, "sigmoid": torch.sigmoid}


class InTime(torch.nn.Module):
    """Base of the modules that see whole sequences: (T, B, F), lengths (B,) -> (T, B, K)."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the outputs.

        Parameters
        ----------
        x : Tensor (T, B, F)
        lengths : Tensor (B,), optional
            Number of steps of each sequence. Default: T.
        """
        T, B = x.shape[:2]
        given = torch.full((B,), T) if lengths is None else lengths
        return self.run(x, given.to(x.device))

    def run(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Return the outputs of sequences of these lengths."""
        raise NotImplementedError


class OverTime(InTime):
    """Base of the modules that reduce time: (T, B, F), lengths (B,) -> (B, K)."""


class Last(OverTime):
    """Last step of each sequence, as `rnnbp.Last`."""

    def run(self, x: Tensor, lengths: Tensor) -> Tensor:
        return x[lengths - 1, torch.arange(x.shape[1], device=x.device)]


class Ends(OverTime):
    """Final outputs of both directions of a bidirectional layer, as `rnnbp.Ends`."""

    def run(self, x: Tensor, lengths: Tensor) -> Tensor:
        half, rows = x.shape[2] // 2, torch.arange(x.shape[1], device=x.device)
        return torch.cat([x[lengths - 1, rows, :half], x[0, :, half:]], dim=1)


class MeanOverTime(OverTime):
    """Mean over the steps of each sequence, as `rnnbp.MeanOverTime`."""

    def run(self, x: Tensor, lengths: Tensor) -> Tensor:
        return without_padding(x, lengths).sum(0) / lengths[:, None]


class TimeStatistics(OverTime):
    """Mean and standard deviation over the steps of each sequence, as `rnnbp.TimeStatistics`."""

    def run(self, x: Tensor, lengths: Tensor) -> Tensor:
        mean = without_padding(x, lengths).sum(0) / lengths[:, None]
        variance = without_padding((x - mean) ** 2, lengths).sum(0) / lengths[:, None]
        return torch.cat([mean, torch.sqrt(variance + 1e-6)], dim=1)


class Reverse(InTime):
    """Reversal of each sequence in time, within its own length, as `rnnbp.Reverse`."""

    def run(self, x: Tensor, lengths: Tensor) -> Tensor:
        t = torch.arange(len(x), device=x.device)[:, None]
        order = torch.where(t < lengths, lengths - 1 - t, t)
        return x[order, torch.arange(x.shape[1], device=x.device)]


class VariationalDropout(InTime):
    """Dropout with one mask for all steps of a sequence, as `rnnbp.VariationalDropout`."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def run(self, x: Tensor, lengths: Tensor) -> Tensor:
        return x * torch.nn.functional.dropout(torch.ones_like(x[0]), self.p, self.training)

    def extra_repr(self) -> str:
        return f"p={self.p}"


class Normalize(torch.nn.Module):
    """Normalization of each feature by fixed statistics, as `rnnbp.Normalize`."""

    mean: Tensor
    scale: Tensor

    def __init__(self, mean: Tensor, scale: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean, persistent=False)  # the names of a state dict are those of the parameters
        self.register_buffer("scale", scale, persistent=False)

    def forward(self, input: Tensor) -> Tensor:
        return (input - self.mean) / self.scale


class Dense(torch.nn.Linear):
    """Linear layer with an activation, as `rnnbp.Dense`: its parameters are those of `torch.nn.Linear`."""

    def __init__(self, *sizes: Any, activation: str, **options: Any) -> None:
        super().__init__(*sizes, **options)
        self.activation = activation

    def forward(self, input: Tensor) -> Tensor:
        return ACTIVATIONS[self.activation](super().forward(input))

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, activation={self.activation!r}"


class Conv1D(torch.nn.Conv1d):
    """Convolution with an activation, as `rnnbp.Conv1D`: its parameters are those of `torch.nn.Conv1d`."""

    def __init__(self, *sizes: Any, activation: str = "linear", **options: Any) -> None:
        super().__init__(*sizes, **options)
        self.activation = activation

    def forward(self, input: Tensor) -> Tensor:
        y = super().forward(input)
        return y if self.activation == "linear" else ACTIVATIONS[self.activation](y)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, activation={self.activation!r}"  # type: ignore[no-untyped-call]


class CausalConv1d(Conv1D):
    """Causal convolution: all zeros are before the first step of (B, F, T)."""

    def forward(self, input: Tensor) -> Tensor:
        zeros = self.dilation[0] * (self.kernel_size[0] - 1)
        return super().forward(torch.nn.functional.pad(input, (zeros, 0)))


def without_padding(x: Tensor, lengths: Tensor) -> Tensor:
    """Return x (T, B, F) with zeros past the end of each sequence."""
    padding = torch.arange(len(x), device=x.device)[:, None] >= lengths
    return x.masked_fill(padding[:, :, None], 0)
