"""Catalog of all datasets by name, for the command line."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from rnnbp.data import SequenceDataset
from rnnbp.datasets import digit_tasks, signals, tasks
from rnnbp.datasets import reber_grammar as reber
from rnnbp.datasets.arabic_digits import load_spoken_arabic_digits
from rnnbp.datasets.archives import PACKAGES, load_archive
from rnnbp.datasets.digits import load_digit_rows, load_digits
from rnnbp.datasets.mnist_1d import mnist1d
from rnnbp.datasets.narma_series import narma
from rnnbp.datasets.registry import REGISTRY
from rnnbp.datasets.speech_commands import load_speech_commands
from rnnbp.datasets.sunspots import load_sunspots
from rnnbp.datasets.vowels import load_japanese_vowels
from rnnbp.features import MFCC, Features
from rnnbp.runtime import choice, did_you_mean, of_type, refuses_by_name, seed_int

Pair = tuple[SequenceDataset, SequenceDataset]


@dataclass(frozen=True)
class Entry:
    """Dataset of the catalog: ``load()`` returns the training and the test set, `options` are its keyword arguments."""

    load: Callable[..., Pair]
    options: tuple[str, ...]
    about: str
    task: str
    source: str
    feature: Callable[[], Features] | None = None
    """Builds the feature extractor of a dataset of recordings; None for others."""


def generated(
    make: Callable[..., SequenceDataset], *, train: int = 1000, test: int = 500, seed: int = 0, **sizes: Any
) -> Pair:
    """Generate independent training and test sets.

    Parameters
    ----------
    make : callable
        ``make(sequences, seed=rng, **sizes)``.
    train, test : int, default 1000 and 500
        Number of sequences.
    seed : int, default 0
    **sizes
        Arguments of the generator.

    Examples
    --------
    >>> train, test = generated(tasks.parity, train=20, test=10, steps=5)
    >>> len(train), len(test)
    (20, 10)
    """
    for_train, for_test = np.random.default_rng(seed_int("seed", seed)).spawn(2)
    return make(train, seed=for_train, **sizes), make(test, seed=for_test, **sizes)


def _made(make: Callable[..., SequenceDataset], about: str, task: str, **sizes: Any) -> Entry:
    own = [name for name in inspect.signature(make).parameters if name not in ("sequences", "seed")]
    return Entry(partial(generated, make, **sizes), ("train", "test", "seed", *own), about, task, "generated")


def _recipe(make: Callable[..., Pair], about: str, task: str, fixed: str = "") -> Entry:
    """Return the entry of a generator that makes both sets; `fixed` is an argument that the name of the entry sets."""
    options = [name for name in inspect.signature(make).parameters if name != fixed]
    return Entry(make, tuple(options), about, task, "generated")


def _bundled(loader: Callable[..., Pair], about: str, task: str, licence: str) -> Entry:
    return Entry(loader, tuple(inspect.signature(loader).parameters), about, task, f"bundled, {licence}")


def with_mfcc(loader: Callable[..., Any], sr: int, **options: Any) -> Pair:
    """Load recordings with MFCC features, unless another feature is given.

    Parameters
    ----------
    loader : callable
        Returns two or more splits, the first for training, the last for testing.
    sr : int
        The recordings' sampling rate [Hz].
    **options
        Arguments of the loader.
    """
    parts = loader(**{"feature": MFCC(sr=sr)} | options)
    return parts[0], parts[-1]


def _archived(name: str, about: str, task: str = "class a sequence") -> Entry:
    source = f"the package {PACKAGES[name]} (rnnbp[suite]), or path="
    return Entry(partial(load_archive, name), ("path",), about, task, source)


def _downloaded(name: str, loader: Callable[..., Any], about: str, sr: int | None = None) -> Entry:
    load = loader if sr is None else partial(with_mfcc, loader, sr)
    source = f"downloaded, or path=, {REGISTRY[name].licence}"
    return Entry(load, tuple(inspect.signature(loader).parameters), about, "class a sequence", source)


def _spoken(loader: Callable[..., Any], about: str, task: str) -> Entry:
    return replace(_downloaded("spoken-digits", loader, about), task=task, feature=digit_tasks.digit_feature)


ENTRIES = {
    "japanese-vowels": _bundled(load_japanese_vowels, "who speaks? real speech", "class a sequence", "CC BY 4.0"),
    "digits": _bundled(load_digits, "8 x 8 pictures of digits, whole", "class a sequence", "CC BY 4.0"),
    "digit-rows": _bundled(load_digit_rows, "the same, row by row", "class a sequence", "CC BY 4.0"),
    "sunspots": _bundled(load_sunspots, "yearly, 1700 to 2008", "value a step", "public domain"),
    "spoken-digits": _spoken(digit_tasks.spoken_digits, "which digit? recordings of six speakers", "class a sequence"),
    "connected-digits": _spoken(
        digit_tasks.connected_digits, "which digits? strings of 3 to 7, with noise", "labels a sequence"
    ),
    "spoken-arabic-digits": _downloaded(
        "spoken-arabic-digits", load_spoken_arabic_digits, "which digit? 88 speakers, as 13 MFCC"
    ),
    "speech-commands": _downloaded(
        "speech-commands", load_speech_commands, "which of 35 words? recordings of 2,618 speakers, as 13 MFCC", 16000
    ),
    "adding": _made(tasks.adding_problem, "add the two marked of 100 numbers", "value a sequence", steps=100),
    "copy": _made(tasks.copy_memory, "repeat 10 symbols after 20 steps", "class a step", delay=20),
    "recall": _made(tasks.delayed_recall, "name the first symbol after 20 steps", "class a sequence", delay=20),
    "temporal-xor": _made(tasks.temporal_xor, "every third bit is XOR of two", "class a step", triples=20),
    "parity": _made(tasks.parity, "odd number of ones so far?", "class a step", steps=20),
    "sines": _made(signals.sine_mixtures, "forecast a sum of three sines", "value a step", steps=100),
    "mackey-glass": _made(
        signals.mackey_glass, "forecast a chaotic series", "value a step", train=200, test=100, steps=100
    ),
    "narma": _made(narma, "imitate NARMA-10, a memory of ten steps", "value a step", train=10, test=5, steps=400),
    "reber": _made(reber.reber, "which symbols may follow?", "values a step"),
    "embedded-reber": _made(reber.embedded_reber, "the same, across a word", "values a step"),
    "mnist1d": _recipe(mnist1d, "which digit is the curve? shifted, in noise", "class a sequence"),
    "mnist1d-shuffled": _recipe(
        partial(mnist1d, shuffled=True), "the same, steps in another order", "class a sequence", "shuffled"
    ),
    "synthetic-vowels": _made(signals.synthetic_vowels, "formant tracks of ten vowels", "class a sequence"),
    "vowel-strings": _made(signals.synthetic_vowel_strings, "which vowels? untimed", "classes, a label sequence"),
    "archive:ACSF1": _archived("ACSF1", "which appliance draws the power?"),
    "archive:ArrowHead": _archived("ArrowHead", "which arrowhead is the outline?"),
    "archive:BasicMotions": _archived("BasicMotions", "which motion does a watch feel?"),
    "archive:CardanoSentiment": _archived("CardanoSentiment", "sentiment, from prices", "value a sequence"),
    "archive:Covid3Month": _archived("Covid3Month", "deaths a case, from cases", "value a sequence"),
    "archive:GunPoint": _archived("GunPoint", "does the hand hold a gun, or point?"),
    "archive:ItalyPowerDemand": _archived("ItalyPowerDemand", "which half of the year was the day in?"),
    "archive:OSULeaf": _archived("OSULeaf", "which leaf is the outline?"),
    "archive:PickupGestureWiimoteZ": _archived("PickupGestureWiimoteZ", "which gesture does the remote make?"),
    "archive:Trace": _archived("Trace", "which fault of a nuclear plant's instruments?"),
}


def catalog() -> pd.DataFrame:
    """Return a table of all datasets that `load` knows: name, description, targets, origin.

    Examples
    --------
    >>> catalog()["name"].tolist()[:2]
    ['japanese-vowels', 'digits']
    """
    rows = [(name, e.about, e.task, e.source) for name, e in ENTRIES.items()]
    return pd.DataFrame(rows, columns=["name", "what", "targets", "source"])


@refuses_by_name
def load(name: str, **options: Any) -> Pair:
    """Load a dataset by its name.

    Parameters
    ----------
    name : str
        A name in `catalog`.
    **options
        Arguments of its loader or generator that replace the defaults; generated datasets also take `train` and `test`,
        the numbers of sequences, and `seed`.

    Returns
    -------
    train, test : SequenceDataset

    Raises
    ------
    ValueError
        If there is no dataset of that name, or it does not take an option.

    Examples
    --------
    >>> load("parity", steps=8)[0]
    SequenceDataset: 1000 sequences of 8 steps, 1 feature; classes a step
    >>> load("japanese-vowel")
    Traceback (most recent call last):
    ValueError: name of a dataset must be one of ...; got 'japanese-vowel'. Did you mean 'japanese-vowels'?
    """
    if str(name).lower().endswith((".ts", ".ts.gz")):
        raise ValueError(
            f"dataset must be a name of rnnbp.datasets.catalog(), got {str(name)!r}: a file is read by "
            "rnnbp.datasets.read_ts(path)"
        )
    entry = ENTRIES[choice("name of a dataset", name, ENTRIES)]
    for option in options:
        if option not in entry.options:
            taken = f"it takes {', '.join(entry.options)}" if entry.options else "it takes none"
            raise ValueError(
                f"dataset {name!r} has no option {option!r}; {taken}.{did_you_mean(option, entry.options)}"
            )
    return entry.load(**options)


@refuses_by_name
def feature_of(name: str, split: str = "official") -> Features | None:
    """Return the feature extractor of a dataset of recordings, or None if the catalog has none for it.

    Parameters
    ----------
    name : str
    split : str, default 'official'
        With the split 'speaker', 'spoken-digits' has other features.

    Examples
    --------
    >>> feature_of("connected-digits").sr, feature_of("parity")
    (8000, None)
    """
    of_type("name", name, str)
    of_type("split", split, str)
    if (name, split) == ("spoken-digits", "speaker"):
        return digit_tasks.new_speaker_feature()
    feature = ENTRIES[name].feature if name in ENTRIES else None
    return None if feature is None else feature()
