"""Cell of the clockwork recurrent neural network."""

from dataclasses import dataclass, field

import numpy as np

from rnnbp.cells.base import Array, Residuals, Weights, outer_sum, total
from rnnbp.core import Initializer, Parameters, Uniform, check_initializer
from rnnbp.runtime import positive_int, refuses_by_name


@refuses_by_name
@dataclass(frozen=True)
class ClockworkRNNCell:
    """Clockwork RNN, modules of units with a clock period each; the state is [h | t], with the number t of steps::

        h[t] = tanh(W_ih x[t] + b_ih + (M * W_hh) h[t-1] + b_hh)      where t is a multiple of the unit's period
        h[t] = h[t-1]                                                 elsewhere

    t is 0 at the first step, where all modules run. The mask M lets a unit see units of its own and of longer periods.
    A declaration knows neither the number of the step nor masks of weights: so this cell is written by hand.

    Parameters
    ----------
    input_size : int
        F, the number of features.
    hidden_size : int
        H, the number of units, of which each period has the same number.
    periods : tuple of int, default (1, 2, 4, 8)
        The clock period of each module [steps], in increasing order.
    init : Initializer, default Uniform()
        The initialization of the parameters.

    Raises
    ------
    ValueError
        If a size or period is not a positive integer, periods are not increasing, or H is no multiple of their number.

    References
    ----------
    J. Koutnik, K. Greff, F. Gomez & J. Schmidhuber (2014), "A clockwork RNN", ICML, arXiv:1402.3511, section 3

    Examples
    --------
    Of two modules, the second runs at every other step:

    >>> cell = ClockworkRNNCell(1, 2, periods=(1, 2))
    >>> params = Parameters(cell.shapes(), dtype=np.float64)
    >>> params["w_ih"] = 1
    >>> state = np.zeros(3)
    >>> for x in (0.1, 0.2, 0.3):
    ...     state, _ = cell.step(params, state, np.array([x]))
    ...     print(state.round(2))
    [0.1 0.1 1. ]
    [0.2 0.1 2. ]
    [0.29 0.29 3.  ]
    """

    input_size: int
    hidden_size: int
    periods: tuple[int, ...] = (1, 2, 4, 8)
    init: Initializer = field(default_factory=Uniform)

    gates = ()

    def __post_init__(self) -> None:
        positive_int("input_size", self.input_size)
        positive_int("hidden_size", self.hidden_size)
        check_initializer("init", self.init)
        object.__setattr__(self, "periods", tuple(positive_int("a period", period) for period in self.periods))
        if not self.periods or list(self.periods) != sorted(set(self.periods)):
            raise ValueError(f"periods must be increasing, as (1, 2, 4), got {self.periods}")
        if self.hidden_size % len(self.periods):
            raise ValueError(
                f"hidden_size must be a multiple of the number of periods, {len(self.periods)}, got {self.hidden_size}"
            )

    @property
    def output_size(self) -> int:
        """H: the output is h."""
        return self.hidden_size

    @property
    def state_size(self) -> int:
        """H + 1: the state is [h | t]."""
        return self.hidden_size + 1

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the names and shapes of the parameters: w_ih (H, F), w_hh (H, H), b_ih (H,), b_hh (H,)."""
        H, F = self.hidden_size, self.input_size
        return {"w_ih": (H, F), "w_hh": (H, H), "b_ih": (H,), "b_hh": (H,)}

    def initialize(self, params: Parameters, rng: np.random.Generator) -> None:
        """Initialize `params` in place by `init`."""
        self.init(self, params, rng)

    def _unit_periods(self) -> Array:
        return np.repeat(self.periods, self.hidden_size // len(self.periods))

    def _recurrent_weights(self, params: Weights) -> Array:
        return np.where(self._mask(), params["w_hh"], params["w_hh"].dtype.type(0))

    def _mask(self) -> Array:
        periods = self._unit_periods()
        return periods[:, None] <= periods

    def _runs(self, state: Array) -> Array:
        return state[..., -1:].real % self._unit_periods() == 0

    def step(self, params: Weights, state: Array, x: Array) -> tuple[Array, Residuals]:
        """Compute one step; the residuals are the values of tanh, of all units."""
        h, t = state[..., :-1], state[..., -1:]
        bias = params["b_ih"] + params["b_hh"]
        y = np.tanh(x @ params["w_ih"].T + h @ self._recurrent_weights(params).T + bias)
        return np.concatenate([np.where(self._runs(state), y, h), t + 1], axis=-1), y

    def step_vjp(
        self, params: Weights, state: Array, x: Array, residuals: Residuals, d_next: Array
    ) -> tuple[Array, Array, Array]:
        """Compute the vector-Jacobian product of one step; delta is zero for units that do not run, (..., H)."""
        d_h, d_t, runs = d_next[..., :-1], d_next[..., -1:], self._runs(state)
        delta = runs * d_h * (1 - residuals * residuals)
        d_state = np.concatenate([~runs * d_h + delta @ self._recurrent_weights(params), d_t], axis=-1)
        return d_state, delta @ params["w_ih"], delta

    def param_vjp(self, state: Array, x: Array, residuals: Residuals, delta: Array, grad: Parameters) -> None:
        """Add the gradient with respect to the parameters to `grad`."""
        grad["w_ih"] += outer_sum(delta, x)
        grad["w_hh"] += self._mask() * outer_sum(delta, state[..., :-1])
        bias = total(delta)
        grad["b_ih"] += bias
        grad["b_hh"] += bias
