"""Create the job that replays files: check the settings, open the files, and restore the checkpoint to resume from."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, TypeVar

from stream_rnn.checkpoints.folder import CheckpointFolder
from stream_rnn.connectors.deadletter import DeadLetterFile
from stream_rnn.connectors.decode.schema import Schema
from stream_rnn.connectors.files.dialect import Dialect
from stream_rnn.connectors.files.open import open_files, open_sink
from stream_rnn.connectors.ordering.ordering import Ordering, OrderingPolicy
from stream_rnn.engine.engine import Engine
from stream_rnn.errors import SettingError
from stream_rnn.jobs import ordering_state
from stream_rnn.jobs.local_calendar import in_timezone, race_in_timezone
from stream_rnn.jobs.models import EngineModel, RaceModel
from stream_rnn.jobs.replay.dead_letters import open_dead_letters
from stream_rnn.jobs.replay.inputs import UNNAMED, columns_to_read, resolve_columns
from stream_rnn.jobs.replay.job import Job
from stream_rnn.jobs.replay.outputs import refuse_overwriting
from stream_rnn.jobs.replay.positions import verify_replay
from stream_rnn.jobs.replay.reader import EventReader
from stream_rnn.jobs.stopping import StopFlag
from stream_rnn.jobs.words import Words, word_rules
from stream_rnn.race.race import Race
from stream_rnn.settings.engine import Settings
from stream_rnn.settings.race import parse_members
from stream_rnn.settings.values import missing_by_column

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from stream_rnn.checkpoints.file import CheckpointData
    from stream_rnn.connectors.files.sink import Sink
    from stream_rnn.connectors.files.source import Source
    from stream_rnn.settings.race import RaceConfig
    from stream_rnn.settings.replay import ReplaySettings

    Saved = tuple[Path, CheckpointData]
    """A checkpoint to resume from."""

START_POSITIONS: dict[str, Any] = {"source": {"files": {}}, "sink": None, "dead_letters": None}
"""Positions of a run that does not resume."""

ModelT = TypeVar("ModelT", Engine, Race)

log = logging.getLogger("stream_rnn")


def open_replay(settings: ReplaySettings, engine_settings: dict[str, Any]) -> Job[Engine]:
    """Return a job that replays files through an engine.

    Parameters
    ----------
    settings
        Where events come from, and where forecasts go.
    engine_settings
        Settings of the engine by name; without ``inputs``, every numeric column is an input.

    Raises
    ------
    SettingError, ConnectorError, CheckpointError
        Before any event is processed.
    """
    engine_settings = in_timezone(engine_settings, settings.timezone)
    requested = Settings.parse({"inputs": UNNAMED} | engine_settings)  # checked before a file is opened

    def build(source: Source, saved: Saved | None) -> Engine:
        _check_times(settings, engine_settings, source)
        columns = resolve_columns(requested, source, word_rules(settings))
        model = EngineModel(Settings.parse(engine_settings | columns))
        if saved is None:
            return model.create()
        model.check(*saved)
        return model.restore(saved[1])

    return _open_job(settings, requested, build)


def open_race(settings: ReplaySettings, config: RaceConfig) -> Job[Race]:
    """Return a job that replays files through a race, as `open_replay` does through an engine.

    Raises
    ------
    SettingError, ConnectorError, CheckpointError
        Before any event is processed.
    """
    config = race_in_timezone(config, settings.timezone)
    requested = next(iter(_member_settings(config, {}).values()))

    def build(source: Source, saved: Saved | None) -> Race:
        for values in config.members.values():
            _check_times(settings, values, source)
        columns = resolve_columns(requested, source, word_rules(settings))
        model = RaceModel(_member_settings(config, columns), config.race)
        if saved is None:
            return model.create()
        model.check(*saved)
        return model.restore(saved[1])

    return _open_job(settings, requested, build)


def _member_settings(config: RaceConfig, columns: dict[str, tuple[str, ...]]) -> dict[str, Settings]:
    """Return the settings of each member, with these inputs and targets if any are given."""
    return parse_members(config, lambda values: Settings.parse({"inputs": UNNAMED} | values | columns))


def _open_job(
    settings: ReplaySettings, requested: Settings, build: Callable[[Source, Saved | None], ModelT]
) -> Job[ModelT]:
    """Open everything that a job needs.

    Parameters
    ----------
    settings
        Where events come from, and where forecasts go.
    requested
        Settings of the engine, or of the first member of a race, before the files are known.
    build
        Returns the model for a source, restored from a checkpoint if there is one.
    """
    if not settings.files:
        raise SettingError("files must name at least one file, got none")
    saved = CheckpointFolder(settings.checkpoint or "").newest(verify=verify_replay) if settings.resume else None
    positions = saved[1].positions if saved is not None else START_POSITIONS
    dialect = Dialect(**{name: getattr(settings, name) for name in Dialect.__struct_fields__})
    stop, rules = StopFlag(), word_rules(settings)
    refuse_overwriting(settings)
    with ExitStack() as stack:  # closes what is open if a later step fails
        letters = open_dead_letters(settings, positions)
        if isinstance(letters, DeadLetterFile):
            stack.enter_context(letters)
        source: Source = open_files(
            settings.files,
            Schema(
                settings.key,
                settings.time,
                settings.end,
                columns_to_read(requested, rules.categories),
                settings.time_format,
                settings.bad_values,
                timezone=settings.timezone,
                words=rules.words(requested),
                missing_values=missing_by_column(settings.missing_values),
            ),
            start=positions["source"]["files"],
            follow=settings.follow,
            max_ahead=settings.max_ahead,
            format=settings.format,
            dialect=dialect,
            field_size_limit=settings.field_size_limit,
            dead_letters=letters,
            stop=stop,
        )
        stack.enter_context(source)
        for line in (*source.recognised, source.key_hint, *source.warnings):
            if line:
                log.warning("%s", line)
        model = build(source, saved)
        words = Words(model.settings, rules, source.first_words)
        words.restore(positions)
        ordering = _open_ordering(settings, source, words, saved[1] if saved is not None else None)
        sink = _open_sink(settings, positions["sink"], model.counts.events)
        job = Job(settings, model, EventReader(source, words, ordering, settings.speed, stop), sink)
        stack.pop_all()
    return job


def _check_times(settings: ReplaySettings, engine_settings: dict[str, Any], source: Source) -> None:
    """Refuse settings that need times if the source has none; a preset works without times."""
    needs_times = {
        "speed": settings.speed,
        "lateness": settings.lateness is not None,
        "duplicates": settings.duplicates == "drop",
    } | {name: engine_settings.get(name) for name in ("calendar", "elapsed", "half_life")}
    for name, value in needs_times.items():
        if value and source.time is None:
            raise SettingError(f"{name} needs times: set time to the name of the time column")


def _open_ordering(settings: ReplaySettings, source: Source, words: Words, saved: CheckpointData | None) -> Ordering:
    """Return the ordering stage, with the events that a checkpoint held back."""
    policy = OrderingPolicy(settings.lateness, settings.duplicates, settings.max_ahead)
    ordering = Ordering(policy, words.columns(source.columns), dict(enumerate(source.files)))
    if saved is not None and (state := ordering_state.load(saved, ordering_state.FILES)) is not None:
        ordering.restore(state)
    return ordering


def _open_sink(settings: ReplaySettings, at: int | None, events: int) -> Sink | None:
    if settings.output is None:
        return None
    if at == 0 and events:  # a single Parquet file is not durable before it is closed
        raise SettingError(f"output {settings.output!r} cannot be resumed: write to a folder/ of Parquet files instead")
    return open_sink(settings.output, settings.output_format, at=at, escape_formulas=settings.escape_formulas)
