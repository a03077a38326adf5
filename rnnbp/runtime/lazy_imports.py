"""Load a package's public names on first use (PEP 562), as its stub `__init__.pyi` lists them."""

import ast
import difflib
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any


def attach(package: str, file: str) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Return a package's ``__getattr__``, ``__dir__`` and ``__all__`` from the imports in its stub.

    The stub is the only list of public names: type checkers and editors read it, and so does this function. A line
    ``from package import name as name`` stands for a submodule.

    Parameters
    ----------
    package : str
        ``__name__`` of the package.
    file : str
        ``__file__`` of the package.

    Examples
    --------
    >>> import rnnbp
    >>> "LSTM" in dir(rnnbp), rnnbp.LSTM.__name__
    (True, 'LSTM')
    """
    stub = ast.parse(Path(file).with_suffix(".pyi").read_text(encoding="utf-8"))
    source = {
        alias.asname or alias.name: (str(node.module), alias.name)
        for node in stub.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }

    def load(name: str) -> Any:
        if name not in source:
            close = difflib.get_close_matches(name, source, 1)
            hint = f". Did you mean {close[0]!r}?" if close else ""
            raise AttributeError(f"module {package!r} has no attribute {name!r}{hint}")
        module, original = source[name]
        if module == package:
            return import_module(f"{package}.{original}")
        value = getattr(import_module(module), original)
        vars(import_module(package))[name] = value  # found without this function from now on
        return value

    return load, lambda: sorted(source), sorted(source)
