"""UCI optical digits: images of handwritten digits, whole or row by row."""

import gzip

import numpy as np

from rnnbp.data import SequenceDataset
from rnnbp.datasets.bundled import bundled
from rnnbp.runtime import number, seed_int

Array = np.ndarray


def _pictures() -> tuple[Array, Array]:
    """Read the images, (1797, 8, 8) grey levels from 0 to 1, and the digits (1797,)."""
    with gzip.open(bundled("digits.csv.gz"), "rt") as file:
        table = np.loadtxt(file, delimiter=",")
    return table[:, :-1].reshape(-1, 8, 8) / 16, table[:, -1].astype(np.int64)


def _split(steps: int, test_fraction: float, seed: int) -> tuple[SequenceDataset, SequenceDataset]:
    seed_int("seed", seed)
    pictures, digits = _pictures()
    data = SequenceDataset(list(pictures.reshape(len(pictures), steps, -1)), digits, classes="0123456789")
    number("test_fraction", test_fraction, 0, 1)
    held_out = round(test_fraction * len(data))
    if not 0 < held_out < len(data):
        raise ValueError(f"test_fraction must leave both parts a picture of {len(data)}, got {test_fraction}")
    train, test = data.split(1 - test_fraction, seed=seed)
    return train, test


def load_digits(test_fraction: float = 0.2, seed: int = 0) -> tuple[SequenceDataset, SequenceDataset]:
    """Load handwritten digits as whole images, one step each, for a static network (`rnnbp.Flatten(1)` comes first).

    Parameters
    ----------
    test_fraction : float, default 0.2
        Fraction of the 1,797 images that is held out, stratified by digit.
    seed : int, default 0
        Seed of the split.

    Returns
    -------
    train, test : SequenceDataset
        One step of 64 features, grey levels from 0 (white) to 1, in row-major order; classes '0' to '9'.

    References
    ----------
    E. Alpaydin & C. Kaynak (1998), "Cascading classifiers", Kybernetika 34, 369-374. Data: UCI, doi:10.24432/C50P49,
    the test part, CC BY 4.0.

    Examples
    --------
    >>> train, test = load_digits()
    >>> train
    SequenceDataset: 1438 sequences of 1 step, 64 features; 10 classes
    """
    return _split(1, test_fraction, seed)


def load_digit_rows(test_fraction: float = 0.2, seed: int = 0) -> tuple[SequenceDataset, SequenceDataset]:
    """Load handwritten digits row by row from the top, the images as sequences, for a recurrent network.

    Parameters
    ----------
    test_fraction : float, default 0.2
    seed : int, default 0
        The same split as `load_digits` makes with the same seed.

    Returns
    -------
    train, test : SequenceDataset
        8 steps of 8 features; classes '0' to '9'.

    See Also
    --------
    load_digits : whole images, and the source.

    Examples
    --------
    >>> load_digit_rows()[1]
    SequenceDataset: 359 sequences of 8 steps, 8 features; 10 classes
    """
    return _split(8, test_fraction, seed)
