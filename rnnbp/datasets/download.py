"""Downloads that resume after an interruption and are verified before they get their final name."""

import hashlib
import os
import urllib.error
import urllib.parse
import urllib.request
from http.client import HTTPException
from pathlib import Path
from typing import Any

BLOCK = 2**20
TIMEOUT = 30  # seconds without a byte


def download(address: str, path: str | Path, *, sha256: str | None, most_bytes: int) -> Path:
    """Download a file.

    It is written to ``.part`` beside `path`, verified, and renamed. An interrupted download is resumed if the server
    still has the same file.

    Parameters
    ----------
    address : str
        A URL, https; or http on this machine. A server may not redirect it to anything else.
    path : str or Path
    sha256 : str or None
        Checksum of the complete file; None if unknown.
    most_bytes : int
        Greatest size that is accepted.

    Returns
    -------
    Path
        `path`; not downloaded again if it exists.

    Raises
    ------
    ValueError
        If it is larger than `most_bytes` or has another checksum, in which case it is deleted.
    OSError
        If the server cannot be reached or the transfer is interrupted; the partial file remains for the next attempt.
    """
    path = Path(path)
    if path.is_file():
        return path
    if not _is_safe(address):
        raise ValueError(f"address must begin with https://, got {address!r}")
    part = path.with_name(f"{path.name}.part")
    tag = path.with_name(f"{path.name}.part.tag")
    try:
        _transfer(address, part, tag, most_bytes)
        _verify(address, part, sha256)
    except ValueError:
        part.unlink(missing_ok=True)
        tag.unlink(missing_ok=True)
        raise
    part.replace(path)
    tag.unlink(missing_ok=True)
    return path


def _transfer(address: str, part: Path, tag: Path, most_bytes: int) -> None:
    """Append the missing bytes to a partial file."""
    have = part.stat().st_size if part.is_file() and tag.is_file() else 0
    request = urllib.request.Request(address, headers={"User-Agent": "rnnbp"})
    if have:
        # If-Range: the rest if the file still has this tag, else all of it.
        request.add_header("Range", f"bytes={have}-")
        request.add_header("If-Range", tag.read_text(encoding="utf-8"))
    try:
        with urllib.request.build_opener(_Redirects).open(request, timeout=TIMEOUT) as reply:
            resumed = reply.status == 206
            _store_validator(reply, tag)
            whole = (have if resumed else 0) + int(reply.headers.get("Content-Length") or -1)
            _check_size(address, whole, most_bytes)
            with part.open("ab" if resumed else "wb") as file:
                while block := reply.read(BLOCK):
                    file.write(block)
                    _check_size(address, file.tell(), most_bytes)
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
        raise OSError(f"{address} broke off {missing} bytes before its end: download again to resume")


def _is_safe(address: str) -> bool:
    """Return whether what comes from an address cannot be changed on its way: by https, or from this machine."""
    parts = urllib.parse.urlsplit(address)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in ("127.0.0.1", "::1", "localhost"))


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Handler that follows a redirection to https alone, or on this machine where the request is to it."""

    def redirect_request(self, request: Any, fp: Any, code: int, message: str, headers: Any, address: str) -> Any:
        is_https = urllib.parse.urlsplit(address).scheme == "https"
        if not is_https and not (_is_safe(address) and not request.full_url.startswith("https:")):
            raise OSError(f"{request.full_url} cannot be downloaded: it is redirected to {address}, which is not https")
        return super().redirect_request(request, fp, code, message, headers, address)


def _store_validator(reply: Any, tag: Path) -> None:
    """Store the validator (ETag or date) that identifies the server's file; without it no download is resumed."""
    strong = reply.headers.get("ETag", "")
    same = strong if strong.startswith('"') else reply.headers.get("Last-Modified", "")
    if same:
        tag.write_text(same, encoding="utf-8")
    else:
        tag.unlink(missing_ok=True)


def _check_size(address: str, size: int, most_bytes: int) -> None:
    if size > most_bytes:
        raise ValueError(f"{address} has {size} bytes or more, at most {most_bytes} are taken")


def _verify(address: str, part: Path, sha256: str | None) -> None:
    if sha256 is None:
        return
    with part.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        raise ValueError(f"{address} has changed: its SHA-256 is {found}, it should be {sha256}")
