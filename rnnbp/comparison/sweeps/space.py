"""Search spaces, and the trials of a grid and of a random search."""

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import product
from typing import Any, TypeAlias

import numpy as np

from rnnbp.comparison.sweeps.described import described
from rnnbp.runtime import did_you_mean, positive_int, python_scalar, seed_int

Parameters: TypeAlias = dict[str, Any]

FIT_SETTINGS = ("epochs", "batch_size")
TRAINER_SETTINGS = ("learning_rate", "optimizer", "gradient", "clip", "schedule")
COLUMNS = ("trial", "seed", "status", "score", "best_epoch", "epochs_trained", "seconds", "error")  # of the table


def checked_space(space: Any, *, optuna: bool = False) -> list[Parameters]:
    """Return the spaces that a search takes its trials from, as a list of dicts; raise if one cannot be searched.

    Parameters
    ----------
    space : mapping, or sequence of mapping
        As `rnnbp.sweep` takes it.
    optuna : bool, default False
        Whether Optuna's distributions are taken too.

    Raises
    ------
    ValueError
        If a name cannot be that of a parameter, or its values are neither a list of at least one, all different, nor a
        distribution.

    Examples
    --------
    >>> checked_space({"hidden_size": (16, 32)})
    [{'hidden_size': [16, 32]}]
    >>> checked_space({"hidden_size": 16})
    Traceback (most recent call last):
    ValueError: space['hidden_size'] must be a list of values or a scipy.stats distribution, got 16: write [16]
    """
    spaces = [space] if isinstance(space, Mapping) else space
    if not isinstance(spaces, Sequence) or isinstance(spaces, str) or not spaces:
        raise ValueError(f'space must be a dict of names and values, {{"learning_rate": [0.01, 0.001]}}, got {space!r}')
    return [_checked(one, optuna) for one in spaces]


def _checked(space: Any, optuna: bool) -> Parameters:
    if not isinstance(space, Mapping) or not space:
        raise ValueError(f"space must have at least one parameter, got {space!r}")
    for name in space:
        if not isinstance(name, str) or not name.isidentifier():
            raise ValueError(f"space must have names of parameters as keys, got {name!r}")
        if name in COLUMNS:
            advice = ": give seeds=" if name == "seed" else ", a column of the result's table: rename it"
            raise ValueError(f"space cannot have a parameter {name!r}{advice}")
    return {name: _values(name, given, optuna) for name, given in space.items()}


def _values(name: str, given: Any, optuna: bool) -> Any:
    """Return the list of a parameter's values, or its distribution."""
    if is_distribution(given) or (optuna and is_of_optuna(given)):
        return given
    if is_of_optuna(given):
        raise ValueError(f"space[{name!r}] is {given!r}, which needs a sampler of Optuna: give sampler=")
    if hasattr(given, "rvs"):
        called = f"scipy.stats.{given.name}({given.shapes or 'loc, scale'})"
        raise ValueError(f"space[{name!r}] must be a distribution with its parameters, {called}, got {given.name}")
    if isinstance(given, str | Mapping) or not isinstance(given, Iterable):
        shown = described(given)
        raise ValueError(
            f"space[{name!r}] must be a list of values or a scipy.stats distribution, got {shown}: write [{shown}]"
        )
    values = [python_scalar(one) for one in given]
    if not values:
        raise ValueError(f"space[{name!r}] must have at least one value, got none")
    for place, value in enumerate(values):
        if any(_same(value, other) for other in values[:place]):
            raise ValueError(f"space[{name!r}] must have different values, got {described(value)} more than once")
    return values


def _same(first: Any, second: Any) -> bool:
    """Return whether two values are equal; 1 and 1.0 are, 1 and True are not."""
    if isinstance(first, bool) != isinstance(second, bool):
        return False
    return first is second or bool(np.all(first == second))


def is_distribution(given: Any) -> bool:
    """Return whether it is a frozen distribution of scipy.stats.

    Examples
    --------
    >>> from scipy import stats
    >>> is_distribution(stats.loguniform(1e-4, 1e-1)), is_distribution(stats.loguniform)
    (True, False)
    """
    return hasattr(given, "rvs") and hasattr(given, "dist")


def is_of_optuna(given: Any) -> bool:
    """Return whether it is a distribution of Optuna.

    Examples
    --------
    >>> is_of_optuna([1, 2])
    False
    """
    return type(given).__module__.startswith("optuna.distributions")


def parameter_names(make: Callable[..., Any]) -> set[str] | None:
    """Return the names of a function's parameters; None where it takes any (``**settings``).

    Raises
    ------
    ValueError
        If it is not a function, or has parameters that cannot be given by name.

    Examples
    --------
    >>> sorted(parameter_names(lambda hidden_size, seed: None))
    ['hidden_size', 'seed']
    """
    example = "lambda hidden_size, seed: rnnbp.Sequential(..., seed=seed)"
    if not callable(make):
        raise ValueError(f"make must be a function that makes a new model, got {make!r}: {example}")
    parameters = inspect.signature(make).parameters.values()
    for one in parameters:
        if one.kind in (one.POSITIONAL_ONLY, one.VAR_POSITIONAL):
            raise ValueError(f"make must take its parameters by name, and {one} cannot be given so: {example}")
    if any(one.kind is one.VAR_KEYWORD for one in parameters):
        return None
    return {one.name for one in parameters}


def check_names(make: Callable[..., Any], spaces: Sequence[Parameters]) -> None:
    """Raise unless every name of a space is taken by `make` or is a setting of training, and `make` lacks none.

    Examples
    --------
    >>> check_names(lambda hidden_size, seed: None, [{"hiden_size": [1]}])
    Traceback (most recent call last):
    ValueError: space has 'hiden_size', which make does not take: its parameters are 'hidden_size', and settings of ...
    """
    names = parameter_names(make)
    needed = {
        name
        for name, one in inspect.signature(make).parameters.items()
        if one.default is one.empty and one.kind is not one.VAR_KEYWORD
    }
    for space in spaces:
        for name in space:
            if names is not None and name not in names and name not in FIT_SETTINGS + TRAINER_SETTINGS:
                own = sorted(names - {"seed"})
                raise ValueError(
                    f"space has {name!r}, which make does not take: its parameters are "
                    f"{', '.join(map(repr, own)) or 'none'}, and settings of the training are "
                    f"{', '.join(FIT_SETTINGS + TRAINER_SETTINGS)}."
                    f"{did_you_mean(name, [*own, *FIT_SETTINGS, *TRAINER_SETTINGS])}"
                )
        missing = sorted(needed - set(space) - {"seed", *FIT_SETTINGS})
        if missing:
            raise ValueError(f"make needs {missing[0]!r}, which has no default and is not in space {list(space)}")


def grid(spaces: Sequence[Parameters]) -> list[Parameters]:
    """Return every combination of values, the last parameter varying fastest.

    Raises
    ------
    ValueError
        If a parameter has a distribution.

    Examples
    --------
    >>> grid([{"a": [1, 2], "b": ["x"]}, {"c": [3]}])
    [{'a': 1, 'b': 'x'}, {'a': 2, 'b': 'x'}, {'c': 3}]
    """
    for space in spaces:
        for name, values in space.items():
            if not isinstance(values, list):
                raise ValueError(
                    f"trials must be the number of random points, as {name!r} of the space has a distribution; got None"
                )
    return [dict(zip(space, values, strict=True)) for space in spaces for values in product(*space.values())]


def example_point(spaces: Sequence[Parameters]) -> Parameters:
    """Return one point of the first space: the first values of lists.

    Examples
    --------
    >>> example_point([{"a": [1, 2], "b": ["x"]}])
    {'a': 1, 'b': 'x'}
    """
    rng = np.random.default_rng(0)
    return {name: _example(values, rng) for name, values in spaces[0].items()}


def _example(values: Any, rng: np.random.Generator) -> Any:
    if isinstance(values, list):
        return values[0]
    if is_of_optuna(values):
        return values.choices[0] if hasattr(values, "choices") else values.low
    return _draw(values, rng)[1]


def random_trials(spaces: Sequence[Parameters], trials: int, seed: int) -> list[Parameters]:
    """Return different random points, of which the first ones are the same for any number of trials.

    Parameters
    ----------
    spaces : sequence of dict
        Of several, each has the same probability.
    trials : int
    seed : int

    Raises
    ------
    ValueError
        If the space has fewer points.

    Examples
    --------
    >>> space = [{"a": [1, 2, 3], "b": [4, 5]}]
    >>> random_trials(space, 5, seed=0)[:2] == random_trials(space, 2, seed=0)
    True
    >>> random_trials(space, 7, seed=0)
    Traceback (most recent call last):
    ValueError: trials must be at most 6, the number of points of the space, got 7: leave it out to try them all
    """
    positive_int("trials", trials)
    points = _size(spaces)
    if points is not None and trials > points:
        raise ValueError(
            f"trials must be at most {points}, the number of points of the space, got {trials}: leave it out to try "
            "them all"
        )
    rng = np.random.default_rng(seed_int("seed", seed))
    found: dict[tuple[Any, ...], Parameters] = {}
    repeats = 0
    while len(found) < trials:
        number = int(rng.integers(len(spaces))) if len(spaces) > 1 else 0
        drawn = {name: _draw(values, rng) for name, values in spaces[number].items()}
        key = (number, *(place for place, _ in drawn.values()))
        repeats = repeats + 1 if key in found else 0
        found.setdefault(key, {name: value for name, (_, value) in drawn.items()})
        if repeats > 100 * (trials + 10):  # of a distribution over few values
            raise ValueError(f"trials must be at most {len(found)}, as the space has no further points, got {trials}")
    return list(found.values())


def _size(spaces: Sequence[Parameters]) -> int | None:
    """Return the number of points, or None where a parameter has a distribution."""
    if any(not isinstance(values, list) for space in spaces for values in space.values()):
        return None
    sizes = ([len(values) for values in space.values()] for space in spaces)
    return sum(int(np.prod(one, dtype=object)) for one in sizes)


def _draw(values: Any, rng: np.random.Generator) -> tuple[Any, Any]:
    """Return a value, after what tells it from the others: its place in the list, or itself."""
    if isinstance(values, list):
        place = int(rng.integers(len(values)))
        return place, values[place]
    value = np.asarray(values.rvs(random_state=rng)).item()
    return value, value
