"""What every command that draws asks of the file it draws to."""

from __future__ import annotations

from pathlib import Path

from stream_rnn.errors import SettingError


def check_picture(option: str, path: str, *endings: str) -> None:
    """Refuse before the work what would fail after it.

    Raises
    ------
    SettingError
        If the file's ending is none of these, or its folder is not there.
    """
    if Path(path).suffix.lower() not in endings:
        raise SettingError(f"{option} must be a {' or '.join(endings)} file, got {path!r}")
    if not Path(path).absolute().parent.is_dir():
        raise SettingError(f"{option} must be in a folder that is there, got {path!r}")
