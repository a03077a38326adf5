"""Cell of gated recurrent units with a choice of activations and of the reset gate's place."""

from rnnbp.cells.activation_choice import Choice, activated, checked_activations, checked_clip, documented
from rnnbp.cells.declared.cell import DeclaredCell
from rnnbp.cells.declared.expressions import Expression
from rnnbp.cells.declared.functions import affine
from rnnbp.runtime import choice


@documented
class GeneralGRUCell(DeclaredCell):
    """Gated recurrent units with the options of the ONNX operator GRU; the state is h::

        r = f(clip(W_ir x[t] + b_ir + W_hr h[t-1] + b_hr))
        z = f(clip(W_iz x[t] + b_iz + W_hz h[t-1] + b_hz))
        n = g(clip(W_in x[t] + b_in + r (W_hn h[t-1] + b_hn)))        reset 'after'
        n = g(clip(W_in x[t] + b_in + W_hn (r h[t-1]) + b_hn))        reset 'before'
        h[t] = (1 - z) n + z h[t-1]

    Parameters
    ----------
    {sizes}
    activations : tuple, default ('sigmoid', 'tanh')
        f of the gates, and g.
        {choice}
    reset : {'after', 'before'}, default 'after'
        Whether the reset gate multiplies after the recurrent product or before it.
    {clip}

    Raises
    ------
    ValueError
        If a size or `clip` is not positive, or an activation or `reset` is unknown.

    See Also
    --------
    rnnbp.cells.GRUCell, rnnbp.cells.OriginalGRUCell : with the usual activations, without the limit.

    References
    ----------
    The ONNX operator GRU, https://onnx.ai/onnx/operators/onnx__GRU.html

    Examples
    --------
    >>> GeneralGRUCell(3, 4, activations=("hard_sigmoid", "softsign"), reset="before").gates
    ('reset', 'update', 'new')
    """

    activations: tuple[str | Choice, ...] = ("sigmoid", "tanh")
    reset: str = "after"
    clip: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "activations", checked_activations(self.activations, 2))
        choice("reset", self.reset, ("after", "before"))
        object.__setattr__(self, "clip", checked_clip(self.clip))
        super().__post_init__()

    @staticmethod
    def update(
        x: Expression, h: Expression, activations: tuple[Choice, ...], reset: str, clip: float | None
    ) -> Expression:
        of_gates, of_new = activations
        r = activated(of_gates, affine("reset", x, h), clip)
        z = activated(of_gates, affine("update", x, h), clip)
        recurrent = r * affine("new", h) if reset == "after" else affine("new", r * h)
        n = activated(of_new, affine("new", x) + recurrent, clip)
        return n + z * (h - n)
