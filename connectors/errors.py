"""What a connector says when it cannot go on: the thing, its value and what is allowed, in one line."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class ConnectorError(Exception):
    """The data cannot be used: a file is missing, damaged, or lacks a column.

    The message is one line for the person who named the file. A command line exits with 1.
    """


class UsageError(ConnectorError):
    """The request is wrong before any data is looked at: an unknown format, a setting out of range.

    A command line exits with 2.
    """


def nearest(name: str, allowed: Iterable[str]) -> str:
    """End an error message about `name`: the closest allowed name, or all of them when few.

    Examples
    --------
    >>> nearest("temprature", ["time", "temperature"])
    "; did you mean 'temperature'?"
    """
    names = list(allowed)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if close:
        return f"; did you mean {close[0]!r}?"
    shown = ", ".join(repr(known) for known in names[:12])
    return f"; there are {shown}{' ...' if len(names) > 12 else ''}" if names else ""
