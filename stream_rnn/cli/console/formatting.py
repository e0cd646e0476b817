"""Wording shared by everything that is printed: counts, lists, percentages, plain lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
import msgspec
from rich.text import Text

from stream_rnn.cli.console.untrusted import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

MAX_LISTED = 5


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural unless the number is 1.

    Examples
    --------
    >>> counted(1, "stream"), counted(1200, "event")
    ('1 stream', '1,200 events')
    """
    return f"{number:,} {noun}{'s' * (number != 1)}"


def listed(items: Sequence[str]) -> str:
    """Return the first items of a list, and how many more there are.

    Examples
    --------
    >>> listed(["a", "b"]), listed(list("abcdefgh"))
    ('a, b', 'a, b, c, d, e and 3 more')
    """
    more = f" and {len(items) - MAX_LISTED:,} more" if len(items) > MAX_LISTED else ""
    return ", ".join(items[:MAX_LISTED]) + more


def percent(share: float, *, sign: bool = False) -> str:
    """Return a share as a percentage.

    Examples
    --------
    >>> percent(0.9), percent(0.758, sign=True)
    ('90.0 %', '+75.8 %')
    """
    return f"{share:{'+' if sign else ''}.1%}".replace("%", " %")


def print_line(console: Console, line: str) -> None:
    """Print a line that may hold text from data: no markup, emoji, highlighting or line breaks, and printable."""
    console.print(printable(line), markup=False, emoji=False, highlight=False, soft_wrap=True)


def echo_line(line: str, *, err: bool = False) -> None:
    """Print a line that may hold text from data on standard output, or on standard error."""
    click.echo(printable(line), err=err)


def echo_json(value: Any) -> None:
    """Print a value as JSON on standard output; bytes of file names that are not UTF-8 are escaped."""
    try:
        data = msgspec.json.encode(value)
    except UnicodeEncodeError:
        data = msgspec.json.encode(_encodable(msgspec.to_builtins(value)))
    click.echo(data)


def _encodable(value: Any) -> Any:
    """Return a value with its lone surrogates escaped."""
    if isinstance(value, dict):
        return {_encodable(name): _encodable(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return list(map(_encodable, value))
    return value.encode(errors="backslashreplace").decode() if isinstance(value, str) else value


def cell(text: object) -> Text:
    r"""Return text from data as a cell or title of a table.

    Examples
    --------
    >>> print(cell("[/x]\x07").plain)
    [/x]\x07
    """
    return Text(printable(text))
