"""Base class of the optimizers: cache-blocked updates of the flat parameter vector, and their state."""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Self

import numpy as np

from rnnbp.core import Parameters
from rnnbp.runtime import did_you_mean, natural_int, number, to_config

Array = np.ndarray

BLOCK = 32768  # elements: parameters, gradient, state and scratch of a block fit into a core's cache
SCRATCH = 3  # rows of scratch memory: one for the gradient, two for an update


class Optimizer:
    """Base class of the optimizers that update the parameters in place by one gradient.

    A subclass names its state arrays in `slots` and defines `update`, which is called on one block of elements at a
    time: a formula of ten operations then passes through memory once and not ten times.

    Parameters
    ----------
    learning_rate : float >= 0
        May be set at any time, as schedules do.
    weight_decay : float >= 0, default 0
        Adds ``weight_decay * p``, the gradient of ``weight_decay / 2 * |p|**2``, to the gradient.

    Attributes
    ----------
    steps : int
        Number of steps made.

    Notes
    -----
    `step` does not check for non-finite values: one in the gradient propagates into the parameters and into the
    state. Check before calling it.
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
        """Learning rate, the factor of each step."""
        return self._learning_rate

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        self._learning_rate = number("learning_rate", value, 0)

    def slots(self) -> dict[str, float]:
        """Return the names of the state arrays (P,), each with its initial value."""
        return {}

    def update(self, p: Array, g: Array, state: list[Array], scratch: Array) -> None:
        """Update one block of the parameters and of the state in place.

        Parameters
        ----------
        p : ndarray (n,)
            Parameters, changed in place.
        g : ndarray (n,)
            Gradient with respect to them, with weight decay; must not be changed.
        state : list of ndarray (n,)
            State arrays in the order of `slots`, changed in place.
        scratch : ndarray (2, n)
            Scratch memory.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define update")

    def step(self, params: Parameters, gradient: Array) -> None:
        """Update `params` in place by one step.

        Parameters
        ----------
        params : Parameters
            Changed in place; parameters that its mask fixes at zero stay zero, and frozen ones unchanged.
        gradient : ndarray (P,)
            Gradient of the loss with respect to `params.vector`; not changed.

        Raises
        ------
        ValueError
            If the gradient does not have the shape of the parameters, or the state belongs to other parameters.
        """
        vector = params.vector
        if gradient.shape != vector.shape or gradient.dtype.kind == "c":
            got = f"{gradient.dtype} of shape {gradient.shape}"
            raise ValueError(f"gradient must be real of shape (P,) = {vector.shape}, got {got}")
        state, frozen = self._state(vector), params.frozen_vector
        before = None if frozen is None else vector[frozen]
        self.steps += 1
        for place in blocks(vector.size):
            p = vector[place]
            scratch = self._scratch[:, : p.size]
            g = self.decayed(p, gradient[place], scratch[0])
            if frozen is not None:  # nor does weight decay enter the state
                g = np.where(frozen[place], g.dtype.type(0), g)
            self.update(p, g, [array[place] for array in state], scratch[1:])
        params.apply_mask()
        if before is not None:
            vector[frozen] = before

    def decayed(self, p: Array, g: Array, out: Array) -> Array:
        """Return the gradient with weight decay, in the parameters' dtype."""
        if self.weight_decay:
            np.multiply(p, self.weight_decay, out=out)
            out += g
            return out
        return g.astype(p.dtype, copy=False)

    def _state(self, vector: Array) -> list[Array]:
        if self._scratch.dtype != vector.dtype or self._scratch.shape[1] < min(BLOCK, vector.size):
            self._scratch = np.empty((SCRATCH, min(BLOCK, vector.size)), vector.dtype)
        slots = self.slots()
        for name, first in slots.items():
            if name not in self._arrays:
                self._arrays[name] = np.full(vector.shape, first, vector.dtype)
            array = self._arrays[name]
            if array.shape != vector.shape or array.dtype != vector.dtype:
                raise ValueError(
                    f"this {type(self).__name__} holds the state of {array.size} parameters in {array.dtype}, "
                    f"got {vector.size} in {vector.dtype}: make a new one for another model"
                )
        return [self._arrays[name] for name in slots]

    def begin(self, owner: object) -> None:
        """Reset the state if it belongs to another owner, such as another trainer.

        Parameters
        ----------
        owner : object
            Owner of the next steps, compared by identity; a `rnnbp.Trainer` passes a token of its own. State from the
            same owner, or loaded by `load_state_dict`, stays.

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
        """Return the state needed to continue a run: numbers, and copies of the arrays (P,).

        Returns
        -------
        dict
            'steps', 'learning_rate', and, after the first step, the state arrays by name.
        """
        arrays = {name: array.copy() for name, array in self._arrays.items()}
        return {"steps": self.steps, "learning_rate": self.learning_rate} | arrays

    def load_state_dict(self, state: Mapping[str, Any]) -> Self:
        """Restore the state that `state_dict` returned: the next steps are bit-identical.

        Parameters
        ----------
        state : mapping
            Copied. The optimizer's other arguments are not part of it.

        Raises
        ------
        ValueError
            If it is not the state of such an optimizer; this one is then unchanged.
        """
        numbers = {"steps", "learning_rate"}
        known = numbers | set(self.slots())
        for name in state:
            if name not in known:
                guess = did_you_mean(name, known)
                raise ValueError(f"state has {name!r}, which {type(self).__name__} does not have.{guess}")
        missing = (known if set(self.slots()) & set(state) else numbers) - set(state)
        if missing:
            raise ValueError(f"state of {type(self).__name__} lacks {', '.join(map(repr, sorted(missing)))}")
        arrays = {name: np.array(state[name]) for name in self.slots() if name in state}
        shapes = {array.shape for array in arrays.values()}
        dtype_kinds = {array.dtype.kind for array in arrays.values()}
        if len(shapes) > 1 or any(len(shape) != 1 for shape in shapes) or dtype_kinds - {"f"}:
            found = ", ".join(f"{name} {array.dtype} of {array.shape}" for name, array in arrays.items())
            raise ValueError(f"state of {type(self).__name__} must have floats of one shape (P,), got {found}")
        steps, rate = natural_int("steps", state["steps"]), number("learning_rate", state["learning_rate"], 0)
        self.learning_rate = rate  # raises in an optimizer with a fixed learning rate, before anything is changed
        self.steps, self._arrays, self._owner = steps, arrays, None
        return self

    def __repr__(self) -> str:
        arguments = (f"{key}={value!r}" for key, value in to_config(self).items() if key != "type")
        return f"{type(self).__name__}({', '.join(arguments)})"


def blocks(size: int) -> Iterator[slice]:
    """Return the slices that cut a vector into blocks.

    Examples
    --------
    >>> [(b.start, b.stop) for b in blocks(40000)]
    [(0, 32768), (32768, 40000)]
    """
    return (slice(lo, min(lo + BLOCK, size)) for lo in range(0, size, BLOCK))
