"""Labels of sequences or steps as indices of classes, and the weights of classes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from rnnbp.estimators.base import SequenceEstimator
from rnnbp.estimators.nested import Names
from rnnbp.estimators.scikit import ClassifierMixin, check_classification_targets
from rnnbp.losses import LOSSES, BinaryCrossEntropy, CrossEntropy
from rnnbp.runtime import naming, number

Array = np.ndarray

CLASSES = """
    class_weight : 'balanced' or dict, optional
        Factors of the weights by class: 'balanced' gives each class the same total weight.
""".strip()
CROSS_ENTROPY = "Default: CrossEntropy(). BinaryCrossEntropy() tells two classes apart by one output."


@dataclass(eq=False, repr=False, kw_only=True)
class ClassEstimator(SequenceEstimator):
    """Base class of the estimators whose targets are labels: the first call sets the classes, later ones keep them.

    Attributes
    ----------
    classes_ : ndarray (K,)
        Labels, sorted.
    """

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Train on sequences with labels; the subclass specifies the arguments."""
        reset = self._fresh()
        return self._fit(X, y, sample_weight, None if reset else self.classes_, reset, self.epochs)

    def partial_fit(self, X: Any, y: Any = None, classes: Any = None, sample_weight: Any = None) -> Self:
        """Train for one more epoch, on other sequences too.

        Parameters
        ----------
        X, y, sample_weight
            As `fit` takes them.
        classes : array_like (K,), optional
            All classes, at the first call; later ones may repeat them. Default: those in y.

        Returns
        -------
        self
        """
        reset = not hasattr(self, "model_")
        if not reset and classes is not None:
            with naming("classes"):
                found = np.unique(classes)
            if not np.array_equal(found, self.classes_):
                raise ValueError(
                    f"classes must be those of the first call, {self.classes_.tolist()}, got {found.tolist()}"
                )
        return self._fit(X, y, sample_weight, classes if reset else self.classes_, reset, self._one_epoch())

    def _fit(self, X: Any, y: Any, sample_weight: Any, classes: Any, reset: bool, epochs: int) -> Self:
        """Train on data of these classes, by default those in y: a new model if `reset`."""
        raise NotImplementedError(f"{type(self).__name__} does not define _fit")


@dataclass(eq=False, repr=False, kw_only=True)
class Labelled(ClassifierMixin, ClassEstimator):
    """Base class of the estimators that predict classes.

    Attributes
    ----------
    classes_ : ndarray (K,)
        Labels, sorted.
    """

    class_weight: Any = None

    names: ClassVar[Names] = {**SequenceEstimator.names, "loss": {None: CrossEntropy, **LOSSES}}

    @property
    def _outputs_needed(self) -> int:
        return 1 if isinstance(self.component("loss"), BinaryCrossEntropy) else len(self.classes_)

    def _one_epoch(self) -> int:
        if isinstance(self.class_weight, str) and self.class_weight == "balanced":
            raise ValueError(
                "class_weight='balanced' would count the classes of each call of partial_fit by itself: give a dict, "
                "{class: weight}"
            )
        return super()._one_epoch()

    def _encode(self, y: Array, classes: Any) -> Array:
        """Return labels (n,) as indices into `classes_`, which is set."""
        check_classification_targets(y)
        with naming("y" if classes is None else "classes"):
            self.classes_ = np.unique(y if classes is None else np.asarray(classes))
        places = np.minimum(np.searchsorted(self.classes_, y), len(self.classes_) - 1)
        other = self.classes_[places] != y
        if other.any():
            first = y[other][:1].tolist()[0]
            raise ValueError(f"y has the class {first!r}, which is not one of {self.classes_.tolist()}")
        return places

    def _class_weighted(self, labels: Array, weights: Array | None) -> Array | None:
        """Return the weights of labels (n,), None for 1 each, times those of their classes."""
        if self.class_weight is None:
            return weights
        weights = np.ones(len(labels)) if weights is None else weights
        return weights * class_factors(self.class_weight, self.classes_, labels, weights)[labels]

    def _labels_of(self, outputs: Array) -> Array:
        """Return the most probable classes for outputs (n, K)."""
        return self.classes_[self.trainer_.loss.predict(outputs).reshape(-1)]

    def _probabilities_of(self, outputs: Array) -> Array:
        """Return the probabilities (n, K) of the classes for outputs."""
        p = self.trainer_.loss.probabilities(outputs)
        return np.column_stack([1 - p, p]) if p.shape[1] < len(self.classes_) else p


def class_factors(class_weight: Any, classes: Array, labels: Array, weights: Array) -> Array:
    """Return the factor (K,) of the weights of each class.

    Parameters
    ----------
    class_weight : 'balanced' or dict
        'balanced': the total weight of all labels divided by K times that of the class; a dictionary has the factors
        of classes, 1 where it lacks one.
    classes : ndarray (K,)
    labels : ndarray (n,) of int
        Indices into `classes`.
    weights : ndarray (n,)

    Raises
    ------
    ValueError
        If it is anything else, or names a class that there is not.

    Examples
    --------
    >>> class_factors("balanced", np.array(["a", "b"]), np.array([0, 0, 0, 1]), np.ones(4))
    array([0.66666667, 2.        ])
    """
    if isinstance(class_weight, Mapping):
        known = dict(zip(classes.tolist(), range(len(classes)), strict=True))
        factors = np.ones(len(classes))
        for name, factor in class_weight.items():
            if name not in known:
                raise ValueError(f"class_weight has the class {name!r}, which is not in y: it has {classes.tolist()}")
            factors[known[name]] = number("class_weight", factor, 0)
        return factors
    if not (isinstance(class_weight, str) and class_weight == "balanced"):
        raise ValueError(f"class_weight must be None, 'balanced' or a dict {{class: weight}}, got {class_weight!r}")
    totals = np.bincount(labels, weights, minlength=len(classes))
    return np.where(totals > 0, weights.sum() / (len(classes) * np.where(totals > 0, totals, 1)), 0.0)
