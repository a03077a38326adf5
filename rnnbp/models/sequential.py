"""Sequential: a stack of layers over one parameter vector."""

import copy
import html
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, DTypeLike

from rnnbp import cells, layers, losses, solvers
from rnnbp.core import Parameters, initializers
from rnnbp.data import SequenceBatch, names_or_none, one_feature
from rnnbp.layers import Embedding, Layer, Run
from rnnbp.layers.base import Array, Residuals, Shape, State, format_shape, padding_mask
from rnnbp.layers.ends import check_directions
from rnnbp.losses import Loss
from rnnbp.models.prediction import Predictor
from rnnbp.runtime import by_name, from_config, natural_int, read_archive, to_config, write_archive

MODEL_FILE = "rnnbp model"


class Sequential(Predictor):
    """Stack of layers: the output of each is the input of the next.

    Parameters
    ----------
    *layers : Layer
        From the input upwards.
    seed : int, default 0
        Seed of the initial parameters.
    dtype : {float32, float64}, default float32
        Of parameters and computation. The initial parameters are sampled in float64 and rounded, so that both dtypes
        start from the same values.

    Attributes
    ----------
    params : Parameters
        Parameters of all layers, named ``"0.w_hh"`` for layer 0's `w_hh`.
    classes : tuple of str, or None
        Names of the classes, in the order of the outputs: from the data that it was first trained on.
    loss : Loss, or None
        The loss it was last trained with, by which `predict` reads the outputs.
    info : dict
        Free for the user: anything JSON can represent; saved with the model.

    Raises
    ------
    ValueError
        If there is no layer, or a layer does not take the output of the one before it.

    Warns
    -----
    UserWarning
        If `Last` takes the last step of a bidirectional layer, whose backward direction has seen one step there: `Ends`
        is meant for it.

    Examples
    --------
    >>> import rnnbp
    >>> model = Sequential(rnnbp.LSTM(12, 8), rnnbp.Last(), rnnbp.Dense(8, 9), seed=0)
    >>> model.forward(np.zeros((20, 3, 12))).shape
    (3, 9)
    >>> Sequential(rnnbp.LSTM(12, 8), rnnbp.Dense(9, 9))
    Traceback (most recent call last):
    ValueError: layer 1: Dense takes 9 features, got 8 in (T, B, 8)
    """

    def __init__(self, *layers: Layer, seed: int = 0, dtype: DTypeLike = np.float32) -> None:
        if not layers:
            raise ValueError("layers must be at least one layer, got none")
        for i, layer in enumerate(layers):
            if not isinstance(layer, Layer):
                raise ValueError(f"layers must be rnnbp layers, got {layer!r} as layer {i}")
        self.layers: tuple[Layer, ...] = layers
        self.info: dict[str, Any] = {}
        self.seed = natural_int("seed", seed)
        self.dtype = _float(dtype)
        self._shapes = self._fit()
        check_directions(layers)
        self.params = Parameters(
            {f"{i}.{name}": shape for i, layer in enumerate(layers) for name, shape in layer.shapes().items()},
            dtype=self.dtype,
        )
        self.initialize(np.random.default_rng(seed))

    def _fit(self) -> list[Shape]:
        """Return the output shape of each layer, or raise an error that names the layer that does not fit."""
        shape: Shape = ("T", "B") if isinstance(self.layers[0], Embedding) else ("T", "B", None)
        shapes = []
        for i, layer in enumerate(self.layers):
            try:
                shape = layer.out_shape(shape)
            except ValueError as error:
                raise ValueError(f"layer {i}: {error}") from None
            shapes.append(shape)
        return shapes

    def initialize(self, rng: np.random.Generator) -> None:
        """Initialize all parameters.

        Parameters
        ----------
        rng : numpy.random.Generator
        """
        initial = Parameters(self.params.shapes, dtype=np.float64)
        for scope, layer in zip(self.scopes(initial), self.layers, strict=True):
            layer.initialize(scope, rng)
        for name in initial:
            if not initial.mask(name).all():
                self.params.set_mask(name, initial.mask(name))
        self.params.vector[:] = self.params.masked(initial.vector)

    def astype(self, dtype: DTypeLike) -> "Sequential":
        """Return the same layers over a copy of the parameters in another dtype.

        Raises
        ------
        ValueError
            If it is neither float32 nor float64.

        Examples
        --------
        >>> import rnnbp
        >>> Sequential(rnnbp.Dense(2, 1)).astype(np.float64).params.vector.dtype
        dtype('float64')
        """
        other = copy.copy(self)
        other.dtype, other.info = _float(dtype), dict(self.info)
        other.params = self.params.astype(other.dtype)
        return other

    @property
    def causal(self) -> bool:
        """Whether all layers are causal: no output depends on later inputs."""
        return all(layer.causal for layer in self.layers)

    @property
    def recurrent(self) -> bool:
        """Whether a layer has a state that is carried from step to step."""
        return any(layer.recurrent for layer in self.layers)

    @property
    def kind(self) -> Literal["static", "recurrent"]:
        """'recurrent' if a layer is recurrent, else 'static'."""
        return "recurrent" if self.recurrent else "static"

    def scopes(self, params: Parameters) -> list[Parameters]:
        """Return a view of `params` for each layer, under the layer's own names."""
        return [params.scope(f"{i}.") for i in range(len(self.layers))]

    @property
    def in_time(self) -> slice:
        """Slice of the layers whose input has a time axis: all, or up to and including the one that removes it."""
        return slice(next((i + 1 for i, shape in enumerate(self._shapes) if shape[0] != "T"), len(self.layers)))

    def unroll(
        self,
        params: Parameters,
        x: Array,
        run: Run,
        states: Sequence[State] | None = None,
        part: slice = slice(None),
    ) -> tuple[Array, list[Residuals], list[State]]:
        """Run the forward pass and record the residuals that the backward pass needs.

        Parameters
        ----------
        params : Parameters
            Usually `self.params`; others of the same names, in any dtype, are taken.
        x : ndarray (T, B, F), or integers (T, B)
        run : Run
        states : list, one a layer, optional
            Initial states, as this method returns them. Default: each layer's own initial state.
        part : slice, default all
            The layers to run; states and residuals are theirs.

        Returns
        -------
        outputs : ndarray (T, B, K) or (B, K)
        residuals : list
        states : list
            None for a layer without state.

        Raises
        ------
        ValueError
            If `states` do not fit.
        """
        layers, scopes = self.layers[part], self.scopes(params)[part]
        if states is not None and len(states) != len(layers):
            raise ValueError(f"states must be one for each of the {len(layers)} layers, got {len(states)}")
        residuals, after = [], []
        for i, (layer, scope) in enumerate(zip(layers, scopes, strict=True)):
            x, own, state = layer.forward(scope, x, run, None if states is None else states[i])
            residuals.append(own)
            after.append(state)
        return x, residuals, after

    def backward(
        self,
        params: Parameters,
        residuals: Sequence[Residuals],
        dy: Array,
        grad: Parameters,
        d_states: Sequence[State] | None = None,
        part: slice = slice(None),
    ) -> tuple[Array, list[State]]:
        """Backpropagate through the forward pass of `unroll`; the gradient is added to `grad`.

        Parameters
        ----------
        params, residuals
            As `unroll` was given and returned them.
        dy : ndarray (T, B, K) or (B, K)
            Gradient of the loss with respect to the outputs.
        grad : Parameters
            The gradient with respect to the parameters is added to it.
        d_states : list, one a layer, optional
            Gradient of the loss with respect to the final states.
        part : slice, default all
            The layers `unroll` ran.

        Returns
        -------
        dx : ndarray (T, B, F)
        d_states : list
            Gradient of the loss with respect to the initial states.
        """
        layers, scopes, grads = self.layers[part], self.scopes(params)[part], self.scopes(grad)[part]
        before: list[State] = [None] * len(layers)
        for i in reversed(range(len(layers))):
            d_state = None if d_states is None else d_states[i]
            dy, before[i] = layers[i].backward(scopes[i], residuals[i], dy, grads[i], d_state)
        return dy, before

    def backward_params(
        self,
        params: Parameters,
        residuals: Sequence[Residuals],
        dy: Array,
        grad: Parameters,
        d_states: Sequence[State] | None = None,
        part: slice = slice(None),
    ) -> list[State]:
        """Backpropagate down to the lowest layer with parameters, without the gradient with respect to its input.

        Parameters
        ----------
        params, residuals, dy, grad, d_states, part
            As `backward` takes them.

        Returns
        -------
        d_states : list
            Gradient of the loss with respect to the initial states; None for layers that were not reached.
        """
        layers, scopes, grads = self.layers[part], self.scopes(params)[part], self.scopes(grad)[part]
        before: list[State] = [None] * len(layers)
        lowest = next((i for i, scope in enumerate(scopes) if scope.size), len(layers))
        for i in reversed(range(lowest, len(layers))):
            given = (scopes[i], residuals[i], dy, grads[i], None if d_states is None else d_states[i])
            if i > lowest:
                dy, before[i] = layers[i].backward(*given)
            else:
                before[i] = layers[i].backward_params(*given)
        return before

    def cast(self, x: Array) -> Array:
        """Return `x` in the model's dtype; integer tokens are unchanged.

        Raises
        ------
        ValueError
            If the number of features is not what the layers take.
        """
        self._check_input(x)
        return x if isinstance(self.layers[0], Embedding) else x.astype(self.dtype, copy=False)

    def _check_input(self, x: Array) -> None:
        shape: Shape = ("T", "B", x.shape[-1]) if x.ndim == 3 else ("T", "B")
        for i, (layer, known) in enumerate(zip(self.layers, self._shapes, strict=True)):
            try:
                shape = layer.out_shape(shape)
            except ValueError as error:
                advice = one_feature(x, "(T, B)")
                raise ValueError(f"x of shape {x.shape} does not fit layer {i}: {error}{advice}") from None
            if shape == known:  # which the layers above fit
                return

    def forward(self, batch: SequenceBatch | ArrayLike, lengths: ArrayLike | None = None) -> Array:
        """Compute the outputs in evaluation mode: without dropout and noise.

        Parameters
        ----------
        batch : SequenceBatch, or array_like (T, B, F) or integers (T, B)
        lengths : array_like (B,), optional
            With an array, each sequence's number of steps, in any order. Default: T for all.

        Returns
        -------
        ndarray (T, B, K) or (B, K)
            In the order of the batch or array; zero past a sequence's end.

        Raises
        ------
        ValueError
            If shapes or lengths do not fit.
        """
        if not isinstance(batch, SequenceBatch):
            x = np.asarray(batch)
            if x.ndim not in (2, 3):
                raise ValueError(f"x must have shape (T, B, F), or (T, B) for tokens, got {x.shape}")
            self._check_input(x)
            sorted_batch = SequenceBatch.from_array(x, lengths)
            return sorted_batch.restore(self.forward(sorted_batch), axis=1 if self.per_step else 0)
        return self.forward_from(batch)[0]

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
        outputs, _, after = self.unroll(self.params, self.cast(batch.x), Run(batch.lengths), states)
        return blank_padding(outputs, batch.lengths) if self.per_step else outputs, after

    @property
    def out_shape(self) -> Shape:
        """Shape of the outputs: ('T', 'B', K) or ('B', K)."""
        return self._shapes[-1]

    @property
    def per_step(self) -> bool:
        """Whether there is an output for each step, (T, B, K), not one for each sequence, (B, K).

        Examples
        --------
        >>> import rnnbp
        >>> rnnbp.Sequential(rnnbp.Elman(2, 3)).per_step, rnnbp.Sequential(rnnbp.Elman(2, 3), rnnbp.Last()).per_step
        (True, False)
        """
        return self.out_shape[0] == "T"

    def summary(self) -> pd.DataFrame:
        """Return a table with one row per layer, and the total: layer, output shape, number of parameters.

        Examples
        --------
        >>> import rnnbp
        >>> rnnbp.Sequential(rnnbp.Elman(2, 3), rnnbp.Dense(3, 1)).summary()
                   layer     output  parameters
        0      Elman  (T, B, 3)          21
        1      Dense  (T, B, 1)           4
        total                             25
        """
        rows = [
            (describe(layer), format_shape(shape), scope.size)
            for layer, shape, scope in zip(self.layers, self._shapes, self.scopes(self.params), strict=True)
        ]
        rows.append(("", "", self.params.size))
        index = [*map(str, range(len(self.layers))), "total"]
        return pd.DataFrame(rows, index=index, columns=["layer", "output", "parameters"])

    def save(self, path: str | Path) -> None:
        """Write the model to a .npz file, which `rnnbp.load` reads; the file appears only once it is complete.

        Parameters
        ----------
        path : str or Path

        Raises
        ------
        FileNotFoundError
            If the folder does not exist.
        ValueError
            If a user-defined layer or loss does not store its constructor's arguments.
        """
        header = {
            "layers": [to_config(layer) for layer in self.layers],
            "seed": self.seed,
            "dtype": str(self.dtype),
            "classes": self.classes,
            "loss": to_config(self.loss),
            "stateful": self.stateful,
            "info": self.info,
        }
        arrays = {"vector": self.params.vector}
        if self.params.mask_vector is not None:
            arrays["mask"] = self.params.mask_vector
        write_archive(path, MODEL_FILE, header, arrays)

    def _repr_html_(self) -> str:
        trained = "" if self.loss is None else f"<p>trained for {html.escape(repr(self.loss))}</p>"
        return f"<p>{html.escape(repr(self))}</p>{self.summary().to_html(border=0)}{trained}"

    def __repr__(self) -> str:
        names = ", ".join(describe(layer) for layer in self.layers)
        return f"Sequential({names}; {self.params.size} parameters, {self.dtype})"


def load(path: str | Path, classes: Iterable[type] = ()) -> Sequential:
    """Read a model that `Sequential.save` wrote.

    Parameters
    ----------
    path : str or Path
    classes : iterable of type, optional
        User-defined layers, cells, initializers and losses that the model uses.

    Returns
    -------
    Sequential

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is not a model, is damaged, or uses a class that is not known.

    Examples
    --------
    >>> import rnnbp, tempfile
    >>> path = Path(tempfile.mkdtemp()) / "model.npz"
    >>> rnnbp.Sequential(rnnbp.Elman(2, 3)).save(path)
    >>> load(path)
    Sequential(Elman; 21 parameters, float32)
    """
    header, arrays = read_archive(path, MODEL_FILE)
    exported = [getattr(module, name) for module in (layers, cells, solvers, losses) for name in module.__all__]
    known = by_name(exported, initializers.INITIALIZERS.values(), classes)
    try:
        built = [from_config(config, known) for config in header["layers"]]
        needed = sum(math.prod(shape) for layer in built for shape in layer.shapes().values())
        if arrays["vector"].shape != (needed,):  # before memory is allocated for the layers of the header
            raise ValueError(f"its layers have {needed} parameters, its vector has shape {arrays['vector'].shape}")
        model = Sequential(*built, seed=header["seed"], dtype=header["dtype"])
        if arrays["vector"].dtype != model.dtype:
            raise ValueError(f"its vector must be of {model.dtype}, it is of {arrays['vector'].dtype}")
        model.params = Parameters(model.params.shapes, arrays["vector"])
        model.params.mask_vector = arrays.get("mask")
        model.info = dict(header["info"])
        model.classes = names_or_none(header.get("classes"))
        model.loss = _loss(from_config(header.get("loss"), known))
        model.stateful = bool(header.get("stateful"))
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        raise ValueError(f"{str(path)!r} does not hold a whole model: {error}") from error
    return model


def _loss(value: Any) -> Loss | None:
    if value is not None and not isinstance(value, Loss):
        raise ValueError(f"loss must be a loss, got {value!r}")
    return value


def _float(dtype: DTypeLike) -> np.dtype:
    """Return the dtype, or raise unless it is float32 or float64."""
    try:
        found = np.dtype(dtype)
    except TypeError:
        found = None
    if found not in (np.float32, np.float64):
        raise ValueError(f"dtype must be float32 or float64, got {dtype!r}")
    return found


def describe(layer: Any) -> str:
    """Return the class name of a layer with that of its cell."""
    name = type(layer).__name__
    if hasattr(layer, "cell"):
        return f"{name}({type(layer.cell).__name__})"
    if hasattr(layer, "cells"):
        return f"{name}({' > '.join(type(cell).__name__ for cell in layer.cells)})"
    return name


def blank_padding(outputs: Array, lengths: Array) -> Array:
    """Return outputs (T, B, K) with zeros past the end of each sequence."""
    padding = padding_mask(Run(lengths), len(outputs))
    return np.where(padding[:, :, None], outputs.dtype.type(0), outputs) if padding.any() else outputs
