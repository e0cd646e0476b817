"""The two decorators of all compiled code, and where its machine code is kept.

`inner` marks a function that other compiled functions call, `entry` one that Python calls. Only entries are cached on
disk: what they call is inside them. Numba's own cache watches one file per function, so a change in a layer would go
unseen by the entry that contains it; ours is keyed by a hash of every file with kernels instead, and falls
back to memory where no folder is writable.
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

FAST: Final = frozenset({"reassoc", "contract", "arcp", "nsz"})
"""What LLVM may assume of floats: sums may be reordered, which SIMD needs. It may not assume that there are no NaN or
infinities (`nnan`, `ninf`): with these it deletes every isfinite check."""

COMPILED: Final = ("kernels/*.py", "layers/*.py", "losses/*.py", "learning/*.py", "compiled/*.py", "evaluation/*.py")
"""The files with compiled functions; a test sees to it that there are no others."""

log = logging.getLogger("stream_rnn")


@functools.cache
def cache_folder() -> Path | None:
    """Return the folder of the compiled kernels, or None where none is writable.

    ``STREAM_RNN_CACHE`` names it; the default is ``$XDG_CACHE_HOME/stream_rnn`` or ``~/.cache/stream_rnn``. Below it
    stands one folder for each state of the sources.
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
    """Return a short hash of every source file that is compiled."""
    package = Path(__file__).parent.parent
    digest = hashlib.sha256()
    for pattern in COMPILED:
        for path in sorted(package.glob(pattern)):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


class _Locator(caching._CacheLocator):  # noqa: SLF001
    """Tells numba to keep machine code in `cache_folder`, valid for as long as the folder's name is."""

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
    """A disk cache that says when it has nothing, because the next thing to happen takes seconds."""

    _impl_class = _CacheImpl

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        found = super().load_overload(sig, target_context)
        if found is None:
            log.warning("compiling '%s': first use of this network on this machine", self._py_func.__name__.strip("_"))
        return found


class _PartLibrary(codegen.JITCodeLibrary):
    """Code that will only run inside an entry: it is optimised there, in its place, and not before."""

    def _optimize_final_module(self) -> None:
        pass


class _EntryLibrary(codegen.JITCodeLibrary):
    """Machine code that stands alone: the functions inside an entry are private to it.

    Numba leaves them public, and the loader then takes whichever copy came first, be it one that was compiled for
    another entry and rounds differently: results would depend on what else the process has compiled or loaded.
    Private functions are also inlined more freely, a tenth of the speed here.
    """

    def _optimize_final_module(self) -> None:
        for function in self._final_module.functions:
            if not function.is_declaration and function.linkage.name == "linkonce_odr":
                function.linkage = "internal"
        super()._optimize_final_module()


class _PartCompiler(compiler.Compiler):
    """Numba's compiler, writing to a part library."""

    library = _PartLibrary

    def compile_extra(self, func: Callable[..., Any]) -> Any:
        self.state.library = self.library(self.state.targetctx.codegen(), func.__qualname__)
        self.state.library.enable_object_caching()
        return super().compile_extra(func)


class _EntryCompiler(_PartCompiler):
    """Numba's compiler, writing to an entry library."""

    library = _EntryLibrary


OPTIONS: Final[dict[str, Any]] = {"fastmath": set(FAST), "error_model": "numpy", "nogil": True}
PART: Final[dict[str, Any]] = OPTIONS | {"pipeline_class": _PartCompiler}
"""Options of functions that are called by compiled ones."""


def inner(function: Callable[..., Any]) -> Any:
    """Let other compiled functions call `function`; Python may call it too, uncompiled."""
    return register_jitable(**PART)(function)


def entry(function: Callable[..., Any]) -> Any:
    """Compile `function` for use by Python: cached on disk, without the interpreter lock."""
    dispatcher = numba.njit(**OPTIONS, pipeline_class=_EntryCompiler)(function)
    if cache_folder() is not None:
        dispatcher._cache = _Cache(function)  # noqa: SLF001
    return dispatcher
