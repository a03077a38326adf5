"""Cell of Elman's network with a choice of activation, and limited pre-activations."""

from rnnbp.cells.activation_choice import Choice, activated, checked_activation, checked_clip, documented
from rnnbp.cells.declared.cell import DeclaredCell
from rnnbp.cells.declared.expressions import Expression
from rnnbp.cells.declared.functions import affine


@documented
class GeneralElmanCell(DeclaredCell):
    """Elman's network with any activation of the ONNX operator RNN, and limited pre-activations; the state is h::

        h[t] = act(clip(W_ih x[t] + b_ih + W_hh h[t-1] + b_hh))

    Parameters
    ----------
    {sizes}
    activation : str or tuple, default 'tanh'
        {choice}
    {clip}

    Raises
    ------
    ValueError
        If a size or `clip` is not positive, or the activation is unknown.

    See Also
    --------
    rnnbp.cells.ElmanCell : without the limit, for the usual activations.

    References
    ----------
    The ONNX operator RNN, https://onnx.ai/onnx/operators/onnx__RNN.html

    Examples
    --------
    >>> GeneralElmanCell(3, 4, activation=("elu", 0.5), clip=3.0).activation
    ('elu', 0.5)
    """

    activation: str | Choice = "tanh"
    clip: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "activation", checked_activation("activation", self.activation))
        object.__setattr__(self, "clip", checked_clip(self.clip))
        super().__post_init__()

    @staticmethod
    def update(x: Expression, h: Expression, activation: Choice, clip: float | None) -> Expression:
        return activated(activation, affine("h", x, h), clip)
