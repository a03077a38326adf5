"""Imports point downwards, optional libraries are imported where called, and public names are documented."""

import ast
import inspect
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import pytest

import rnnbp

PACKAGE = Path(rnnbp.__file__).parent
CORE = {"numpy", "scipy", "pandas"}
# Files that functions import, of what is written in the terms of an optional package.
WRITTEN_IN = {
    "rnnbp.kernels.compiled.": {"numba", "llvmlite"},
    "rnnbp.losses.ctc_compiled": {"numba", "llvmlite"},
    "rnnbp.metrics.edits_compiled": {"numba", "llvmlite"},
    "rnnbp.interop.pytorch.torch_layers": {"torch"},
    "rnnbp.interop.pytorch.torch_modules": {"torch"},
    "rnnbp.estimators.scikit": {"sklearn"},  # its base classes, of which estimators are subclasses
    "rnnbp.estimators.aeon": {"aeon"},
}

# The rooms from top to bottom: a file imports from its own room and from those below it.
ROOMS = (
    *("reference", "cli", "reproduction", "applications"),
    *("comparison", "benchmark", "estimators", "interop", "diagnostics", "reservoirs", "training"),
    *("gradients", "models", "layers", "losses", "optimizers", "metrics", "kernels", "solvers", "datasets", "cells"),
    *("decoding", "features", "audio", "data", "plotting", "core", "runtime"),
)


class Import(NamedTuple):
    """One imported name: its file and line, the module it is from, and whether it is imported within a function."""

    file: str
    line: int
    importer: str
    module: str
    at_import: bool

    def __str__(self) -> str:
        return f"{self.file}:{self.line} imports {self.module}"


FILES = {
    ".".join(("rnnbp", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}


def exports_of(face: str) -> dict[str, str]:
    """Return the files of a package's public names, as its stub lists them: by 'package.name'."""
    stub = FILES[face].with_suffix(".pyi")
    statements = ast.parse(stub.read_text(encoding="utf-8")).body if stub.exists() else []
    return {
        f"{face}.{alias.name}": str(node.module)
        for node in statements
        if isinstance(node, ast.ImportFrom) and node.module != face
        for alias in node.names
    }


# The package's own names are left out: a room that imports one of them imports the package, which is above it.
EXPORTS = {name: file for face in FILES if face != "rnnbp" for name, file in exports_of(face).items()}


def imports_of(module: str) -> list[Import]:
    """Return every import of a module, those inside functions and those for type checkers included."""
    path, found = FILES[module], list[Import]()

    def visit(node: ast.AST, at_import: bool) -> None:
        if isinstance(node, ast.Import | ast.ImportFrom):
            file = str(path.relative_to(PACKAGE.parent))
            found.extend(Import(file, node.lineno, module, name, at_import) for name in imported_by(node))
        types_only = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        if types_only or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            at_import = False
        for child in ast.iter_child_nodes(node):
            if not isinstance(child, ast.expr):  # which holds no import
                visit(child, at_import)

    visit(ast.parse(path.read_text(encoding="utf-8")), True)
    return found


def imported_by(statement: ast.Import | ast.ImportFrom) -> list[str]:
    """Return the modules that an import statement names: files rather than the packages that export from them."""
    if isinstance(statement, ast.Import):
        return [alias.name for alias in statement.names]
    assert not statement.level, f"imports are absolute: {ast.unparse(statement)}"
    below = [f"{statement.module}.{alias.name}" for alias in statement.names]
    return [name if name in FILES else EXPORTS.get(name, str(statement.module)) for name in below]


IMPORTS = [found for module in FILES for found in imports_of(module)]
OWN = [i for i in IMPORTS if i.module.partition(".")[0] == "rnnbp"]


def room(module: str) -> str:
    """Return the first name below the package; '' for the package itself."""
    return module.partition(".")[2].partition(".")[0]


def listed(offenders: list[Import]) -> str:
    """Return the offending imports as text, one a line."""
    return "\n".join(["", *map(str, offenders)])


def upward(edges: list[Import]) -> list[Import]:
    """Return the imports from a package above the importer's."""
    place = {name: float(number) for number, name in enumerate(ROOMS)}
    place |= {"__main__": -1.0, "": 2.5}  # only the first three rooms stand above the package's own face
    return [i for i in edges if place[room(i.importer)] > place[room(i.module)]]


def cycle(edges: list[Import]) -> list[str]:
    """Return the modules of a cycle of imports, or an empty list."""
    below: dict[str, set[str]] = {}
    for edge in edges:
        if edge.module in FILES and edge.module != edge.importer:
            below.setdefault(edge.importer, set()).add(edge.module)
    finished: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> list[str]:
        if module in path:
            return [*path[path.index(module) :], module]
        if module not in finished:
            for name in sorted(below.get(module, ())):
                if found := visit(name, (*path, module)):
                    return found
            finished.add(module)
        return []

    return next((found for module in FILES if (found := visit(module, ()))), [])


def test_every_file_is_in_a_package_of_the_layout():
    strangers = [name for name in FILES if room(name) not in {"", "__main__", *ROOMS}]
    assert not strangers, f"put them in a room of ROOMS: {strangers}"


def test_imports_point_downwards_without_cycles():
    assert not upward(OWN), listed(upward(OWN))
    assert not cycle(OWN), " > ".join(cycle(OWN))


def test_upward_imports_and_cycles_are_detected():
    up = Import("rnnbp/core/parameters.py", 1, "rnnbp.core.parameters", "rnnbp.training.trainer", False)
    assert upward([*OWN, up]) == [up]
    back = Import("rnnbp/data/batch.py", 1, "rnnbp.data.batch", "rnnbp.data.dataset", False)
    assert {"rnnbp.data.batch", "rnnbp.data.dataset"} <= set(cycle([*OWN, back]))


def test_an_import_from_a_package_is_one_from_the_file_that_defines_the_name():
    statement = ast.parse("from rnnbp.data import SequenceDataset, dataset").body[0]
    assert isinstance(statement, ast.ImportFrom)
    assert imported_by(statement) == ["rnnbp.data.dataset", "rnnbp.data.dataset"]


def test_optional_and_slow_packages_are_imported_within_functions():
    always = CORE | set(sys.stdlib_module_names) | {"rnnbp"}

    def allowed(importer: str) -> set[str]:
        return always.union(*(packages for start, packages in WRITTEN_IN.items() if importer.startswith(start)))

    offenders = [i for i in IMPORTS if i.at_import and i.module.partition(".")[0] not in allowed(i.importer)]
    assert not offenders, listed(offenders)


def brought_by(code: str) -> set[str]:
    """Return the modules that `code` loads in a new interpreter."""
    script = (
        f"import json, sys; before = set(sys.modules); {code}; print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    command = [sys.executable, "-c", script]
    result = subprocess.run(command, capture_output=True, text=True, check=True, cwd=PACKAGE.parent)
    return set(json.loads(result.stdout))


def test_importing_the_package_loads_no_subpackage():
    brought = brought_by("import rnnbp")
    assert {name.partition(".")[0] for name in brought} <= {"rnnbp", *sys.stdlib_module_names}
    assert {room(name) for name in brought if name.startswith("rnnbp")} == {"", "runtime"}


def test_the_room_of_estimators_loads_scikit_learn_only_for_an_estimator():
    assert "sklearn" not in brought_by("import rnnbp, rnnbp.estimators; rnnbp.estimators.__all__")
    assert "sklearn" in brought_by("import rnnbp; rnnbp.estimators.SequenceClassifier")


def test_using_a_layer_loads_neither_plots_nor_applications():
    brought = brought_by("import numpy, scipy, pandas; before = set(sys.modules); import rnnbp; rnnbp.LSTM(2, 3)")
    assert {name.partition(".")[0] for name in brought} <= {"rnnbp", *CORE, *sys.stdlib_module_names}
    assert not {"cli", "applications", "comparison", "training", "plotting", "audio"} & set(map(room, brought))


# ---- what is public -----------------------------------------------------------------------------

FACES = [name for name, path in FILES.items() if path.with_suffix(".pyi").exists()]
PUBLIC_FILES = ["rnnbp.core.initializers", "rnnbp.optimizers.schedules"]  # rnnbp.initializers and rnnbp.schedules


@pytest.mark.parametrize("face", FACES + PUBLIC_FILES)
def test_dir_lists_the_public_names_only(face):
    module = sys.modules.get(face) or __import__(face, fromlist=["*"])
    assert dir(module) == sorted(set(module.__all__))
    assert len(dir(module)) == len(module.__all__)
    for name in module.__all__:
        path = FILES.get(f"{face}.{name}")
        value = getattr(module, name)
        assert path is None or isinstance(value, ModuleType), f"{face}.{name} is both a file and something in a file"


@pytest.mark.parametrize("face", FACES)
def test_no_public_name_equals_that_of_its_file(face):
    """Once the file is imported, the module would hide the name."""
    for node in ast.parse(FILES[face].with_suffix(".pyi").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                assert node.module == face or f"{face}.{alias.asname or alias.name}" not in FILES


def test_an_unknown_name_suggests_the_nearest_one():
    with pytest.raises(AttributeError, match=r"module 'rnnbp' has no attribute 'LTSM'\. Did you mean 'LSTM'\?"):
        _ = rnnbp.LTSM


@pytest.mark.parametrize("name", rnnbp.__all__)
def test_public_names_are_documented(name):
    thing = getattr(rnnbp, name)
    text = inspect.getdoc(thing) or ""
    assert text, f"{name} has no docstring"
    if not isinstance(thing, ModuleType):
        assert "Examples\n--------" in text, f"{name} has no example"
        assert ">>>" in text
    if inspect.isclass(thing):
        for member, value in vars(thing).items():
            if not member.startswith("_") and (inspect.isfunction(value) or isinstance(value, property)):
                assert inspect.getdoc(getattr(thing, member)), f"{name}.{member} has no docstring"
