"""PyTorch's names of a model's parameters: the one table by which weights are translated."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from rnnbp.layers import Bidirectional, Layer, Recurrent
from rnnbp.layers.cell_layer import unrolled
from rnnbp.models import Sequential
from rnnbp.runtime import refuses_by_name, some

STEMS = {"w": "weight", "b": "bias"}  # w_ih is weight_ih, b is bias; all else has the same name


@refuses_by_name
def torch_names(model: Sequential, prefixes: Mapping[int, str] | None = None) -> dict[str, str]:
    """Return PyTorch's name of every parameter of a model, by the name that it has here.

    Shapes, the order of the gates and the meaning of every array are the same in both (`gate_orders`), so that the
    names are all that has to be translated:

    ======================  ==============================  ==========================================
    here                    PyTorch                         layers
    ======================  ==============================  ==========================================
    ``w_ih``, ``w_hh``      ``weight_ih_l0``, ...           recurrent, of one layer and one direction
    ``b_ih``, ``b_hh``      ``bias_ih_l0``, ...
    ``w_ih_l1``             ``weight_ih_l1``                recurrent, of several layers
    ``w_ih_l0_reverse``     ``weight_ih_l0_reverse``        the direction backward in time
    ``w_hr``                ``weight_hr_l0``                the projection of an LSTM, ``proj_size``
    ``w``, ``b``            ``weight``, ``bias``            `Dense`, `Embedding` and all others
    ======================  ==============================  ==========================================

    Biases that are all fixed at zero by a mask are PyTorch's ``bias=False``: they have no name there, and are left out.
    A parameter of a cell or layer that PyTorch does not have is named by the same rule. One that a `TiedDense` shares
    with another layer has the name of the latter.

    Parameters
    ----------
    model : Sequential
    prefixes : mapping of int to str, optional
        What PyTorch's names begin with, by the number of the layer: ``{0: "lstm", 2: "fc"}`` for a module with these
        attributes; an empty string for the names of a single module. Default: the number, as in `torch.nn.Sequential`.

    Returns
    -------
    dict of str to str
        In the order of the parameters.

    Raises
    ------
    ValueError
        If `prefixes` names a layer that there is not, or two parameters would have one name.

    Examples
    --------
    >>> import rnnbp
    >>> model = rnnbp.Sequential(rnnbp.GRU(3, 4), rnnbp.Last(), rnnbp.Dense(4, 2))
    >>> names = torch_names(model)
    >>> names["0.w_ih"], names["2.b"]
    ('0.weight_ih_l0', '2.bias')
    >>> torch_names(model, {0: "encoder.rnn", 2: "fc"})["2.b"]
    'fc.bias'
    """
    names = names_of_layers(model.layers, prefixes)
    for i, layer in enumerate(model.layers):
        if not has_bias(model, i):
            for name in biases(layer):
                del names[f"{i}.{name}"]
    return names


def names_of_layers(layers: Sequence[Layer], prefixes: Mapping[int, str] | None = None) -> dict[str, str]:
    """Return PyTorch's name of every parameter of layers in a row, of all biases too; see `torch_names`.

    Examples
    --------
    >>> from rnnbp.layers import Dense
    >>> names_of_layers([Dense(2, 3)])
    {'0.w': '0.weight', '0.b': '0.bias'}
    """
    starts = {i: str(i) for i in range(len(layers))}
    if not isinstance(prefixes, Mapping | None):
        raise ValueError(f"prefixes must be names by the numbers of layers, as {{0: 'lstm'}}, got {prefixes!r}")
    if unknown := set(prefixes or {}) - set(starts):
        got = some(sorted(map(str, unknown)))
        raise ValueError(f"prefixes must be of the layers 0 to {len(layers) - 1}, got one of {got}")
    starts |= dict(prefixes or {})
    names = {
        f"{i}.{name}": (f"{starts[i]}." if starts[i] else "") + torch_name(layer, name)
        for i, layer in enumerate(layers)
        for name in layer.shapes()
    }
    if twice := [name for name, times in Counter(names.values()).items() if times > 1]:
        raise ValueError(f"several parameters would have one name: {some(twice)}: give their layers other prefixes")
    return names


def tied_names(layers: Sequence[Layer], prefixes: Mapping[int, str] | None = None) -> dict[str, str]:
    """Return PyTorch's second name of every parameter that a layer has from another one, with the first name.

    Examples
    --------
    >>> from rnnbp.layers import Embedding, TiedDense
    >>> tied_names([Embedding(9, 4), TiedDense(4, 9, tied_to=0)])
    {'1.weight': '0.weight'}
    """
    first = names_of_layers(layers, prefixes)
    starts = {i: str(i) for i in range(len(layers))} | dict(prefixes or {})
    return {
        (f"{starts[i]}." if starts[i] else "") + torch_name(layer, own): first[other]
        for i, layer in enumerate(layers)
        for own, other in layer.shared().items()
    }


def torch_name(layer: Layer, name: str) -> str:
    """Return PyTorch's name of a layer's parameter.

    Examples
    --------
    >>> from rnnbp.layers import LSTM, Dense
    >>> torch_name(LSTM(2, 3), "w_hh"), torch_name(LSTM(2, 3, 2), "b_ih_l1"), torch_name(Dense(2, 3), "b")
    ('weight_hh_l0', 'bias_ih_l1', 'bias')
    """
    scope, dot, last = name.rpartition(".")
    stem, line, rest = last.partition("_")
    theirs = scope + dot + STEMS.get(stem, stem) + line + rest
    if not isinstance(unrolled(layer), Recurrent | Bidirectional):
        return theirs
    forward, reverse = theirs.removesuffix("_reverse"), "_reverse" if theirs.endswith("_reverse") else ""
    return f"{forward}_l0{reverse}"


def biases(layer: Layer) -> list[str]:
    """Return the names of the biases of a layer.

    Examples
    --------
    >>> from rnnbp.layers import LSTM
    >>> biases(LSTM(2, 3))
    ['b_ih', 'b_hh']
    """
    return [name for name in layer.shapes() if name.rpartition(".")[2].partition("_")[0] == "b"]


def has_bias(model: Sequential, number: int) -> bool:
    """Return whether a layer has biases, not all of which are fixed at zero by a mask.

    Examples
    --------
    >>> import rnnbp
    >>> model = rnnbp.Sequential(rnnbp.Dense(2, 3))
    >>> model.params.set_mask("0.b", False)
    >>> has_bias(model, 0)
    False
    """
    names = biases(model.layers[number])
    return any(np.any(model.params.mask(f"{number}.{name}")) for name in names)
