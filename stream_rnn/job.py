"""Job: source -> engine -> sink, with scores, checkpoints and positions.

The only module that knows both packages. Batches come from the source as columns; keys, inputs and targets go to the
engine as arrays; forecasts go to the sink as columns again.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import msgspec
import numpy as np

from connectors.deadletter import DeadLetterCounter, DeadLetterFile
from connectors.files import open_files
from connectors.replay import paced
from connectors.schema import Schema
from connectors.sinks import open_sink
from stream_rnn.checkpoints import CheckpointFolder
from stream_rnn.config import Settings
from stream_rnn.engine import Engine, Taken
from stream_rnn.errors import SettingError, nearest
from stream_rnn.scores import Scores

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from connectors.events import EventBatch
    from connectors.sinks import Sink
    from connectors.source import Source

DAY = 86_400.0
DEFAULT_SEASON = 24


class JobSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where events come from, and where forecasts go."""

    files: tuple[str, ...] = ()
    format: str | None = None
    key: str | None = None
    time: str | None = None
    time_format: Literal["auto", "iso", "s", "ms"] = "auto"
    end: str | None = None
    follow: bool = False
    speed: float | None = None
    output: str | None = None
    output_format: str | None = None
    dead_letters: str | None = None
    checkpoint: str | None = None
    checkpoint_every: int = 1_000_000
    resume: bool = False
    season: int | None = None


class Shown(NamedTuple):
    """A batch with what became of it, for those who watch a job."""

    batch: EventBatch
    y: NDArray[np.float64]
    """(N, D) the targets' values"""
    taken: Taken


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What a job did."""

    events: int
    forecasts: int
    streams: int
    skipped: int
    """records that could not be used"""
    skipped_reasons: dict[str, int]
    skipped_updates: int
    resets: int
    missing_inputs: int
    missing_targets: int
    seconds: float
    events_per_second: float
    season: int
    scores: dict[str, Any]
    per_target: dict[str, Any]
    per_horizon: list[Any]
    settings: dict[str, Any]
    output: str | None
    checkpoint: str | None
    finished: bool


class Job:
    """One run over recorded events; made by `replay`."""

    def __init__(self, settings: JobSettings, engine: Engine, source: Source, sink: Sink | None, resumed: int) -> None:
        self.settings = settings
        self.engine = engine
        self.source = source
        self.resumed = resumed
        self._sink = sink
        self._folder = CheckpointFolder(settings.checkpoint) if settings.checkpoint is not None else None
        self._saved_at = engine.counts.events
        self._saved: Path | None = None
        self._scores: Scores | None = None
        self._season = settings.season
        self._seconds = 0.0

    def run(self, watch: Callable[[Shown], None] | None = None) -> Summary:
        """Take every event of the source; a keyboard interrupt ends the run with what was done so far.

        Parameters
        ----------
        watch
            Called after each batch.
        """
        finished = True
        try:
            for batch in paced(self.source, self.settings.speed):
                self._take(batch, watch)
        except KeyboardInterrupt:
            finished = False
        self._close()
        return self._summary(finished=finished)

    def _take(self, batch: EventBatch, watch: Callable[[Shown], None] | None) -> None:
        began = time.perf_counter()
        engine = self.engine
        x = np.column_stack([batch.columns[name] for name in engine.settings.inputs])
        y = np.column_stack([batch.columns[name] for name in engine.settings.target_names])
        taken = engine.take(batch.keys, x, y, batch.times, batch.ends)
        if self._scores is None:
            self._season = _season(batch) if self._season is None else self._season
            self._scores = Scores(engine.settings, self._season)
        self._scores.add(taken.slots, taken.begins, y, taken.forecasts)
        if self._sink is not None:
            self._sink.write(self._rows(batch, y, taken))
        self._seconds += time.perf_counter() - began
        if watch is not None:
            watch(Shown(batch, y, taken))
        if engine.counts.events - self._saved_at >= self.settings.checkpoint_every:
            self._checkpoint()

    def errors(self) -> dict[str, Any]:
        """Return the scores so far, by forecaster."""
        return self._scores.overall() if self._scores is not None else {}

    def _rows(self, batch: EventBatch, y: NDArray[np.float64], taken: Taken) -> dict[str, NDArray[Any]]:
        """Return the output's columns: time, key, each target's value, and its forecasts."""
        settings = self.engine.settings
        rows: dict[str, NDArray[Any]] = {}
        if self.source.time is not None:
            rows["time"] = batch.times
        if self.source.key is not None:
            rows["key"] = batch.keys
        rows |= {name: y[:, d] for d, name in enumerate(settings.target_names)}
        flat = taken.forecasts.reshape(len(batch), math.prod(settings.forecast_shape))
        return rows | dict(zip(forecast_names(settings), flat.T, strict=True))

    def _checkpoint(self) -> None:
        if self._folder is None:
            return
        if self._sink is not None:
            self._sink.flush()
        positions = {
            "source": self.source.position(),
            "sink": self._sink.position() if self._sink is not None else None,
        }
        self._saved = self._folder.save(self.engine, positions)
        self._saved_at = self.engine.counts.events

    def _close(self) -> None:
        if self.engine.counts.events > self._saved_at or self._saved is None:
            self._checkpoint()
        if self._sink is not None:
            self._sink.close()
        if isinstance(self.source.dead_letters, DeadLetterFile):
            self.source.dead_letters.close()
        self.source.close()

    def _summary(self, *, finished: bool) -> Summary:
        counts, scores = self.engine.counts, self._scores
        events = self.source.events
        return Summary(
            events=events,
            forecasts=events * math.prod(self.engine.settings.forecast_shape),
            streams=len(self.engine.keys),
            skipped=len(self.source.dead_letters),
            skipped_reasons=dict(self.source.dead_letters.reasons),
            skipped_updates=counts.skipped,
            resets=counts.resets,
            missing_inputs=counts.missing_inputs,
            missing_targets=counts.missing_targets,
            seconds=self._seconds,
            events_per_second=events / self._seconds if self._seconds else 0.0,
            season=self._season or 0,
            scores=scores.overall() if scores is not None else {},
            per_target=scores.per_target() if scores is not None else {},
            per_horizon=scores.per_horizon() if scores is not None else [],
            settings=self.engine.settings.describe(),
            output=self.settings.output,
            checkpoint=str(self._saved) if self._saved is not None else None,
            finished=finished,
        )


def replay(settings: JobSettings, engine_settings: dict[str, Any]) -> Job:
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
    if settings.checkpoint_every < 1:
        raise SettingError(f"checkpoint_every must be at least 1, got {settings.checkpoint_every}")
    if settings.season is not None and settings.season < 0:
        raise SettingError(f"season must be at least 0, got {settings.season}")
    if settings.resume and settings.checkpoint is None:
        raise SettingError("resume needs checkpoint, the folder to go on from")
    given = {"inputs": ("?",)} | {name: value for name, value in engine_settings.items() if value is not None}
    asked = Settings.parse(given)  # refused before a file is opened
    found = None
    if settings.resume:
        found = CheckpointFolder(settings.checkpoint or "").newest()
    positions = found[1].positions if found is not None else {"source": {"files": {}}, "sink": None}
    letters = DeadLetterFile(settings.dead_letters) if settings.dead_letters else DeadLetterCounter()
    source = open_files(
        settings.files,
        Schema(settings.key, settings.time, settings.end, _columns(asked), settings.time_format),
        start=positions["source"]["files"],
        follow=settings.follow,
        format=settings.format,
        dead_letters=letters,
    )
    try:
        asked = Settings.parse(given | {"inputs": _inputs(asked, source)})
        engine = Engine(asked) if found is None else Engine.load(found[0], settings=asked)
        sink = None
        if settings.output is not None:
            sink = open_sink(settings.output, settings.output_format, at=positions["sink"])
        return Job(settings, engine, source, sink, engine.counts.events)
    except BaseException:
        source.close()
        raise


def forecast_names(settings: Settings) -> Iterator[str]:
    """Yield the output's name of each number in a forecast, in the order of the flattened forecast.

    ``Y+3`` is target Y three events ahead, ``Y.forecast`` a label; ``.q0.05`` a quantile, ``.mean`` and ``.variance``
    the two of gaussian_nll, ``.p2`` the probability of class 2.
    """
    parts: tuple[str, ...] = ("",)
    if settings.loss_name == "quantile":
        parts = tuple(f".q{level:g}" for level in settings.quantiles)
    elif settings.loss_name == "gaussian_nll":
        parts = (".mean", ".variance")
    elif settings.loss_name == "softmax":
        parts = tuple(f".p{c}" for c in range(settings.classes))
    elif settings.loss_name == "logistic":
        parts = (".p1",)
    places = [f"+{ahead}" for ahead in range(1, settings.horizon + 1)]
    if settings.task != "forecast":
        places = [".forecast" if settings.task == "regression" else ""]
    for place in places:
        for name in settings.target_names:
            for part in parts:
                yield f"{name}{place}{part}"


def _columns(asked: Settings) -> tuple[str, ...]:
    """Return the columns that the source has to read, or none for every numeric one."""
    if asked.inputs == ("?",):
        return ()
    return asked.inputs + tuple(name for name in asked.targets if name not in asked.inputs)


def _inputs(asked: Settings, source: Source) -> tuple[str, ...]:
    """Return the inputs: those asked for, or every numeric column; forecasts also see their targets' past."""
    for name in asked.targets:
        if name not in source.columns:
            raise SettingError(f"target {name!r} is not a numeric column of the source{nearest(name, source.columns)}")
    inputs = source.columns if asked.inputs == ("?",) else asked.inputs
    if asked.task == "forecast":
        return inputs + tuple(name for name in asked.targets if name not in inputs)
    return tuple(name for name in inputs if name not in asked.targets)


def _season(batch: EventBatch) -> int:
    """Return the events of a day, by the first batch's most usual gap; 24 where there is no time to tell by."""
    gaps = np.concatenate([np.diff(batch.times[batch.keys == key]) for key in set(batch.keys.tolist()[:100])])
    gaps = gaps[gaps > 0]
    if not len(gaps):
        return DEFAULT_SEASON
    events = round(DAY / float(np.median(gaps)))
    return events if 2 <= events <= DAY else DEFAULT_SEASON
