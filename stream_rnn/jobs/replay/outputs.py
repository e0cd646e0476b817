"""A replay writes to none of the files that it reads, whatever they are called."""

from __future__ import annotations

import os
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

from stream_rnn.connectors.files.byte_stream import STDIN
from stream_rnn.connectors.files.open import STDOUT, expand
from stream_rnn.errors import SettingError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stream_rnn.settings.replay import ReplaySettings

PARQUET_PARTS = "part-*.parquet"
"""Names of the files in a folder of Parquet files."""
STDIN_DEVICE, STDOUT_DEVICE = "/dev/stdin", "/dev/stdout"
"""Lead to the files that standard input and output are redirected to, if they are."""


def refuse_overwriting(settings: ReplaySettings) -> None:
    """Check that the output and the dead letters are neither one of the files nor the same file.

    Raises
    ------
    SettingError
        With the setting, its value, and the file that would be overwritten.
    """
    taken = {f"one of the files, {file!r}": STDIN_DEVICE if file == STDIN else file for file in expand(settings.files)}
    if settings.output is not None:
        output = STDOUT_DEVICE if settings.output == STDOUT else settings.output
        _refuse("output", settings.output, output, taken)
        taken["the output"] = output
    if settings.dead_letters is not None:
        _refuse("dead_letters", settings.dead_letters, settings.dead_letters, taken)


def _refuse(name: str, value: str, path: str, taken: Mapping[str, str]) -> None:
    for what, other in taken.items():
        if _overwrites(path, other):
            raise SettingError(f"{name} must not be {what}, got {value!r}")


def _overwrites(path: str, other: str) -> bool:
    """Return whether writing to a path changes another regular file, which need not exist yet."""
    if path.endswith("/"):  # a folder of Parquet files, which replaces those of an earlier run
        folder = os.path.realpath(path) == os.path.realpath(Path(other).parent)
        return folder and fnmatch(Path(other).name, PARQUET_PARTS)
    if Path(path).is_file() and Path(other).is_file():
        return Path(path).samefile(other)
    return not Path(path).exists() and os.path.realpath(path) == os.path.realpath(other)
