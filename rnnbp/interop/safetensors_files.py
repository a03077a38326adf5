"""Models in `.safetensors` files, under PyTorch's names and without PyTorch."""

import base64
import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rnnbp.interop.pytorch.parameter_names import biases, names_of_layers, tied_names
from rnnbp.interop.pytorch.state_dicts import load_state_dict, state_dict
from rnnbp.layers import Layer
from rnnbp.models import Sequential
from rnnbp.models.saving import arrays_of, header_of, model_of
from rnnbp.runtime import checked_path, choice, refuses_by_name, replacing, require, some

Array = np.ndarray
METADATA = "rnnbp model"  # the entry of the file's metadata that describes the model
TYPES = {"F16", "F32", "F64"}


@refuses_by_name
def save_safetensors(model: Sequential, path: str | Path) -> None:
    """Write a model to a `.safetensors` file; it appears only once it is complete.

    The arrays have PyTorch's names (`torch_names`), so that a PyTorch module of the same layers takes them by
    ``load_state_dict(safetensors.torch.load_file(path))``. The file's metadata describe the whole model, with its
    class names, loss and info, which `load_safetensors` makes again. PyTorch need not be installed.

    Parameters
    ----------
    model : Sequential
    path : str or Path

    Raises
    ------
    ImportError
        If the library safetensors is not installed.
    FileNotFoundError
        If the folder does not exist.
    ValueError
        If a user-defined layer or loss does not store its constructor's arguments.

    Examples
    --------
    >>> import rnnbp, safetensors, tempfile
    >>> path = Path(tempfile.mkdtemp()) / "model.safetensors"
    >>> save_safetensors(rnnbp.Sequential(rnnbp.GRU(3, 4), rnnbp.Last(), rnnbp.Dense(4, 2)), path)
    >>> load_safetensors(path)
    Sequential(GRU, Last, Dense; 118 parameters, float32)
    """
    save_file = require("safetensors.numpy", extra="safetensors").save_file
    bits = {name: _text(array) for name, array in arrays_of(model).items() if name != "vector"}
    description = json.dumps({"version": 1, **header_of(model), "bits": bits})
    with replacing(path) as beside:
        save_file(state_dict(model), beside, {"format": "pt", METADATA: description})
        with beside.open("rb+") as file:
            os.fsync(file.fileno())


@refuses_by_name
def load_safetensors(path: str | Path, model: Sequential | None = None, classes: Iterable[type] = ()) -> Sequential:
    """Read a model from a `.safetensors` file, or the weights of a given model from a file that any program wrote.

    Parameters
    ----------
    path : str or Path
    model : Sequential, optional
        The model whose parameters are set to the arrays of the file, which must be under the names of `torch_names`,
        all of them and no others. For other names, see the example. Default: the one that `save_safetensors` wrote.
    classes : iterable of type, optional
        User-defined layers, cells, initializers and losses, as `rnnbp.load` takes them.

    Returns
    -------
    Sequential
        `model`, or the model of the file.

    Raises
    ------
    ImportError
        If the library safetensors is not installed.
    FileNotFoundError, IsADirectoryError
        If there is no such file, or it is a folder.
    ValueError
        If it is not such a file, or damaged, does not fit the model, or no model is given and the file describes none.

    Examples
    --------
    A file of a PyTorch module with the attributes ``encoder`` and ``fc``:

    >>> import rnnbp, safetensors.numpy, tempfile
    >>> path = Path(tempfile.mkdtemp()) / "model.safetensors"
    >>> sizes = {"encoder.weight_ih_l0": (4, 3), "encoder.weight_hh_l0": (4, 4), "fc.weight": (2, 4), "fc.bias": (2,)}
    >>> sizes |= {"encoder.bias_ih_l0": (4,), "encoder.bias_hh_l0": (4,)}
    >>> safetensors.numpy.save_file({name: np.ones(shape) for name, shape in sizes.items()}, path)
    >>> model = rnnbp.Sequential(rnnbp.Elman(3, 4), rnnbp.Last(), rnnbp.Dense(4, 2))
    >>> load_state_dict(model, read_safetensors(path), prefixes={0: "encoder", 2: "fc"})
    Unmatched(missing=[], unexpected=[])
    """
    if model is not None:
        load_state_dict(model, read_safetensors(path))
        return model
    opened = _open(path)
    header = _header(path, (opened.metadata() or {}).get(METADATA))

    def arrays(layers: Sequence[Layer]) -> dict[str, Array]:
        return _arrays(path, opened, layers, header)

    found: Sequential = model_of(path, header, arrays, Sequential, classes)
    return found


@refuses_by_name
def read_safetensors(path: str | Path) -> dict[str, Array]:
    """Read the arrays of a `.safetensors` file: a state dict for `load_state_dict`.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    dict of str to ndarray
        Of float16, float32 or float64.

    Raises
    ------
    ImportError
        If the library safetensors is not installed.
    FileNotFoundError, IsADirectoryError
        If there is no such file, or it is a folder.
    ValueError
        If it is not such a file, or damaged, or has an array of another type, as bfloat16, which NumPy does not have.

    Examples
    --------
    >>> import rnnbp, safetensors, tempfile
    >>> path = Path(tempfile.mkdtemp()) / "model.safetensors"
    >>> save_safetensors(rnnbp.Sequential(rnnbp.Dense(3, 2)), path)
    >>> {name: array.shape for name, array in read_safetensors(path).items()}
    {'0.bias': (2,), '0.weight': (2, 3)}
    """
    opened = _open(path)
    types = {name: opened.get_slice(name).get_dtype() for name in opened.keys()}  # noqa: SIM118 - no mapping
    if odd := [f"{name} of {kind}" for name, kind in types.items() if kind not in TYPES]:
        raise ValueError(f"the arrays of {str(path)!r} must be of {some(sorted(TYPES))}, got {some(odd)}")
    return {name: opened.get_tensor(name) for name in types}


def _open(path: str | Path) -> Any:
    library = require("safetensors", extra="safetensors")
    path = checked_path("path", path)
    if path.is_dir():
        raise IsADirectoryError(f"path must name a .safetensors file, and {str(path)!r} is a folder")
    if not path.is_file():
        raise FileNotFoundError(f"path: there is no file {str(path)!r}")
    try:
        return library.safe_open(str(path), framework="numpy")
    except (library.SafetensorError, OSError) as error:
        raise ValueError(f"{str(path)!r} is not a .safetensors file, or it is damaged: {error}") from error


def _header(path: str | Path, text: str | None) -> dict[str, Any]:
    if text is None:
        raise ValueError(
            f"{str(path)!r} describes no model, as save_safetensors writes it: make one of the same layers, and give "
            "it as load_safetensors(path, model)"
        )
    try:
        header = json.loads(text)
        version = header["version"]
    except (LookupError, RecursionError, TypeError, ValueError) as error:
        raise ValueError(f"the description of the model in {str(path)!r} is damaged: {error}") from error
    if version != 1:
        raise ValueError(f"the model in {str(path)!r} must be of version 1, it is of {version!r}")
    return header


def _arrays(path: str | Path, opened: Any, layers: Sequence[Layer], header: Mapping[str, Any]) -> dict[str, Array]:
    """Return the parameters in the order of the vector, and the masks; a parameter without an array is zero.

    Shapes are compared before memory is allocated. No parameter is without an array but biases, which are no larger
    than the weights.
    """
    here, names = set(opened.keys()), names_of_layers(layers)
    shapes = {f"{i}.{name}": shape for i, layer in enumerate(layers) for name, shape in layer.shapes().items()}
    faults = [f"unexpected {name}" for name in sorted(here - set(names.values()) - tied_names(layers).keys())]
    absent = {
        f"{i}.{name}" for i, layer in enumerate(layers) for name in biases(layer) if names[f"{i}.{name}"] not in here
    }
    for ours in shapes.keys() - absent:
        faults += _fault(opened, here, names[ours], shapes[ours])
    if faults:
        raise ValueError(f"its arrays are not those of its layers: {some(faults)}")
    size = {ours: math.prod(shape) for ours, shape in shapes.items()}
    if sum(size[ours] for ours in absent) > sum(size[ours] for ours in shapes.keys() - absent):
        raise ValueError(f"its biases are greater than its weights, and have no arrays: {some(sorted(absent))}")
    dtype = np.dtype(choice("dtype", header["dtype"], ("float32", "float64")))
    parts = [
        np.zeros(size[ours], dtype) if ours in absent else opened.get_tensor(names[ours]).ravel() for ours in shapes
    ]
    vector = np.concatenate([np.zeros(0, dtype), *parts])
    return {"vector": vector, **{name: _bits(text, vector.size) for name, text in header["bits"].items()}}


def _fault(opened: Any, here: set[str], name: str, shape: tuple[int, ...]) -> list[str]:
    """Return what is wrong with an array, in a list; an empty one if nothing is."""
    if name not in here:
        return [f"missing {name}"]
    found = opened.get_slice(name)
    if tuple(found.get_shape()) == shape and found.get_dtype() in TYPES:
        return []
    return [f"{name} of {found.get_dtype()} {tuple(found.get_shape())}, not {shape}"]


def _text(bits: Array) -> str:
    """Return bools as text, six in a character."""
    return base64.b64encode(np.packbits(bits).tobytes()).decode("ascii")


def _bits(text: str, size: int) -> Array:
    packed = np.frombuffer(base64.b64decode(text, validate=True), np.uint8)
    if len(packed) != -(-size // 8):
        raise ValueError(f"a mask of {size} entries needs {-(-size // 8)} bytes, it has {len(packed)}")
    return np.unpackbits(packed, count=size).astype(bool)
