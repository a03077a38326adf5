"""No shell sees a user's string, no pickle is read from a file, and nothing but `download` opens a connection."""

import ast
import sys
from functools import cache
from pathlib import Path

import pytest

import rnnbp
from rnnbp.applications.nettalk import espeak
from rnnbp.datasets.download import download
from rnnbp.datasets.registry import REGISTRY

PACKAGE = Path(rnnbp.__file__).parent
PROGRAMS = {"applications/nettalk/espeak.py", "benchmark/suite/busy.py"}  # start a program, by a list of arguments
CODE = {"kernels/compiled/modules.py", "cells/declared/derivation.py"}  # run code that the package has generated
PICKLE = {"runtime/packing.py", "runtime/parallel.py"}  # between a process and its own workers
FORBIDDEN = {
    *("os.system", "os.popen", "os.startfile", "subprocess.getoutput", "subprocess.getstatusoutput", "pty.spawn"),
    *("asyncio.create_subprocess_shell", "eval", "input", "__import__", "torch.load", "joblib.load", "pickle.load"),
    *("pandas.read_pickle", "pd.read_pickle", "marshal.loads", "marshal.load", "shelve.open", "yaml.load", "np.load"),
}


@cache
def calls() -> list[tuple[str, str, ast.Call]]:
    """Return the file, the name of what is called, and the call, of every call in the package."""
    return [
        (path.relative_to(PACKAGE).as_posix(), ast.unparse(node.func), node)
        for path in sorted(PACKAGE.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
    ]


def test_no_call_runs_a_shell_or_reads_a_pickle():
    found = [(file, name) for file, name, _ in calls() if name in FORBIDDEN]
    assert found == []


def test_programs_are_started_by_lists_of_arguments():
    for file, name, call in calls():
        assert not any(word.arg == "shell" for word in call.keywords), f"{file}: {name}"
        if name.startswith("subprocess."):
            assert file in PROGRAMS, file
            assert isinstance(call.args[0], ast.List | ast.Name), ast.unparse(call)


def test_code_is_run_where_the_package_generates_it_and_nowhere_else():
    assert {file for file, name, _ in calls() if name in ("exec", "compile")} <= CODE
    assert {file for file, name, _ in calls() if name.startswith(("pickle.", "cloudpickle."))} <= PICKLE


def test_numpy_never_takes_a_pickle():
    for file, name, call in calls():
        for word in call.keywords:
            if word.arg == "allow_pickle":
                assert ast.unparse(word.value) == "False", f"{file}: {name}"


def test_connections_are_opened_by_downloads_alone():
    for path in sorted(PACKAGE.rglob("*.py")):
        file = path.relative_to(PACKAGE).as_posix()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            modules = [node.module] if isinstance(node, ast.ImportFrom) else []
            modules += [one.name for one in node.names] if isinstance(node, ast.Import) else []
            for module in filter(None, modules):
                outward = module.startswith(
                    ("urllib.request", "http.client", "socket", "requests", "ftplib", "smtplib")
                )
                assert not outward or file == "datasets/download.py", f"{file}: {module}"


HOSTILE = ("$(touch canary)", "`id`", "; id", "| id", '" --help', "-w/etc/passwd", "a\nb", "<script>")


@pytest.mark.parametrize("text", HOSTILE)
def test_the_text_to_speak_is_no_argument_of_the_program(text, monkeypatch):
    started = []

    def run(command, **options):
        started.append((command, options))
        raise RuntimeError("not run")

    monkeypatch.setattr(espeak.shutil, "which", lambda name: "/usr/bin/espeak-ng")
    monkeypatch.setattr(espeak.subprocess, "run", run)
    with pytest.raises(RuntimeError, match="not run"):
        espeak.sound([text, ("HH", "AH0")])
    ((command, options),) = started
    assert isinstance(command, list)
    assert not any(text in part for part in command)
    assert not options.get("shell")
    assert text.strip() in options["input"]


def test_nothing_is_started_when_models_are_saved_loaded_and_shown(tmp_path):
    events = []
    watching = True

    def hook(event, arguments):
        if watching and event.startswith(("subprocess.", "os.system", "os.exec", "os.posix_spawn", "socket.connect")):
            events.append(event)

    sys.addaudithook(hook)
    model = rnnbp.Sequential(rnnbp.Elman(2, 3), rnnbp.Last(), rnnbp.Dense(3, 2), seed=0)
    model.classes, model.info = ("$(id)", "`id`"), {"dataset": "; rm -rf x"}
    model.save(tmp_path / "$(id).npz")
    loaded = rnnbp.load(tmp_path / "$(id).npz")
    loaded._repr_html_(), repr(loaded), loaded.summary()
    watching = False
    assert events == []
    assert loaded.classes == ["$(id)", "`id`"] or loaded.classes == ("$(id)", "`id`")


@pytest.mark.parametrize("name", REGISTRY)
def test_downloads_are_by_https_with_a_limit_and_a_checksum_or_a_reason_for_none(name):
    remote = REGISTRY[name]
    assert remote.address.startswith("https://")
    assert 0 < remote.most_bytes <= 5 * 2**30
    assert remote.sha256 is not None or remote.unchecked


@pytest.mark.parametrize("address", ["http://example.org/a.zip", "ftp://example.org/a", "file:///etc/passwd", "a", ""])
def test_other_addresses_are_refused(address, tmp_path):
    with pytest.raises(ValueError, match="address must begin with https://"):
        download(address, tmp_path / "a", sha256=None, most_bytes=10)
    assert list(tmp_path.iterdir()) == []
