"""The functions that an equation is written in, besides ``+ - * /``, ``** 2`` and ``abs``.

All but `affine` and `linear` are element-wise. They take the symbols that `update` is called with.
"""

from collections.abc import Callable
from typing import Any

from rnnbp.cells.declared.expressions import FEATURES, ONCE, UNITS, EquationError, Expression
from rnnbp.runtime import choice


def affine(gate: str, *inputs: Any) -> Expression:
    """Return the pre-activation of a gate: the sum of W u + b over `inputs` u, each with its own weight and bias.

    The weights of the cell's input x are rows of the parameter ``w_ih``, all others rows of ``w_hh``, and the biases of
    ``b_ih`` and ``b_hh``: as in PyTorch. The order of rows is that of the calls.

    Parameters
    ----------
    gate : str
        Name of the rows, as ``"forget"``, by which initializers and diagnostics find them. It may occur again with
        other inputs, for a term of its own, as in `rnnbp.cells.GRUCell`.
    *inputs : symbols
        x, states, and element-wise functions of them. One besides x; more under names of their own, as in
        ``affine("input", x, h) + linear("input_c", c)``.

    Returns
    -------
    symbol
        One value for each unit.

    Examples
    --------
    >>> from rnnbp.cells.declared import DeclaredCell, tanh
    >>> class Simple(DeclaredCell):
    ...     @staticmethod
    ...     def update(x, h):
    ...         return tanh(affine("h", x, h))
    >>> Simple(3, 4).shapes()
    {'w_ih': (4, 3), 'w_hh': (4, 4), 'b_ih': (4,), 'b_hh': (4,)}
    """
    return _weighted("affine", gate, inputs, biases=True)


def linear(gate: str, *inputs: Any) -> Expression:
    """Return `affine` without biases: the sum of W u over `inputs` u.

    Parameters
    ----------
    gate : str
        The name of the rows of its weights.
    *inputs : symbol
        The inputs u: x, h, or what was computed of them.

    Examples
    --------
    >>> from rnnbp.cells.declared import DeclaredCell
    >>> class Integrator(DeclaredCell):
    ...     @staticmethod
    ...     def update(x, h):
    ...         return h + linear("h", x)
    >>> Integrator(3, 4).shapes()
    {'w_ih': (4, 3)}
    """
    return _weighted("linear", gate, inputs, biases=False)


def _weighted(function: str, gate: str, inputs: tuple[Any, ...], biases: bool) -> Expression:
    if not (isinstance(gate, str) and gate.isidentifier()):
        raise EquationError(f'the first argument of {function} is the name of a gate, as "forget", got {gate!r}')
    if not inputs:
        raise EquationError(f'{function}("{gate}") has no input: write {function}("{gate}", x, h), for example')
    for u in inputs:
        if not isinstance(u, Expression):
            raise EquationError(f'{function}("{gate}", ...) takes x, states and functions of them, got {u!r}. {ONCE}')
        if u.width not in (UNITS, FEATURES):
            raise EquationError(f'{function}("{gate}", ...) multiplies units by weights, but {u} is a single number')
        if u.is_invariant:
            raise EquationError(
                f'{function}("{gate}", ...) multiplies x, states and functions of them by weights, but {u} is the same '
                "at every step: the product would be a bias, which is an element-wise parameter"
            )
    terms = [u.graph.weighted(u, (gate, biases)) for u in inputs]
    return sum(terms[1:], terms[0])


def _apply(function: str, *values: Any) -> Expression:
    for value in values:
        if isinstance(value, Expression):
            return value.graph.apply(function, *values)
    raise EquationError(f"{function} takes the symbols that update is called with, got {values[0]!r}. {ONCE}")


def sigmoid(a: Any) -> Expression:
    """Return 1 / (1 + exp(-a)).

    Parameters
    ----------
    a : symbol or number
        Each element by itself, (..., H).

    Examples
    --------
    >>> from rnnbp.cells.declared import DeclaredCell, affine
    >>> class Cell(DeclaredCell):
    ...     def update(x, h):
    ...         return sigmoid(affine("h", x, h))
    >>> Cell(3, 4).output_size
    4
    """
    return _apply("sigmoid", a)


def tanh(a: Any) -> Expression:
    """Return the hyperbolic tangent.

    Parameters
    ----------
    a : symbol or number
        Each element by itself, (..., H).

    Examples
    --------
    >>> from rnnbp.cells.declared import DeclaredCell, affine
    >>> class Cell(DeclaredCell):
    ...     def update(x, h):
    ...         return tanh(affine("h", x, h))
    >>> Cell(3, 4).output_size
    4
    """
    return _apply("tanh", a)


def relu(a: Any) -> Expression:
    """Return max(0, a); its derivative at 0 is taken as 0.

    Parameters
    ----------
    a : symbol or number
        Each element by itself, (..., H).

    Examples
    --------
    >>> from rnnbp.cells.declared import DeclaredCell, affine
    >>> class Cell(DeclaredCell):
    ...     def update(x, h):
    ...         return relu(affine("h", x, h))
    >>> Cell(3, 4).output_size
    4
    """
    return _apply("relu", a)


def exp(a: Any) -> Expression:
    """Return the exponential function.

    Parameters
    ----------
    a : symbol or number
        Each element by itself, (..., H).

    Examples
    --------
    >>> from rnnbp.cells.declared import DeclaredCell, affine
    >>> class Cell(DeclaredCell):
    ...     def update(x, h):
    ...         return exp(-(h**2)) + affine("h", x)
    >>> Cell(3, 4).output_size
    4
    """
    return _apply("exp", a)


def sin(a: Any) -> Expression:
    """Return the sine.

    Parameters
    ----------
    a : symbol or number
        Each element by itself, (..., H).

    Examples
    --------
    >>> from rnnbp.cells.declared import DeclaredCell, affine
    >>> class Cell(DeclaredCell):
    ...     def update(x, h):
    ...         return h + sin(affine("h", x, h))
    >>> Cell(3, 4).output_size
    4
    """
    return _apply("sin", a)


def cos(a: Any) -> Expression:
    """Return the cosine.

    Parameters
    ----------
    a : symbol or number
        Each element by itself, (..., H).

    Examples
    --------
    >>> from rnnbp.cells.declared import DeclaredCell, affine
    >>> class Cell(DeclaredCell):
    ...     def update(x, h):
    ...         return cos(affine("h", x, h))
    >>> Cell(3, 4).output_size
    4
    """
    return _apply("cos", a)


def softplus(a: Any) -> Expression:
    """Return log(1 + exp(a)).

    Parameters
    ----------
    a : symbol or number
        Each element by itself, (..., H).

    Examples
    --------
    >>> from rnnbp.cells.declared import DeclaredCell, affine
    >>> class Cell(DeclaredCell):
    ...     def update(x, h):
    ...         return softplus(affine("h", x, h))
    >>> Cell(3, 4).output_size
    4
    """
    return _apply("softplus", a)


def maximum(a: Any, b: Any) -> Expression:
    """Return the greater of two values; where they are equal, the derivative is taken with respect to b.

    Parameters
    ----------
    a, b : symbol or number
        Each element by itself, (..., H).

    Examples
    --------
    >>> from rnnbp.cells.declared import DeclaredCell, affine
    >>> class Cell(DeclaredCell):
    ...     def update(x, h):
    ...         return maximum(h, affine("h", x))
    >>> Cell(3, 4).output_size
    4
    """
    return _apply("maximum", a, b)


def stop_gradient(a: Any) -> Expression:
    """Return `a` itself, which is taken as a constant in derivatives.

    Parameters
    ----------
    a : symbol or number
        Each element by itself, (..., H).

    Examples
    --------
    >>> from rnnbp.cells.declared import DeclaredCell, affine
    >>> class Cell(DeclaredCell):
    ...     def update(x, h):
    ...         return stop_gradient(h) + affine("h", x)
    >>> Cell(3, 4).output_size
    4
    """
    return _apply("stop_gradient", a)


def spike(u: Any, surrogate: Callable[[Any], Any]) -> Expression:
    """Return 1 where u > 0, else 0, with ``surrogate(u)`` in place of the derivative.

    Parameters
    ----------
    u : symbol
    surrogate : callable
        Written in the functions of this module, as ``lambda u: relu(1 - abs(u))``.

    Examples
    --------
    >>> from rnnbp.cells.declared import DeclaredCell, affine
    >>> class Cell(DeclaredCell):
    ...     def update(x, h):
    ...         return spike(affine("h", x, h) - 1, lambda u: relu(1 - abs(u)))
    >>> Cell(3, 4).output_size
    4
    """
    if not isinstance(u, Expression):
        raise EquationError(f"spike takes the symbols that update is called with, got {u!r}. {ONCE}")
    return _apply("spike", u, surrogate(u))


def activate(name: str, a: Any) -> Expression:
    """Return the activation that a field of the cell names: 'tanh', 'relu', 'sigmoid' or 'linear'.

    Parameters
    ----------
    name : str
        The field's value.
    a : symbol or number
        Each element by itself, (..., H).

    Examples
    --------
    >>> from rnnbp.cells.declared import DeclaredCell, affine
    >>> class Cell(DeclaredCell):
    ...     act: str = "relu"
    ...     def update(x, h, act):
    ...         return activate(act, affine("h", x, h))
    >>> Cell(3, 4).act
    'relu'
    """
    return _apply(name, a) if choice("activation", name, ("tanh", "relu", "sigmoid", "linear")) != "linear" else a
