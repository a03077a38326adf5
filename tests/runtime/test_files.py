"""Atomic writes: temporary files of killed processes, modes, links, and paths that cannot be written."""

import fcntl
import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from rnnbp.runtime import check_target, check_target_folder, replacing, temporary

KILLED = """
import sys, time
from pathlib import Path
from rnnbp.runtime.files import replacing, temporary

path = Path(sys.argv[2])
if sys.argv[1] == "file":
    with replacing(path) as beside:
        beside.write_text("half")
        print("writing", flush=True)
        time.sleep(60)
else:
    with temporary(path, Path.mkdir) as beside:
        (beside / "half").write_text("half")
        print("writing", flush=True)
        time.sleep(60)
"""


@pytest.fixture
def writing():
    """Start another process that is writing a file."""
    begun = []

    def begin(what: str, path: Path) -> subprocess.Popen:
        process = subprocess.Popen([sys.executable, "-c", KILLED, what, str(path)], stdout=subprocess.PIPE, text=True)
        begun.append(process)
        assert process.stdout.readline() == "writing\n"
        return process

    yield begin
    for process in begun:
        process.kill()
        process.communicate()


def write(path: Path, text: str) -> None:
    with replacing(path) as beside:
        beside.write_text(text)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGTERM])
def test_the_next_write_removes_the_temporary_file_of_a_killed_one(writing, tmp_path, signum):
    process = writing("file", tmp_path / "a.npz")
    process.send_signal(signum)
    process.wait()
    assert len(names(tmp_path)) == 1
    write(tmp_path / "a.npz", "whole")
    assert names(tmp_path) == ["a.npz"]
    assert (tmp_path / "a.npz").read_text() == "whole"


def test_the_next_unpacking_removes_the_temporary_folder_of_a_killed_one(writing, tmp_path):
    process = writing("folder", tmp_path / "data")
    process.kill()
    process.wait()
    with temporary(tmp_path / "data", Path.mkdir) as beside:
        assert names(beside) == []
        beside.rename(tmp_path / "data")
    assert names(tmp_path) == ["data"]


def test_the_temporary_file_of_a_running_process_is_not_removed(writing, tmp_path):
    writing("file", tmp_path / "a.npz")
    (unfinished,) = names(tmp_path)
    for text in ("first", "second"):
        write(tmp_path / "a.npz", text)
        assert (tmp_path / "a.npz").read_text() == text
        assert (tmp_path / unfinished).read_text() == "half"


def test_concurrent_writes_to_one_file_do_not_mix(tmp_path):
    texts = [letter * 5000 for letter in "abcdefgh"]

    def many(text: str) -> None:
        for _ in range(30):
            write(tmp_path / "a", text)

    threads = [threading.Thread(target=many, args=(text,)) for text in texts]
    for thread in threads:
        thread.start()
    seen = set()
    while any(thread.is_alive() for thread in threads):
        if (tmp_path / "a").exists():
            seen.add((tmp_path / "a").read_text())
    assert seen <= set(texts)
    assert names(tmp_path) == ["a"]


def test_a_failed_write_leaves_the_file_unchanged(tmp_path):
    write(tmp_path / "a", "before")

    def interrupted() -> None:
        with replacing(tmp_path / "a") as beside:
            beside.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert names(tmp_path) == ["a"]
    assert (tmp_path / "a").read_text() == "before"


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o444, 0o640, 0o755])
def test_a_file_keeps_its_mode(tmp_path, mode):
    path = tmp_path / "a"
    path.write_text("before")
    path.chmod(mode)
    with replacing(path) as beside:
        assert stat.S_IMODE(beside.stat().st_mode) == 0o600  # for no other eyes, even while it is written
        beside.write_text("after")
    assert stat.S_IMODE(path.stat().st_mode) == mode
    assert path.read_text() == "after"


def test_a_new_file_has_the_mode_of_any_other(tmp_path):
    (tmp_path / "ordinary").write_text("")
    write(tmp_path / "new", "")
    assert (tmp_path / "new").stat().st_mode == (tmp_path / "ordinary").stat().st_mode


def test_a_symbolic_link_remains_one(tmp_path):
    for folder in ("here", "there"):
        (tmp_path / folder).mkdir()
    link, target = tmp_path / "here" / "link", tmp_path / "there" / "a"
    link.symlink_to("../there/a")
    for text in ("new", "over it"):
        write(link, text)
        assert link.is_symlink()
        assert target.read_text() == text
    assert (names(tmp_path / "here"), names(tmp_path / "there")) == (["link"], ["a"])
    link.unlink()
    link.symlink_to("nowhere/a")
    with pytest.raises(FileNotFoundError, match=r"there is no folder .*nowhere' to write 'a' to"):
        write(link, "")


def test_files_are_written_on_systems_without_locks(tmp_path, monkeypatch):
    def none(*args):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", none)
    (tmp_path / ".a.0.part").write_text("may be another's")
    write(tmp_path / "a", "whole")
    assert names(tmp_path) == [".a.0.part", "a"]
    monkeypatch.setattr("rnnbp.runtime.files.fcntl", None)
    write(tmp_path / "a", "again")
    assert (tmp_path / "a").read_text() == "again"


# ---- paths --------------------------------------------------------------------------------------


def test_paths_that_cannot_be_written_are_refused(tmp_path):
    (tmp_path / "file").write_text("")
    os.mkfifo(tmp_path / "pipe")
    for error, path, message in (
        (FileNotFoundError, "no/a", r"^save: there is no folder '.*no' to write 'a' to$"),
        (NotADirectoryError, "file/a", r"^save: '.*file' is a file, not a folder to write 'a' to$"),
        (IsADirectoryError, ".", r"^save must name a file, and '.*' is a folder$"),
        (OSError, "pipe", r"^save must name an ordinary file, and '.*pipe' is a device$"),
    ):
        with pytest.raises(error, match=message):
            check_target("save", tmp_path / path)
        with pytest.raises(error), replacing(tmp_path / path):
            raise AssertionError("the block is not entered")
    check_target("save", tmp_path / "new")
    check_target("save", tmp_path / "file")
    check_target("save", "in_the_working_folder")
    assert names(tmp_path) == ["file", "pipe"]


def test_folders_that_cannot_be_created_are_refused(tmp_path):
    (tmp_path / "file").write_text("")
    for path in ("file", "file/in/it"):
        with pytest.raises(NotADirectoryError, match=r"^output must name a folder, and '.*file' is a file$"):
            check_target_folder("output", tmp_path / path)
    for path in ("", "new", "new/in/it"):
        check_target_folder("output", tmp_path / path)
    assert names(tmp_path) == ["file"]


def test_folders_without_permission_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write anywhere
    with pytest.raises(PermissionError, match=r"^save: the folder '.*' may not be written to$"):
        check_target("save", tmp_path / "a")
    with pytest.raises(PermissionError, match=r"^output: the folder '.*' may not be written to$"):
        check_target_folder("output", tmp_path / "a")
