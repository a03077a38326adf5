"""Safe extraction of archives: nothing outside the folder, and limits on sizes and numbers of files."""

import errno
import gzip
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from pathlib import Path, PurePosixPath
from typing import IO, TypeVar

from rnnbp.runtime import leads_out, temporary

BLOCK = 2**20
DEEPEST = 32  # parts of a path

# Exceptions of zipfile, tarfile and the decompressors for damaged archives and clashing names.
DAMAGED = (
    *(zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, zlib.error, lzma.LZMAError, struct.error),
    *(EOFError, FileExistsError, NotADirectoryError, IsADirectoryError),
    *(ArithmeticError, LookupError, RuntimeError, TypeError, UnicodeError),
)
# Numbers of the system's errors that an archive causes by its offsets and names; None: not the system's, but bz2's.
OF_THE_ARCHIVE = (errno.EINVAL, errno.ENAMETOOLONG, errno.EILSEQ)
Member = tuple[str, int, IO[bytes]]
Entry = TypeVar("Entry")


def unpack(archive: str | Path, folder: str | Path, *, most_bytes: int, most_files: int) -> Path:
    """Unpack a .zip, a .tar or a .tar.gz atomically.

    Parameters
    ----------
    archive : str or Path
    folder : str or Path
        Must not exist; the archive is unpacked beside it and renamed.
    most_bytes : int
        Greatest total size of the files, counted as they are written.
    most_files : int
        Greatest number of files and folders.

    Returns
    -------
    Path
        `folder`.

    Raises
    ------
    ValueError
        If it is not such an archive, is damaged, exceeds a limit, or contains a path outside the folder or anything but
        files and folders; the message begins with its name.
    OSError
        If it cannot be read, or the folder cannot be written.
    """
    archive, folder = Path(archive), Path(folder)
    with temporary(folder, Path.mkdir) as beside:
        try:
            with closing(_members(archive, most_files)) as members:
                _write(archive, members, beside, most_bytes)
        except DAMAGED as error:
            raise ValueError(f"{str(archive)!r} cannot be unpacked: {error}") from error
        except OSError as error:
            if error.errno in (None, *OF_THE_ARCHIVE):
                raise ValueError(f"{str(archive)!r} cannot be unpacked: {error}") from error
            raise
        beside.rename(folder)
    return folder


def _write(archive: Path, members: Iterator[Member], folder: Path, most_bytes: int) -> None:
    left = most_bytes
    for name, size, file in members:
        with file:
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
    """Return the target path of a member and create its parent; raise if it is not within `folder`."""
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if not parts or leads_out(name) or ":" in name:
        raise ValueError(f"{str(archive)!r} holds {name!r}, which leads out of the folder")
    if len(parts) > DEEPEST:
        raise ValueError(f"{str(archive)!r} holds a file in {len(parts) - 1} folders, at most {DEEPEST - 1} are taken")
    place = folder.joinpath(*parts)
    place.parent.mkdir(parents=True, exist_ok=True)
    return place


def _members(archive: Path, most_files: int) -> Generator[Member, None, None]:
    """Iterate over the files of an archive: name, size and contents."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as opened:
            for info in _counted(archive, opened.infolist(), most_files):
                link = (info.external_attr >> 16) & 0o170000 == 0o120000
                if link or info.flag_bits & 1:
                    raise ValueError(f"{str(archive)!r} holds {info.filename!r}, which is a link or encrypted")
                if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                    # zipfile unpacks a block of the others whole, whatever it unpacks to.
                    raise ValueError(f"{str(archive)!r} holds {info.filename!r}, which is compressed in another way")
                if not info.is_dir():
                    yield info.filename, info.file_size, opened.open(info)
        return
    with tarfile.open(archive) as tar:
        for member in _counted(archive, tar, most_files):
            if not (member.isfile() or member.isdir()):
                raise ValueError(f"{str(archive)!r} holds {member.name!r}, which is neither a file nor a folder")
            contents = tar.extractfile(member) if member.isfile() else None
            if contents is not None:
                yield member.name, member.size, contents
        if tar.fileobj is not None:
            tar.fileobj.read(BLOCK)  # to the end, where gzip has its checksum


def _counted(archive: Path, entries: Iterable[Entry], most: int) -> Iterator[Entry]:
    for count, entry in enumerate(entries, 1):
        if count > most:
            raise ValueError(f"{str(archive)!r} holds more than {most} files")
        yield entry
