"""Cross entropy of logits for one of K classes."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from rnnbp import metrics
from rnnbp.losses.base import Accuracy
from rnnbp.losses.shapes import Array, as_outputs, axes, first_place, target_shape_error
from rnnbp.runtime import as_array, as_numbers, integer, number, refuses_by_name


@refuses_by_name
class CrossEntropy(Accuracy):
    """Categorical cross entropy of logits: the negative log-probability of the label, softmax included.

    For logits z and label c, ``loss = log(sum_k exp(z_k)) - z_c`` and ``d_k = softmax(z)_k - [k == c]``, each times the
    weight of class c; the mean divides by the sum of the weights, as in PyTorch. With label smoothing e the target
    distribution is 1 - e + e / K for the label and e / K for every other class (times the weight of that class,
    as in PyTorch), which penalizes overconfidence.

    Parameters
    ----------
    class_weight : array_like (K,), optional
        Weight of the items of each class, 0 or more. Default: 1.
    ignore : int, default -1
        Items with this label have weight 0; it marks steps without a label.
    label_smoothing : float, default 0
        e, between 0 and 1.

    Raises
    ------
    ValueError
        If a class weight is negative or not finite or `label_smoothing` is outside [0, 1]. When called: if the shapes
        do not fit, if targets are not integers, or if a label is not in 0..K-1.

    References
    ----------
    Szegedy, Vanhoucke, Ioffe, Shlens and Wojna (2016), "Rethinking the Inception architecture for computer vision",
    CVPR, section 7 (label smoothing). doi:10.1109/CVPR.2016.308

    Bridle (1990), "Probabilistic interpretation of feedforward classification network outputs, with
    relationships to statistical pattern recognition", in Neurocomputing, NATO ASI Series 68, 227-236.
    doi:10.1007/978-3-642-76153-9_28

    Examples
    --------
    >>> value, d_outputs = CrossEntropy()(np.zeros((1, 4)), [2])
    >>> round(value, 4), d_outputs
    (1.3863, array([[ 0.25,  0.25, -0.75,  0.25]]))
    >>> CrossEntropy()(np.zeros((1, 4)), [4])
    Traceback (most recent call last):
    ValueError: label 4 in targets[b=0] is not one of the K = 4 classes 0..3; -1 is ignored
    """

    name = "cross_entropy"
    metric = "accuracy"

    def __init__(self, class_weight: ArrayLike | None = None, ignore: int = -1, label_smoothing: float = 0.0) -> None:
        self.class_weight = (
            None if class_weight is None else as_numbers("class_weight", class_weight).astype(np.float64)
        )
        self.ignore = integer("ignore", ignore)
        self.label_smoothing = number("label_smoothing", label_smoothing, 0, 1)
        w = self.class_weight
        if w is not None and (w.ndim != 1 or not (np.isfinite(w) & (w >= 0)).all()):
            raise ValueError(f"class_weight must be K numbers of 0 or more, got {class_weight!r}")

    @refuses_by_name
    def __call__(
        self, outputs: Array, targets: Array, lengths: Array | None = None, weights: ArrayLike | None = None
    ) -> tuple[Any, Array]:
        if lengths is not None:
            as_numbers("lengths", lengths)
        if weights is None and self._counts_all(outputs, targets):  # as in nearly all batches: takes half the time
            return self._scaled(outputs, targets, np.ones(len(outputs), outputs.real.dtype), float(len(outputs)))
        return super().__call__(outputs, targets, lengths, weights)

    def _counts_all(self, outputs: Any, targets: Any) -> bool:
        """Return whether these are the logits (B, K) and valid labels of B sequences that all have weight 1."""
        if self.class_weight is not None or self.ignore >= 0 or not isinstance(targets, np.ndarray):
            return False
        fit = isinstance(outputs, np.ndarray) and outputs.ndim == 2 and targets.shape == outputs.shape[:1] != (0,)
        if not fit or outputs.dtype.kind not in "fc" or targets.dtype.kind not in "iu":
            return False
        return bool(targets.min() >= 0 and targets.max() < outputs.shape[1])

    def weights(self, targets: Array) -> Array:
        counts = targets != self.ignore
        if self.class_weight is None:
            return counts
        K = len(self.class_weight)
        wrong = counts & ((targets < 0) | (targets >= K))
        if wrong.any():
            raise ValueError(f"label {targets[wrong][0]} has no class weight: class_weight has {K}")
        return np.where(counts, self.class_weight[np.where(counts, targets, 0)], 0)

    def align(self, outputs: Array, targets: Array) -> Array:
        if targets.dtype.kind in "iu" and targets.shape == outputs.shape[:-1]:
            return targets
        wanted = axes(outputs.shape[:-1], "TB")
        if targets.dtype.kind not in "iu":
            fits = targets.shape == outputs.shape[:-1]
            must = "be integer class labels" if fits else f"have shape {wanted} and be integer class labels"
            got = f"{targets.dtype}" if fits else f"{targets.dtype} of shape {targets.shape}"
            raise ValueError(
                f"targets must {must}, got {got}: give classes as integers (y.astype(int)) or names, or take "
                "MeanSquaredError() for values"
            )
        raise target_shape_error(outputs, targets, wanted)

    def check(self, targets: Array, mask: Array, K: int) -> None:
        if self.class_weight is not None and len(self.class_weight) != K:
            count = len(self.class_weight)
            raise ValueError(f"class_weight must have a weight for each of the K = {K} outputs, got {count}")
        wrong = (targets < 0) | (targets >= K)
        if wrong.any() and (wrong := wrong & mask & (targets != self.ignore)).any():
            where, place = first_place(wrong, "tb")
            raise ValueError(
                f"label {targets[where]} in targets[{place}] is not one of the K = {K} classes 0..{K - 1}; "
                f"{self.ignore} is ignored"
            )

    def terms(self, outputs: Array, targets: Array, weights: Array) -> tuple[Array, Array]:
        d = np.subtract(outputs, outputs.real.max(axis=1, keepdims=True), order="C")
        flat, labels = d.reshape(-1), np.arange(0, d.size, d.shape[1]) + targets  # faster than pairs of indices
        wanted = total = weights
        if self.label_smoothing:
            others = self._smoothed_targets(d)
            wanted = weights * weights.dtype.type(1 - self.label_smoothing)
            total = wanted + others.sum()
        values = -wanted * flat[labels]
        if self.label_smoothing:
            values -= d @ others
        np.exp(d, out=d)
        norm = d.sum(axis=1)
        values += total * np.log(norm)
        d *= (total / norm)[:, None]
        flat[labels] -= wanted
        if self.label_smoothing:
            d -= others
        return values, d

    def _smoothed_targets(self, outputs: Array) -> Array:
        """Return the weighted target probability of each class from smoothing, (K,)."""
        K = outputs.shape[1]
        weight = np.ones(K) if self.class_weight is None else self.class_weight
        return (weight * (self.label_smoothing / K)).astype(outputs.real.dtype)

    def probabilities(self, outputs: ArrayLike) -> Array:
        """Return softmax(outputs) over the last axis, (..., K).

        Examples
        --------
        >>> CrossEntropy().probabilities([[0.0, np.log(3.0)]])
        array([[0.25, 0.75]])
        """
        outputs = as_outputs(outputs)
        p = np.exp(outputs - outputs.real.max(axis=-1, keepdims=True))
        return p / p.sum(axis=-1, keepdims=True)

    @refuses_by_name
    def sample(self, outputs: ArrayLike, rng: np.random.Generator) -> Array:
        """Return a random class of the probabilities of each item, (...) int64.

        Examples
        --------
        >>> CrossEntropy().sample(np.log([[0.5, 0.5], [1e-9, 1.0]]), np.random.default_rng(0))
        array([1, 1])
        """
        z = as_numbers("outputs", outputs).astype(np.float64)
        if not z.size or not np.isfinite(z.max()):
            raise ValueError(f"outputs must have shape (..., K), without infinity or NaN, got shape {z.shape}")
        below = np.cumsum(np.exp(z - z.max(axis=-1, keepdims=True)), axis=-1)
        drawn = rng.random((*z.shape[:-1], 1)) * below[..., -1:]
        return (below <= drawn).sum(axis=-1)

    def predict(self, outputs: ArrayLike) -> Array:
        """Return the most probable class of each item, (B,) or (T, B) int64.

        Examples
        --------
        >>> CrossEntropy().predict([[0.1, 0.7, 0.2]])
        array([1])
        """
        return as_outputs(outputs).real.argmax(axis=-1)

    def _right(self, outputs: Array, targets: Array) -> tuple[Array, Array]:
        return self.predict(outputs) == targets, targets != self.ignore

    def score(
        self,
        outputs: ArrayLike,
        targets: ArrayLike,
        lengths: ArrayLike | None = None,
        weights: ArrayLike | None = None,
    ) -> float:
        """Return the accuracy, without ignored labels.

        Examples
        --------
        >>> CrossEntropy().score([[0.1, 0.7], [0.9, 0.2], [0.3, 0.4]], [1, 1, -1])
        0.5
        """
        labels = self.predict(outputs)
        truth = as_array("targets", targets)
        if not truth.ndim or truth.dtype.kind not in "iub":
            raise ValueError(f"targets must be classes (B,) or (T, B), got {truth.dtype} of {truth.shape}")
        if lengths is not None:
            as_numbers("lengths", lengths)
        ends = lengths if labels.ndim == 2 else None
        return metrics.accuracy(truth, labels, ends, ignore=self.ignore, weights=weights)
