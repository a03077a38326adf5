"""Which rows of which parameters are where in the weights that a kernel multiplies by, and in its sums of gradients."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rnnbp.cells.base import Weights
from rnnbp.cells.declared.numpy_plan import NumpyPlan, Product
from rnnbp.core import Parameters
from rnnbp.kernels.base import Array


@dataclass(frozen=True)
class Piece:
    """H rows of a weight or bias, for one source and one slot.

    Attributes
    ----------
    name : str
    rows : slice
        Of the parameter.
    product, slot : int
        The product, and the slot among its slots.
    columns : slice or int
        Of the rows of inputs that the product multiplies: those of the source, or the one of ones for a bias.
    """

    name: str
    rows: slice
    product: int
    slot: int
    columns: slice | int


def pieces_of(plan: NumpyPlan, products: Iterable[Product], hidden_size: int) -> list[Piece]:
    """Return the pieces of the parameters that products consist of."""
    H, found = hidden_size, []
    for number, product in enumerate(products):
        ones = len(product.sources) * H
        places = {source: slice(k * H, (k + 1) * H) for k, source in enumerate(product.sources)}
        if product.with_x:
            places[plan.program.equation.x] = slice(ones + 1, None)
        for k, slot in enumerate(product.slots):
            for block in plan.sums[slot].blocks:
                if block.source in places:
                    rows, suffix = slice(block.row * H, (block.row + 1) * H), block.suffix
                    found.append(Piece(f"w_{suffix}", rows, number, k, places[block.source]))
                    if block.bias_row is not None:
                        rows = slice(block.bias_row * H, (block.bias_row + 1) * H)
                        found.append(Piece(f"b_{suffix}", rows, number, k, ones))
    return found


def put_weights(pieces: Iterable[Piece], params: Weights, weights: Sequence[Array]) -> None:
    """Put weights into zeros (G, K, H) for each product, and add the biases to those of the column of ones."""
    for piece in pieces:
        values = params[piece.name][piece.rows]
        if isinstance(piece.columns, slice):
            weights[piece.product][piece.slot, piece.columns] = values.T
        else:
            weights[piece.product][piece.slot, piece.columns] += values


def add_gradients(pieces: Iterable[Piece], totals: Sequence[Array], grad: Parameters) -> None:
    """Add the sums (G, H, K) of each product to the gradients of the parameters."""
    views = dict(grad.items())
    for piece in pieces:
        views[piece.name][piece.rows] += totals[piece.product][piece.slot, :, piece.columns]
