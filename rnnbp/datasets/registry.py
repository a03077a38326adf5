"""Registry of downloadable datasets: addresses, licences and checksums."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from rnnbp.datasets.download import download
from rnnbp.datasets.unpack import unpack
from rnnbp.runtime import checked_path, choice

GIB = 2**30


@dataclass(frozen=True)
class Remote:
    """Downloadable dataset.

    Parameters
    ----------
    address : str
        URL of its archive.
    sha256 : str or None
        Checksum of the archive; None if there is none, for the reason in `unchecked`.
    licence : str
    most_bytes : int
        Greatest size of the archive, and of its contents together.
    most_files : int
        Greatest number of files in it.
    unchecked : str, optional
        Why there is no checksum.
    """

    address: str
    sha256: str | None
    licence: str
    most_bytes: int
    most_files: int
    unchecked: str = ""


REGISTRY = {
    "spoken-digits": Remote(
        "https://github.com/Jakobovski/free-spoken-digit-dataset/archive/refs/tags/v1.0.10.zip",
        None,
        "CC BY-SA 4.0",
        GIB // 4,
        10_000,
        "GitHub generates this archive at each request and does not guarantee the same bytes",
    ),
    "speech-commands": Remote(
        "https://storage.googleapis.com/download.tensorflow.org/data/speech_commands_v0.02.tar.gz",
        "af14739ee7dc311471de98f5f9d2c9191b18aedfe957f4a6ff791c709868ff58",
        "CC BY 4.0",
        5 * GIB,
        120_000,
    ),
    "spoken-arabic-digits": Remote(
        "https://archive.ics.uci.edu/static/public/195/spoken+arabic+digit.zip",
        None,
        "CC BY 4.0",
        GIB // 4,
        100,
        "UCI publishes none, and repacks its archives",
    ),
    "nettalk": Remote(
        "https://archive.ics.uci.edu/static/public/150/connectionist+bench+nettalk+corpus.zip",
        None,
        "non-commercial research only, by the corpus's own header",
        GIB // 64,
        100,
        "UCI publishes none, and repacks its archives",
    ),
    "cmudict": Remote(
        "https://github.com/cmusphinx/cmudict/archive/refs/heads/master.zip",
        None,
        "BSD-2-Clause",
        GIB // 16,
        1000,
        "the dictionary is still corrected",
    ),
}


def data_folder() -> Path:
    """Return the folder of downloaded datasets: the environment variable RNNBP_DATA, else the user's cache folder.

    Examples
    --------
    >>> import os
    >>> from unittest import mock
    >>> with mock.patch.dict(os.environ, RNNBP_DATA="/data/speech"):
    ...     data_folder().as_posix()
    '/data/speech'
    """
    chosen = os.environ.get("RNNBP_DATA")
    if chosen:
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "rnnbp"


def offline() -> bool:
    """Return whether the environment variable RNNBP_OFFLINE forbids downloads: set, and not 0."""
    return os.environ.get("RNNBP_OFFLINE", "0") not in ("", "0")


def fetch(name: str) -> Path:
    """Return the folder of a dataset, which is downloaded and unpacked if missing.

    Parameters
    ----------
    name : str
        A name in `REGISTRY`.

    Raises
    ------
    ValueError
        If there is no dataset of that name, or the download does not match the registry.
    FileNotFoundError
        If it is missing and RNNBP_OFFLINE forbids its download.
    OSError
        If the server cannot be reached.

    Examples
    --------
    >>> fetch("spoken-digit")
    Traceback (most recent call last):
    ValueError: dataset must be one of ...; got 'spoken-digit'. Did you mean 'spoken-digits'?
    """
    remote = REGISTRY[choice("dataset", name, REGISTRY)]
    folder = data_folder() / name
    if folder.is_dir():
        return folder
    if offline():
        raise FileNotFoundError(
            f"{name} is not in {str(folder)!r}, and RNNBP_OFFLINE forbids to download it from {remote.address}: "
            "give the path of a copy, by path= or --data"
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    archive = folder.parent / remote.address.rpartition("/")[2]
    download(remote.address, archive, sha256=remote.sha256, most_bytes=remote.most_bytes)
    unpack(archive, folder, most_bytes=remote.most_bytes, most_files=remote.most_files)
    archive.unlink()
    return folder


def located(name: str, path: str | Path | None, marker: str) -> Path:
    """Return the folder of a dataset that contains `marker`, in the user's copy, else in the download of `fetch`.

    Parameters
    ----------
    name : str
        A name in `REGISTRY`.
    path : str or Path, optional
        The user's copy.
    marker : str
        Pattern of a file or folder that identifies the right folder; searched in `path` and up to two levels below.

    Raises
    ------
    FileNotFoundError
        If it is not found.
    """
    root = fetch(name) if path is None else checked_path("path", path)
    if not root.is_dir():
        raise FileNotFoundError(f"path: there is no folder {str(root)!r}")
    for depth in ("", "*/", "*/*/"):
        for found in sorted(root.glob(depth + marker)):
            return found.parent
    raise FileNotFoundError(f"path: {str(root)!r} is no copy of {name}: it has no {marker!r}")
