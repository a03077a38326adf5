"""Kind of a model: static, reservoir or recurrent, by its layers and by what of them is frozen."""

from collections.abc import Iterator, Sequence
from typing import Literal, get_args

from rnnbp.core import Parameters
from rnnbp.layers import Layer
from rnnbp.layers.chain import Chain, scopes_of
from rnnbp.layers.parallel import Parallel

Kind = Literal["static", "reservoir", "recurrent"]
KINDS: tuple[str, ...] = get_args(Kind)


def kind_of(layers: Sequence[Layer], scopes: Sequence[Parameters]) -> Kind:
    """Return 'recurrent' if a layer is recurrent, 'reservoir' if these are all frozen, 'static' if there is none.

    Parameters
    ----------
    layers : sequence of Layer
    scopes : sequence of Parameters
        Those of each layer.
    """
    if not any(layer.recurrent for layer in layers):
        return "static"
    return "reservoir" if all(map(_fixed, _recurrent_scopes(layers, scopes))) else "recurrent"


def _recurrent_scopes(layers: Sequence[Layer], scopes: Sequence[Parameters]) -> Iterator[Parameters]:
    """Yield the parameters of each recurrent layer, of those within chains and branches too."""
    for layer, scope in zip(layers, scopes, strict=True):
        within = layer.layers if isinstance(layer, Chain) else layer.branches if isinstance(layer, Parallel) else ()
        if within:
            yield from _recurrent_scopes(within, scopes_of(within, scope))
        elif layer.recurrent:
            yield scope


def _fixed(params: Parameters) -> bool:
    """Return whether no training changes any of the parameters: all are frozen, or masked."""
    frozen, mask = params.frozen_vector, params.mask_vector
    return frozen is not None and bool((frozen if mask is None else frozen | ~mask).all())
