"""State dicts: a model's arrays under PyTorch's names."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from rnnbp.interop.pytorch.parameter_names import tied_names, torch_names
from rnnbp.models import Sequential
from rnnbp.runtime import did_you_mean, flag, refuses_by_name

Array = np.ndarray


class Unmatched(NamedTuple):
    """The names that a state dict and a model do not share.

    Parameters
    ----------
    missing : list of str
        Parameters of the model that are not in the state dict.
    unexpected : list of str
        Names in the state dict that the model does not have.

    Examples
    --------
    >>> Unmatched(["0.bias"], []).missing
    ['0.bias']
    """

    missing: list[str]
    unexpected: list[str]


@refuses_by_name
def state_dict(model: Sequential, prefixes: Mapping[int, str] | None = None) -> dict[str, Array]:
    """Return copies of a model's arrays under PyTorch's names.

    Parameters
    ----------
    model : Sequential
    prefixes : mapping of int to str, optional
        What the names begin with, by the number of the layer; see `torch_names`.

    Returns
    -------
    dict of str to ndarray
        What two layers share is in it under both names, as in PyTorch. A module takes them by
        ``module.load_state_dict({k: torch.from_numpy(v) for k, v in arrays.items()})``.

    See Also
    --------
    to_torch : the module with these arrays in it.

    Examples
    --------
    >>> import rnnbp
    >>> arrays = state_dict(rnnbp.Sequential(rnnbp.LSTM(3, 4)), prefixes={0: "lstm"})
    >>> {name: array.shape for name, array in arrays.items()}
    {'lstm.weight_ih_l0': (16, 3), 'lstm.weight_hh_l0': (16, 4), 'lstm.bias_ih_l0': (16,), 'lstm.bias_hh_l0': (16,)}
    """
    arrays = {theirs: model.params[ours].copy() for ours, theirs in torch_names(model, prefixes).items()}
    return arrays | {second: arrays[first].copy() for second, first in tied_names(model.layers, prefixes).items()}


@refuses_by_name
def load_state_dict(
    model: Sequential, arrays: Mapping[str, Any], prefixes: Mapping[int, str] | None = None, *, strict: bool = True
) -> Unmatched:
    """Set a model's parameters to the arrays of a state dict, all of them or, on an error, none.

    Parameters
    ----------
    model : Sequential
    arrays : mapping of str to array_like or torch.Tensor
        By PyTorch's names, of the cell classes too, which have no ``_l0``; values are converted to the dtype of the
        model.
    prefixes : mapping of int to str, optional
        What the names begin with, by the number of the layer; see `torch_names`.
    strict : bool, default True
        Whether the names must be those of the model. Else parameters without an array keep their values, and arrays
        without a parameter are ignored.

    Returns
    -------
    Unmatched
        The names that were missing and unexpected.

    Raises
    ------
    ValueError
        Listing every name that is missing or unexpected, and every array whose shape, type or mask does not fit.

    Examples
    --------
    >>> import rnnbp
    >>> model = rnnbp.Sequential(rnnbp.Dense(2, 1))
    >>> load_state_dict(model, {"0.weight": [[1, 2]], "0.bias": [3]})
    Unmatched(missing=[], unexpected=[])
    >>> model.params.vector
    array([1., 2., 3.], dtype=float32)
    >>> load_state_dict(model, {"0.weigth": [[1, 2]], "0.bias": [3, 4]})
    Traceback (most recent call last):
    ValueError: the state dict does not fit the model:
      missing: 0.weight of shape (1, 2)
      unexpected: 0.weigth. Did you mean '0.weight'?
      0.bias has shape (2,), the model's has (1,)
    """
    if not isinstance(arrays, Mapping):
        raise ValueError(
            f"arrays must be a state dict, names with arrays, got {arrays!r}: torch.load(path) reads one of PyTorch's, "
            "rnnbp.interop.read_safetensors(path) a .safetensors file"
        )
    flag("strict", strict)
    names = {theirs: ours for ours, theirs in torch_names(model, prefixes).items()}
    of_cells = {name.removesuffix("_l0"): name for name in names if name.endswith("_l0") and name not in arrays}
    arrays = {of_cells.get(name, name): array for name, array in arrays.items()}
    missing = [name for name in names if name not in arrays]
    tied = tied_names(model.layers, prefixes)
    unexpected = [name for name in arrays if name not in names and name not in tied]
    faults = [
        f"{second} must be equal to {first}: the model has one parameter for both"
        for second, first in tied.items()
        if second in arrays
        and first in arrays
        and not np.array_equal(as_array(arrays[second]), as_array(arrays[first]))
    ]
    if strict:
        faults += [f"missing: {name} of shape {model.params.shapes[names[name]]}" for name in missing]
        faults += [f"unexpected: {name}.{did_you_mean(name, missing)}" for name in unexpected]
    found = {name: as_array(arrays[name]) for name in names if name in arrays}
    faults += [fault for name, array in found.items() if (fault := _fault(model, name, names[name], array))]
    if faults:
        if fitting := fitting_prefixes(model, arrays):
            faults.append(f"it fits with prefixes={fitting}")
        raise ValueError("\n  ".join(["the state dict does not fit the model:", *faults]))
    for name, array in found.items():
        model.params[names[name]] = array
    return Unmatched(missing, unexpected)


def fitting_prefixes(model: Sequential, arrays: Mapping[str, Any]) -> dict[int, str]:
    """Return prefixes with which a state dict fits a model, an empty dictionary if there are none.

    Examples
    --------
    >>> from rnnbp.layers import Dense
    >>> fitting_prefixes(Sequential(Dense(2, 3)), {"fc.weight": np.ones((3, 2)), "fc.bias": np.ones(3)})
    {0: 'fc'}
    """
    wanted: dict[int, dict[str, tuple[int, ...]]] = {}
    for ours, theirs in torch_names(model).items():
        layer = wanted.setdefault(int(ours.partition(".")[0]), {})
        layer[theirs.rpartition(".")[2]] = model.params.shapes[ours]
    found: dict[str, dict[str, tuple[int, ...]]] = {}
    for name, array in arrays.items():
        prefix, _, last = name.rpartition(".")
        found.setdefault(prefix, {})[last] = np.shape(array)
    prefixes: dict[int, str] = {}
    for number, shapes in wanted.items():
        same = [prefix for prefix, theirs in found.items() if theirs == shapes and prefix not in prefixes.values()]
        if not same:
            return {}
        prefixes[number] = same[0]
    return prefixes


def _fault(model: Sequential, theirs: str, ours: str, array: Array) -> str:
    """Return what keeps an array from being a parameter of the model; an empty string if nothing does."""
    shape = model.params.shapes[ours]
    if array.shape != shape:
        return f"{theirs} has shape {array.shape}, the model's has {shape}"
    if array.dtype.kind not in "fiu":
        return f"{theirs} must be of real numbers, got {array.dtype}"
    if np.any(array[~model.params.mask(ours)]):
        return f"{theirs} must be zero where the model's mask fixes {ours} at zero"
    return ""


def as_array(value: Any) -> Array:
    """Return an array, or a tensor of PyTorch on any device, as an array of NumPy.

    Examples
    --------
    >>> as_array([1.0, 2.0])
    array([1., 2.])
    """
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        value = value if str(value.dtype) in ("torch.float32", "torch.float64") else value.double()  # as bfloat16
    return np.asarray(value)
