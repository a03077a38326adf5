"""Diagram of a declared cell (the `plot` extra)."""

from typing import TYPE_CHECKING, Any

import numpy as np

from rnnbp.cells.declared import DeclaredCell
from rnnbp.diagnostics.cell_graph import FUNCTION, GATE, OPERATION, SOURCE, Node, cell_graph
from rnnbp.diagnostics.layered_layout import Box, Wire, layered_layout
from rnnbp.plotting import COOL, WARM, figure
from rnnbp.runtime import require

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIZE = 10  # of text [points]
RADIUS = 0.13  # of a circle [inches]
LINE = 1.2  # width of a wire [points]
INK = "#3a4150"
FILL = {GATE: "#e8f0fa", FUNCTION: "#fdf1df", OPERATION: "white"}


def plot_cell(cell: DeclaredCell) -> "Figure":
    """Draw the update of a declared cell, from the input and the last state on the left to the next state on the right.

    A blue box is a gate: its weights, biases and nonlinearity, a yellow one an element-wise function, where a dot
    stands for what comes in. A circle adds, multiplies or divides element-wise; a minus sign or a slash is beside the
    wire that is subtracted or divided by. The wires of the input and of each part of the state have colours.

    Parameters
    ----------
    cell : DeclaredCell

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ImportError
        Without the `plot` extra.
    TypeError
        If the cell is not declared by its equation.

    See Also
    --------
    rnnbp.cells.declared.DeclaredCell.latex : its equation.

    Examples
    --------
    >>> from rnnbp.cells.declared import affine, tanh
    >>> class Simple(DeclaredCell):
    ...     @staticmethod
    ...     def update(x, h):
    ...         return tanh(affine("h", x, h))
    >>> fig = plot_cell(Simple(3, 4))
    >>> [text.get_text() for text in fig.axes[0].texts if text.get_text()]
    ['$h_{t-1}$', '$x_t$', '$h_t = \\\\tanh(W x_t + R h_{t-1} + b)$', '$h_t$']
    """
    if not isinstance(cell, DeclaredCell):
        raise TypeError(
            f"cell must be declared by its equation, a subclass of rnnbp.cells.declared.DeclaredCell, got {cell!r}"
        )
    nodes = cell_graph(cell.derivation.program.equation)
    number = {node: k for k, node in enumerate(nodes)}
    boxes, wires = layered_layout(
        [[number[i] for i in node.inputs] for node in nodes], [_room(node) for node in nodes], list(map(_ends, nodes))
    )
    left, right = min(box.x for box in boxes), max(box.x + box.width for box in boxes)
    low, high = (f(box.y + s * box.height / 2 for box in boxes) for f, s in ((min, -1), (max, 1)))
    margin = 0.12
    fig, ax = figure(right - left + 2 * margin, high - low + 2 * margin)
    fig.set_layout_engine("none")
    ax.set_position((0, 0, 1, 1))
    ax.set(xlim=(left - margin, right + margin), ylim=(low - margin, high + margin))
    ax.set_axis_off()
    for wire in wires:
        colour = _colour(nodes, wire.node)
        _draw_wire(ax, wire, colour)
        _draw_ends(ax, wire, colour, nodes, boxes)
    for node, box in zip(nodes, boxes, strict=True):
        _draw_node(ax, node, box)
    return fig


def _measured(text: str) -> tuple[float, float]:
    """Return width and height of a formula [inches]."""
    parser = require("matplotlib.mathtext", extra="plot").MathTextParser("path")
    font = require("matplotlib.font_manager", extra="plot").FontProperties(size=SIZE)
    width, height, *_ = parser.parse(f"${text}$", dpi=72, prop=font)
    return width / 72, height / 72


def _size(node: Node) -> tuple[float, float]:
    """Return width and height of a node's box, circle or text [inches], without the name of its value."""
    if node.kind == OPERATION:
        return 2 * RADIUS, 2 * RADIUS
    width, height = _measured(node.text)
    if node.kind in FILL:
        return max(width + 0.18, 0.3), max(height + 0.16, 0.3)
    return width + 0.08, max(height, 0.14)


def _room(node: Node) -> tuple[float, float]:
    """Return width and height of a node with the name of its value, which is written over its wire."""
    width, height = _size(node)
    return width + (_measured(node.name)[0] + 0.1 if node.name else 0), height


def _ends(node: Node) -> list[float]:
    """Return the heights at which wires may end, relative to the centre [inches]."""
    count, height = len(node.inputs), _size(node)[1]
    room = 1.3 * RADIUS if node.kind == OPERATION else 0.6 * height
    return [room * (0.5 - k / (count - 1)) for k in range(count)] if count > 1 else [0.0] * count


def _colour(nodes: list[Node], number: int) -> str:
    """Return the colour of the wire from a node: each source has its own, the input the last one."""
    sources = [node for node in nodes if node.kind == SOURCE]
    if nodes[number] not in sources:
        return INK
    return WARM[0] if nodes[number].text == "x_t" else COOL[sources.index(nodes[number]) % len(COOL)]


def _draw_wire(ax: Any, wire: Wire, colour: str) -> None:
    lines = [np.transpose(line) for line in wire.lines]
    for x, y in lines:  # white below, so that one sees which wire passes over another
        ax.plot(x, y, color="white", linewidth=3, solid_capstyle="butt", zorder=wire.node)
    for x, y in lines:
        ax.plot(x, y, color=colour, linewidth=LINE, solid_joinstyle="round", zorder=wire.node)
    for x, y in wire.branches:
        ax.plot([x], [y], "o", color=colour, markersize=3.4, zorder=wire.node)


def _draw_ends(ax: Any, wire: Wire, colour: str, nodes: list[Node], boxes: list[Box]) -> None:
    """Draw arrowheads, and signs beside what is subtracted or divided by."""
    for number, k, (x, y) in wire.ends:
        node, tip = nodes[number], x
        if node.kind == OPERATION:
            tip += RADIUS - (RADIUS**2 - (y - boxes[number].y) ** 2) ** 0.5
        style = {"arrowstyle": "-|>,head_length=0.35,head_width=0.15", "color": colour, "shrinkA": 0, "shrinkB": 0}
        ax.annotate("", (tip, y), (tip - 0.1, y), arrowprops=style, zorder=len(nodes))
        if node.subtracted[k]:
            side = 1 if y >= boxes[number].y else -1
            sign = r"$-$" if node.text == "+" else "$/$"
            ax.text(x - 0.02, y + side * 0.08, sign, fontsize=SIZE, ha="center", va="center", zorder=len(nodes))


def _draw_node(ax: Any, node: Node, box: Box) -> None:
    patches = require("matplotlib.patches", extra="plot")
    (width, height), style = _size(node), {"edgecolor": INK, "linewidth": 1, "zorder": 99}
    centre = box.x + width / 2
    if node.kind == OPERATION:
        ax.add_patch(patches.Circle((centre, box.y), RADIUS, facecolor="white", **style))
    elif node.kind in FILL:
        corner = (box.x + 0.05, box.y - height / 2 + 0.05)
        shape = patches.FancyBboxPatch(
            corner, width - 0.1, height - 0.1, boxstyle="round,pad=0.05", facecolor=FILL[node.kind], **style
        )
        ax.add_patch(shape)
    if node.text == r"\odot":
        ax.plot([centre], [box.y], "o", color=INK, markersize=3.4, zorder=100)
    else:
        ax.text(centre, box.y, f"${node.text}$", fontsize=SIZE, ha="center", va="center_baseline", zorder=100)
    if node.name:
        ax.plot([box.x + width, box.x + box.width], [box.y, box.y], color=INK, linewidth=LINE, zorder=0)
        ax.text(box.x + width + 0.05, box.y + 0.05, f"${node.name}$", fontsize=SIZE, va="bottom", zorder=100)
