"""Errors of connectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stream_rnn.errors import StreamRNNError, nearest

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_NAMES_LISTED = 12


class ConnectorError(StreamRNNError):
    """The data cannot be used: a file is missing, damaged, or lacks a column. The command line exits with status 1."""


class UsageError(ConnectorError, ValueError):
    """The request is wrong, whatever the data, such as an unknown format. The command line exits with status 2."""


def suggest(name: str, allowed: Iterable[str]) -> str:
    """Return the end of an error message about `name`: the most similar allowed name, or else all of them.

    Examples
    --------
    >>> suggest("temprature", ["time", "temperature"])
    "; did you mean 'temperature'?"
    >>> suggest("x", ["time", "temperature"])
    "; there are 'time', 'temperature'"
    """
    names = list(allowed)
    if similar := nearest(name, names):
        return similar
    listed = ", ".join(repr(known) for known in names[:MAX_NAMES_LISTED])
    return f"; there are {listed}{' ...' if len(names) > MAX_NAMES_LISTED else ''}" if names else ""
