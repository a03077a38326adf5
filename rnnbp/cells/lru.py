"""Cell of the linear recurrent unit, and the initialization of its eigenvalues on a ring."""

import math
from dataclasses import dataclass, field

import numpy as np

from rnnbp.cells.declared.cell import DeclaredCell
from rnnbp.cells.declared.expressions import Expression
from rnnbp.cells.declared.functions import cos, exp, linear, sin
from rnnbp.core import Initializer, Parameters
from rnnbp.core.initializers import Gated
from rnnbp.runtime import number


@dataclass(frozen=True)
class Ring:
    """Initializer of linear recurrences: eigenvalues uniform on a ring of the complex plane, states of variance one.

    The area between the radii is filled uniformly, and `gamma` is log sqrt(1 - radius ** 2). Weights are normal, those
    of complex parts with variance 1 / (2 fan_in), others 1 / fan_in.

    Parameters
    ----------
    low, high : float, default 0 and 0.999
        The radii, from 0 to 0.9999.
    phase : float, default 2 pi
        The greatest angle, above 0 [radians]; small for long sequences. Without effect on real eigenvalues.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    Examples
    --------
    >>> cell = LRUCell(3, 100, init=Ring(0.9, 0.99))
    >>> params = Parameters(cell.shapes())
    >>> cell.initialize(params, np.random.default_rng(0))
    >>> radius = np.exp(-np.exp(params["nu"]))
    >>> bool(0.9 < radius.min() < radius.max() < 0.99)
    True
    """

    low: float = 0.0
    high: float = 0.999
    phase: float = 2 * math.pi

    def __post_init__(self) -> None:
        number("low", self.low, 0, 0.9999)
        number("high", self.high, self.low, 0.9999, open_low=True)
        number("phase", self.phase, 0, 2 * math.pi, open_low=True)

    def __call__(self, cell: Gated, params: Parameters, rng: np.random.Generator) -> None:
        size, tiny = cell.hidden_size, 1e-6
        for name, value in params.items():
            if name.startswith("w"):
                value[...] = rng.normal(0, 1 / math.sqrt(value.shape[1] * (2 if "theta" in params else 1)), value.shape)
        square = np.maximum(rng.uniform(self.low**2, self.high**2, size), tiny)  # of the radius
        params["nu"] = np.log(-0.5 * np.log(square))
        params["gamma"] = 0.5 * np.log1p(-square)
        if "theta" in params:
            params["theta"] = np.log(np.maximum(rng.uniform(0, self.phase, size), tiny))


class LRUCell(DeclaredCell):
    """Linear recurrent unit, a diagonal linear recurrence of complex numbers; the state is [y | Re s | Im s]::

        lambda = exp(-exp(nu) + i exp(theta))
        s[t] = lambda * s[t-1] + exp(gamma) * (B x[t])
        y[t] = Re(C s[t]) + D x[t]

    Its modulus exp(-exp(nu)) keeps each eigenvalue lambda inside the unit circle. In real numbers, with
    lambda = a + i b, the recurrence is::

        Re s[t] = a * Re s[t-1] - b * Im s[t-1] + exp(gamma) * (Re B x[t])
        Im s[t] = a * Im s[t-1] + b * Re s[t-1] + exp(gamma) * (Im B x[t])
        y[t] = Re C Re s[t] - Im C Im s[t] + D x[t]

    The output y has no effect on later steps. The paper puts a nonlinearity between layers of it, none within.

    Parameters
    ----------
    input_size : int
        F, the number of features.
    hidden_size : int
        H, the number of eigenvalues and of outputs; nu, theta and gamma are (H,).
    init : Initializer, default Ring()
        The initialization of the parameters.

    Raises
    ------
    ValueError
        If a size is not a positive integer.

    References
    ----------
    A. Orvieto, S. L. Smith, A. Gu, A. Fernando, C. Gulcehre, R. Pascanu & S. De (2023), "Resurrecting recurrent neural
    networks for long sequences", ICML, arXiv:2303.06349, section 3

    Examples
    --------
    Without input a state rotates by exp(theta) at each step, here by a right angle, and shrinks to one half:

    >>> cell = LRUCell(3, 1)
    >>> params = Parameters(cell.shapes(), dtype=np.float64)
    >>> params["nu"], params["theta"] = np.log(np.log(2)), np.log(np.pi / 2)
    >>> cell.step(params, np.array([0.0, 1.0, 0.0]), np.zeros(3))[0].round(12)
    array([0. , 0. , 0.5])
    """

    state, parameters = "y re im", "nu theta gamma"
    init: Initializer = field(default_factory=Ring, kw_only=True)

    @staticmethod
    def update(
        x: Expression, re: Expression, im: Expression, nu: Expression, theta: Expression, gamma: Expression
    ) -> tuple[Expression, ...]:
        radius, angle, scale = exp(-exp(nu)), exp(theta), exp(gamma)
        a, b = radius * cos(angle), radius * sin(angle)
        re_next = a * re - b * im + scale * linear("input_re", x)
        im_next = a * im + b * re + scale * linear("input_im", x)
        y = linear("output_re", re_next) - linear("output_im", im_next) + linear("skip", x)
        return y, re_next, im_next
