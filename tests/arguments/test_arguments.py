"""Public callables, with wrong values for their arguments: refused by name, or taken, and nothing is changed.

`known.txt` lists the arguments of which that does not hold yet, which are left out; `inner.py` lists the callables
without a row, and why. The list is written anew by `python tests/arguments/test_arguments.py`.
"""

import importlib
import inspect
import re
import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from fingerprints import fingerprint, unchanged
from inner import INNER, inner
from instances import instance_of
from public import Entry, entries, kinds
from values import ROWS, UNTRIED, extras, marks_of, needed, valid, way_of_calling
from wrong import values_for

for rows in ("rows_models", "rows_training", "rows_files"):
    importlib.import_module(rows)

REFUSALS = (TypeError, ValueError, OSError, ImportError, KeyError)  # a KeyError of a look-up by name
SECONDS = 2  # of computing
KNOWN_FILE = Path(__file__).parent / "known.txt"
HEADER = [line for line in KNOWN_FILE.read_text(encoding="utf-8").splitlines() if line.startswith("#")]
KNOWN = [line.partition("=")[0] for line in KNOWN_FILE.read_text(encoding="utf-8").splitlines() if line not in HEADER]
TABLE = [name for name in entries() if inner(name) is None]
HELD = {name: [one for one in entries()[name].parameters if f"{name} {one}" not in KNOWN] for name in TABLE}


class Hang(BaseException):
    """The call took too long."""


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Raise Hang in what takes longer."""

    def alarm(*_: Any) -> None:
        raise Hang

    before = signal.signal(signal.SIGVTALRM, alarm)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds, 0.1)  # again where it is lost in a finalizer
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def arguments_of(entry: Entry) -> dict[str, Any]:
    """Return the arguments of a valid call."""
    given, special = {}, extras(entry.name)
    for name, parameter in entry.parameters.items():
        if parameter.default is parameter.empty and parameter.kind is not parameter.VAR_KEYWORD:
            make = valid(entry.name, name)
            assert make is not None, f"{entry.name} needs a row: what is a valid {name}?"
            given[name] = make()
        elif name in special:
            given[name] = special[name]()
    return given


def called(entry: Entry, of: Any, arguments: dict[str, Any]) -> Any:
    """Call with arguments by name, and return the result, of an iterator all of its items."""
    positional, named = [], {}
    for name, parameter in entry.parameters.items():
        if name not in arguments:
            continue
        if parameter.kind is parameter.VAR_POSITIONAL:
            star = arguments[name]
            positional += star if isinstance(star, tuple) else [star]
        elif parameter.kind is parameter.POSITIONAL_ONLY:
            positional.append(arguments[name])
        elif parameter.kind is parameter.VAR_KEYWORD:
            named |= arguments[name]
        else:
            named[name] = arguments[name]
    before = [name for name, p in entry.parameters.items() if p.kind is p.VAR_POSITIONAL]
    for name, parameter in entry.parameters.items() if before else ():
        if parameter.kind is parameter.POSITIONAL_OR_KEYWORD and name in named:
            positional.insert(0, named.pop(name))
    function = entry.value if of is None else getattr(of, entry.name.rpartition(".")[2])
    result = way_of_calling(entry.name)(function, *positional, **named)
    return list(result) if inspect.isgenerator(result) else result


def names_it(message: str, argument: str) -> bool:
    """Return whether a message names an argument."""
    return bool(re.search(rf"(?<![a-z_]){re.escape(argument.removesuffix('s'))}", message))


def fault_of(entry: Entry, argument: str, label: str, value: Any, refuse: bool, made: list[Any]) -> str | None:
    """Return what is wrong with the answer to one wrong value; None if it is as it should be."""
    of, arguments, before = made
    try:
        with at_most(SECONDS):
            called(entry, of, arguments | {argument: value})
    except REFUSALS as error:
        if not names_it(str(error), argument):
            return f"{argument}={label}: {type(error).__name__} names no argument: {str(error)[:150]}"
        if not unchanged(before, fingerprint((of, arguments))):
            return f"{argument}={label}: refused, but something has changed"
    except Hang:
        return f"{argument}={label}: no answer after {SECONDS} s"
    except BaseException as error:
        return f"{argument}={label}: {type(error).__name__}: {str(error)[:150]}"
    else:
        made[:] = made_for(entry)  # the call may have changed them, as it should
        if refuse:
            return f"{argument}={label} is taken, and should be refused"
    return None


def faults_of(name: str, arguments: Iterable[str]) -> dict[str, str]:
    """Return the first fault of each of the named arguments of a callable that has one."""
    entry = entries()[name]
    called(entry, instance_of(entry), arguments_of(entry))
    made = made_for(entry)
    found = {}
    for argument in arguments:
        parameter = entry.parameters[argument]
        for label, (value, refuse) in wrong_values(parameter).items():
            if label in UNTRIED.get(argument, ()):
                continue
            if fault := fault_of(entry, argument, label, value, refuse, made):
                found[argument] = fault
                break
    called(entry, *made[:2])
    return found


def made_for(entry: Entry) -> list[Any]:
    """Return an object to call, the arguments of a valid call, and the fingerprint of both."""
    both = instance_of(entry), arguments_of(entry)
    return [*both, fingerprint(both)]


def wrong_values(parameter: inspect.Parameter) -> dict[str, tuple[Any, bool]]:
    """Return the values to try, each with whether it must be refused; no None where it is the default, nor options."""
    if parameter.kind is parameter.VAR_KEYWORD:
        return {}
    found = values_for(kinds(parameter.annotation))
    return {name: one for name, one in found.items() if one[0] is not None or parameter.default is not None}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=marks_of(name)) for name, arguments in HELD.items() if arguments]
)
@pytest.mark.filterwarnings("ignore::rnnbp.solvers.ConvergenceWarning")
def test_wrong_arguments_are_refused_by_name_and_change_nothing(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for module in needed(name):
        pytest.importorskip(module)
    found = faults_of(name, HELD[name])
    assert not found, "\n".join([f"{name}:", *found.values()])


def test_every_row_is_that_of_a_public_callable():
    names = [name.removeprefix("rnnbp.") for name in entries()]
    stale = [pattern for pattern, _ in ROWS if not any(re.fullmatch(pattern, name) for name in names)]
    arguments = {f"{name} {one}" for name in TABLE for one in entries()[name].parameters}
    stale += [line for line in KNOWN if line not in arguments]
    stale += [pattern for pattern in INNER if not any(re.fullmatch(pattern, name) for name in entries())]
    assert not stale


if __name__ == "__main__":
    import os
    import sys
    import tempfile
    import warnings
    from importlib.util import find_spec

    from rnnbp import kernels
    from rnnbp.solvers import ConvergenceWarning

    asked = sys.argv[1] if len(sys.argv) > 1 else ".*"  # the names of callables; the lines of others remain
    tried = [name for name in TABLE if re.fullmatch(asked, name) and all(map(find_spec, needed(name)))]
    warnings.simplefilter("error")
    warnings.simplefilter("ignore", ConvergenceWarning)
    with kernels.using("numpy"):
        found = {}
        for name in tried:
            os.chdir(tempfile.mkdtemp())
            found[name] = faults_of(name, entries()[name].parameters)
    every = [
        f"{name} {fault.partition(': ')[0].partition(' is taken')[0]}"
        for name, faults in found.items()
        for fault in faults.values()
    ]
    lines = KNOWN_FILE.read_text(encoding="utf-8").splitlines()[len(HEADER) :]
    every += [line for line in lines if line.partition(" ")[0] not in tried and line.partition(" ")[0] in TABLE]
    KNOWN_FILE.write_text("".join(f"{line}\n" for line in [*HEADER, *sorted(every)]), encoding="utf-8")
