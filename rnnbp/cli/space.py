"""Search spaces as the command line gives them: ``learning_rate=0.001:0.1:log,hidden_size=16|32|64``."""

from collections.abc import Callable
from typing import Any

KINDS: dict[str, type] = {
    "model": str,
    "hidden_size": int,
    "learning_rate": float,
    "optimizer": str,
    "epochs": int,
    "batch_size": int,
}
NOUNS = {int: "an integer", float: "a number"}


def parse_space(given: str) -> dict[str, Any]:
    """Return the space as `rnnbp.sweep` takes it: lists of choices, and distributions.

    Parameters
    ----------
    given : str
        ``NAME=VALUES``, separated by commas; VALUES are ``A|B|C``, ``LOW:HIGH`` or ``LOW:HIGH:log``.

    Raises
    ------
    ValueError
        If there is no parameter of a name, or its values are not of its type.

    Examples
    --------
    >>> space = parse_space("hidden_size=16|32,learning_rate=0.001:0.1:log")
    >>> space["hidden_size"], space["learning_rate"].dist.name
    ([16, 32], 'loguniform')
    """
    from rnnbp.runtime import choice

    space: dict[str, Any] = {}
    for part in given.split(","):
        name, sign, values = part.strip().partition("=")
        if not sign or not values:
            raise ValueError(f"--space must be NAME=VALUES, separated by commas, got {part!r}: hidden_size=16|32|64")
        choice("--space", name, KINDS)
        if name in space:
            raise ValueError(f"--space must name each parameter once, got {name!r} more than once")
        space[name] = _values(name, values)
    return space


def _values(name: str, values: str) -> Any:
    kind = KINDS[name]
    if ":" not in values:
        return [_value(name, kind, one) for one in values.split("|")]
    low, high, *scale = values.split(":")
    if kind is str or scale not in ([], ["log"]):
        raise ValueError(
            f"--space {name} must be A|B|C{'' if kind is str else ', LOW:HIGH or LOW:HIGH:log'}, got {values!r}"
        )
    return _distribution(name, _value(name, kind, low), _value(name, kind, high), log=bool(scale))


def _value(name: str, kind: Callable[[str], Any], given: str) -> Any:
    try:
        return kind(given)
    except ValueError:
        raise ValueError(f"--space {name} must be {NOUNS[KINDS[name]]}, got {given!r}") from None


def _distribution(name: str, low: float, high: float, *, log: bool) -> Any:
    from scipy import stats

    if not low < high or (log and low <= 0):
        raise ValueError(
            f"--space {name} must be LOW:HIGH with LOW < HIGH{', above 0' if log else ''}, got {low}:{high}"
        )
    if KINDS[name] is int:
        if log:
            raise ValueError(f"--space {name} must be integers, whose choices are given one by one, as 16|32|64|128")
        return stats.randint(low, high + 1)
    return stats.loguniform(low, high) if log else stats.uniform(low, high - low)
