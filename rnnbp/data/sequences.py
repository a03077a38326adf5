"""Sequences with targets: subsets, splits, classes and statistics."""

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any, Self, overload

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, DTypeLike

from rnnbp.data import frames
from rnnbp.data.class_names import named, renumbered
from rnnbp.data.in_memory import InMemorySequences
from rnnbp.data.labels import LabelSequences
from rnnbp.data.lazy import LazySequences
from rnnbp.data.moments import Moments, moments
from rnnbp.data.resets import checked_resets
from rnnbp.data.splits import chosen_places, deal, deal_groups
from rnnbp.data.targets import Targets, check_no_steps, checked_classes, checked_targets
from rnnbp.data.validation import checked_sequences
from rnnbp.data.weights import checked_weights, chosen_weights
from rnnbp.runtime import (
    as_html,
    counted,
    did_you_mean,
    flag,
    floating,
    function_of,
    of_type,
    positive_int,
    refuses_by_name,
    seed_or_generator,
    some,
)

Array = np.ndarray


class Sequences:
    """Base of `rnnbp.SequenceDataset`, which has the parameters: everything but batches and tables.

    Examples
    --------
    >>> Sequences([np.zeros((7, 12)), np.ones((9, 12))], targets=["no", "yes"]).classes
    ('no', 'yes')
    """

    def __init__(
        self,
        sequences: Sequence[ArrayLike],
        targets: Any = None,
        *,
        classes: Sequence[str] | None = None,
        ids: Sequence[Any] | None = None,
        info: pd.DataFrame | None = None,
        feature_names: Sequence[str] | None = None,
        per_step: bool | None = None,
        resets: Sequence[ArrayLike] | None = None,
        weights: Any = None,
        dtype: DTypeLike = np.float32,
    ) -> None:
        self.dtype = floating("dtype", dtype, "float32", "float64", "float16")
        self.sequences = checked_sequences(sequences, self.dtype)
        first = self.sequences[0]
        self.feature_size = first.shape[1] if first.ndim == 2 else 1
        self.feature_names = frames.checked_names(feature_names, first)
        self.classes = checked_classes(classes)
        self.targets: Targets | None = None
        if targets is None:
            check_no_steps(targets, per_step)
        else:
            self.targets, self.classes = checked_targets(
                targets, len(self), lambda: self.lengths, self.classes, per_step
            )
        self.resets = None if resets is None else checked_resets("resets", resets, self.lengths)
        self.weights = checked_weights(weights, len(self), self.targets)
        self.ids = list(range(len(self))) if ids is None else list(of_type("ids", ids, Iterable))
        if info is not None and not isinstance(info, pd.DataFrame):
            raise ValueError(f"info must be a DataFrame of one row a sequence, got {type(info).__name__}")
        self.info = None if info is None else info.reset_index(drop=True)
        for name, given in (("ids", self.ids), ("info", self.info)):
            if given is not None and len(given) != len(self):
                raise ValueError(f"{name} must be one a sequence, {len(self)}, got {len(given)}")

    @cached_property
    def lengths(self) -> Array:
        """T_i (N,); lazy sequences are loaded once on first access where they are not known."""
        return self.sequences.lengths

    @property
    def per_step(self) -> bool:
        """Whether targets are one a step."""
        return isinstance(self.targets, list)

    @property
    def labelled(self) -> bool:
        """Whether targets are classes."""
        return self.targets is not None and self.targets[0].dtype.kind == "i"

    @property
    def named_targets(self) -> Any:
        """Targets in the form that `rnnbp.Sequential.predict` returns: class names where there are names.

        Examples
        --------
        >>> Sequences([np.zeros((7, 12)), np.ones((9, 12))], targets=["no", "yes"]).named_targets
        array(['no', 'yes'], dtype=object)
        """
        return self.targets if self.classes is None or self.targets is None else named(self.targets, self.classes)

    def summarized(self) -> Self:
        """Return the dataset for checks of its targets: here the dataset itself.

        See Also
        --------
        rnnbp.data.ShardedDataset : has what is one a step by its least and largest value, which reads no file.

        Examples
        --------
        >>> data = Sequences([np.zeros((7, 12))])
        >>> data.summarized() is data
        True
        """
        return self

    def with_classes(self, classes: Sequence[str]) -> Self:
        """Return the dataset with labels renumbered by name as indices into `classes`.

        Parameters
        ----------
        classes : sequence of str
            The names in another order, or more of them. Labels without names are taken as indices into it.

        Raises
        ------
        ValueError
            If labels have names that are not among them, which the message lists; or if targets are values.

        Examples
        --------
        >>> data = Sequences([np.zeros((7, 12)), np.ones((9, 12))], targets=["b", "c"])
        >>> data.targets, data.with_classes(["a", "b", "c"]).targets
        (array([0, 1]), array([1, 2]))
        """
        wanted = checked_classes(of_type("classes", classes, Iterable))
        if wanted is None or wanted == self.classes:
            return self
        part = copy.copy(self)
        part.classes = wanted
        if self.targets is not None and self.classes is not None:
            part.targets = renumbered(self.targets, self.classes, wanted)
        elif self.targets is not None:
            part.targets, _ = checked_targets(self.targets, len(self), lambda: self.lengths, wanted)
        return part

    def __len__(self) -> int:
        return len(self.sequences)

    @overload
    @refuses_by_name
    def __getitem__(self, place: int) -> tuple[Array, Any]: ...
    @overload
    def __getitem__(self, place: slice | Sequence[int] | Array) -> Self: ...
    def __getitem__(self, place: int | slice | Sequence[int] | Array) -> tuple[Array, Any] | Self:
        """Return a sequence and its target for an integer, a dataset for a slice, several integers or a mask."""
        if isinstance(place, int | np.integer):
            return self.sequences[place], None if self.targets is None else self.targets[place]
        return self.subset(np.arange(len(self))[place] if isinstance(place, slice) else place)

    def __iter__(self) -> Iterator[tuple[Array, Any]]:
        return (self[i] for i in range(len(self)))

    @refuses_by_name
    def subset(self, places: Sequence[int] | Array) -> Self:
        """Return the dataset of some of the sequences, in the given order.

        Parameters
        ----------
        places : sequence of int, or ndarray of bool (N,)
            ``data[places]`` is the same, and ``data[:10]`` a slice.

        Raises
        ------
        ValueError
            If there is none.

        Examples
        --------
        >>> Sequences([np.zeros((n, 1)) for n in (2, 9, 3)]).subset([2, 0]).lengths
        array([3, 2])
        """
        chosen = chosen_places(places, len(self))
        targets = self.targets
        if targets is not None:
            targets = [targets[i] for i in chosen] if isinstance(targets, list) else targets[chosen]
        part = self._with(self.sequences.chosen(chosen), targets, [self.ids[i] for i in chosen], chosen)
        part.resets = None if self.resets is None else [self.resets[i] for i in chosen]
        return part

    def _with(
        self, sequences: InMemorySequences | LazySequences, targets: Targets | None, ids: list[Any], places: Array
    ) -> Self:
        """Return a copy of the dataset with other sequences; `places` are those whose `info` and weights they have."""
        part = copy.copy(self)
        part.__dict__.pop("lengths", None)
        part.sequences, part.targets, part.ids = sequences, targets, ids
        part.weights = chosen_weights(self.weights, places)
        part.info = None if self.info is None else self.info.iloc[places].reset_index(drop=True)
        return part

    def split(
        self,
        parts: float | Sequence[float] | Sequence[int],
        seed: int | np.random.Generator = 0,
        stratify: bool | None = None,
        groups: str | None = None,
    ) -> tuple[Self, ...]:
        """Split the dataset at random into disjoint parts, each in the order of the whole.

        Parameters
        ----------
        parts : float, or sequence of float or of int
            The fraction of the sequences in the first of two parts, between 0 and 1; or a fraction for each part, which
            add up to 1; or a number of sequences for each, which add up to N.
        seed : int or numpy.random.Generator, default 0
        stratify : bool, optional
            Each class in the same proportion in every part, as far as whole sequences, or groups, allow. Default: where
            targets are one class a sequence.
        groups : str, optional
            A column of `info` of which each value stays within one part: 'speaker', for example, so that the parts have
            no speaker in common. Fractions are then approximated as closely as whole groups allow.

        Raises
        ------
        ValueError
            If the parts do not add up, or one would be empty; if targets cannot be stratified by; if `info` has no such
            column, or it is empty for a sequence.

        Examples
        --------
        >>> data = Sequences([np.zeros((2, 1))] * 10, targets=[0] * 6 + [1] * 4)
        >>> [np.bincount(part.targets).tolist() for part in data.split(0.5)]
        [[3, 2], [3, 2]]
        >>> [len(part) for part in data.split((7, 2, 1))]
        [7, 2, 1]
        >>> info = pd.DataFrame({"speaker": list("aabbccddee")})
        >>> data = Sequences([np.zeros((2, 1))] * 10, info=info)
        >>> ["".join(part.info["speaker"]) for part in data.split((0.6, 0.2, 0.2), groups="speaker")]
        ['bbccdd', 'ee', 'aa']
        """
        order = seed_or_generator("seed", seed).permutation(len(self))
        labels = self._strata(stratify)
        if groups is None:
            dealt = deal(order if labels is None else order[np.argsort(labels[order], kind="stable")], parts)
        else:
            dealt = deal_groups(order, parts, self.info_column("groups", groups), labels)
        return tuple(self.subset(np.sort(part)) for part in dealt)

    def _strata(self, stratify: bool | None) -> Array | None:
        """Return the class (N,) of each sequence for a stratified split, None for one that is not."""
        by_class = self.labelled and isinstance(self.targets, np.ndarray)
        if stratify is not None and flag("stratify", stratify) and not by_class:
            raise ValueError(f"stratify=True needs targets that are one class a sequence, got {self._task()}")
        return np.asarray(self.targets) if by_class and stratify is not False else None

    def info_column(self, argument: str, name: str) -> pd.Series:
        """Return a column of `info`; the error where there is none names `argument`.

        Examples
        --------
        >>> info = pd.DataFrame({"speaker": ["ann", "bob"]})
        >>> Sequences([np.zeros((2, 1))] * 2, info=info).info_column("groups", "speaker").tolist()
        ['ann', 'bob']
        """
        columns = [] if self.info is None else list(map(str, self.info.columns))
        if not isinstance(name, str) or self.info is None or name not in self.info:
            has = f"has {', '.join(columns)}" if columns else "has none: give the dataset info=, a DataFrame"
            raise ValueError(
                f"{argument} must be a column of info, which {has}; got {name!r}.{did_you_mean(name, columns)}"
            )
        return self.info[name]

    def cut(self, steps: int) -> Self:
        """Return the dataset of pieces of at most `steps` steps of every sequence, with the targets of those steps.

        Weights of steps are cut in the same way; a sequence's weight is that of each of its pieces.

        Parameters
        ----------
        steps : int

        Raises
        ------
        ValueError
            If `steps` is not a positive integer, or targets are one a sequence.

        Examples
        --------
        >>> Sequences([np.zeros((7, 1))], [np.arange(7)]).cut(3).lengths
        array([3, 3, 1])
        """
        positive_int("steps", steps)
        if self.targets is not None and not self.per_step:
            raise ValueError("targets are one a sequence, so the sequences cannot be cut")
        places = [(i, start) for i, n in enumerate(self.lengths) for start in range(0, n, steps)]
        targets = None if self.targets is None else [self.targets[i][start : start + steps] for i, start in places]
        part = self._with(self.sequences.cut(places, steps), targets, places, np.array([i for i, _ in places]))
        part.resets = None if self.resets is None else [self.resets[i][start : start + steps] for i, start in places]
        if isinstance(self.weights, list):
            part.weights = [self.weights[i][start : start + steps] for i, start in places]
        return part

    def map(self, function: Callable[[Array], ArrayLike]) -> Self:
        """Return the dataset with `function` applied to every sequence (T_i, F), to lazy ones on access.

        Parameters
        ----------
        function : callable
            Maps a sequence to a sequence; to one of the same length where targets are one a step.

        Examples
        --------
        >>> Sequences([np.ones((2, 3))]).map(lambda x: x[:, :1]).feature_size
        1
        """
        mapped = self.sequences.map(function_of("function", function, 1))
        dataset = type(self)(
            mapped,
            self.targets,
            classes=self.classes,
            ids=self.ids,
            info=self.info,
            per_step=self.per_step,
            resets=self.resets,
            weights=self.weights,
            dtype=self.dtype,
        )
        dataset._take_names(self)
        return dataset

    def _take_names(self, other: "Sequences") -> None:
        """Take the feature names of another dataset where it has the same number of features."""
        first = self.sequences[0]
        same = first.shape[1:] == other.sequences[0].shape[1:]
        self.feature_names = other.feature_names if same else frames.default_names(first)

    def statistics(self) -> tuple[Array, Array]:
        """Return the mean and standard deviation of each feature over all steps, (F,) and (F,) in float64.

        See Also
        --------
        rnnbp.data.standardizer.Standardizer : standardizes features by those of a training set.

        Examples
        --------
        >>> Sequences([np.array([[1.0], [3.0]])]).statistics()
        (array([2.]), array([1.]))
        """
        found = self._moments()
        return found.mean, found.std

    def _moments(self) -> Moments:
        return moments(s.reshape(len(s), self.feature_size) for s in self.sequences)

    def describe(self) -> pd.DataFrame:
        """Return a table of counts and lengths, of all sequences and of each class.

        Where each step has a class, the sequences of a class are those in which it occurs, and its steps those that
        have it. Where targets are label sequences, its steps are the number of its occurrences.

        Examples
        --------
        >>> Sequences([np.zeros((7, 12)), np.ones((9, 12))], targets=["a", "b"]).describe()
             sequences  steps  shortest  median  longest
        all          2     16         7     8.0        9
        a            1      7         7     7.0        7
        b            1      9         9     9.0        9
        """
        return frames.describe(self.lengths, self.targets if self.labelled else None, self.classes)

    def describe_features(self) -> pd.DataFrame:
        """Return a table of the mean, standard deviation and range of each feature over all steps.

        Examples
        --------
        >>> Sequences([np.array([[1.0, 0.0], [3.0, 0.0]])]).describe_features()
            mean  std  min  max
        x0   2.0  1.0  1.0  3.0
        x1   0.0  0.0  0.0  0.0
        """
        found = self._moments()
        columns = {"mean": found.mean, "std": found.std, "min": found.low, "max": found.high}
        return pd.DataFrame(columns, index=list(self.feature_names))

    def __repr__(self) -> str:
        inside = counted(self.feature_size, "feature") if self.sequences[0].ndim == 2 else "tokens"
        weighted = "" if self.weights is None else ", weighted"
        return (
            f"{type(self).__name__}: {counted(len(self), 'sequence')}{self._span()}, {inside}; {self._task()}{weighted}"
        )

    def _repr_html_(self) -> str:
        known = {"features": some(self.feature_names), "targets": self._task(), "dtype": str(self.dtype)}
        if self.sequences.known_lengths is not None:
            known = {"steps": f"{self.lengths.sum()} in all, {np.median(self.lengths):g} at the median"} | known
        if self.classes is not None:
            known["classes"] = some(self.classes)
        if self.resets is not None:
            known["resets"] = f"{sum(int(flags.sum()) for flags in self.resets)} in all"
        if self.weights is not None:
            known["weights"] = "one a step" if isinstance(self.weights, list) else "one a sequence"
        if self.info is not None:
            known["info"] = some([str(name) for name in self.info])
        return as_html(f"{type(self).__name__}: {counted(len(self), 'sequence')}{self._span()}", known)

    def _span(self) -> str:
        """Return the range of lengths in words; empty where lazy sequences would have to be loaded for it."""
        if self.sequences.known_lengths is None:
            return ""
        low, high = self.lengths.min(), self.lengths.max()
        return f" of {low} to {high} steps" if low != high else f" of {counted(low, 'step')}"

    def _task(self) -> str:
        if self.targets is None:
            return "no targets"
        what = "values" if not self.labelled else f"{len(self.classes)} classes" if self.classes else "classes"
        if isinstance(self.targets, LabelSequences):
            return f"label sequences of {what}"
        where = "a step" if self.per_step else "a sequence"
        return what if self.classes and not self.per_step else f"{what} {where}"
