"""Convolution over time."""

from dataclasses import KW_ONLY, dataclass
from typing import Literal

import numpy as np

from rnnbp.cells.base import Array, rows_of, total
from rnnbp.core import Parameters, activation
from rnnbp.kernels.products import product
from rnnbp.layers.base import Layer, Residuals, Run, Shape, State, check_sequences, padding_mask
from rnnbp.layers.dense import affine, initialize_affine
from rnnbp.runtime import choice, natural_int, positive_int, refuses_by_name

PADDINGS = ("causal", "same", "valid")


@refuses_by_name
@dataclass(frozen=True)
class Conv1D(Layer):
    """Convolution over time: (T, B, F) -> (T', B, K).

    ``y[t] = act(sum over j of w[:, :, j] x[t stride + j dilation - left] + b)``: a cross-correlation, as in the other
    libraries. Every sequence ends at its own length: steps before its first and after its last are zero, whatever is
    in the padding of the batch.

    Weights are (K, F / groups, kernel_size), in PyTorch's layout. They are initialized as those of `Dense`, of which
    each output has F / groups * kernel_size inputs: as in PyTorch for the linear activation.

    With as many outputs as inputs, none of which depends on later inputs, the layer is causal; its state is then the
    last (kernel_size - 1) dilation inputs, (B, steps, F), from which spans and `model.step` continue. All others take
    whole sequences.

    Parameters
    ----------
    input_size, output_size : int
        F and K: the number of features, and of filters.
    kernel_size : int
        Number of steps that an output depends on.
    stride : int, default 1
        Steps between two outputs.
    dilation : int, default 1
        Steps between two inputs of an output.
    groups : int, default 1
        Number of equal parts of the features; each has its own filters, which depend on that part alone.
    padding : {'causal', 'same', 'valid'} or int, default 'causal'
        Zeros on the left and right of each sequence. With the span ``d = (kernel_size - 1) dilation``: 'causal' d and
        none; 'same' d / 2 on both sides, the odd one on the right; 'valid' none; an integer that number on both sides.
    activation : {'linear', 'tanh', 'sigmoid', 'relu'}, default 'linear'

    Raises
    ------
    ValueError
        If an argument is not one of these, `groups` does not divide F and K, or 'same' is given a stride, for which
        libraries differ; when run, if a sequence is shorter than the kernel.

    Notes
    -----
    The outputs of a sequence of n steps have ``(n + zeros - d - 1) // stride + 1``. Layers above, and CTC, take them;
    targets for every step need as many outputs as inputs.

    References
    ----------
    A. Waibel, T. Hanazawa, G. Hinton, K. Shikano & K. J. Lang (1989), "Phoneme recognition using time-delay neural
    networks", IEEE Trans. ASSP 37(3), 328-339, doi:10.1109/29.21701. A. van den Oord et al. (2016), "WaveNet: a
    generative model for raw audio", arXiv:1609.03499: causal and dilated.

    Examples
    --------
    >>> layer = Conv1D(1, 1, kernel_size=2)
    >>> params = Parameters(layer.shapes())
    >>> params["w"] = [[[10, 1]]]
    >>> y, _, state = layer.forward(params, np.array([1.0, 2.0, 3.0]).reshape(3, 1, 1), Run(np.array([3])))
    >>> y.ravel(), state.ravel()
    (array([ 1., 12., 23.]), array([3.]))
    """

    input_size: int
    output_size: int
    kernel_size: int
    _: KW_ONLY
    stride: int = 1
    dilation: int = 1
    groups: int = 1
    padding: Literal["causal", "same", "valid"] | int = "causal"
    activation: str = "linear"

    def __post_init__(self) -> None:
        for name in ("input_size", "output_size", "kernel_size", "stride", "dilation", "groups"):
            positive_int(name, getattr(self, name))
        if self.input_size % self.groups or self.output_size % self.groups:
            raise ValueError(
                f"groups must divide input_size = {self.input_size} and output_size = {self.output_size}, "
                f"got {self.groups}"
            )
        if isinstance(self.padding, str):
            choice("padding", self.padding, PADDINGS)
        else:
            natural_int("padding", self.padding)
        if self.padding == "same" and self.stride > 1:
            raise ValueError(f"padding='same' takes stride 1, got {self.stride}: give the zeros as a number, padding=1")
        activation(self.activation)

    @property
    def span(self) -> int:
        """Steps from the first to the last input of an output: (kernel_size - 1) dilation."""
        return (self.kernel_size - 1) * self.dilation

    @property
    def zeros(self) -> tuple[int, int]:
        """Number of zeros on the left and on the right of each sequence."""
        if isinstance(self.padding, int):
            return self.padding, self.padding
        left = {"causal": self.span, "same": self.span // 2, "valid": 0}[self.padding]
        return left, self.span - left if self.padding == "same" else 0

    @property
    def causal(self) -> bool:  # type: ignore[override]
        """Whether there is an output for each step, which does not depend on later inputs."""
        return self.stride == 1 and self.zeros == (self.span, 0)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        return {"w": (self.output_size, self.input_size // self.groups, self.kernel_size), "b": (self.output_size,)}

    def initialize(self, params: Parameters, rng: np.random.Generator) -> None:
        initialize_affine(params, self.activation, rng)

    def out_shape(self, shape: Shape) -> Shape:
        check_sequences(self, shape, self.input_size)
        return (*shape[:2], self.output_size)

    def out_lengths(self, lengths: Array) -> Array:
        if self.stride == 1 and sum(self.zeros) == self.span:
            return lengths
        return (lengths + (sum(self.zeros) - self.span - 1)) // self.stride + 1

    def forward(self, params: Parameters, x: Array, run: Run, state: State = None) -> tuple[Array, Residuals, State]:
        (T, B, F), (left, right), lengths = x.shape, self.zeros, self.out_lengths(run.lengths)
        if not self.causal and (lengths < 1).any():
            least, n = self.span + 1 - left - right, int(run.lengths[np.argmin(lengths)])
            raise ValueError(f"{self!r} takes sequences of at least {least} steps, got one of {n}")
        padding = padding_mask(run, T)[:, :, None]
        wide = np.zeros((left + T + right, B, F), x.dtype)
        wide[left : left + T] = np.where(padding, 0, x)
        if state is not None:
            if state.shape != (B, left, F):
                raise ValueError(
                    f"the state of {self!r} must have shape (B, steps, F) = {(B, left, F)}, got {state.shape}"
                )
            wide[:left] = state.swapaxes(0, 1)
        steps = self._steps(len(wide))
        windows = [np.concatenate([wide[at, :, group] for at in steps], axis=-1) for group, _ in self._groups()]
        given = zip(windows, self._matrices(params), np.split(params["b"], self.groups), strict=True)
        y = activation(self.activation).function(np.concatenate([affine(*one) for one in given], axis=-1))
        last = wide[T:].swapaxes(0, 1).copy() if self.causal else None  # a view would keep all of `wide` in memory
        return y, (padding, x.shape, windows, y), last

    def backward(
        self, params: Parameters, residuals: Residuals, dy: Array, grad: Parameters, d_state: State = None
    ) -> tuple[Array, State]:
        padding, (T, B, F), windows, y = residuals
        left, right = self.zeros
        delta = dy if self.activation == "linear" else dy * activation(self.activation).slope(y)
        grad["b"] += total(delta)
        d_wide = np.zeros((left + T + right, B, F), dy.dtype)
        if d_state is not None:  # added first, as in one run, whose sums go from later to earlier steps
            d_wide[T:] = d_state.swapaxes(0, 1)
        for (group, units), window, w in zip(self._groups(), windows, self._matrices(params), strict=True):
            d_w = product(rows_of(delta[..., units]).T, rows_of(window))
            grad["w"][units] += d_w.reshape(len(d_w), self.kernel_size, -1).swapaxes(1, 2)
            d_window = np.split(product(delta[..., units], w), self.kernel_size, axis=-1)
            for at, d in zip(self._steps(len(d_wide)), d_window, strict=True):
                d_wide[at, :, group] += d
        d_before = d_wide[:left].swapaxes(0, 1) if self.causal else None
        return np.where(padding, 0, d_wide[left : left + T]), d_before

    def _groups(self) -> list[tuple[slice, slice]]:
        """Return the features of each group, and its filters."""
        F, K = self.input_size // self.groups, self.output_size // self.groups
        return [(slice(g * F, (g + 1) * F), slice(g * K, (g + 1) * K)) for g in range(self.groups)]

    def _steps(self, steps: int) -> list[slice]:
        """Return for each step of the kernel those of the padded steps that it is applied to."""
        outputs = (steps - self.span - 1) // self.stride + 1
        starts = range(0, self.span + 1, self.dilation)
        return [slice(start, start + (outputs - 1) * self.stride + 1, self.stride) for start in starts]

    def _matrices(self, params: Parameters) -> list[Array]:
        """Return the weights of each group as a matrix, (K / groups, kernel_size * F / groups)."""
        return [w.swapaxes(1, 2).reshape(len(w), -1) for w in np.split(params["w"], self.groups)]
