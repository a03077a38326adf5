"""Modules of generated source: written to a cache folder of the user and imported, so that Numba can cache them."""

import hashlib
import logging
import os
import sys
from functools import lru_cache
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

from rnnbp.cells.declared.compiled_module import module_source
from rnnbp.cells.declared.compiled_plan import Plan
from rnnbp.runtime import replacing

log = logging.getLogger("rnnbp")


def folder() -> Path:
    """Return the folder of generated modules: ``kernels`` in NUMBA_CACHE_DIR, else in the user's cache of rnnbp."""
    own = os.environ.get("NUMBA_CACHE_DIR")
    if own:
        return Path(own) / "kernels"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rnnbp" / "kernels"


@lru_cache(maxsize=64)
def module_of(plan: Plan) -> ModuleType:
    """Return the imported module for a plan; it is compiled when its functions are called."""
    source = module_source(plan)
    name = f"{plan.program.equation.graph.owner}_{hashlib.sha256(source.encode()).hexdigest()[:16]}"
    try:
        path = written(folder() / f"{name}.py", source)
    except OSError as error:
        log.warning("rnnbp cannot cache generated kernels, and compiles them in every process: %s", error)
        return _executed(name, source)
    loader = SourceFileLoader(f"rnnbp_kernel_{name}", str(path))
    module = ModuleType(loader.name)
    module.__file__ = str(path)
    sys.modules[loader.name] = module  # where Numba looks for it when it loads what it cached
    loader.exec_module(module)
    return module


def written(path: Path, source: str) -> Path:
    """Write a file, unless it is there, in one piece: other processes see it whole or not at all."""
    if not path.exists() or path.read_bytes() != source.encode():
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as beside:
            beside.write_text(source, encoding="utf-8")
    return path


def _executed(name: str, source: str) -> ModuleType:
    module = ModuleType(name)
    exec(compile(source, f"<{name}>", "exec"), vars(module))
    return module
