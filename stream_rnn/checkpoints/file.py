"""The checkpoint file: one file, written completely or not at all, that contains no code.

The file is in the safetensors format: named arrays, and metadata. The metadata holds a JSON document (format version,
settings, stream keys, vocabulary, and the positions that the caller wants to keep with the state) and a checksum over
arrays and document.

Writing may take long, so it must not block the thread that processes events: `save_file` of safetensors 0.8 and later
copies nothing and releases the interpreter lock. `save`, which builds the file in memory, does neither.
"""

from __future__ import annotations

import math
import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict, TypeVar

import msgspec
import numpy as np
from crc32c import crc32c
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from stream_rnn.checkpoints.upgrade import from_format_3
from stream_rnn.errors import CheckpointError, SettingError
from stream_rnn.settings.engine import Settings

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from stream_rnn.settings.base import Checked

UPGRADED, VERSION = 3, 4
"""The format that is read and upgraded, and the present one."""
STREAMS = "streams."
"""Prefix of the arrays that have one row per stream."""
ORDERING = "ordering"
"""Where a job keeps the events that it holds back: name among the positions, and first part of the arrays' names."""
DTYPES = frozenset({"BOOL", "U8", "I8", "U16", "I16", "U32", "I32", "U64", "I64", "F16", "F32", "F64"})
"""The dtypes that numpy has, by their names in safetensors."""
MAX_AXES = 32
MAX_BYTES = 2**62
"""Of an array, counting axes without elements as 1: numpy refuses larger shapes even if they are empty."""


class RaceDocument(TypedDict):
    """Settings of a race, as JSON values."""

    settings: dict[str, Any]
    members: dict[str, dict[str, Any]]
    """settings of each member, by name"""


PositionT = TypeVar("PositionT")


class CheckpointData(NamedTuple):
    """Contents of a checkpoint."""

    settings: Settings
    keys: list[Hashable]
    """stream keys by slot"""
    recency: list[Hashable]
    """the same keys, least recently seen first; equal to `keys` where streams are never evicted"""
    evictions: int
    positions: dict[str, Any]
    """where the source and the sink are; JSON values"""
    arrays: dict[str, NDArray[Any]]
    tokens: Sequence[str] = ()
    """tokens with the ids 1, 2, ...; empty without an embedding"""
    race: RaceDocument | None = None
    """None for a single engine"""
    path: Path | None = None
    """the file that it was read from"""

    def invalid(self, problem: str) -> CheckpointError:
        """Return the error to raise where the contents cannot be right."""
        return CheckpointError(f"checkpoint {self.path or 'data'} is not valid: {problem}")

    def position(self, name: str, kind: type[PositionT], description: str) -> PositionT:
        """Return a part of the positions as its type, which has defaults for what is absent.

        Raises
        ------
        CheckpointError
            If it has another form.
        """
        try:
            return msgspec.convert(self.positions.get(name, {}), kind)
        except msgspec.ValidationError as error:
            raise self.invalid(f"positions of {description}: {error}") from None

    def of_stream(self, slot: int | None) -> CheckpointData:
        """Return the data of an engine that holds only this stream, or none; arrays are views."""
        rows = slice(0) if slot is None else slice(slot, slot + 1)
        arrays = {name: array[rows] if name.startswith(STREAMS) else array for name, array in self.arrays.items()}
        return self._replace(keys=self.keys[rows], recency=self.keys[rows], arrays=arrays)


class _Versioned(msgspec.Struct, frozen=True, kw_only=True):
    """The part of the document that every format version has."""

    version: int


class _Document(_Versioned, frozen=True, kw_only=True):
    """Everything but the arrays."""

    settings: dict[str, Any]
    keys: list[Any]
    recency: list[Any] | None
    """None where it equals `keys`"""
    evictions: int
    positions: dict[str, Any]
    tokens: list[str] = []
    race: RaceDocument | None = None


def write(path: str | os.PathLike[str], data: CheckpointData) -> None:
    """Write a checkpoint under a temporary name next to `path`, sync it to disk, and rename it.

    Raises
    ------
    CheckpointError
        If the file cannot be written, or positions are not JSON values.
    """
    target = Path(path)
    arrays = {name: np.asarray(array, order="C") for name, array in data.arrays.items()}
    document = _encode(data)
    metadata = {"about": document, "checksum": str(_checksum(arrays, document))}
    try:
        _make_folder(target.parent)
        with _temporary_folder(target) as folder:
            temporary = folder / target.name
            save_file(arrays, temporary, metadata)
            _sync(temporary)
            temporary.replace(target)
        _sync(target.parent)  # the rename has to reach the disk, too
    except OSError as error:
        raise CheckpointError(f"cannot write checkpoint {target}: {error.strerror or error}") from error
    except SafetensorError as error:
        raise CheckpointError(f"cannot write checkpoint {target}: {error}") from error


def read(path: str | os.PathLike[str], settings: Settings | None = None) -> CheckpointData:
    """Return the contents of a checkpoint; whether a model can have them is checked by `engine.contents`.

    Memory is allocated for what the file contains, and not for what it claims.

    Raises
    ------
    CheckpointError
        If the file is missing, damaged, of another format version, or its settings differ from `settings`.
    """
    with _open(path) as file:
        metadata = _metadata(file, path)
        arrays = {name: _array(file, name, path) for name in file.keys()}  # noqa: SIM118 - not a dict
    if metadata["checksum"] != str(_checksum(arrays, metadata["about"])):
        raise CheckpointError(f"checkpoint {path} is damaged: its checksum does not match; use an older one")
    document = _decode(metadata, path)
    try:
        saved = Settings.parse(document.settings)
    except SettingError as error:
        raise CheckpointError(f"checkpoint {path} has settings that this version does not know: {error}") from None
    if settings is not None:
        check_settings(path, saved, settings)
    if document.version == UPGRADED:
        arrays = from_format_3(arrays, _owners(saved, document.race))
    recency = document.recency if document.recency is not None else document.keys
    return CheckpointData(
        settings=saved,
        keys=document.keys,
        recency=recency,
        evictions=document.evictions,
        positions=document.positions,
        arrays=arrays,
        tokens=document.tokens,
        race=document.race,
        path=Path(path),
    )


def _owners(settings: Settings, race: RaceDocument | None) -> dict[str, Settings]:
    """Return the settings of an engine, or of each member of a race, by prefix of the arrays."""
    if race is None:
        return {"": settings}
    members = race["members"].values()
    return {f"member{place}.": Settings.parse(values) for place, values in enumerate(members)}


def read_positions(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the positions of a checkpoint without reading its arrays or verifying its checksum.

    Raises
    ------
    CheckpointError
        If the file is missing, of another format version, or visibly damaged.
    """
    with _open(path) as file:
        return _decode(_metadata(file, path), path).positions


def check_settings(path: str | os.PathLike[str], saved: Checked, expected: Checked, owner: str = "") -> None:
    """Check that the settings in a checkpoint equal the expected ones.

    Parameters
    ----------
    path
        The checkpoint.
    saved, expected
        Settings of the same type.
    owner
        Whose settings they are, where a checkpoint has those of several, such as ``"for the race"``.

    Raises
    ------
    CheckpointError
        Naming the first setting that differs.
    """
    for name in expected.__struct_fields__:
        before, now = getattr(saved, name), getattr(expected, name)
        if before != now:
            raise CheckpointError(
                f"checkpoint {path} has {name} = {before!r}{owner and ' '}{owner}, the settings have {now!r}: "
                "use the checkpoint's setting, or another folder to start from scratch"
            )


@contextmanager
def _open(path: str | os.PathLike[str]) -> Iterator[Any]:
    try:
        with safe_open(path, framework="numpy") as file:
            yield file
    except FileNotFoundError:
        raise CheckpointError(f"no checkpoint at {path}") from None
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"checkpoint {path} is damaged or not a checkpoint: {error}") from None
    except MemoryError:
        raise CheckpointError(f"checkpoint {path} cannot be read: there is not enough memory") from None


def _array(file: Any, name: str, path: str | os.PathLike[str]) -> NDArray[Any]:
    """Return an array. That its bytes are in the file was checked when the file was opened."""
    about = file.get_slice(name)
    shape, kind = about.get_shape(), about.get_dtype()
    if kind not in DTYPES:
        raise CheckpointError(f"checkpoint {path} is not valid: the dtype of {name!r} must not be {kind}")
    if len(shape) > MAX_AXES or math.prod(max(length, 1) for length in shape) > MAX_BYTES // 8:
        raise CheckpointError(f"checkpoint {path} is not valid: {name!r} must not have the shape {shape}")
    array: NDArray[Any] = file.get_tensor(name)
    return array


def _metadata(file: Any, path: str | os.PathLike[str]) -> dict[str, str]:
    metadata: dict[str, str] = file.metadata() or {}
    if not {"about", "checksum"} <= metadata.keys():
        raise CheckpointError(f"{path} is damaged, or not a checkpoint of stream_rnn")
    return metadata


def _decode(metadata: dict[str, str], path: str | os.PathLike[str]) -> _Document:
    """Return the document. Without a verified checksum, damage may be detected only here."""
    try:
        version = msgspec.json.decode(metadata["about"], type=_Versioned).version
        if version not in (UPGRADED, VERSION):
            readable = f"{UPGRADED} and {VERSION}"
            raise CheckpointError(
                f"checkpoint {path} has format {version}; this version of stream_rnn reads {readable}"
            )
        return msgspec.json.decode(metadata["about"], type=_Document)
    except (msgspec.DecodeError, RecursionError) as error:
        raise CheckpointError(f"checkpoint {path} is damaged: {error}") from None


def _encode(data: CheckpointData) -> str:
    """Return everything but the arrays as JSON."""
    document = _Document(
        version=VERSION,
        settings=data.settings.describe(),
        keys=data.keys,
        recency=data.recency if data.recency != data.keys else None,
        evictions=data.evictions,
        positions=data.positions,
        tokens=list(data.tokens),
        race=data.race,
    )
    try:
        return msgspec.json.encode(document).decode()
    except (TypeError, ValueError, RecursionError) as error:
        raise CheckpointError(f"positions must be JSON values: {error}") from None


@contextmanager
def _temporary_folder(target: Path) -> Iterator[Path]:
    """Create a folder next to a file, and remove it at the end.

    `save_file` itself writes to a temporary file next to its target, and a folder of our own keeps that from leaking.
    A `TemporaryDirectory` would be removed by any process that is forked meanwhile, when that ends.
    """
    folder = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)  # `CheckpointFolder` removes what is left behind


def _make_folder(folder: Path) -> None:
    """Create a folder, and the folders above it, so that they outlast a loss of power."""
    new = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for path in new:
        _sync(path.parent)


def _sync(path: Path) -> None:
    """Flush a file or a folder to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _checksum(arrays: Mapping[str, NDArray[Any]], document: str) -> int:
    total = crc32c(document.encode())
    for name in sorted(arrays):
        array = arrays[name]
        total = crc32c(f"{name} {array.dtype} {array.shape}".encode(), total)
        total = crc32c(array.reshape(-1).view(np.uint8).data, total)
    return total
