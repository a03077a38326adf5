"""Validation of the arguments of `Trainer` that say how it trains."""

from collections.abc import Iterable, Mapping
from typing import Any

from rnnbp.gradients.base import is_random
from rnnbp.optimizers import ClipNorm, ClipValue, FullBatch, Ridge
from rnnbp.optimizers.schedules import Schedule


def check_algorithms(gradient: Any, optimizer: Any) -> None:
    """Raise unless gradient algorithm and optimizer are objects with the methods that training calls.

    Raises
    ------
    ValueError
        If one does not; the message names it.
    """
    for name, value, method in (("gradient", gradient, "gradients"), ("optimizer", optimizer, "step")):
        if isinstance(value, type) or not hasattr(value, method):
            raise ValueError(f"{name} must be an object with a method {method!r}, got {value!r}")


def check_clip(clip: Any) -> None:
    """Raise unless `clip` is a `ClipNorm`, a `ClipValue` or None.

    Examples
    --------
    >>> check_clip(1.0)
    Traceback (most recent call last):
    ValueError: clip must be a ClipNorm or ClipValue, got 1.0: give ClipNorm(1.0)
    """
    if clip is None or (callable(clip) and not isinstance(clip, type)):
        return
    advice = f"give ClipNorm({clip})" if is_number(clip) else "give ClipNorm(1.0), say"
    raise ValueError(f"clip must be a {ClipNorm.__name__} or {ClipValue.__name__}, got {clip!r}: {advice}")


def check_schedule(schedule: Any) -> None:
    """Raise unless `schedule` is a `Schedule` or None.

    Examples
    --------
    >>> check_schedule(0.1)
    Traceback (most recent call last):
    ValueError: schedule must be a Schedule, got 0.1: a constant rate is the optimizer's, Adam(learning_rate=0.1)
    """
    if schedule is None or isinstance(schedule, Schedule):
        return
    constant = f"a constant rate is the optimizer's, Adam(learning_rate={schedule})"
    advice = constant if is_number(schedule) else "give Cosine(epochs=30), say, or one of a subclass of your own"
    raise ValueError(f"schedule must be a Schedule, got {schedule!r}: {advice}")


def checked_callbacks(callbacks: Any) -> tuple[Any, ...]:
    """Return the callbacks as a tuple, or raise unless they are functions in a list.

    Examples
    --------
    >>> checked_callbacks(print)
    Traceback (most recent call last):
    ValueError: callbacks must be functions (trainer, row) in a list, got <built-in function print>: ...
    """
    listed = isinstance(callbacks, Iterable) and not isinstance(callbacks, str)
    given = tuple(callbacks) if listed else (None,)
    if not all(map(callable, given)):
        raise ValueError(f"callbacks must be functions (trainer, row) in a list, got {callbacks!r}: give callbacks=[f]")
    return given


def check_full_batch(optimizer: Any, gradient: Any, ignored: Mapping[str, Any]) -> None:
    """Raise if a `FullBatch` optimizer is combined with arguments that only an optimizer with steps can use.

    Parameters
    ----------
    optimizer, gradient
    ignored : mapping of str to object
        Arguments that affect single steps; None or False where not given.

    Raises
    ------
    ValueError
        If the optimizer is a `Minimizer` and one of them is given, or the gradient estimate is random; if it is
        `Ridge`, which carries the state through a stream, and one other than `stateful` is given.
    """
    if not isinstance(optimizer, FullBatch):
        return
    solves, name = isinstance(optimizer, Ridge), type(optimizer).__name__
    how = "solves for the last layer" if solves else "minimizes the loss of the whole training set by line searches"
    for argument, value in ignored.items():
        if value is not None and value is not False and not (solves and argument == "stateful"):
            raise ValueError(
                f"{argument} has no effect with {name}, which {how}: leave it out, or take an optimizer that steps, "
                f"such as Adam(); got {value!r}"
            )
    if not solves and is_random(gradient):
        raise ValueError(
            f"{name} searches along the gradient of the loss, of which {gradient!r} is a random estimate: take BPTT(), "
            "or an optimizer that steps, such as Adam()"
        )


def is_number(value: Any) -> bool:
    """Return whether a value is an integer or a float, and not a bool."""
    return isinstance(value, int | float) and not isinstance(value, bool)
