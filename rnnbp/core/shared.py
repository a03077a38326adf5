"""Parameters of a part of a model, some of which belong to another part."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from rnnbp.core.parameters import Parameters


class SharedParameters(Parameters):
    """A part's own parameters, a view, and names that stand for others of the whole vector.

    Names, shapes, size and vector are those of its own; the shared ones are reached by their names alone.

    Parameters
    ----------
    own : Parameters
        A view of a part of `whole`.
    whole : Parameters
    shared : mapping of str to str
        Names of the part, and the names in `whole` that they stand for.

    Examples
    --------
    >>> whole = Parameters({"0.w": (3, 2), "1.b": (3,)})
    >>> part = SharedParameters(whole.scope("1."), whole, {"w": "0.w"})
    >>> part["w"] += 1
    >>> float(whole["0.w"].sum()), list(part), part.size
    (6.0, ['b'], 3)
    """

    def __init__(self, own: Parameters, whole: Parameters, shared: Mapping[str, str]) -> None:
        vars(self).update(vars(own))
        self._whole, self._shared = whole, dict(shared)

    def __getitem__(self, name: str) -> np.ndarray:
        return self._whole[self._shared[name]] if name in self._shared else super().__getitem__(name)

    def __setitem__(self, name: str, value: ArrayLike) -> None:
        if name in self._shared:
            self._whole[self._shared[name]] = value
        else:
            super().__setitem__(name, value)
