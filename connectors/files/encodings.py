"""Encodings of text files: recognised by a byte order mark or named; everything after this works on UTF-8."""

from __future__ import annotations

import codecs
from typing import NamedTuple

from stream_rnn.connectors.errors import ConnectorError, UsageError

UTF8 = "utf-8"
WIDE = ("utf-16", "utf-32")
"""Encodings with NUL bytes in every file of data, and the beginnings of their variants' names."""
BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, UTF8),
    (codecs.BOM_UTF32_LE, "utf-32"),  # starts with the mark of UTF-16
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
MARK_BYTES = 4
"""Bytes of the longest byte order mark."""


class Encoding(NamedTuple):
    """The encoding of a file."""

    name: str
    """as Python's codecs name it"""
    is_recognised: bool = False
    """whether a byte order mark says something else than the default"""

    @property
    def is_utf8(self) -> bool:
        """Whether the bytes are used as they are."""
        return self.name == UTF8


def check_encoding(name: str) -> str:
    """Return the name by which Python's codecs know an encoding of text.

    Raises
    ------
    UsageError
        If there is no such encoding.

    Examples
    --------
    >>> check_encoding("latin1"), check_encoding("UTF8")
    ('iso8859-1', 'utf-8')
    """
    try:
        "0".encode(name)
        found = codecs.lookup(name).name
    except (LookupError, ValueError):
        raise UsageError(
            f"encoding must be one that Python knows, such as utf-8, cp1252, latin-1 or utf-16, got {name!r}"
        ) from None
    return UTF8 if found == "utf-8-sig" else found


def encoding_of(path: str, start: bytes, named: str | None) -> Encoding:
    """Return the encoding of a file: the one that its byte order mark indicates, else the named one, else UTF-8.

    Parameters
    ----------
    path
        Of the file, for error messages.
    start
        First bytes of the file.
    named
        A result of `check_encoding`, or None.

    Raises
    ------
    ConnectorError
        If the first bytes contradict the name.

    Examples
    --------
    >>> encoding_of("a.csv", "time".encode("utf-16"), None)
    Encoding(name='utf-16', is_recognised=True)
    """
    marked = next((name for mark, name in BYTE_ORDER_MARKS if start.startswith(mark)), None)
    if marked is not None and named is not None and not named.startswith(marked):
        raise ConnectorError(f"{path}: starts with the byte order mark of {marked}, but encoding is {named}")
    if named is None:
        return Encoding(marked or UTF8, is_recognised=marked not in (None, UTF8))
    if named.startswith(WIDE) and start and b"\0" not in start:
        raise ConnectorError(f"{path}: is not {named} text, its characters are single bytes: set encoding")
    return Encoding(named)
