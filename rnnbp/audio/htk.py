"""HTK feature files: all parameter kinds, compressed ones included."""

import struct
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from rnnbp.runtime import Source, as_array, choice, number, opened, refuses_by_name, replacing

Array = np.ndarray
KINDS = (
    *("WAVEFORM", "LPC", "LPREFC", "LPCEPSTRA", "LPDELCEP", "IREFC"),
    *("MFCC", "FBANK", "MELSPEC", "USER", "DISCRETE", "PLP"),
)
SHORTS = ("WAVEFORM", "IREFC", "DISCRETE")  # kinds of 16-bit integers
QUALIFIERS = {letter: 0o100 << bit for bit, letter in enumerate("ENDACZK0VT")}
COMPRESSED, CHECKSUM = QUALIFIERS["C"], QUALIFIERS["K"]
UNIT = 1e-7  # unit of the header's period [s]
FULL = 32767.0


@dataclass(frozen=True)
class HTKFeatures:
    """Contents of an HTK feature file.

    Parameters
    ----------
    values : ndarray (T, F)
        float32; IREFC scaled to -1 to 1, WAVEFORM and DISCRETE unscaled integers.
    period : float
        Time from one frame to the next [s].
    kind : str
        Parameter kind with its qualifiers, such as 'MFCC_E_D_A_Z'.

    Examples
    --------
    >>> HTKFeatures(np.zeros((2, 3)), 0.01, "MFCC_0").kind
    'MFCC_0'
    """

    values: Array
    period: float
    kind: str


def kind_code(kind: str) -> int:
    """Return the header's code of a parameter kind.

    Raises
    ------
    ValueError
        If there is no such kind or qualifier.

    References
    ----------
    S. Young et al. (2006), "The HTK Book", version 3.4, section 5.10.1.

    Examples
    --------
    >>> kind_code("MFCC_E_D"), kind_name(kind_code("MFCC_D_E"))
    (326, 'MFCC_E_D')
    """
    base, *letters = str(kind).split("_")
    code = KINDS.index(choice("kind", base, KINDS))
    for letter in letters:
        code |= QUALIFIERS[choice(f"qualifier of kind {kind!r}", letter, QUALIFIERS)]
    return code


def kind_name(code: int) -> str:
    """Return the parameter kind of a header's code."""
    return "_".join([KINDS[code & 0o77], *(letter for letter, bit in QUALIFIERS.items() if code & bit)])


def read_htk(path: Source) -> HTKFeatures:
    """Read an HTK feature file.

    Parameters
    ----------
    path : str, Path or binary file

    Returns
    -------
    HTKFeatures
        The values of a compressed file (_C) are exact to about 1/65534 of each feature's range; the checksum of _K is
        not verified.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If its size does not match its header, or a value is not finite; the message begins with its name.

    Warns
    -----
    UserWarning
        If trailing bytes make less than a sample.

    References
    ----------
    S. Young et al. (2006), "The HTK Book", version 3.4, section 5.10.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.mfc"
    >>> write_htk(path, np.array([[1.0, 2.0], [3.0, 4.0]]), period=0.01, kind="MFCC")
    >>> read_htk(path)
    HTKFeatures(values=array([[1., 2.], [3., 4.]], dtype=float32), period=0.01, kind='MFCC')
    """
    with opened(path) as source:
        file_size, head = source.size, source.file.read(12)
        if len(head) < 12:
            raise ValueError(f"{source.name} is cut off: an HTK file has a header of 12 bytes, it holds {file_size}")
        samples, period, size, code = struct.unpack(">iiHH", head)
        base, compressed = code & 0o77, bool(code & COMPRESSED)
        if base >= len(KINDS) or samples < 1 or period < 1 or size < 1:
            raise ValueError(
                f"{source.name} is not an HTK file: it claims {samples} samples of {size} bytes, "
                f"every {period} x 100 ns, of kind {base}"
            )
        width = 2 if compressed or KINDS[base] in SHORTS else 4
        claimed = 12 + samples * size + 2 * bool(code & CHECKSUM)
        if not claimed <= file_size < claimed + size or size % width or (compressed and samples <= 4):
            raise ValueError(
                f"{source.name} is cut off, or its header is wrong: {samples} samples of {size} bytes make {claimed}, "
                f"it holds {file_size}"
            )
        if claimed < file_size:
            warnings.warn(f"{source.name} has {file_size - claimed} bytes behind its {samples} samples", stacklevel=2)
        raw = source.file.read(samples * size)
    values = _expanded(raw, size // 2) if compressed else np.frombuffer(raw, f">{'i2' if width == 2 else 'f4'}")
    scale = FULL if KINDS[base] == "IREFC" and not compressed else 1.0
    with np.errstate(invalid="ignore"):  # of a signaling NaN: the result is checked
        found = (values.reshape(-1, size // width) / np.float32(scale)).astype(np.float32)
    if not np.isfinite(found).all():
        t, f = np.argwhere(~np.isfinite(found))[0]
        raise ValueError(f"{source.name} holds {found[t, f]} at step {t}, feature {f}: not finite")
    return HTKFeatures(found, round(period * UNIT, 7), kind_name(code & ~COMPRESSED & ~CHECKSUM))


def _expanded(raw: bytes, features: int) -> Array:
    """Decompress ``x = (integer + B) / A``; A and B (F,) come first in `raw`."""
    a, b = np.frombuffer(raw[: 8 * features], ">f4").reshape(2, features)
    whole = np.frombuffer(raw[8 * features :], ">i2").reshape(-1, features)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # the result is checked
        return ((whole + b) / a).astype(np.float32)


def _compressed(values: Array) -> bytes:
    low, high = values.min(axis=0), values.max(axis=0)
    differ = high - low > 2 * FULL / np.finfo(np.float32).max  # a smaller range has a scale beyond float32
    spread = np.where(differ, high - low, 1.0)
    a = (2 * FULL / spread).astype(">f4")
    b = np.where(differ, (high + low) * FULL / spread, values[0] * a).astype(">f4")
    whole = np.clip(np.rint(values * a - b), -FULL, FULL).astype(">i2")
    return a.tobytes() + b.tobytes() + whole.tobytes()


@refuses_by_name
def write_htk(path: str | Path, values: ArrayLike, *, period: float = 0.01, kind: str = "USER") -> None:
    """Write an HTK feature file atomically.

    Parameters
    ----------
    path : str or Path
    values : array_like (T, F)
    period : float, default 0.01
        Time from one frame to the next [s].
    kind : str, default 'USER'
        A parameter kind of HTK with its qualifiers: 'MFCC_0_D_A'. With _C the file is compressed.

    Raises
    ------
    ValueError
        If the values are not a finite matrix, integers within 16 bits for WAVEFORM and DISCRETE, within -1 and 1 for
        IREFC; or the kind is unknown or has _K, whose checksum is not written.

    Examples
    --------
    >>> write_htk("a.mfc", [[0.0]], kind="MFC")
    Traceback (most recent call last):
    ValueError: kind must be one of ...; got 'MFC'. Did you mean 'MFCC'?
    """
    code = kind_code(kind)
    base, compressed = KINDS[code & 0o77], bool(code & COMPRESSED)
    if code & CHECKSUM:
        raise ValueError(f"kind must be without _K, whose checksum is not written: got {kind!r}")
    if compressed and base in SHORTS:
        raise ValueError(f"kind {base} is of 16 bits already: it cannot have _C")
    given = as_array("values", values)
    if given.ndim != 2 or not given.size or given.dtype.kind not in "iuf" or not np.isfinite(given).all():
        raise ValueError(f"values must be a finite matrix of shape (T, F), got {given.dtype} of {given.shape}")
    width = 2 if compressed or base in SHORTS else 4
    samples, size = len(given) + 4 * compressed, given.shape[1] * width
    ticks = round(number("period", period, UNIT, 2**31 * UNIT * 0.999) / UNIT)
    if size >= 2**16 or samples >= 2**31:
        raise ValueError(f"values must have fewer than {2**16 // width} features, got {given.shape[1]}")
    data = _compressed(given.astype(np.float64)) if compressed else _plain(given, base)
    with replacing(path) as beside, beside.open("wb") as file:
        file.write(struct.pack(">iiHH", samples, ticks, size, code))
        file.write(data)


def _plain(values: Array, base: str) -> bytes:
    if base not in SHORTS:
        with np.errstate(over="ignore"):
            data = values.astype(">f4")
        if not np.isfinite(data).all():
            raise ValueError("values must be within the range of float32")
        return data.tobytes()
    whole = np.rint(values * FULL) if base == "IREFC" else values
    if (whole != np.rint(whole)).any() or abs(whole).max() > FULL:
        taken = "within -1 and 1" if base == "IREFC" else "integers from -32767 to 32767"
        raise ValueError(f"values must be {taken} for kind {base}")
    return whole.astype(">i2").tobytes()
