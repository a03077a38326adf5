"""The public API as text: `python tests/api/snapshot.py` writes public.txt anew.

One line for each public name, its methods and properties, and each option of the commands, with the signature as the
source writes it, so that all versions of Python and NumPy print the same.
"""

import argparse
import ast
import inspect
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from rnnbp.cli.main import parser
from rnnbp.reference.members import members
from rnnbp.reference.names import public_classes, public_names, public_rooms

FILE = Path(__file__).parent / "public.txt"
Node = ast.ClassDef | ast.FunctionDef


def snapshot() -> str:
    """Return the lines of the public API, sorted."""
    return "\n".join(sorted({*names(), *aliases(), *commands(parser(), "$ rnnbp")})) + "\n"


def names() -> Iterator[str]:
    """Yield each public name once, under its shortest dotted name, and the members of classes."""
    for found in public_names():
        value = found.value
        if inspect.isclass(value):
            bases = [base.__name__ for base in value.__bases__ if base is not object and base.__name__ != "Generic"]
            yield f"{found.name}: class {', '.join(bases)}".rstrip()
            if made := constructor(value):
                yield f"{found.name}{made}"
            yield from (f"{found.name}.{line}" for line in own_members(value))
        else:
            yield f"{found.name}{of_function(value) if inspect.isfunction(value) else f': {type(value).__name__}'}"


def aliases() -> Iterator[str]:
    """Yield where else a public name is found."""
    rooms = {room.name for room in public_rooms()} | {"rnnbp"}
    for found in public_names():
        for alias in found.aliases[1:]:
            if alias.rpartition(".")[0] in rooms:
                yield f"{alias} is {found.name}"
    yield from (f"{name}: module" for name in rooms)


def own_members(cls: type) -> Iterator[str]:
    """Yield methods and properties, but for those inherited from another public class."""
    for member in members(cls):
        owner = next(base for base in cls.__mro__ if member.name in vars(base))
        if owner is not cls and owner in public_classes():
            continue
        function = getattr(member.value, "__func__", getattr(member.value, "fget", None)) or getattr(
            member.value, "func", member.value
        )
        text = of_function(function)
        if isinstance(member.value, classmethod | staticmethod):
            yield f"{member.name}: {type(member.value).__name__} {text}"
        elif inspect.isfunction(member.value):
            yield f"{member.name}{text}"
        else:
            yield f"{member.name}: property{text.partition(')')[2]}"


def constructor(cls: type) -> str:
    """Return the parameters of a class's constructor, or an empty string where it has none of its own."""
    owner = next(base for base in cls.__mro__ if "__init__" in vars(base) or "_fields" in vars(base))
    if owner.__module__.partition(".")[0] != "rnnbp" or getattr(cls, "_is_protocol", False):
        return ""
    if isinstance(written := vars(owner).get("__init__"), type(snapshot)) and source_of(written):
        return of_function(written)
    parameters, starred = [], False
    for name, parameter in inspect.signature(owner).parameters.items():
        if parameter.kind is parameter.KEYWORD_ONLY and not starred:
            starred = True
            parameters.append("*")
        parameters.append(field(owner, name))
    return f"({', '.join(parameters)})"


def field(cls: type, name: str) -> str:
    """Return the field of a dataclass or named tuple as the class that has it last writes it."""
    for base in cls.__mro__:
        node = source_of(base)
        for statement in node.body if node else ():
            if isinstance(statement, ast.AnnAssign) and ast.unparse(statement.target) == name:
                return ast.unparse(statement)
    return name


def of_function(function: Any) -> str:
    """Return the parameters and the result of a function as its source writes them."""
    node = source_of(inspect.unwrap(function))
    if not isinstance(node, ast.FunctionDef):
        return "(...)"
    arguments = ast.unparse(node.args)
    return f"({arguments}){f' -> {ast.unparse(node.returns)}' if node.returns else ''}"


def source_of(value: Any) -> Node | None:
    """Return the syntax tree of a function or class of this package."""
    module = sys.modules.get(getattr(value, "__module__", ""))
    return tree(module).get(value.__qualname__) if module and module.__name__.startswith("rnnbp") else None


@cache
def tree(module: ModuleType) -> dict[str, Node]:
    """Return the functions and classes of a file by qualified name."""
    found: dict[str, Node] = {}

    def visit(node: ast.AST, path: str) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, Node):
                found[f"{path}{child.name}"] = child
                visit(child, f"{path}{child.name}.")

    visit(ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8")), "")
    return found


def commands(of: argparse.ArgumentParser, name: str) -> Iterator[str]:
    """Yield the arguments of a command and of its subcommands."""
    for action in of._actions:
        if isinstance(action, argparse._SubParsersAction):
            for each, sub in action.choices.items():
                yield from commands(sub, f"{name} {each}")
        elif not isinstance(action, argparse._HelpAction):
            options = " ".join(action.option_strings) or action.dest
            taken = f" {{{','.join(map(str, action.choices))}}}" if action.choices else ""
            yield f"{name} {options}{taken} = {action.default}"
    yield name


if __name__ == "__main__":
    FILE.write_text(snapshot(), encoding="utf-8")
