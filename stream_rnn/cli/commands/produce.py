"""`stream-rnn produce`: replay recorded events into a Kafka topic, as if they arrived live."""

from __future__ import annotations

import logging
import math
import time
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np

from stream_rnn.cli.console.formatting import counted, echo_line, listed
from stream_rnn.cli.console.logs import log_to_stderr
from stream_rnn.cli.console.signals import GracefulStop, exit_after
from stream_rnn.connectors.deadletter import DeadLetterCounter
from stream_rnn.connectors.decode.schema import Schema
from stream_rnn.connectors.files.byte_stream import STDIN
from stream_rnn.connectors.files.open import open_files
from stream_rnn.connectors.kafka.client import make_cluster
from stream_rnn.connectors.kafka.topic_writer import TopicWriter, create_topic, retention_seconds
from stream_rnn.connectors.ordering.pacing import paced
from stream_rnn.connectors.stop import Stop
from stream_rnn.errors import SettingError
from stream_rnn.jobs.stopping import StopFlag, StoppableReader

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stream_rnn.connectors.events import EventBatch
    from stream_rnn.connectors.files.source import Source
    from stream_rnn.settings.live import LiveSettings

log = logging.getLogger("stream_rnn")

STOP_SECONDS = 10.0
"""Time that a broker may take to answer after the command was stopped."""


class ProduceRequest(NamedTuple):
    """What to replay, and where to."""

    files: tuple[str, ...]
    topic: str
    partitions: int | None
    """of the topic, which is created if it does not exist; None to require that it exists"""
    key: str | None
    time: str | None
    time_format: str
    timezone: str | None
    end: str | None
    format: str | None
    speed: float | None
    loop: bool


def run(settings: LiveSettings, request: ProduceRequest) -> int:
    """Replay, print what was sent, and return the exit status: 0, or 128 plus the signal that stopped it.

    Raises
    ------
    SettingError, ConnectorError
        If the user has to change something, or an event was not delivered.
    """
    log_to_stderr()
    recording = Recording(request)
    batches = paced(recording, request.speed, stop=Stop(recording.stop_flag))
    kafka = make_cluster(settings.servers, settings.client)
    if request.partitions is None:
        kafka.require([request.topic])
    else:
        create_topic(kafka, request.topic, request.partitions)

    def stop() -> None:
        exit_after(STOP_SECONDS, _report_timeout)
        recording.stop()

    start, keys = time.perf_counter(), set[str]()
    with recording, GracefulStop(stop) as stopping, TopicWriter(kafka, request.topic, recording.schema) as producer:
        keeps = retention_seconds(kafka, request.topic) if recording.schema.time else math.inf
        for batch in batches:
            if time.time() - batch.times.min() > keeps:
                log.warning("%s", _deleted_soon(request.topic, keeps))
                keeps = math.inf  # warned once
            producer.write(batch)
            keys.update(batch.keys)
        producer.flush()
    seconds = time.perf_counter() - start
    events = f"{counted(producer.delivered, 'event')} of {counted(len(keys), 'stream')} to topic {request.topic}"
    rate = f"{seconds:.1f} s: {producer.delivered / seconds:,.0f} events/s"
    echo_line(f"{events} in {rate}{_refused(recording.dead_letters)}")
    if recording.bad_values:
        echo_line(f"not numbers, sent as null: {counted(recording.bad_values, 'value')}")
    if recording.ignored:
        echo_line(f"ignored columns: {listed([f'{name}: {reason}' for name, reason in recording.ignored.items()])}")
    return stopping.exit_status


class Recording:
    """The events of files, once or in a loop; each pass continues in time where the previous one ended.

    Parameters
    ----------
    request
        Which files to read, and how.

    Raises
    ------
    SettingError, ConnectorError
        If the user has to change something.
    """

    def __init__(self, request: ProduceRequest) -> None:
        if not request.files:
            raise SettingError("files must name at least one file, got none")
        if request.loop and STDIN in request.files:
            raise SettingError("loop needs files: standard input can be read only once")
        self.dead_letters = DeadLetterCounter()
        self.stop_flag = StopFlag()
        self._request = request
        self._source = self._open()
        self._reader = StoppableReader(self._source, self.stop_flag)
        for line in self._source.recognised:
            log.warning("%s", line)
        if self._source.key_hint:
            log.warning("%s", self._source.key_hint)
        if request.speed is not None and self._source.time is None:
            raise SettingError("speed needs times: set time to the name of the time column")

    @property
    def schema(self) -> Schema:
        """Names of the key, time and end columns."""
        return Schema(self._source.key, self._source.time, self._source.end)

    @property
    def ignored(self) -> dict[str, str]:
        """Columns that are not read, each with the reason."""
        return self._source.ignored

    @property
    def bad_values(self) -> int:
        """Number of values that are not numbers, in the present pass."""
        return len(self._source.bad_values)

    def stop(self) -> None:
        """End the iteration after the current batch, as `StoppableReader.stop`."""
        self._reader.stop()

    def __iter__(self) -> Iterator[EventBatch]:
        shift = 0.0
        while True:
            duration = _Duration()
            for batch in self._reader:
                duration.add(batch)
                yield replace(batch, times=batch.times + shift)
            if self.stop_flag.is_set or not self._request.loop or not self._source.events:
                return
            shift += duration.seconds
            self._source = self._open()
            self._reader = StoppableReader(self._source, self.stop_flag)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._source.close()

    def _open(self) -> Source:
        request = self._request
        schema = Schema(request.key, request.time, request.end, (), request.time_format, timezone=request.timezone)
        return open_files(
            request.files, schema, format=request.format, dead_letters=self.dead_letters, stop=self.stop_flag
        )


class _Duration:
    """The duration of a recording: from its first time until one mean interval after its last time."""

    def __init__(self) -> None:
        self._first = self._latest = np.nan
        self._steps = 0

    def add(self, batch: EventBatch) -> None:
        times = batch.times if np.isnan(self._first) else np.append(self._latest, batch.times)
        ascending = np.maximum.accumulate(times)
        self._steps += int(np.count_nonzero(np.diff(ascending)))
        self._first = times[0] if np.isnan(self._first) else self._first
        self._latest = ascending[-1]

    @property
    def seconds(self) -> float:
        length = float(self._latest - self._first)
        return length + length / self._steps if self._steps else length + 1.0


def _deleted_soon(topic: str, seconds: float) -> str:
    return (
        f"topic {topic!r} keeps records for {seconds / 3600:,.3g} hours by their timestamps, and some of these are "
        "older: Kafka may delete them at any moment; set its retention.ms to -1 to keep them"
    )


def _report_timeout() -> None:
    echo_line(f"error: no answer from Kafka within {STOP_SECONDS:g} s: the last events may be missing", err=True)


def _refused(letters: DeadLetterCounter) -> str:
    if not len(letters):
        return ""
    reasons = [f"{reason} ({count:,})" for reason, count in letters.reasons.items()]
    return f"; {counted(len(letters), 'record')} skipped: {listed(reasons)}"
