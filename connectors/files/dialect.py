"""Dialect: how a CSV file is written, as the user named it. What is not named is recognised, see `recognition`."""

from __future__ import annotations

import msgspec

from stream_rnn.connectors.decode.numerals import DECIMALS, THOUSANDS
from stream_rnn.connectors.errors import UsageError
from stream_rnn.connectors.files.encodings import check_encoding

SPACES = " "
"""The delimiter of fields that are separated by any number of spaces."""
DELIMITER_NAMES = {"tab": "\t", "\\t": "\t", "space": SPACES}
"""Names of delimiters that are hard to type."""


class Dialect(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    r"""How a text file is written.

    Parameters
    ----------
    delimiter
        Between fields: one character that is not a letter, a digit or a quote; ``tab`` or ``\t``; a space stands for
        any number of spaces. Default: recognised among comma, semicolon, tab, bar and spaces.
    decimal
        Decimal sign, ``.`` or ``,``. Default: recognised; a point where numbers have no decimals.
    thousands
        Sign between thousands: ``,``, ``.``, ``'``, or a space. Default: recognised.
    quote
        Around fields that have delimiters in them.
    comment
        How lines begin that are not records. Default: ``#``, in a file that begins with it.
    skip_lines
        Number of lines before the header. Default: recognised.
    encoding
        Name of the encoding. Default: UTF-8, or what a byte order mark says.

    Raises
    ------
    UsageError
        If a value is not allowed, or two of them contradict each other.

    Examples
    --------
    >>> Dialect(delimiter="tab", encoding="latin1").delimiter
    '\t'
    >>> Dialect(delimiter="ab")
    Traceback (most recent call last):
    ...
    stream_rnn.connectors.errors.UsageError: delimiter must be one character such as , ; | or tab, got 'ab'
    """

    delimiter: str | None = None
    decimal: str | None = None
    thousands: str | None = None
    quote: str = '"'
    comment: str | None = None
    skip_lines: int | None = None
    encoding: str | None = None

    def __post_init__(self) -> None:
        if self.delimiter is not None:
            delimiter = DELIMITER_NAMES.get(self.delimiter, self.delimiter)
            msgspec.structs.force_setattr(self, "delimiter", delimiter)
            if not _is_mark(delimiter) or delimiter in ".+-":
                raise UsageError(f"delimiter must be one character such as , ; | or tab, got {self.delimiter!r}")
        if self.quote not in ('"', "'"):
            raise UsageError(f"quote must be \" or ', got {self.quote!r}")
        if self.delimiter == self.quote:
            raise UsageError(f"delimiter and quote must differ, got {self.quote!r} for both")
        if self.decimal is not None and self.decimal not in DECIMALS:
            raise UsageError(f"decimal must be one of {' '.join(DECIMALS)}, got {self.decimal!r}")
        if self.thousands is not None and self.thousands not in THOUSANDS:
            raise UsageError(f"thousands must be one of {' '.join(THOUSANDS)} or a space, got {self.thousands!r}")
        if self.thousands is not None and self.thousands == self.decimal:
            raise UsageError(f"decimal and thousands must differ, got {self.decimal!r} for both")
        if self.comment is not None and (not self.comment.strip() or {*"\r\n\0"} & {*self.comment}):
            raise UsageError(f"comment must be the beginning of a line, such as #, got {self.comment!r}")
        if self.comment is not None and self.comment[0] in (self.delimiter, self.quote):
            raise UsageError(f"comment must not begin like a field, got {self.comment!r}")
        if self.skip_lines is not None and self.skip_lines < 0:
            raise UsageError(f"skip_lines must be at least 0, got {self.skip_lines}")
        if self.encoding is not None:
            msgspec.structs.force_setattr(self, "encoding", check_encoding(self.encoding))


def _is_mark(text: str) -> bool:
    return len(text) == 1 and text.isascii() and (text.isprintable() or text == "\t") and not text.isalnum()
