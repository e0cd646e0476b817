"""The disk cache of machine code.

Only entries are cached, because their machine code contains everything that they call. Numba's own cache checks only
the file that defines the entry, so it would miss a change in a layer. This cache is keyed by a hash of all files with
compiled functions instead.

A cache that fails costs time and nothing else: what cannot be read, or is damaged, is compiled again, and what cannot
be written is kept in memory. Each reason is logged once. Entries are pickles, which run code when they are read, so a
folder that others can write to is not used.
"""

from __future__ import annotations

import functools
import hashlib
import logging
import os
import pickle
import stat
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

import llvmlite
import numba
import numpy as np
from crc32c import crc32c
from numba.core import caching
from numba.core.serialize import dumps

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

CHECKSUM_BYTES: Final = 4

log = logging.getLogger("stream_rnn")


@functools.cache
def cache_folder() -> Path | None:
    """Return the folder of the machine code, or None if there is none that can be used.

    It is a subfolder, named by `source_hash`, of ``$STREAM_RNN_CACHE``, or by default of ``$XDG_CACHE_HOME/stream_rnn``
    or ``~/.cache/stream_rnn``. Folder and subfolder must belong to the user or to root, and nobody else may write to
    them.
    """
    root = os.environ.get("STREAM_RNN_CACHE")
    try:
        if root is None:
            root = str(Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "stream_rnn")
        folder = Path(root) / source_hash()
        for part in (folder.parent, folder):
            part.mkdir(mode=0o755, parents=True, exist_ok=True)
            if (danger := _danger(part)) is not None:
                log.warning("the cache folder %s is not used, kernels are compiled in every process: %s", part, danger)
                return None
    except (OSError, RuntimeError) as error:
        log.warning("no cache folder (%s): kernels are compiled in every process", error)
        return None
    return folder


def _danger(folder: Path) -> str | None:
    """Return the reason why another user could have written a file in this folder, or None."""
    if not hasattr(os, "geteuid"):  # Windows
        return None
    about = folder.stat()
    if about.st_uid not in {os.geteuid(), 0}:
        return f"it belongs to user {about.st_uid}; set STREAM_RNN_CACHE to a folder of your own"
    if about.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return f"others can write to it (mode {stat.S_IMODE(about.st_mode):o}); remove it, or its files and chmod go-w"
    return None


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
    """Names the files of a function in `cache_folder`."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._name = function.__module__

    def ensure_cache_path(self) -> None:
        """Leave it to the write of an entry, whose failure is logged."""

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


class _EntryFiles:
    """The machine code of a function: a file for each key, which is a signature and the processor.

    Numba keeps an index of numbered files. Two processes that save at the same time would choose the same number, and
    damaged machine code would be run. Here, a file is named by a hash of its key, contains the key and a
    checksum, and replaces another one as a whole.

    Parameters
    ----------
    folder
        Contains the files.
    base
        Beginning of their names.
    """

    def __init__(self, folder: str, base: str) -> None:
        self._folder = Path(folder)
        self._base = base

    def load(self, key: Any) -> Any:
        """Return the data of a key, or None if there is none that is intact."""
        try:
            content = self._path(key).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            _warn_once(f"cannot read kernels in {self._folder} ({error.strerror}): they are compiled again")
            return None
        checksum, entry = content[:CHECKSUM_BYTES], content[CHECKSUM_BYTES:]
        if checksum != _checksum(entry):
            _warn_once(f"kernels in {self._folder} are damaged: they are compiled again")
            return None
        saved_key, data = pickle.loads(entry)  # noqa: S301 - see `_danger`
        return data if saved_key == key else None

    def save(self, key: Any, data: Any) -> None:
        """Save the data of a key."""
        entry = dumps((key, data))
        temporary = self._folder / f"{self._base}.{uuid4().hex}.tmp"
        try:
            descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0), 0o644)
            with os.fdopen(descriptor, "wb") as file:
                file.write(_checksum(entry) + entry)
            temporary.replace(self._path(key))
        except OSError as error:
            _warn_once(f"cannot save kernels in {self._folder} ({error.strerror}): they are compiled in every process")
            with suppress(OSError):  # it may not exist, and does no harm
                temporary.unlink()

    def _path(self, key: Any) -> Path:
        versions = numba.__version__, llvmlite.__version__, np.__version__
        digest = hashlib.sha256(repr((versions, key)).encode()).hexdigest()
        return self._folder / f"{self._base}.{digest[:16]}.nbc"


def _checksum(entry: bytes) -> bytes:
    return crc32c(entry).to_bytes(CHECKSUM_BYTES, "little")


@functools.cache
def _warn_once(message: str) -> None:
    log.warning("%s", message)


class KernelCache(caching.FunctionCache):
    """A disk cache that logs a miss, because the compilation that follows takes seconds."""

    _impl_class = _CacheImpl

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        self._cache_file = _EntryFiles(self._cache_path, self._impl.filename_base)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return the cached machine code of a signature, or None."""
        cached = super().load_overload(sig, target_context)
        if cached is None:
            log.warning("compiling '%s': first use of this network on this machine", self._py_func.__name__.strip("_"))
        return cached
