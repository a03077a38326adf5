"""Fixtures that run the command line."""

import shlex

import pytest

from rnnbp.cli import main as cli


@pytest.fixture
def rnn(capsys):
    """Run a command that succeeds; return what it printed."""

    def run(line: str) -> str:
        status = cli.main(shlex.split(line))
        out, err = capsys.readouterr()
        assert status == 0, err
        return out

    return run


@pytest.fixture
def refused(capsys):
    """Run a command that fails; return its message, which is one line."""

    def run(line: str) -> str:
        assert cli.main(shlex.split(line)) == 2
        out, err = capsys.readouterr()
        assert not out
        assert err.startswith("rnnbp: error: ")
        assert err.count("\n") == 1
        return err

    return run
