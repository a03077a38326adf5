"""Mutations that know a format: chunks of RIFF, members of zip and npz, JSON headers, Protocol Buffers."""

import copy
import io
import json
import pickle
import random
import re
import struct
import tarfile
import warnings
import zipfile
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from fuzz_mutations import INTEGERS, NUMBERS, WORDS, Mutation, damaged, text

from rnnbp.runtime.archives import CHECKSUM, checksum

NAMES = (
    *(
        "../up",
        "a/../../up",
        "/root",
        "C:/x",
        "a\\..\\..\\up",
        "",
        ".",
        "..",
        "a" * 300,
        "a/" * 300 + "b",
        "\0",
        "é",
        "CON",
    ),
    *("a.npy", "header.npy", "vector.npy", "\u202e", " ", "a\nb", "./a", "a//b", "~root", "a:b", "dir/"),
)
ODD = (
    *(None, True, False, -1, 0, 1, 2, 2**31, 2**62, 2**64, -(10**400), 1.5, 1e308, float("nan"), float("inf"), "", "x"),
    *([], [[]], {}, {"type": "Dense"}, [1] * 50, "\0", "<script>", "../up", "\x1b[31m", "os.system", "eval"),
)


class Canary:
    """Object whose unpickling runs code: it calls `open` of a file that must not come into being."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str, str]]:
        return (open, ("canary", "w"))


CANARY = pickle.dumps(Canary())


# ---- RIFF -------------------------------------------------------------------------------------


def riff(data: bytes, rng: random.Random) -> bytes:
    """Return a RIFF file with chunks changed, swapped, repeated, removed, nested, or of other sizes."""
    head, chunks, at = data[:12], [], 12
    while at + 8 <= len(data) and len(chunks) < 50:
        size = struct.unpack_from("<I", data, at + 4)[0]
        chunks.append([data[at : at + 4], size, data[at + 8 : at + 8 + size + size % 2]])
        at += 8 + size + size % 2
    k, other = rng.randrange(len(chunks)), rng.randrange(len(chunks))
    match rng.randrange(8):
        case 0:
            chunks[k], chunks[other] = chunks[other], chunks[k]
        case 1:
            chunks[k:k] = [list(chunks[k])] * rng.choice((1, 1100 if len(chunks[k][2]) < 200 else 3))
        case 2:
            del chunks[k]
        case 3:
            chunks[k][1] = rng.choice(INTEGERS) % 2**32
        case 4:
            chunks[k][2] = damaged(chunks[k][2], rng)
        case 5:
            chunks[k] = [b"LIST", len(data) - 8, data[8:]]
        case 6:
            chunks[k][0] = rng.choice((b"fmt ", b"data", b"fact", b"\0\0\0\0", b"LIST", b"RIFF"))
        case 7:
            fields = next(c for c in chunks if c[0] == b"fmt ")
            at = rng.choice((0, 2, 4, 8, 12, 14, 16, 18, 20, 24))
            size = 4 if at in (4, 8, 20) else 2
            values = (*INTEGERS, 3, 6, 7, 8, 16, 17, 24, 32, 49, 64, 85, 0xFFFE, 8000, 16000)
            new = (rng.choice(values) % 2 ** (8 * size)).to_bytes(size, "little")
            fields[2] = fields[2][:at] + new + fields[2][at + size :]
    return head + b"".join(name + struct.pack("<I", size) + body for name, size, body in chunks)


# ---- zip, npz, tar ----------------------------------------------------------------------------


def members(data: bytes) -> list[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return [(info.filename, archive.read(info)) for info in archive.infolist()[:50]]


def zipped(files: Sequence[tuple[str, bytes]], method: int = zipfile.ZIP_STORED, attributes: int = 0) -> bytes:
    out = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(out, "w", method) as archive:
        warnings.simplefilter("ignore")  # that a name comes twice
        for name, content in files:
            info = zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0))
            info.compress_type, info.external_attr = method, attributes
            archive.writestr(info, content)
    return out.getvalue()


def zip_members(data: bytes, rng: random.Random) -> bytes:
    """Return a zip file with a member renamed, repeated, a link, compressed, a bomb, or of a wrong size."""
    files = members(data)
    k = rng.randrange(len(files))
    name, content = files[k]
    match rng.randrange(9):
        case 0:
            files[k] = rng.choice(NAMES), content
        case 1:
            files.insert(rng.randrange(len(files) + 1), files[k])
        case 2:
            del files[k]
        case 3:
            files[k] = name, damaged(content, rng)
        case 4:
            method = rng.choice((zipfile.ZIP_DEFLATED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA))
            return zipped(files[:5], method)
        case 5:
            method = rng.choice((zipfile.ZIP_DEFLATED, zipfile.ZIP_DEFLATED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2))
            return zipped([*files[:5], (name + "0", b"\0" * 2 ** rng.randint(10, 22))], method)
        case 6:
            return zipped([("link", b"/etc"), *files], attributes=0o120777 << 16)
        case 7:
            return _zip_field(zipped(files), rng)
        case 8:
            files += [(f"{name}{i}", b"") for i in range(rng.choice((5, 5, 5, 5, 1100)))]
    return zipped(files)


def _zip_field(data: bytes, rng: random.Random) -> bytes:
    """Return a zip file with a field of a local or a central header, or of the end, replaced."""
    signature, first, last = rng.choice(((b"PK\3\4", 4, 30), (b"PK\1\2", 4, 46), (b"PK\5\6", 4, 22)))
    places = [found.start() for found in re.finditer(re.escape(signature), data)]
    at, size = rng.choice(places) + rng.randrange(first, last, 2), rng.choice((2, 4))
    return data[:at] + (rng.choice(INTEGERS) % 2 ** (8 * size)).to_bytes(size, "little") + data[at + size :]


def tar_members(data: bytes, rng: random.Random) -> bytes:
    """Return a compressed tar file with a member renamed, of another type or of a wrong size."""
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        files = [(one, tar.extractfile(one).read() if one.isfile() else b"") for one in tar]  # type: ignore[union-attr]
    member, content = rng.choice(files)
    types = (
        tarfile.SYMTYPE,
        tarfile.LNKTYPE,
        tarfile.FIFOTYPE,
        tarfile.CHRTYPE,
        tarfile.DIRTYPE,
        b"x",
        b"L",
        b"S",
        b"Z",
    )
    match rng.randrange(5):
        case 0:
            member.name = rng.choice(NAMES)
        case 1:
            member.type, member.linkname = rng.choice(types), rng.choice(("/etc/passwd", "../up", ""))
        case 2:
            member.size = rng.choice((0, 1, len(content) + 512, 2**33 - 1))
        case 3:
            member.pax_headers = {"path": rng.choice(NAMES), "size": rng.choice(NUMBERS), rng.choice(WORDS): "1"}
        case 4:
            files.append((member, content))
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", compresslevel=1, format=rng.choice((0, 1, 2))) as tar:
        for one, inside in files:
            tar.addfile(one, io.BytesIO(inside.ljust(min(one.size, 2**16), b"\0")))
    return out.getvalue()


def array(content: bytes) -> np.ndarray:
    return np.load(io.BytesIO(content), allow_pickle=False)


def npy(value: Any, header: str | None = None) -> bytes:
    """Return an array as .npy, under a header that may lie."""
    out = io.BytesIO()
    np.save(out, np.asarray(value), allow_pickle=False)
    if header is None:
        return out.getvalue()
    body = out.getvalue()
    size = struct.unpack_from("<H", body, 8)[0]
    coded = header.encode("latin-1", "replace")
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(coded)) + coded + body[10 + size :]


def npy_header(data: bytes, rng: random.Random) -> bytes:
    """Return an .npy file whose header lies of its dtype or its shape, or has a pickle as data."""
    value = array(data)
    dtypes = (
        *("<f4", "<f8", ">f8", "<f2", "<i8", "|b1", "|O", "<U4", "|S0", "<U0", "V0", "V9", "<c16", "<M8[s]", "<f16"),
        *("f4,O", "[('a', 'O')]", "x" * 9),
    )
    shapes = (
        *(
            (),
            (0,),
            (-1,),
            (2**31,),
            (2**62,),
            (2**63,),
            (2**62, 4),
            (2**33, 2**33),
            (1.5,),
            ("a",),
            (True,),
            (1,) * 40,
        ),
        *((*value.shape, 1), value.shape[:-1], (value.size,), (value.size + 1,)),
    )
    descr, shape, order = value.dtype.str, value.shape, "False"
    if rng.random() < 0.2:
        fields = f"{{'descr': '|O', 'fortran_order': False, 'shape': ({rng.choice((1, value.size))},), }}"
        return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(fields)) + fields.encode() + CANARY
    match rng.randrange(4):
        case 0:
            descr = rng.choice(dtypes)
        case 1:
            shape = rng.choice(shapes)
        case 2:
            order = rng.choice(("True", "None", "2", "__import__('os')"))
        case 3:
            with np.errstate(invalid="ignore"):
                return npy(value.astype(rng.choice(("<f2", "<f4", "<f8", "<i8", "|u1", "<c8"))))
    written = f"{descr}" if descr.startswith("[") else repr(descr)
    return npy(value, f"{{'descr': {written}, 'fortran_order': {order}, 'shape': {shape}, }}")


def odd_values(data: bytes, rng: random.Random) -> bytes:
    """Return an .npy file with an entry that is not finite, or huge; or with more entries, or fewer."""
    value = np.array(array(data))
    if value.dtype.kind == "f" and value.size and rng.random() < 0.7:
        value.reshape(-1)[rng.randrange(value.size)] = rng.choice((np.nan, np.inf, 3e38, -0.0, 1e-45))
        return npy(value)
    return npy(np.resize(value, rng.choice((0, 1, value.size + 1, 2 * value.size))))


def npz_member(of: str | None = None, header: str = "header") -> Mutation:
    """Return a mutation of the arrays of an npz file, all but the header, or those whose names begin with `of`."""

    def mutation(data: bytes, rng: random.Random) -> bytes:
        files = members(data)
        names = [
            i for i, (name, _) in enumerate(files) if name != f"{header}.npy" and (of is None or name.startswith(of))
        ]
        k = rng.choice(names)
        change = rng.choice((npy_header, odd_values, damaged))
        files[k] = files[k][0], change(files[k][1], rng)
        return zipped(files)

    return mutation


def npz_header(data: bytes, rng: random.Random) -> bytes:
    """Return an archive of the package with its JSON header changed."""
    files = dict(members(data))
    changed = json_text(array(files["header.npy"]).tobytes(), rng)
    return zipped(list({**files, "header.npy": npy(np.frombuffer(changed, np.uint8))}.items()))


def signed(mutation: Mutation) -> Mutation:
    """Return a mutation of an archive of the package, which gives what it changes the right checksum.

    Without it, all that a mutation shows is that the checksum is verified.
    """

    def changed(data: bytes, rng: random.Random) -> bytes:
        new = mutation(data, rng)
        if rng.random() < 0.1:
            return new
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            files = dict(members(new))
            header = json.loads(array(files.pop("header.npy")).tobytes())
            header.pop(CHECKSUM, None)
            arrays = {name.removesuffix(".npy"): array(content) for name, content in files.items()}
            text = json.dumps({**header, CHECKSUM: checksum(header, arrays)})
            return zipped([("header.npy", npy(np.frombuffer(text.encode(), np.uint8))), *files.items()])

    return changed


# ---- JSON -------------------------------------------------------------------------------------


def places(value: Any, way: tuple = ()) -> Iterator[tuple]:
    """Yield the path to each element of a JSON value."""
    if way:
        yield way
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield from places(item, (*way, key))


def types() -> list[str]:
    """Return names that a file may give as types: classes of the package, and some that it must not take."""
    from rnnbp import cells, data, layers, losses, optimizers, solvers, training

    rooms = (layers, cells, solvers, losses, data, training, optimizers)
    return [
        *sorted({name for room in rooms for name in room.__all__}),
        *("os.system", "builtins.eval", "subprocess.Popen", "pathlib.Path", "rnnbp.models.sequential.Sequential"),
        *("numpy.ndarray", "__main__.X", "", ".", "collections.OrderedDict", "type", "object"),
    ]


def json_text(data: bytes, rng: random.Random) -> bytes:
    """Return a JSON text with an element replaced, removed, renamed, swapped, or nested deeply."""
    value = json.loads(data)
    ways = list(places(value))
    way = rng.choice(ways)
    value = copy.deepcopy(value)
    inner = value
    for key in way[:-1]:
        inner = inner[key]
    last = way[-1]
    match rng.randrange(9):
        case 0 | 1 | 2:
            inner[last] = rng.choice(types()) if last == "type" else rng.choice(ODD)
        case 3:
            del inner[last]
        case 4:
            source = value
            for key in rng.choice(ways):
                source = source[key]
            inner[last] = copy.deepcopy(source)
        case 5 if isinstance(inner, dict):
            inner[rng.choice((*WORDS[:12], "type", "input_size", "hidden_size", "cell", "layers"))] = rng.choice(ODD)
        case 6:
            for _ in range(rng.choice((1, 30, 300))):
                inner[last] = rng.choice(([inner[last]], {"type": "Recurrent", "cell": inner[last]}))
        case 7:
            return text(data, rng)
        case _:
            numbers = [w for w in ways if isinstance(_at(value, w), int) and not isinstance(_at(value, w), bool)]
            way = rng.choice(numbers)
            _at(value, way[:-1])[way[-1]] = rng.choice((0, 1, 2, 3, 5, -1, 10**4, 10**5, 2**31, 2**62, 1.5))
    return json.dumps(value).encode()


def _at(value: Any, way: tuple) -> Any:
    for key in way:
        value = value[key]
    return value


def safetensors(data: bytes, rng: random.Random) -> bytes:
    """Return a safetensors file with its header or the header's length changed."""
    size = struct.unpack_from("<Q", data)[0]
    header, body = data[8 : 8 + size], data[8 + size :]
    match rng.randrange(4):
        case 0:
            return struct.pack("<Q", rng.choice(INTEGERS) % 2**64) + data[8:]
        case 1:
            header = json_text(header, rng)
        case 2:
            value = json.loads(header)
            described = value["__metadata__"]
            key = rng.choice(list(described))
            described[key] = json_text(described[key].encode(), rng).decode("utf-8", "replace")
            header = json.dumps(value).encode()
        case 3:
            body = damaged(body, rng)
    return struct.pack("<Q", len(header)) + header + body


# ---- Protocol Buffers -------------------------------------------------------------------------

Field = list[Any]  # number, wire type, value


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
        if shift > 63:
            raise ValueError("no varint")


def _coded(value: int) -> bytes:
    out = bytearray()
    value %= 2**64
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def fields(data: bytes) -> list[Field]:
    """Return the fields of a message."""
    found, at = [], 0
    while at < len(data):
        key, at = _varint(data, at)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, at = _varint(data, at)
        elif wire == 2:
            size, at = _varint(data, at)
            value, at = data[at : at + size], at + size
        elif wire in (1, 5):
            size = 8 if wire == 1 else 4
            value, at = data[at : at + size], at + size
        else:
            raise ValueError("no field")
        if at > len(data) or not number:
            raise ValueError("no message")
        found.append([number, wire, value])
    return found


def _message(found: Sequence[Field]) -> bytes:
    parts = []
    for number, wire, value in found:
        parts.append(_coded(number << 3 | wire))
        parts.append(_coded(value) if wire == 0 else _coded(len(value)) + value if wire == 2 else value)
    return b"".join(parts)


def protobuf(data: bytes, rng: random.Random, depth: int = 0) -> bytes:
    """Return a message with a field changed, repeated, removed, swapped, of another number, or nested."""
    found = fields(data)
    k, other = rng.randrange(len(found)), rng.randrange(len(found))
    number, wire, value = found[k]
    if wire == 2 and depth < 8 and rng.random() < 0.8:
        try:
            found[k][2] = protobuf(value, rng, depth + 1)
            return _message(found)
        except (ValueError, IndexError):
            pass
    match rng.randrange(7):
        case 0:
            found[k] = [number, 0, rng.choice(INTEGERS)] if wire == 0 else [number, wire, damaged(value, rng)]
        case 1:
            found[k:k] = [found[k]] * rng.choice((1, 1, 30))
        case 2:
            del found[k]
        case 3:
            found[k], found[other] = found[other], found[k]
        case 4:
            found[k][0] = rng.choice((1, 2, 3, 4, 5, 6, 7, 8, 10, 13, 14, 20, 2**28))
        case 5:
            found[k][2] = found[other][2] if found[other][1] == wire else value
        case 6 if wire == 2:
            found[k][2] = (
                rng.choice(WORDS).encode("utf-8", "replace") if len(value) < 50 else _message([[number, 2, value]])
            )
    return _message(found)
