"""The disk cache of machine code.

Only entries are cached, because their machine code contains everything that they call. Numba's own cache checks only
the file that defines the entry, so it would miss a change in a layer. This cache is keyed by a hash of all files with
compiled functions instead. Where no cache folder is writable, machine code is kept in memory.
"""

from __future__ import annotations

import functools
import hashlib
import logging
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from filelock import FileLock
from numba.core import caching

if TYPE_CHECKING:
    from collections.abc import Callable

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


class KernelCache(caching.FunctionCache):
    """A disk cache that logs a miss, because the compilation that follows takes seconds.

    Numba numbers the files of a cache by its index. Two processes that save at the same time would choose the same
    number, and one would later load the other's machine code for its own types. A lock prevents that.
    """

    _impl_class = _CacheImpl

    def save_overload(self, sig: Any, data: Any) -> None:
        """Save the machine code of a signature."""
        with FileLock(f"{cache_folder()}/lock"):
            super().save_overload(sig, data)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return the cached machine code of a signature, or None."""
        cached = super().load_overload(sig, target_context)
        if cached is None:
            log.warning("compiling '%s': first use of this network on this machine", self._py_func.__name__.strip("_"))
        return cached
