"""The PyTorch module of layers in a row that `rnnbp.interop.to_torch` makes of a model.

This file imports PyTorch: it is itself imported by the functions that need it.
"""

from functools import partial
from typing import Any

import torch
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from rnnbp.interop.pytorch.torch_layers import CausalConv1d, InTime, OverTime, without_padding

Tensor = torch.Tensor
States = list[Any]  # for each layer None, h or (h, c)


class SequenceModel(torch.nn.Sequential):
    """Layers in a row over sequences: a `torch.nn.Sequential` whose members may be recurrent.

    Of a recurrent member, the outputs at every step are the input of the next member. Members that reduce time, `Last`,
    `Ends` and `MeanOverTime`, and convolutions respect each sequence's own length, which a PackedSequence has.

    Parameters
    ----------
    *layers : torch.nn.Module
    batch_first : bool, default False
        Whether padded sequences are (B, T, F), not (T, B, F). Recurrent layers must have been made with the same.

    Attributes
    ----------
    batch_first : bool
    fixed : dict of str to Tensor
        Masks, by the name of the parameter, False where an entry is fixed at zero. `to_torch` fills it.
    """

    def __init__(self, *layers: torch.nn.Module, batch_first: bool = False) -> None:
        super().__init__(*layers)
        self.batch_first = batch_first
        self.fixed: dict[str, Tensor] = {}

    def fix(self, masks: dict[str, Tensor]) -> None:
        """Keep entries of parameters at zero: their gradient is zero from now on.

        Parameters
        ----------
        masks : dict of str to Tensor of bool
        """
        self.fixed.update(masks)
        for name, mask in masks.items():
            self.get_parameter(name).register_hook(partial(_masked, mask))  # type: ignore[no-untyped-call]

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)  # type: ignore[no-untyped-call]
        self.fix(self.fixed)  # copies of parameters, also those read from a file, are without hooks

    def forward(self, input: Tensor | PackedSequence) -> Any:
        """Compute the outputs.

        Parameters
        ----------
        input : Tensor (T, B, F), or (B, T, F) with `batch_first`; tokens (T, B) or (B, T); or PackedSequence

        Returns
        -------
        Tensor or PackedSequence
            At every step as the input was given, or (B, K) in the order of the sequences.
        """
        return self.run(input)[0]

    def run(self, input: Tensor | PackedSequence, states: States | None = None) -> tuple[Any, States]:
        """Compute the outputs and final states from given initial states.

        Parameters
        ----------
        input
            As `forward` takes it.
        states : list, optional
            For each member the initial state in PyTorch's form: h of shape (layers * directions, B, H), for an LSTM
            (h, c); None for zeros, and for a member that is not recurrent. Default: zeros.

        Returns
        -------
        output
            As `forward` returns it.
        states : list
            The final states, in the same form.
        """
        x, lengths = (
            pad_packed_sequence(input, self.batch_first) if isinstance(input, PackedSequence) else (input, None)
        )
        given = [None] * len(self) if states is None else states
        if len(given) != len(self):
            raise ValueError(f"states must be one for each of the {len(self)} layers, got {len(given)}")
        after: States = []
        for layer, state in zip(self, given, strict=True):
            last = None
            if isinstance(layer, torch.nn.RNNBase):
                x, last = run_recurrent(layer, x, lengths, state)
            elif isinstance(layer, InTime):
                x, lengths = self._in_time(layer, x, lengths)
            elif isinstance(layer, torch.nn.Conv1d):
                x, lengths = self._convolve(layer, x, lengths)
            else:
                x = layer(x)
            after.append(last)
        if lengths is None:
            return x, after
        ordered = getattr(input, "sorted_indices", None) is None
        return pack_padded_sequence(x, lengths, self.batch_first, enforce_sorted=ordered), after

    def _in_time(self, layer: InTime, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        y = layer(self._swapped(x), lengths)
        return (y, None) if isinstance(layer, OverTime) else (self._swapped(y), lengths)

    def _convolve(self, layer: torch.nn.Conv1d, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        x = self._swapped(x)
        if lengths is not None:
            x = without_padding(x, lengths.to(x.device))
            lengths = convolved_lengths(layer, lengths)
        return self._swapped(layer(x.permute(1, 2, 0)).permute(2, 0, 1)), lengths

    def _swapped(self, x: Tensor) -> Tensor:
        """Return (B, T, F) as (T, B, F), and the other way round, where the batch is first."""
        return x.transpose(0, 1) if self.batch_first else x


def _masked(mask: Tensor, gradient: Tensor) -> Tensor:
    return gradient * mask.to(gradient.device)


def run_recurrent(layer: Any, x: Tensor, lengths: Tensor | None, state: Any) -> tuple[Tensor, Any]:
    """Return the padded outputs and the final state of a recurrent layer, each sequence to its own length."""
    if lengths is None:
        return layer(x, state)
    y, last = layer(pack_padded_sequence(x, lengths, layer.batch_first, enforce_sorted=False), state)
    steps = x.shape[1 if layer.batch_first else 0]
    return pad_packed_sequence(y, layer.batch_first, total_length=steps)[0], last


def convolved_lengths(layer: torch.nn.Conv1d, lengths: Tensor) -> Tensor:
    """Return the numbers of steps after a convolution, of which sequences have `lengths` before."""
    span = layer.dilation[0] * (layer.kernel_size[0] - 1)
    if isinstance(layer, CausalConv1d) or layer.padding == "same":
        zeros = span
    else:
        zeros = 0 if layer.padding == "valid" else 2 * int(layer.padding[0])
    found = (lengths + (zeros - span - 1)).div(layer.stride[0], rounding_mode="floor") + 1
    if (found < 1).any():
        raise ValueError(f"{layer} takes sequences of at least {span + 1 - zeros} steps, got one of {lengths.min()}")
    return found
