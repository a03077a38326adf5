"""Face detection: the 200 small images of scikit-image's LFW subset."""

import importlib.util
from pathlib import Path

import numpy as np

from rnnbp.data import SequenceDataset
from rnnbp.runtime import checked_path, read_npy

Array = np.ndarray
SIDE = 25  # pixels
EACH = 100  # images of each class, faces first


def load_faces(path: str | Path | None = None) -> SequenceDataset:
    """Load 100 images of faces and 100 others, 25 x 25, one step each, for a static network.

    The images do not come with the package. They are read from the installed scikit-image (the `faces` extra), which is
    not imported, or from a copy; nothing is downloaded.

    Parameters
    ----------
    path : str or Path, optional
        The file `lfw_subset.npy`. Default: the one in the installed scikit-image.

    Returns
    -------
    SequenceDataset
        200 sequences of one step, 625 features: grey levels from 0 (black) to 1, in row-major order; classes 'other'
        and 'face'. There is no official split: ``faces.split([0.2] * 5, seed=0)`` makes five splits, each half faces.

    Raises
    ------
    ImportError
        Without a path, if scikit-image is not installed.
    FileNotFoundError
        If there is no such file, or the installed scikit-image lacks it.
    ValueError
        If the file does not contain 200 images of 25 x 25 grey levels.

    References
    ----------
    G. B. Huang, M. Ramesh, T. Berg & E. Learned-Miller (2007), "Labeled Faces in the Wild: a database for studying face
    recognition in unconstrained environments", University of Massachusetts, Amherst, technical report 07-49;
    faces and pieces of background cut out of it: `skimage.data.lfw_subset`.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "lfw_subset.npy"
    >>> np.save(path, np.random.default_rng(0).random((200, 25, 25)))
    >>> load_faces(path)
    SequenceDataset: 200 sequences of 1 step, 625 features; 2 classes
    """
    path = _installed() if path is None else checked_path("path", path)
    pictures = _pictures(path)
    labels = np.repeat([1, 0], EACH)
    return SequenceDataset(list(pictures.reshape(2 * EACH, 1, -1)), labels, classes=("other", "face"))


def _installed() -> Path:
    """Return the path of the file in scikit-image, which is located without an import."""
    spec = importlib.util.find_spec("skimage")
    if spec is None or not spec.submodule_search_locations:
        raise ImportError(
            'this needs scikit-image, which is not installed: pip install "rnnbp[faces]", or give the path of a copy '
            "of its data/lfw_subset.npy"
        )
    path = Path(spec.submodule_search_locations[0]) / "data" / "lfw_subset.npy"
    if not path.is_file():
        raise FileNotFoundError(
            f"the installed scikit-image has no {path.name}, and nothing is downloaded here: call "
            "skimage.data.lfw_subset(), which downloads it through pooch, save what it returns with numpy.save, and "
            "give that file's path"
        )
    return path


def _pictures(path: Path) -> Array:
    """Read the images (200, 25, 25), without allocating more than the file contains."""
    pictures = read_npy(path)
    wanted = (2 * EACH, SIDE, SIDE)
    if pictures.shape != wanted or pictures.dtype.kind not in "fiu":
        found = f"{pictures.shape} of {pictures.dtype}"
        raise ValueError(f"{str(path)!r} must hold grey levels (N, height, width) = {wanted}, got {found}")
    if not (pictures.min() >= 0 and pictures.max() <= 1):  # NaN is neither
        raise ValueError(f"{str(path)!r} must hold grey levels from 0 to 1, got {pictures.min()} to {pictures.max()}")
    return pictures
