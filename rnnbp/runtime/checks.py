"""Checks of arguments; their errors name the argument, the value received and the values accepted."""

import difflib
import importlib
import inspect
import math
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from types import ModuleType
from typing import Any, cast

import numpy as np

from rnnbp.runtime.descriptions import got

TINY = float(np.finfo(np.float64).tiny)  # least number in full precision, 2.2e-308
MOST_OPTIONS, LONGEST_ASKED = 1000, 100  # among which, and of which, the nearest name is sought: files may have many
MOST_BITS = 63  # of sizes and counts, which become 64-bit integers; seeds have no limit


def positive_int(name: str, value: Any) -> int:
    """Return `value` as an int of at least 1, or raise.

    Examples
    --------
    >>> positive_int("hidden_size", -3)
    Traceback (most recent call last):
    ValueError: hidden_size must be a positive integer, got -3
    """
    return integer_at_least(name, value, 1, "a positive integer")


def natural_int(name: str, value: Any) -> int:
    """Return `value` as an int of at least 0, or raise.

    Examples
    --------
    >>> natural_int("left", 0)
    0
    """
    return integer_at_least(name, value, 0, "an integer of 0 or more")


def seed_int(name: str, value: Any) -> int:
    """Return `value` as an int of at least 0 and of any size, or raise.

    Examples
    --------
    >>> seed_int("seed", 2**200) == 2**200
    True
    """
    return _integer(name, value, 0, "an integer of 0 or more")


def seed_or_generator(name: str, value: Any) -> np.random.Generator:
    """Return the generator of a seed, an int of at least 0, or `value` if it is a numpy.random.Generator, or raise.

    Examples
    --------
    >>> seed_or_generator("seed", -1)
    Traceback (most recent call last):
    ValueError: seed must be an integer of 0 or more, got -1 (a numpy.random.Generator is taken too)
    """
    if isinstance(value, np.random.Generator):
        return value
    try:
        return np.random.default_rng(seed_int(name, value))
    except ValueError as error:
        raise ValueError(f"{error} (a numpy.random.Generator is taken too)") from None


def integer_at_least(name: str, value: Any, least: float, taken: str) -> int:
    """Return `value` as an int of at least `least`, or raise; `taken` describes the accepted values in the error.

    Examples
    --------
    >>> integer_at_least("k2", 5, 2, "an integer >= k1 = 2")
    5
    """
    if isinstance(value, int) and value.bit_length() > MOST_BITS:
        raise ValueError(f"{name} must be {taken} (and below 2**{MOST_BITS}), {got(value)}")
    return _integer(name, value, least, taken)


def _integer(name: str, value: Any, least: float, taken: str) -> int:
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer) or value < least:
        raise ValueError(f"{name} must be {taken}, {got(value)}")
    return int(value)


def integer(name: str, value: Any) -> int:
    """Return `value` as an int of either sign, or raise.

    Examples
    --------
    >>> integer("ignore", "none")
    Traceback (most recent call last):
    ValueError: ignore must be an integer, got 'none'
    """
    return integer_at_least(name, value, -math.inf, "an integer")


def flag(name: str, value: Any) -> bool:
    """Return `value` as a bool, or raise; other types, as the string "no", are not converted.

    Examples
    --------
    >>> flag("stateful", "no")
    Traceback (most recent call last):
    ValueError: stateful must be True or False, got 'no'
    """
    if not isinstance(value, bool | np.bool_):
        raise ValueError(f"{name} must be True or False, {got(value)}")
    return bool(value)


def number(name: str, value: Any, low: float = -math.inf, high: float = math.inf, *, open_low: bool = False) -> float:
    """Return `value` as a finite float in [low, high], or (low, high] with `open_low`, or raise.

    Examples
    --------
    >>> number("rate", 1.5, 0, 1)
    Traceback (most recent call last):
    ValueError: rate must be a number between 0 and 1, got 1.5
    """
    real = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    if real and open_low and low == 0 and 0 < value < TINY:
        raise ValueError(f"{name} must be a number above 0 of which the reciprocal is finite, {got(value)}")
    real = real and (isinstance(value, float | np.floating) or abs(int(value)) < 2**1023)  # else float() overflows
    above = real and (value > low if open_low else value >= low)
    if not (above and value <= high and math.isfinite(value)):
        raise ValueError(f"{name} must be a number {_range(low, high, open_low)}, {got(value)}")
    return float(value)


def one_each(name: str, value: Any, size: int, of: str = "sequences") -> None:
    """Raise unless `value` has a length, `size`.

    Examples
    --------
    >>> one_each("targets", [0], 2)
    Traceback (most recent call last):
    ValueError: targets must be one for each of the 2 sequences, got 1
    """
    try:
        found: Any = len(value)
    except TypeError:
        found = type(value).__name__
    if found != size:
        raise ValueError(f"{name} must be one for each of the {size} {of}, got {found}")


def function_of(name: str, value: Any, count: int) -> Callable[..., Any]:
    """Return `value` if it can be called with `count` positional arguments, or raise.

    Examples
    --------
    >>> function_of("ref", lambda: 1.0, 1)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    TypeError: ref must be a function of 1 argument, got <function <lambda> at ...>
    """
    fits = callable(value)
    try:
        inspect.signature(value).bind(*[None] * count)
    except TypeError:
        fits = False
    except ValueError:  # a builtin function whose arguments Python cannot tell
        pass
    if not fits:
        raise TypeError(f"{name} must be a function of {count} argument{'s' * (count > 1)}, {got(value)}")
    return cast(Callable[..., Any], value)


def as_array(name: str, value: Any) -> np.ndarray:
    """Return an array_like of anything but objects as an array, or raise; ragged lists are none.

    Examples
    --------
    >>> as_array("x", [[1.0], [1.0, 2.0]])
    Traceback (most recent call last):
    ValueError: x must be an array of numbers, got [[1.0], [1.0, 2.0]]
    """
    try:
        found = np.asarray(value)
    except (ValueError, TypeError, OverflowError):  # as of ragged lists
        if hasattr(value, "__array__"):  # it knows why it is none
            raise
        found = None
    if found is None or found.dtype.kind == "O":
        raise ValueError(f"{name} must be an array of numbers, {got(value)}")
    return found


def as_numbers(name: str, value: Any) -> np.ndarray:
    """Return an array_like of real numbers or bools as an array, or raise.

    Examples
    --------
    >>> as_numbers("lengths", [3, 2])
    array([3, 2])
    >>> as_numbers("x", ["a", "b"])
    Traceback (most recent call last):
    ValueError: x must be an array of real numbers, got ['a', 'b']
    """
    found = as_array(name, value)
    if found.dtype.kind not in "biuf":
        raise ValueError(f"{name} must be an array of real numbers, {got(value)}")
    return found


def floating(name: str, value: Any, *taken: str) -> np.dtype[Any]:
    """Return a dtype_like as one of `taken`, by default any of real or complex numbers, or raise; None is not taken.

    Examples
    --------
    >>> floating("dtype", "f4")
    dtype('float32')
    >>> floating("dtype", None, "float32", "float64")
    Traceback (most recent call last):
    ValueError: dtype must be float32 or float64, got None
    """
    try:
        dtype = None if value is None else np.dtype(value)
    except (TypeError, ValueError):
        dtype = None
    if dtype is None or (dtype.name not in taken if taken else dtype.kind not in "fc"):
        *first, last = taken or ["a floating-point dtype"]
        raise ValueError(f"{name} must be {', '.join(first)}{' or ' * bool(first)}{last}, {got(value)}")
    return dtype


def generator(name: str, value: Any) -> np.random.Generator:
    """Return `value` if it is a numpy.random.Generator, or raise.

    Examples
    --------
    >>> generator("rng", 3)
    Traceback (most recent call last):
    ValueError: rng must be a numpy.random.Generator, such as numpy.random.default_rng(0), got 3
    """
    if not isinstance(value, np.random.Generator):
        raise ValueError(f"{name} must be a numpy.random.Generator, such as numpy.random.default_rng(0), {got(value)}")
    return value


def _range(low: float, high: float, open_low: bool) -> str:
    if math.isfinite(low) and math.isfinite(high):
        return f"above {low:g} and at most {high:g}" if open_low else f"between {low:g} and {high:g}"
    if math.isfinite(low):
        return f"above {low:g}" if open_low else f"of {low:g} or more"
    if math.isfinite(high):
        return f"of at most {high:g}"
    return "that is finite"


@contextmanager
def naming(argument: str, *others: str) -> Iterator[None]:
    """Name an argument first in the message of a TypeError or ValueError from the block that names none of several.

    An OverflowError becomes a ValueError.

    Examples
    --------
    >>> with naming("X"):
    ...     np.asarray([[1.0], [1.0, 2.0]])
    Traceback (most recent call last):
    ValueError: X: setting an array element with a sequence...
    """
    try:
        yield
    except (TypeError, ValueError, OverflowError) as error:
        named = any(re.search(rf"\b{name}\b", str(error)) for name in (argument, *others))
        if named and not isinstance(error, OverflowError):
            raise
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{argument}: {error}") from error


def text_or_none(name: str, value: Any) -> None:
    """Raise unless `value` is a str or None.

    Examples
    --------
    >>> text_or_none("time", 3)
    Traceback (most recent call last):
    ValueError: time must be a str or None, got 3
    """
    if not (value is None or isinstance(value, str)):
        raise ValueError(f"{name} must be a str or None, {got(value)}")


def unused(name: str, value: Any, default: Any, why: str) -> None:
    """Raise if an argument that has no effect differs from its default.

    Examples
    --------
    >>> unused("width", 5, 9, "where deltas is 0")
    Traceback (most recent call last):
    ValueError: width has no effect where deltas is 0: leave it out; got 5
    """
    if value != default:
        raise ValueError(f"{name} has no effect {why}: leave it out; got {value!r}")


def choice(name: str, value: Any, taken: Iterable[str]) -> str:
    """Return `value` if it is one of `taken`; else raise an error that lists them and suggests the nearest.

    Examples
    --------
    >>> choice("model", "ltsm", ["lstm", "gru"])
    Traceback (most recent call last):
    ValueError: model must be one of 'gru', 'lstm'; got 'ltsm'. Did you mean 'lstm'?
    """
    options = sorted(taken)
    if isinstance(value, str) and value in options:
        return value
    raise ValueError(
        f"{name} must be one of {', '.join(map(repr, options))}; got {value!r}.{did_you_mean(value, options)}"
    )


def unknown(name: str, value: Any, taken: Iterable[str]) -> ValueError:
    """Return the error for one of several values that is not in `taken`, which it lists in the given order.

    Examples
    --------
    >>> raise unknown("variants", "windw", ["window", "bilstm"])
    Traceback (most recent call last):
    ValueError: variants must be of window, bilstm; got 'windw'. Did you mean 'window'?
    """
    options = list(taken)
    return ValueError(f"{name} must be of {', '.join(options)}; got {value!r}.{did_you_mean(value, options)}")


def did_you_mean(value: Any, options: Iterable[str]) -> str:
    """Return a sentence that suggests the nearest of `options`, after a space; an empty string if none is near.

    Examples
    --------
    >>> did_you_mean("w_hi", ["w_ih", "b_ih"]), did_you_mean("btpp", ["BPTT", "RTRL"])
    (" Did you mean 'w_ih'?", " Did you mean 'BPTT'?")
    """
    lowered = {option.casefold(): option for option in islice(options, MOST_OPTIONS)}
    asked = str(value)[:LONGEST_ASKED].casefold()
    cutoff = 0.5 if len(asked) == 4 else 0.6  # BTPP has two letters in the places of BPTT
    near = difflib.get_close_matches(asked, list(lowered), n=1, cutoff=cutoff)
    return f" Did you mean {lowered[near[0]]!r}?" if near else ""


def repeated(names: Iterable[str]) -> str | None:
    """Return the first name that comes a second time, or None.

    Examples
    --------
    >>> repeated(["a", "b", "a"]), repeated("abc")
    ('a', None)
    """
    seen = set[str]()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None


def require(module: str, extra: str) -> ModuleType:
    """Import an optional dependency, or raise an error that names the extra to install.

    Examples
    --------
    >>> require("no_such_module", extra="plot")
    Traceback (most recent call last):
    ImportError: this needs no_such_module, which is not installed: pip install "rnnbp[plot]"
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise ImportError(f'this needs {package}, which is not installed: pip install "rnnbp[{extra}]"') from error
