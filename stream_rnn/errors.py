"""What can go wrong by a user's hand, each said in one line."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class StreamRNNError(Exception):
    """What every error of this package is."""


class SettingError(StreamRNNError, ValueError):
    """A setting that is unknown, of the wrong type or out of range."""


class DataError(StreamRNNError, ValueError):
    """Events that do not fit the settings."""


class CheckpointError(StreamRNNError):
    """A checkpoint that is missing, damaged or of other settings."""


def nearest(name: str, allowed: Iterable[str]) -> str:
    """Return ``; did you mean 'x'?`` for the allowed name nearest to `name`, or nothing if none is near."""
    found = difflib.get_close_matches(name, list(allowed), n=1)
    return f"; did you mean {found[0]!r}?" if found else ""


def refuse_unknown(names: Iterable[str], known: Iterable[str]) -> None:
    """Raise a SettingError for the first name that is not a known setting, with the nearest one that is."""
    allowed = list(known)
    for name in names:
        if name not in allowed:
            raise SettingError(f"unknown setting {name!r}{nearest(name, allowed)}")
