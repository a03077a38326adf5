"""Mutated files are read or refused: nothing else happens; `run.py` tries as many as one likes."""

import os
from pathlib import Path

import pytest
from fuzz_harness import Guard, Reader, attempt, campaign
from fuzz_readers import READERS, installed

INPUTS = 500


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name.replace(" ", "-"))
@pytest.mark.filterwarnings("ignore")  # the harness looks at warnings itself
def test_a_mutated_file_is_read_or_refused(reader, tmp_path):
    if not installed(reader):
        pytest.skip(f"{', '.join(reader.needs)} is not installed")
    tally = campaign(reader, tmp_path, INPUTS)
    assert not tally.faults, "\n".join(f"{origin}: {wrong}" for origin, wrong, _ in tally.faults[:5])
    assert tally.inputs == INPUTS
    assert tally.refused > INPUTS // 10 or reader.name == "nettalk list"  # of words, among any text


def faulty(read) -> Reader:
    return Reader("faulty", "a.bin", lambda folder: [b"whole"], read, check)


def check(value) -> None:
    assert value != "wrong"


def raising(error):
    def read(path):
        raise error

    return read


def opening(path):
    os.open("/etc/hostname", os.O_RDONLY)


FAULTS = {
    "another error": (raising(KeyError("a")), "KeyError"),
    "an assertion": (raising(AssertionError("a.bin")), "AssertionError"),
    "deep recursion": (raising(RecursionError("a.bin")), "RecursionError"),
    "no name": (raising(ValueError("damaged")), "does not name a.bin"),
    "undecoded": (raising(UnicodeDecodeError("utf-8", b"a", 0, 1, "a.bin")), "is not explained"),
    "memory": (lambda path: bytearray(2**40), "MemoryError"),
    "some memory": (lambda path: bytearray(2**22), "bytes for"),
    "time": (lambda path: sum(range(10**8)), "takes"),
    "another file": (opening, "escapes: opens '/etc/hostname'"),
    "another folder": (lambda path: list(Path("/etc").iterdir()), "escapes: os.listdir"),
    "a file beside the folder": (lambda path: (path.parents[1] / "b").write_text("a"), "to write"),
    "a program": (lambda path: os.system("true"), "escapes: os.system"),
    "code": (lambda path: exec(compile("1", "<file>", "exec")), "escapes: runs code"),
    "a wrong value": (lambda path: "wrong", "is loaded and not valid"),
}


@pytest.mark.parametrize(("read", "message"), FAULTS.values(), ids=FAULTS)
def test_the_harness_finds_each_kind_of_fault(read, message, tmp_path):
    from fuzz_harness import limits

    path = tmp_path / "case" / "a.bin"
    path.parent.mkdir()
    with limits():
        kind, wrong, _, _ = attempt(faulty(read), b"data", path, measure=message == "bytes for")
    assert kind == "fault"
    assert message in wrong


def test_the_guard_watches_within_its_context_alone(tmp_path):
    with Guard.get().over(tmp_path) as seen:
        (tmp_path / "a").write_text("a")
    list(Path("/etc").iterdir())
    assert seen == []


def test_the_same_seed_gives_the_same_inputs(tmp_path):
    seen: list[list[bytes]] = [[], []]
    for number, found in enumerate(seen):
        folder = tmp_path / str(number)
        folder.mkdir()
        reader = Reader("same", "a", lambda folder: [b"one two three"], lambda path, found=found: found.append(
            path.read_bytes()), lambda value: None)  # fmt: skip
        campaign(reader, folder, 50)
    assert seen[0] == seen[1]
    assert len({*seen[0]}) > 30
