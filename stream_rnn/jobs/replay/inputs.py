"""Which columns of the files a replay reads, and which of them are the engine's inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stream_rnn.connectors.errors import suggest
from stream_rnn.errors import SettingError

if TYPE_CHECKING:
    from stream_rnn.connectors.files.source import Source
    from stream_rnn.jobs.words import WordRules
    from stream_rnn.settings.engine import Settings

UNNAMED = ("?",)
"""Placeholder for inputs that were not named, so that the other settings can be checked before a file is opened."""


def columns_to_read(settings: Settings, categories: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Return the columns that the source has to read; empty for every numeric column and the columns of words.

    Examples
    --------
    >>> from stream_rnn import Settings
    >>> columns_to_read(Settings(inputs=("load", "flow"), targets=("flow", "level")))
    ('load', 'flow', 'level')
    >>> columns_to_read(Settings(inputs=UNNAMED))
    ()
    """
    if settings.inputs == UNNAMED:
        return ()
    return tuple(dict.fromkeys(settings.inputs + categories + settings.targets))


def resolve_columns(
    settings: Settings, source: Source, columns: tuple[str, ...], rules: WordRules
) -> dict[str, tuple[str, ...]]:
    """Return the settings inputs and targets of the engine, by name, for events of these columns.

    The inputs are those that are set, or every numeric column; each category stands for the inputs of its states.
    Forecasts also use the past values of their targets, labels never use the targets, and no state is forecast.

    Raises
    ------
    SettingError
        If a target is not a numeric column, or no input is left.
    """
    rules.check(settings)
    for name in settings.targets:
        if name not in columns:
            hint = f": it is {source.ignored[name]}" if name in source.ignored else suggest(name, columns)
            raise SettingError(f"targets must be numeric columns of {source.files[0]}, got {name!r}{hint}")
    inputs = columns if settings.inputs == UNNAMED else settings.inputs
    if settings.task != "forecast":
        others = tuple(name for name in inputs if name not in settings.targets)
        if inputs and not others:
            raise SettingError(f"inputs must be numeric columns of {source.files[0]} that are not targets, got none")
        return {"inputs": rules.inputs(others)}
    if settings.tokens:  # an embedding has the token as its only input
        return {"inputs": inputs}
    inputs += tuple(name for name in settings.targets if name not in inputs)
    if not rules.categories:
        return {"inputs": inputs}
    numbers = tuple(name for name in inputs if name not in rules.categories)
    if not numbers:
        raise SettingError(f"inputs must have a numeric column of {source.files[0]} to forecast, got none")
    return {"inputs": rules.inputs(inputs), "targets": settings.targets or numbers}
