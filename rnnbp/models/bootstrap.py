"""Residuals sampled in blocks."""

from typing import Any

import numpy as np

from rnnbp.layers.base import Array


class BlockBootstrap:
    """Residuals sampled in blocks of consecutive ones, which keep what dependence in time there is within a block.

    Parameters
    ----------
    residuals : list of ndarray (T_i, K), or ndarray (N, K) or (N,)
    block : int
        Residuals of a block; it is shorter at the end of a sequence.
    rng : numpy.random.Generator

    Raises
    ------
    ValueError
        If residuals are not finite numbers of these shapes.

    References
    ----------
    H. R. Künsch (1989), "The jackknife and the bootstrap for general stationary observations", Annals of Statistics
    17(3), 1217-1241, doi:10.1214/aos/1176347265

    Examples
    --------
    >>> bootstrap = BlockBootstrap(np.arange(8.0), 4, np.random.default_rng(1))
    >>> np.concatenate([bootstrap.next(1) for _ in range(6)]).ravel()
    array([3., 4., 5., 6., 0., 1.])
    """

    def __init__(self, residuals: Any, block: int, rng: np.random.Generator) -> None:
        given = residuals if isinstance(residuals, list | tuple) and np.ndim(next(iter(residuals), 0)) else [residuals]
        parts = [np.asarray(part, np.float64) for part in given]
        parts = [part[:, None] if part.ndim == 1 else part for part in parts]
        width = parts[0].shape[1:]
        if any(part.ndim != 2 or part.shape[1:] != width or not np.isfinite(part).all() for part in parts):
            raise ValueError(
                f"residuals must be finite, (N, K) or a list of such, got shapes {[p.shape for p in parts[:5]]}"
            )
        self.residuals = np.concatenate(parts)
        if not len(self.residuals):
            raise ValueError("residuals must be at least one, got none")
        self.last = np.zeros(len(self.residuals), bool)  # of a sequence
        self.last[np.cumsum([len(part) for part in parts if len(part)]) - 1] = True
        self.block, self.rng = block, rng
        self.place, self.left = np.zeros(0, np.int64), np.zeros(0, np.int64)

    def next(self, rows: int) -> Array:
        """Return the next residual (R, K) of each of a number of paths, the same number at every call."""
        if len(self.place) != rows:
            self.place, self.left = np.zeros(rows, np.int64), np.zeros(rows, np.int64)
        fresh = (self.left == 0) | self.last[self.place]
        self.place = np.where(fresh, self.rng.integers(len(self.residuals), size=rows), self.place + 1)
        self.left = np.where(fresh, self.block, self.left) - 1
        return self.residuals[self.place]
