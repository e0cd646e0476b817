"""`stream-rnn produce`: recorded events into a Kafka topic, as if they came in now."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, NamedTuple, Self

import click
import numpy as np

from stream_rnn.cli.console import logs, signals
from stream_rnn.connectors.deadletter import DeadLetterCounter
from stream_rnn.connectors.decode.schema import Schema
from stream_rnn.connectors.files.byte_stream import STDIN
from stream_rnn.connectors.files.open import open_files
from stream_rnn.connectors.kafka.client import cluster
from stream_rnn.connectors.kafka.topic_writer import EventProducer, make_topic
from stream_rnn.connectors.ordering.pacing import paced
from stream_rnn.connectors.stop import Stop
from stream_rnn.errors import SettingError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stream_rnn.connectors.events import EventBatch
    from stream_rnn.connectors.files.source import Source
    from stream_rnn.settings.live import LiveSettings

PATIENCE = 10.0
"""Seconds that a broker may take to answer once the command was told to stop."""
FEW = 5


class Request(NamedTuple):
    """What is to be replayed, and where to."""

    files: tuple[str, ...]
    topic: str
    partitions: int | None
    """of the topic, if it has to be made; None where it has to be there"""
    key: str | None
    time: str | None
    time_format: Literal["auto", "iso", "s", "ms"]
    end: str | None
    format: str | None
    speed: float | None
    loop: bool


def run(settings: LiveSettings, request: Request) -> int:
    """Replay, say what was sent, and return the exit code: 0, or 128 and the number of the signal that ended it.

    Raises
    ------
    SettingError, ConnectorError
        What the user can mend; also when an event did not arrive.
    """
    logs.to_stderr()
    recording = Recording(request)
    batches = paced(recording, request.speed, stop=Stop(recording.stopped))
    kafka = cluster(settings.servers, settings.client)
    if request.partitions is None:
        kafka.require([request.topic])
    else:
        make_topic(kafka, request.topic, request.partitions)
    began, keys = time.perf_counter(), set[str]()
    stopped = signals.Stopped(lambda: _stop(recording))
    with recording, stopped, EventProducer(kafka, request.topic, recording.schema) as producer:
        for batch in batches:
            producer.write(batch)
            keys.update(batch.keys)
        producer.flush()
    seconds = time.perf_counter() - began
    events = f"{_count(producer.delivered, 'event')} of {_count(len(keys), 'stream')} to topic {request.topic}"
    rate = f"{seconds:.1f} s: {producer.delivered / seconds:,.0f} events/s"
    click.echo(f"{events} in {rate}{_refused(recording.dead_letters)}")
    if recording.ignored:
        click.echo(f"ignored columns: {_listed([f'{name}: {why}' for name, why in recording.ignored.items()])}")
    return 128 + stopped.number if stopped.number else 0


class Recording:
    """The events of files, once or over and over; then each pass goes on in time where the one before ended.

    Parameters
    ----------
    request
        Which files, and which column is what.

    Raises
    ------
    SettingError, ConnectorError
        What the user can mend.
    """

    def __init__(self, request: Request) -> None:
        if not request.files:
            raise SettingError("files must name at least one file, got none")
        if request.loop and STDIN in request.files:
            raise SettingError("loop needs files: standard input comes once")
        self.dead_letters = DeadLetterCounter()
        self._request = request
        self._asked = self._waits = False
        self._source = self._open()
        if request.speed is not None and self._source.time is None:
            raise SettingError("speed needs times: name the column with time")

    @property
    def schema(self) -> Schema:
        """The names of key, time and end."""
        return Schema(self._source.key, self._source.time, self._source.end)

    @property
    def ignored(self) -> dict[str, str]:
        """Columns that are not read, each with the reason."""
        return self._source.ignored

    def stopped(self) -> bool:
        """Tell whether `stop` was called."""
        return self._asked

    def stop(self) -> None:
        """End after the events in hand, from a signal handler.

        Raises
        ------
        KeyboardInterrupt
            Where a silent pipe is waited for, which nothing else ends.
        """
        self._asked = True
        if self._waits:
            raise KeyboardInterrupt

    def __iter__(self) -> Iterator[EventBatch]:
        shift = 0.0
        while True:
            span = _Span()
            for batch in self._read():
                span.add(batch)
                yield replace(batch, times=batch.times + shift)
            if self._asked or not self._request.loop or not self._source.events:
                return
            shift += span.seconds
            self._source = self._open()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._source.close()

    def _open(self) -> Source:
        asked = self._request
        schema = Schema(asked.key, asked.time, asked.end, (), asked.time_format)
        return open_files(asked.files, schema, format=asked.format, dead_letters=self.dead_letters, stop=self.stopped)

    def _read(self) -> Iterator[EventBatch]:
        batches, pipe = iter(self._source), STDIN in self._source.files
        while not self.stopped():
            try:
                self._waits = pipe
                batch = next(batches, None)
            except KeyboardInterrupt:
                if not self.stopped():
                    raise
                return
            finally:
                self._waits = False
            if batch is None:
                return
            yield batch


class _Span:
    """How long a recording is: from its first time to where the next one would follow, a mean step after its last."""

    def __init__(self) -> None:
        self._first = self._latest = np.nan
        self._steps = 0

    def add(self, batch: EventBatch) -> None:
        times = batch.times if np.isnan(self._first) else np.append(self._latest, batch.times)
        order = np.maximum.accumulate(times)
        self._steps += int(np.count_nonzero(np.diff(order)))
        self._first = times[0] if np.isnan(self._first) else self._first
        self._latest = order[-1]

    @property
    def seconds(self) -> float:
        length = float(self._latest - self._first)
        return length + length / self._steps if self._steps else length + 1.0


def _stop(recording: Recording) -> None:
    guard = threading.Timer(PATIENCE, _leave)
    guard.daemon = True
    guard.start()
    recording.stop()


def _leave() -> None:
    click.echo(f"error: no answer from Kafka within {PATIENCE:g} s: the last events may be missing", err=True)
    os._exit(1)


def _refused(letters: DeadLetterCounter) -> str:
    if not len(letters):
        return ""
    reasons = [f"{reason} ({count:,})" for reason, count in letters.reasons.items()]
    return f"; {_count(len(letters), 'record')} refused: {_listed(reasons)}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' * (number != 1)}"


def _listed(words: list[str]) -> str:
    return ", ".join(words[:FEW]) + (f" and {len(words) - FEW:,} more" if len(words) > FEW else "")
