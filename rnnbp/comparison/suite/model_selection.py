"""Which models of a suite are compared on each of its tasks: by names, by kinds, or models of one's own."""

from collections.abc import Iterable, Mapping
from typing import Any

from rnnbp.comparison.models import Baseline
from rnnbp.comparison.suite.models import Model
from rnnbp.models import Sequential
from rnnbp.models.kind import KINDS
from rnnbp.runtime import unknown


def select_models(own: Mapping[str, Mapping[str, Model]], models: Any) -> dict[str, dict[str, Model]]:
    """Return the models of each task, of those that it has and those that are given.

    Parameters
    ----------
    own : mapping of str to mapping
        Each task's models.
    models
        As `compare_suite` takes them.

    Raises
    ------
    ValueError
        If a task or a model is not known, or a task is left without a model.

    Examples
    --------
    >>> from rnnbp.comparison import BASELINES
    >>> own = {"a": {"gru": BASELINES["gru"]}, "b": {"mlp": BASELINES["window-mlp"]}}
    >>> {task: list(models) for task, models in select_models(own, ["static", "gru"]).items()}
    {'a': ['gru'], 'b': ['mlp']}
    """
    if models is None:
        return {task: dict(there) for task, there in own.items()}
    if isinstance(models, Mapping):
        if not models:
            raise ValueError("models must be at least one, got none")
        by_task = all(isinstance(one, Mapping) for one in models.values())
        for task in models if by_task else ():
            if task not in own:
                raise unknown("tasks of models", task, own)
        return {
            task: _given(task, models.get(task, there) if by_task else models, there) for task, there in own.items()
        }
    if isinstance(models, str) or not isinstance(models, Iterable):
        raise ValueError(
            f"models must be a list of names, a dict of models, or None for each task's own; got {models!r}"
        )
    return _named(own, list(models))


def _given(task: str, models: Mapping[str, Any], own: Mapping[str, Model]) -> dict[str, Model]:
    found: dict[str, Model] = {}
    for name, one in models.items():
        if isinstance(one, str):
            if one not in own:
                raise unknown(f"models[{name!r}] of task {task!r}", one, own)
            one = own[one]
        if isinstance(one, Sequential) or one is Sequential or not (isinstance(one, Baseline) or callable(one)):
            raise ValueError(
                f"models[{name!r}] must be a rnnbp.comparison.Baseline, the name of a task's own model, or a function "
                f"that makes a new model for each seed, got {one!r}"
            )
        found[name] = one
    return found


def _named(own: Mapping[str, Mapping[str, Model]], names: list[str]) -> dict[str, dict[str, Model]]:
    """Return the models of these names or kinds that each task has."""
    known = {name: one for there in own.values() for name, one in there.items()}
    kinds = (*KINDS, "all")
    for name in names:
        if name not in known and name not in kinds:
            raise unknown("models", name, [*known, *kinds])
    found = {
        task: {key: one for key, one in there.items() if {key, getattr(one, "kind", None), "all"} & set(names)}
        for task, there in own.items()
    }
    for task, there in found.items():
        if not there:
            raise ValueError(f"task {task!r} has none of the models {', '.join(names)}: it has {', '.join(own[task])}")
    return found
