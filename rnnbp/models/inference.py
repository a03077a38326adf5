"""Inference: a stack of layers in use, over whole sequences or step by step."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from rnnbp.data import SequenceBatch
from rnnbp.data.batch_fields import as_flags
from rnnbp.layers import Embedding, Layer, Run
from rnnbp.layers.base import Array, State, padding_mask
from rnnbp.models.layer_stack import LayerStack
from rnnbp.models.prepared import PreparedLayers
from rnnbp.models.resets import unroll_spans
from rnnbp.models.states import batch_size_of, replace_rows
from rnnbp.runtime import positive_int, refuses_by_name


class Inference(LayerStack):
    """Layers in a row in evaluation mode: without dropout and noise, from state to state.

    Weights are packed once and used until a parameter changes, which every call checks by comparing their bits. Several
    threads may use a model at the same time.

    Examples
    --------
    >>> import rnnbp
    >>> model = rnnbp.Sequential(rnnbp.LSTM(2, 4), rnnbp.Dense(4, 1), seed=0)
    >>> x = np.random.default_rng(0).normal(size=(5, 1, 2))
    >>> state = model.start()
    >>> for t in range(5):
    ...     y, state = model.step(x[t], state)
    >>> bool((y == model.forward(x)[-1]).all())
    True
    """

    _prepared: PreparedLayers | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_prepared"}

    def evaluate(self, x: Array, run: Run, states: Sequence[State] | None = None) -> tuple[Array, list[State]]:
        """Compute the outputs and the states after the last step, as `unroll` without its residuals.

        Parameters
        ----------
        x : ndarray (T, B, F), or integers (T, B)
        run : Run
            Without `rng`.
        states : list, one a layer, optional
            Initial states. Default: each layer's own initial state.

        Returns
        -------
        outputs : ndarray (T, B, K) or (B, K)
        states : list
        """
        prepared = self._prepared
        if prepared is None or not prepared.is_for(self.layers, self.params):
            prepared = self._prepared = PreparedLayers(self.layers, self.params)
        if x.shape[2:] not in prepared.taken:
            self._check_input(x)
            prepared.taken.add(x.shape[2:])
        x = x if isinstance(self.layers[0], Embedding) else x.astype(self.dtype, copy=False)
        if run.reset is None or not run.reset.any():
            return prepared(x, run, states)
        self.check_resets()

        def evaluate(*given: Any) -> tuple[Array, None, list[State]]:
            outputs, after = prepared(*given)
            return outputs, None, after

        outputs, _, after = unroll_spans(evaluate, x, run, states)
        return outputs, after

    def forward_from(self, batch: SequenceBatch, states: Sequence[State] | None = None) -> tuple[Array, list[State]]:
        """Compute the outputs and final states in evaluation mode from given initial states.

        Parameters
        ----------
        batch : SequenceBatch
        states : list, one a layer, optional
            As this method returns them. Default: zeros.

        Returns
        -------
        outputs : ndarray (T, B, K) or (B, K)
            As `forward`.
        states : list
            Final states; None for a layer without state.
        """
        outputs, after = self.evaluate(batch.x, Run.of(batch), states)
        return _zero_padding(outputs, self.out_lengths(batch.lengths)) if self.per_step else outputs, after

    def start(self, batch_size: int = 1) -> list[State]:
        """Return the state before the first step, from which `step` continues.

        Parameters
        ----------
        batch_size : int, default 1
            B, the number of sequences that are run side by side.

        Returns
        -------
        list
            A state for each layer: None for one without state, else an array (B, ...) or a list of such. A sequence is
            a row of every array.

        Raises
        ------
        ValueError
            If a layer is non-causal, or no layer tells the number of features of the inputs.

        Examples
        --------
        >>> import rnnbp
        >>> [state.shape for state in rnnbp.Sequential(rnnbp.LSTM(12, 64)).start(3)]
        [(3, 128)]
        """
        self.check_causal()
        B = positive_int("batch_size", batch_size)
        tokens = isinstance(self.layers[0], Embedding)
        x = np.zeros((1, B), np.int64) if tokens else np.zeros((1, B, input_features(self.layers)), self.dtype)
        return self.evaluate(x, Run(np.zeros(B, np.int64)))[1]  # past the end of every sequence

    @refuses_by_name
    def step(self, x: ArrayLike, state: Sequence[State], reset: ArrayLike | None = None) -> tuple[Array, list[State]]:
        """Compute the outputs at the next step, in evaluation mode, and the state after it.

        The outputs are those of `forward` over the whole sequences so far, to the last bit; to rounding where a layer
        takes several steps together: `FixedPoint`; and where Numba is not installed, long sequences of a cell that is
        linear in its state, which `forward` splits, and a single sequence of a `GRU`. A layer that reduces time
        (`Last`, `MeanOverTime`) returns its value for the steps so far.

        Parameters
        ----------
        x : array_like (B, F), or integers (B,) for tokens
            The step of each sequence.
        state : list
            As `start` or this method returned it. It is not changed, and may be used again: arrays that were returned
            are never written to.
        reset : array_like (B,) of bool, optional
            The sequences whose state is set back to that of `start` before the step, as at the beginning of an episode.
            Default: none.

        Returns
        -------
        y : ndarray (B, K)
        state : list
            After the step.

        Raises
        ------
        ValueError
            If shapes do not fit, a layer is non-causal, or one reduces time where `reset` is given.

        See Also
        --------
        forward : whole sequences.

        Examples
        --------
        >>> import rnnbp
        >>> model = rnnbp.Sequential(rnnbp.GRU(3, 8), rnnbp.Dense(8, 2))
        >>> y, state = model.step(np.ones((4, 3)), model.start(batch_size=4))
        >>> y.shape
        (4, 2)
        """
        x = np.asarray(x)
        if x.ndim != 2 - isinstance(self.layers[0], Embedding) or x.dtype.kind not in "iufb":
            raise ValueError(f"x must be one step, of shape (B, F), or (B,) for tokens, got {x.dtype} of {x.shape}")
        self.check_causal()
        check_rows(state, len(x))
        run = one_step(len(x)) if reset is None else Run(one_step(len(x)).lengths, reset=_flags(reset, len(x)))
        y, after = self.evaluate(x[None], run, state)
        return y[0] if self.per_step else y, after

    @refuses_by_name
    def reset_state(self, state: Sequence[State], rows: ArrayLike) -> list[State]:
        """Return a state in which that of some sequences is set back to the state of `start`.

        `step` does the same before a step, by its argument `reset`.

        Parameters
        ----------
        state : list
            As `start` or `step` returned it; it is not changed.
        rows : array_like (B,) of bool

        Raises
        ------
        ValueError
            If there is not one flag for each sequence.

        See Also
        --------
        rnnbp.models.copy_state, rnnbp.models.take_rows, rnnbp.models.join_states, rnnbp.save_state, rnnbp.load_state

        Examples
        --------
        >>> import rnnbp
        >>> model = rnnbp.Sequential(rnnbp.GRU(3, 2))
        >>> _, state = model.step(np.ones((2, 3)), model.start(2))
        >>> model.reset_state(state, [True, False])[0].any(axis=1)
        array([False,  True])
        """
        B = batch_size_of(state)
        if B is None:
            return list(state)
        found: list[State] = replace_rows(list(state), self.start(B), _flags(rows, B, "rows")[0])
        return found

    def check_causal(self) -> None:
        """Raise unless the model can be run step by step.

        Raises
        ------
        ValueError
            If a layer is non-causal; the message names it.
        """
        for i, layer in enumerate(self.layers):
            if not layer.causal:
                raise ValueError(
                    f"layer {i}, {type(layer).__name__}, is non-causal, its outputs depend on later steps: the model "
                    "takes whole sequences, by forward(x)"
                )


@lru_cache(maxsize=64)
def one_step(batch_size: int) -> Run:
    """Return the run of one step of each sequence."""
    return Run(np.ones(batch_size, np.int64))


def _flags(given: ArrayLike, batch_size: int, name: str = "reset") -> Array:
    """Return the reset flags of one step as (1, B), or raise unless there is one for each sequence."""
    flags = np.asarray(given)
    if flags.shape != (batch_size,):
        raise ValueError(f"{name} must have shape (B,) = ({batch_size},), got {flags.shape}")
    return as_flags(name, flags)[None]


def check_rows(state: State, batch_size: int) -> None:
    """Raise unless every array of a state has a row for each sequence.

    Examples
    --------
    >>> check_rows([None, np.zeros((3, 8))], 2)
    Traceback (most recent call last):
    ValueError: state must be of the 2 sequences of x, got one of 3
    """
    if isinstance(state, list | tuple):
        for part in state:
            check_rows(part, batch_size)
    elif state is not None and len(state) != batch_size:
        raise ValueError(f"state must be of the {batch_size} sequences of x, got one of {len(state)}")


def input_features(layers: Sequence[Layer]) -> int:
    """Return F, the number of features that the inputs of layers must have.

    Raises
    ------
    ValueError
        If they take any number.

    Examples
    --------
    >>> import rnnbp
    >>> input_features([rnnbp.Window(2, 0), rnnbp.Dense(12, 3)])
    4
    """
    widths = [n for layer in layers for shape in layer.shapes().values() for n in shape]
    widths += [getattr(layer, "input_size", 1) for layer in layers]
    widths += [n for layer in layers for n in layer.out_shape(("T", "B", None)) if isinstance(n, int)]
    found = [F for F in range(1, max(widths, default=0) + 2) if _fit(layers, F)]  # one more fits where all do
    if len(found) != 1:
        raise ValueError("no layer tells the number of features of the inputs: use forward(x), over whole sequences")
    return found[0]


def _fit(layers: Sequence[Layer], features: int) -> bool:
    shape: Any = ("T", "B", features)
    try:
        for layer in layers:
            shape = layer.out_shape(shape)
    except ValueError:
        return False
    return True


def _zero_padding(outputs: Array, lengths: Array) -> Array:
    """Return outputs (T, B, K) with zeros past the end of each sequence."""
    if lengths[-1] == len(outputs):
        return outputs
    return np.where(padding_mask(Run(lengths), len(outputs))[:, :, None], outputs.dtype.type(0), outputs)
