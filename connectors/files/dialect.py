"""Dialect: how a CSV file is written, as the user named it. What is not named is recognised, see `recognition`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from stream_rnn.connectors.decode.numerals import DECIMALS, THOUSANDS
from stream_rnn.connectors.errors import UsageError
from stream_rnn.connectors.files.encodings import check_encoding

if TYPE_CHECKING:
    from collections.abc import Sequence

QUOTES = ('"', "'")
NOT_DELIMITERS = ".+-\"'"
"""Characters that numbers consist of, and those that may quote a field."""
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
    stream_rnn.connectors.errors.UsageError: delimiter must be one character, such as , ; | or tab, got 'ab'
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
            msgspec.structs.force_setattr(self, "delimiter", _check_delimiter(self.delimiter))
        if self.encoding is not None:
            msgspec.structs.force_setattr(self, "encoding", check_encoding(self.encoding))
        _check_choice("quote", self.quote, QUOTES)
        if self.decimal is not None:
            _check_choice("decimal", self.decimal, DECIMALS)
        if self.thousands is not None:
            _check_choice("thousands", self.thousands, THOUSANDS)
            if self.thousands == self.decimal:
                raise UsageError(f"decimal and thousands must differ, got {self.decimal!r} for both")
        if self.comment is not None:
            _check_comment(self.comment, (self.delimiter or ",", self.quote))
        if self.skip_lines is not None and self.skip_lines < 0:
            raise UsageError(f"skip_lines must be at least 0, got {self.skip_lines}")

    def named(self) -> tuple[str, ...]:
        """Return the names of the options that differ from their defaults.

        Examples
        --------
        >>> Dialect(quote="'", skip_lines=0).named()
        ('quote', 'skip_lines')
        """
        return tuple(name for name in self.__struct_fields__ if getattr(self, name) != getattr(Dialect(), name))


def _check_choice(name: str, value: str, allowed: Sequence[str]) -> None:
    if value not in allowed:
        raise UsageError(f"{name} must be one of {', '.join(map(repr, allowed))}, got {value!r}")


def _check_delimiter(text: str) -> str:
    """Return the delimiter that a text stands for."""
    mark = DELIMITER_NAMES.get(text, text)
    is_mark = len(mark) == 1 and mark.isascii() and (mark.isprintable() or mark == "\t") and not mark.isalnum()
    if not is_mark or mark in NOT_DELIMITERS:
        raise UsageError(f"delimiter must be one character, such as , ; | or tab, got {text!r}")
    return mark


def _check_comment(mark: str, field_starts: Sequence[str]) -> None:
    if not mark.strip() or {*"\r\n\0"} & {*mark} or mark.startswith(tuple(field_starts)):
        raise UsageError(f"comment must be how a line begins that is not a record, such as #, got {mark!r}")
