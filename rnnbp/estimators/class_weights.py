"""Weights of classes: 'balanced', or a dictionary."""

from collections.abc import Mapping
from typing import Any

import numpy as np

Array = np.ndarray


def class_factors(class_weight: Any, classes: Array, labels: Array, weights: Array) -> Array | None:
    """Return the factor (K,) of the weights of each class, or None where there is none.

    Parameters
    ----------
    class_weight : None, 'balanced' or dict
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
    if class_weight is None:
        return None
    if isinstance(class_weight, Mapping):
        known = dict(zip(classes.tolist(), range(len(classes)), strict=True))
        factors = np.ones(len(classes))
        for name, factor in class_weight.items():
            if name not in known:
                raise ValueError(f"class_weight has the class {name!r}, which is not in y: it has {classes.tolist()}")
            factors[known[name]] = factor
        return factors
    if class_weight != "balanced":
        raise ValueError(f"class_weight must be None, 'balanced' or a dict {{class: weight}}, got {class_weight!r}")
    totals = np.bincount(labels, weights, minlength=len(classes))
    return np.where(totals > 0, weights.sum() / (len(classes) * np.where(totals > 0, totals, 1)), 0.0)
