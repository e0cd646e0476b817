"""Replay: the job that puts recorded events through an engine or a race, made of settings."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from stream_rnn.checkpoints.file import check_settings
from stream_rnn.checkpoints.folder import CheckpointFolder
from stream_rnn.connectors.deadletter import DeadLetterCounter, DeadLetterFile
from stream_rnn.connectors.decode.schema import Schema
from stream_rnn.connectors.events import DeadLetter
from stream_rnn.connectors.files.open import open_files, open_sink
from stream_rnn.connectors.ordering.ordering import Ordering, OrderingPolicy
from stream_rnn.engine.engine import Engine
from stream_rnn.errors import SettingError, nearest
from stream_rnn.jobs.ordering_state import FILES, state_of
from stream_rnn.jobs.replay.job import Job, Stopper
from stream_rnn.race.race import Race
from stream_rnn.race.snapshot import check_race
from stream_rnn.settings.engine import Settings
from stream_rnn.settings.race import check_members

if TYPE_CHECKING:
    from collections.abc import Callable

    from stream_rnn.checkpoints.file import CheckpointData
    from stream_rnn.connectors.files.sink import Sink
    from stream_rnn.connectors.files.source import Source
    from stream_rnn.settings.race import RaceConfig
    from stream_rnn.settings.replay import ReplaySettings

UNSAID = ("?",)
"""Stands for inputs that were not named, while the other settings are checked."""
BEGINNING: dict[str, Any] = {"source": {"files": {}}, "sink": None, "dead_letters": None}


Learner = TypeVar("Learner", Engine, Race)


def replay(settings: ReplaySettings, engine_settings: dict[str, Any]) -> Job[Engine]:
    """Return the job that replays files through an engine.

    Parameters
    ----------
    settings
        Where events come from, and where forecasts go.
    engine_settings
        The engine's settings by name; without ``inputs``, every numeric column is one.

    Raises
    ------
    SettingError, ConnectorError, CheckpointError
        Before anything starts.
    """

    def make(source: Source, found: tuple[Path, CheckpointData] | None) -> Engine:
        _check_times(settings, engine_settings, source)
        wanted = Settings.parse(engine_settings | {"inputs": _inputs(asked, source)})
        if found is None:
            return Engine(wanted)
        check_settings(found[0], found[1].settings, wanted)
        return Engine.restore(found[1])

    asked = Settings.parse({"inputs": UNSAID} | engine_settings)  # refused before a file is opened
    return _job(settings, asked, make)


def replay_race(settings: ReplaySettings, entrants: RaceConfig) -> Job[Race]:
    """Return the job that replays files through a race, as `replay` does through an engine.

    Raises
    ------
    SettingError, ConnectorError, CheckpointError
        Before anything starts.
    """

    def parse(inputs: tuple[str, ...] | None) -> dict[str, Settings]:
        members = {}
        for name, values in entrants.members.items():
            try:
                members[name] = Settings.parse({"inputs": UNSAID} | values | ({"inputs": inputs} if inputs else {}))
            except SettingError as error:
                raise SettingError(f"member {name!r}: {error}") from None
        check_members(members, entrants.race)
        return members

    def make(source: Source, found: tuple[Path, CheckpointData] | None) -> Race:
        for values in entrants.members.values():
            _check_times(settings, values, source)
        wanted = parse(_inputs(asked, source))
        if found is None:
            return Race(wanted, entrants.race)
        check_race(found[0], found[1], wanted, entrants.race)
        return Race.restore(found[1])

    asked = next(iter(parse(None).values()))
    return _job(settings, asked, make)


def _job(
    settings: ReplaySettings, asked: Settings, make: Callable[[Source, tuple[Path, CheckpointData] | None], Learner]
) -> Job[Learner]:
    """Open what the job needs; `make` is given the source and the checkpoint to go on from."""
    if not settings.files:
        raise SettingError("files must name at least one file, got none")
    found = CheckpointFolder(settings.checkpoint or "").newest() if settings.resume else None
    positions = found[1].positions if found is not None else BEGINNING
    stopper = Stopper()
    with ExitStack() as opened:  # closed again if something after them is wrong
        letters = _dead_letters(settings, positions)
        if isinstance(letters, DeadLetterFile):
            opened.enter_context(letters)
        source = open_files(
            settings.files,
            Schema(settings.key, settings.time, settings.end, _columns(asked), settings.time_format),
            start=positions["source"]["files"],
            follow=settings.follow,
            format=settings.format,
            dead_letters=letters,
            stop=stopper,
        )
        opened.enter_context(source)
        learner = make(source, found)
        ordering = _ordering(settings, source, found[1] if found is not None else None)
        sink = _sink(settings, positions["sink"], learner.counts.events)
        job = Job(settings, learner, source, sink, ordering, stopper)
        opened.pop_all()
    return job


def _check_times(settings: ReplaySettings, engine_settings: dict[str, Any], source: Source) -> None:
    """Refuse what times are needed for, where there are none; a preset does without."""
    asked = {
        "speed": settings.speed,
        "lateness": settings.lateness is not None,
        "duplicates": settings.duplicates == "drop",
    } | {name: engine_settings.get(name) for name in ("calendar", "elapsed", "half_life")}
    for name, value in asked.items():
        if value and source.time is None:
            raise SettingError(f"{name} needs times: name the column with time")


def _ordering(settings: ReplaySettings, source: Source, saved: CheckpointData | None) -> Ordering | None:
    """Return what puts events in order, with what it held; None where nothing is asked for and nothing was held."""
    rule = OrderingPolicy(settings.lateness, settings.duplicates)
    state = state_of(saved, FILES) if saved is not None else None
    if state is None and not rule.active:
        return None
    ordering = Ordering(rule, source.columns, dict(enumerate(source.files)))
    if state is not None:
        ordering.restore(state)
    return ordering


def _dead_letters(settings: ReplaySettings, positions: dict[str, Any]) -> DeadLetterCounter:
    """Open the file of refused records, without those that will be refused again."""
    at = positions["dead_letters"]
    if not settings.dead_letters:
        return DeadLetterCounter()
    kept = _refused_before(settings.dead_letters, at, positions["source"]["files"]) if at is not None else []
    letters = DeadLetterFile(settings.dead_letters, at=at)
    for letter in kept:
        letters.add(letter)
    letters.reasons.clear()  # counted by the run that refused them
    return letters


def _refused_before(path: str, at: int, files: dict[str, int]) -> list[DeadLetter]:
    """Return the records refused after byte `at` of the file that stand before where reading goes on.

    A checkpoint within a batch, as a paced replay makes it, was made when all of the batch's had been written.
    """
    try:
        with Path(path).open("rb") as file:
            file.seek(at)
            letters = [msgspec.json.decode(line, type=DeadLetter) for line in file if line.endswith(b"\n")]
    except (OSError, msgspec.DecodeError):  # opening it for writing says what is wrong
        return []
    return [letter for letter in letters if letter.record < files.get(letter.source, 0)]


def _sink(settings: ReplaySettings, at: int | None, events: int) -> Sink | None:
    if settings.output is None:
        return None
    if at == 0 and events:  # nothing of what was written could be kept
        raise SettingError(f"output {settings.output!r} cannot be gone on with: a folder/ of Parquet files can")
    return open_sink(settings.output, settings.output_format, at=at)


def _columns(asked: Settings) -> tuple[str, ...]:
    """Return the columns that the source has to read, or none for every numeric one."""
    if asked.inputs == UNSAID:
        return ()
    return asked.inputs + tuple(name for name in asked.targets if name not in asked.inputs)


def _inputs(asked: Settings, source: Source) -> tuple[str, ...]:
    """Return the inputs: those asked for, or every numeric column; forecasts also see their targets' past."""
    for name in asked.targets:
        if name not in source.columns:
            why = f": it is {source.ignored[name]}" if name in source.ignored else nearest(name, source.columns)
            raise SettingError(f"targets must be numeric columns of {source.files[0]}, got {name!r}{why}")
    inputs = source.columns if asked.inputs == UNSAID else asked.inputs
    if asked.task != "forecast":
        others = tuple(name for name in inputs if name not in asked.targets)
        if inputs and not others:
            raise SettingError(f"inputs must be numeric columns of {source.files[0]} that are no targets, got none")
        return others
    if asked.tokens:  # an embedding sees the token alone
        return inputs
    return inputs + tuple(name for name in asked.targets if name not in inputs)
