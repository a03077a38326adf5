"""Imports point downwards, optional ones wait for the call that needs them, and what is public is documented."""

import ast
import inspect
import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

import rnnbp

PACKAGE = Path(rnnbp.__file__).parent
CORE = {"numpy", "scipy", "pandas"}
COMPILER = {"numba", "llvmlite"}
COMPILED = ("rnnbp.kernels.compiled.", "rnnbp.losses.ctc_compiled")  # modules that are themselves imported by a call

# The layout, top to bottom: a module may import what stands below it, and its own package's modules.
ORDER = [
    *("__main__", "cli", "cli_bench", "cli_gradients", "cli_nettalk", "cli_speak", "cli_speakers", "cli_transcribe"),
    *("cli_arguments", "cli_interrupts", ""),  # "" is the package itself
    *("transcription", "robustness", "speakers", "reading"),
    *("benchmark", "plotting_benchmark", "compare", "contestants", "estimators", "report"),
    *("report_page", "report_settings", "workers", "worker_process"),
    *("training", "training_parts", "checkpoints", "training_state", "epochs", "evaluation", "streams"),
    *("stopping", "progress"),
    *("certificate", "diagnostics", "plotting_gradients", "plotting_pictures", "plotting", "interop"),
    *("gradients", "schedules", "clipping", "optimizers", "history"),
    *("models", "prediction", "losses", "decoding", "error_rates", "metrics"),
    *("layers", "kernels", "contraction", "solvers", "cells", "initializers", "activations"),
    *("datasets", "drawn", "data", "sequences", "standardizer", "frames", "parts", "batches", "class_names", "checked"),
    *("batch_fields", "targets", "label_sequences", "categories"),
    "features",
    *("moments", "held", "audio", "lazy"),
    "sums",
    *("params", "masks", "config", "storage", "files", "threads", "workspace", "_sources", "descriptions", "_checks"),
]

FILES = sorted(PACKAGE.rglob("*.py"))
NAMES = [".".join(("rnnbp", *path.relative_to(PACKAGE).with_suffix("").parts)) for path in FILES]
MODULES = {name.removesuffix(".__init__"): path for name, path in zip(NAMES, FILES, strict=True)}


def place(module: str) -> str:
    """Where in the layout a module belongs: the first name below the package."""
    return module.partition(".")[2].partition(".")[0]


@cache
def statements(module: str) -> list[tuple[ast.Import | ast.ImportFrom, bool]]:
    """All imports of a module, those for type checkers left out; and whether they stand at the top level."""
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            node.body = []
    inside = {
        id(inner)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for inner in ast.walk(function)
    }
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    return [(node, id(node) not in inside) for node in imports]


def imported(node: ast.Import | ast.ImportFrom) -> list[str]:
    """The modules an import statement names: `from rnnbp import cells` is `rnnbp.cells`."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    assert not node.level, "imports are absolute"
    inner = [f"{node.module}.{alias.name}" for alias in node.names]
    return [name if name in MODULES else str(node.module) for name in inner]


def own_imports(module: str) -> set[str]:
    """What a module imports of the package."""
    found = {name for node, _ in statements(module) for name in imported(node)}
    return {name for name in found if name == "rnnbp" or name.startswith("rnnbp.")}


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_downwards(module):
    assert place(module) in ORDER, f"{module} has no place in the layout yet: put it in ORDER"
    for name in own_imports(module):
        if place(name) != place(module):
            assert ORDER.index(place(name)) > ORDER.index(place(module)), f"{module} imports {name}, which is above it"


def test_no_module_imports_itself_in_a_circle():
    finished: set[str] = set()

    def visit(module: str, way: tuple[str, ...]) -> None:
        assert module not in way, " > ".join((*way, module))
        if module not in finished:
            for name in sorted(own_imports(module) & MODULES.keys()):
                visit(name, (*way, module))
            finished.add(module)

    for module in MODULES:
        visit(module, ())


@pytest.mark.parametrize("module", MODULES)
def test_only_the_core_is_imported_at_the_top_level(module):
    """Everything else waits for the call that needs it."""
    for node, at_top in statements(module):
        for name in imported(node):
            root = name.partition(".")[0]
            if at_top and root != "rnnbp":
                allowed = CORE | sys.stdlib_module_names | (COMPILER if module.startswith(COMPILED) else set())
                assert root in allowed, f"{module} imports {name} when it is imported"


def test_a_fresh_import_brings_only_the_core():
    """And of SciPy nothing but what `import scipy` loads: its parts take longer to load than this package."""
    code = (
        "import json, sys, numpy, scipy, pandas; before = set(sys.modules); import rnnbp; "
        "print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, capture_output=True, text=True, check=True, cwd=PACKAGE.parent)
    brought = {name.partition(".")[0] for name in json.loads(result.stdout)}
    assert brought <= {"rnnbp", *sys.stdlib_module_names}


# ---- what is public -----------------------------------------------------------------------------


def test_all_is_what_the_package_shows():
    shown = {n for n, v in vars(rnnbp).items() if not n.startswith("_") and not isinstance(v, ModuleType)}
    modules = {n for n in rnnbp.__all__ if isinstance(getattr(rnnbp, n), ModuleType)}
    assert shown == set(rnnbp.__all__) - modules
    assert len(set(rnnbp.__all__)) == len(rnnbp.__all__)


@pytest.mark.parametrize("name", rnnbp.__all__)
def test_what_is_public_is_documented(name):
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
