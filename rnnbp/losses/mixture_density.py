"""Negative log-density of real-valued targets under a mixture of Gaussians, whose parameters are the outputs."""

from math import prod
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from rnnbp.losses.shapes import Array, as_outputs
from rnnbp.losses.values import ValueLoss, same_shape
from rnnbp.runtime import as_array, generator, number, positive_int, refuses_by_name

HALF_LOG_TWO_PI = 0.5 * np.log(2 * np.pi)


class Mixture(NamedTuple):
    """Mixture of M Gaussians for each item.

    Attributes
    ----------
    log_weights : ndarray (..., M)
        Logarithms of the mixing coefficients, which add up to 1.
    means, scales : ndarray (..., M, D)
        Mean and standard deviation of each component in each of the D dimensions, which are independent within one.
    """

    log_weights: Array
    means: Array
    scales: Array


class MixtureDensity(ValueLoss):
    """Mixture density: the negative log-density of the targets under a mixture of Gaussians that the outputs define.

    Where a target has several likely values, the squared error predicts their mean, which may be none of them; a
    mixture has a component for each. For M components and targets of D values the K = M (2 D + 1) outputs are logits a
    (M), means (M, D) and log scales s (M, D), in this order::

        p(y) = sum_m pi_m prod_d N(y_d; mean_md, sigma_md),     pi = softmax(a),     sigma = min_scale + exp(s)

    The loss is -log p, the mean over items and over D, in nats. A NaN target value is left out: the density is that of
    the other ones. With D = 1 the last axis of the targets may be omitted.

    Parameters
    ----------
    components : int, default 3
        M.
    min_scale : float, default 1e-3
        Lower bound of the scales, in the unit of the targets: without one the density of a component that shrinks onto
        a single target grows without limit.

    Raises
    ------
    ValueError
        If an argument is out of range. When called: if the shapes do not fit.

    References
    ----------
    C. M. Bishop (1994), "Mixture density networks", technical report NCRG/94/004, Aston University. (There the scale of
    a component is one for all dimensions.)

    Examples
    --------
    >>> loss = MixtureDensity(components=1, min_scale=0)
    >>> outputs = np.array([[0.0, 2.0, 0.0]])  # a logit, a mean of 2, the logarithm of a scale of 1
    >>> value, d_outputs = loss(outputs, [2.0])
    >>> round(value, 6), abs(d_outputs)
    (0.918939, array([[0., 0., 1.]]))
    >>> loss.predict(outputs), loss.density(outputs, [2.0]).round(6)
    (array([[2.]]), array([0.398942]))
    """

    name = "mixture_density"

    def __init__(self, components: int = 3, min_scale: float = 1e-3) -> None:
        self.components = positive_int("components", components)
        self.min_scale = number("min_scale", min_scale, 0)

    def outputs(self, values: int) -> int:
        return self.components * (2 * values + 1)

    def align(self, outputs: Array, targets: Array) -> Array:
        return same_shape(outputs, targets, self._values(outputs.shape[-1]))

    def _values(self, K: int) -> int:
        """Return D, the number of target values of K outputs."""
        values, rest = divmod(K - self.components, 2 * self.components)
        if rest or values < 1:
            raise ValueError(
                f"outputs must be {self.components} (2 D + 1), of {self.components} components and D target values, "
                f"got K = {K}: give the last layer {self.outputs(1)} outputs for D = 1, {self.outputs(2)} for D = 2"
            )
        return values

    @refuses_by_name
    def mixture(self, outputs: ArrayLike) -> Mixture:
        """Return the mixtures that outputs (..., K) define.

        Examples
        --------
        >>> mixture = MixtureDensity(2, min_scale=0).mixture([0.0, 0.0, -1.0, 1.0, 0.0, 0.0])
        >>> np.exp(mixture.log_weights), mixture.means.ravel(), mixture.scales.ravel()
        (array([0.5, 0.5]), array([-1.,  1.]), array([1., 1.]))
        """
        logits, means, log_scales = self._parts(_with_axes("outputs", outputs))
        return Mixture(_log_softmax(logits), means, np.exp(log_scales) + means.real.dtype.type(self.min_scale))

    def _parts(self, outputs: Array) -> tuple[Array, Array, Array]:
        """Return logits (..., M), means and log scales (..., M, D) of outputs (..., K)."""
        M, shape = self.components, (*outputs.shape[:-1], self.components, self._values(outputs.shape[-1]))
        ends = M, M + shape[-2] * shape[-1]
        logits, means, log_scales = np.split(outputs, ends, axis=-1)
        return logits, means.reshape(shape), log_scales.reshape(shape)

    def terms(self, outputs: Array, targets: Array, weights: Array) -> tuple[Array, Array]:
        logits, *of_values = self._parts(outputs)
        known, y = (weights > 0)[:, None, :], np.where(weights > 0, targets, 0).astype(outputs.real.dtype)
        means, log_scales = (np.where(known, part, 0) for part in of_values)
        log_weights, spreads = _log_softmax(logits), np.exp(log_scales)
        scales = spreads + outputs.real.dtype.type(self.min_scale)
        z = (y[:, None, :] - means) / scales
        joint = log_weights + np.where(known, _log_normal(z, scales), 0).sum(axis=2)
        values = _log_sum(joint)
        posterior = np.exp(joint - values[:, None])
        share = np.where(known, posterior[:, :, None], 0)
        d_log_scales = share * (1 - z * z) * spreads / scales
        parts = np.exp(log_weights) - posterior, -share * z / scales, d_log_scales
        return -values, np.concatenate([part.reshape(len(part), prod(part.shape[1:])) for part in parts], axis=1)

    @refuses_by_name
    def density(self, outputs: ArrayLike, values: ArrayLike) -> Array:
        """Return the density of values.

        Parameters
        ----------
        outputs : array_like (..., K)
        values : array_like (..., D)
            The leading axes are broadcast against those of the outputs. With D = 1 the last axis may be omitted if
            there is one value for each item.

        Returns
        -------
        ndarray (...)

        Examples
        --------
        >>> MixtureDensity(1, min_scale=0).density([0.0, 2.0, 0.0], [[1.0], [2.0]]).round(4)
        array([0.242 , 0.3989])
        """
        outputs, y = _with_axes("outputs", outputs), _with_axes("values", values)
        mixture = self.mixture(outputs)
        if mixture.means.shape[-1] == 1 and y.shape == outputs.shape[:-1]:
            y = y[..., None]
        z = (y[..., None, :] - mixture.means) / mixture.scales
        return np.exp(_log_sum(mixture.log_weights + _log_normal(z, mixture.scales).sum(axis=-1)))

    def predict(self, outputs: ArrayLike) -> Array:
        """Return the means of the mixtures, (..., D).

        Examples
        --------
        >>> MixtureDensity(2).predict([[0.0, 0.0, -1.0, 3.0, 0.0, 0.0]])
        array([[1.]])
        """
        mixture = self.mixture(as_outputs(outputs))
        return (np.exp(mixture.log_weights)[..., None] * mixture.means).sum(axis=-2)

    def sample(self, outputs: ArrayLike, rng: np.random.Generator) -> Array:
        """Return a random value of the mixture of each item, (..., D).

        Examples
        --------
        >>> outputs = np.tile([0.0, 0.0, -1.0, 3.0, -9.0, -9.0], (1000, 1))
        >>> found = MixtureDensity(2).sample(outputs, np.random.default_rng(0))
        >>> found.shape, np.unique(found.round(1))
        ((1000, 1), array([-1.,  3.]))
        """
        mixture, rng = self.mixture(outputs), generator("rng", rng)
        gumbel = rng.gumbel(size=mixture.log_weights.shape)  # whose largest sum with log weights is a sample of them
        chosen = (mixture.log_weights + gumbel).argmax(axis=-1)[..., None, None]
        mean, scale = (np.take_along_axis(a, chosen, axis=-2)[..., 0, :] for a in (mixture.means, mixture.scales))
        return (mean + scale * rng.standard_normal(mean.shape)).astype(mean.dtype)


def _log_normal(z: Array, scales: Array) -> Array:
    """Return the log-densities of normal distributions at standardized values z."""
    return -0.5 * z * z - np.log(scales) - z.real.dtype.type(HALF_LOG_TWO_PI)


def _log_sum(terms: Array) -> Array:
    """Return log(sum(exp(terms))) over the last axis, of real or complex numbers."""
    top = terms.real.max(axis=-1, keepdims=True)
    top = np.where(np.isfinite(top), top, 0)
    return (top + np.log(np.exp(terms - top).sum(axis=-1, keepdims=True)))[..., 0]


def _with_axes(name: str, given: ArrayLike) -> Array:
    array = as_array(name, given)
    if array.ndim < 1 or array.dtype.kind not in "fcui" or not array.size:
        raise ValueError(f"{name} must be numbers with one axis or more, got {array.dtype} of {array.shape}")
    return array


def _log_softmax(logits: Array) -> Array:
    return logits - _log_sum(logits)[..., None]
