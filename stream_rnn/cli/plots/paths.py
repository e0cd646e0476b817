"""Checks before a run that a plot can be written after it."""

from __future__ import annotations

from pathlib import Path

from stream_rnn.errors import SettingError, require


def check_plot(option: str, path: str, *suffixes: str) -> None:
    """Check that a plot can be drawn and written to a path, so that a long run does not fail at its end.

    Raises
    ------
    SettingError
        If the path has none of these suffixes, or its folder does not exist.
    MissingExtraError
        If matplotlib is not installed.
    """
    if Path(path).suffix.lower() not in suffixes:
        raise SettingError(f"{option} must be a {' or '.join(suffixes)} file, got {path!r}")
    if not Path(path).absolute().parent.is_dir():
        raise SettingError(f"{option} must be in an existing folder, got {path!r}")
    require("matplotlib", "plot")
