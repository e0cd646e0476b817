"""Checkpoints: one file, whole or not at all, without code in it.

The file is in the safetensors format: named arrays, and text beside them. The text is JSON: a format version, the
settings, the keys, and whatever positions the caller wants kept with the state. A checksum covers arrays and text.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np
from crc32c import crc32c
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from stream_rnn.config import Settings
from stream_rnn.errors import CheckpointError, SettingError

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from numpy.typing import NDArray

VERSION = 1


class Saved(NamedTuple):
    """What a checkpoint holds."""

    settings: Settings
    keys: list[Hashable]
    recency: list[Hashable]
    evictions: int
    positions: dict[str, Any]
    arrays: dict[str, NDArray[Any]]


def write(path: str | os.PathLike[str], arrays: Mapping[str, NDArray[Any]], about: dict[str, Any]) -> None:
    """Write a checkpoint to a temporary name beside `path`, bring it to the disk, and rename it.

    Raises
    ------
    CheckpointError
        If the file cannot be written, or a key is neither a string nor an integer.
    """
    target = Path(path)
    for key in about["keys"]:
        if not isinstance(key, (str, int)) or isinstance(key, bool):
            raise CheckpointError(f"a key must be a string or an integer to be saved, got {type(key).__name__} {key!r}")
    tensors = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    try:
        text = msgspec.json.encode(about | {"version": VERSION}).decode()
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"keys and positions must be what JSON can hold: {error}") from None
    metadata = {"about": text, "checksum": str(_checksum(tensors, text))}
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=target.parent, prefix=f".{target.name}.", delete=False) as file:
            temporary = Path(file.name)
            try:
                file.write(save(tensors, metadata))
                file.flush()
                os.fsync(file.fileno())
                temporary.replace(target)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)  # the new name, too, has to be on the disk
        finally:
            os.close(folder)
    except OSError as error:
        raise CheckpointError(f"cannot write checkpoint {target}: {error.strerror}") from error


def read(path: str | os.PathLike[str], settings: Settings | None = None) -> Saved:
    """Return what a checkpoint holds.

    Raises
    ------
    CheckpointError
        If the file is missing, damaged, of a later version, or of settings other than `settings`.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    except FileNotFoundError:
        raise CheckpointError(f"no checkpoint at {path}") from None
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"checkpoint {path} is damaged or none: {error}") from None
    if not {"about", "checksum"} <= metadata.keys():
        raise CheckpointError(f"{path} is damaged, or not a checkpoint of this program")
    if metadata["checksum"] != str(_checksum(tensors, metadata["about"])):
        raise CheckpointError(f"checkpoint {path} is damaged: its checksum does not match")
    about = msgspec.json.decode(metadata["about"])
    if about["version"] > VERSION:
        raise CheckpointError(f"checkpoint {path} is of format {about['version']}; this program reads up to {VERSION}")
    try:
        saved = Settings.parse(about["settings"])
    except SettingError as error:
        raise CheckpointError(f"checkpoint {path} has settings that are not known here: {error}") from None
    if settings is not None:
        _compare(path, saved, settings)
    recency = about["recency"] if about["recency"] is not None else about["keys"]
    return Saved(saved, about["keys"], recency, about["evictions"], about["positions"], tensors)


def _compare(path: str | os.PathLike[str], saved: Settings, wanted: Settings) -> None:
    for name in Settings.__struct_fields__:
        there, here = getattr(saved, name), getattr(wanted, name)
        if there != here:
            raise CheckpointError(f"checkpoint {path} has {name} = {there!r}, the settings say {here!r}")


def _checksum(tensors: Mapping[str, NDArray[Any]], text: str) -> int:
    total = crc32c(text.encode())
    for name in sorted(tensors):
        array = tensors[name]
        total = crc32c(f"{name} {array.dtype} {array.shape}".encode(), total)
        total = crc32c(array.reshape(-1).view(np.uint8).data, total)
    return total
