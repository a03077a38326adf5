"""Activation functions of cells and dense layers, each with its derivative as a function of its value.

All are safe for complex numbers, so that the complex step can differentiate through them.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rnnbp.runtime import choice, refuses_by_name

Array = np.ndarray


@dataclass(frozen=True)
class Activation:
    """Activation y = function(a) with its derivative dy/da = slope(y), a function of the value alone.

    Examples
    --------
    >>> y = TANH.function(np.array([0.0, 1.0]))
    >>> TANH.slope(y).round(2)
    array([1.  , 0.42])
    """

    name: str
    function: Callable[[Array], Array]
    slope: Callable[[Array], Array]


def sigmoid(a: Array) -> Array:
    """Return 1 / (1 + exp(-a)), computed as (1 + tanh(a / 2)) / 2, which cannot overflow.

    Parameters
    ----------
    a : ndarray, real or complex

    Examples
    --------
    >>> sigmoid(np.array([-1000.0, 0.0, 1000.0]))
    array([0. , 0.5, 1. ])
    """
    y = np.tanh(0.5 * a)
    y += 1
    y *= 0.5
    return y


def relu(a: Array) -> Array:
    """Return max(0, a); of a complex number, a where its real part is positive, else 0.

    Parameters
    ----------
    a : ndarray, real or complex

    Examples
    --------
    >>> relu(np.array([-2.0, 3.0]))
    array([0., 3.])
    """
    if np.iscomplexobj(a):
        return np.where(a.real <= 0, 0, a)  # NaN stays NaN
    return np.maximum(a, np.zeros(a.shape[-1:], a.dtype))  # twice as fast as with a single 0


TANH = Activation("tanh", np.tanh, lambda y: 1 - y * y)
SIGMOID = Activation("sigmoid", sigmoid, lambda y: y * (1 - y))
RELU = Activation("relu", relu, lambda y: (y.real > 0).astype(y.dtype))
LINEAR = Activation("linear", lambda a: a, np.ones_like)

ACTIVATIONS = {a.name: a for a in (TANH, SIGMOID, RELU, LINEAR)}


@refuses_by_name
def activation(name: str) -> Activation:
    """Return the activation of a name: 'tanh', 'sigmoid', 'relu' or 'linear'.

    Parameters
    ----------
    name : str

    Raises
    ------
    ValueError
        If no activation has that name.

    Examples
    --------
    >>> activation("tanh") is TANH
    True
    """
    known = isinstance(name, str) and name in ACTIVATIONS
    return ACTIVATIONS[name if known else choice("name of an activation", name, ACTIVATIONS)]
