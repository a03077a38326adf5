"""Spectral radius of a matrix, and matrices scaled to one."""

import numpy as np

from rnnbp.runtime import refuses_by_name

Array = np.ndarray
DENSE = 100  # rows up to which all eigenvalues are computed


def spectral_radius(w: Array) -> float:
    """Return the greatest absolute eigenvalue of a square matrix.

    Of large matrices only the greatest are computed, to rounding, by the implicitly restarted Arnoldi method, of each
    strongly connected component by itself: a matrix without cycles, of which every eigenvalue is 0, has none.

    Examples
    --------
    >>> round(spectral_radius(np.array([[0.0, 2.0], [-2.0, 0.0]])), 12)
    2.0
    """
    if len(w) > DENSE:
        from scipy.sparse import csr_array  # slow to import
        from scipy.sparse.csgraph import connected_components
        from scipy.sparse.linalg import ArpackError, eigs

        components, component_of = connected_components(csr_array(w), connection="strong")
        if components > 1:
            members = np.split(np.argsort(component_of, kind="stable"), np.cumsum(np.bincount(component_of))[:-1])
            return max(spectral_radius(w[np.ix_(own, own)]) for own in members)
        sparse = csr_array(w) if np.count_nonzero(w) < w.size / 4 else w
        start = np.random.default_rng(0).standard_normal(len(w))  # so that the same matrix gives the same bits
        try:
            return float(abs(eigs(sparse, k=6, ncv=60, v0=start, return_eigenvectors=False)).max())
        except ArpackError:  # no convergence
            pass
    return float(abs(np.linalg.eigvals(w)).max())


@refuses_by_name
def scaled_to_radius(w: Array, radius: float) -> Array:
    """Return a square matrix times the factor that gives it a spectral radius.

    Parameters
    ----------
    w : ndarray (n, n)
    radius : float
        The spectral radius of what is returned.

    Raises
    ------
    ValueError
        If its spectral radius is 0, as of a sparse matrix without cycles, and `radius` is not.

    Examples
    --------
    >>> scaled_to_radius(np.diag([4.0, 1.0]), 0.8)
    array([[0.8, 0. ],
           [0. , 0.2]])
    """
    now = spectral_radius(w)
    if now < 1e-12 * np.abs(w).max(initial=0.0) or now == 0:
        if radius == 0:
            return np.zeros_like(w)
        raise ValueError(
            f"recurrent weights ({len(w)} units, {np.count_nonzero(w)} not zero) have a spectral radius of 0, which no "
            f"factor makes {radius:g}: give a greater density or more units"
        )
    return w * (radius / now)
