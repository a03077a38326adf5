"""Renumbering of labels by class name, between two datasets or a dataset and a model."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from rnnbp.data.labels import LabelSequences
from rnnbp.data.targets import Targets
from rnnbp.runtime import did_you_mean

Array = np.ndarray
SHOWN = 20  # names in a message


def renumbered(targets: Targets, old: Sequence[str], new: Sequence[str]) -> Targets:
    """Return labels that are indices into `old` as indices into `new`.

    Parameters
    ----------
    targets : ndarray (N,) of int, list of ndarray (T_i,) of int, or LabelSequences
        A label of -1, for none, is unchanged.
    old, new : sequence of str
        Names that do not occur need not be in `new`.

    Raises
    ------
    ValueError
        If a label has a name that is not in `new`; the message lists all of them.

    Examples
    --------
    >>> renumbered(np.array([0, 1, 1]), ["b", "c"], ["a", "b", "c"])
    array([1, 2, 2])
    """
    place = {name: k for k, name in enumerate(new)}
    places = np.array([*(place.get(name, -2) for name in old), -1])  # label -1 takes the last
    flat = targets if isinstance(targets, np.ndarray) else np.concatenate([*targets, np.empty(0, np.int64)])
    occurring = np.unique(flat)
    unknown = [old[k] for k in occurring[places[occurring] == -2]]
    if unknown:
        near = "" if len(unknown) > 1 else did_you_mean(unknown[0], new)
        raise ValueError(f"the classes {listed(unknown)} are not among {listed(new)}.{near}")
    if isinstance(targets, LabelSequences):
        return LabelSequences([places[one] for one in targets], new)
    return [places[one] for one in targets] if isinstance(targets, list) else places[targets]


def named(targets: Targets, classes: Sequence[str]) -> Any:
    """Return labels as names; None for a label of -1.

    Returns
    -------
    ndarray of object (N,); list of such (T_i,); of label sequences, list of lists of str

    Examples
    --------
    >>> named(np.array([1, 0]), ["no", "yes"])
    array(['yes', 'no'], dtype=object)
    """
    if isinstance(targets, LabelSequences):
        return [[classes[k] for k in one] for one in targets]
    names = np.array([*classes, None], object)
    return names[targets] if isinstance(targets, np.ndarray) else [names[one] for one in targets]


def listed(names: Sequence[str]) -> str:
    """Return names for a message, at most the first twenty.

    Parameters
    ----------
    names : sequence of str

    Examples
    --------
    >>> listed(["a", "b"])
    "'a', 'b'"
    """
    more = "" if len(names) <= SHOWN else f", ... ({len(names)} in all)"
    return ", ".join(map(repr, names[:SHOWN])) + more


def names_or_none(value: Any, what: str = "classes") -> list[str] | None:
    """Return the names of classes or features, `what`, read from a model file, or None where it has none.

    Parameters
    ----------
    value : object
        What was read.
    what : str, default 'classes'
        What the names are of, for the message.

    Raises
    ------
    ValueError
        If the value is neither a list of names nor None.

    Examples
    --------
    >>> names_or_none(["no", "yes"])
    ['no', 'yes']
    """
    if value is None or (isinstance(value, list) and all(isinstance(name, str) for name in value)):
        return value
    raise ValueError(f"{what} must be a list of names, got {value!r}")
