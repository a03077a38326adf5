"""Malicious and damaged files raise ValueError or OSError, quickly, and have no other effect."""

import copy
import io
import os
import shutil
import struct
import tarfile
import time
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnbp
from rnnbp.datasets.unpack import unpack
from rnnbp.models.saving import MODEL_FILE
from rnnbp.runtime import read_archive, write_archive
from rnnbp.training.checkpoint import CHECKPOINT_FILE

REFUSED = (ValueError, OSError)
DEEP = "[" * 100_000 + "]" * 100_000
ODD: list[Any] = [None, True, -1, 0, 2**64, -(10**400), 1e308, float("nan"), float("inf"), "", "x", [], [[]], {}]


def small_model() -> rnnbp.Sequential:
    return rnnbp.Sequential(rnnbp.LSTM(2, 3), rnnbp.Last(), rnnbp.Dense(3, 2), seed=1)


def small_trainer() -> rnnbp.Trainer:
    return rnnbp.Trainer(small_model(), rnnbp.CrossEntropy(), optimizer=rnnbp.Adam(0.01))


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> dict[str, Path]:
    """Return a valid file of each type."""
    folder = tmp_path_factory.mktemp("whole")
    trainer = small_trainer()
    data = rnnbp.SequenceDataset([np.ones((3, 2)) * k for k in range(4)], targets=[0, 1, 0, 1])
    trainer.fit(data, data, epochs=2, progress=False, stopping=rnnbp.EarlyStopping())
    trainer.save(folder / "checkpoint.npz")
    trainer.model.save(folder / "model.npz")
    content = {"a/one.txt": b"one" * 50, "two.txt": bytes(range(256))}
    with zipfile.ZipFile(folder / "data.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in content.items():
            archive.writestr(name, text)
    for form in ("gz", "bz2", "xz"):
        with tarfile.open(folder / f"data.tar.{form}", f"w:{form}") as tar:
            for name, text in content.items():
                info = tarfile.TarInfo(name)
                info.size = len(text)
                tar.addfile(info, io.BytesIO(text))
    return {path.name: path for path in folder.iterdir()}


def read(path: Path) -> None:
    """Read a file by the public loader for its type."""
    if path.name == "model.npz":
        rnnbp.load(path)
    elif path.name == "checkpoint.npz":
        small_trainer().resume(path)
    else:
        unpack(path, path.parent / "out", most_bytes=10**6, most_files=100)


FILES = ["model.npz", "checkpoint.npz", "data.zip", "data.tar.gz", "data.tar.bz2", "data.tar.xz"]


def mutated(content: bytes, rng: np.random.Generator) -> bytes:
    """Return data with some bytes changed, deleted, repeated or inserted."""
    changed = bytearray(content)
    for _ in range(rng.integers(1, 4)):
        start = int(rng.integers(len(changed)))
        stop = start + int(rng.integers(1, 40))
        match rng.integers(6):
            case 0:
                changed[start] = int(rng.integers(256))
            case 1:
                changed[start] ^= 1 << int(rng.integers(8))
            case 2:
                del changed[start:stop]
            case 3:
                changed[start:stop] = rng.bytes(stop - start)
            case 4:
                changed[start:start] = changed[start:stop]
            case 5:
                changed[start:stop] = rng.choice([b"\0", b"\xff"]) * (stop - start)
        if not changed:
            break
    return bytes(changed)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.filterwarnings("ignore")  # NumPy and Python warn of odd headers, which is no harm
def test_a_damaged_file_is_read_or_refused(whole, name, tmp_path):
    rng = np.random.default_rng(0)
    content, path, refused = whole[name].read_bytes(), tmp_path / name, 0
    for _ in range(300):
        path.write_bytes(mutated(content, rng))
        try:
            read(path)
        except REFUSED:
            refused += 1
        shutil.rmtree(tmp_path / "out", ignore_errors=True)
    assert refused > 200  # so that most of them were damaged indeed


# ---- the header -------------------------------------------------------------------------------


def places(value: Any, way: tuple = ()) -> Iterator[tuple]:
    """Yield the path to each element of a JSON value."""
    if way:
        yield way
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield from places(item, (*way, key))


def replaced(value: Any, way: tuple, new: Any) -> Any:
    value = copy.deepcopy(value)
    inner = value
    for key in way[:-1]:
        inner = inner[key]
    inner[way[-1]] = new
    return value


@pytest.mark.parametrize(("name", "kind"), [("model.npz", MODEL_FILE), ("checkpoint.npz", CHECKPOINT_FILE)])
def test_unexpected_header_values_are_accepted_or_refused(whole, name, kind, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda file: None)  # for speed
    header, arrays = read_archive(whole[name], kind)
    every = [(way, new) for way in places(header) for new in ODD]
    for place in np.random.default_rng(0).permutation(len(every))[:300]:
        write_archive(tmp_path / name, kind, replaced(header, *every[place]), arrays)
        with suppress(*REFUSED):
            read(tmp_path / name)


@pytest.mark.parametrize("number", [2**128, 2**2000, 1e308])
@pytest.mark.parametrize("way", [("state", "state"), ("state", "inc"), ("has_uint32",), ("uinteger",)], ids=str)
def test_an_impossible_generator_state_is_refused(whole, way, number, tmp_path):
    header, arrays = read_archive(whole["checkpoint.npz"], CHECKPOINT_FILE)
    path = tmp_path / "checkpoint.npz"
    write_archive(path, CHECKPOINT_FILE, replaced(header, ("rng", *way), number), arrays)
    with pytest.raises(ValueError, match="does not contain a complete checkpoint"):
        read(path)


def with_header(whole: Path, path: Path, text: str) -> None:
    with np.load(whole) as file:
        arrays = {name: file[name] for name in file.files}
    np.savez(path, **arrays | {"header": np.frombuffer(text.encode(), np.uint8)})


HEADERS = {
    "deep lists": DEEP,
    "deep objects": '{"a":' * 100_000,
    "a list": "[]",
    "a number": "3",
    "nothing": "null",
    "5,000 digits": '{"kind": ' + "9" * 5000 + "}",
    "cut": "{",
}


@pytest.mark.parametrize("name", ["model.npz", "checkpoint.npz"])
@pytest.mark.parametrize("text", HEADERS.values(), ids=HEADERS.keys())
def test_an_invalid_header_is_refused(whole, name, text, tmp_path):
    with_header(whole[name], tmp_path / name, text)
    with pytest.raises(ValueError, match=r"is not a file of 'rnnbp (model|checkpoint)', or it is damaged"):
        read(tmp_path / name)


@pytest.mark.parametrize("depth", [20, 200, 900])
def test_deeply_nested_layers_are_refused(whole, depth, tmp_path):
    header, arrays = read_archive(whole["model.npz"], MODEL_FILE)
    layer = {"type": "Last"}
    for _ in range(depth):
        layer = {"type": "Bidirectional", "cell": layer}
    write_archive(tmp_path / "model.npz", MODEL_FILE, header | {"layers": [layer]}, arrays)
    with pytest.raises(ValueError, match="does not contain a complete model"):
        read(tmp_path / "model.npz")


# ---- the archive ------------------------------------------------------------------------------


def with_flag(content: bytes, flag: int, method: int | None = None) -> bytes:
    """Return a zip file whose members are marked as encrypted or otherwise compressed."""
    changed = bytearray(content)
    for signature, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = -1
        while (start := content.find(signature, start + 1)) >= 0:
            (flags,) = struct.unpack_from("<H", content, start + place)
            struct.pack_into("<H", changed, start + place, flags | flag)
            if method is not None:
                struct.pack_into("<H", changed, start + place + 2, method)
    return bytes(changed)


@pytest.mark.parametrize("name", ["model.npz", "checkpoint.npz", "data.zip"])
@pytest.mark.parametrize("flag", [1, 0x20, 0x40, 0x41], ids=["encrypted", "patched", "strongly encrypted", "both"])
def test_encrypted_and_patched_archives_are_refused(whole, name, flag, tmp_path):
    (tmp_path / name).write_bytes(with_flag(whole[name].read_bytes(), flag))
    with pytest.raises(ValueError, match=name):
        read(tmp_path / name)


@pytest.mark.parametrize("name", ["model.npz", "checkpoint.npz", "data.zip"])
@pytest.mark.parametrize("method", [1, 9, 12, 14, 93, 99, 65535])
def test_other_compression_methods_are_refused(whole, name, method, tmp_path):
    (tmp_path / name).write_bytes(with_flag(whole[name].read_bytes(), 0, method))
    with pytest.raises(ValueError, match=name):
        read(tmp_path / name)


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_compressed_arrays_are_refused(whole, method, tmp_path):
    with zipfile.ZipFile(whole["model.npz"]) as old, zipfile.ZipFile(tmp_path / "model.npz", "w", method) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    with pytest.raises(ValueError, match="array 'header' is compressed or encrypted"):
        read(tmp_path / "model.npz")


def test_a_duplicate_array_is_refused(whole, tmp_path):
    path = tmp_path / "model.npz"
    path.write_bytes(whole["model.npz"].read_bytes())
    with zipfile.ZipFile(path, "a") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        archive.writestr("vector.npy", archive.read("vector.npy"))
    with pytest.raises(ValueError, match="array 'vector' is in it twice"):
        read(path)


@pytest.mark.parametrize("name", ["model.npz", "checkpoint.npz"])
def test_20000_arrays_are_refused_before_they_are_read(whole, name, tmp_path):
    path = tmp_path / name
    path.write_bytes(whole[name].read_bytes())
    array = io.BytesIO()
    np.save(array, np.zeros(1))
    with zipfile.ZipFile(path, "a") as archive:
        for place in range(20_000):
            archive.writestr(f"a{place}.npy", array.getvalue())
    began = time.process_time()
    with pytest.raises(ValueError, match=r"it holds 2000\d arrays, at most 1000 are taken"):
        read(path)
    assert time.process_time() - began < 2


ARRAYS = {
    "deep": "-" * 400 + "1",
    "open": "(" * 400,
    "negative": "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}",
    "a sum": "{'descr': 'V0', 'fortran_order': False, 'shape': (10**9,)}",
    "objects": "{'descr': '|O', 'fortran_order': False, 'shape': ()}",
    "long": "[" * 60_000,
}


@pytest.mark.parametrize("header", ARRAYS.values(), ids=ARRAYS.keys())
def test_an_array_with_an_invalid_header_is_refused(whole, header, tmp_path):
    text = header.encode()
    array = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text
    with zipfile.ZipFile(whole["model.npz"]) as old, zipfile.ZipFile(tmp_path / "model.npz", "w") as new:
        new.writestr("header.npy", old.read("header.npy"))
        new.writestr("vector.npy", array)
    with pytest.raises(ValueError, match="is not a file of 'rnnbp model', or it is damaged"):
        read(tmp_path / "model.npz")


@pytest.mark.parametrize("form", ["gz", "bz2", "xz"])
def test_a_truncated_compressed_archive_is_refused(whole, form, tmp_path):
    content = whole[f"data.tar.{form}"].read_bytes()
    path = tmp_path / f"data.tar.{form}"
    for length in range(0, len(content), 7):
        path.write_bytes(content[:length])
        with pytest.raises(ValueError, match="cannot be unpacked"):
            read(path)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_folders_count_as_files(tmp_path):
    with tarfile.open(tmp_path / "data.tar.gz", "w:gz") as tar:
        for place in range(101):
            folder = tarfile.TarInfo(f"folder{place}")
            folder.type = tarfile.DIRTYPE
            tar.addfile(folder)
    with pytest.raises(ValueError, match="holds more than"):
        read(tmp_path / "data.tar.gz")
