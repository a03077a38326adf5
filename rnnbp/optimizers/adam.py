"""Adam, and AdamW: Adam with decoupled weight decay."""

import math

import numpy as np

from rnnbp.optimizers.base import Array, Optimizer
from rnnbp.runtime import number


class Adam(Optimizer):
    """Adam: adaptive step sizes from running means of the gradient and of its square.

    Each parameter changes by about the learning rate per step, whatever the size of its gradient.
    ``m = beta1 * m + (1 - beta1) * g; v = beta2 * v + (1 - beta2) * g**2``, and after t steps
    ``p -= learning_rate * m / (1 - beta1**t) / (sqrt(v / (1 - beta2**t)) + eps)``.

    Parameters
    ----------
    learning_rate : float, default 0.001
    beta1, beta2 : float, 0 to below 1, default 0.9 and 0.999
        Decay rates of the running means of the gradient and of its square.
    eps : float, default 1e-8
        Added to the denominator for numerical stability.
    weight_decay : float, default 0
        Coefficient of the L2 penalty, whose gradient is added; `AdamW` decouples the decay instead.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    References
    ----------
    Kingma and Ba (2015), "Adam: a method for stochastic optimization", ICLR, algorithm 1. arXiv:1412.6980

    Examples
    --------
    >>> from rnnbp.core.parameters import Parameters
    >>> params = Parameters({"w": (2,)})
    >>> Adam(0.01).step(params, np.array([5.0, -0.001]))
    >>> params.vector.round(4)
    array([-0.01,  0.01], dtype=float32)
    """

    name = "adam"

    def __init__(
        self,
        learning_rate: float = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(learning_rate, weight_decay)
        self.beta1 = below_one("beta1", beta1)
        self.beta2 = below_one("beta2", beta2)
        self.eps = number("eps", eps, 0)

    def slots(self) -> dict[str, float]:
        """Return the running means of the gradient and of its square, with their initial value."""
        return {"mean": 0.0, "square": 0.0}

    def update(self, p: Array, g: Array, state: list[Array], scratch: Array) -> None:
        # Both bias corrections are absorbed into eps and the learning rate, which saves a pass over memory.
        m, v = state
        a = scratch[0]
        m *= self.beta1
        m += np.multiply(g, 1 - self.beta1, out=a)
        v *= self.beta2
        np.multiply(g, g, out=a)
        a *= 1 - self.beta2
        v += a
        root = math.sqrt(1 - self.beta2**self.steps)
        np.sqrt(v, out=a)
        a += self.eps * root
        np.divide(m, a, out=a)
        a *= self.learning_rate * root / (1 - self.beta1**self.steps)
        p -= a


class AdamW(Adam):
    """Adam with decoupled weight decay: ``p -= learning_rate * weight_decay * p`` before Adam's step.

    Parameters
    ----------
    learning_rate : float, default 0.001
    beta1, beta2 : float, 0 to below 1, default 0.9 and 0.999
    eps : float, default 1e-8
    weight_decay : float, default 0.01
        A parameter shrinks by the fraction ``learning_rate * weight_decay`` in a step.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    References
    ----------
    Loshchilov and Hutter (2019), "Decoupled weight decay regularization", ICLR, algorithm 2. arXiv:1711.05101

    Examples
    --------
    >>> from rnnbp.core.parameters import Parameters
    >>> params = Parameters({"w": (2,)}, np.array([1.0, 1.0]))
    >>> AdamW(0.1, weight_decay=0.5).step(params, np.array([0.0, 1.0]))
    >>> params.vector
    array([0.95, 0.85])
    """

    name = "adamw"

    def __init__(
        self,
        learning_rate: float = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        weight_decay: float = 0.01,
    ) -> None:
        super().__init__(learning_rate, beta1, beta2, eps, weight_decay)

    def decayed(self, p: Array, g: Array, out: Array) -> Array:
        """Return the gradient without weight decay, which `update` applies to the parameters directly."""
        return g.astype(p.dtype, copy=False)

    def update(self, p: Array, g: Array, state: list[Array], scratch: Array) -> None:
        p *= 1 - self.learning_rate * self.weight_decay
        super().update(p, g, state, scratch)


def below_one(name: str, value: float) -> float:
    """Return `value` as a float, or raise unless it is at least 0 and below 1.

    Examples
    --------
    >>> below_one("beta1", 1)
    Traceback (most recent call last):
    ValueError: beta1 must be a number from 0 to below 1, got 1
    """
    if number(name, value, 0, 1) == 1:
        raise ValueError(f"{name} must be a number from 0 to below 1, got {value!r}")
    return float(value)
