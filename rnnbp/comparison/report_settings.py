"""Description of a comparison's data and training settings for the report."""

import platform
from collections.abc import Iterable, Mapping
from importlib import import_module, metadata

from rnnbp.comparison.training_run import Recipe
from rnnbp.data import SequenceDataset
from rnnbp.optimizers import Optimizer
from rnnbp.runtime import cores


def settings(
    train: SequenceDataset,
    test: SequenceDataset,
    recipe: Recipe,
    *,
    seeds: Iterable[int],
    folds: int,
    optimizers: Mapping[str, Optimizer],
) -> dict[str, str]:
    """Return the settings of a comparison as readable names and texts.

    Parameters
    ----------
    train, test : SequenceDataset
    recipe : Recipe
    seeds : iterable of int
    folds : int
    optimizers : mapping of str to Optimizer
        Optimizers by model name.

    Examples
    --------
    >>> import numpy as np, rnnbp
    >>> data = SequenceDataset([np.zeros((5, 2))] * 4, targets=[0, 1, 0, 1])
    >>> optimizers = {"gru": rnnbp.SGD(0.1), "lstm": rnnbp.SGD(0.1), "mlp": rnnbp.SGD(0.2)}
    >>> recipe = Recipe(9, 16, rnnbp.CrossEntropy(), rnnbp.BPTT(), rnnbp.Cosine)
    >>> texts = settings(data, data, recipe, seeds=[0, 1], folds=3, optimizers=optimizers)
    >>> texts["training set"], texts["seeds"]
    ('SequenceDataset: 4 sequences of 5 steps, 2 features; classes a sequence', '0, 1')
    >>> texts["optimizer"]
    'SGD(learning_rate=0.1, weight_decay=0.0) for gru, lstm; SGD(learning_rate=0.2, weight_decay=0.0) for mlp'
    """
    return {
        "training set": repr(train),
        "test set": repr(test),
        "cross-validation": "a fifth of the training set held out"
        if folds == 1
        else f"{folds} folds of the training set",
        "seeds": ", ".join(map(str, seeds)),
        "epochs": str(recipe.epochs),
        "batch size": str(recipe.batch_size),
        "loss": repr(recipe.loss),
        "gradient": repr(recipe.gradient),
        "optimizer": _by_model(optimizers),
        "schedule": repr(recipe.schedule(recipe.epochs)),
        "versions": versions(),
        "machine": f"{cores()} core{'s' * (cores() > 1)}, {platform.machine()}, {platform.system()}",
    }


def versions() -> str:
    """Return the versions of Python and of the libraries that compute, as one text.

    Examples
    --------
    >>> versions().split(",")[0].split()[0], "NumPy" in versions()
    ('rnnbp', True)
    """
    installed = []
    for library in ("NumPy", "SciPy", "pandas", "Numba"):
        try:
            installed.append(f"{library} {metadata.version(library.lower())}")
        except metadata.PackageNotFoundError:
            installed.append(f"{library} not installed")
    own = f"rnnbp {import_module('rnnbp').__version__}, Python {platform.python_version()}"
    return ", ".join((own, *installed))


def _by_model(optimizers: Mapping[str, Optimizer]) -> str:
    """Return the optimizers as one text, with the models of each where they differ."""
    models: dict[str, list[str]] = {}
    for name, optimizer in optimizers.items():
        models.setdefault(repr(optimizer), []).append(name)
    if len(models) == 1:
        return next(iter(models))
    return "; ".join(f"{optimizer} for {', '.join(names)}" for optimizer, names in models.items())
