"""Pinball loss of quantiles of real-valued targets."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from rnnbp import metrics
from rnnbp.losses.shapes import Array, as_outputs
from rnnbp.losses.values import ValueLoss, same_shape
from rnnbp.runtime import as_array, number, refuses_by_name


class Quantile(ValueLoss):
    """Pinball loss: each output predicts a quantile of a target, so that the outputs are a band around the median.

    For the quantile of probability q and an error e = target - output::

        loss = max(q e, (q - 1) e),      d = -q where e > 0, 1 - q where e < 0, 0 where e = 0

    the mean over items, targets and quantiles. Targets have D values, (B, D) or (T, B, D), and outputs Q for each of
    them: K = D Q, those of the first target first. With D = 1 the last axis of the targets may be omitted. A NaN target
    has weight 0.

    Parameters
    ----------
    quantiles : sequence of float, default (0.1, 0.5, 0.9)
        Q probabilities between 0 and 1, ascending.

    Raises
    ------
    ValueError
        If `quantiles` are not ascending or not between 0 and 1. When called: if the shapes do not fit.

    References
    ----------
    R. Koenker & G. Bassett (1978), "Regression quantiles", Econometrica 46(1), 33-50, doi:10.2307/1913643

    See Also
    --------
    MixtureDensity : a whole distribution, which can be sampled from.

    Examples
    --------
    >>> loss = Quantile([0.1, 0.9])
    >>> value, d_outputs = loss(np.array([[0.0, 4.0]]), [1.0])
    >>> round(value, 12), d_outputs.round(12)
    (0.2, array([[-0.05,  0.05]]))
    >>> loss.outputs(values=3)
    6
    """

    name = "quantile"
    metric = "d2"

    def __init__(self, quantiles: Sequence[float] = (0.1, 0.5, 0.9)) -> None:
        if not isinstance(quantiles, Sequence | np.ndarray) or not len(quantiles):
            raise ValueError(f"quantiles must be probabilities between 0 and 1, such as (0.1, 0.9), got {quantiles!r}")
        self.quantiles = tuple(number(f"quantiles[{k}]", q, 0, 1, open_low=True) for k, q in enumerate(quantiles))
        if list(self.quantiles) != sorted(set(self.quantiles)) or self.quantiles[-1] == 1:
            raise ValueError(f"quantiles must be ascending, each once, and below 1, got {self.quantiles}")

    def outputs(self, values: int) -> int:
        return values * len(self.quantiles)

    def align(self, outputs: Array, targets: Array) -> Array:
        return same_shape(outputs, targets, self._values(outputs.shape[-1]))

    def _values(self, K: int) -> int:
        """Return D, the number of targets of K outputs."""
        values, rest = divmod(K, len(self.quantiles))
        if rest or not values:
            raise ValueError(
                f"outputs must be {len(self.quantiles)} for each target, one a quantile, got K = {K}: give the last "
                f"layer {self.outputs(1)} outputs for one target, {self.outputs(2)} for two"
            )
        return values

    def terms(self, outputs: Array, targets: Array, weights: Array) -> tuple[Array, Array]:
        dtype = outputs.real.dtype
        q = np.array(self.quantiles, dtype)
        error = targets.astype(dtype)[..., None] - outputs.reshape(*targets.shape, len(q))
        error = np.where(weights[..., None] > 0, error, 0)
        slope = np.where(error.real > 0, q, np.where(error.real < 0, q - 1, 0)) / dtype.type(len(q))
        return (slope * error).sum(axis=(1, 2)), -slope.reshape(outputs.shape)

    @refuses_by_name
    def bands(self, outputs: ArrayLike) -> Array:
        """Return the predicted quantiles, ascending.

        Outputs that cross are sorted, which never makes a quantile worse (Chernozhukov, Fernández-Val & Galichon 2010,
        doi:10.3982/ECTA7880).

        Parameters
        ----------
        outputs : array_like (..., K)

        Returns
        -------
        ndarray (..., D, Q)

        Examples
        --------
        >>> Quantile([0.1, 0.9]).bands([[0.5, 0.1, 3.0, 4.0]])
        array([[[0.1, 0.5],
                [3. , 4. ]]])
        """
        outputs = as_array("outputs", outputs)
        if not outputs.ndim:
            raise ValueError("outputs must have shape (..., K), got ()")
        D, Q = self._values(outputs.shape[-1]), len(self.quantiles)
        return np.sort(outputs.real.reshape(*outputs.shape[:-1], D, Q), axis=-1)

    def predict(self, outputs: ArrayLike) -> Array:
        """Return the medians (..., D) where 0.5 is one of the quantiles, else all `bands`, (..., D, Q).

        Examples
        --------
        >>> Quantile().predict([[0.1, 0.5, 0.9]]), Quantile([0.2, 0.8]).predict([[0.1, 0.9]])
        (array([[0.5]]), array([[[0.1, 0.9]]]))
        """
        bands = self.bands(as_outputs(outputs))
        return bands[..., self.quantiles.index(0.5)] if 0.5 in self.quantiles else bands

    def score(
        self,
        outputs: ArrayLike,
        targets: ArrayLike,
        lengths: ArrayLike | None = None,
        weights: ArrayLike | None = None,
    ) -> float:
        """Return D2, the fraction of the pinball loss of constant quantiles that the predictions avoid.

        Examples
        --------
        >>> round(Quantile([0.5]).score([[1.0], [2.0], [3.0]], [[1.0], [2.0], [4.0]]), 4)
        0.6667
        """
        outputs = as_outputs(outputs)
        truth, ends = self.align(outputs, as_array("targets", targets)), lengths if outputs.ndim == 3 else None
        return metrics.d2_pinball(truth, self.bands(outputs), self.quantiles, ends, weights=weights)
