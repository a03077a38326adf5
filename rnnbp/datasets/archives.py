"""UCR and UEA archives: the datasets that installed packages bring."""

import importlib.util
from pathlib import Path

import numpy as np

from rnnbp.data import SequenceDataset
from rnnbp.datasets.ts import read_ts
from rnnbp.runtime import checked_path, choice, of_type, read_arrays, refuses_by_name

Pair = tuple[SequenceDataset, SequenceDataset]

PACKAGES = {  # name: the package that has it
    "ACSF1": "aeon",
    "ArrowHead": "aeon",
    "BasicMotions": "aeon",
    "CardanoSentiment": "aeon",
    "Covid3Month": "aeon",
    "GunPoint": "aeon",
    "ItalyPowerDemand": "aeon",
    "OSULeaf": "aeon",
    "PickupGestureWiimoteZ": "aeon",
    "Trace": "tslearn",
}
MOST_BYTES = 2**30  # of the arrays of a dataset
FOLDERS = {"aeon": "datasets/data/{name}", "tslearn": ".cached_datasets"}


@refuses_by_name
def load_archive(name: str, path: str | Path | None = None) -> Pair:
    """Load a dataset of the UCR or UEA archive, in its official split, from the installed package that has it.

    Nothing is downloaded, and the package (of the `suite` extra) is not imported: its files are read.

    Parameters
    ----------
    name : str
        Of aeon: 'ACSF1', 'ArrowHead', 'BasicMotions', 'GunPoint', 'ItalyPowerDemand', 'OSULeaf',
        'PickupGestureWiimoteZ'; 'CardanoSentiment' and 'Covid3Month', of which the target is a value. Of tslearn:
        'Trace'. With a path, any name.
    path : str or Path, optional
        A folder with the files NAME_TRAIN.ts and NAME_TEST.ts, as the archives distribute them.

    Returns
    -------
    train, test : SequenceDataset
        (T, F) a sequence, unchanged; many of the UCR archive have mean 0 and standard deviation 1, each.

    Raises
    ------
    ImportError
        Without a path, if the package is not installed.
    FileNotFoundError
        If the folder, or the installed version of the package, has no such file.
    ValueError
        If no package has a dataset of that name, or the file is not complete.

    References
    ----------
    H. A. Dau et al. (2019), "The UCR time series archive", IEEE/CAA J. Autom. Sinica 6, 1293-1305,
    doi:10.1109/JAS.2019.1911747; A. Bagnall et al. (2018), "The UEA multivariate time series classification archive",
    arXiv:1811.00075; C. W. Tan et al. (2021), "Time series extrinsic regression", Data Mining and Knowledge Discovery
    35, 1032-1060, doi:10.1007/s10618-021-00745-9.

    Examples
    --------
    >>> import tempfile
    >>> from rnnbp.datasets import write_ts
    >>> folder = Path(tempfile.mkdtemp())
    >>> for part in ("TRAIN", "TEST"):
    ...     write_ts(folder / f"Walks_{part}.ts", SequenceDataset([[[0.0], [1.0]], [[0.0], [2.0]]], targets=[0, 1]))
    >>> load_archive("Walks", folder)[1]
    SequenceDataset: 2 sequences of 2 steps, 1 feature; 2 classes
    """
    of_type("name", name, str)
    if path is not None:
        return _read_ts_pair(name, checked_path("path", path), f"path: {str(path)!r} has")
    package = PACKAGES[choice("name", name, PACKAGES)]
    folder = _installed(package) / FOLDERS[package].format(name=name)
    found = f"the installed {package} has"
    return _read_npz(name, folder, found) if package == "tslearn" else _read_ts_pair(name, folder, found)


def _installed(package: str) -> Path:
    """Return the folder of an installed package, which is located without an import."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ImportError(
            f'this needs {package}, which is not installed: pip install "rnnbp[suite]", or give the folder of a copy '
            "of the .ts files, by path= or --data"
        )
    return Path(spec.submodule_search_locations[0])


def _read_ts_pair(name: str, folder: Path, found: str) -> Pair:
    train, test = (read_ts(_existing(folder / f"{name}_{part}.ts", found)) for part in ("TRAIN", "TEST"))
    return train, test


def _read_npz(name: str, folder: Path, found: str) -> Pair:
    """Read tslearn's arrays X (N, T, F) and labels y (N,) of both parts."""
    arrays = read_arrays(_existing(folder / f"{name}.npz", found), MOST_BYTES)
    try:
        sequences, labels = ([arrays[f"{letter}_{part}"] for part in ("train", "test")] for letter in "Xy")
        classes = np.unique(labels[0])
        train, test = (
            SequenceDataset(list(x), np.searchsorted(classes, y), classes=list(map(str, classes)))
            for x, y in zip(sequences, labels, strict=True)
        )
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{name}.npz of tslearn is not as expected: {error}") from None
    return train, test


def _existing(path: Path, found: str) -> Path:
    if not path.is_file():
        raise FileNotFoundError(f"{found} no file {path.name}: {str(path)!r}")
    return path
