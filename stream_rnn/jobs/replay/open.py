"""Create the job that replays files: check the settings, open the files, and restore the checkpoint to resume from."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import msgspec

from stream_rnn.checkpoints.folder import CheckpointFolder
from stream_rnn.connectors.deadletter import DeadLetterFile
from stream_rnn.connectors.decode.schema import Schema
from stream_rnn.connectors.files.dialect import Dialect
from stream_rnn.connectors.files.open import open_files, open_sink, open_table
from stream_rnn.connectors.ordering.ordering import OrderingPolicy
from stream_rnn.connectors.shapes.reshaping import new_ordering
from stream_rnn.connectors.shapes.shape import check_same
from stream_rnn.engine.engine import Engine
from stream_rnn.errors import SettingError
from stream_rnn.jobs import ordering_state
from stream_rnn.jobs.local_calendar import in_timezone
from stream_rnn.jobs.models import EngineModel, RaceModel
from stream_rnn.jobs.replay.dead_letters import open_dead_letters
from stream_rnn.jobs.replay.inputs import UNNAMED, columns_to_read, resolve_columns
from stream_rnn.jobs.replay.job import Job
from stream_rnn.jobs.replay.outputs import refuse_overwriting
from stream_rnn.jobs.replay.positions import verify_replay
from stream_rnn.jobs.replay.reader import EventReader
from stream_rnn.jobs.shaping import check_classes, engine_inputs, horizon_in_events, shape_of, without_duration
from stream_rnn.jobs.stopping import StopFlag
from stream_rnn.jobs.words import Words, word_rules
from stream_rnn.race.race import Race
from stream_rnn.settings.engine import Settings
from stream_rnn.settings.race import RaceConfig, parse_members
from stream_rnn.settings.values import missing_by_column

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pyarrow import Table

    from stream_rnn.checkpoints.file import CheckpointData
    from stream_rnn.connectors.deadletter import DeadLetterCounter
    from stream_rnn.connectors.files.sink import Sink
    from stream_rnn.connectors.files.source import Source
    from stream_rnn.connectors.ordering.ordering import Ordering
    from stream_rnn.settings.replay import ReplaySettings

    Saved = tuple[Path, CheckpointData]
    """A checkpoint to resume from."""

START_POSITIONS: dict[str, Any] = {"source": {"files": {}}, "sink": None, "dead_letters": None}
"""Positions of a run that does not resume."""

ModelT = TypeVar("ModelT", Engine, Race)

log = logging.getLogger("stream_rnn")


class Request(NamedTuple):
    """What is asked of a job from Python, beside its settings."""

    table: Table | None = None
    """the events, instead of files"""
    by_stream: bool = False
    """whether scores are kept of each stream"""


COMMAND = Request()
"""What the command line asks."""


def open_job(settings: ReplaySettings, model: dict[str, Any] | RaceConfig, request: Request = COMMAND) -> Job[Any]:
    """Return a job that replays events through an engine with settings by name, or through a race.

    Raises
    ------
    SettingError, ConnectorError, CheckpointError
        Before any event is processed.
    """
    if isinstance(model, RaceConfig):
        return open_race(settings, model, request)
    return open_replay(settings, model, request)


def open_replay(settings: ReplaySettings, engine_settings: dict[str, Any], request: Request = COMMAND) -> Job[Engine]:
    """Return a job that replays files, or a table, through an engine.

    Parameters
    ----------
    settings
        Where events come from, and where forecasts go.
    engine_settings
        Settings of the engine by name; without ``inputs``, every numeric column is an input.
    request
        What is asked beside the settings.

    Raises
    ------
    SettingError, ConnectorError, CheckpointError
        Before any event is processed.
    """
    shape = shape_of(settings)
    engine_settings = in_timezone(engine_settings, settings.timezone)
    # Checked before a file is opened.
    requested = Settings.parse({"inputs": UNNAMED} | without_duration(engine_settings))
    check_classes(shape, requested)
    known = engine_inputs(shape, engine_settings)

    def build(source: Source, columns: tuple[str, ...], saved: Saved | None) -> Engine:
        _check_times(settings, engine_settings, source)
        values = horizon_in_events(known, shape, source.interval)
        given = Settings.parse({"inputs": UNNAMED} | values)
        model = EngineModel(Settings.parse(values | resolve_columns(given, source, columns, word_rules(settings))))
        if saved is None:
            return model.create()
        model.check(*saved)
        return model.restore(saved[1])

    return _open_job(settings, requested, build, request)


def open_race(settings: ReplaySettings, config: RaceConfig, request: Request = COMMAND) -> Job[Race]:
    """Return a job that replays files through a race, as `open_replay` does through an engine.

    Raises
    ------
    SettingError, ConnectorError, CheckpointError
        Before any event is processed.
    """
    shape = shape_of(settings)
    members = {name: in_timezone(values, settings.timezone) for name, values in config.members.items()}
    checked = {name: without_duration(values) for name, values in members.items()}
    requested = next(iter(_member_settings(config._replace(members=checked), {}).values()))
    check_classes(shape, requested)

    def build(source: Source, columns: tuple[str, ...], saved: Saved | None) -> Race:
        known = {}
        for name, values in members.items():
            _check_times(settings, values, source)
            known[name] = horizon_in_events(engine_inputs(shape, values), shape, source.interval)
        shaped = config._replace(members=known)
        given = next(iter(_member_settings(shaped, {}).values()))
        resolved = _member_settings(shaped, resolve_columns(given, source, columns, word_rules(settings)))
        model = RaceModel(resolved, config.race)
        if saved is None:
            return model.create()
        model.check(*saved)
        return model.restore(saved[1])

    return _open_job(settings, requested, build, request)


def open_model(settings: ReplaySettings, model: Engine | Race, request: Request) -> Job[Any]:
    """Return a job that continues with an engine or a race, whose inputs and targets are columns of these names.

    Raises
    ------
    SettingError, ConnectorError
        Before any event is processed.
    """
    known: Any = model
    return _open_job(settings, model.settings, lambda *_: known, request)


def _member_settings(config: RaceConfig, columns: dict[str, tuple[str, ...]]) -> dict[str, Settings]:
    """Return the settings of each member, with these inputs and targets if any are given."""
    return parse_members(config, lambda values: Settings.parse({"inputs": UNNAMED} | values | columns))


def _open_job(
    settings: ReplaySettings,
    requested: Settings,
    build: Callable[[Source, tuple[str, ...], Saved | None], ModelT],
    request: Request,
) -> Job[ModelT]:
    """Open everything that a job needs.

    Parameters
    ----------
    settings
        Where events come from, and where forecasts go.
    requested
        Settings of the engine, or of the first member of a race, before the files are known.
    build
        Returns the model for a source and the inputs of its events, restored from a checkpoint if there is one.
    request
        What is asked beside the settings.
    """
    table = request.table
    if not settings.files and table is None:
        raise SettingError("files must name at least one file, got none")
    saved = CheckpointFolder(settings.checkpoint or "").newest(verify=verify_replay) if settings.resume else None
    positions = saved[1].positions if saved is not None else START_POSITIONS
    stop, rules = StopFlag(), word_rules(settings)
    if rules.tokens != "id" and requested.inputs == UNNAMED:
        raise SettingError(f"inputs must name the column of text with tokens {rules.tokens}, got none")
    rules.check(requested)
    if table is None:
        refuse_overwriting(settings)
    with ExitStack() as stack:  # closes what is open if a later step fails
        letters = open_dead_letters(settings, positions)
        if isinstance(letters, DeadLetterFile):
            stack.enter_context(letters)
        source: Source = _open_source(settings, _schema(settings, requested), positions, letters, stop, table)
        stack.enter_context(source)
        for line in (*source.recognised, source.key_hint, *source.warnings):
            if line:
                log.warning("%s", line)
        model = build(source, shape_of(settings).columns(source.columns, source.tags), saved)
        words = Words(model.settings, rules, source.first_words, model.vocabulary)
        words.restore(positions)
        ordering = _open_ordering(settings, source, words, saved[1] if saved is not None else None)
        sink = _open_sink(settings, positions["sink"], model.counts.events)
        job = Job(
            settings,
            model,
            EventReader(source, words, ordering, settings.speed, stop),
            sink,
            by_stream=request.by_stream,
        )
        stack.pop_all()
    return job


def _open_source(
    settings: ReplaySettings,
    schema: Schema,
    positions: dict[str, Any],
    letters: DeadLetterCounter,
    stop: StopFlag,
    table: Table | None,
) -> Source:
    if table is not None:
        return open_table(table, schema, max_ahead=settings.max_ahead, dead_letters=letters, stop=stop)
    return open_files(
        settings.files,
        schema,
        start=positions["source"]["files"],
        follow=settings.follow,
        max_ahead=settings.max_ahead,
        format=settings.format,
        dialect=Dialect(**{name: getattr(settings, name) for name in Dialect.__struct_fields__}),
        field_size_limit=settings.field_size_limit,
        dead_letters=letters,
        stop=stop,
    )


def _check_times(settings: ReplaySettings, engine_settings: dict[str, Any], source: Source) -> None:
    """Refuse settings that need times if the source has none; a preset works without times."""
    needs_times = {
        "speed": settings.speed,
        "lateness": settings.lateness is not None,
        "duplicates": settings.duplicates == "drop",
        "pivot": settings.pivot,
        "every": settings.every,
    } | {name: engine_settings.get(name) for name in ("calendar", "elapsed", "half_life")}
    for name, value in needs_times.items():
        if value and source.time is None:
            raise SettingError(f"{name} needs times: set time to the name of the time column")


def _schema(settings: ReplaySettings, requested: Settings) -> Schema:
    """Return which column is what; where records are readings, the inputs that are named are their tags."""
    shape, rules = shape_of(settings), word_rules(settings)
    columns = columns_to_read(requested, rules.categories)
    schema = Schema(
        settings.key,
        settings.time,
        settings.end,
        columns,
        settings.time_format,
        settings.bad_values,
        unwrap=settings.unwrap or "",
        records=settings.records or "",
        timezone=settings.timezone,
        words=rules.words(requested),
        texts=rules.texts(requested),
        missing_values=missing_by_column(settings.missing_values),
    )
    if shape.wide:
        return msgspec.structs.replace(schema, columns=columns and requested.inputs)  # the target is no column
    if shape.pivot is None:
        return schema
    tag, value = shape.pivot
    return msgspec.structs.replace(schema, columns=(value,), tag=tag, tags=columns)


def _open_ordering(settings: ReplaySettings, source: Source, words: Words, saved: CheckpointData | None) -> Ordering:
    """Return the stage that orders records, and makes other events of them, with those that a checkpoint held back."""
    policy = OrderingPolicy(settings.lateness, settings.duplicates, settings.max_ahead)
    shape, columns = shape_of(settings), words.columns(source.columns)
    ordering = new_ordering(shape, policy, columns, dict(enumerate(source.files)), source.tags)
    if saved is not None and (state := ordering_state.load(saved, ordering_state.FILES)) is not None:
        check_same(state.metadata.get("shape", {}), shape)
        ordering.restore(state)
    return ordering


def _open_sink(settings: ReplaySettings, at: int | None, events: int) -> Sink | None:
    if settings.output is None:
        return None
    if at == 0 and events:  # a single Parquet file is not durable before it is closed
        raise SettingError(f"output {settings.output!r} cannot be resumed: write to a folder/ of Parquet files instead")
    return open_sink(settings.output, settings.output_format, at=at, escape_formulas=settings.escape_formulas)
