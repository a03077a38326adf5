"""Names from files are printed to a terminal without its commands, and to files as they are."""

import io
import sys

import pytest

from rnnbp.cli.output import printing_safely
from rnnbp.cli.ranks import print_error


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("kind", "printed"),
    [(Terminal, "no\\x1b[2J \\x9b \\u202e\té\n"), (io.StringIO, "no\x1b[2J \x9b \u202e\té\n")],
)
def test_control_characters_are_escaped_on_a_terminal_alone(kind, printed, monkeypatch):
    out = kind()
    monkeypatch.setattr(sys, "stdout", out)
    with printing_safely():
        print("no\x1b[2J \x9b \u202e\té")
    assert out.getvalue() == printed


def test_control_characters_are_escaped_in_errors(capsys):
    print_error("rnnbp: error: no class 'a\x1b]0;b\x07'")
    assert capsys.readouterr().err == "rnnbp: error: no class 'a\\x1b]0;b\\x07'\n"
