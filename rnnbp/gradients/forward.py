"""Forward-mode differentiation: Jacobian-vector products, and the forward gradient."""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from rnnbp.core import Parameters
from rnnbp.data import SequenceBatch, whole_generator
from rnnbp.gradients.base import Cost, Gradient, GradientAlgorithm, check_targets, map_state, whole_loss
from rnnbp.gradients.seeding import generator_of
from rnnbp.layers import Run
from rnnbp.layers.base import Array, State
from rnnbp.losses import Loss, check_loss
from rnnbp.models import Sequential
from rnnbp.runtime import positive_int, refuses_by_name, seed_or_generator

STEP = 1e-30  # of the complex step, relative to the largest entry of a direction: its square vanishes beside 1


@dataclass(frozen=True)
class Tangent:
    """Loss and outputs with their derivatives along a direction of parameter space.

    Attributes
    ----------
    loss, slope : float
        The batch's mean loss L and its derivative along the direction, gradient times direction.
    outputs, d_outputs : ndarray (T, B, K) or (B, K)
        The outputs and their derivative along the direction, Jacobian times direction.
    state : list
        Each layer's state at the end.
    """

    loss: float
    slope: float
    outputs: Array
    d_outputs: Array
    state: list[State]


@refuses_by_name
def jvp(
    model: Sequential,
    batch: SequenceBatch,
    loss: Loss,
    direction: Array,
    state: Sequence[State] | None = None,
    rng: np.random.Generator | None = None,
) -> Tangent:
    """Compute a Jacobian-vector product by the complex step, exact to rounding: ``f(p + ihv).imag / h``, h tiny.

    It is one forward pass in complex128, whatever the model's dtype, and stores no residuals for a backward pass.

    Parameters
    ----------
    model : Sequential
    batch : SequenceBatch
        With targets.
    loss : Loss
    direction : ndarray (P,)
        v, of any norm.
    state : list, one per layer, optional
        The initial states.
    rng : numpy.random.Generator, optional
        The generator of dropout and noise. Default: no dropout and no noise.

    Returns
    -------
    Tangent
        `.slope` is the derivative of the loss along v, `.d_outputs` that of the outputs.

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
    check_loss(loss)
    check_targets(batch)
    model.cast(batch.x)
    params, step = with_imaginary_step(model.params, direction)
    exact = batch.astype(np.float64)
    outputs, _, after = model.unroll(params, exact.x, Run.of(batch, rng), state)
    value, _ = whole_loss(model, loss, outputs, batch)
    return Tangent(
        float(value.real), float(value.imag) / step, outputs.real, outputs.imag / step, map_state(np.real, after)
    )


def with_imaginary_step(params: Parameters, direction: Array) -> tuple[Parameters, float]:
    """Return the parameters with a tiny imaginary step along a direction, and the size of the step.

    Raises
    ------
    ValueError
        If `direction` is not real and finite of shape (P,), or the parameters are complex already.

    Examples
    --------
    >>> p, h = with_imaginary_step(Parameters({"w": (2,)}), np.array([0.0, 2.0]))
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
    made.vector += 1j * (step * params.trainable(direction))
    return made, step


@dataclass(frozen=True)
class ForwardGradient(GradientAlgorithm):
    """Compute an unbiased estimate of the gradient of the mean loss by forward mode: g = (dL/dv) v, v random.

    With v from a standard normal distribution, E[v v'] = 1, so that E[g] = E[v v'] dL/dp = dL/dp. One direction's g has
    a mean squared error of ``(P + 1) |dL/dp|^2``; the mean over directions divides it by their number. Every model
    can be used, non-causal ones included. All directions use the same dropout masks.

    Parameters
    ----------
    directions : int, default 1
        Number of directions averaged over; each costs one forward pass in complex numbers.
    seed : int or numpy.random.Generator, default 0
        Seed of the directions. Without `rng`, `gradients` draws the same ones at every call; with `rng` (which a
        Trainer passes) they depend on both, and each call draws new ones.

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
        generator = generator_of(self.seed, rng)
        vector = np.zeros(model.params.size)
        for k in range(self.directions):
            v = whole_generator(generator).standard_normal(model.params.size)
            last = k == self.directions - 1
            tangent = jvp(model, batch, loss, v, state, rng if last else copy.deepcopy(rng))
            vector += tangent.slope * v / self.directions
        cost = Cost(int(batch.lengths.sum()) * self.directions, 0)
        outputs, dtype = tangent.outputs.astype(model.dtype), model.dtype
        vector = model.params.trainable(vector.astype(dtype))
        yield Gradient(tangent.loss, vector, outputs, tangent.state, cost, (0, batch.steps))
