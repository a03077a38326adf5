"""Connectionist temporal classification: the loss of unsegmented label sequences."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from rnnbp.data import LabelSequences, item_weights, label_sequences
from rnnbp.decoding import greedy
from rnnbp.decoding.best_path import check_blank
from rnnbp.decoding.lattice import Lattice, log_softmax
from rnnbp.kernels import may_compile
from rnnbp.losses.base import Loss
from rnnbp.losses.ctc_arrays import ctc_arrays
from rnnbp.losses.shapes import Array, as_outputs, real_items
from rnnbp.metrics import ErrorRate, token_error_rate
from rnnbp.runtime import as_numbers, flag, get_num_threads, natural_int, refuses_by_name


class CTC(Loss):
    """Connectionist temporal classification: the negative log-probability of a label sequence, softmax included.

    The network has one output for each label and one for the blank. An alignment pi is a label or the blank at every
    step, which gives the label sequence when repetitions and then blanks are removed. The loss sums over all alignments
    of the label sequence with the steps::

        loss = -log sum_pi prod_t y[t, pi[t]],      y = softmax(outputs)

    The sum is computed by the forward-backward algorithm, in log space and float64; with Numba (the extra `fast`) by a
    compiled kernel.

    The loss of a batch is the mean over its sequences. (PyTorch's default divides the loss of each sequence by its
    number of labels first; the same as here is ``reduction="sum"`` divided by B.)

    Parameters
    ----------
    blank : int, default 0
        Index of the blank among the K outputs.
    zero_infinity : bool, default False
        Whether the loss and gradient of a sequence without any alignment of positive probability are 0.

    Raises
    ------
    ValueError
        When called: if the shapes do not fit, if a label is the blank or not below K, or, unless `zero_infinity`, if a
        sequence is too short for its labels: it needs a step for each, and one more between two that are the same.

    Notes
    -----
    The loss is not a sum over steps. It needs gradient algorithms that run a whole sequence before they compute the
    loss: `BPTT`, also with checkpoints, `ForwardGradient` and the numerical ones. Truncated and online algorithms raise
    an error.

    References
    ----------
    A. Graves, S. Fernández, F. Gomez & J. Schmidhuber (2006), "Connectionist temporal classification: labelling
    unsegmented sequence data with recurrent neural networks", ICML 23, 369-376, equations 6 to 16,
    doi:10.1145/1143844.1143891

    See Also
    --------
    rnnbp.LabelSequences : the targets.
    rnnbp.decoding : decoding of outputs to labels.

    Examples
    --------
    The label 1 has three alignments with two steps: 1 1, blank 1 and 1 blank.

    >>> value, d_outputs = CTC()(np.zeros((2, 1, 3)), [[1]])
    >>> bool(np.isclose(value, -np.log(3 / 9))), d_outputs.shape
    (True, (2, 1, 3))
    >>> CTC()(np.zeros((2, 1, 3)), [[1, 1]])
    Traceback (most recent call last):
    ValueError: sequence b=0 has 2 steps, but its 2 labels need 3, 1 of them for blanks between ...
    """

    name = "ctc"
    metric = "token_error_rate"

    def __init__(self, blank: int = 0, zero_infinity: bool = False) -> None:
        self.blank, self.zero_infinity = natural_int("blank", blank), flag("zero_infinity", zero_infinity)

    @refuses_by_name
    def __call__(
        self,
        outputs: ArrayLike,
        targets: Any,
        lengths: ArrayLike | None = None,
        weights: ArrayLike | None = None,
    ) -> tuple[Any, Array]:
        """Compute the loss of a batch and its gradient.

        Parameters
        ----------
        outputs : array_like (T, B, K), float or complex
        targets : LabelSequences, or a sequence of array_like (L_b,) of int
            The labels of each of the B sequences.
        lengths : array_like (B,), optional
            Number of steps of each sequence. Default: T for all.
        weights : array_like (B,), optional
            Weight of each sequence. Default: 1.

        Returns
        -------
        value : float
            Complex if the outputs are.
        d_outputs : ndarray (T, B, K), of the dtype of the outputs
            Exactly zero past a sequence's end.
        """
        outputs, labels = as_outputs(outputs), label_sequences(targets)
        steps = self._steps(outputs, labels, lengths)
        if weights is not None:
            return self._weighted(outputs, labels, steps, item_weights(weights, (len(labels),)))
        losses, d = self._of_sequences(outputs, labels, steps)
        with np.errstate(over="ignore", invalid="ignore"):
            return losses.mean().item(), np.divide(d, len(labels), dtype=outputs.dtype)

    def _weighted(self, outputs: Array, labels: LabelSequences, steps: Array, weights: Array) -> tuple[Any, Array]:
        """Return the weighted mean over the sequences of a weight above 0, and its gradient."""
        chosen, d_outputs = np.flatnonzero(weights), np.zeros_like(outputs)
        if not chosen.size:
            return 0.0, d_outputs
        losses, d = self._of_sequences(outputs[:, chosen], labels[chosen], steps[chosen])
        factors = weights[chosen] / weights.sum()
        with np.errstate(over="ignore", invalid="ignore"):
            d_outputs[:, chosen] = d * factors[:, None].astype(outputs.real.dtype)
            return (losses * factors).sum().item(), d_outputs

    def _of_sequences(self, outputs: Array, labels: LabelSequences, steps: Array) -> tuple[Array, Array]:
        """Return the loss of each sequence (B,), and its gradient (T, B, K)."""
        lattice = Lattice.of(labels, self.blank)
        self._check_room("sequence b=", labels, lattice.steps_needed, steps)
        with np.errstate(over="ignore", invalid="ignore"):  # a value that is not finite is returned
            kernel = _compiled if _may_compile(outputs) else ctc_arrays
            losses, d = kernel(outputs, lattice, steps)
            if self.zero_infinity:
                infinite = np.isposinf(losses.real)
                losses[infinite], d[:, infinite] = 0, 0
        return losses, d

    def _steps(self, outputs: Array, labels: LabelSequences, lengths: ArrayLike | None) -> Array:
        """Return the number of steps of each sequence; raise if an argument does not fit."""
        if outputs.ndim != 3:
            raise ValueError(
                f"outputs must have shape (T, B, K) for CTC, got {outputs.shape}: leave out the layer that pools "
                "over time (rnnbp.Last())"
            )
        T, B, K = outputs.shape
        check_blank(self.blank, K)
        if len(labels) != B:
            raise ValueError(f"targets must be labels for each of the B = {B} sequences, got {len(labels)}")
        real_items((T, B), lengths)
        self._check_labels("targets[b={}]", labels, K)
        return np.full(B, T) if lengths is None else as_numbers("lengths", lengths).astype(np.int64)

    def check_dataset(self, targets: Any, lengths: Callable[[], Array], K: int) -> None:
        """Raise if a label is the blank or not below K, or a sequence too short for its labels, unless `zero_infinity`.

        Parameters
        ----------
        targets : LabelSequences
        lengths : callable
            Returns the number of steps of each sequence (N,).
        K : int
        """
        labels = label_sequences(targets)
        self._check_labels("sequence {}", labels, K)
        self._check_room("sequence ", labels, Lattice.of(labels, self.blank).steps_needed, lengths())

    def _check_room(self, name: str, labels: LabelSequences, needed: Array, steps: Array) -> None:
        short = needed > steps
        if self.zero_infinity or not short.any():
            return
        i = int(np.argmax(short))
        blanks = needed[i] - labels.lengths[i]
        of_blanks = f", {blanks} of them for blanks between two that are the same" if blanks else ""
        raise ValueError(
            f"{name}{i} has {steps[i]} steps, but its {labels.lengths[i]} labels need {needed[i]}{of_blanks}: leave it "
            "out, or let it count as 0 by zero_infinity=True"
        )

    def _check_labels(self, name: str, labels: LabelSequences, K: int) -> None:
        flat = np.concatenate(labels.labels)
        wrong = (flat >= K) | (flat == self.blank)
        if wrong.any():
            place = int(np.argmax(wrong))
            b = int(np.searchsorted(np.cumsum(labels.lengths), place, side="right"))
            why = "is the blank" if flat[place] == self.blank else f"is not one of the K = {K} outputs 0..{K - 1}"
            raise ValueError(
                f"label {flat[place]} in {name.format(b)} {why}: the network has one output for each label and one "
                "for the blank"
            )

    def total(self, targets: Any, lengths: ArrayLike | None = None, weights: ArrayLike | None = None) -> float:
        """Return the number of sequences, or the sum of their weights."""
        return float(len(targets) if weights is None else item_weights(weights, (len(targets),)).sum())

    def masked(
        self, outputs: ArrayLike, targets: Any, mask: Array, total: float, weights: ArrayLike | None = None
    ) -> tuple[Any, Array]:
        """Raise: the loss of a sequence is not a sum over its steps.

        Raises
        ------
        ValueError
            Always.
        """
        raise ValueError(
            "CTC is the loss of a whole sequence and no sum over its steps: take a gradient algorithm that runs "
            "through all of it first, such as BPTT() or BPTT(memory=...)"
        )

    def probabilities(self, outputs: ArrayLike) -> Array:
        """Return softmax(outputs) over the last axis, (..., K): the probabilities of labels and blank at each step.

        Examples
        --------
        >>> CTC().probabilities(np.log([[[1.0, 3.0]]]))
        array([[[0.25, 0.75]]])
        """
        return np.exp(log_softmax(as_outputs(outputs)))

    def predict(self, outputs: ArrayLike) -> Array:
        """Return the labels of one sequence, by greedy decoding.

        Parameters
        ----------
        outputs : array_like (T, K)

        Returns
        -------
        ndarray (L,) of int64

        Examples
        --------
        >>> CTC().predict(np.eye(3)[[1, 1, 0, 1, 2]])
        array([1, 1, 2])
        """
        return greedy(outputs, self.blank)

    def named(self, predicted: Array, classes: Sequence[str]) -> list[str]:
        """Return the names of the labels of a sequence."""
        return [str(name) for name in super().named(predicted, classes)]

    @refuses_by_name
    def errors(
        self, outputs: ArrayLike, targets: Any, lengths: ArrayLike | None = None, weights: ArrayLike | None = None
    ) -> ErrorRate:
        """Return the edits between greedy decoding and the targets, times the weight of their sequence.

        Parameters
        ----------
        outputs, targets, lengths, weights
            The arguments of the loss.

        Examples
        --------
        >>> print(CTC().errors(np.eye(3)[[[1], [0], [2]]], [[1]]))
        100.00 % (0 substituted, 1 inserted, 0 deleted of 1)
        """
        outputs, labels = as_outputs(outputs), label_sequences(targets)
        steps = self._steps(outputs, labels, lengths)
        predicted = [self.predict(outputs[:n, b]) for b, n in enumerate(steps)]
        if weights is None:
            return token_error_rate(labels, predicted)
        given = item_weights(weights, (len(labels),))
        alike = [(weight, np.flatnonzero(given == weight)) for weight in np.unique(given[given > 0])]
        rates = (token_error_rate(labels[here], (predicted[b] for b in here)).times(w) for w, here in alike)
        return sum(rates, ErrorRate())

    def score(
        self, outputs: ArrayLike, targets: Any, lengths: ArrayLike | None = None, weights: ArrayLike | None = None
    ) -> float:
        """Return the token error rate of greedy decoding: less is better.

        Examples
        --------
        >>> CTC().score(np.eye(3)[[[1], [0], [2]]], [[1, 2]])
        0.0
        """
        return self.errors(outputs, targets, lengths, weights).rate

    def evidence(self, outputs: Array, targets: LabelSequences, due: Array, weights: Array | None = None) -> ErrorRate:
        """Return the edits between greedy decoding and the targets of a batch."""
        return self.errors(outputs, targets, due.sum(axis=0), weights)

    def pooled_score(self, batches: Sequence[ErrorRate]) -> float:
        """Return the token error rate over all batches."""
        return sum(batches, ErrorRate()).rate


SMALLEST_SHARD = 1e4  # states and outputs of all steps, which take about 0.1 ms


def _may_compile(outputs: Array) -> bool:
    """Return whether compiled code may be used, for the dtype of the outputs."""
    return outputs.dtype in (np.float32, np.float64) and may_compile()


def _compiled(outputs: Array, lattice: Lattice, lengths: Array) -> tuple[Array, Array]:
    """Compute what `ctc_arrays` computes, with the sequences distributed over threads."""
    from rnnbp.kernels.compiled.compiling import argument
    from rnnbp.kernels.team import run_shards
    from rnnbp.losses.ctc_compiled import ctc_sequences

    T, B, K = outputs.shape
    work = T * B * (K + lattice.labels.shape[1])
    shards = max(1, min(get_num_threads(), B, int(work / SMALLEST_SHARD)))
    losses, d = np.empty(B), np.zeros_like(outputs, order="C")
    arguments = (argument(outputs, outputs.dtype), lattice.labels, lattice.states, lattice.skips, lengths, losses, d)
    run_shards(shards, lambda signals, shard, shards: ctc_sequences(signals, *arguments, shard, shards))
    return losses, d
