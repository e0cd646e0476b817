"""Errors of connectors."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from stream_rnn.errors import StreamRNNError, nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

MAX_NAMES_LISTED = 12


class ConnectorError(StreamRNNError):
    """The data cannot be used: a file is missing, damaged, or lacks a column. The command line exits with status 1."""


class UsageError(ConnectorError, ValueError):
    """The request is wrong, whatever the data, such as an unknown format. The command line exits with status 2."""


def suggest(name: str, allowed: Iterable[str]) -> str:
    r"""Return the end of an error message about `name`: the most similar allowed name, or else all of them.

    Examples
    --------
    >>> suggest("temprature", ["time", "temperature"])
    "; did you mean 'temperature'?"
    >>> suggest("x", ["time", "temperature"])
    "; there are 'time', 'temperature'"
    >>> suggest("Flow", ["Flow, m3/h"])
    '; in a list, a name with a comma is quoted: \'"Flow, m3/h"\''
    """
    names = list(allowed)
    if whole := next((known for known in names if known.startswith(f"{name},")), ""):
        return f"; in a list, a name with a comma is quoted: '\"{whole}\"'"
    if similar := nearest(name, names):
        return similar
    listed = ", ".join(repr(known) for known in names[:MAX_NAMES_LISTED])
    return f"; there are {listed}{' ...' if len(names) > MAX_NAMES_LISTED else ''}" if names else ""


@contextmanager
def writing(path: str | Path) -> Iterator[None]:
    """Name the file in errors of the operating system, such as a full disk.

    Raises
    ------
    ConnectorError
        Instead of an OSError. A BrokenPipeError is passed on: the reader of standard output is gone, as with ``head``.

    Examples
    --------
    >>> with writing("out.csv"):
    ...     raise OSError(28, "No space left on device")
    Traceback (most recent call last):
    ...
    stream_rnn.connectors.errors.ConnectorError: out.csv: cannot be written: No space left on device
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise ConnectorError(f"{path}: cannot be written: {error.strerror or error}") from error
