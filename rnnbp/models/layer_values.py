"""What happens inside a model: the outputs, states and gates of a layer at every step."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

import numpy as np

from rnnbp.cells import Cell
from rnnbp.cells.base import zero_state
from rnnbp.cells.gates import gate_values
from rnnbp.core import Parameters
from rnnbp.data import SequenceBatch
from rnnbp.kernels.packing import pack, unpack
from rnnbp.layers import Bidirectional, Layer, LearnedStart, MultiLayer, Recurrent, Run
from rnnbp.layers.base import Array, State, run_above
from rnnbp.layers.bidirectional import reversed_steps, take_steps
from rnnbp.layers.cell_layer import unrolled
from rnnbp.layers.learned_start import START, StartedRecurrent
from rnnbp.models.layer_stack import LayerStack
from rnnbp.models.resets import unroll_spans
from rnnbp.runtime import choice, did_you_mean

WHAT = ("outputs", "states", "gates")


@dataclass(frozen=True)
class Part:
    """A layer of a model, or one of the layers of a `MultiLayer`.

    Attributes
    ----------
    name : str
        '2' for layer 2; '0.1' for the second layer of a multi-layer layer 0.
    place : tuple of int
        The same as numbers.
    layer : Layer
    params : Parameters
        The layer's.
    """

    name: str
    place: tuple[int, ...]
    layer: Layer
    params: Parameters

    @property
    def cell(self) -> Cell | None:
        """The cell that the layer runs over time, in one direction or both; None for another layer."""
        return self.layer.cell if isinstance(self.layer, Recurrent | StartedRecurrent | Bidirectional) else None

    def state_of(self, states: Sequence[State] | None) -> State:
        """Return its state among those of the model's layers."""
        found: State = states
        for k in self.place:
            found = None if found is None else found[k]
        return found


def parts_of(model: LayerStack) -> list[Part]:
    """Return the layers of a model in the order in which they are run, multi-layer ones as layers of their own.

    Examples
    --------
    >>> import rnnbp
    >>> [part.name for part in parts_of(rnnbp.Sequential(rnnbp.LSTM(2, 3, num_layers=2), rnnbp.Dense(3, 1)))]
    ['0.0', '0.1', '1']
    """
    found = []
    for i, (layer, params) in enumerate(zip(model.layers, model.scopes(model.params), strict=True)):
        inner = layer.unrolled_from_start if isinstance(layer, LearnedStart) else unrolled(layer)
        if isinstance(inner, MultiLayer):
            scopes = inner.scopes(params)
            found += [Part(f"{i}.{k}", (i, k), one, scopes[k]) for k, one in enumerate(inner.layers)]
        else:
            found.append(Part(str(i), (i,), inner, params))
    return found


def chosen_part(parts: Sequence[Part], layer: int | str | None, what: str) -> Part:
    """Return the part whose values are asked for.

    Parameters
    ----------
    parts : sequence of Part
    layer : int, str or None
        See `rnnbp.Sequential.transform`.
    what : {'outputs', 'states', 'gates'}

    Raises
    ------
    ValueError
        If there is no such layer, it has no such values, or several have and none is named.
    """
    choice("what", what, WHAT)
    able = [part for part in parts if what == "outputs" or part.cell is not None]
    names = [part.name for part in able]
    if not able:
        raise ValueError(f"what={what!r} takes a model with a layer of cells (LSTM, GRU, ...), and this one has none")
    number = layer + 1 + parts[-1].place[0] if isinstance(layer, int | np.integer) and layer < 0 else layer
    found = able if layer is None else [p for p in able if str(number) in (p.name, str(p.place[0]))]
    if what == "outputs" and found:  # of several layers within one, those of the last
        return found[-1]
    if len(found) == 1:
        return found[0]
    problem = "is one of several with cells" if found else f"has no {what}"
    if layer is None:
        raise ValueError(f"layer must be one of {', '.join(map(repr, names))}, as several layers have {what}")
    raise ValueError(
        f"layer must be one of {', '.join(map(repr, names))}: {layer!r} {problem}.{did_you_mean(str(layer), names)}"
    )


class LayerValues:
    """Reader of the values of one layer at every step, in evaluation mode.

    It stands in for the model in `rnnbp.models.batch_outputs` and `rnnbp.models.in_order`.

    Parameters
    ----------
    model : LayerStack
    layer : int, str or None
    what : {'outputs', 'states', 'gates'}
        See `rnnbp.Sequential.transform`.

    Attributes
    ----------
    columns : dict of str to slice
        The columns of each gate.

    Raises
    ------
    ValueError
        If there is no such layer, or it has no such values.
    """

    def __init__(self, model: LayerStack, layer: int | str | None, what: str) -> None:
        self.model, self.what, self.dtype = model, what, model.dtype
        self.feature_names, self.tokenizer = model.feature_names, model.tokenizer
        self.parts = parts_of(model)
        self.part = chosen_part(self.parts, layer, what)
        self.columns = gate_columns(self.part) if what == "gates" else {}

    @property
    def per_step(self) -> bool:
        """Whether there is a value for each step."""
        return self.what != "outputs" or self.model.layer_shapes[self.part.place[0]][0] == "T"

    def out_lengths(self, lengths: Array) -> Array:
        """Return the number of steps of the values of each sequence."""
        upto = self.part.place[0] + (self.what == "outputs")
        for layer in self.model.layers[:upto]:
            lengths = layer.out_lengths(lengths)
        return lengths

    def forward_from(self, batch: SequenceBatch, states: Sequence[State] | None = None) -> tuple[Array, list[State]]:
        """Return the values of a batch, and the model's states after it."""
        run, x = Run.of(batch), self.model.cast(batch.x)
        if run.reset is None or not run.reset.any():
            values, _, after = self._read(x, run, states)
        else:
            self.model.check_resets()
            values, _, after = unroll_spans(self._read, x, run, states)
        return values, after

    def _read(self, x: Array, run: Run, states: Sequence[State] | None) -> tuple[Array, None, list[State]]:
        found, after = None, {}
        for part in self.parts:
            own = part.state_of(states)
            if part is self.part and self.what != "outputs":
                found = cell_values(part, x, run, own, gates=self.what == "gates")
            x, _, after[part.place] = part.layer.forward(part.params, x, run, own)
            run = run_above(part.layer, run)
            if part is self.part and found is None:
                found = x
        assert found is not None
        return found, None, self._by_layer(after)

    def _by_layer(self, after: dict[tuple[int, ...], State]) -> list[State]:
        """Return the states of parts as those of the model's layers."""
        found: list[State] = []
        for (i, *within), state in after.items():
            if not within:
                found.append(state)
            elif len(found) <= i:
                found.append([state])
            else:
                found[i].append(state)
        return found


def gate_columns(part: Part) -> dict[str, slice]:
    """Return the columns of each gate of a part among the values that `cell_values` returns.

    Raises
    ------
    ValueError
        If its cell has no gates.
    """
    cell = part.cell
    assert cell is not None
    weights = {name: np.zeros(shape) for name, shape in cell.shapes().items()}
    _, residuals = cell.step(weights, zero_state(cell, 1, float), np.zeros((1, cell.input_size)))
    widths = {name: values.shape[-1] for name, values in gate_values(cell, residuals)}
    if not widths:
        raise ValueError(f"what='gates' takes a cell with gates, as LSTM's and GRU's have, got {cell!r}")
    if isinstance(part.layer, Bidirectional):
        widths |= {f"{name}_reverse": width for name, width in widths.items()}
    ends = [0, *accumulate(widths.values())]
    return {name: slice(*bounds) for name, bounds in zip(widths, pairwise(ends), strict=True)}


def cell_values(part: Part, x: Array, run: Run, state: State, gates: bool) -> Array:
    """Return the states after each step, or the gates at each step, of a part with a cell.

    Parameters
    ----------
    part : Part
    x : ndarray (T, B, F)
    run : Run
    state : ndarray (B, S), or None
    gates : bool

    Returns
    -------
    ndarray (T, B, S), or (T, B, G H)
        With two directions, [forward | backward].
    """
    if isinstance(part.layer, Bidirectional):
        order, (forward, reverse) = reversed_steps(run.lengths, len(x)), part.layer.halves(part.params)
        layer = Recurrent(part.layer.cell)
        there = _values_over_time(layer, forward, x, run, None, gates)
        back = _values_over_time(layer, reverse, take_steps(x, order), run, None, gates)
        return np.concatenate([there, take_steps(back, order)], axis=-1)
    if isinstance(part.layer, StartedRecurrent):
        cell, begin = part.layer.cell, part.params[START]
        state = np.repeat(begin[None], x.shape[1], axis=0) if state is None else state
        return _values_over_time(Recurrent(cell), part.params.renamed(cell.shapes()), x, run, state, gates)
    assert isinstance(part.layer, Recurrent)
    return _values_over_time(part.layer, part.params, x, run, state, gates)


def _values_over_time(layer: Recurrent, params: Parameters, x: Array, run: Run, state: State, gates: bool) -> Array:
    """Return the states (T, B, S) after each step, or the gates (T, B, G H), of a layer that runs forward in time."""
    _, (kernel, saved), last = layer.forward(params, x, run, state)
    active, before = run.active(len(x)), kernel.previous_states(saved)
    if gates:
        _, residuals = layer.cell.step(dict(params.items()), before, pack(x, active))
        values = [value for _, value in gate_values(layer.cell, residuals)]
        return unpack(np.concatenate(values, axis=-1), active, x.shape[1])
    after = np.zeros((len(x), *last.shape), last.dtype)
    after[:-1] = unpack(before, active, x.shape[1])[1:]
    rows = np.flatnonzero(run.lengths)
    after[run.lengths[rows] - 1, rows] = last[rows]
    return after


def by_gate(columns: dict[str, slice], values: Sequence[Array]) -> dict[str, list[Any]]:
    """Return gates (T_i, G H) of sequences by name."""
    return {name: [value[:, here] for value in values] for name, here in columns.items()}
