"""Freezing: parameters, chosen by patterns of their names, that training does not change."""

from collections.abc import Iterable
from fnmatch import fnmatchcase

import numpy as np

from rnnbp.core import Parameters
from rnnbp.runtime import did_you_mean


class Freezable:
    """What has parameters that may be frozen: they keep their values, to the last bit, in every training.

    Every gradient algorithm yields zero for them, and no optimizer changes them, weight decay included. So a norm by
    which a gradient is clipped is that of the others. What is frozen is saved with the model and in checkpoints.

    Examples
    --------
    A trained network below a new readout, which alone is trained:

    >>> import rnnbp
    >>> model = rnnbp.Sequential(rnnbp.GRU(2, 3), rnnbp.Last(), rnnbp.Dense(3, 2))
    >>> model.freeze("0.*")
    >>> model.frozen
    ('0.w_ih', '0.w_hh', '0.b_ih', '0.b_hh')
    >>> model.unfreeze("0.b_*")
    >>> model.frozen
    ('0.w_ih', '0.w_hh')
    """

    params: Parameters

    def freeze(self, *patterns: str) -> None:
        """Freeze parameters at their present values.

        Parameters
        ----------
        *patterns : str
            Names, in which ``*`` stands for any characters, ``?`` for one and ``[ab]`` for one of several
            (`fnmatch`): ``"0.*"`` is the first layer, ``"*.b*"`` are the biases.

        Raises
        ------
        ValueError
            If a pattern fits no parameter; nothing is then frozen.
        """
        self._set_frozen(patterns, True)

    def unfreeze(self, *patterns: str) -> None:
        """Let parameters be trained again.

        Parameters
        ----------
        *patterns : str
            As `freeze` takes them. Default: all parameters.

        Raises
        ------
        ValueError
            If a pattern fits no parameter; nothing is then changed.
        """
        self._set_frozen(patterns or ("*",), False)

    @property
    def frozen(self) -> tuple[str, ...]:
        """Names of the frozen parameters."""
        frozen = self.params.frozen_vector
        return () if frozen is None else tuple(n for n in self.params if frozen[self.params.place(n)].all())

    def _set_frozen(self, patterns: tuple[str, ...], value: bool) -> None:
        vector = self.params.frozen_vector
        vector = np.zeros(self.params.size, bool) if vector is None else vector.copy()
        for name in matching(patterns, list(self.params)):
            vector[self.params.place(name)] = value
        self.params.frozen_vector = vector


def matching(patterns: Iterable[str], names: list[str]) -> list[str]:
    """Return the names that fit any of the patterns, in the order of the names.

    Raises
    ------
    ValueError
        If there is no pattern, or one fits no name; the message lists the names.

    Examples
    --------
    >>> matching(["*.w_*"], ["0.w_ih", "0.w_hh", "0.b_ih"])
    ['0.w_ih', '0.w_hh']
    >>> matching(["w_*"], ["0.w_ih", "0.b_ih"])
    Traceback (most recent call last):
    ValueError: patterns: no parameter fits 'w_*': the model's are 0.w_ih, 0.b_ih.
    """
    given = list(patterns)
    if not given:
        raise ValueError(f"patterns: give at least one name or pattern: the model's parameters are {', '.join(names)}")
    for pattern in given:
        if not isinstance(pattern, str):
            raise ValueError(f"patterns must be strings, as '0.*', got {pattern!r}")
        if not any(fnmatchcase(name, pattern) for name in names):
            guess = did_you_mean(pattern, names) if "*" not in pattern else ""
            raise ValueError(f"patterns: no parameter fits {pattern!r}: the model's are {', '.join(names)}.{guess}")
    return [name for name in names if any(fnmatchcase(name, pattern) for pattern in given)]
