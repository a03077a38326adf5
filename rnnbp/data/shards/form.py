"""Form of a dataset in shards: what all of its sequences have in common."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from rnnbp.data.dataset import SequenceDataset
from rnnbp.data.labels import LabelSequences
from rnnbp.data.shards.layout import MOST_ROW, Column, Layout, row_bytes
from rnnbp.data.tokenizer import CharTokenizer

DTYPES = ("float16", "float32", "float64")
TARGETS = ("none", "classes", "values", "labels", "classes of steps", "values of steps")
WEIGHTS = ("none", "of sequences", "of steps")


@dataclass(frozen=True)
class Form:
    """What all sequences of the dataset have in common, each of its pieces included.

    Attributes
    ----------
    dtype : str
    features : int
        F; 0 for tokens.
    targets, weights : str
        Of `TARGETS` and `WEIGHTS`.
    values : int
        K, the number of values of a target; 0 where there are none.
    resets : bool
    classes, feature_names : list of str, or None
    characters : list of str, or None
        Of the tokenizer.
    unknown : str, or None
        Of the tokenizer.
    rows : int, or None
        Of a stream.
    """

    dtype: str
    features: int
    targets: str
    weights: str
    values: int
    resets: bool
    classes: list[str] | None
    feature_names: list[str]
    characters: list[str] | None
    unknown: str | None
    rows: int | None

    @property
    def layout(self) -> Layout:
        """The columns of a shard."""
        number = {"float16": "<f2", "float32": "<f4", "float64": "<f8"}[self.dtype]
        columns = [Column("x", number, self.features) if self.features else Column("x", "<i4")]
        if self.targets == "classes of steps":
            columns.append(Column("target", "<i8"))
        if self.targets == "values of steps":
            columns.append(Column("target", "<f8", self.values))
        if self.weights == "of steps":
            columns.append(Column("weight", "<f8"))
        if self.resets:
            columns.append(Column("reset", "|u1"))
        return tuple(columns)

    @property
    def tokenizer(self) -> CharTokenizer | None:
        """The tokenizer of the tokens, or None."""
        return None if self.characters is None else CharTokenizer(self.characters, self.unknown)

    def check(self) -> None:
        """Raise unless every field is of its type and range, as those of a file need not be."""
        wrong = [
            name
            for name, fits in (
                ("dtype", self.dtype in DTYPES),
                ("features", _whole(self.features, 0)),
                ("targets", self.targets in TARGETS),
                ("weights", self.weights in WEIGHTS),
                ("values", _whole(self.values, 1 if str(self.targets).startswith("values") else 0)),
                ("resets", isinstance(self.resets, bool)),
                ("classes", self.classes is None or _names(self.classes)),
                ("feature_names", _names(self.feature_names) and len(self.feature_names) == (self.features or 1)),
                ("characters", self.characters is None or _names(self.characters)),
                ("unknown", self.unknown is None or isinstance(self.unknown, str)),
                ("rows", self.rows is None or _whole(self.rows, 1)),
            )
            if not fits
        ]
        if wrong:
            raise ValueError(f"{wrong[0]} is {getattr(self, wrong[0])!r:.80}")
        if row_bytes(self.layout) > MOST_ROW:
            raise ValueError(f"a step takes {row_bytes(self.layout)} bytes")


def _whole(value: Any, least: int) -> bool:
    return type(value) is int and least <= value <= MOST_ROW  # a bool is none


def _names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value) and len(set(value)) == len(value) > 0


def form_of(data: SequenceDataset) -> Form:
    """Return what every sequence of a dataset has.

    Examples
    --------
    >>> form = form_of(SequenceDataset([np.zeros((7, 12)), np.ones((9, 12))], targets=["no", "yes"]))
    >>> form.targets, form.features, form.classes
    ('classes', 12, ['no', 'yes'])
    """
    targets, weights, tokenizer = data.targets, data.weights, data.tokenizer
    kind, values = "none", 0
    if isinstance(targets, LabelSequences):
        kind = "labels"
    elif targets is not None:
        values = 0 if data.labelled else int(np.shape(targets[0])[-1])
        kind = ("classes" if data.labelled else "values") + (" of steps" if data.per_step else "")
    return Form(
        dtype=str(data.dtype),
        features=0 if data.sequences[0].ndim == 1 else data.feature_size,
        targets=kind,
        weights="none" if weights is None else "of sequences" if isinstance(weights, np.ndarray) else "of steps",
        values=values,
        resets=data.resets is not None,
        classes=None if data.classes is None else list(data.classes),
        feature_names=list(data.feature_names),
        characters=None if tokenizer is None else list(tokenizer.characters),
        unknown=None if tokenizer is None else tokenizer.unknown,
        rows=data.rows,
    )


def check_alike(number: int, form: Form, first: Form) -> None:
    """Raise unless a piece has what the first one has.

    Examples
    --------
    >>> first, other = (form_of(SequenceDataset([np.zeros((7, 12))], targets=[name])) for name in ("no", "yes"))
    >>> check_alike(3, other, first)
    Traceback (most recent call last):
    ValueError: piece 3 of source has classes ['yes'], the first one ['no']: give write_shards(..., classes=) all of...
    """
    for name, found in vars(form).items():
        expected = getattr(first, name)
        if found != expected:
            advice = ": give write_shards(..., classes=) all of them" if name == "classes" else ""
            raise ValueError(
                f"piece {number} of source has {name} {found!r:.200}, the first one {expected!r:.200}{advice}"
            )
