"""One input for one reader: what it may do, and what is a fault."""

import os
import random
import resource
import signal
import sys
import time
import traceback
import tracemalloc
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fuzz_mutations import Mutation, changed

import rnnbp

FLOOR_SECONDS = 1.0  # of the processor, that a small file may take
FLOOR_BYTES = 2**21  # of memory that a small file may take
ADDRESS_SPACE = 2**29  # that all the inputs of a run may add to the process, whatever allocates it
ALONE = 200  # the memory of one input in so many is measured: that takes ten times as long


@dataclass(frozen=True)
class Reader:
    """Reader of files from outside.

    Parameters
    ----------
    name : str
    file : str
        Path of the mutated file within its folder.
    seeds : callable
        Returns whole files, made by the package's writers or by hand, given an empty folder.
    read : callable
        ``read(path)``, given the path of the mutated file.
    check : callable
        Raises unless what was read is valid: ``check(value)``.
    structures : sequence of mutations
        That know the format.
    multiple : int
        Bytes of memory that a byte of the file (plain, where it is compressed) may take.
    beside : callable, optional
        Writes the other files of the folder, given it.
    names : str, optional
        What a message must contain. Default: the file's name.
    needs : sequence of str
        Packages that must be installed.
    plain : callable
        Returns the size of what is in a file, unpacked.
    seconds : float, default 1
        Seconds that a megabyte may take.
    floor : int
        Bytes of memory that a small file may take.
    floor_seconds : float
        Seconds that a small file may take.
    """

    name: str
    file: str
    seeds: Callable[[Path], Sequence[bytes]]
    read: Callable[[Path], Any]
    check: Callable[[Any], None]
    structures: Sequence[Mutation] = ()
    multiple: int = 50
    beside: Callable[[Path], None] | None = None
    names: str | None = None
    needs: Sequence[str] = ()
    plain: Callable[[bytes], int] = len
    seconds: float = 1.0
    floor: int = FLOOR_BYTES
    floor_seconds: float = FLOOR_SECONDS


@dataclass
class Tally:
    """What became of the inputs of a reader."""

    reader: str
    inputs: int = 0
    loaded: int = 0
    refused: int = 0
    slowest: float = 0.0
    most: float = 0.0  # bytes of memory a byte, of files of 4 KB or more
    faults: list[tuple[str, str, bytes]] = field(default_factory=list)  # where it came from, what is wrong, the input


class Escape(BaseException):
    """Input did something that no reader may; no reader catches it."""


# ---- what a reader must not do ----------------------------------------------------------------

FORBIDDEN = (
    *("subprocess.", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.startfile", "os.fork", "pty.spawn"),
    *(
        "pickle.find_class",
        "socket.",
        "urllib.",
        "http.",
        "ftplib.",
        "smtplib.",
        "webbrowser.",
        "marshal.",
        "ctypes.dlopen",
    ),
)
ON_PATHS = ("os.", "shutil.", "tempfile.", "pathlib.", "glob.")
READABLE = tuple(
    os.path.realpath(place)
    for place in (
        sys.prefix,
        sys.base_prefix,
        *filter(None, sys.path),
        Path(rnnbp.__file__).parent.parent,
        "/proc/self",
        "/dev/urandom",
        "/usr/share/zoneinfo",
        "/dev/null",
    )
)
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Guard:
    """Audit hook that notes what goes beyond a folder; a hook cannot be removed, so that there is one."""

    installed: "Guard | None" = None

    def __init__(self) -> None:
        self.folder: str | None = None
        self.extra: tuple[str, ...] = ()
        self.seen: list[str] = []
        sys.addaudithook(self._hook)

    @classmethod
    def get(cls) -> "Guard":
        cls.installed = cls.installed or cls()
        return cls.installed

    @contextmanager
    def over(self, folder: Path) -> Iterator[list[str]]:
        self.seen = []
        self.folder = os.path.realpath(folder)
        try:
            yield self.seen
        finally:
            self.folder = None

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.folder is None:
            return
        folder, self.folder = self.folder, None  # what is done in here is not watched
        try:
            fault = self._fault(event, arguments, folder)
        finally:
            self.folder = folder
        if fault:
            self.seen.append(fault)
            raise Escape(fault)

    def _fault(self, event: str, arguments: tuple[Any, ...], folder: str) -> str | None:
        if event.startswith(FORBIDDEN) and not _importing():
            return f"{event}{arguments!r:.200}"
        if event == "open":
            path, _, flags = arguments
            writes = isinstance(flags, int) and flags & WRITING
            if (
                isinstance(path, int)
                or _within(path, (folder, *self.extra))
                or (not writes and _within(path, READABLE))
            ):
                return None
            return f"opens {path!r} to {'write' if writes else 'read'}"
        if event == "exec" and not _importing() and str(getattr(arguments[0], "co_filename", "")).startswith("<"):
            return f"runs code {arguments[0]!r:.200}"
        if event.startswith(ON_PATHS):
            paths = [one for one in arguments if isinstance(one, str | bytes | os.PathLike)]
            if any(not _within(path, (folder, *READABLE)) for path in paths if os.sep in os.fsdecode(path)):
                return f"{event}{arguments!r:.200}"
        return None


def _within(path: Any, folders: Sequence[str]) -> bool:
    try:
        real = os.path.realpath(os.fsdecode(path))
    except (ValueError, TypeError):  # a null byte: nothing is opened
        return True
    return any(real == folder or real.startswith(folder + os.sep) for folder in folders)


def _importing() -> bool:
    frame = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back  # type: ignore[assignment]
    return False


# ---- limits -----------------------------------------------------------------------------------


@contextmanager
def limits() -> Iterator[None]:
    """Limit the address space, and end what computes for many seconds."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    before = signal.signal(signal.SIGPROF, _too_long)
    resource.setrlimit(resource.RLIMIT_AS, (size + ADDRESS_SPACE, hard))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _too_long(*_: Any) -> None:
    raise Escape("computes for 10 seconds")


# ---- one input --------------------------------------------------------------------------------


def attempt(reader: Reader, data: bytes, path: Path, measure: bool = False) -> tuple[str, str, float, int]:
    """Read one input: 'loaded', 'refused' or 'fault', what is wrong, seconds, and bytes of memory (0: not measured)."""
    path.write_bytes(data)
    root = path.parents[len(Path(reader.file).parts) - 1]
    size = max(reader.plain(data), len(data))
    memory = 0
    kind, wrong = "loaded", ""
    value: Any = None
    if measure:
        tracemalloc.start()
    signal.setitimer(signal.ITIMER_PROF, 10)
    began = time.process_time()
    ignored: list[str] = []
    sys.unraisablehook = lambda found: ignored.append(f"{found.exc_value!r} in {found.object!r}")
    with Guard.get().over(root) as seen, warnings.catch_warnings(record=True) as given:
        warnings.simplefilter("always")
        try:
            value = reader.read(path)
        except (ValueError, OSError) as error:
            kind, wrong = "refused", _refusal(error, Path(reader.file).name if reader.names is None else reader.names)
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt | SystemExit):
                raise
            wrong = f"{type(error).__name__}: {str(error)[:300]}\n{_where(error)}"
    seconds = time.process_time() - began
    sys.unraisablehook = sys.__unraisablehook__
    signal.setitimer(signal.ITIMER_PROF, 0)
    if measure:
        memory = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    if seen:
        wrong = f"escapes: {seen[0]}"
    elif not wrong and ignored:
        wrong = f"raises where nothing catches it: {ignored[0]}"
    elif not wrong and (odd := [one for one in given if not issubclass(one.category, UserWarning)]):
        wrong = f"warns: {odd[0].category.__name__}: {odd[0].message} at {odd[0].filename}:{odd[0].lineno}"
    elif not wrong and (odd := [one for one in given if Path(reader.file).name.split(".")[0] not in str(one.message)]):
        wrong = f"warns without the file's name: {str(odd[0].message)[:200]} at {odd[0].filename}:{odd[0].lineno}"
    elif not wrong and seconds > reader.floor_seconds + reader.seconds * size / 1e6 and not measure:
        wrong = f"takes {seconds:.2f} s for {size} bytes"
    elif not wrong and memory > reader.floor + reader.multiple * size:
        wrong = f"takes {memory} bytes for {size}"
    elif not wrong and kind == "loaded":
        try:
            reader.check(value)
        except Exception as error:
            wrong = f"is loaded and not valid: {type(error).__name__}: {str(error)[:300]}\n{_where(error)}"
    return ("fault" if wrong else kind), wrong, seconds, memory


def _refusal(error: BaseException, name: str) -> str:
    """Return what is wrong with an error of a documented type."""
    if isinstance(error, UnicodeError):
        return f"{type(error).__name__} is not explained: {error}\n{_where(error)}"
    if name not in str(error) and name not in str(getattr(error, "filename", "")):
        return f"the message does not name {name}: {type(error).__name__}: {str(error)[:300]}\n{_where(error)}"
    cause: BaseException | None = error
    for _ in range(20):
        if isinstance(cause, MemoryError):
            return f"more memory is asked for than there is: {error}\n{_where(cause)}"
        if isinstance(cause, AssertionError):
            return f"fails an assertion: {error}\n{_where(cause)}"
        cause = None if cause is None else cause.__cause__ or cause.__context__
    return ""


def _where(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)[-4:]
    return "\n".join(f"  {Path(f.filename).name}:{f.lineno} {f.name}: {f.line}" for f in frames)


def campaign(
    reader: Reader, folder: Path, inputs: int, seed: int = 0, stop: Callable[[Tally], bool] | None = None
) -> Tally:
    """Try mutated inputs, the same ones for the same seed, and tally what became of them.

    The whole seeds are tried before: they must load. `stop` is asked after every input.
    """
    tally = Tally(reader.name)
    seeds = written(reader, folder)
    path = folder / "case" / reader.file
    path.parent.mkdir(parents=True, exist_ok=True)
    if reader.beside is not None:
        reader.beside(folder / "case")
    for whole in seeds:  # imports what the reader imports, and shows that a seed is one
        path.write_bytes(whole)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            reader.check(reader.read(path))
    with limits():
        for number in range(inputs):
            rng = random.Random(f"{reader.name} {seed} {number}")
            data = changed(seeds, reader.structures, rng)
            kind, wrong, seconds, memory = attempt(reader, data, path, measure=number % ALONE == ALONE - 1)
            tally.inputs += 1
            tally.loaded += kind == "loaded"
            tally.refused += kind == "refused"
            if memory == 0:
                tally.slowest = max(tally.slowest, seconds)
            if memory and (size := max(reader.plain(data), len(data))) >= 4096:
                tally.most = max(tally.most, memory / size)
            if kind == "fault":
                tally.faults.append((f"{reader.name} {seed} {number}", wrong, data))
            if stop is not None and stop(tally):
                break
    return tally


def written(reader: Reader, folder: Path) -> list[bytes]:
    """Return the seeds of a reader."""
    place = folder / "seeds"
    place.mkdir(exist_ok=True)
    fsync, os.fsync = os.fsync, lambda file: None
    try:
        with warnings.catch_warnings(), rnnbp.kernels.using("numpy"):
            warnings.simplefilter("ignore")
            return list(reader.seeds(place))
    finally:
        os.fsync = fsync


def remove(folder: Path) -> None:
    with suppress(OSError):
        import shutil

        shutil.rmtree(folder)
