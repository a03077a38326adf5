"""Whatever fails while a file is written, it is afterwards the old one or the new one, whole."""

import re
import shutil
import signal
from collections.abc import Callable
from itertools import count
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from faults import FAULTS, injected

import rnnbp
from rnnbp import audio, datasets, interop
from rnnbp.comparison.sweeps.folder import SweepFolder
from rnnbp.comparison.sweeps.run_result import RunResult
from rnnbp.runtime import read_archive, write_archive
from rnnbp.runtime.tables import write_tables
from rnnbp.training.rotation import Rotation, existing, older

Files = dict[str, bytes]


def model(version: int) -> rnnbp.Sequential:
    return rnnbp.Sequential(rnnbp.Elman(2, 3), rnnbp.Last(), rnnbp.Dense(3, 2), seed=version)


def dataset(version: int) -> rnnbp.SequenceDataset:
    rng = np.random.default_rng(version)
    return rnnbp.SequenceDataset([rng.normal(size=(4, 2)) for _ in range(4)], targets=[0, 1, 0, 1])


def signal_of(version: int) -> np.ndarray:
    return np.random.default_rng(version).uniform(-0.5, 0.5, 500)


def report(version: int, folder: Path) -> None:
    tables = {"table": pd.DataFrame({"x": range(version * 5)}), "curves": pd.DataFrame({"y": [version] * 9})}
    write_tables(folder, tables)


def trainer(version: int) -> rnnbp.Trainer:
    made = rnnbp.Trainer(model(0), rnnbp.CrossEntropy())
    made.model.params.vector[:] = version
    return made


def sweep_run(version: int, folder: Path) -> None:
    SweepFolder(folder).write(RunResult(0, 0, "ok", float(version), 2), {"hidden_size": 8})


# Every writer of files that users rely on: each writes version 1 or 2 into a folder that exists.
WRITERS: dict[str, Callable[[int, Path], object]] = {
    "model": lambda version, folder: model(version).save(folder / "model.npz"),
    "model.safetensors": lambda version, folder: safetensors(version, folder),
    "checkpoint": lambda version, folder: trainer(version).save(folder / "run.npz"),
    "archive": lambda version, folder: write_archive(folder / "a.npz", "rnnbp test", {"n": version}, {"a": np.ones(9)}),
    "tables of a report": report,
    "run of a sweep": sweep_run,
    "ts": lambda version, folder: datasets.write_ts(folder / "data.ts", dataset(version)),
    "wav": lambda version, folder: audio.write_wav(folder / "a.wav", signal_of(version), 8000),
    "sphere": lambda version, folder: audio.write_sphere(folder / "a.sph", signal_of(version), 8000),
    "htk": lambda version, folder: audio.write_htk(folder / "a.htk", np.full((5, 3), version, np.float32)),
    "kaldi": lambda version, folder: audio.write_ark(
        folder / "a.ark", {"u": np.full((5, 3), version, np.float32)}, scp=folder / "a.scp"
    ),
}


def safetensors(version: int, folder: Path) -> None:
    pytest.importorskip("safetensors")
    interop.save_safetensors(model(version), folder / "m.safetensors")


def files_of(folder: Path) -> Files:
    """Return the visible files of a folder; an index names files of a folder, without which it is compared."""
    found = {file.name: file.read_bytes() for file in folder.iterdir() if not file.name.startswith(".")}
    return {name: re.sub(rb"/\S*/", b"", data) if name.endswith(".scp") else data for name, data in found.items()}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", WRITERS)
def test_a_file_is_the_old_or_the_new_one_after_any_failure_of_its_writer(name, fault, tmp_path):
    write, known = WRITERS[name], []
    for version in (1, 2):
        (tmp_path / str(version)).mkdir()
        write(version, tmp_path / str(version))
        known.append(files_of(tmp_path / str(version)))
    old, new = known
    assert old != new
    for at in count(1):
        folder = tmp_path / f"fault-{at}"
        shutil.copytree(tmp_path / "1", folder)
        raised = False
        with injected(fault, at) as faults:
            try:
                write(2, folder)
            except OSError:
                raised = True
        found = files_of(folder)
        assert set(found) == set(old)
        for file in found:
            assert found[file] in (old[file], new[file]), (file, faults.calls)
        if not raised and not faults.dead:
            assert found == new
        write(2, folder)
        assert {file.name for file in folder.iterdir()} == set(new), faults.calls  # no temporary file is left
        assert files_of(folder) == new
        if len(faults.calls) < at:
            break
    assert at > 4  # it has opened, written, closed and renamed a file


@pytest.mark.parametrize("keep", [1, 2, 3])
@pytest.mark.parametrize("fault", FAULTS)
def test_the_newest_checkpoint_is_whole_after_any_failure_while_they_rotate(fault, keep, tmp_path):
    kind = "rnnbp test"

    def checkpoint(version: int) -> Callable[[str | Path], object]:
        return lambda path: write_archive(path, kind, {"n": version}, {"a": np.full(99, version)})

    def version_at(path: str | Path) -> int:
        return int(read_archive(path, kind)[0]["n"])

    for at in count(1):
        path = tmp_path / f"fault-{at}" / "run.npz"
        path.parent.mkdir()
        rotation = Rotation()
        for version in range(1, 6):
            rotation.write(path, keep, checkpoint(version))
        raised = False
        with injected(fault, at) as faults:
            try:
                rotation.write(path, keep, checkpoint(6))
            except OSError:
                raised = True
        done = not raised and not faults.dead
        assert version_at(path) in ((6,) if done else (5, 6)), faults.calls
        again = Rotation()  # of the process that resumes
        resumed = again.read(path, version_at)
        again.write(path, keep, checkpoint(resumed + 1))
        assert version_at(path) == resumed + 1
        again.write(path, keep, checkpoint(resumed + 2))
        found = [version_at(older(path, number)) for number in existing(path)]
        assert found == sorted(found, reverse=True)
        assert found[:2] == [resumed + 2, resumed + 1][:keep]
        assert len(list(path.parent.iterdir())) == len(found) <= keep  # no temporary file is left
        if len(faults.calls) < at:
            break
    assert at > 6


def test_shards_are_all_there_or_none_after_any_failure_of_their_writer(tmp_path):
    pytest.importorskip("pyarrow")
    for fault in FAULTS:
        for at in count(1):
            folder = tmp_path / f"{fault}-{at}"
            raised = False
            with injected(fault, at) as faults:
                try:
                    rnnbp.write_shards(dataset(1), folder, sequences_per_shard=2)
                except OSError:
                    raised = True
            assert folder.exists() == (not raised and not faults.dead)
            if not folder.exists():
                rnnbp.write_shards(dataset(1), folder, sequences_per_shard=2)
            assert len(rnnbp.load_shards(folder)) == 4
            assert not list(tmp_path.glob(f".{folder.name}*"))
            if len(faults.calls) < at:
                break


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="signals interrupt calls of the system on Unix")
def test_a_write_that_signals_interrupt_is_whole(tmp_path):
    arrays = {"a": np.arange(300_000.0)}
    interrupted = []
    before = signal.signal(signal.SIGALRM, lambda *_: interrupted.append(1))
    try:
        signal.setitimer(signal.ITIMER_REAL, 1e-4, 1e-4)
        for _ in range(5):
            write_archive(tmp_path / "a.npz", "rnnbp test", {}, arrays)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert interrupted
    np.testing.assert_array_equal(read_archive(tmp_path / "a.npz", "rnnbp test")[1]["a"], arrays["a"])
