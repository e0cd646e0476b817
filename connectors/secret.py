"""Secrets of a job file, which contains none: they are in the environment or in files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stream_rnn.connectors.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

FORM = '{env = "NAME"} or {file = "path"}'
"""How a job file names a secret."""


def read_secret(what: str, source: Mapping[str, Any]) -> str:
    """Return a secret.

    Parameters
    ----------
    what
        What it is, for messages.
    source
        Where it is: ``{env = "NAME"}`` or ``{file = "path"}``.

    Raises
    ------
    UsageError
        If it is not there.

    Examples
    --------
    >>> read_secret("option 'password'", {"env": "NOT_SET"})
    Traceback (most recent call last):
    ...
    stream_rnn.connectors.errors.UsageError: option 'password': environment variable 'NOT_SET' is not set
    """
    kind, where = next(iter(source.items()), (None, None))
    if len(source) != 1 or kind not in {"env", "file"} or not isinstance(where, str):
        raise UsageError(f"{what} must be {FORM}, got {sorted(source)}")
    if kind == "env":
        if where not in os.environ:
            raise UsageError(f"{what}: environment variable {where!r} is not set")
        return os.environ[where]
    try:
        return Path(where).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{what}: cannot read {where}: {' '.join(str(error).split())}") from None
