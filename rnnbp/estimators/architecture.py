"""What the estimators train: the layers of recurrent models and of their static twins, from the parameters."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import partial
from typing import Any, ClassVar

from rnnbp import layers
from rnnbp.cells import Cell
from rnnbp.estimators.nested import NestedParameters, constructor_arguments, rebuilt
from rnnbp.layers import (
    Dense,
    Dropout,
    Embedding,
    Ends,
    Last,
    Layer,
    MeanOverTime,
    MultiLayer,
    Resample,
    TimeStatistics,
    Window,
)
from rnnbp.layers.dropout import drop_rate
from rnnbp.models import Sequential
from rnnbp.runtime import flag, naming, positive_int, unknown

HIDDEN_SIZE = 32
EMBEDDING_SIZE = 16
CELLS: dict[str, type[layers.CellLayer]] = {
    "elman": layers.Elman,
    "lstm": layers.LSTM,
    "gru": layers.GRU,
    "original_gru": layers.OriginalGRU,
    "leaky_elman": layers.LeakyElman,
}
POOLING: dict[str, Callable[[], Layer]] = {
    "last": Last,
    "mean": MeanOverTime,
    "ends": Ends,
    "attention": partial(layers.AttentionPooling, 1, HIDDEN_SIZE),  # of one feature: see `for_inputs`
}
VIEWS: dict[str, Callable[[], Layer]] = {
    "statistics": TimeStatistics,
    "resampled": partial(Resample, 10),
    "window": partial(Window, 5, 5),
}

RECURRENT = """
    cell : {'lstm', 'gru', 'elman', 'original_gru', 'leaky_elman'}, Cell class or Cell, default 'lstm'
        'elman' is PyTorch's RNN and Keras's SimpleRNN; `rnnbp.LSTM` and such are taken as their names. Of a class, or
        of any function ``cell(input_size, hidden_size)``, a cell is made for each layer; of a cell, one like it for the
        size of the inputs.
    hidden_size : int, optional
        H. Default: 32, or that of a given cell.
    num_layers : int, default 1
    bidirectional : bool, default False
        Whether every layer has a second cell that runs backward in time.
    dropout : float, default 0
        Probability of dropout, in training, on the outputs of every recurrent layer.
    embedding_size : int, optional
        Size of the learned vector of each token, where X holds integer tokens. Default: 16.
""".strip()

POOLED = """
    pooling : {'last', 'mean', 'ends', 'attention'} or Layer, optional
        From the outputs at all steps to those of the sequence: the last, the mean, of a bidirectional layer the last of
        each direction, or a mean weighted by learned attention. Default: 'last', or 'ends' if bidirectional.
""".strip()

STATIC = """
    view : {'statistics', 'resampled', 'window'} or Layer, optional
        What the network sees of a sequence: the mean and standard deviation over time; ten frames between its ends
        (`rnnbp.Resample`); windows of eleven frames, of which the last hidden layer is averaged over time
        (`rnnbp.Window`). Default: 'statistics'; where X has two axes, the features themselves, and no view.
    hidden_layer_sizes : tuple of int, default (64,)
    activation : str, default 'relu'
        Of the hidden layers; see `rnnbp.Dense`.
    dropout : float, default 0
        Probability of dropout, in training, on the outputs of every hidden layer.
""".strip()

MODEL = """
    model : callable, optional
        ``model(features, outputs)`` returns the layers, as a list or a `rnnbp.Sequential`, instead of those above; its
        parameters are initialized by `random_state`. Of tokens, `features` is the size of the vocabulary.
""".strip()


@dataclass(eq=False, repr=False, kw_only=True)
class Architecture(NestedParameters):
    """Base class of the parameters that say which layers are trained."""

    model: Callable[[int, int], Sequence[Layer] | Sequential] | None = None

    replaced_by_model: ClassVar[tuple[str, ...]] = ()

    def make_model(
        self, features: int, outputs: int, *, table: bool, tokens: bool, seed: int, dtype: Any
    ) -> Sequential:
        """Return a model with new parameters.

        Parameters
        ----------
        features, outputs : int
            F, or the size of the vocabulary, and K.
        table : bool
            Whether sequences are rows of a table, of one step each.
        tokens : bool
            Whether sequences are integer tokens.
        seed : int
        dtype : dtype
        """
        if self.model is None:
            found: Any = self.make_layers(features, outputs, table, tokens)
        else:
            self._check_no_other_architecture()
            found = self.model(features, outputs)
            found = found.layers if isinstance(found, Sequential) else found
        return Sequential(*found, seed=seed, dtype=dtype)

    def make_layers(self, features: int, outputs: int, table: bool, tokens: bool) -> list[Layer]:
        """Return the layers that the parameters describe; the arguments are those of `make_model`."""
        raise NotImplementedError(f"{type(self).__name__} does not define make_layers")

    def _layer(self, name: str) -> Layer:
        """Return the layer that a parameter stands for."""
        found = self.component(name)
        if not isinstance(found, Layer):
            names = ", ".join(repr(one) for one in self.names[name] if one is not None)
            raise ValueError(f"{name} must be a Layer or one of {names}, got {found!r}")
        return found

    def _check_no_other_architecture(self) -> None:
        """Raise if parameters are given that have no effect beside `model`."""
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name in self.replaced_by_model and value is not field.default and value != field.default:
                raise ValueError(f"{field.name}={value!r} has no effect beside model=, which returns all layers")


@dataclass(eq=False, repr=False, kw_only=True)
class Recurrent(Architecture):
    """Base class of the estimators with recurrent layers."""

    replaced_by_model = ("cell", "hidden_size", "num_layers", "bidirectional", "dropout", "embedding_size", "pooling")

    cell: Any = "lstm"
    hidden_size: int | None = None
    num_layers: int = 1
    bidirectional: bool = False
    dropout: float = 0.0
    embedding_size: int | None = None

    def make_layers(self, features: int, outputs: int, table: bool, tokens: bool) -> list[Layer]:
        if self.embedding_size is not None and not tokens:
            raise ValueError(f"embedding_size={self.embedding_size} has no effect: X does not hold integer tokens")
        size = EMBEDDING_SIZE if self.embedding_size is None else self.embedding_size
        embedding = [Embedding(features, size)] if tokens else []
        below = self._recurrent_layer(size if tokens else features)
        width: Any = below.out_shape(("T", "B", None))[-1]
        return [*embedding, below, *self.make_pooling(width), *_dropout(self.dropout), Dense(width, outputs)]

    def make_pooling(self, width: Any) -> list[Layer]:
        """Return the layers between the recurrent ones, of `width` outputs, and the last one; here none."""
        return []

    def _recurrent_layer(self, features: int) -> Layer:
        positive_int("num_layers", self.num_layers)
        drop_rate("dropout", self.dropout)
        flag("bidirectional", self.bidirectional)
        between = self.dropout if self.num_layers > 1 else 0.0
        layer = isinstance(self.cell, type) and issubclass(self.cell, layers.CellLayer)
        if layer or isinstance(self.cell, str):
            if not layer and self.cell not in CELLS:
                raise unknown("cell", self.cell, CELLS)
            size = HIDDEN_SIZE if self.hidden_size is None else self.hidden_size
            make: Any = self.cell if layer else CELLS[self.cell]
            return make(features, size, self.num_layers, bidirectional=self.bidirectional, dropout=between)
        found = [self._cell(features)]
        for _ in range(self.num_layers - 1):
            found.append(self._cell((1 + self.bidirectional) * found[-1].output_size))
        return MultiLayer(tuple(found), self.bidirectional, between)

    def _cell(self, input_size: int) -> Cell:
        if isinstance(self.cell, type) or not hasattr(self.cell, "step"):
            if not callable(self.cell):
                names = ", ".join(CELLS)
                raise ValueError(f"cell must be a name ({names}), a Cell or a class of one, got {self.cell!r}")
            return self.cell(input_size, HIDDEN_SIZE if self.hidden_size is None else self.hidden_size)
        given = {} if self.hidden_size is None else {"hidden_size": self.hidden_size}
        return for_inputs("cell", rebuilt("cell", self.cell, given), input_size)


@dataclass(eq=False, repr=False, kw_only=True)
class Pooled(Recurrent):
    """Base class of the recurrent estimators with one output a sequence."""

    pooling: Any = None

    def make_pooling(self, width: Any) -> list[Layer]:
        if self.pooling is None:
            return [Ends() if self.bidirectional else Last()]
        return [for_inputs("pooling", self._layer("pooling"), width)]


@dataclass(eq=False, repr=False, kw_only=True)
class Static(Architecture):
    """Base class of the estimators with a feedforward network on a view of each sequence."""

    replaced_by_model = ("view", "hidden_layer_sizes", "activation", "dropout")

    view: Any = None
    hidden_layer_sizes: tuple[int, ...] = (64,)
    activation: str = "relu"
    dropout: float = 0.0

    def make_layers(self, features: int, outputs: int, table: bool, tokens: bool) -> list[Layer]:
        if tokens:
            raise ValueError("X holds integer tokens, of which a view has no meaning: give model=, or vectors as X")
        if table and self.view is not None:
            raise ValueError(f"view={self.view!r} has no effect: X is a table, of which the network sees the features")
        drop_rate("dropout", self.dropout)
        view = Last() if table else self._layer("view")
        shape = view.out_shape(("T", "B", features))
        found: list[Layer] = [view]
        width: Any = shape[-1]
        if not isinstance(self.hidden_layer_sizes, Sequence) or isinstance(self.hidden_layer_sizes, str | bytes):
            raise ValueError(f"hidden_layer_sizes must be a tuple of integers, got {self.hidden_layer_sizes!r}")
        for size in self.hidden_layer_sizes:
            positive_int("each of hidden_layer_sizes", size)
            with naming("activation"):
                found += [Dense(width, size, self.activation), *_dropout(self.dropout)]
            width = size
        if len(shape) == 3:
            found.append(MeanOverTime())
        return [*found, Dense(width, outputs)]


def for_inputs(name: str, value: Any, input_size: int) -> Any:
    """Return a cell or layer like `value` for inputs of another size.

    Examples
    --------
    >>> from rnnbp import cells
    >>> for_inputs("cell", cells.ElmanCell(1, 8, "relu"), 12)
    ElmanCell(input_size=12, hidden_size=8, init=Uniform(), activation='relu')
    """
    if "input_size" in constructor_arguments(value):
        return rebuilt(name, value, {"input_size": input_size})
    if getattr(value, "input_size", input_size) != input_size:
        raise ValueError(f"{name} takes {value.input_size} features, got {input_size}: {value!r}")
    return value


def _dropout(rate: float) -> list[Layer]:
    return [Dropout(rate)] if rate else []
