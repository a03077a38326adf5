"""Gradient descent: plain, with momentum, and with Nesterov's momentum."""

import numpy as np

from rnnbp.optimizers.base import Array, Optimizer
from rnnbp.runtime import number


class SGD(Optimizer):
    """Gradient descent: ``p -= learning_rate * g``.

    Parameters
    ----------
    learning_rate : float, default 0.01
    weight_decay : float, default 0

    Raises
    ------
    ValueError
        If an argument is negative or not finite.

    References
    ----------
    Rumelhart, Hinton and Williams (1986), "Learning representations by back-propagating errors", Nature 323,
    533-536, eq. 8. doi:10.1038/323533a0

    Examples
    --------
    >>> from rnnbp.core.parameters import Parameters
    >>> params = Parameters({"w": (2,)})
    >>> SGD(0.5).step(params, np.array([1.0, -2.0]))
    >>> params.vector
    array([-0.5,  1. ], dtype=float32)
    """

    name = "sgd"

    def __init__(self, learning_rate: float = 0.01, weight_decay: float = 0.0) -> None:
        super().__init__(learning_rate, weight_decay)

    def update(self, p: Array, g: Array, state: list[Array], scratch: Array) -> None:
        p -= np.multiply(g, self.learning_rate, out=scratch[0])


class Momentum(Optimizer):
    """Gradient descent with momentum: ``v = momentum * v + g; p -= learning_rate * v``.

    Parameters
    ----------
    learning_rate : float, default 0.01
    momentum : float, 0 to 1, default 0.9
        Decay rate of the velocity v.
    weight_decay : float, default 0

    Raises
    ------
    ValueError
        If an argument is out of its range.

    References
    ----------
    Rumelhart, Hinton and Williams (1986), "Learning representations by back-propagating errors", Nature 323,
    533-536, eq. 9. doi:10.1038/323533a0

    Examples
    --------
    >>> from rnnbp.core.parameters import Parameters
    >>> params, optimizer = Parameters({"w": (1,)}), Momentum(0.5, momentum=0.5)
    >>> for _ in range(2):
    ...     optimizer.step(params, np.array([1.0]))
    >>> params.vector
    array([-1.25], dtype=float32)
    """

    name = "momentum"

    def __init__(self, learning_rate: float = 0.01, momentum: float = 0.9, weight_decay: float = 0.0) -> None:
        super().__init__(learning_rate, weight_decay)
        self.momentum = number("momentum", momentum, 0, 1)

    def slots(self) -> dict[str, float]:
        """Return the velocity, with its initial value."""
        return {"velocity": 0.0}

    def update(self, p: Array, g: Array, state: list[Array], scratch: Array) -> None:
        (v,) = state
        v *= self.momentum
        v += g
        p -= np.multiply(v, self.learning_rate, out=scratch[0])


class Nesterov(Momentum):
    """Nesterov's momentum: ``v = momentum * v + g; p -= learning_rate * (g + momentum * v)``.

    The parameters are stored at the look-ahead point, where the gradient is taken.

    Parameters
    ----------
    learning_rate : float, default 0.01
    momentum : float, 0 to 1, default 0.9
    weight_decay : float, default 0

    Raises
    ------
    ValueError
        If an argument is out of its range.

    References
    ----------
    Nesterov (1983), "A method for solving the convex programming problem with convergence rate O(1/k^2)",
    Doklady Akademii Nauk SSSR 269, 543-547.

    Bengio, Boulanger-Lewandowski and Pascanu (2013), "Advances in optimizing recurrent networks", ICASSP, eq.
    7. doi:10.1109/ICASSP.2013.6639349

    Examples
    --------
    >>> from rnnbp.core.parameters import Parameters
    >>> params = Parameters({"w": (1,)})
    >>> Nesterov(0.5, momentum=0.5).step(params, np.array([1.0]))
    >>> params.vector
    array([-0.75], dtype=float32)
    """

    name = "nesterov"

    def update(self, p: Array, g: Array, state: list[Array], scratch: Array) -> None:
        (v,) = state
        v *= self.momentum
        v += g
        ahead = np.multiply(v, self.momentum, out=scratch[0])
        ahead += g
        ahead *= self.learning_rate
        p -= ahead
