"""Search for the width at which a network has a given number of parameters."""

from collections.abc import Callable

from rnnbp.models import Sequential
from rnnbp.runtime import positive_int


def matching_width(make: Callable[[int], Sequential], parameters: int) -> int:
    """Return the width whose network comes closest to a number of parameters; 1 where the width changes nothing.

    Parameters
    ----------
    make : callable
        ``make(width)`` returns a network whose number of parameters increases with the width, or does not depend on it,
        as that of a linear classifier.
    parameters : int

    Examples
    --------
    >>> from rnnbp.layers import Dense
    >>> matching_width(lambda width: Sequential(Dense(10, width), Dense(width, 1)), 120)
    10
    """
    positive_int("parameters", parameters)
    if make(1).params.size == make(4).params.size:
        return 1
    high = 1
    while make(high).params.size < parameters:
        high *= 2
    low = max(high // 2, 1)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if make(middle).params.size < parameters else (low, middle)
    return min((low, high), key=lambda width: abs(make(width).params.size - parameters))
