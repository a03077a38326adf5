"""Mutation testing changes what a function computes, one place at a time, and nothing that is for readers only."""

import ast
import sys
from importlib import import_module

import pytest
from mutation import run
from mutation.mutants import Live, mutants_of
from mutation.run import Outcomes, interval

SOURCE = '''
"""Module of 1 function."""
LIMIT = 3

def clipped(value: int = 1, least=-2) -> int:
    """Return 0 < value."""
    if value < least and not value > LIMIT:
        raise ValueError(f"{value + 1} is less than {least}")
    total = [value, 5]
    total[0] += 1
    return total[0] * 2
'''

CHANGES = {  # what is written in place of what, as Python writes the trees
    "value: int=2",
    "value: int=0",
    "least=-3",
    "least=-1",
    "least=2",
    "if value <= least and (not value > LIMIT):",
    "if value < least or not value > LIMIT:",
    "if value < least and value > LIMIT:",
    "if value < least and (not value >= LIMIT):",
    "if not (value < least and (not value > LIMIT)):",
    "pass",
    "total = [value, 6]",
    "total = [value, 4]",
    "total[0] -= 1",
    "total[0] += 2",
    "total[0] += 0",
    "total[1] += 1",
    "total[-1] += 1",
    "return total[0] / 2",
    "return total[0] * 3",
    "return total[0] * 1",
    "return total[1] * 2",
    "return total[-1] * 2",
    "return None",
}


@pytest.fixture
def module(tmp_path, monkeypatch):
    path = tmp_path / "clipping.py"
    path.write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    yield import_module("clipping")
    del sys.modules["clipping"]


def test_every_operator_number_statement_and_default_is_changed_and_no_text(module, tmp_path):
    before = set(ast.unparse(ast.parse(SOURCE)).splitlines())
    found = []
    for mutant in mutants_of(tmp_path / "clipping.py"):
        changed = [line.strip() for line in ast.unparse(mutant.tree()).splitlines() if line not in before]
        found.append(changed[0].removeprefix("def clipped(").removesuffix(") -> int:") if changed else "")
    shown = {text if "least=" not in text or "value: int=1" not in text else text.split(", ")[1] for text in found}
    assert {text.removesuffix(", least=-2") for text in shown} == CHANGES
    assert len(found) == len(CHANGES) + 1  # two statements may be left out


@pytest.mark.parametrize(("change", "result"), [("return total[0] * 3", 6), ("value: int=2", 6), ("pass", 2)])
def test_a_mutant_is_what_an_imported_function_computes(change, result, module, tmp_path):
    assert module.clipped() == 4
    mutant = [
        one
        for one in mutants_of(tmp_path / "clipping.py")
        if f"+    {change}\n" in one.diff() + "\n" or f"+def clipped({change}" in one.diff()
    ][-1]
    Live().apply(mutant)
    assert module.clipped() == result


def test_an_interrupted_run_goes_on_and_survivors_run_again(module, tmp_path, monkeypatch):
    monkeypatch.setattr(run, "ROOT", tmp_path)
    mutants, path = list(mutants_of(tmp_path / "clipping.py"))[:3], tmp_path / "found.diff"
    first = Outcomes(path, mutants, again=False)
    first.add(0, "killed")
    first.add(1, "survived")
    assert Outcomes(path, mutants, again=False).known == {0: "killed", 1: "survived"}
    assert mutants[1].diff() in path.read_text()
    assert Outcomes(path, mutants, again=True).known == {0: "killed"}
    (tmp_path / "clipping.py").write_text(SOURCE.replace("5", "7"))
    assert Outcomes(path, mutants, again=False).known == {}


def test_the_interval_of_a_rate_is_wilsons():
    assert interval(9, 10) == pytest.approx((0.5958, 0.9821), abs=1e-4)
    assert interval(10, 10)[1] == pytest.approx(1)
