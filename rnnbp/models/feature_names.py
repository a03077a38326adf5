"""Features of a dataset in the order in which a model was trained on them, by their names."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from rnnbp.data import CharTokenizer, SequenceDataset, default_names
from rnnbp.runtime import some

Array = np.ndarray


def in_trained_order(name: str, data: SequenceDataset, trained: tuple[str, ...] | None) -> SequenceDataset:
    """Return `data` with its features in the order of those that a model was trained on.

    Parameters
    ----------
    name : str
        Name of the dataset in error messages.
    data : SequenceDataset
        With the same names in another order, its features are put in the trained order. With the default names, 'x0',
        'x1', ..., it is unchanged: nothing is known of what they are.
    trained : tuple of str, or None
        The model's `feature_names`. The default names, and None, fit every dataset.

    Raises
    ------
    ValueError
        If both have names that are not the same; the message lists those that are missing or unexpected.

    Examples
    --------
    >>> data = SequenceDataset([[[1.0, 2.0]]], feature_names=["pitch", "energy"])
    >>> in_trained_order("data", data, ("energy", "pitch")).sequences[0]
    array([[2., 1.]], dtype=float32)
    >>> in_trained_order("data", data, ("energy", "tone"))
    Traceback (most recent call last):
    ValueError: data: the features must be those that the model was trained on, energy, tone: missing tone; ...
    """
    names = data.feature_names
    if trained is None or names == trained or data.sequences[0].ndim == 1:
        return data
    if set(names) == set(trained):
        ordered = data.map(Columns(tuple(names.index(one) for one in trained)))
        ordered.feature_names = trained
        return ordered
    if names == default_names(data.sequences[0]) or trained == default_names(np.empty((1, len(trained)))):
        return data
    missing, unexpected = [one for one in trained if one not in names], [one for one in names if one not in trained]
    found = [f"{what} {some(which)}" for what, which in (("missing", missing), ("unexpected", unexpected)) if which]
    raise ValueError(
        f"{name}: the features must be those that the model was trained on, {some(trained)}: {'; '.join(found)}. "
        "model.feature_names = None takes them by their places"
    )


def take_over_names(model: Any, data: SequenceDataset) -> None:
    """Set classes, feature names and tokenizer of a training set on a model that has none.

    Parameters
    ----------
    model : Sequential
    data : SequenceDataset

    Examples
    --------
    >>> import rnnbp
    >>> model = rnnbp.Sequential(rnnbp.Dense(2, 2))
    >>> take_over_names(model, SequenceDataset([[[1.0, 2.0]]], targets=["no"], feature_names=["pitch", "energy"]))
    >>> model.classes, model.feature_names
    (('no',), ('pitch', 'energy'))
    """
    model.classes = model.classes or data.classes
    model.feature_names = model.feature_names or data.feature_names
    model.tokenizer = model.tokenizer or data.tokenizer


def check_tokenizer(name: str, data: SequenceDataset, trained: CharTokenizer | None) -> None:
    """Raise unless the tokens of `data` are those that a model was trained on.

    Parameters
    ----------
    name : str
        Name of the dataset in error messages.
    data : SequenceDataset
        Where it has no tokenizer, nothing is known of what its tokens are.
    trained : CharTokenizer, or None
        The model's.

    Raises
    ------
    ValueError
        If both have tokenizers, of other characters.

    Examples
    --------
    >>> check_tokenizer("validation", SequenceDataset.from_text("abab", 1, 2), CharTokenizer("ba"))
    Traceback (most recent call last):
    ValueError: validation has the tokens of CharTokenizer('ab'; 2 characters), the model those of CharTokenizer('ba'...
    """
    own = data.tokenizer
    if own is not None and trained is not None and own.characters != trained.characters:
        raise ValueError(
            f"{name} has the tokens of {own!r}, the model those of {trained!r}: make it by SequenceDataset.from_text("
            "..., tokenizer=model.tokenizer), or that of the training set"
        )


@dataclass(frozen=True)
class Columns:
    """Function that puts the features of a sequence (T, F) in another order.

    Examples
    --------
    >>> Columns((1, 0))(np.array([[3.0, 4.0]]))
    array([[4., 3.]])
    """

    order: tuple[int, ...]

    def __call__(self, x: Array) -> Array:
        return x[:, list(self.order)]
