"""Checkpoints: one file, whole or not at all, without code in it.

The file is in the safetensors format: named arrays, and text beside them. The text is JSON: a format version, the
settings, the keys, the vocabulary's tokens, and whatever positions the caller wants kept with the state. A checksum
covers arrays and text.

Writing may take its time in a thread beside the one that takes events: the library's `save_file` (from 0.8) copies
nothing and lets other threads run. Its `save`, which makes the file in memory, does neither.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np
from crc32c import crc32c
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from stream_rnn.errors import CheckpointError, SettingError
from stream_rnn.settings.engine import Settings

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

VERSION = 3
STREAMS = "streams."
"""Begins the names of arrays that have a row per stream."""


class Saved(NamedTuple):
    """What a checkpoint holds."""

    settings: Settings
    keys: list[Hashable]
    """by slot"""
    recency: list[Hashable]
    """the same, least recently seen first; where nothing is evicted, as `keys`"""
    evictions: int
    positions: dict[str, Any]
    arrays: dict[str, NDArray[Any]]
    tokens: Sequence[str] = ()
    """in the order of their ids, 1, 2, ...; none without an embedding"""
    race: dict[str, Any] | None = None
    """what JSON can hold of a race: its settings, its members'; None for a single engine"""

    def part(self, slot: int | None) -> Saved:
        """Return what an engine of one stream alone would have, without copying arrays; None for no stream."""
        rows = slice(0) if slot is None else slice(slot, slot + 1)
        arrays = {name: array[rows] if name.startswith(STREAMS) else array for name, array in self.arrays.items()}
        return self._replace(keys=self.keys[rows], recency=self.keys[rows], arrays=arrays)


class _Format(msgspec.Struct, frozen=True, kw_only=True):
    """What every version of the text says."""

    version: int


class _About(_Format, frozen=True, kw_only=True):
    """The text beside the arrays."""

    settings: dict[str, Any]
    keys: list[Any]
    recency: list[Any] | None
    """None where it is the order of the keys"""
    evictions: int
    positions: dict[str, Any]
    tokens: list[str] = []
    race: dict[str, Any] | None = None


def write(path: str | os.PathLike[str], state: Saved) -> None:
    """Write a checkpoint to a temporary name beside `path`, bring it to the disk, and rename it.

    Raises
    ------
    CheckpointError
        If the file cannot be written, or a key is neither a string nor an integer.
    """
    target = Path(path)
    arrays = {name: np.asarray(array, order="C") for name, array in state.arrays.items()}
    text = _text(state)
    metadata = {"about": text, "checksum": str(_checksum(arrays, text))}
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # In a folder, since the library, too, writes to a temporary name first, which is not ours to choose.
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as folder:
            temporary = Path(folder) / target.name
            save_file(arrays, temporary, metadata)
            _sync(temporary)
            temporary.replace(target)
        _sync(target.parent)  # the new name, too, has to be on the disk
    except OSError as error:
        raise CheckpointError(f"cannot write checkpoint {target}: {error.strerror}") from error
    except SafetensorError as error:
        raise CheckpointError(f"cannot write checkpoint {target}: {error}") from error


def read(path: str | os.PathLike[str], settings: Settings | None = None) -> Saved:
    """Return what a checkpoint holds.

    Raises
    ------
    CheckpointError
        If the file is missing, damaged, of a later version, or of settings other than `settings`.
    """
    with _opened(path) as file:
        metadata = _metadata(file, path)
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    if metadata["checksum"] != str(_checksum(arrays, metadata["about"])):
        raise CheckpointError(f"checkpoint {path} is damaged: its checksum does not match")
    about = _about(metadata, path)
    try:
        saved = Settings.parse(about.settings)
    except SettingError as error:
        raise CheckpointError(f"checkpoint {path} has settings that are not known here: {error}") from None
    if settings is not None:
        check_settings(path, saved, settings)
    recency = about.recency if about.recency is not None else about.keys
    return Saved(saved, about.keys, recency, about.evictions, about.positions, arrays, about.tokens, about.race)


def positions_of(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the positions that a checkpoint was saved with, without reading its arrays or verifying its checksum.

    Raises
    ------
    CheckpointError
        If the file is missing, of a later version, or seen to be damaged without its arrays being read.
    """
    with _opened(path) as file:
        return _about(_metadata(file, path), path).positions


def check_settings(path: str | os.PathLike[str], saved: Settings, wanted: Settings) -> None:
    """Check that a checkpoint's settings are those that are wanted.

    Raises
    ------
    CheckpointError
        Naming the first that differs.
    """
    for name in Settings.__struct_fields__:
        there, here = getattr(saved, name), getattr(wanted, name)
        if there != here:
            raise CheckpointError(f"checkpoint {path} has {name} = {there!r}, the settings say {here!r}")


@contextmanager
def _opened(path: str | os.PathLike[str]) -> Iterator[Any]:
    try:
        with safe_open(path, framework="numpy") as file:
            yield file
    except FileNotFoundError:
        raise CheckpointError(f"no checkpoint at {path}") from None
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"checkpoint {path} is damaged or none: {error}") from None


def _metadata(file: Any, path: str | os.PathLike[str]) -> dict[str, str]:
    found: dict[str, str] = file.metadata() or {}
    if not {"about", "checksum"} <= found.keys():
        raise CheckpointError(f"{path} is damaged, or not a checkpoint of this program")
    return found


def _about(metadata: dict[str, str], path: str | os.PathLike[str]) -> _About:
    """Return what the text says; where the checksum was not verified, damage may show here first."""
    try:
        version = msgspec.json.decode(metadata["about"], type=_Format).version
        if version != VERSION:
            raise CheckpointError(f"checkpoint {path} is of format {version}; this program reads {VERSION}")
        return msgspec.json.decode(metadata["about"], type=_About)
    except msgspec.DecodeError as error:
        raise CheckpointError(f"checkpoint {path} is damaged: {error}") from None


def _text(state: Saved) -> str:
    """Return all but the arrays as JSON."""
    for kind in set(map(type, state.keys)):
        if not issubclass(kind, (str, int)) or kind is bool:
            key = next(key for key in state.keys if type(key) is kind)
            raise CheckpointError(f"a key must be a string or an integer to be saved, got {kind.__name__} {key!r}")
    about = _About(
        version=VERSION,
        settings=state.settings.describe(),
        keys=state.keys,
        recency=state.recency if state.recency != state.keys else None,
        evictions=state.evictions,
        positions=state.positions,
        tokens=list(state.tokens),
        race=state.race,
    )
    try:
        return msgspec.json.encode(about).decode()
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"keys and positions must be what JSON can hold: {error}") from None


def _sync(path: Path) -> None:
    """Bring a file or a folder to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _checksum(arrays: Mapping[str, NDArray[Any]], text: str) -> int:
    total = crc32c(text.encode())
    for name in sorted(arrays):
        array = arrays[name]
        total = crc32c(f"{name} {array.dtype} {array.shape}".encode(), total)
        total = crc32c(array.reshape(-1).view(np.uint8).data, total)
    return total
