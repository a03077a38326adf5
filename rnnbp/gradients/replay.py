"""Random generators with prescribed outcomes, so that the outcomes of a stochastic program can be enumerated."""

from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from rnnbp.layers.base import Array

Choose = Callable[[list[float], bool], int]


class NotReplayableError(TypeError):
    """A program makes a draw whose outcome cannot be prescribed."""


class Uniform:
    """A uniform number from [0, 1) known by comparisons only: each narrows the interval that contains it.

    ``u < c`` is true with probability c. The results of several comparisons are consistent.

    Parameters
    ----------
    choose : callable
        Takes the probabilities of the outcomes, returns the index of one.

    Examples
    --------
    >>> u = Uniform(lambda probabilities, coin: 0)
    >>> u < 0.3, u < 0.7, u >= 0.3
    (True, True, False)
    """

    def __init__(self, choose: Choose) -> None:
        self.choose, self.low, self.high = choose, 0.0, 1.0

    def __lt__(self, c: float) -> bool:
        if c <= self.low or c >= self.high:
            return bool(c >= self.high)
        below = (c - self.low) / (self.high - self.low)
        if self.choose([below, 1 - below], True) == 0:
            self.high = c
            return True
        self.low = c
        return False

    def __gt__(self, c: float) -> bool:
        return not self < c

    __le__, __ge__ = __lt__, __gt__

    def __float__(self) -> NoReturn:
        raise NotReplayableError("the value of a uniform number is not known, only comparisons")


def _refused(name: str) -> Any:
    def method(self: Any, *arguments: Any, **options: Any) -> NoReturn:
        raise NotReplayableError(f"the outcome of {name} cannot be prescribed")

    return method


class _Prescribed(np.random.Generator):
    """A generator all of whose methods raise `NotReplayableError`; subclasses define those with prescribed outcomes."""

    def __init__(self) -> None:
        super().__init__(np.random.PCG64(0))


for _name in dir(np.random.Generator):
    if not _name.startswith("_") and callable(getattr(np.random.Generator, _name)):
        setattr(_Prescribed, _name, _refused(_name))


class DiscreteDraws(_Prescribed):
    """A generator with prescribed `integers` and comparisons of `random()`; others raise `NotReplayableError`.

    Parameters
    ----------
    choose : callable
        Takes the probabilities of the outcomes and whether it is a comparison, returns the index of one.

    Examples
    --------
    >>> rng = DiscreteDraws(lambda probabilities, coin: 1)
    >>> rng.integers(2, size=3), rng.random() < 0.5
    (array([1, 1, 1]), False)
    """

    def __init__(self, choose: Choose) -> None:
        super().__init__()
        self.choose = choose

    def integers(  # type: ignore[override]
        self, low: int, high: int | None = None, size: Any = None, dtype: Any = np.int64, endpoint: bool = False
    ) -> Any:
        """Return integers from [low, high), equally likely."""
        first, last = (0, low) if high is None else (low, high)
        n = int(last - first + endpoint)
        if n > 2**16:
            raise NotReplayableError(f"{n} outcomes of one draw are too many")
        chances = [1 / n] * n
        if size is None:
            return first + self.choose(chances, False)
        drawn = np.array([self.choose(chances, False) for _ in range(int(np.prod(size)))], dtype)
        return first + drawn.reshape(size)

    def random(self, size: Any = None, dtype: Any = np.float64, out: Any = None) -> Any:
        """Return a number that can be compared."""
        if size is not None or out is not None:
            raise NotReplayableError("an array of uniform numbers cannot be prescribed")
        return Uniform(self.choose)


class NormalDraws(_Prescribed):
    """A generator with prescribed values of `standard_normal`; other methods raise `NotReplayableError`.

    Parameters
    ----------
    values : callable
        Takes n, returns the next n values.

    Examples
    --------
    >>> NormalDraws(np.zeros).standard_normal((2, 2))
    array([[0., 0.],
           [0., 0.]])
    """

    def __init__(self, values: Callable[[int], Array]) -> None:
        super().__init__()
        self.values = values

    def standard_normal(self, size: Any = None, dtype: Any = np.float64, out: Any = None) -> Any:
        """Return the next values."""
        if out is not None:
            raise NotReplayableError("normal numbers cannot be written into an array")
        drawn = self.values(1 if size is None else int(np.prod(size)))
        return float(drawn[0]) if size is None else drawn.reshape(size).astype(dtype)
