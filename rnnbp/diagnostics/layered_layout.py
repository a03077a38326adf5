"""Layered drawing of a directed graph: from left to right, with wires of horizontal and vertical pieces.

After K. Sugiyama, S. Tagawa & M. Toda (1981), "Methods for visual understanding of hierarchical system structures",
IEEE Transactions on Systems, Man, and Cybernetics 11, 109-125, doi:10.1109/TSMC.1981.4308636: nodes are assigned to
layers by their longest path, wires through several layers get a place in each, the order within layers is chosen for
few crossings, and then places for short vertical pieces. All targets of a node share one wire.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import combinations, pairwise, permutations

import numpy as np
from scipy.optimize import linprog

Point = tuple[float, float]

GAP = 0.13  # between nodes of a layer
SLOT = 0.15  # between the vertical pieces of different wires
CHANNEL = 0.34  # between layers, besides the room for vertical pieces
DIGITS = 5  # of places, so that those that should be equal are
MOST_ORDERS = 120  # of the first layer, each of which is tried


@dataclass(eq=False)
class Box:
    """What has a place in a layer: a node, or a wire that passes.

    Attributes
    ----------
    node : int
        Number of the node, or of the one that a passing wire comes from.
    width, height : float
        Zero for a passing wire.
    x, y : float
        Left end and vertical centre.
    outputs : list of (Box, int)
        The boxes of the next layer that its wire leads to, and the number of the input there.
    offsets : list of float
        Vertical places of the inputs relative to y.
    """

    node: int
    width: float = 0.0
    height: float = 0.0
    passes: bool = False
    x: float = 0.0
    y: float = 0.0
    outputs: list[tuple["Box", int]] = field(default_factory=list)
    offsets: list[float] = field(default_factory=lambda: [0.0])


@dataclass(frozen=True)
class Wire:
    """What is drawn of one node's wire: lines, the points where it branches, and where it ends.

    Attributes
    ----------
    node : int
        The node that it comes from.
    lines : list of list of (x, y)
    branches : list of (x, y)
    ends : list of (node, input, (x, y))
    """

    node: int
    lines: list[list[Point]] = field(default_factory=list)
    branches: list[Point] = field(default_factory=list)
    ends: list[tuple[int, int, Point]] = field(default_factory=list)


def layers_of(inputs: Sequence[Sequence[int]]) -> list[int]:
    """Return the layer of each node: the number of wires on the longest path to it; the last layer has all ends.

    Examples
    --------
    >>> layers_of([[], [], [0, 1], [0, 2], [2], [3]])
    [0, 0, 1, 2, 3, 3]
    """
    found: list[int] = []
    for sources in inputs:
        found.append(1 + max((found[s] for s in sources), default=-1))
    used = {source for sources in inputs for source in sources}
    return [max(found) if node not in used and inputs[node] else layer for node, layer in enumerate(found)]


def layered_layout(
    inputs: Sequence[Sequence[int]], sizes: Sequence[tuple[float, float]], offsets: Sequence[Sequence[float]]
) -> tuple[list[Box], list[Wire]]:
    """Return the boxes of a graph's nodes with their places, and the wires.

    Parameters
    ----------
    inputs : sequence of sequences of int
        The nodes that each node's wires come from, all of them before it.
    sizes : sequence of (width, height)
    offsets : sequence of sequences of float
        Vertical places at which each node's wires may end, relative to its centre, as many as inputs.

    Examples
    --------
    >>> boxes, wires = layered_layout([[], [0]], [(1, 1), (1, 1)], [[], [0.0]])
    >>> [round(box.x, 2) for box in boxes], boxes[1].y == boxes[0].y, wires[0].branches
    ([0.0, 1.34], True, [])
    """
    layers, boxes = _boxes(inputs, sizes)
    _order(layers)
    for box, ends in zip(boxes, offsets, strict=True):
        box.offsets = list(ends)
    _assign_inputs(layers, boxes)
    _place(layers)
    return boxes, _route(layers)


def _boxes(inputs: Sequence[Sequence[int]], sizes: Sequence[tuple[float, float]]) -> tuple[list[list[Box]], list[Box]]:
    """Return the boxes of each layer, passing wires included, and those of the nodes."""
    place = layers_of(inputs)
    boxes = [Box(node, width, height) for node, (width, height) in enumerate(sizes)]
    layers: list[list[Box]] = [[] for _ in range(1 + max(place))]
    for node, box in enumerate(boxes):
        layers[place[node]].append(box)
    for node, box in enumerate(boxes):
        ends = [(place[to], to, k) for to, sources in enumerate(inputs) for k, s in enumerate(sources) if s == node]
        at = box
        for layer in range(place[node] + 1, 1 + max((end[0] for end in ends), default=0)):
            at.outputs = [(boxes[to], k) for end, to, k in ends if end == layer]
            if any(end > layer for end, _, _ in ends):
                passing = Box(node, passes=True)
                layers[layer].append(passing)
                at.outputs.append((passing, 0))
                at = passing
    return layers, boxes


# ---- order within layers -----------------------------------------------------------------------------------


def _order(layers: list[list[Box]]) -> None:
    """Order every layer for few crossings: by the mean place of neighbours, for each order of the first layer."""
    best: tuple[tuple[float, float], list[list[Box]]] | None = None
    for _, first in zip(range(MOST_ORDERS), permutations(layers[0])):
        tried = [list(first), *map(list, layers[1:])]
        for _ in range(6):
            for above, below in pairwise(tried):
                _sort(below, _places(above, backward=False))
            for above, below in reversed(list(pairwise(tried))[1:]):
                _sort(above, _places(below, backward=True, boxes=above))
            cost = (float(sum(_crossings(a, b) for a, b in pairwise(tried))), _bends(tried))
            if best is None or cost < best[0]:
                best = cost, [list(layer) for layer in tried]
    assert best is not None
    layers[:] = best[1]


def _places(layer: list[Box], backward: bool, boxes: Sequence[Box] = ()) -> dict[int, list[float]]:
    """Return the relative places of each box's neighbours in the layer before, or in the one after."""
    place = {id(box): (k + 0.5) / len(layer) for k, box in enumerate(layer)}
    found: dict[int, list[float]] = {}
    for box in boxes if backward else layer:
        for to, _ in box.outputs:
            key, value = (id(box), place[id(to)]) if backward else (id(to), place[id(box)])
            found.setdefault(key, []).append(value)
    return found


def _sort(layer: list[Box], places: dict[int, list[float]]) -> None:
    now = {id(box): (k + 0.5) / len(layer) for k, box in enumerate(layer)}
    layer.sort(key=lambda box: float(np.mean(places.get(id(box), [now[id(box)]]))))


def _crossings(layer: list[Box], below: list[Box]) -> int:
    place = {id(box): k for k, box in enumerate(below)}
    ends = [(k, place[id(to)]) for k, box in enumerate(layer) for to, _ in box.outputs]
    return sum((a - c) * (b - d) < 0 for (a, b), (c, d) in combinations(ends, 2))


def _bends(layers: list[list[Box]]) -> float:
    """Return the sum of the distances between the relative places of neighbours."""
    place = {id(box): (k + 0.5) / len(layer) for layer in layers for k, box in enumerate(layer)}
    return sum(abs(place[id(box)] - place[id(to)]) for layer in layers for box in layer for to, _ in box.outputs)


def _assign_inputs(layers: list[list[Box]], boxes: list[Box]) -> None:
    """Give the uppermost wire into a node its uppermost end, and so on."""
    rank = {id(box): k for layer in layers for k, box in enumerate(layer)}
    incoming: dict[int, list[tuple[int, int]]] = {}
    for layer in layers:
        for box in layer:
            for to, k in box.outputs:
                incoming.setdefault(id(to), []).append((rank[id(box)], k))
    for box in boxes:
        order = [k for _, k in sorted(incoming.get(id(box), []))]
        ends = sorted(box.offsets, reverse=True)
        for end, k in zip(ends, order, strict=True):
            box.offsets[k] = end


# ---- places --------------------------------------------------------------------------------------------------


def _place(layers: list[list[Box]]) -> None:
    """Set y of every box so that the vertical pieces of wires are short: a linear program, with one slack a wire."""
    boxes = [box for layer in layers for box in layer]
    number = {id(box): k for k, box in enumerate(boxes)}
    wires = [(box, to, to.offsets[k]) for box in boxes for to, k in box.outputs]
    total = len(boxes) + len(wires)
    cost, rows, bounds = np.zeros(total), [], []

    def at_most(terms: dict[int, float], bound: float) -> None:
        row = np.zeros(total)
        for k, value in terms.items():
            row[k] += value
        rows.append(row)
        bounds.append(bound)

    for k, (box, to, offset) in enumerate(wires, len(boxes)):
        cost[k] = (1, 2, 8)[box.passes + to.passes]  # long wires are straight (Gansner et al. 1993)
        a, b = number[id(box)], number[id(to)]
        at_most({a: 1, b: -1, k: -1}, offset)
        at_most({a: -1, b: 1, k: -1}, -offset)
    for layer in layers:
        for above, below in pairwise(layer):
            at_most({number[id(below)]: 1, number[id(above)]: -1}, -((above.height + below.height) / 2 + GAP))
    free: list[tuple[float | None, float | None]] = [(None, None)] * (len(boxes) - 1)
    ends = [(0, 0), *free, *[(0, None)] * len(wires)]
    found = linprog(cost, np.array(rows), np.array(bounds), bounds=ends, method="highs")
    assert found.x is not None, found.message  # boxes far enough apart fulfil it
    for box, y in zip(boxes, found.x[: len(boxes)], strict=True):
        box.y = float(round(y, DIGITS))


# ---- wires ---------------------------------------------------------------------------------------------------


def _route(layers: list[list[Box]]) -> list[Wire]:
    """Set x of every box and return the wires: each bends once between two layers, at a place of its own."""
    wires: dict[int, Wire] = {}
    left = 0.0
    for layer in layers:
        width = max(box.width for box in layer)
        for box in layer:
            box.x = left
        bent = _slots([box for box in layer if any(_end(end) != box.y for end in box.outputs)])
        start = left + width + CHANNEL / 2
        left = start + SLOT * max(0, len(bent) - 1) + CHANNEL / 2
        for box in layer:
            wire = wires.setdefault(box.node, Wire(box.node))
            if box.passes:
                wire.lines.append([(box.x, box.y), (box.x + width, box.y)])
            x = start + SLOT * bent.index(box) if box in bent else start
            for to, k in box.outputs:
                y = _end((to, k))
                from_x = box.x + (width if box.passes else box.width)
                wire.lines.append([(from_x, box.y), (x, box.y), (x, y), (left, y)])
                if not to.passes:
                    wire.ends.append((to.node, k, (left, y)))
            wire.branches.extend((x, y) for y in _branches(box))
    return list(wires.values())


def _end(end: tuple[Box, int]) -> float:
    """Return the height at which a wire ends."""
    box, k = end
    return round(box.y + box.offsets[k], DIGITS)


def _span(box: Box) -> tuple[float, float]:
    ys = [box.y, *map(_end, box.outputs)]
    return min(ys), max(ys)


def _branches(box: Box) -> list[float]:
    """Return where the vertical piece of a wire meets two horizontal ones, or one between its ends."""
    low, high = _span(box)
    ends = sorted({_end(end) for end in box.outputs})
    return [y for y in {*ends, box.y} if len(ends) > 1 and (low < y < high or (y == box.y and y in ends))]


def _slots(boxes: list[Box]) -> list[Box]:
    """Return wires in the order of their vertical pieces from left to right, with few crossings and no overlaps."""
    if len(boxes) > 6:
        return sorted(boxes, key=lambda box: box.y)
    return list(min(permutations(boxes), key=_conflicts, default=()))


def _conflicts(order: Iterable[Box]) -> int:
    """Return the crossings of wires whose vertical pieces follow each other from left to right."""
    found = 0
    for first, second in combinations(order, 2):
        low, high = _span(first)
        found += 100 * sum(_end(end) == second.y for end in first.outputs)  # one would run over the other
        found += low < second.y < high
        low, high = _span(second)
        found += sum(low < y < high for y in {_end(end) for end in first.outputs})
    return found
