"""Cell of the recurrent network with orthogonal weights, by the scaled Cayley transform."""

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from rnnbp.cells.base import Array, Residuals, Weights, outer_sum, total
from rnnbp.core import Initializer, Parameters, Uniform, check_initializer
from rnnbp.runtime import natural_int, positive_int


@dataclass(frozen=True)
class OrthogonalRNNCell:
    """Recurrent network with orthogonal weights (scoRNN), by the scaled Cayley transform; the state is h::

        A = V - V^T                                                   antisymmetric
        W = (I + A)^-1 (I - A) D                                      orthogonal
        a = W_ih x[t] + W h[t-1]
        h[t] = sign(a) * relu(abs(a) + b)                             modReLU

    V is the parameter ``w_hh``; D is diagonal, with `negative` entries of -1 first and 1 in the others. W is orthogonal
    whatever V is, so training leaves it so. The gradient follows from dW = -(I + A)^-1 dA (I + W D) D. A declaration
    has no functions of weights as this one: so the cell is written by hand.

    Parameters
    ----------
    input_size : int
        F, the number of features.
    hidden_size : int
        H, the number of hidden units.
    negative : int, default 0
        The number of entries of -1 in D, from 0 to H; the paper chooses it for each task.
    init : Initializer, default Uniform()
        The initialization of the parameters.

    Raises
    ------
    ValueError
        If a size is not a positive integer, or `negative` is not between 0 and H.

    See Also
    --------
    rnnbp.Orthogonal : an initializer after which training may leave the orthogonal matrices.

    References
    ----------
    K. Helfrich, D. Willmott & Q. Ye (2018), "Orthogonal recurrent neural networks with scaled Cayley transform", ICML,
    arXiv:1707.09520

    Examples
    --------
    Without input and bias the length of the state is preserved:

    >>> cell = OrthogonalRNNCell(3, 5, negative=2)
    >>> params = Parameters(cell.shapes(), dtype=np.float64)
    >>> params["w_hh"] = np.random.default_rng(0).standard_normal((5, 5))
    >>> h = np.ones(5)
    >>> for _ in range(100):
    ...     h, _ = cell.step(params, h, np.zeros(3))
    >>> round(float(np.sum(h**2)), 12)
    5.0
    """

    input_size: int
    hidden_size: int
    negative: int = 0
    init: Initializer = field(default_factory=Uniform)

    gates = ()

    def __post_init__(self) -> None:
        positive_int("input_size", self.input_size)
        positive_int("hidden_size", self.hidden_size)
        check_initializer("init", self.init)
        if natural_int("negative", self.negative) > self.hidden_size:
            raise ValueError(f"negative must be at most hidden_size, {self.hidden_size}, got {self.negative}")

    @property
    def output_size(self) -> int:
        """H: the output is the whole state."""
        return self.hidden_size

    @property
    def state_size(self) -> int:
        """H: the state is h."""
        return self.hidden_size

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the names and shapes of the parameters: w_ih (H, F), w_hh (H, H), b (H,)."""
        H, F = self.hidden_size, self.input_size
        return {"w_ih": (H, F), "w_hh": (H, H), "b": (H,)}

    def initialize(self, params: Parameters, rng: np.random.Generator) -> None:
        """Initialize `params` in place by `init`."""
        self.init(self, params, rng)

    def recurrent_weights(self, params: Weights) -> Array:
        """Return W (H, H)."""
        return cayley(params["w_hh"])[0] * self._diagonal(params["w_hh"])

    def _diagonal(self, like: Array) -> Array:
        return np.where(np.arange(self.hidden_size) < self.negative, -1, 1).astype(like.real.dtype)

    def step(self, params: Weights, state: Array, x: Array) -> tuple[Array, Residuals]:
        """Compute one step; the residuals are [W h | sign(a) | next h]."""
        of_h = state @ self.recurrent_weights(params).T
        a = x @ params["w_ih"].T + of_h
        sign = np.sign(a.real).astype(a.real.dtype)
        size = sign * a + params["b"]
        h = sign * size * (size.real > 0)
        return h, np.concatenate([of_h, sign, h], axis=-1)

    def step_vjp(
        self, params: Weights, state: Array, x: Array, residuals: Residuals, d_next: Array
    ) -> tuple[Array, Array, Array]:
        """Compute the vector-Jacobian product of one step; delta is [d_a | d_b | (I + A)^-T d_a], (..., 3 H)."""
        _, sign, h = np.split(residuals, 3, axis=-1)
        d_a = d_next * (h != 0)
        delta = np.concatenate([d_a, d_a * sign, d_a @ cayley(params["w_hh"])[1]], axis=-1)
        return d_a @ self.recurrent_weights(params), d_a @ params["w_ih"], delta

    def param_vjp(self, state: Array, x: Array, residuals: Residuals, delta: Array, grad: Parameters) -> None:
        """Add the gradient with respect to the parameters to `grad`."""
        of_h, _, _ = np.split(residuals, 3, axis=-1)
        d_a, d_b, solved = np.split(delta, 3, axis=-1)
        d_antisymmetric = -outer_sum(solved, self._diagonal(state) * state + of_h)
        grad["w_ih"] += outer_sum(d_a, x)
        grad["w_hh"] += d_antisymmetric - d_antisymmetric.T
        grad["b"] += total(d_b)


def cayley(weight: Array) -> tuple[Array, Array]:
    """Return the Cayley transform (I + A)^-1 (I - A) of A = V - V^T, and (I + A)^-1; cached for the last weights.

    Examples
    --------
    >>> q, _ = cayley(np.array([[0.0, 1.0], [0.0, 0.0]]))
    >>> q.round(12)
    array([[ 0., -1.],
           [ 1.,  0.]])
    """
    return _cayley(weight.tobytes(), weight.dtype, len(weight))


@lru_cache(maxsize=4)
def _cayley(weight: bytes, dtype: np.dtype, size: int) -> tuple[Array, Array]:
    V, identity = np.frombuffer(weight, dtype).reshape(size, size), np.eye(size, dtype=dtype)
    A = V - V.T
    inverse = np.linalg.inv(identity + A)
    transform = inverse @ (identity - A)
    for array in (inverse, transform):
        array.flags.writeable = False
    return transform, inverse
