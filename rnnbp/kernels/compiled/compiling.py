"""How the kernels are compiled: at the first call with a dtype, and then cached on disk.

Numba caches a compiled function beside its source file, or else in the user's cache folder, and compiles it again when
that file, Numba or the machine has changed, but not when a function that it calls has changed in another file. Here
all files of the folder are part of the cache's key.
"""

import hashlib
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit, types
from numba.core import cgutils, event
from numba.core.caching import FunctionCache

log = logging.getLogger("rnnbp")

SOURCES = hashlib.sha256(b"".join(file.read_bytes() for file in sorted(Path(__file__).parent.glob("*.py")))).hexdigest()


class _Cache(FunctionCache):
    def _index_key(self, sig: Any, codegen: Any) -> tuple[Any, ...]:
        return (*super()._index_key(sig, codegen), SOURCES)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return a function from the cache, or None, also if a file there is damaged, which is then begun anew."""
        try:
            return super().load_overload(sig, target_context)
        except Exception as error:  # whatever reading arbitrary bytes raises
            log.warning("rnnbp compiles a kernel again, whose file in the cache is damaged: %r", error)
            self.flush()
            return None


class _Notice(event.Listener):
    """Log once in a process that something is being compiled rather than loaded from the cache."""

    entries: list[Any]
    said = False

    def __init__(self) -> None:
        self.entries = []

    def on_start(self, event: Any) -> None:
        if not self.said and any(event.data["dispatcher"] is entry for entry in self.entries):
            self.said = True
            log.warning("rnnbp compiles its kernels for this machine, which takes some seconds, once")

    def on_end(self, event: Any) -> None:
        pass


_notice = _Notice()
event.register("numba:compile", _notice)


def entry(function: Callable[..., Any]) -> Any:
    """Compile a function that Python calls: without the interpreter's lock, and cached on disk."""
    compiled = njit(nogil=True, error_model="numpy", no_cfunc_wrapper=True)(function)
    _cache_on_disk(compiled, function)
    _notice.entries.append(compiled)
    return compiled


def argument(array: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Return an array of a dtype in C order that may be written to; Numba compiles again for one that may not."""
    array = np.ascontiguousarray(array, dtype)
    return array if array.flags.writeable else array.copy()


def helper(function: Callable[..., Any]) -> Any:
    """Make a function a part of those that call it, without the wrappers by which Python and C would call it."""
    return njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)(function)


def address_of(function: Callable[..., Any], signature: Any) -> int:
    """Return the address of a function that only compiled code calls, compiled and cached on disk.

    It is compiled once, instead of as part of each of its callers.
    """
    compiled = helper(function)
    _cache_on_disk(compiled, function)
    compiled.compile(signature)
    _alive.append(compiled)
    overload = compiled.overloads[signature.args]
    return int(overload.library.get_pointer_to_function(overload.fndesc.llvm_func_name))


def call_at_address(signature: Any) -> tuple[Any, Callable[..., Any]]:
    """Return the typing and code of an intrinsic that calls a function at an address, which is its first argument.

    Parameters
    ----------
    signature : numba signature
        Of the function, which returns nothing: see `address_of`.
    """

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        address, *rest = args
        function = context.call_conv.get_function_type(types.none, signature.args)
        outcome = [cgutils.alloca_once(builder, arg.pointee) for arg in function.args[:2]]  # nothing, and no exception
        builder.call(builder.inttoptr(address, function.as_pointer()), [*outcome, *rest])
        return context.get_dummy_value()

    return types.void(types.intp, *signature.args), codegen


_alive: list[Any] = []  # the functions whose addresses were given away


def _cache_on_disk(compiled: Any, function: Callable[..., Any]) -> None:
    try:
        compiled._cache = _Cache(function)
    except RuntimeError:  # no folder is writable: compiled again in every process
        log.warning("rnnbp finds no writable folder to cache compiled kernels in: set NUMBA_CACHE_DIR to one")
