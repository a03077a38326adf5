"""What an optimizer is: arithmetic on the flat vector, block by block, and its state."""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Self

import numpy as np

from rnnbp.core import Parameters
from rnnbp.runtime import did_you_mean, natural_int, number, to_config

Array = np.ndarray

BLOCK = 32768  # numbers: a block's parameters, gradient, state and scratch stay in a core's own cache
SCRATCH = 3  # rows: one for the gradient, two for an update


class Optimizer:
    """Changes the parameters by a gradient, in place.

    A subclass names the arrays it keeps in `slots` and defines `update`, which is given a block of everything
    at a time: a formula of ten operations then goes through memory once and not ten times.

    Parameters
    ----------
    learning_rate : float >= 0
        May be set at any time; a schedule does.
    weight_decay : float >= 0, default 0
        Adds ``weight_decay * p`` to the gradient, which is that of ``weight_decay / 2 * |p|**2``.

    Attributes
    ----------
    steps : int
        How many steps were made.

    Notes
    -----
    `step` does not look for numbers that are not finite: one in the gradient goes into the parameter and into
    the state. Whoever calls it looks first.
    """

    name: ClassVar[str]

    def __init__(self, learning_rate: float, weight_decay: float = 0.0) -> None:
        self.learning_rate = learning_rate
        self.weight_decay = number("weight_decay", weight_decay, 0)
        self.steps = 0
        self._arrays: dict[str, Array] = {}
        self._owner: object = None
        self._scratch = np.empty((SCRATCH, 0))

    @property
    def learning_rate(self) -> float:
        """The factor of a step."""
        return self._learning_rate

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        self._learning_rate = number("learning_rate", value, 0)

    def slots(self) -> dict[str, float]:
        """The arrays (P,) that are kept from step to step, and what they begin with."""
        return {}

    def update(self, p: Array, g: Array, state: list[Array], scratch: Array) -> None:
        """Change a block of the parameters and of the state in place.

        Parameters
        ----------
        p : ndarray (n,)
            The parameters, to be changed.
        g : ndarray (n,)
            Their gradient with weight decay; not to be changed.
        state : list of ndarray (n,)
            In the order of `slots`, to be changed.
        scratch : ndarray (2, n)
            To write to.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define update")

    def step(self, params: Parameters, gradient: Array) -> None:
        """Change `params` by one step.

        Parameters
        ----------
        params : Parameters
            Changed in place; what its mask holds at zero stays zero.
        gradient : ndarray (P,)
            The derivative of the loss by `params.vector`; not changed.

        Raises
        ------
        ValueError
            If the gradient has not the shape of the parameters, or if the state is that of other parameters.
        """
        vector = params.vector
        if gradient.shape != vector.shape or np.iscomplexobj(gradient):
            got = f"{gradient.dtype} of shape {gradient.shape}"
            raise ValueError(f"gradient must be real of shape (P,) = {vector.shape}, got {got}")
        state = self._state(vector)
        self.steps += 1
        for place in blocks(vector.size):
            p = vector[place]
            scratch = self._scratch[:, : p.size]
            g = self.decayed(p, gradient[place], scratch[0])
            self.update(p, g, [array[place] for array in state], scratch[1:])
        params.apply_mask()

    def decayed(self, p: Array, g: Array, out: Array) -> Array:
        """The gradient with weight decay, in the parameters' dtype."""
        if self.weight_decay:
            np.multiply(p, self.weight_decay, out=out)
            out += g
            return out
        return g.astype(p.dtype, copy=False)

    def _state(self, vector: Array) -> list[Array]:
        if self._scratch.dtype != vector.dtype or self._scratch.shape[1] < min(BLOCK, vector.size):
            self._scratch = np.empty((SCRATCH, min(BLOCK, vector.size)), vector.dtype)
        for name, first in self.slots().items():
            if name not in self._arrays:
                self._arrays[name] = np.full(vector.shape, first, vector.dtype)
            held = self._arrays[name]
            if held.shape != vector.shape or held.dtype != vector.dtype:
                raise ValueError(
                    f"this {type(self).__name__} holds the state of {held.size} parameters in {held.dtype}, "
                    f"got {vector.size} in {vector.dtype}: make a new one for another model"
                )
        return [self._arrays[name] for name in self.slots()]

    def begin(self, owner: object) -> None:
        """Forget the steps made for another owner: the averages of one training are not those of the next.

        Parameters
        ----------
        owner : object
            Whoever takes the next steps, compared by identity; a `rnnbp.Trainer` gives a token of its own. What it did
            itself, or was given by `load_state_dict`, stays.

        Examples
        --------
        >>> from rnnbp.optimizers import Adam
        >>> from rnnbp.core.parameters import Parameters
        >>> optimizer, one, other = Adam(), object(), object()
        >>> optimizer.begin(one)
        >>> optimizer.step(Parameters({"w": (2,)}), np.ones(2))
        >>> optimizer.begin(one), optimizer.steps
        (None, 1)
        >>> optimizer.begin(other), optimizer.steps
        (None, 0)
        """
        if self._owner is not None and self._owner is not owner:
            self.steps, self._arrays = 0, {}
        self._owner = owner

    def state_dict(self) -> dict[str, Any]:
        """What a run that goes on needs, as numbers and arrays (P,), which are copies.

        Returns
        -------
        dict
            'steps', 'learning_rate', and, after the first step, the arrays by their names.
        """
        arrays = {name: array.copy() for name, array in self._arrays.items()}
        return {"steps": self.steps, "learning_rate": self.learning_rate} | arrays

    def load_state_dict(self, state: Mapping[str, Any]) -> Self:
        """Go on from what `state_dict` returned: the next steps are the same to the bit.

        Parameters
        ----------
        state : mapping
            Copied. The other arguments of the optimizer are not in it.

        Raises
        ------
        ValueError
            If it is not the state of such an optimizer, which then is unchanged.
        """
        numbers = {"steps", "learning_rate"}
        known = numbers | set(self.slots())
        for name in state:
            if name not in known:
                guess = did_you_mean(name, known)
                raise ValueError(f"state has {name!r}, which {type(self).__name__} does not keep.{guess}")
        missing = (known if set(self.slots()) & set(state) else numbers) - set(state)
        if missing:
            raise ValueError(f"state of {type(self).__name__} lacks {', '.join(map(repr, sorted(missing)))}")
        arrays = {name: np.array(state[name]) for name in self.slots() if name in state}
        shapes = {array.shape for array in arrays.values()}
        kinds = {array.dtype.kind for array in arrays.values()}
        if len(shapes) > 1 or any(len(shape) != 1 for shape in shapes) or kinds - {"f"}:
            found = ", ".join(f"{name} {array.dtype} of {array.shape}" for name, array in arrays.items())
            raise ValueError(f"state of {type(self).__name__} must have floats of one shape (P,), got {found}")
        steps, rate = natural_int("steps", state["steps"]), number("learning_rate", state["learning_rate"], 0)
        self.learning_rate = rate  # refused by an optimizer without one, before anything is changed
        self.steps, self._arrays, self._owner = steps, arrays, None
        return self

    def __repr__(self) -> str:
        arguments = (f"{key}={value!r}" for key, value in to_config(self).items() if key != "type")
        return f"{type(self).__name__}({', '.join(arguments)})"


def blocks(size: int) -> Iterator[slice]:
    """The places of a vector's blocks.

    Examples
    --------
    >>> [(b.start, b.stop) for b in blocks(40000)]
    [(0, 32768), (32768, 40000)]
    """
    return (slice(lo, min(lo + BLOCK, size)) for lo in range(0, size, BLOCK))
