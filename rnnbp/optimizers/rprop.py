"""Rprop (resilient propagation)."""

from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from rnnbp.optimizers.adam import below_one
from rnnbp.optimizers.base import Array, Optimizer
from rnnbp.runtime import number


class Rprop(Optimizer):
    """Resilient propagation: a step size per parameter, adapted by the sign of its gradient alone.

    The step size grows by `increase` while the sign stays the same and shrinks by `decrease` when it changes; after a
    change of sign no step is made (the variant iRprop-, as in PyTorch). It is meant for gradients of the whole training
    set: those of mini-batches change sign through sampling noise.

    Parameters
    ----------
    learning_rate : float, default 0.01
        Initial step size. The step sizes then adapt; if the learning rate is changed later, as by a schedule, every
        step is multiplied by the ratio of the new to the initial rate.
    decrease : float, 0 to below 1, default 0.5
    increase : float >= 1, default 1.2
    smallest, greatest : float, default 1e-6 and 50
        Bounds of the step sizes.
    weight_decay : float, default 0

    Raises
    ------
    ValueError
        If an argument is out of its range.

    References
    ----------
    Riedmiller and Braun (1993), "A direct adaptive method for faster backpropagation learning: the RPROP
    algorithm", IEEE International Conference on Neural Networks, 586-591. doi:10.1109/ICNN.1993.298623

    Igel and Hüsken (2000), "Improving the Rprop learning algorithm", Second ICSC Symposium on Neural
    Computation, 115-121: iRprop-.

    Examples
    --------
    >>> from rnnbp.core.parameters import Parameters
    >>> params, optimizer = Parameters({"w": (2,)}), Rprop(0.1)
    >>> optimizer.step(params, np.array([100.0, -0.001]))
    >>> params.vector
    array([-0.1,  0.1], dtype=float32)
    >>> optimizer.step(params, np.array([100.0, 0.001]))
    >>> params.vector
    array([-0.22,  0.1 ], dtype=float32)
    """

    name = "rprop"

    def __init__(
        self,
        learning_rate: float = 0.01,
        decrease: float = 0.5,
        increase: float = 1.2,
        smallest: float = 1e-6,
        greatest: float = 50.0,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(learning_rate, weight_decay)
        self.first_rate = self.learning_rate
        self.decrease = below_one("decrease", decrease)
        self.increase = number("increase", increase, 1)
        self.smallest = number("smallest", smallest, 0)
        self.greatest = number("greatest", greatest, self.smallest)

    def slots(self) -> dict[str, float]:
        """Return the step size and the sign of the last gradient (0 after a change of sign), with initial values."""
        return {"size": self.first_rate, "sign": 0.0}

    def state_dict(self) -> dict[str, Any]:
        """Return the state needed to continue a run, with the initial learning rate as 'first_rate'."""
        return super().state_dict() | {"first_rate": self.first_rate}

    def load_state_dict(self, state: Mapping[str, Any]) -> Self:
        if "first_rate" not in state:
            raise ValueError("state of Rprop lacks 'first_rate'")
        first = number("first_rate", state["first_rate"], 0)
        super().load_state_dict({name: value for name, value in state.items() if name != "first_rate"})
        self.first_rate = first
        return self

    def update(self, p: Array, g: Array, state: list[Array], scratch: Array) -> None:
        size, sign = state
        now, agreement = scratch
        np.sign(g, out=now)
        np.multiply(now, sign, out=agreement)
        turned = agreement < 0
        np.multiply(size, self.increase, out=size, where=agreement > 0)
        np.multiply(size, self.decrease, out=size, where=turned)
        np.clip(size, self.smallest, self.greatest, out=size)
        now[turned] = 0
        sign[:] = now
        now *= size
        if self.learning_rate != self.first_rate:
            now *= self.learning_rate / self.first_rate
        p -= now
