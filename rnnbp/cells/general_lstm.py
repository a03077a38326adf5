"""Cells of long short-term memory with a choice of activations, coupled gates, peepholes, limited pre-activations."""

from rnnbp.cells.activation_choice import Choice, activated, checked_activations, checked_clip, documented
from rnnbp.cells.declared.cell import DeclaredCell
from rnnbp.cells.declared.expressions import Expression
from rnnbp.cells.declared.functions import affine
from rnnbp.runtime import flag

Activations = tuple[str | Choice, ...]
Parts = tuple[Expression, Expression]


@documented
class GeneralLSTMCell(DeclaredCell):
    """Long short-term memory with the options of the ONNX operator LSTM; the state is [h | c]::

        i = f(clip(W_ii x[t] + b_ii + W_hi h[t-1] + b_hi))
        f = f(clip(W_if x[t] + b_if + W_hf h[t-1] + b_hf)), or 1 - i where coupled
        g = g(clip(W_ig x[t] + b_ig + W_hg h[t-1] + b_hg))
        o = f(clip(W_io x[t] + b_io + W_ho h[t-1] + b_ho))
        c[t] = f c[t-1] + i g
        h[t] = o h(c[t])

    The limit is that of ONNX Runtime, which does not apply it to c[t].

    Parameters
    ----------
    {sizes}
    activations : tuple, default ('sigmoid', 'tanh', 'tanh')
        f of the gates, g, and h of the output.
        {choice}
    coupled : bool, default False
        Whether the forget gate is 1 - i; it has no weights then.
    {clip}

    Raises
    ------
    ValueError
        If a size or `clip` is not positive, or an activation is unknown.

    See Also
    --------
    rnnbp.cells.LSTMCell, rnnbp.cells.CoupledLSTMCell : with the usual activations, without the limit.
    GeneralPeepholeLSTMCell : with peepholes.

    References
    ----------
    The ONNX operator LSTM, https://onnx.ai/onnx/operators/onnx__LSTM.html

    Examples
    --------
    >>> GeneralLSTMCell(3, 4, activations=("hard_sigmoid", "tanh", "tanh"), coupled=True).shapes()["w_ih"]
    (12, 3)
    """

    activations: Activations = ("sigmoid", "tanh", "tanh")
    coupled: bool = False
    clip: float | None = None

    state = "h c"

    def __post_init__(self) -> None:
        flag("coupled", self.coupled)
        _check_options(self)
        super().__post_init__()

    @staticmethod
    def update(
        x: Expression, h: Expression, c: Expression, activations: tuple[Choice, ...], coupled: bool, clip: float | None
    ) -> Parts:
        of_gates, of_cell, of_output = activations
        i = activated(of_gates, affine("input", x, h), clip)
        f = 1 - i if coupled else activated(of_gates, affine("forget", x, h), clip)
        g = activated(of_cell, affine("cell", x, h), clip)
        o = activated(of_gates, affine("output", x, h), clip)
        c = f * c + i * g
        return o * activated(of_output, c), c


@documented
class GeneralPeepholeLSTMCell(DeclaredCell):
    """Long short-term memory with peepholes and the options of the ONNX operator LSTM; the state is [h | c]::

        i = f(clip(W_ii x[t] + b_ii + W_hi h[t-1] + b_hi + p_i * c[t-1]))
        f = f(clip(W_if x[t] + b_if + W_hf h[t-1] + b_hf + p_f * c[t-1]))
        g = g(clip(W_ig x[t] + b_ig + W_hg h[t-1] + b_hg))
        c[t] = f c[t-1] + i g
        o = f(clip(W_io x[t] + b_io + W_ho h[t-1] + b_ho + p_o * c[t]))
        h[t] = o h(c[t])

    Parameters
    ----------
    {sizes}
    activations : tuple, default ('sigmoid', 'tanh', 'tanh')
        f of the gates, g, and h of the output.
        {choice}
    {clip}

    Raises
    ------
    ValueError
        If a size or `clip` is not positive, or an activation is unknown.

    See Also
    --------
    rnnbp.cells.PeepholeLSTMCell : with the usual activations, without the limit.
    GeneralCoupledPeepholeLSTMCell : with coupled gates.

    References
    ----------
    The ONNX operator LSTM, https://onnx.ai/onnx/operators/onnx__LSTM.html

    Examples
    --------
    >>> list(GeneralPeepholeLSTMCell(3, 4, clip=2.0).shapes())
    ['w_ih', 'w_hh', 'b_ih', 'b_hh', 'p_i', 'p_f', 'p_o']
    """

    activations: Activations = ("sigmoid", "tanh", "tanh")
    clip: float | None = None

    state, parameters = "h c", "p_i p_f p_o"

    def __post_init__(self) -> None:
        _check_options(self)
        super().__post_init__()

    @staticmethod
    def update(
        x: Expression,
        h: Expression,
        c: Expression,
        p_i: Expression,
        p_f: Expression,
        p_o: Expression,
        activations: tuple[Choice, ...],
        clip: float | None,
    ) -> Parts:
        of_gates, of_cell, of_output = activations
        i = activated(of_gates, affine("input", x, h) + p_i * c, clip)
        f = activated(of_gates, affine("forget", x, h) + p_f * c, clip)
        c = f * c + i * activated(of_cell, affine("cell", x, h), clip)
        o = activated(of_gates, affine("output", x, h) + p_o * c, clip)
        return o * activated(of_output, c), c


@documented
class GeneralCoupledPeepholeLSTMCell(DeclaredCell):
    """Long short-term memory with peepholes, coupled gates and the options of the ONNX operator; the state is [h | c]::

        i = f(clip(W_ii x[t] + b_ii + W_hi h[t-1] + b_hi + p_i * c[t-1]))        the forget gate is 1 - i
        g = g(clip(W_ig x[t] + b_ig + W_hg h[t-1] + b_hg))
        c[t] = (1 - i) c[t-1] + i g
        o = f(clip(W_io x[t] + b_io + W_ho h[t-1] + b_ho + p_o * c[t]))
        h[t] = o h(c[t])

    Parameters
    ----------
    {sizes}
    activations : tuple, default ('sigmoid', 'tanh', 'tanh')
        f of the gates, g, and h of the output.
        {choice}
    {clip}

    Raises
    ------
    ValueError
        If a size or `clip` is not positive, or an activation is unknown.

    See Also
    --------
    GeneralLSTMCell : coupled, without peepholes.

    References
    ----------
    The ONNX operator LSTM, https://onnx.ai/onnx/operators/onnx__LSTM.html

    Examples
    --------
    >>> GeneralCoupledPeepholeLSTMCell(3, 4).gates
    ('input', 'cell', 'output')
    """

    activations: Activations = ("sigmoid", "tanh", "tanh")
    clip: float | None = None

    state, parameters = "h c", "p_i p_o"

    def __post_init__(self) -> None:
        _check_options(self)
        super().__post_init__()

    @staticmethod
    def update(
        x: Expression,
        h: Expression,
        c: Expression,
        p_i: Expression,
        p_o: Expression,
        activations: tuple[Choice, ...],
        clip: float | None,
    ) -> Parts:
        of_gates, of_cell, of_output = activations
        i = activated(of_gates, affine("input", x, h) + p_i * c, clip)
        g = activated(of_cell, affine("cell", x, h), clip)
        c = c + i * (g - c)
        o = activated(of_gates, affine("output", x, h) + p_o * c, clip)
        return o * activated(of_output, c), c


def _check_options(cell: GeneralLSTMCell | GeneralPeepholeLSTMCell | GeneralCoupledPeepholeLSTMCell) -> None:
    """Check the activations and the limit, and store the activations with all their coefficients."""
    object.__setattr__(cell, "activations", checked_activations(cell.activations, 3))
    object.__setattr__(cell, "clip", checked_clip(cell.clip))
