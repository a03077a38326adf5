"""Base class of the optimizers that use the whole training set, rather than step along one gradient."""

from typing import NoReturn

from rnnbp.core import Parameters
from rnnbp.optimizers.base import Array, Optimizer


class FullBatch(Optimizer):
    """Base class of the optimizers that use the whole training set at once: there is no learning rate.

    See Also
    --------
    Minimizer : those that search for the minimum of the loss.
    Ridge : solves for a linear readout directly.
    """

    advice: str
    """What to call in place of `step`."""

    def __init__(self) -> None:
        super().__init__(1.0)

    @property
    def learning_rate(self) -> float:
        """Learning rate, always 1: the optimizer finds its step sizes itself. It cannot be set to another value."""
        return 1.0

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        if value != 1:
            name = type(self).__name__
            raise ValueError(f"{name} finds its step sizes itself: learning_rate stays 1, got {value!r}")

    def step(self, params: Parameters, gradient: Array) -> NoReturn:
        """Raise TypeError: a step along one gradient is not possible.

        Raises
        ------
        TypeError
            Always; it says what to call.
        """
        raise TypeError(f"{type(self).__name__} cannot step by one gradient: call {self.advice}")
