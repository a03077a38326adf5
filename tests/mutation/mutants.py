"""Mutants of a file: its functions with one operator, number, statement or default changed."""

import ast
import copy
import difflib
import functools
import gc
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

from rnnbp.cells.declared import DeclaredCell

COMPARISONS = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
ARITHMETIC = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.MatMult: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitXor: ast.BitAnd,
}
BOOLEAN = {ast.And: ast.Or, ast.Or: ast.And}
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True)
class Mutant:
    """One change of a file.

    Attributes
    ----------
    path : Path
    place : int
        Of the changed node, in the order of `ast.walk`.
    number : int
        Of the change, among those of the node.
    lines : range
        Lines of the statement that is changed: a test that runs none of them cannot notice.
    """

    path: Path
    place: int
    number: int
    lines: range

    def tree(self) -> ast.Module:
        """Return the syntax tree of the changed file."""
        tree = ast.parse(self.path.read_text(encoding="utf-8"))
        parents = parents_of(tree)
        node = list(ast.walk(tree))[self.place]
        replace(node, parents[node], list(changes(node, parents[node]))[self.number])
        return ast.fix_missing_locations(tree)

    def diff(self) -> str:
        """Return the change, as Python writes the trees before and after it."""
        before = ast.unparse(ast.parse(self.path.read_text(encoding="utf-8"))).splitlines(keepends=True)
        after = ast.unparse(self.tree()).splitlines(keepends=True)
        lines = list(difflib.unified_diff(before, after, n=2))[3:]  # its line numbers are those of no file
        return f"{self.path}:{self.lines.start}\n" + "".join(lines)


def mutants_of(path: Path) -> Iterator[Mutant]:
    """Yield every mutant of the functions of a file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    parents = parents_of(tree)
    for place, node in enumerate(ast.walk(tree)):
        above = list(ancestors(node, parents))
        if any(isinstance(one, FUNCTIONS) for one in above) and not excluded([node, *above], parents):
            for number, _ in enumerate(changes(node, parents[node])):
                yield Mutant(path, place, number, lines_of([node, *above]))


def parents_of(tree: ast.AST) -> dict[ast.AST, ast.AST]:
    """Return the parent of every node."""
    return {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}


def ancestors(node: ast.AST, parents: dict[ast.AST, ast.AST]) -> Iterator[ast.AST]:
    """Yield the nodes above a node, the nearest first."""
    while node in parents:
        node = parents[node]
        yield node


def excluded(nodes: list[ast.AST], parents: dict[ast.AST, ast.AST]) -> bool:
    """Return whether a node, given with those above it, is in a docstring, an annotation, a decorator or a message."""
    for node, parent in ((node, parents.get(node)) for node in nodes):
        if isinstance(parent, ast.Raise) or isinstance(node, ast.JoinedStr) or is_log(parent):
            return True
        if isinstance(parent, (ast.arg, ast.AnnAssign)) and node is parent.annotation:
            return True
        if isinstance(parent, FUNCTIONS) and (node is parent.returns or node in parent.decorator_list):
            return True
    return False


def is_log(node: ast.AST | None) -> bool:
    called = node.func if isinstance(node, ast.Call) else None
    return isinstance(called, ast.Attribute) and ast.unparse(called.value) in ("log", "warnings")


def lines_of(nodes: list[ast.AST]) -> range:
    """Return the lines of the innermost statement; of a compound one, its head; of a default, the function's body."""
    inner: Any = next(node for node in nodes if isinstance(node, ast.stmt))
    if isinstance(inner, FUNCTIONS):
        return range(inner.body[0].lineno, (inner.end_lineno or 0) + 1)
    body = getattr(inner, "body", None) or getattr(inner, "cases", None)
    first = getattr(body[0], "lineno", None) or body[0].pattern.lineno if body else (inner.end_lineno or 0) + 1
    return range(inner.lineno, max(first, inner.lineno + 1))


def changes(node: ast.AST, parent: ast.AST) -> Iterator[ast.AST]:
    """Yield what a node is replaced by."""
    yield from operators(node)
    if isinstance(node, ast.Constant):
        yield from constants(node)
    elif isinstance(node, (ast.If, ast.While, ast.IfExp)):
        yield changed(node, test=ast.UnaryOp(ast.Not(), node.test))
    elif isinstance(node, ast.Return) and not is_none(node.value):
        yield ast.Return(ast.Constant(None))
    elif removable(node):
        yield ast.Pass()


def operators(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.Compare):
        for k, op in enumerate(node.ops):
            yield changed(node, ops=[*node.ops[:k], COMPARISONS[type(op)](), *node.ops[k + 1 :]])
    elif isinstance(node, (ast.BinOp, ast.AugAssign)):
        yield changed(node, op=ARITHMETIC[type(node.op)]())
    elif isinstance(node, ast.BoolOp):
        yield changed(node, op=BOOLEAN[type(node.op)]())
    elif isinstance(node, ast.UnaryOp):
        yield node.operand


def constants(node: ast.Constant) -> Iterator[ast.AST]:
    if isinstance(node.value, bool):
        yield ast.Constant(not node.value)
    elif isinstance(node.value, (int, float)):
        yield ast.Constant(node.value + 1)
        yield ast.Constant(node.value - 1)


def removable(node: ast.AST) -> bool:
    """Return whether a statement can go without its names missing: not an assignment to a variable."""
    if isinstance(node, ast.Assign):
        return not any(isinstance(one, ast.Name) for target in node.targets for one in unpacked(target))
    simple = (ast.AugAssign, ast.Raise, ast.Continue, ast.Break, ast.Delete)
    return isinstance(node, simple) or (isinstance(node, ast.Expr) and not isinstance(node.value, ast.Constant))


def unpacked(target: ast.expr) -> list[ast.expr]:
    if isinstance(target, ast.Starred):
        return unpacked(target.value)
    return (
        [one for part in target.elts for one in unpacked(part)]
        if isinstance(target, (ast.Tuple, ast.List))
        else [target]
    )


def is_none(value: ast.expr | None) -> bool:
    return value is None or (isinstance(value, ast.Constant) and value.value is None)


def changed(node: Any, **values: Any) -> Any:
    found = copy.copy(node)
    for name, value in values.items():
        setattr(found, name, value)
    return found


def replace(node: ast.AST, parent: Any, by: ast.AST) -> None:
    """Put a node into the place of another."""
    for name, value in ast.iter_fields(parent):
        if value is node:
            setattr(parent, name, ast.copy_location(by, node))
        elif isinstance(value, list) and any(one is node for one in value):
            setattr(parent, name, [ast.copy_location(by, node) if one is node else one for one in value])


# ---- in a running process -----------------------------------------------------------------------------------


class Live:
    """The functions and caches of this process, by the file that defines them."""

    def __init__(self) -> None:
        objects = gc.get_objects()  # asked for their types alone: a proxy answers for another, which may be gone
        self.functions: dict[str, list[FunctionType]] = {}
        for one in objects:
            if type(one) is FunctionType:
                self.functions.setdefault(one.__code__.co_filename, []).append(one)
        self.caches = [one for one in objects if type(one) is functools._lru_cache_wrapper]
        self.cells = [one for one in objects if issubclass(type(one), DeclaredCell)]

    def apply(self, mutant: Mutant) -> None:
        """Give the functions of a file, which has been imported, their changed code and defaults."""
        tree = mutant.tree()
        codes = codes_of(compile(tree, str(mutant.path), "exec"))
        defaults, before = defaults_of(tree), defaults_of(ast.parse(mutant.path.read_text(encoding="utf-8")))
        for function in self.functions[str(mutant.path)]:
            code = function.__code__
            function.__code__ = codes.get((code.co_qualname, code.co_firstlineno), code)
            for name, value in defaults.get(code.co_firstlineno, {}).items():
                if value != before[code.co_firstlineno][name]:
                    set_default(function, name, ast.literal_eval(value))
        self.forget()

    def forget(self) -> None:
        """Empty what functions and cells remember from before the change."""
        for cache in self.caches:
            if (cache.__module__ or "").startswith("rnnbp"):
                cache.cache_clear()
        for cell in self.cells:
            for name in ("derivation", "constants", "made", "is_derived", "_options"):
                vars(cell).pop(name, None)


def codes_of(code: CodeType) -> dict[tuple[str, int], CodeType]:
    """Return the code of every function in a module's, by its name and first line."""
    found = {}
    for one in code.co_consts:
        if isinstance(one, CodeType):
            found |= {(one.co_qualname, one.co_firstlineno): one, **codes_of(one)}
    return found


def defaults_of(tree: ast.Module) -> dict[int, dict[str, str]]:
    """Return the source of the default of each argument, by the first line of the function (or its decorator)."""
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, FUNCTIONS):
            plain = [*node.args.posonlyargs, *node.args.args]
            pairs = [*zip(plain[::-1], node.args.defaults[::-1]), *zip(node.args.kwonlyargs, node.args.kw_defaults)]
            first = min([node.lineno, *[decorator.lineno for decorator in node.decorator_list]])
            found[first] = {arg.arg: ast.unparse(value) for arg, value in pairs if value is not None}
    return found


def set_default(function: FunctionType, name: str, value: Any) -> None:
    code = function.__code__
    if name in (function.__kwdefaults__ or {}):
        function.__kwdefaults__ = {**function.__kwdefaults__, name: value}
    else:
        values = list(function.__defaults__ or ())
        values[code.co_varnames[: code.co_argcount].index(name) - code.co_argcount] = value
        function.__defaults__ = tuple(values)
