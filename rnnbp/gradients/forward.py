"""Forward mode: the derivative along a direction, in one pass and without a way back."""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from rnnbp.core import Parameters
from rnnbp.data import SequenceBatch
from rnnbp.gradients.base import Cost, Gradient, check_targets, map_state
from rnnbp.gradients.seeding import generator_of
from rnnbp.layers import Run
from rnnbp.layers.base import Array, State
from rnnbp.losses import Loss
from rnnbp.models import Sequential
from rnnbp.runtime import positive_int, seed_or_generator

STEP = 1e-30  # of the largest entry of a direction: its square is nothing beside 1


@dataclass(frozen=True)
class Tangent:
    """Values at the parameters, and their derivatives along a direction.

    Attributes
    ----------
    loss, slope : float
        The batch's mean loss L and its derivative along the direction, the gradient times it.
    outputs, d_outputs : ndarray (T, B, K) or (B, K)
        The outputs and their derivative along the direction: the Jacobian times it.
    state : list
        Each layer's state at the end.
    """

    loss: float
    slope: float
    outputs: Array
    d_outputs: Array
    state: list[State]


def jvp(
    model: Sequential,
    batch: SequenceBatch,
    loss: Loss,
    direction: Array,
    state: Sequence[State] | None = None,
    rng: np.random.Generator | None = None,
) -> Tangent:
    """The Jacobian times a direction v of the parameters, exact to rounding: ``f(p + ihv).imag / h`` with a tiny h.

    One forward pass in complex numbers of float64, whatever the model's dtype; memory does not grow with what a way
    back would need.

    Parameters
    ----------
    model : Sequential
    batch : SequenceBatch
        With targets.
    loss : Loss
    direction : ndarray (P,)
        v, of any length.
    state : list, one a layer, optional
        The states to begin from.
    rng : numpy.random.Generator, optional
        Where dropout draws its masks. Default: nothing is dropped.

    Returns
    -------
    Tangent
        `.slope` is the loss's derivative along v, `.d_outputs` that of the outputs.

    Raises
    ------
    ValueError
        If `direction` is not real of shape (P,).

    References
    ----------
    W. Squire & G. Trapp (1998), "Using complex variables to estimate derivatives of real functions", SIAM Review
    40(1), 110-112, doi:10.1137/S003614459631241X

    Examples
    --------
    >>> import rnnbp
    >>> model = rnnbp.Sequential(rnnbp.Elman(2, 3), rnnbp.Last(), rnnbp.Dense(3, 2), dtype=np.float64)
    >>> batch = rnnbp.SequenceDataset([np.ones((5, 2))], targets=[1]).batch()
    >>> v = np.arange(29.0)
    >>> (g,) = rnnbp.BPTT().gradients(model, batch, rnnbp.CrossEntropy())
    >>> bool(np.isclose(jvp(model, batch, rnnbp.CrossEntropy(), v).slope, g.vector @ v, rtol=1e-12))
    True
    """
    targets = check_targets(batch)
    model.cast(batch.x)
    params, step = moved(model.params, direction)
    exact = batch.astype(np.float64)
    outputs, _, after = model.unroll(params, exact.x, Run(batch.lengths, rng), state)
    value, _ = loss(outputs, targets, batch.lengths)
    return Tangent(
        float(value.real), float(value.imag) / step, outputs.real, outputs.imag / step, map_state(np.real, after)
    )


def moved(params: Parameters, direction: Array) -> tuple[Parameters, float]:
    """The parameters with a tiny imaginary step along a direction, and how long the step is.

    Raises
    ------
    ValueError
        If `direction` is not real and finite of shape (P,), or the parameters are complex already.

    Examples
    --------
    >>> p, h = moved(Parameters({"w": (2,)}), np.array([0.0, 2.0]))
    >>> p.vector.imag / h
    array([0., 2.])
    """
    direction = np.asarray(direction)
    finite = np.isfinite(direction).all()
    if direction.shape != params.vector.shape or np.iscomplexobj(direction) or not finite:
        got = f"{direction.dtype} of shape {direction.shape}" + ("" if finite else ", not finite")
        raise ValueError(f"direction must be real and finite of shape (P,) = {params.vector.shape}, got {got}")
    if np.iscomplexobj(params.vector):
        raise ValueError("the complex step is taken from real parameters, and the model's are complex")
    step = STEP / (float(np.abs(direction).max(initial=0.0)) or 1.0)
    made = params.astype(np.complex128)
    made.vector += 1j * (step * params.masked(direction))
    return made, step


@dataclass(frozen=True)
class ForwardGradient:
    """g = (dL/dv) v for random directions v: unbiased, without a way back, and as noisy as there are parameters.

    With v from a standard normal distribution, E[v v'] = 1, so that E[g] = E[v v'] dL/dp = dL/dp. One direction's g has
    a mean squared error of (P + 1) |dL/dp|^2; the mean over directions divides it by their number. Takes every model,
    one that looks ahead included.

    Parameters
    ----------
    directions : int, default 1
        The mean over so many is yielded; each costs one forward pass in complex numbers.
    seed : int or numpy.random.Generator, default 0
        Of the directions. Without a generator `gradients` draws the same ones at every call; with one (which a Trainer
        gives) they depend on both, and each call draws new ones.

    Raises
    ------
    ValueError
        If `directions` is not a positive integer or `seed` not a natural number.

    References
    ----------
    A. G. Baydin, B. A. Pearlmutter, D. Syme, F. Wood & P. Torr (2022), "Gradients without backpropagation",
    arXiv:2202.08587, definition 1

    Examples
    --------
    >>> import rnnbp
    >>> model = rnnbp.Sequential(rnnbp.Elman(2, 3), rnnbp.Last(), rnnbp.Dense(3, 2))
    >>> batch = rnnbp.SequenceDataset([np.ones((5, 2))], targets=[1]).batch()
    >>> (exact,) = rnnbp.BPTT().gradients(model, batch, rnnbp.CrossEntropy())
    >>> (g,) = ForwardGradient(directions=3000).gradients(model, batch, rnnbp.CrossEntropy())
    >>> bool(np.linalg.norm(g.vector - exact.vector) < 0.2 * np.linalg.norm(exact.vector))
    True
    """

    directions: int = 1
    seed: int | np.random.Generator = 0

    random: ClassVar[bool] = True

    def __post_init__(self) -> None:
        positive_int("directions", self.directions)
        seed_or_generator("seed", self.seed)

    def gradients(
        self,
        model: Sequential,
        batch: SequenceBatch,
        loss: Loss,
        state: Sequence[State] | None = None,
        rng: np.random.Generator | None = None,
    ) -> Iterator[Gradient]:
        """One gradient a batch; all directions see the same dropout masks, drawn before them."""
        drawn = generator_of(self.seed, rng)
        vector = np.zeros(model.params.size)
        for k in range(self.directions):
            v = drawn.standard_normal(model.params.size)
            last = k == self.directions - 1
            tangent = jvp(model, batch, loss, v, state, rng if last else copy.deepcopy(rng))
            vector += tangent.slope * v / self.directions
        cost = Cost(int(batch.lengths.sum()) * self.directions, 0)
        outputs, dtype = tangent.outputs.astype(model.dtype), model.dtype
        vector = model.params.masked(vector.astype(dtype))
        yield Gradient(tangent.loss, vector, outputs, tangent.state, cost, (0, batch.steps))
