"""SequenceDataset: sequences with targets, batches of them, and tables."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, DTypeLike

from rnnbp.data import frames
from rnnbp.data.batch import SequenceBatch, collate, collate_part, stream_batches, stream_parts
from rnnbp.data.categories import ordered_names
from rnnbp.data.in_memory import InMemorySequences
from rnnbp.data.lazy import LazySequences
from rnnbp.data.parts import Share, check_share
from rnnbp.data.resets import stream_resets
from rnnbp.data.sequences import Sequences
from rnnbp.data.shifted import columns_of, shifted_sequences
from rnnbp.data.splits import bucketed, first_batch, pieces, unpadded
from rnnbp.data.standardizer import Standardizer
from rnnbp.data.targets import Targets
from rnnbp.data.tokenizer import CharTokenizer
from rnnbp.data.weights import unpadded_weights
from rnnbp.runtime import as_array, floating, natural_int, positive_int, refuses_by_name

__all__ = ["SequenceBatch", "SequenceDataset", "Standardizer", "collate", "stream_batches"]

Array = np.ndarray


@refuses_by_name
class SequenceDataset(Sequences):
    """Dataset of sequences of any lengths with one target per sequence or per step, or a sequence of labels each.

    Parameters
    ----------
    sequences : sequence of array_like (T_i, F), or of integer tokens (T_i,); or rnnbp.data.LazySequences of such
        At least one, none empty, all of the same F, without NaN or infinity. Lazy ones are loaded and checked
        on access, and so are their subsets and maps.
    targets : optional
        One a sequence: N classes (integers, or names, which are numbered in sorted order, or that of an ordered
        pandas Categorical), or an array of (N,) or (N, K) values, or a list of N times K values.
        One a step: a list of N arrays, the i-th of length T_i, of classes (-1, or None among names, where a step has
        none) or values (NaN where there is none), or of (T_i, K) values.
        `rnnbp.LabelSequences`: a sequence of labels for each, of a length of its own, for `rnnbp.CTC`.
    classes : sequence of str, optional
        Names of the classes, in order; integer labels must be below their number.
    ids : sequence, optional
        A name for each sequence. Default: 0, 1, ...
    info : DataFrame, optional
        Further information on each sequence, one row each: the speaker, for example. Subsets have their rows of it.
    feature_names : sequence of str, optional
        Names of the F features. Default: 'x0', 'x1', ...; 'token' for tokens.
    per_step : bool, optional
        Whether targets are one a step. Default: integers and names for each sequence are classes of its steps; so are
        values where their numbers differ between sequences; a list of as many values for each sequence, all of which
        have as many steps too, could be either and is refused.
    resets : list of array_like (T_i,) of bool, optional
        For each sequence, the steps before which the state is set back to the initial state, as at the beginning of an
        episode: the gradient stops there. Default: none.
    weights : optional
        Weights in the loss and the score, 0 or more: N numbers, one a sequence; or a list of N arrays (T_i,), one a
        step, where targets are one a step. A sequence's weight counts for each of its steps. The loss is the weighted
        sum divided by the sum of the weights: a sequence of weight 2 counts as two of it, one of weight 0 as none.
        Default: 1 for all.
    dtype : dtype, default float32
        Of the sequences.

    Attributes
    ----------
    sequences : list of ndarray (T_i, F) or (T_i,), or LazySequences
    targets : ndarray (N,) of int or (N, K) of float; or list of ndarray (T_i,) or (T_i, K); or LabelSequences; or None
        Values given as (N,) or (T_i,) are stored as (N, 1) or (T_i, 1).
    classes : tuple of str, or None
    lengths : ndarray (N,)
    feature_size : int
        F; 1 for tokens.
    weights : ndarray (N,), list of ndarray (T_i,), or None
        In float64. Inherited by subsets, splits, pieces and maps.
    ids : list
    info : DataFrame, or None
    feature_names : tuple of str
        Inherited by subsets and splits, and by maps to the same number of features.
    resets : list of ndarray (T_i,) of bool, or None
    tokenizer : CharTokenizer, or None
        Of the tokens, where they are the characters of a text (`from_text`). Inherited by subsets.
    rows : int, or None
        Number of parallel rows of a stream (`from_stream`): each of its batches of this size continues the one before.
        Inherited by maps, and by subsets that are whole consecutive batches.

    Raises
    ------
    ValueError
        If anything does not fit; the message names the sequence.

    Examples
    --------
    >>> data = SequenceDataset([np.zeros((7, 12)), np.ones((9, 12))], targets=["no", "yes"])
    >>> data
    SequenceDataset: 2 sequences of 7 to 9 steps, 12 features; 2 classes
    >>> data.targets, data.classes
    (array([0, 1]), ('no', 'yes'))
    """

    tokenizer: CharTokenizer | None = None
    rows: int | None = None

    def at_epoch(self, epoch: int) -> "SequenceDataset":
        """Return the dataset to train on in an epoch, counted from 1: here always the dataset itself.

        See Also
        --------
        rnnbp.data.ResampledDataset : other sequences in every epoch.

        Examples
        --------
        >>> data = SequenceDataset([np.zeros((7, 12))])
        >>> data.at_epoch(3) is data
        True
        """
        natural_int("epoch", epoch)
        return self

    @refuses_by_name
    def batch(self, dtype: DTypeLike | None = None) -> SequenceBatch:
        """Return the whole dataset as one batch, longest sequence first.

        Parameters
        ----------
        dtype : dtype, optional
            Default: the dataset's.

        Examples
        --------
        >>> SequenceDataset([np.zeros((7, 12)), np.ones((9, 12))]).batch().x.shape
        (9, 2, 12)
        """
        batch = collate(self.sequences, self.targets, np.arange(len(self)), self.resets, self.weights)
        return batch if dtype is None else batch.astype(floating("dtype", dtype))

    def batches(
        self,
        batch_size: int,
        shuffle: bool = False,
        rng: np.random.Generator | None = None,
        bucket: int = 1,
        start: int = 0,
        share: tuple[int, int] | None = None,
    ) -> Iterator[SequenceBatch]:
        """Iterate over the dataset in batches, each sorted by length, longest first.

        Random numbers are drawn from `rng` by the call itself, not by the iteration, and the same ones whatever `start`
        is: with `rng` in the state of the interrupted call, an iteration continues at any batch.

        Parameters
        ----------
        batch_size : int
            B; the last batch may be smaller.
        shuffle : bool, default False
            Use a random order, another one at each call.
        rng : numpy.random.Generator, optional
            Needed to shuffle.
        bucket : int, default 1
            Number of batches whose sequences are sorted by length together before they are cut into batches, which then
            have sequences of similar length and little padding; with `shuffle`, the batches are in random order.
        start : int, default 0
            Begin at this batch, without computing those before it; at the number of batches, there are none.
        share : (int, int), optional
            Rank r and number of ranks n, for several processes that compute each batch together: of the sequences of
            every batch, longest first, the r-th, (r + n)-th, ... are yielded. Each part has as many steps as the whole
            batch: before sequences that are all shorter, or where a part would be empty, comes the longest one of the
            batch, of weight 0. `SequenceBatch.part` says which sequences they are. Default: whole batches.

        Raises
        ------
        ValueError
            If a size is not a positive integer, `shuffle` is True without `rng`, `start` is not from 0 to the number
            of batches, or `share` is not (rank, ranks).

        Examples
        --------
        >>> data = SequenceDataset([np.zeros((n, 1)) for n in (2, 9, 3, 8)])
        >>> [b.lengths.tolist() for b in data.batches(2, bucket=2)]
        [[9, 8], [3, 2]]
        >>> [b.lengths.tolist() for b in data.batches(2, bucket=2, start=1)]
        [[3, 2]]
        >>> [(b.lengths.tolist(), b.weights) for b in data.batches(2, bucket=2, share=(1, 2))]
        [([9, 8], array([0., 1.])), ([3, 2], array([0., 1.]))]
        """
        first = first_batch(len(self), batch_size, shuffle, rng, bucket, start)
        order = np.arange(len(self)) if rng is None or not shuffle else rng.permutation(len(self))
        parts = pieces(order, batch_size) if bucket == 1 else bucketed(order, self.lengths, batch_size, bucket)
        if shuffle and rng is not None and bucket > 1:
            parts = [parts[i] for i in rng.permutation(len(parts))]
        if share is None:
            return (collate(self.sequences, self.targets, part, self.resets, self.weights) for part in parts[first:])
        own = check_share(share)
        return (self._part(part, own) for part in parts[first:])

    def _part(self, places: Array, share: Share) -> SequenceBatch:
        """Return the part of one process of the batch of some sequences."""
        sequences: Any = self.sequences
        known: Any = sequences.known_lengths if isinstance(sequences, LazySequences) else None
        if known is None:  # all have to be loaded, once
            sequences = {i: sequences[i] for i in places.tolist()}
            known = {i: len(one) for i, one in sequences.items()}
        lengths = np.array([known[i] for i in places.tolist()])
        return collate_part(sequences, self.targets, places, self.resets, self.weights, lengths, share)

    def repeated(self, batch_size: int, share: Share | None = None) -> Iterable[SequenceBatch]:
        """Return the batches in order, to be iterated over many times; those of shards are read each time.

        Parameters
        ----------
        batch_size : int
        share : (int, int), optional
            As in `batches`.

        Examples
        --------
        >>> batches = SequenceDataset([np.zeros((n, 1)) for n in (2, 9, 3)]).repeated(2)
        >>> [[batch.size for batch in batches] for _ in range(2)]
        [[2, 1], [2, 1]]
        """
        return list(self.batches(batch_size, share=share))

    @refuses_by_name
    def shifted(self, steps: int = 1, features: str | int | Sequence[str | int] | None = None) -> "SequenceDataset":
        """Return the dataset whose target at every step are the next steps of the sequence itself.

        The last `steps` steps of every sequence are targets only. Targets of the dataset are left out. A step that
        follows after a reset is no target: it does not count in the loss. Weights of steps are those of the step from
        which is predicted.

        Parameters
        ----------
        steps : int, default 1
            n, how many steps each target has.
        features : str or int, or several, optional
            The features that are predicted. Default: all.

        Returns
        -------
        SequenceDataset
            Its targets are [x[t+1] | x[t+2] | ... | x[t+n]], n times the number of features; for tokens, with n = 1,
            the classes x[t+1].

        Raises
        ------
        ValueError
            If a sequence has no more than n steps, tokens are given other arguments, or the dataset is a stream.

        See Also
        --------
        from_text : a stream of text, whose targets are the next characters.
        rnnbp.Sequential.forecast : the forecasts of a model that was trained on it.

        Examples
        --------
        >>> data = SequenceDataset([np.arange(5.0)[:, None]]).shifted(2)
        >>> data.sequences[0].ravel(), data.targets[0].tolist()
        (array([0., 1., 2.], dtype=float32), [[1.0, 2.0], [2.0, 3.0], [3.0, 4.0]])
        """
        positive_int("steps", steps)
        if self.rows is not None:
            raise ValueError(
                "the dataset is a stream, whose pieces follow one another: shift the sequence before it is cut, by "
                "SequenceDataset.from_stream(x[:-1], x[1:], ...)"
            )
        tokens = self.sequences[0].ndim == 1
        if tokens and (steps > 1 or features is not None):
            raise ValueError("tokens are classes, one of them a target: steps must be 1, without features")
        columns = None if tokens else columns_of(self.feature_names, features)
        sequences, targets = shifted_sequences(self.sequences, steps, columns, self.resets)
        shifted = SequenceDataset(
            sequences,
            targets,
            classes=self.tokenizer.characters if tokens and self.tokenizer is not None else None,
            ids=self.ids,
            info=self.info,
            feature_names=None if tokens else self.feature_names,
            per_step=True,
            resets=None if self.resets is None else [flags[:-steps] for flags in self.resets],
            weights=[w[:-steps] for w in self.weights] if isinstance(self.weights, list) else self.weights,
            dtype=self.dtype,
        )
        shifted.tokenizer = self.tokenizer
        return shifted

    @refuses_by_name
    def map(self, function: Callable[[Array], ArrayLike]) -> Self:
        mapped = super().map(function)
        mapped.rows = self.rows
        return mapped

    def _with(
        self, sequences: InMemorySequences | LazySequences, targets: Targets | None, ids: list[Any], places: Array
    ) -> Self:
        part = super()._with(sequences, targets, ids, places)
        part.rows = self.rows if self.rows and whole_batches(places, self.rows) else None
        return part

    @refuses_by_name
    def to_frame(self, info: str | Sequence[str] = ()) -> pd.DataFrame:
        """Return a table with one row per step: `sequence` (its id), `step`, one column per feature, and `target`.

        Features have their names; targets of several values are `target0`, `target1`, ... Where there are weights, they
        are the column `sample_weight`, and where there are reset flags, these the column `reset`.

        Parameters
        ----------
        info : str, or several
            Columns of `info` to include, repeated at all steps of a sequence.

        Raises
        ------
        ValueError
            If `info` has no such column, or two columns would have one name.

        Examples
        --------
        >>> SequenceDataset([np.array([[1.0], [3.0]])], targets=["yes"]).to_frame()
           sequence  step   x0 target
        0         0     0  1.0    yes
        1         0     1  3.0    yes
        """
        names = [info] if isinstance(info, str) else list(info)
        about = pd.DataFrame({name: self.info_column("info", name) for name in names}) if names else None
        given = self.sequences, self.targets, self.classes, self.ids, self.feature_names
        return frames.to_frame(*given, about, self.weights, self.resets)

    @classmethod
    @refuses_by_name
    def from_frame(
        cls,
        frame: pd.DataFrame,
        *,
        sequence: str = "sequence",
        step: str | None = "step",
        target: str | Sequence[str] | None = "target",
        features: str | Sequence[str] | None = None,
        info: str | Sequence[str] | None = None,
        weight: str | None = "sample_weight",
        reset: str | None = "reset",
        classes: Sequence[str] | None = None,
        per_step: bool | None = None,
        dtype: DTypeLike = np.float32,
    ) -> "SequenceDataset":
        """Create a dataset from a table with one row per step, as `to_frame` returns it.

        Parameters
        ----------
        frame : DataFrame
        sequence : str
            The column that identifies the sequence of a row; sequences are in order of appearance.
        step : str or None
            The column of step numbers, which need not be sorted. None: the rows of a sequence are its steps, in order.
        target : str, or several, or None
            The column, or columns of values. The default is 'target', or else 'target0', 'target1', ..., or none where
            there are no such columns.
        features : str, or several, optional
            The columns of features; they become the `feature_names`. Default: all other columns of numbers. A single
            one called `token` that holds integers makes sequences of tokens.
        info : str, or several, optional
            The columns that go into the dataset's `info`; each must be the same at all steps of a sequence. Default:
            all columns that nothing else names; where `features` are given, those of them that are.
        weight : str or None
            The column of weights in the loss: of sequences, or of steps if it changes within a sequence. The default is
            'sample_weight', or none where there is no such column.
        reset : str or None
            The column of reset flags, True or False. The default is 'reset', or none where there is no such column of
            True and False.
        classes : sequence of str, optional
            Names of the classes, if their order matters or not all occur.
        per_step : bool, optional
            Whether targets are one a step. Default: unless they are the same at all steps of every sequence.
        dtype : dtype, default float32

        Raises
        ------
        ValueError
            If a column is missing, is not numeric where it must be, changes within a sequence where it must not, or a
            sequence has a step twice. The message names the argument that helps.

        Examples
        --------
        >>> frame = pd.DataFrame({"sequence": [1, 1, 2], "step": [0, 1, 0], "x": [0.5, 1, 2]})
        >>> frame["target"] = ["a", "a", "b"]
        >>> SequenceDataset.from_frame(frame)
        SequenceDataset: 2 sequences of 1 to 2 steps, 1 feature; 2 classes
        >>> SequenceDataset.from_frame(frame.assign(speaker=["ann", "ann", "bob"])).info
          speaker
        0     ann
        1     bob
        """
        table = frames.from_frame(frame, sequence, step, target, features, info, per_step, weight, reset)
        return cls(
            table.sequences,
            table.targets,
            classes=classes,
            ids=table.ids,
            info=table.info,
            feature_names=table.names,
            per_step=table.per_step,
            weights=table.weights,
            resets=table.resets,
            dtype=dtype,
        )

    @classmethod
    @refuses_by_name
    def from_padded(
        cls,
        x: ArrayLike,
        lengths: ArrayLike | None = None,
        targets: Any = None,
        *,
        classes: Sequence[str] | None = None,
        per_step: bool | None = None,
        weights: ArrayLike | None = None,
        dtype: DTypeLike = np.float32,
    ) -> "SequenceDataset":
        """Create a dataset from a padded array, batch first; values past the length of a sequence are ignored.

        Parameters
        ----------
        x : array_like (N, T, F), or integer tokens (N, T)
        lengths : array_like (N,) of int, optional
            Default: T for all.
        targets : array_like or LabelSequences, optional
            One a sequence, (N,) classes or values; or one a step, (N, T) classes or values, or (N, T, K) values.
            (N, K) values a sequence need ``per_step=False``.
        classes : sequence of str, optional
        per_step : bool, optional
            Whether targets of two axes are one a step. Default: True, whatever their sizes.
        weights : array_like (N,) or (N, T), optional
            One a sequence, or, where targets are one a step, one a step.
        dtype : dtype, default float32

        Raises
        ------
        ValueError
            If the shapes do not fit or a length is not from 1 to T.

        Examples
        --------
        >>> SequenceDataset.from_padded(np.zeros((2, 5, 3)), lengths=[5, 2]).lengths
        array([5, 2])
        """
        sequences, targets, per_step = unpadded(as_array("x", x), lengths, targets, per_step)
        weights = unpadded_weights(weights, [len(s) for s in sequences], np.shape(x)[:2])
        return cls(sequences, targets, classes=classes, per_step=per_step, weights=weights, dtype=dtype)

    @classmethod
    @refuses_by_name
    def from_stream(
        cls,
        x: ArrayLike,
        targets: ArrayLike,
        batch_size: int,
        steps: int,
        *,
        reset: ArrayLike | None = None,
        weights: ArrayLike | None = None,
        dtype: DTypeLike = np.float32,
    ) -> "SequenceDataset":
        """Create a dataset from one long sequence, such that each batch of ``batches(batch_size)`` continues the last.

        For `rnnbp.Trainer` with ``stateful=True`` and the same `batch_size`, which is the dataset's `rows`.

        Parameters
        ----------
        x, targets, batch_size, steps, weights
            As `rnnbp.data.batch.stream_batches` takes them; targets may be names of classes too.
        reset : array_like (N,) of bool, optional
            Flags of the steps before which the state is set back to the initial state, the first ones of episodes.
        dtype : dtype, default float32

        Raises
        ------
        ValueError
            As `rnnbp.data.batch.stream_batches`.

        Examples
        --------
        >>> data = SequenceDataset.from_stream(np.arange(8)[:, None], np.arange(8), batch_size=2, steps=3)
        >>> [s[:, 0].astype(int).tolist() for s in data.sequences]
        [[0, 1, 2], [4, 5, 6], [3], [7]]
        """
        parts = list(stream_parts(x, targets, batch_size, steps, dtype, weights))
        pieces = [(here[:, r], aims[:, r]) for here, aims, _ in parts for r in range(batch_size)]
        sequences, wanted = [p for p, _ in pieces], [t for _, t in pieces]
        own = None if weights is None else [w[:, r] for _, _, w in parts if w is not None for r in range(batch_size)]
        resets = None if reset is None else stream_resets(reset, len(np.asarray(x)), batch_size, steps)
        names = ordered_names(targets)
        stream = cls(sequences, wanted, classes=names, per_step=True, resets=resets, weights=own, dtype=dtype)
        stream.rows = batch_size
        return stream

    @classmethod
    @refuses_by_name
    def from_text(
        cls, text: str, batch_size: int, steps: int, tokenizer: CharTokenizer | None = None
    ) -> "SequenceDataset":
        """Create a stream of the characters of a text, whose targets are the next characters.

        For `rnnbp.Trainer` with ``stateful=True`` and the same `batch_size`; the model that it trains has the
        tokenizer, and writes text by `rnnbp.Sequential.generate`.

        Parameters
        ----------
        text : str
        batch_size, steps : int
            As `from_stream` takes them.
        tokenizer : CharTokenizer, optional
            For validation and test, that of the training set: `tokenizer` of it. Default: that of the text.

        Raises
        ------
        ValueError
            If the text is shorter than ``batch_size + 1`` characters, or has a character that the tokenizer refuses.

        Examples
        --------
        >>> data = SequenceDataset.from_text("to be or not to be", batch_size=2, steps=4)
        >>> data
        SequenceDataset: 4 sequences of 4 steps, tokens; 7 classes a step
        >>> data.tokenizer.decode(data.sequences[0]), data.tokenizer.decode(data.targets[0])
        ('to b', 'o be')
        """
        tokenizer = CharTokenizer.fit(text) if tokenizer is None else tokenizer
        tokens = tokenizer.encode(text)
        if len(tokens) < 2:
            raise ValueError(f"text must have at least two characters, got {len(tokens)}")
        stream = cls.from_stream(tokens[:-1], tokens[1:], batch_size, steps)
        stream.classes, stream.tokenizer = tokenizer.characters, tokenizer
        return stream


def whole_batches(places: Array, rows: int) -> bool:
    """Return whether `places` are those of consecutive whole batches of `rows` sequences.

    Examples
    --------
    >>> whole_batches(np.arange(4, 8), 2), whole_batches(np.array([0, 1, 4, 5]), 2)
    (True, False)
    """
    return places[0] % rows == 0 and len(places) % rows == 0 and bool((np.diff(places) == 1).all())
