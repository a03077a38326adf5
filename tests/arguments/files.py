"""Small files and folders that loaders read, each written once into the working folder of a test."""

from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import things

import rnnbp
from rnnbp import audio
from rnnbp.applications import nettalk

RATE = 8000
SOUND = (things.signal(80), RATE)


def folder(name: str, write: Callable[[Path], Any]) -> Path:
    """Return a folder in the working folder, filled once."""
    path = Path(name)
    if not path.exists():
        path.mkdir()
        write(path)
    return path


def new_folder() -> Path:
    """Return a folder that does not exist yet."""
    return next(path for k in count() if not (path := Path(f"new{k}")).exists())


def write_wav(path: Any) -> None:
    audio.write_wav(path, *SOUND)


def write_scp(path: Any) -> None:
    audio.write_ark("b.ark", {"u": np.ones((3, 2))}, scp=path)


def digits() -> Path:
    """Return recordings of two digits by two speakers, in training and test set."""

    def write(path: Path) -> None:
        for name in (f"{digit}_{speaker}_{take}.wav" for digit in (1, 6) for speaker in ("a", "b") for take in (4, 5)):
            audio.write_wav(path / name, things.signal(400), RATE)

    return folder("digits", write)


def commands() -> Path:
    """Return recordings of two words in training, validation and test set."""

    def write(path: Path) -> None:
        for word in ("yes", "no"):
            (path / word).mkdir()
            for speaker in ("a69b9b3e", "bb05582b", "00000001"):
                audio.write_wav(path / word / f"{speaker}_nohash_1.wav", things.signal(400), 16000)

    return folder("commands", write)


def arabic() -> Path:
    """Return utterances of ten digits, ten times, by two speakers in each set."""

    def write(path: Path) -> None:
        block = "\n" + " ".join(["1.0"] * 13) + "\n"
        for name in ("Train_Arabic_Digit.txt", "Test_Arabic_Digit.txt"):
            (path / name).write_text(block * 200)

    return folder("arabic", write)


def timit() -> Path:
    """Return a recording of two phones in each set."""

    def write(path: Path) -> None:
        for part in ("TRAIN", "TEST"):
            inner = path / part / "DR1" / "FCJF0"
            inner.mkdir(parents=True)
            audio.write_sphere(inner / "SA1.WAV", things.signal(1600), 16000)
            (inner / "SA1.PHN").write_text("100 800 sh\n800 1500 iy\n")
            (inner / "SA1.WRD").write_text("100 1500 she\n")

    return folder("timit", write)


def write_pgm(path: Path) -> None:
    path.write_bytes(b"P5\n8 8\n255\n" + bytes(64))


def people() -> Path:
    """Return three pictures of each of two people."""

    def write(path: Path) -> None:
        for person in ("s1", "s2"):
            (path / person).mkdir()
            for picture in "123":
                write_pgm(path / person / f"{picture}.pgm")

    return folder("people", write)


def archive() -> Path:
    def write(path: Path) -> None:
        for part in ("TRAIN", "TEST"):
            rnnbp.datasets.write_ts(path / f"GunPoint_{part}.ts", things.dataset())

    return folder("archive", write)


def shards() -> Path:
    return things.saved("shards", lambda path: rnnbp.write_shards(things.dataset(), path))


def shards_of_steps() -> Path:
    return things.saved("steps", lambda path: rnnbp.write_shards(things.series(), path))


def write_faces(path: Path) -> None:
    np.save(path, np.zeros((200, 25, 25), np.float32))


def write_nettalk(path: Path) -> None:
    path.write_text("cat\tk@t\t>1<\t0\ndog\tdag\t>1<\t0\n")


def write_reader(path: Path) -> None:
    network = nettalk.window_network([4], 3)
    network.classes = ("AE1", "K", "T")
    network.save(path)


def write_transcriber(path: Path) -> None:
    feature = things.mfcc()
    network = rnnbp.Sequential(rnnbp.Dense(feature.feature_size, 3))
    network.classes = ("<blank>", "yes", "no")
    network.info["features"] = rnnbp.runtime.to_config(feature)
    network.save(path)
