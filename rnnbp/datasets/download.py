"""Downloads that go on where they stopped, and are there only when they are whole and checked."""

import hashlib
import os
import urllib.error
import urllib.request
from http.client import HTTPException
from pathlib import Path
from typing import Any

BLOCK = 2**20
TIMEOUT = 30  # seconds without a byte


def download(address: str, path: str | Path, *, sha256: str | None, most_bytes: int) -> Path:
    """A file from the network.

    It is written to ``.part`` beside `path`, from where it stopped if it is there from before and the server still has
    the same file, checked, and renamed.

    Parameters
    ----------
    address : str
        http or https.
    path : str or Path
    sha256 : str or None
        What the whole must have; None where there is nothing to go by.
    most_bytes : int
        More is refused.

    Returns
    -------
    Path
        `path`; not asked for again if it is there.

    Raises
    ------
    ValueError
        If it is larger than it may be or has another checksum; it is deleted then.
    OSError
        If it cannot be reached or breaks off; what came is kept for the next time.
    """
    path = Path(path)
    if path.is_file():
        return path
    if not address.startswith(("http://", "https://")):
        raise ValueError(f"address must begin with http:// or https://, got {address!r}")
    part = path.with_name(f"{path.name}.part")
    tag = path.with_name(f"{path.name}.part.tag")
    try:
        _transfer(address, part, tag, most_bytes)
        _check(address, part, sha256)
    except ValueError:
        part.unlink(missing_ok=True)
        tag.unlink(missing_ok=True)
        raise
    part.replace(path)
    tag.unlink(missing_ok=True)
    return path


def _transfer(address: str, part: Path, tag: Path, most_bytes: int) -> None:
    """Append what is missing of a file."""
    have = part.stat().st_size if part.is_file() and tag.is_file() else 0
    request = urllib.request.Request(address, headers={"User-Agent": "rnnbp"})
    if have:
        # If-Range: the rest if it is still the file whose tag this is, else all of it.
        request.add_header("Range", f"bytes={have}-")
        request.add_header("If-Range", tag.read_text(encoding="utf-8"))
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as reply:
            goes_on = reply.status == 206
            _remember(reply, tag)
            whole = (have if goes_on else 0) + int(reply.headers.get("Content-Length") or -1)
            _refuse(address, whole, most_bytes)
            with part.open("ab" if goes_on else "wb") as file:
                while block := reply.read(BLOCK):
                    file.write(block)
                    _refuse(address, file.tell(), most_bytes)
                file.flush()
                os.fsync(file.fileno())
                missing = whole - file.tell() if reply.headers.get("Content-Length") else 0
    except urllib.error.HTTPError as error:
        if error.code != 416:  # nothing is missing
            raise OSError(f"{address} cannot be downloaded: {error.code} {error.reason}") from error
        error.close()
        return
    except (urllib.error.URLError, HTTPException) as error:
        raise OSError(f"{address} cannot be downloaded: {getattr(error, 'reason', error)}") from error
    if missing > 0:
        raise OSError(f"{address} broke off {missing} bytes before its end: download again to go on from there")


def _remember(reply: Any, tag: Path) -> None:
    """What tells whether the server still has the same file; without it nothing is gone on with."""
    strong = reply.headers.get("ETag", "")
    same = strong if strong.startswith('"') else reply.headers.get("Last-Modified", "")
    if same:
        tag.write_text(same, encoding="utf-8")
    else:
        tag.unlink(missing_ok=True)


def _refuse(address: str, size: int, most_bytes: int) -> None:
    if size > most_bytes:
        raise ValueError(f"{address} has {size} bytes or more, at most {most_bytes} are taken")


def _check(address: str, part: Path, sha256: str | None) -> None:
    if sha256 is None:
        return
    with part.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        raise ValueError(f"{address} is not what it was: its SHA-256 is {found}, it should be {sha256}")
