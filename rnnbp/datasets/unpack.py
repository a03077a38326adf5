"""Archives unpacked with nothing outside the folder, and no more than so much in it."""

import gzip
import shutil
import tarfile
import uuid
import zipfile
import zlib
from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path, PurePosixPath
from typing import IO

BLOCK = 2**20
DAMAGED = (
    *(zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, zlib.error),
    *(EOFError, FileExistsError, NotImplementedError),
)
Member = tuple[str, int, IO[bytes]]


def unpack(archive: str | Path, folder: str | Path, *, most_bytes: int, most_files: int) -> Path:
    """Unpack a .zip, a .tar or a .tar.gz, whole or not at all.

    Parameters
    ----------
    archive : str or Path
    folder : str or Path
        Must not be there; it is made beside and renamed.
    most_bytes : int
        The most that all files may have together, counted as they are written.
    most_files : int

    Returns
    -------
    Path
        `folder`.

    Raises
    ------
    ValueError
        If it is no such archive, is damaged, holds more than it may, a name that leads out of the folder, or anything
        but files and folders; the message begins with its name.
    """
    archive, folder = Path(archive), Path(folder)
    beside = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}")
    beside.mkdir()
    try:
        with closing(_members(archive)) as members:
            _write(archive, members, beside, most_bytes, most_files)
        beside.rename(folder)
    except DAMAGED as error:
        raise ValueError(f"{str(archive)!r} cannot be unpacked: {error}") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return folder


def _write(archive: Path, members: Iterator[Member], folder: Path, most_bytes: int, most_files: int) -> None:
    left = most_bytes
    for count, (name, size, file) in enumerate(members, 1):
        with file:
            if count > most_files:
                raise ValueError(f"{str(archive)!r} holds more than {most_files} files")
            place = _inside(archive, folder, name)
            with place.open("xb") as out:
                while block := file.read(BLOCK):
                    left -= len(block)
                    if left < 0:
                        raise ValueError(f"{str(archive)!r} holds more than {most_bytes} bytes")
                    out.write(block)
        if place.stat().st_size != size:
            raise ValueError(f"{str(archive)!r} is damaged: {name!r} has {place.stat().st_size} bytes, not {size}")


def _inside(archive: Path, folder: Path, name: str) -> Path:
    """Where a member goes, its folder made; refused where that is not within `folder`."""
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if not parts or ".." in parts or name.startswith(("/", "\\")) or ":" in name:
        raise ValueError(f"{str(archive)!r} holds {name!r}, which leads out of the folder")
    place = folder.joinpath(*parts)
    place.parent.mkdir(parents=True, exist_ok=True)
    return place


def _members(archive: Path) -> Generator[Member, None, None]:
    """The files of an archive: name, size and contents."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as opened:
            for info in opened.infolist():
                link = (info.external_attr >> 16) & 0o170000 == 0o120000
                if link or info.flag_bits & 1:
                    raise ValueError(f"{str(archive)!r} holds {info.filename!r}, which is a link or encrypted")
                if not info.is_dir():
                    yield info.filename, info.file_size, opened.open(info)
        return
    with tarfile.open(archive) as tar:
        for member in tar:
            if not (member.isfile() or member.isdir()):
                raise ValueError(f"{str(archive)!r} holds {member.name!r}, which is neither a file nor a folder")
            contents = tar.extractfile(member) if member.isfile() else None
            if contents is not None:
                yield member.name, member.size, contents
        if tar.fileobj is not None:
            tar.fileobj.read(BLOCK)  # to the end, where gzip has its checksum
