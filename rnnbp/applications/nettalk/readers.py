"""Readers: conversion of letters to phonemes with trained networks."""

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from rnnbp.applications.nettalk.features import best_guess
from rnnbp.applications.nettalk.lexicon import Labels, Pronunciation, encoded_for_ctc, phonemes_of, unstressed
from rnnbp.applications.nettalk.spelling import one_hot
from rnnbp.data import SequenceDataset, listed
from rnnbp.decoding import greedy
from rnnbp.models import Sequential
from rnnbp.runtime import flag, function_of, of_type, refuses_by_name
from rnnbp.training import outputs_of

Array = np.ndarray

BATCH_SIZE = 512  # words


class Reads(Protocol):
    """Protocol of a reader: converts words to phonemes."""

    def read(self, words: Sequence[str], stress: bool = True) -> list[Pronunciation]:
        """Return the phonemes of each word."""
        ...


@refuses_by_name
class Reader:
    """Reader that takes the most probable label of each letter.

    Parameters
    ----------
    models : sequence of Sequential
        Networks whose outputs are logits of `classes`; the probabilities of several are averaged.
    classes : sequence of str
        The labels; see `Lexicon.classes`.

    Examples
    --------
    >>> from rnnbp.applications.nettalk import Lexicon, window_network
    >>> lexicon = Lexicon.of_cmudict({"at": (("AE1", "T"),)}).aligned()
    >>> reader = Reader([window_network((), 2)], lexicon.classes)
    >>> len(reader.read(["tat"]))
    1
    """

    def __init__(self, models: Sequence[Sequential], classes: Sequence[str]) -> None:
        of_type("classes", classes, Sequence[str])
        self.models, self.classes = _of_classes(models, classes), tuple(classes)
        plain = unstressed(self.classes)
        self._plain = tuple(sorted(set(plain)))
        self._merge = np.equal.outer(plain, self._plain).astype(np.float64)

    @refuses_by_name
    def read(self, words: Sequence[str], stress: bool = True) -> list[Pronunciation]:
        """Return the phonemes of each word.

        Parameters
        ----------
        words : sequence of str
        stress : bool, default True
            With stress marks. If False, the probabilities of all stresses of a phoneme are summed.
        """
        return [phonemes_of(labels) for labels in self.labels(words, stress)]

    @refuses_by_name
    def labels(self, words: Sequence[str], stress: bool = True) -> list[Labels]:
        """Return a label for each letter of each word; parameters as `read`."""
        flag("stress", stress)
        found = []
        for p in self.probabilities(words):
            scores, names = (p, self.classes) if stress else (p @ self._merge, self._plain)
            found.append(tuple(names[k] for k in scores.argmax(axis=1)))
        return found

    @refuses_by_name
    def probabilities(self, words: Sequence[str]) -> list[Array]:
        """Return, for each word, the label probabilities of each letter, (T, K)."""
        _check_some(words)
        return _mean_probabilities(self.models, [one_hot(word) for word in words])


@refuses_by_name
class CTCReader:
    """Reader that takes the labels along the most probable path of a network trained by CTC (best-path decoding).

    Parameters
    ----------
    models : sequence of Sequential
        Networks whose outputs are logits of `classes`; the probabilities of several are averaged.
    classes : sequence of str
        The blank, then the phonemes.

    Examples
    --------
    >>> from rnnbp.applications.nettalk import window_network
    >>> len(CTCReader([window_network((), 3)], ["<blank>", "AE1", "T"]).read(["tat", "at"]))
    2
    """

    def __init__(self, models: Sequence[Sequential], classes: Sequence[str]) -> None:
        of_type("classes", classes, Sequence[str])
        self.models, self.classes = _of_classes(models, classes), tuple(classes)

    @refuses_by_name
    def read(self, words: Sequence[str], stress: bool = True) -> list[Pronunciation]:
        """Return the phonemes of each word; parameters as `Reader.read`, stress is removed after decoding."""
        flag("stress", stress)
        _check_some(words)
        probabilities = _mean_probabilities(self.models, [encoded_for_ctc(word) for word in words])
        found = [tuple(self.classes[k] for k in greedy(p)) for p in probabilities]
        return found if stress else [unstressed(phonemes) for phonemes in found]


@refuses_by_name
class FeatureReader:
    """Reader that takes the best guess of NETtalk's 26 output units.

    Parameters
    ----------
    model : Sequential
    phonemes : sequence of str
        The candidates.
    units : callable, optional
        Maps the model's outputs (T, 26) to the units' activities. Default: the identity; for a network trained by
        `rnnbp.BinaryCrossEntropy`, pass the loss's `probabilities`.

    Examples
    --------
    >>> from rnnbp.applications.nettalk import window_network
    >>> len(FeatureReader(window_network((), 26, activation="sigmoid"), "abc").labels(["knob"])[0])
    4
    """

    def __init__(
        self, model: Sequential, phonemes: Sequence[str], units: Callable[[Array], Array] = np.asarray
    ) -> None:
        self.model = of_type("model", model, Sequential)
        self.phonemes = tuple(of_type("phonemes", phonemes, Sequence[str]))
        self.units = function_of("units", units, 1)

    @refuses_by_name
    def read(self, words: Sequence[str], stress: bool = True) -> list[Pronunciation]:
        """Return the phonemes of each word; parameters as `Reader.read`."""
        flag("stress", stress)
        return [phonemes_of(labels if stress else unstressed(labels)) for labels in self.labels(words)]

    @refuses_by_name
    def labels(self, words: Sequence[str]) -> list[Labels]:
        """Return a label for each letter of each word."""
        _check_some(words)
        data = SequenceDataset([one_hot(word) for word in words])
        units = outputs_of(self.model, data, BATCH_SIZE, self.units)
        ends = np.cumsum([len(word) for word in words])[:-1]
        signs = map("".join, zip(*best_guess(np.concatenate(units), self.phonemes), strict=True))
        return [tuple(part) for part in np.split(np.array(list(signs)), ends)]


def _check_some(words: Sequence[str]) -> None:
    if not len(words):
        raise ValueError("words must hold at least one word, got none")


def _of_classes(models: Sequence[Sequential], classes: Sequence[str]) -> list[Sequential]:
    """Return the models; raise where one was trained on other classes."""
    if not len(models):
        raise ValueError("models must hold at least one model, got none")
    for i, model in enumerate(of_type("models", models, list[Sequential])):
        if model.classes not in (None, tuple(classes)):
            raise ValueError(
                f"classes must be those that models[{i}] was trained on, {listed(model.classes or ())}, in their "
                f"order; got {listed(classes)}"
            )
    return list(models)


def _mean_probabilities(models: Sequence[Sequential], sequences: Sequence[Array]) -> list[Array]:
    """Return the class probabilities at each step of each sequence, (T, K), averaged over the models."""
    data = SequenceDataset(sequences)
    outputs = (outputs_of(model, data, BATCH_SIZE, _softmax) for model in models)
    return [np.mean(of_models, axis=0) for of_models in zip(*outputs, strict=True)]


def _softmax(logits: Array) -> Array:
    p = np.exp(logits.astype(np.float64) - logits.max(axis=-1, keepdims=True))
    return p / p.sum(axis=-1, keepdims=True)
