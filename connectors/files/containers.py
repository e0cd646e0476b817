"""Containers: files that hold a text file in compressed form. One entry per kind, by the end of the file's name.

All of them are decompressed block by block: a file that unpacks to a thousand times its size takes time, but no memory.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, Protocol, cast

from stream_rnn.connectors.errors import ConnectorError
from stream_rnn.errors import require

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_MEMBERS_LISTED = 5
ENCRYPTED = 0x1
"""Bit of the flags of a member of a zip file."""
RESOURCE_FORKS = "__MACOSX/"
"""Folder that macOS adds to zip files, with a hidden file for each file."""
DAMAGE = (zlib.error, lzma.LZMAError, zipfile.BadZipFile, NotImplementedError)
"""Errors of damaged files, besides EOFError and those OSErrors that do not come from the operating system."""


class Readable(Protocol):
    """A stream of bytes."""

    def read(self, size: int, /) -> bytes: ...  # noqa: D102

    def close(self) -> None: ...  # noqa: D102


class Container(NamedTuple):
    """A kind of compressed file."""

    name: str
    """as users know it"""
    open: Callable[[str, BinaryIO], Readable]
    """returns the content of a file, which is given by its path and its bytes"""


def container_of(path: str) -> Container | None:
    """Return the container that the end of a path names, None if it names none.

    Examples
    --------
    >>> container_of("sensors.csv.gz").name, container_of("sensors.csv")
    ('gzip', None)
    """
    return CONTAINERS.get(Path(path).suffix.lower())


def inner_name(path: str) -> str:
    """Return the name of the file in a container: that of a zip file's member, otherwise the path without its end.

    Raises
    ------
    ConnectorError
        If a zip file cannot be read, or does not have exactly one file.

    Examples
    --------
    >>> inner_name("data/sensors.csv.bz2"), inner_name("sensors.csv")
    ('data/sensors.csv', 'sensors.csv')
    """
    container = container_of(path)
    if container is None:
        return path
    if container is not ZIP:
        return path[: -len(Path(path).suffix)]
    try:
        with Path(path).open("rb") as file:
            return _zip_member(path, file)[1].filename
    except FileNotFoundError:
        return path[: -len(Path(path).suffix)]  # opening it reports what is missing
    except OSError as error:
        raise ConnectorError(f"{path}: cannot be read: {error.strerror or error}") from error


def _zip_member(path: str, file: BinaryIO) -> tuple[zipfile.ZipFile, zipfile.ZipInfo]:
    """Return a zip file and its only member."""
    try:
        archive = zipfile.ZipFile(file)
    except zipfile.BadZipFile as error:
        raise ConnectorError(f"{path}: is not an intact zip file: {error}") from error
    members = [
        info for info in archive.infolist() if not info.is_dir() and not info.filename.startswith(RESOURCE_FORKS)
    ]
    if not members:
        raise ConnectorError(f"{path}: has no file in it")
    if len(members) > 1:
        listed = ", ".join(info.filename for info in members[:MAX_MEMBERS_LISTED])
        more = " ..." if len(members) > MAX_MEMBERS_LISTED else ""
        raise ConnectorError(f"{path}: has {len(members):,} files, one is needed ({listed}{more}): unpack it")
    if members[0].flag_bits & ENCRYPTED:
        raise ConnectorError(f"{path}: {members[0].filename} is encrypted: unpack it")
    return archive, members[0]


def _open_gzip(_: str, file: BinaryIO) -> Readable:
    return cast("Readable", gzip.GzipFile(fileobj=file))


def _open_bz2(_: str, file: BinaryIO) -> Readable:
    return cast("Readable", bz2.BZ2File(file))


def _open_xz(_: str, file: BinaryIO) -> Readable:
    return cast("Readable", lzma.LZMAFile(file))


def _open_zst(_: str, file: BinaryIO) -> Readable:
    return cast("Readable", require("pyarrow", "files").CompressedInputStream(file, "zstd"))


def _open_zip(path: str, file: BinaryIO) -> Readable:
    archive, member = _zip_member(path, file)
    return cast("Readable", archive.open(member))


ZIP = Container("zip", _open_zip)
CONTAINERS = {
    ".gz": Container("gzip", _open_gzip),
    ".bz2": Container("bzip2", _open_bz2),
    ".xz": Container("xz", _open_xz),
    ".zst": Container("zstd", _open_zst),
    ".zip": ZIP,
}
"""All containers, by the end of a path."""
