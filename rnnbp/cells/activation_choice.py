"""Activations that a cell's arguments choose, with their coefficients: those of ONNX's recurrent operators."""

from collections.abc import Callable
from typing import Any

from rnnbp.cells.declared.expressions import Expression
from rnnbp.cells.declared.functions import exp, maximum, relu, sigmoid, softplus, spike, tanh
from rnnbp.runtime import choice, number
from rnnbp.runtime.docstrings import filled

Choice = tuple[str | float, ...]  # the name, then the coefficients alpha and beta, as ("hard_sigmoid", 0.2, 0.5)


def _leaky_relu(a: Expression, alpha: float) -> Expression:
    return relu(a) - alpha * relu(-a)


def _thresholded_relu(a: Expression, alpha: float) -> Expression:
    return a * (1 - spike(alpha - a, lambda _: 0.0))


def _hard_sigmoid(a: Expression, alpha: float, beta: float) -> Expression:
    return 1 - relu(1 - relu(alpha * a + beta))


def _elu(a: Expression, alpha: float) -> Expression:
    return relu(a) + alpha * (exp(-relu(-a)) - 1)


FUNCTIONS: dict[str, tuple[Callable[..., Expression], tuple[float, ...]]] = {  # with the defaults of the coefficients
    "affine": (lambda a, alpha, beta: alpha * a + beta, (1.0, 0.0)),
    "elu": (_elu, (1.0,)),
    "hard_sigmoid": (_hard_sigmoid, (0.2, 0.5)),
    "leaky_relu": (_leaky_relu, (0.01,)),
    "linear": (lambda a: a, ()),
    "relu": (relu, ()),
    "scaled_tanh": (lambda a, alpha, beta: alpha * tanh(beta * a), (1.0, 1.0)),
    "sigmoid": (sigmoid, ()),
    "softplus": (softplus, ()),
    "softsign": (lambda a: a / (1 + abs(a)), ()),
    "tanh": (tanh, ()),
    "thresholded_relu": (_thresholded_relu, (1.0,)),
}
PARAMETERS = """
    input_size : int
        F, the number of features.
    hidden_size : int
        H, the number of hidden units.
""".strip("\n")
CHOICE = """
        Each is a name, or a tuple of it and its coefficients alpha and beta, as ``("leaky_relu", 0.1)``: 'tanh',
        'sigmoid', 'relu', 'linear', 'softplus', 'softsign' ``a / (1 + |a|)``, 'affine' alpha a + beta, 'leaky_relu'
        alpha a where a < 0, 'thresholded_relu' 0 where a < alpha, 'scaled_tanh' alpha tanh(beta a), 'hard_sigmoid'
        alpha a + beta within [0, 1], 'elu' alpha (exp(a) - 1) where a < 0.
""".strip("\n")
CLIP = """
    clip : float, optional
        Pre-activations are limited to [-clip, clip]. Default: no limit.
    init : Initializer, default Uniform()
        The initialization of the parameters; by keyword.
""".strip("\n")


def documented(cls: Any) -> Any:
    """Fill the descriptions that these cells share into the docstring of one."""
    cls.__doc__ = filled(cls.__doc__, sizes=PARAMETERS, choice=CHOICE, clip=CLIP)
    return cls


def checked_activation(name: str, value: Any) -> Choice:
    """Return an activation as a tuple of its name and all its coefficients.

    Raises
    ------
    ValueError
        If it is unknown, or takes no such coefficients.

    Examples
    --------
    >>> checked_activation("activation", "leaky_relu")
    ('leaky_relu', 0.01)
    >>> checked_activation("activation", ("tanh", 0.5))
    Traceback (most recent call last):
    ValueError: activation: 'tanh' takes 0 coefficients, got 1
    """
    given = (value,) if isinstance(value, str) else tuple(value) if isinstance(value, tuple | list) else (value,)
    function = choice(name, given[0] if given else None, FUNCTIONS)
    defaults = FUNCTIONS[function][1]
    if len(given) not in (1, 1 + len(defaults)):
        raise ValueError(f"{name}: {function!r} takes {len(defaults)} coefficients, got {len(given) - 1}")
    coefficients = given[1:] or defaults
    return (function, *(float(number(f"a coefficient of {function}", one)) for one in coefficients))


def checked_activations(value: Any, count: int) -> tuple[Choice, ...]:
    """Return a cell's activations, each as `checked_activation` returns it.

    Raises
    ------
    ValueError
        If there are not `count` of them, or one is not an activation.

    Examples
    --------
    >>> checked_activations(("sigmoid", ("elu", 2)), 2)
    (('sigmoid',), ('elu', 2.0))
    """
    if not isinstance(value, tuple | list) or len(value) != count:
        raise ValueError(f"activations must be {count}, each a name or a tuple of it and coefficients, got {value!r}")
    return tuple(checked_activation("activations", one) for one in value)


def checked_clip(value: float | None) -> float | None:
    """Return a limit of pre-activations if it is positive, or None."""
    if value is not None and number("clip", value, 0) == 0:
        raise ValueError("clip must be positive, got 0: leave it out for pre-activations without a limit")
    return None if value is None else float(value)


def activated(chosen: Choice, a: Expression, clip: float | None = None) -> Expression:
    """Return an activation of a pre-activation, which is limited to [-clip, clip] before."""
    name, *coefficients = chosen
    limited = a if clip is None else -maximum(-maximum(a, -clip), -clip)
    return FUNCTIONS[str(name)][0](limited, *coefficients)
