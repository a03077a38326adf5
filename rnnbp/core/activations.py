"""The nonlinearities of cells and dense layers, each with its slope written in terms of its value.

All are safe for complex numbers, so that the complex step can differentiate through them.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rnnbp.runtime import choice

Array = np.ndarray


@dataclass(frozen=True)
class Activation:
    """y = function(a), and its derivative slope(y), from the value alone.

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
    """1 / (1 + exp(-a)), as (1 + tanh(a / 2)) / 2, which cannot overflow.

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
    """max(0, a); of a complex number, by its real part.

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


def activation(name: str) -> Activation:
    """The activation of that name: 'tanh', 'sigmoid', 'relu' or 'linear'.

    Raises
    ------
    ValueError
        If there is none of that name.

    Examples
    --------
    >>> activation("tanh") is TANH
    True
    """
    return ACTIVATIONS[choice("activation", name, ACTIVATIONS)]
