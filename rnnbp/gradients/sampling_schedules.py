"""Schedules of scheduled sampling: the probability of a model's own output as its input, over the epochs."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from rnnbp.runtime import number

SamplingSchedule = Callable[[float], float]  # epochs since the beginning of the training -> probability


@dataclass(frozen=True)
class LinearSampling:
    """Sampling probability that rises linearly: from `start` to `end` over a number of epochs, and stays there.

    Parameters
    ----------
    epochs : float
    start, end : float, default 0 and 1

    Raises
    ------
    ValueError
        If `epochs` is not positive or a probability not between 0 and 1.

    References
    ----------
    S. Bengio, O. Vinyals, N. Jaitly & N. Shazeer (2015), "Scheduled sampling for sequence prediction with recurrent
    neural networks", NeurIPS 28, section 2.4: linear decay of 1 - p, arXiv:1506.03099

    Examples
    --------
    >>> schedule = LinearSampling(epochs=10, end=0.5)
    >>> schedule(0), schedule(4), schedule(99)
    (0.0, 0.2, 0.5)
    """

    epochs: float
    start: float = 0.0
    end: float = 1.0

    def __post_init__(self) -> None:
        number("epochs", self.epochs, 0, open_low=True)
        number("start", self.start, 0, 1)
        number("end", self.end, 0, 1)

    def __call__(self, epoch: float) -> float:
        return self.start + (self.end - self.start) * min(1.0, epoch / self.epochs)


@dataclass(frozen=True)
class ExponentialSampling:
    """Sampling probability ``1 - k^epoch``.

    Parameters
    ----------
    k : float
        Between 0 and 1.

    Raises
    ------
    ValueError
        If it is not.

    References
    ----------
    S. Bengio et al. (2015), section 2.4: exponential decay of 1 - p, arXiv:1506.03099

    Examples
    --------
    >>> ExponentialSampling(0.5)(3)
    0.875
    """

    k: float

    def __post_init__(self) -> None:
        number("k", self.k, 0, 1)

    def __call__(self, epoch: float) -> float:
        return 1.0 - float(self.k) ** epoch


@dataclass(frozen=True)
class InverseSigmoidSampling:
    """Sampling probability ``1 - k / (k + exp(epoch / k))``: slowly at first, then fast, then slowly to 1.

    Parameters
    ----------
    k : float
        At least 1. At epoch 0 the probability is 1 / (k + 1); it is one half at epoch ``k log k``.

    Raises
    ------
    ValueError
        If it is less.

    References
    ----------
    S. Bengio et al. (2015), section 2.4: inverse sigmoid decay of 1 - p, arXiv:1506.03099

    Examples
    --------
    >>> schedule = InverseSigmoidSampling(5)
    >>> round(schedule(0), 3), round(schedule(5 * math.log(5)), 3), schedule(10_000)
    (0.167, 0.5, 1.0)
    """

    k: float

    def __post_init__(self) -> None:
        number("k", self.k, 1)

    def __call__(self, epoch: float) -> float:
        return 1.0 / (1.0 + self.k * math.exp(-epoch / self.k))
