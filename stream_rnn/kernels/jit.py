"""The decorators of compiled code.

`inner` marks a function that other compiled functions call, `rare` one that they seldom call, `entry` one that Python
calls.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Final

import numba
from numba import typeof
from numba.extending import register_jitable

from stream_rnn.kernels.cache import KernelCache, cache_folder
from stream_rnn.kernels.compilation import EntryCompiler, InnerCompiler, RareCompiler
from stream_rnn.kernels.unrolled import unrolled
from stream_rnn.kernels.view import view

if TYPE_CHECKING:
    from collections.abc import Callable

FASTMATH: Final = frozenset({"reassoc", "contract", "arcp", "nsz"})
"""What LLVM may assume about floats. It may reorder sums, which vectorisation needs. It must not assume the absence of
NaN and infinities (`nnan`, `ninf`), because it would then remove every isfinite check."""

ENTRY_OPTIONS: Final[dict[str, Any]] = {"fastmath": set(FASTMATH), "error_model": "numpy", "nogil": True}
INNER_OPTIONS: Final[dict[str, Any]] = ENTRY_OPTIONS | {"pipeline_class": InnerCompiler}
"""Compiler options of functions that only compiled functions call."""


def inner(function: Callable[..., Any]) -> Any:
    """Let compiled functions call `function`. Python can call it too, uncompiled."""
    return register_jitable(**INNER_OPTIONS)(function)


def rare(function: Callable[..., Any]) -> Any:
    """Let compiled functions call `function`, as `inner` does; it is compiled for size, and not for speed."""
    return register_jitable(**INNER_OPTIONS | {"pipeline_class": RareCompiler})(function)


def entry(function: Callable[..., Any]) -> Any:
    """Compile `function` for Python. It is cached on disk and releases the interpreter lock.

    The arrays among its arguments must be C-contiguous; the function works on views of them.
    """
    names = list(inspect.signature(function).parameters)
    call = f"return function({', '.join(f'view({name})' for name in names)})"
    scope = {"function": inner(function), "view": view, "__name__": function.__module__}
    called = unrolled(f"{function.__name__}({', '.join(names)})", [call], scope)
    dispatcher = numba.njit(**ENTRY_OPTIONS, pipeline_class=EntryCompiler)(called)
    dispatcher.__wrapped__ = function
    if cache_folder() is not None:
        dispatcher._cache = KernelCache(function)  # noqa: SLF001
    return dispatcher


def machine_code(function: Any, *arguments: Any) -> Any:
    """Return the machine code of an entry for arguments of these types, compiled or loaded from the disk.

    Calling it takes a quarter of the time of a call of the entry, which finds out first what types its arguments have.
    Arguments of other types must not be passed to it.
    """
    return function.compile(tuple(map(typeof, arguments)))
