"""Errors that a user can cause or has to deal with; each message is one line."""

from __future__ import annotations

import difflib
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable


class StreamRNNError(Exception):
    """Base class of all errors of this package."""


class SettingError(StreamRNNError, ValueError):
    """A setting is unknown, has the wrong type, or is out of range."""


class DataError(StreamRNNError, ValueError):
    """Events do not fit the settings."""


class CheckpointError(StreamRNNError):
    """A checkpoint is missing, damaged, or has other settings."""


class ConcurrentUseError(StreamRNNError, RuntimeError):
    """A call came while the same object was processing another one, from another thread or a signal handler."""


class MissingExtraError(StreamRNNError, ImportError):
    """A package is missing that only some installations need."""


def require(module: str, extra: str) -> Any:
    """Import a module that an optional dependency provides.

    Parameters
    ----------
    module
        Full name of the module.
    extra
        Name of the extra of this package that installs it.

    Raises
    ------
    MissingExtraError
        If the module's package is not installed, with the command that installs it.

    Examples
    --------
    >>> require("json", "files").loads("[1]")
    [1]
    >>> require("no_such_package", "files")
    Traceback (most recent call last):
    ...
    stream_rnn.errors.MissingExtraError: no_such_package is not installed: pip install 'stream-rnn[files]'
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        package = module.partition(".")[0]
        if error.name is None or error.name.partition(".")[0] != package:
            raise  # the package is there, but something that it needs is not
        raise MissingExtraError(f"{package} is not installed: pip install 'stream-rnn[{extra}]'") from None


def nearest(name: str, allowed: Iterable[str]) -> str:
    """Return ``; did you mean 'x'?`` with the allowed name that is most similar to `name`, or nothing if none is.

    Examples
    --------
    >>> nearest("gruu", ["gru", "lstm"])
    "; did you mean 'gru'?"
    """
    found = difflib.get_close_matches(name, list(allowed), n=1)
    return f"; did you mean {found[0]!r}?" if found else ""


def refuse_unknown(names: Iterable[str], known: Iterable[str]) -> None:
    """Raise a SettingError for the first name that is not a known setting, with the most similar one that is."""
    allowed = list(known)
    for name in names:
        if name not in allowed:
            raise SettingError(f"unknown setting {name!r}{nearest(name, allowed)}")
