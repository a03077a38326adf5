"""Readers and scores: edit distances, WAV and .ts files, and the construction of a dataset."""

import atexit
import gzip
import shutil
import tempfile
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from rnnbp import kernels
from rnnbp.audio import read_audio, read_wav, write_wav
from rnnbp.benchmark.suite.base import Contest
from rnnbp.data import SequenceDataset
from rnnbp.datasets import read_ts
from rnnbp.datasets.bundled import bundled
from rnnbp.metrics import token_error_rate

FILES = 2000
PAIRS = 10_000
SEQUENCES = 100_000


def contests() -> Iterator[Contest]:
    """Yield the contests of this section, each after a check that all runs return the same."""
    yield _edits("words of 3 to 14 letters", 3, 14)
    yield _edits("texts of 50 to 150 letters", 50, 150)
    yield _wav()
    yield _ts()
    yield _dataset()


def _edits(name: str, shortest: int, longest: int) -> Contest:
    """Return the contest of counting the edits of pairs of random texts of ten letters."""
    rng = np.random.default_rng(0)

    def texts() -> list[str]:
        sizes = rng.integers(shortest, longest + 1, PAIRS)
        return ["".join(map(chr, rng.integers(97, 107, n).tolist())) for n in sizes]

    truths, guesses = texts(), texts()

    def ours() -> float:
        return token_error_rate(truths, guesses).errors

    def numpy_alone() -> float:
        with kernels.using("numpy"):
            return ours()

    runs: dict[str, Callable[[], object]] = {"rnnbp": ours, "rnnbp, NumPy": numpy_alone}
    if find_spec("rapidfuzz"):
        from rapidfuzz.distance import Levenshtein

        def edits_by_type() -> int:  # as `rnnbp` counts them
            return sum(len(Levenshtein.editops(a, b)) for a, b in zip(truths, guesses, strict=True))

        runs["rapidfuzz, distances alone"] = lambda: sum(map(Levenshtein.distance, truths, guesses))
        runs["rapidfuzz"] = edits_by_type
    if find_spec("jiwer"):
        import jiwer

        def by_jiwer() -> int:
            found = jiwer.process_characters(truths, guesses)
            return found.substitutions + found.insertions + found.deletions

        runs["jiwer"] = by_jiwer
    workload = f"edits of {PAIRS} pairs, {name}"
    _check_same(workload, runs)
    return Contest(workload, runs, per=PAIRS)


def _wav() -> Contest:
    """Return the contest of reading short recordings of 16 bits, of 0.1 to 0.8 s at 8 kHz."""
    rng, folder = np.random.default_rng(0), _folder()
    files = [str(folder / f"{i}.wav") for i in range(FILES)]
    for file in files:
        write_wav(file, rng.uniform(-1, 1, rng.integers(800, 6400)), 8000)
    runs: dict[str, Callable[[], object]] = {
        "rnnbp read_wav": lambda: [read_wav(file)[0] for file in files],
        "rnnbp read_audio": lambda: [read_audio(file)[0] for file in files],
    }
    if find_spec("soundfile"):
        import soundfile

        runs["soundfile"] = lambda: [soundfile.read(file, dtype="float32")[0] for file in files]
    workload = f"{FILES} WAV files of 0.1 to 0.8 s"
    _check_same(workload, runs)
    return Contest(workload, runs, per=FILES)


def _ts() -> Contest:
    """Return the contest of reading Japanese Vowels."""
    folder, files = _folder(), []
    for part in ("TRAIN", "TEST"):
        file = folder / f"JapaneseVowels_{part}.ts"
        file.write_bytes(gzip.decompress(bundled(f"{file.name}.gz").read_bytes()))
        files.append(str(file))

    def ours() -> list[np.ndarray]:
        return [s for file in files for s in read_ts(file, dtype=np.float64).sequences]

    runs: dict[str, Callable[[], object]] = {"rnnbp": ours}
    if find_spec("aeon"):
        from aeon.datasets import load_from_ts_file

        runs["aeon"] = lambda: [s.T for file in files for s in load_from_ts_file(file)[0]]
    workload = ".ts files, Japanese Vowels"
    _check_same(workload, runs)
    return Contest(workload, runs)


def _dataset() -> Contest:
    """Return the contest of making a dataset of short sequences, beside lists of tensors."""
    rng = np.random.default_rng(0)
    given = [rng.normal(size=(n, 12)).astype(np.float32) for n in rng.integers(5, 30, SEQUENCES)]
    labels = rng.integers(0, 10, SEQUENCES)
    runs: dict[str, Callable[[], object]] = {"rnnbp": lambda: SequenceDataset(given, targets=labels).sequences}
    if find_spec("torch"):
        import torch

        runs["PyTorch, tensors over the same memory"] = lambda: [torch.from_numpy(s) for s in given]
        runs["PyTorch, copies"] = lambda: [torch.tensor(s) for s in given]
    workload = f"dataset of {SEQUENCES} sequences of 5 to 29 steps"
    _check_same(workload, runs)
    return Contest(workload, runs, per=SEQUENCES)


def _folder() -> Path:
    """Return a folder that is removed when the process ends."""
    folder = tempfile.mkdtemp(prefix="rnnbp-bench-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def _check_same(workload: str, runs: dict[str, Callable[[], object]]) -> None:
    """Raise unless all runs return the same number, or the same arrays."""
    (first, expected), *others = ((name, _arrays(run())) for name, run in runs.items())
    for name, found in others:
        if len(found) != len(expected) or not all(map(np.array_equal, found, expected)):
            raise ValueError(f"{workload}: {name} and {first} do not return the same")


def _arrays(result: object) -> list[np.ndarray]:
    return [np.asarray(one) for one in result] if isinstance(result, list) else [np.asarray(result)]
