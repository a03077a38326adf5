"""Sequential: a model of layers in a row, with its predictions under the class names of the training data."""

import html
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from rnnbp.data import SequenceBatch, SequenceDataset, check_batch, checked_classes
from rnnbp.layers import Run
from rnnbp.layers.base import Array, format_shape
from rnnbp.losses import Loss
from rnnbp.models.class_names import Classes, matched
from rnnbp.models.feature_names import check_tokenizer, in_trained_order
from rnnbp.models.layer_names import layer_name
from rnnbp.models.prediction import BATCH_SIZE, Data, batch_outputs, predictions, probabilities
from rnnbp.models.saving import read_model, write_model
from rnnbp.models.uses import Uses
from rnnbp.runtime import refuses_by_name


class Sequential(Uses):
    """Stack of layers: the output of each is the input of the next.

    `forward` takes whole sequences; `start` and `step` go through a stream step by step, from state to state.

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
    feature_names : tuple of str, or None
        Names of the features of its inputs, from the data that it was first trained on. Data with the same names in
        another order are put in this order; other names are an error.
    tokenizer : rnnbp.data.CharTokenizer, or None
        Of the texts that it reads and writes, from the data that it was first trained on.
    stateful : bool
        Whether the state was carried through streams in training, and so is in prediction.
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

    _classes: Classes | None = None

    @property
    def classes(self) -> Classes | None:
        """Names of the outputs, from the training data; None where these had none."""
        return self._classes

    @classes.setter
    def classes(self, names: Sequence[str] | None) -> None:
        self._classes = checked_classes(names)

    def as_trained(self, name: str, data: SequenceDataset) -> SequenceDataset:
        """Return `data` as a trained model takes it: its labels and its features in the model's order, by their names.

        Parameters
        ----------
        name : str
            Name of the dataset in error messages.
        data : SequenceDataset
            Labels become indices into the model's classes. Integer classes without names are unchanged, so are features
            of the default names, and everything where the model was never trained.

        Raises
        ------
        ValueError
            If it has classes, features or tokens that the model was not trained on, which the message lists, or names
            of classes where the model was trained without.
        """
        check_tokenizer(name, data, self.tokenizer)
        never_trained = self.loss is None and self.classes is None
        return data if never_trained else matched(name, in_trained_order(name, data, self.feature_names), self.classes)

    def forward(
        self, batch: SequenceBatch | ArrayLike, lengths: ArrayLike | None = None, reset: ArrayLike | None = None
    ) -> Array:
        """Compute the outputs in evaluation mode: without dropout and noise.

        Parameters
        ----------
        batch : SequenceBatch, or array_like (T, B, F) or integers (T, B)
        lengths : array_like (B,), optional
            With an array, each sequence's number of steps, in any order. Default: T for all.
        reset : array_like (T, B) of bool, optional
            With an array, where the state of a sequence is set back to the initial state before the step. A batch has
            its own. Default: nowhere.

        Returns
        -------
        ndarray (T, B, K) or (B, K)
            In the order of the batch or array; zero past a sequence's end.

        Raises
        ------
        ValueError
            If shapes or lengths do not fit.
        """
        if not isinstance(batch, SequenceBatch | SequenceDataset):
            x = np.asarray(batch)
            if x.ndim not in (2, 3):
                raise ValueError(f"x must have shape (T, B, F), or (T, B) for tokens, got {x.shape}")
            if lengths is None and reset is None and x.size and x.dtype.kind in "iufb":
                return self.evaluate(np.ascontiguousarray(x), Run(np.full(x.shape[1], len(x))))[0]
            self._check_input(x)
            sorted_batch = SequenceBatch.from_array(x, lengths, reset=reset)
            return sorted_batch.restore(self.forward(sorted_batch), axis=1 if self.per_step else 0)
        check_batch(batch)  # a dataset is none: it may be larger than memory
        return self.forward_from(batch)[0]

    @refuses_by_name
    def predict(self, data: Data, batch_size: int = BATCH_SIZE) -> Any:
        """Predict the classes or values of each sequence, in the order of `data`.

        Parameters
        ----------
        data : SequenceDataset, SequenceBatch, or list of array_like (T_i, F)
            Targets are ignored. The state is carried through a stream (`SequenceDataset.from_stream`) if it was
            in training.
        batch_size : int, default 256
            Sequences per batch; does not affect the result.

        Returns
        -------
        ndarray (N,) or (N, K), or list
            Class names, integers where there are no names, or values: (N,) for one a sequence, (N, K) for several.
            Where each step has its own, a list of N arrays (T_i,) or (T_i, K). With
            `rnnbp.CTC`, the labels of each sequence by greedy decoding: N lists of names, or arrays (L_i,) of integers.

        Raises
        ------
        ValueError
            If the model was never trained, or `data` is none of these.

        Examples
        --------
        >>> import rnnbp
        >>> data = rnnbp.SequenceDataset([np.ones((3, 1)), -np.ones((4, 1))] * 4, targets=["up", "down"] * 4)
        >>> model = rnnbp.Sequential(rnnbp.Elman(1, 4), rnnbp.Last(), rnnbp.Dense(4, 2))
        >>> trainer = rnnbp.Trainer(model, rnnbp.CrossEntropy(), optimizer=rnnbp.Adam(0.1))
        >>> history = trainer.fit(data, epochs=10, progress=False)
        >>> model.predict([np.ones((5, 1)), -np.ones((2, 1))])
        array(['up', 'down'], dtype='<U4')
        """
        loss = self._trained_loss()
        return predictions(batch_outputs(self, data, batch_size, self.stateful), loss, self.classes, self)

    @refuses_by_name
    def predict_proba(self, data: Data, batch_size: int = BATCH_SIZE) -> Any:
        """Predict the probability of each class for each sequence, in the order of `data`.

        Parameters
        ----------
        data, batch_size
            See `predict`.

        Returns
        -------
        ndarray (N, K), or list of ndarray (T_i, K)
            In the order of `classes`. With `rnnbp.BinaryCrossEntropy` the probability that each of K binary labels is
            1, (N,) where there is one.

        Raises
        ------
        ValueError
            If the model was never trained, or predicts values, which have no probabilities.

        Examples
        --------
        >>> import rnnbp
        >>> model = rnnbp.Sequential(rnnbp.Last(), rnnbp.Dense(1, 2))
        >>> model.params.vector[:] = 0
        >>> model.loss = rnnbp.CrossEntropy()  # as a training sets it
        >>> model.predict_proba([np.zeros((5, 1))])
        array([[0.5, 0.5]], dtype=float32)
        """
        loss = self._trained_loss()
        return probabilities(batch_outputs(self, data, batch_size, self.stateful), loss, self)

    def _trained_loss(self) -> Loss:
        if self.loss is None:
            raise ValueError(
                "the model was never trained, so it does not know what its outputs mean: train it by "
                "rnnbp.Trainer(model, loss).fit(data), or set it by model.loss = rnnbp.CrossEntropy() and model.classes"
            )
        return self.loss

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
            (layer_name(layer), format_shape(shape), scope.size)
            for layer, shape, scope in zip(self.layers, self._shapes, self.scopes(self.params), strict=True)
        ]
        rows.append(("", "", self.params.size))
        index = [*map(str, range(len(self.layers))), "total"]
        return pd.DataFrame(rows, index=index, columns=["layer", "output", "parameters"])

    @refuses_by_name
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
        write_model(path, self)

    def _repr_html_(self) -> str:
        trained = "" if self.loss is None else f"<p>trained for {html.escape(repr(self.loss))}</p>"
        return f"<p>{html.escape(repr(self))}</p>{self.summary().to_html(border=0)}{trained}"

    def __repr__(self) -> str:
        names = ", ".join(layer_name(layer) for layer in self.layers)
        return f"Sequential({names}; {self.params.size} parameters, {self.dtype})"


@refuses_by_name
def load(path: str | Path, classes: Iterable[type] = ()) -> Sequential:
    """Read a model that `Sequential.save` wrote.

    Parameters
    ----------
    path : str or Path
    classes : iterable of type, optional
        User-defined layers, cells, initializers and losses that the model uses. Cells that are declared by their
        equation need not be among them if the program has imported the module that defines them, or defines them
        itself; a file imports nothing.

    Returns
    -------
    Sequential

    Raises
    ------
    FileNotFoundError, IsADirectoryError
        If there is no such file, or it is a folder.
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
    model: Sequential = read_model(path, Sequential, classes)
    return model
