"""Models from PyTorch's modules."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnbp.interop.pytorch.from_layers import translations
from rnnbp.interop.pytorch.parameter_names import torch_name
from rnnbp.layers import Dense, Layer, TiedDense
from rnnbp.models import Sequential
from rnnbp.runtime import require, some

if TYPE_CHECKING:
    import torch

Module = Any  # torch.nn.Module, which is not imported with this file


def from_torch(*parts: torch.nn.Module | Layer) -> Sequential:
    """Make a model of PyTorch modules, with copies of their weights.

    Taken are RNN, LSTM (with ``proj_size``) and GRU with all their arguments, RNNCell, LSTMCell, GRUCell, Linear,
    Embedding (with ``padding_idx``), Conv1d, LayerNorm, Dropout, Tanh, Sigmoid, ReLU, Identity, and any nesting of
    `torch.nn.Sequential` of these. Outputs and gradients are PyTorch's to rounding. A recurrent module in a Sequential,
    which PyTorch itself cannot run there, stands for its outputs at every step.

    Inputs of the model are (T, B, F), of a Conv1d too: ``batch_first`` says how PyTorch's inputs are arranged, not what
    is computed, and `to_torch` has an argument of this name. Where PyTorch has no bias (``bias=False``), the biases
    here are fixed at zero by a mask, and so is the vector of an Embedding's ``padding_idx``: their gradient is zero and
    no training changes them. A Linear whose weight is that of an Embedding or another Linear becomes an
    `rnnbp.TiedDense`. Parameters with ``requires_grad=False`` are frozen (`Sequential.freeze`). The cell classes
    become layers that run them over time. Dropout is that of `rnnbp.Dropout`, whose random numbers are others.

    Parameters
    ----------
    *parts : torch.nn.Module, or Layer without parameters
        From the input upwards. Of a network whose ``forward`` is its own code, give the parts in a row, with
        `rnnbp.Last` and such in between: ``from_torch(net.lstm, rnnbp.Last(), net.fc)``.

    Returns
    -------
    Sequential
        Of the parameters' dtype; layer i is part i, where no part is nested.

    Raises
    ------
    ImportError
        If PyTorch is not installed.
    ValueError
        If a part is unknown or has an argument with no counterpart here, naming it; if parts share other parameters; or
        if the dtypes are not all float32 or all float64.

    See Also
    --------
    to_torch : a module from a model.
    load_state_dict : weights alone.

    Examples
    --------
    >>> import torch, rnnbp
    >>> lstm, linear = torch.nn.LSTM(3, 8, num_layers=2), torch.nn.Linear(8, 2)
    >>> model = from_torch(lstm, rnnbp.Last(), linear)
    >>> model
    Sequential(LSTM, Last, Dense; 1010 parameters, float32)
    >>> x = torch.randn(5, 4, 3)
    >>> bool(np.allclose(model.forward(x.numpy()), linear(lstm(x)[0][-1]).detach(), atol=1e-6))
    True
    """
    require("torch", extra="torch")
    members = [member for i, part in enumerate(parts) for member in _members(part, str(i))]
    _check_batch_first(members)
    tied = _tied(members)
    made = [_layer(path, part, tied.get(number)) for number, (path, part) in enumerate(members)]
    model = Sequential(*made, dtype=_dtype(members))
    fixed = {key: mask for part in parts for key, mask in _masks(part)}
    for number, (layer, (path, part)) in enumerate(zip(made, members, strict=True)):
        for name in layer.shapes():
            _copy(model, f"{number}.{name}", getattr(part, _name(layer, name, part), None), fixed)
        if getattr(part, "padding_idx", None) is not None and part.weight.requires_grad:
            _fix_padding(model, number, path, part.padding_idx)
    return model


def _members(part: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Yield the path and the part itself, or those of the members of a Sequential, however nested."""
    import torch

    _check_computes_as_its_class(path, part)
    if isinstance(part, torch.nn.Sequential) and _forward(part) in _forwards_in_a_row():
        for name, member in part._modules.items():
            yield from _members(member, f"{path}.{name}")
    else:
        yield path, part


def _check_computes_as_its_class(path: str, part: Any) -> None:
    """Raise if hooks, parametrizations or an own call change what a module computes with the weights that it shows."""
    import torch

    if isinstance(part, type):
        raise ValueError(f"part {path} is the class {part.__name__}, not a module: make one, {part.__name__}(...)")
    if not isinstance(part, torch.nn.Module):
        return
    name = type(part).__name__
    if torch.nn.utils.parametrize.is_parametrized(part):
        names: Any = part.parametrizations  # a ModuleDict by the names of the weights
        raise ValueError(
            f"part {path}, {name}, has parametrized weights, {', '.join(names)}: make them usual "
            "ones by torch.nn.utils.parametrize.remove_parametrizations(module, name)"
        )
    if type(part) not in translations() and not isinstance(part, torch.nn.Sequential):
        return
    if part._forward_hooks or part._forward_pre_hooks:
        raise ValueError(
            f"part {path}, {name}, has forward hooks, which may change what it computes and are not translated: remove "
            "them, those of torch.nn.utils by remove_weight_norm, remove_spectral_norm or prune.remove"
        )
    if "forward" in vars(part) or type(part).__call__ is not torch.nn.Module.__call__:
        raise ValueError(f"part {path}, {name}, has a call of its own, which is code, and is not translated")


def _forward(module: Module) -> Any:
    return type(module).forward


def _forwards_in_a_row() -> tuple[Any, ...]:
    import torch

    from rnnbp.interop.pytorch.torch_modules import SequenceModel

    return torch.nn.Sequential.forward, SequenceModel.forward


def _layer(path: str, part: Any, tied_to: int | None) -> Layer:
    """Return the layer that a part is here, whose weights may be those of another; or raise an error that names it."""
    if isinstance(part, Layer):
        if part.shapes():
            raise ValueError(f"part {path}: a layer given beside modules must have no parameters, got {part!r}")
        return part
    translate = translations().get(type(part))
    if translate is None:
        raise ValueError(_unknown(path, part))
    try:
        layer = translate(part)
    except ValueError as error:
        raise ValueError(f"part {path}, {type(part).__name__}: {error}") from None
    if tied_to is not None and isinstance(layer, Dense):
        return TiedDense(layer.input_size, layer.output_size, layer.activation, tied_to)
    return layer


def _unknown(path: str, part: Any) -> str:
    import torch

    known_names = sorted(kind.__name__ for kind in translations() if kind.__module__.startswith("torch.nn."))
    taken = f"; taken are {', '.join(known_names)}, and Sequential of them"
    if not hasattr(part, "named_children"):
        return f"part {path} must be a torch.nn.Module, got {part!r}{taken}"
    name = type(part).__name__
    advice = "leave it out, softmax is a part of the loss rnnbp.CrossEntropy"
    if name in ("Softmax", "LogSoftmax"):
        return f"part {path} is a {name}: {advice}"
    children = dict(part.named_children())
    if not children:
        return f"part {path} is a {name}, which has no counterpart{taken}"
    inside = ", ".join(f"{key}: {type(child).__name__}" for key, child in children.items())
    taken_here = {*translations(), torch.nn.Sequential}
    known = [_member("net", key) for key, child in children.items() if type(child) in taken_here]
    advice = f"give those that are known in the order they are run in, as from_torch({', '.join(known)})"
    if any(isinstance(child, torch.nn.RNNBase) for child in children.values()):
        advice += ", with rnnbp.Last() or rnnbp.Ends() after a recurrent one of which only the final states go on"
    return (
        f"part {path} is a {name}, whose forward is code, which is not translated. Its parts are {inside}"
        f"{f': {advice}' if known else ''}{taken}"
    )


def _member(parent: str, name: str) -> str:
    """Return the expression of a member of a module: an index where its name is no attribute's."""
    return f"{parent}.{name}" if name.isidentifier() else f"{parent}[{name}]"


def _name(layer: Layer, name: str, part: Any) -> str:
    """Return the attribute of a module that holds a parameter of the layer."""
    theirs = torch_name(layer, name)
    return theirs.removesuffix("_l0") if hasattr(part, "weight_ih") else theirs  # the cell classes


def _copy(model: Sequential, name: str, tensor: Any, fixed: dict[int, np.ndarray]) -> None:
    """Set a parameter to the values of a tensor, or fix it where there is none."""
    if tensor is None:
        _fix_absent(model, name)
        return
    if id(tensor) in fixed:
        model.params.set_mask(name, fixed[id(tensor)])
    if tensor.is_meta:
        raise ValueError(f"parameter {name} is on the meta device, where it has no values: load them first")
    model.params[name] = tensor.detach().cpu().numpy()
    if not tensor.requires_grad:
        model.freeze(name)


def _fix_absent(model: Sequential, name: str) -> None:
    """Fix what a module does not have: a bias at 0, the gain of a LayerNorm at 1."""
    if name.endswith(".w"):
        model.params[name] = 1
        model.freeze(name)
    else:
        model.params.set_mask(name, False)


def _masks(part: Any) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the masks of a `SequenceModel`, by the identity of the parameter."""
    for name, mask in getattr(part, "fixed", {}).items():
        yield id(part.get_parameter(name)), mask.cpu().numpy()


def _fix_padding(model: Sequential, number: int, path: str, row: int) -> None:
    name = f"{number}.w"
    if np.any(model.params[name][row]):
        raise ValueError(
            f"part {path}, Embedding: padding_idx={row} is a vector that is not trained, which is zero here, but it is "
            "not: set it to zero, or padding_idx to None, which makes it a vector as any other"
        )
    mask = model.params.mask(name)
    mask[row] = False
    model.params.set_mask(name, mask)


def _parameters(members: list[tuple[str, Any]]) -> list[tuple[int, str, Any]]:
    """Return all parameters, each with the number of its member and its path."""
    return [
        (number, f"{path}.{name}", tensor)
        for number, (path, part) in enumerate(members)
        if hasattr(part, "named_parameters")
        for name, tensor in part.named_parameters(remove_duplicate=False)
    ]


def _tied(members: list[tuple[str, Any]]) -> dict[int, int]:
    """Return the numbers of the Linear members whose weight is another member's, with the number of the other."""
    import torch

    owners: dict[int, tuple[int, str]] = {}
    found: dict[int, int] = {}
    for number, path, tensor in _parameters(members):
        other, first = owners.setdefault(id(tensor), (number, path))
        if first == path:
            continue
        if getattr(members[other][1], "padding_idx", None) is not None:
            raise ValueError(
                f"{first} and {path} are one parameter, of which padding_idx keeps a row from being trained in one of "
                "its places only: here a row is fixed in both or in none. Set padding_idx to None"
            )
        weights = path.endswith(".weight") and first.endswith(".weight")
        if not weights or not isinstance(members[number][1], torch.nn.Linear):
            raise ValueError(
                f"{first} and {path} are one parameter: here every layer has its own, but for the weight of a Linear"
            )
        found[number] = other
    return found


def _check_batch_first(members: list[tuple[str, Any]]) -> None:
    found = {path: part.batch_first for path, part in members if hasattr(part, "batch_first")}
    if len(set(found.values())) > 1:
        raise ValueError(f"batch_first must be the same for all parts, got {found}")


def _dtype(members: list[tuple[str, Any]]) -> np.dtype:
    tensors = [tensor for _, _, tensor in _parameters(members)]
    tensors += [tensor for _, part in members if hasattr(part, "buffers") for tensor in part.buffers()]
    found = {str(tensor.dtype).removeprefix("torch.") for tensor in tensors} or {"float32"}
    if len(found) > 1 or not found <= {"float32", "float64"}:
        raise ValueError(f"the parameters must all be of float32 or all of float64, got {some(sorted(found))}")
    return np.dtype(found.pop())
