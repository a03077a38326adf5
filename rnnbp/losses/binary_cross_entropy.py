"""Binary cross entropy of logits, for K independent targets."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from rnnbp import metrics
from rnnbp.data import listed
from rnnbp.losses.base import Accuracy
from rnnbp.losses.shapes import Array, as_outputs, first_place
from rnnbp.losses.values import same_shape
from rnnbp.runtime import as_array, as_numbers


class BinaryCrossEntropy(Accuracy):
    """Binary cross entropy of logits, for K independent targets, logistic sigmoid included.

    For a logit z and a target y in [0, 1], ``loss = log(1 + exp(z)) - y z`` and ``d = sigmoid(z) - y``; the
    mean is over items and over K, as in PyTorch. A NaN target has weight 0.

    Targets have the shape of the outputs; with K = 1 the last axis may be omitted (two classes, 0 and 1).

    Raises
    ------
    ValueError
        When called: if the shapes do not fit, or if a target is not in [0, 1].

    References
    ----------
    Solla, Levin and Fleisher (1988), "Accelerated learning in layered neural networks", Complex Systems 2,
    625-639.

    Examples
    --------
    >>> value, d_outputs = BinaryCrossEntropy()(np.zeros((1, 2)), [[1.0, 0.0]])
    >>> round(value, 4), d_outputs
    (0.6931, array([[-0.25,  0.25]]))
    """

    name = "binary_cross_entropy"
    metric = "accuracy"

    def weights(self, targets: Array) -> Array:
        return ~np.isnan(targets)

    def align(self, outputs: Array, targets: Array) -> Array:
        return same_shape(outputs, targets)

    def check_classes(self, classes: Sequence[str], K: int) -> None:
        """Raise unless there are at most two classes for one output, which is the probability of the second one."""
        if len(classes) > 2 or K != 1:
            raise ValueError(
                f"{type(self).__name__} tells two classes apart by one output, got {len(classes)} classes, "
                f"{listed(classes)}, and K = {K} outputs: take CrossEntropy() and one output a class, or give K values "
                "from 0 to 1 as targets"
            )

    def check(self, targets: Array, mask: Array, K: int) -> None:
        wrong = mask[..., None] & ((targets < 0) | (targets > 1))
        if wrong.any():
            where, place = first_place(wrong, "tbk")
            raise ValueError(f"targets must be from 0 to 1, got {targets[where]:g} in targets[{place}]")

    def terms(self, outputs: Array, targets: Array, weights: Array) -> tuple[Array, Array]:
        z, y = np.where(weights > 0, outputs, 0), np.where(weights > 0, targets, 0).astype(outputs.real.dtype)
        positive = z.real > 0
        e = np.exp(np.where(positive, -z, z))
        values = np.log1p(e) + np.where(positive, z, 0) - y * z
        d = np.where(positive, 1, e) / (1 + e) - y
        return (values * weights).sum(axis=1), d * weights

    def probabilities(self, outputs: ArrayLike) -> Array:
        """Return sigmoid(outputs), of the same shape.

        Examples
        --------
        >>> BinaryCrossEntropy().probabilities([[0.0, np.log(3.0)]])
        array([[0.5 , 0.75]])
        """
        outputs = as_outputs(outputs)
        positive = outputs.real > 0
        e = np.exp(np.where(positive, -outputs, outputs))
        return np.where(positive, 1, e) / (1 + e)

    def sample(self, outputs: ArrayLike, rng: np.random.Generator) -> Array:
        """Return 1 with the probability of each output, else 0; int64, of the shape of the outputs.

        Examples
        --------
        >>> BinaryCrossEntropy().sample([[-50.0, 50.0]], np.random.default_rng(0))
        array([[0, 1]])
        """
        z = as_numbers("outputs", outputs).astype(np.float64)
        return (rng.logistic(size=z.shape) < z).astype(np.int64)

    def predict(self, outputs: ArrayLike) -> Array:
        """Return 1 where the probability is above one half, else 0; int64, of the shape of the outputs.

        Examples
        --------
        >>> BinaryCrossEntropy().predict([[-1.0, 2.0]])
        array([[0, 1]])
        """
        return (as_outputs(outputs).real > 0).astype(np.int64)

    def _right(self, outputs: Array, targets: Array) -> tuple[Array, Array]:
        y = same_shape(outputs, as_array("targets", targets))
        return self.predict(outputs) == (y > 0.5), ~np.isnan(y)

    def score(
        self,
        outputs: ArrayLike,
        targets: ArrayLike,
        lengths: ArrayLike | None = None,
        weights: ArrayLike | None = None,
    ) -> float:
        """Return the accuracy over all binary targets, without missing ones.

        A target of one half or less counts as 0.

        Examples
        --------
        >>> BinaryCrossEntropy().score([[-1.0, 2.0], [1.0, 1.0]], [[0.0, 1.0], [0.0, np.nan]])
        0.6666666666666666
        """
        predicted = self.predict(outputs)
        y = same_shape(predicted, as_array("targets", targets))
        labels = np.where(np.isnan(y), -1, y > 0.5).astype(np.int64)
        return metrics.accuracy(labels, predicted, lengths if predicted.ndim == 3 else None, weights=weights)
