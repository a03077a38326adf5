"""Yearly sunspot numbers, for forecasting."""

import numpy as np
import pandas as pd

from rnnbp.data import SequenceDataset
from rnnbp.datasets.bundled import bundled
from rnnbp.runtime import positive_int


def sunspot_numbers() -> pd.Series:
    """Return the yearly mean sunspot number, 1700 to 2008.

    Examples
    --------
    >>> sunspot_numbers().loc[1957]
    np.float64(190.2)
    """
    table = pd.read_csv(bundled("sunspots.csv"), index_col="YEAR")
    return table["SUNACTIVITY"].astype(np.float64)


def load_sunspots(split_year: int = 1921) -> tuple[SequenceDataset, SequenceDataset]:
    """Load the sunspot series; targets are next year's numbers.

    Each split is one sequence with one feature; the target at each step is the next year's value. Values are divided by
    the largest of the training years (154.4 by default), for a range of about 0 to 1; `sunspot_numbers` returns them
    unscaled.

    Parameters
    ----------
    split_year : int, default 1921
        The first year that is forecast in the test split; training stops before it, as is customary for this series
        (Weigend, Huberman & Rumelhart 1990).

    Returns
    -------
    train, test : SequenceDataset
        With one value a step as targets.

    Raises
    ------
    ValueError
        If `split_year` leaves a split without a step.

    References
    ----------
    National Geophysical Data Center, public domain. A. Weigend, B. Huberman & D. Rumelhart (1990), "Predicting the
    future: a connectionist approach", Int. J. Neural Systems 1, 193-209.

    Examples
    --------
    >>> train, test = load_sunspots()
    >>> train.lengths, test.lengths
    (array([220]), array([88]))
    """
    numbers = sunspot_numbers()
    positive_int("split_year", split_year)
    if not numbers.index[1] < split_year <= numbers.index[-1]:
        raise ValueError(f"split_year must be from {numbers.index[1] + 1} to {numbers.index[-1]}, got {split_year}")
    past = numbers[numbers.index < split_year].to_numpy()
    future = numbers[numbers.index >= split_year - 1].to_numpy()
    largest = past.max()
    parts = [SequenceDataset([a[:-1, None] / largest], [a[1:, None] / largest]) for a in (past, future)]
    return parts[0], parts[1]
