"""Model files: the layers as text, the parameters as one array."""

import math
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rnnbp import cells, layers, losses, solvers
from rnnbp.cells.declared import DeclaredCell
from rnnbp.core import Parameters, initializers
from rnnbp.data import CharTokenizer, names_or_none
from rnnbp.layers import Layer
from rnnbp.layers.base import Array
from rnnbp.losses import Loss
from rnnbp.runtime import by_name, from_config, read_archive, to_config, types_in, write_archive

MODEL_FILE = "rnnbp model"


def write_model(path: str | Path, model: Any) -> None:
    """Write a `rnnbp.Sequential` to a file, which appears only once it is complete; see `rnnbp.Sequential.save`."""
    write_archive(path, MODEL_FILE, header_of(model), arrays_of(model))


def header_of(model: Any) -> dict[str, Any]:
    """Return all of a model but its numbers, in a form that JSON can represent."""
    return {
        "layers": [to_config(layer) for layer in model.layers],
        "seed": model.seed,
        "dtype": str(model.dtype),
        "classes": model.classes,
        "loss": to_config(model.loss),
        "stateful": model.stateful,
        "feature_names": model.feature_names,
        "tokenizer": None if model.tokenizer is None else model.tokenizer.to_config(),
        "info": model.info,
    }


def arrays_of(model: Any) -> dict[str, Array]:
    """Return the numbers of a model: its parameters, and what of them is masked and frozen, (P,) each."""
    arrays = {"vector": model.params.vector}
    if model.params.mask_vector is not None:
        arrays["mask"] = model.params.mask_vector
    if model.params.frozen_vector is not None:
        arrays["frozen"] = model.params.frozen_vector
    return arrays


def read_model(path: str | Path, make: Callable[..., Any], classes: Iterable[type]) -> Any:
    """Read a model that `write_model` wrote, and check it; see `rnnbp.load`.

    The classes that a file may name are those of the package, those of `classes`, and declared cells that the program
    has imported or defined itself. A file never causes an import, which would run a module that whoever wrote the file
    chose; and of imported modules nothing but declared cells is instantiated, whose arguments are sizes, numbers and
    names.

    Parameters
    ----------
    path : str or Path
    make : callable
        Makes a model of layers, seed and dtype: `rnnbp.Sequential`.
    classes : iterable of type
        User-defined layers, cells, initializers and losses.
    """
    header, arrays = read_archive(path, MODEL_FILE)
    return model_of(path, header, lambda layers: arrays, make, classes)


def model_of(
    path: str | Path,
    header: Mapping[str, Any],
    arrays_for: Callable[[Sequence[Layer]], Mapping[str, Array]],
    make: Callable[..., Any],
    classes: Iterable[type],
) -> Any:
    """Return the model that a file describes, checked.

    Parameters
    ----------
    path : str or Path
        Name of the file in messages.
    header : mapping
        As `header_of` returned it.
    arrays_for : callable
        Returns what `arrays_of` returned, given the layers.
    make, classes
        As `read_model` takes them.
    """
    exported = [getattr(module, name) for module in (layers, cells, solvers, losses) for name in module.__all__]
    own = by_name(classes)
    known = by_name(exported, initializers.INITIALIZERS.values(), own.values())
    try:
        known |= _named_with_module([header["layers"], header.get("loss")], own)
        built = [from_config(config, known) for config in header["layers"]]
        arrays = arrays_for(built)
        needed = sum(math.prod(shape) for layer in built for shape in layer.shapes().values())
        if arrays["vector"].shape != (needed,):  # before memory is allocated for the layers of the header
            raise ValueError(f"its layers have {needed} parameters, its vector has shape {arrays['vector'].shape}")
        model = make(*built, seed=header["seed"], dtype=header["dtype"])
        if arrays["vector"].dtype != model.dtype:
            raise ValueError(f"its vector must be of {model.dtype}, it is of {arrays['vector'].dtype}")
        model.params = Parameters(model.params.shapes, arrays["vector"])
        model.params.mask_vector = arrays.get("mask")
        model.params.frozen_vector = arrays.get("frozen")
        model.info = dict(header["info"])
        model.classes = names_or_none(header.get("classes"))
        model.loss = from_config(header.get("loss"), known)
        if model.loss is not None and not isinstance(model.loss, Loss):
            raise ValueError(f"loss must be a loss, got {model.loss!r}")
        features = names_or_none(header.get("feature_names"), "feature_names")
        model.feature_names = None if features is None else tuple(features)
        tokenizer = header.get("tokenizer")
        model.tokenizer = None if tokenizer is None else CharTokenizer.from_config(tokenizer)
        model.stateful = bool(header.get("stateful"))
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        raise ValueError(f"{str(path)!r} does not contain a complete model: {error}") from error
    return model


def _named_with_module(config: Any, own: Mapping[str, type]) -> dict[str, type]:
    """Return the classes that a file names with their modules: the caller's, and declared cells already imported."""
    found = {}
    for name in types_in(config):
        module, _, cls = name.rpartition(".")
        if module and cls in own:
            found[name] = own[cls]
        elif module in sys.modules:
            value = vars(sys.modules[module]).get(cls)
            if isinstance(value, type) and issubclass(value, DeclaredCell):
                found[name] = value
    return found
