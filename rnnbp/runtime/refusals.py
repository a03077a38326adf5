"""Errors of calls with an argument of the wrong type, which name the argument."""

import dataclasses
import dis
import functools
import inspect
import types
from collections.abc import Callable
from typing import Any, TypeVar, cast

from rnnbp.runtime.annotations import described, fits
from rnnbp.runtime.descriptions import got

RAISE = dis.opmap["RAISE_VARARGS"]
Taking = TypeVar("Taking", bound=Callable[..., Any])


def refuses_by_name(function: Taking) -> Taking:
    """Return a function, or a class, whose errors name the argument that is not of its annotated type.

    The package's own errors are raised unchanged, as they say more than a type does: only those that come from within
    Python, NumPy or another package become one that names the argument. As the arguments are looked at after an error
    only, a call that succeeds costs as much as before, and takes what it took: a function that would take a wrong
    value in silence has to check it by `rnnbp.runtime.checks` or `of_type`. The errors of a generator come later, and
    are not looked at.

    Raises
    ------
    TypeError or ValueError
        Instead of the error from within, which it has as its cause.

    Examples
    --------
    >>> @refuses_by_name
    ... def repeated(text: str, times: int = 2) -> str:
    ...     return text.strip() * times
    >>> repeated(None)
    Traceback (most recent call last):
    TypeError: text must be a string, got None
    """
    if inspect.isclass(function):
        function.__init__ = refuses_by_name(function.__init__)  # type: ignore[method-assign]
        return function
    refusal_of = refusal

    def call(*arguments: Any, **named: Any) -> Any:
        try:
            return function(*arguments, **named)
        except Exception as error:
            if better := refusal_of(error, function, arguments, named):
                raise better from (error.__cause__ or error)
            raise

    # With the globals of the function's module, by which doctest finds it; so `call` has its names from its closure.
    there = types.FunctionType(call.__code__, function.__globals__, closure=call.__closure__)
    return cast(Taking, functools.wraps(function)(there))


def of_type(name: str, value: Any, annotation: Any) -> Any:
    """Return `value` if it is of an annotated type, or raise: for what a function would take in silence.

    Examples
    --------
    >>> of_type("words", "cat", list[str] | None)
    Traceback (most recent call last):
    TypeError: words must be a list or None, got 'cat'
    """
    if not fits(value, annotation):
        raise TypeError(f"{name} must be {described(annotation)}, {got(value)}")
    return value


def check_fields(record: Any) -> None:
    """Raise if a field of a dataclass is not of its annotated type; for its `__post_init__`."""
    for field in dataclasses.fields(record):
        if field.init:
            of_type(field.name, getattr(record, field.name), field.type)


def refusal(
    error: Exception, function: Callable[..., Any], arguments: tuple[Any, ...], named: dict[str, Any]
) -> Exception | None:
    """Return an error that names the first argument of the wrong type; None if there is none, or `error` is ours."""
    if _raised_by(function.__module__.partition(".")[0], error):
        return None
    parameters = inspect.signature(function).parameters
    try:
        given = inspect.signature(function).bind(*arguments, **named).arguments
    except TypeError:  # an argument is missing or unknown, as `error` says
        return None
    for name, value in given.items():
        if not _fits(value, parameters[name]):
            kind = ValueError if isinstance(error, ValueError) else TypeError
            return kind(f"{name} must be {described(parameters[name].annotation)}, {got(value)}")
    return None


def _raised_by(package: str, error: Exception) -> bool:
    """Return whether an error comes from a `raise` of the package, other than one of this file.

    Others come from within Python or another package, or name the argument of an inner call.
    """
    trace = cast(types.TracebackType, error.__traceback__)
    while trace.tb_next:
        trace = trace.tb_next
    code, module = trace.tb_frame.f_code, trace.tb_frame.f_globals.get("__name__", "")
    ours = module.partition(".")[0] == package and code.co_filename != __file__
    return ours and code.co_code[trace.tb_lasti] == RAISE


def _fits(value: Any, parameter: inspect.Parameter) -> bool:
    if parameter.kind is parameter.VAR_KEYWORD or value is parameter.default:
        return True
    if parameter.kind is parameter.VAR_POSITIONAL:
        return all(fits(one, parameter.annotation) for one in value)
    return fits(value, parameter.annotation)
