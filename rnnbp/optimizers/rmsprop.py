"""RMSprop."""

import numpy as np

from rnnbp.optimizers.adam import below_one
from rnnbp.optimizers.base import Array, Optimizer
from rnnbp.runtime import number


class RMSprop(Optimizer):
    """RMSprop: the gradient divided by its running root mean square.

    ``v = decay * v + (1 - decay) * g**2; p -= learning_rate * g / (sqrt(v) + eps)``, as in PyTorch.

    Parameters
    ----------
    learning_rate : float, default 0.01
    decay : float, 0 to below 1, default 0.99
        Decay rate of the running mean square; PyTorch's `alpha`.
    eps : float, default 1e-8
        Added to the denominator for numerical stability.
    weight_decay : float, default 0

    Raises
    ------
    ValueError
        If an argument is out of its range.

    References
    ----------
    Tieleman and Hinton (2012), "Lecture 6.5 - rmsprop", COURSERA: Neural networks for machine learning.

    Examples
    --------
    >>> from rnnbp.core.parameters import Parameters
    >>> params = Parameters({"w": (2,)})
    >>> RMSprop(0.1).step(params, np.array([2.0, -0.5]))
    >>> params.vector.round(4)
    array([-1.,  1.], dtype=float32)
    """

    name = "rmsprop"

    def __init__(
        self, learning_rate: float = 0.01, decay: float = 0.99, eps: float = 1e-8, weight_decay: float = 0.0
    ) -> None:
        super().__init__(learning_rate, weight_decay)
        self.decay = below_one("decay", decay)
        self.eps = number("eps", eps, 0)

    def slots(self) -> dict[str, float]:
        """Return the running mean square of the gradient, with its initial value."""
        return {"square": 0.0}

    def update(self, p: Array, g: Array, state: list[Array], scratch: Array) -> None:
        (v,) = state
        a = scratch[0]
        v *= self.decay
        np.multiply(g, g, out=a)
        a *= 1 - self.decay
        v += a
        np.sqrt(v, out=a)
        a += self.eps
        np.divide(g, a, out=a)
        a *= self.learning_rate
        p -= a
