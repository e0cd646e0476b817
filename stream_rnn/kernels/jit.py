"""The two decorators of compiled code, and the disk cache of its machine code.

`inner` marks a function that other compiled functions call, `entry` one that Python calls. Only entries are cached on
disk, because their machine code contains everything that they call. Numba's own cache checks only the file that defines
the entry, so it would miss a change in a layer. This cache is keyed by a hash of all files with compiled functions
instead. Where no cache folder is writable, machine code is kept in memory.
"""

from __future__ import annotations

import functools
import hashlib
import logging
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numba
from numba.core import caching, codegen, compiler
from numba.extending import register_jitable

if TYPE_CHECKING:
    from collections.abc import Callable

FASTMATH: Final = frozenset({"reassoc", "contract", "arcp", "nsz"})
"""What LLVM may assume about floats. It may reorder sums, which vectorisation needs. It must not assume the absence of
NaN and infinities (`nnan`, `ninf`), because it would then remove every isfinite check."""

COMPILED_SOURCES: Final = (
    "kernels/*.py",
    "layers/*.py",
    "losses/*.py",
    "learning/*.py",
    "compiled/*.py",
    "evaluation/*.py",
)
"""The files with compiled functions."""

log = logging.getLogger("stream_rnn")


@functools.cache
def cache_folder() -> Path | None:
    """Return the folder of the machine code, or None if it is not writable.

    It is a subfolder, named by `source_hash`, of ``$STREAM_RNN_CACHE``, or by default of ``$XDG_CACHE_HOME/stream_rnn``
    or ``~/.cache/stream_rnn``.
    """
    root = os.environ.get("STREAM_RNN_CACHE")
    if root is None:
        root = str(Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "stream_rnn")
    folder = Path(root) / source_hash()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except (OSError, RuntimeError) as error:
        log.warning("no writable cache folder (%s): kernels are compiled again in every process", error)
        return None
    return folder


@functools.cache
def source_hash() -> str:
    """Return a short hash of all files with compiled functions."""
    package = Path(__file__).parent.parent
    digest = hashlib.sha256()
    for pattern in COMPILED_SOURCES:
        for path in sorted(package.glob(pattern)):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


class _Locator(caching._CacheLocator):  # noqa: SLF001
    """Makes numba keep machine code in `cache_folder`, and never consider it outdated."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._name = function.__module__

    def get_cache_path(self) -> str:
        return str(cache_folder())

    def get_source_stamp(self) -> str:
        return source_hash()

    def get_disambiguator(self) -> str:
        return self._name

    @classmethod
    def from_function(cls, py_func: Callable[..., Any], _py_file: str) -> _Locator:
        return cls(py_func)


class _CacheImpl(caching.CompileResultCacheImpl):
    _locator_classes = (_Locator,)


class _Cache(caching.FunctionCache):
    """A disk cache that logs a miss, because the compilation that follows takes seconds."""

    _impl_class = _CacheImpl

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        cached = super().load_overload(sig, target_context)
        if cached is None:
            log.warning("compiling '%s': first use of this network on this machine", self._py_func.__name__.strip("_"))
        return cached


class _InnerLibrary(codegen.JITCodeLibrary):
    """Code that runs only inside an entry, and is therefore optimised only there."""

    def _optimize_final_module(self) -> None:
        pass


class _EntryLibrary(codegen.JITCodeLibrary):
    """Self-contained machine code: the functions inside an entry are private to it.

    Numba leaves them public. The loader then uses the first copy that it has seen, which may have been compiled for
    another entry and round differently, so results would depend on what else the process has compiled or loaded.
    Private functions are also inlined more often, which makes events 10% faster.
    """

    def _optimize_final_module(self) -> None:
        for function in self._final_module.functions:
            if not function.is_declaration and function.linkage.name == "linkonce_odr":
                function.linkage = "internal"
        super()._optimize_final_module()


class _InnerCompiler(compiler.Compiler):
    """Numba's compiler, with `_InnerLibrary` as its output."""

    library = _InnerLibrary

    def compile_extra(self, func: Callable[..., Any]) -> Any:
        self.state.library = self.library(self.state.targetctx.codegen(), func.__qualname__)
        self.state.library.enable_object_caching()
        return super().compile_extra(func)


class _EntryCompiler(_InnerCompiler):
    """Numba's compiler, with `_EntryLibrary` as its output."""

    library = _EntryLibrary


ENTRY_OPTIONS: Final[dict[str, Any]] = {"fastmath": set(FASTMATH), "error_model": "numpy", "nogil": True}
INNER_OPTIONS: Final[dict[str, Any]] = ENTRY_OPTIONS | {"pipeline_class": _InnerCompiler}
"""Compiler options of functions that only compiled functions call."""


def inner(function: Callable[..., Any]) -> Any:
    """Let compiled functions call `function`. Python can call it too, uncompiled."""
    return register_jitable(**INNER_OPTIONS)(function)


def entry(function: Callable[..., Any]) -> Any:
    """Compile `function` for Python. It is cached on disk and releases the interpreter lock."""
    dispatcher = numba.njit(**ENTRY_OPTIONS, pipeline_class=_EntryCompiler)(function)
    if cache_folder() is not None:
        dispatcher._cache = _Cache(function)  # noqa: SLF001
    return dispatcher
