"""Cache on disk of the features of recordings."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rnnbp.runtime import read_npy, replacing

Array = np.ndarray


@dataclass(frozen=True)
class FeatureCache:
    """Cache of one .npy file a recording, keyed by the feature's repr and the recording's path, size and mtime.

    Parameters
    ----------
    folder : str or Path
        Created if it does not exist; it may be deleted at any time.
    feature : callable
        Its repr must include all settings that its result depends on, as that of a dataclass does.

    Raises
    ------
    ValueError
        If its repr is only an address, as that of a function.

    Examples
    --------
    >>> FeatureCache("features", lambda y: y)
    Traceback (most recent call last):
    ValueError: feature must have a repr that shows its settings, as a dataclass has, to be cached: got <function ...>
    """

    folder: str | Path
    feature: Any

    def __post_init__(self) -> None:
        if " at 0x" in repr(self.feature):
            raise ValueError(
                "feature must have a repr that shows its settings, as a dataclass has, to be cached: "
                f"got {self.feature!r}"
            )

    def place(self, recording: Path) -> Path:
        """Return the path of the cached features of a recording in its current state."""
        stat = recording.stat()
        key = f"{self.feature!r}\n{recording.resolve()}\n{stat.st_size}\n{stat.st_mtime_ns}"
        name = hashlib.sha256(key.encode()).hexdigest()
        return Path(self.folder) / name[:2] / f"{name[2:40]}.npy"

    def get(self, recording: Path, compute: Callable[[], Array]) -> Array:
        """Return the features of a recording, read from the cache if complete, else computed and cached.

        Examples
        --------
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "a.wav").write_bytes(b"sound")
        >>> cache = FeatureCache(folder / "features", "a feature")
        >>> first = cache.get(folder / "a.wav", lambda: np.ones((3, 2)))
        >>> cache.get(folder / "a.wav", lambda: 1 / 0).shape
        (3, 2)
        """
        place = self.place(recording)
        try:
            return read_npy(place)
        except (OSError, ValueError):
            pass
        found = np.asarray(compute())
        place.parent.mkdir(parents=True, exist_ok=True)
        with replacing(place) as beside, beside.open("wb") as file:
            np.save(file, found, allow_pickle=False)
        return found
