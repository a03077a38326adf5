"""Trainings that are killed at random moments and resumed end with the bits of those that are not."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
MEMORY = Path("/dev/shm")  # where waiting for the disk takes no time


def killed(kills: int, *options: str, folder: Path) -> str:
    """Return the table of trainings that are killed in a process of its own, which has one thread and forks."""
    command = [sys.executable, str(HERE / "run.py"), "--kills", str(kills), *options]
    own = str(MEMORY if os.access(MEMORY, os.W_OK) else folder)
    environment = os.environ | {"TMPDIR": own, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    found = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr
    return found.stdout


@pytest.mark.skipif(not hasattr(os, "fork"), reason="trainings are forked")
def test_killed_trainings_end_with_the_bits_of_those_that_are_not(tmp_path):
    table = killed(44, "--seed", "3", folder=tmp_path)
    trainings, resumed = map(int, re.search(r"of (\d+) trainings, (\d+) resumed, 0 lost", table).groups())
    assert table.count("same bits") == trainings >= 40
    assert resumed >= 10
