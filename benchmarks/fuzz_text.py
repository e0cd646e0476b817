"""Damaged records in JSON lines and CSV, alone and in a replay, and in batches of a Kafka topic.

The records of a file are found without the reader: by its lines and, where a text may span lines, by one regular
expression. Each must be an event or a dead letter, exactly once, and the events of undamaged records must have the
values that were written.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from functools import partial
from itertools import accumulate
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from kafka import TopicPartition
from kafka.consumer.fetcher import ConsumerRecord

from benchmarks.fuzz_damage import damage
from benchmarks.fuzz_outcome import Outcome, UnaccountedError, examine, message_kind
from stream_rnn.connectors.deadletter import DeadLetterCounter
from stream_rnn.connectors.decode.schema import Schema
from stream_rnn.connectors.errors import ConnectorError
from stream_rnn.connectors.events import EventBatch
from stream_rnn.connectors.files.open import open_files
from stream_rnn.connectors.files.quoting import FIELD_SIZE_LIMIT
from stream_rnn.connectors.kafka.decoder import Decoder
from stream_rnn.jobs.replay.open import open_replay
from stream_rnn.settings.replay import ReplaySettings

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from stream_rnn.connectors.events import DeadLetter
    from stream_rnn.jobs.replay.job import BatchReport

COLUMNS = ("x", "y")
SCHEMA = Schema(key="sensor", time="time", end="done", columns=COLUMNS)
ENGINE: dict[str, Any] = {"hidden": 4, "window": 4, "inputs": COLUMNS}
FILE_RECORDS = (1, 30, 100, 300, 300, 1_000, 1_000, 3_000, 20_000)
"""Sizes of files; the largest are read in several blocks."""
DAMAGED_SHARES = (0.003, 0.05, 0.3, 1.0)
DAMAGED_HEADS = 0.03
"""Share of the files whose header, or first record, is damaged as well; such a file may be refused."""
BATCH = 500
"""Records of a Kafka batch."""
NOTES = ("", "ok", "a, b", 'says "no"', "two\nlines", "three\r\n\r\nlines", '"\n"', "caf\u00e9 \U0001f600")


class Reading(NamedTuple):
    """A record as it is meant to be read."""

    sensor: str
    time: float
    x: float
    y: float
    done: bool
    note: str


class Record(NamedTuple):
    """A record as it is written."""

    data: bytes
    reading: Reading | None
    """None if it is damaged"""


class Layout(NamedTuple):
    """A text format."""

    suffix: str
    head: bytes
    render: Callable[[Reading], bytes]
    starts: Callable[[bytes], Iterator[int]]
    """finds where the records start in what follows the head"""
    schema: Schema = SCHEMA


def _json(reading: Reading) -> bytes:
    return json.dumps(reading._asdict(), ensure_ascii=len(reading.note) % 2 == 0).encode()


def _csv(reading: Reading) -> bytes:
    return f"{reading.sensor},{reading.time!r},{reading.x!r},{reading.y!r},{str(reading.done).lower()}".encode()


def _csv_with_note(reading: Reading) -> bytes:
    note = reading.note.replace('"', '""')
    return _csv(reading) + f',"{note}"'.encode()


def _json_starts(data: bytes) -> Iterator[int]:
    lines = data.split(b"\n")
    for start, line in zip(accumulate((len(line) + 1 for line in lines), initial=0), lines, strict=False):
        if line.strip():
            yield start


def _csv_starts(data: bytes) -> Iterator[int]:
    return (match.start() for match in re.finditer(rb"[^\r\n]+", data))


_FIELD = rb'("(?:[^"\r\n]|"")*+"[^,\r\n]*+|(?!")[^,\r\n]*+),'
_RECORD = re.compile(_FIELD * 5 + rb'("(?:[^"]|"")*+")(?=[\r\n]|\Z)')
_LINE = re.compile(rb"[^\r\n]+")


def _csv_with_note_starts(data: bytes) -> Iterator[int]:
    """Yield where records start whose last text may span lines, if it is closed and no field is too long."""
    at = 0
    while (line := _LINE.search(data, at)) is not None:
        yield line.start()
        record = _RECORD.match(data, line.start())
        is_complete = record is not None and max(map(len, record.groups())) <= FIELD_SIZE_LIMIT
        at = record.end() if record is not None and is_complete else line.end()


JSONL = Layout("jsonl", b"", _json, _json_starts)
CSV = Layout("csv", b"sensor,time,x,y,done\n", _csv, _csv_starts)
CSV_WITH_NOTES = Layout("csv", b"sensor,time,x,y,done,note\n", _csv_with_note, _csv_with_note_starts)


class _Letters(DeadLetterCounter):
    """Keeps all dead letters."""

    def __init__(self) -> None:
        super().__init__()
        self.all: list[DeadLetter] = []

    def add(self, letter: DeadLetter) -> None:
        super().add(letter)
        self.all.append(letter)


def fuzz_files(layout: Layout, folder: Path, rng: random.Random, count: int) -> Outcome:
    """Return the outcome of files with `count` records in total."""
    return _of_files(layout, folder, rng, count, partial(_read, layout, folder))


def fuzz_replay(layout: Layout, folder: Path, rng: random.Random, count: int) -> Outcome:
    """Return the outcome of replays of files with `count` records in total."""
    return _of_files(layout, folder, rng, count, partial(_replay, layout, folder))


def fuzz_kafka(_: Path, rng: random.Random, count: int) -> Outcome:
    """Return the outcome of `count` records of a topic."""
    outcome, first = Outcome(), 0
    while first < count:
        size = min(BATCH, count - first)
        records = [_kafka_record(rng, first + i) for i in range(size)]
        schema = Schema(columns=COLUMNS) if rng.random() < 0.5 else SCHEMA
        outcome += examine(records, partial(_decode, schema), lambda record: repr(record.consumer).encode())
        first += size
    return outcome


def _of_files(
    layout: Layout,
    folder: Path,
    rng: random.Random,
    count: int,
    run: Callable[[Sequence[Record]], Outcome],
) -> Outcome:
    outcome, first = Outcome(), 0
    while first < count:
        size = min(rng.choice(FILE_RECORDS), count - first)
        records = _records(layout, rng, first, size)
        if rng.random() < DAMAGED_HEADS:
            head = Record(damage(rng, layout.head or records[0].data), None)
            data = head.data + b"\n" + b"".join(record.data for record in records)
            outcome += examine([data], partial(_read_without_head, layout, folder, size), bytes)
        else:
            outcome += examine(records, run, lambda record: record.data)
        first += size
    return outcome


def _reading(rng: random.Random, number: int) -> Reading:
    return Reading(
        sensor=rng.choice(("a", "b", "pump 7", "\u6e29\u5ea6")),
        time=1.7e9 + number,
        x=rng.gauss(0, 1),
        y=float(rng.randint(-5, 5)),
        done=rng.random() < 0.05,
        note=rng.choice(NOTES),
    )


def _records(layout: Layout, rng: random.Random, first: int, size: int) -> list[Record]:
    """Return the records of a file, each with its line end; the first is not damaged."""
    share, line_end = rng.choice(DAMAGED_SHARES), rng.choice((b"\n", b"\n", b"\r\n"))
    records = []
    for number in range(size):
        reading = _reading(rng, first + number)
        data = layout.render(reading)
        if number and rng.random() < share:
            records.append(Record(damage(rng, data) + line_end, None))
        else:
            records.append(Record(data + line_end, reading))
    return records


def _write(layout: Layout, folder: Path, records: Sequence[Record]) -> tuple[Path, list[int]]:
    """Write a file; return its path, and where its records start after the head."""
    data = b"".join(record.data for record in records)
    path = folder / f"damaged.{layout.suffix}"
    path.write_bytes(layout.head + data)
    return path, list(layout.starts(data))


def _read(layout: Layout, folder: Path, records: Sequence[Record]) -> Outcome:
    if records[0].reading is None:  # a smaller example
        records = [Record(layout.render(Reading("a", 1.7e9, 1.0, 1.0, False, "")) + b"\n", None), *records]
    path, starts = _write(layout, folder, records)
    letters = _Letters()
    with open_files(path, layout.schema, dead_letters=letters) as source:
        events = EventBatch.concat([EventBatch.empty(COLUMNS), *source])
        position = source.position()["files"][str(path)]
    if position != len(starts):
        raise UnaccountedError(f"{len(starts)} records, of which {position} were read")
    outcome = _outcome(len(starts), events, letters)
    offsets = accumulate((len(record.data) for record in records), initial=0)
    number_of = {start: number for number, start in enumerate(starts)}
    intact = [
        (number_of.get(offset), record.reading)
        for offset, record in zip(offsets, records, strict=False)
        if record.reading is not None
    ]
    outcome.joined = sum(number is None for number, _ in intact)
    _check_values(events, [(number, reading) for number, reading in intact if number is not None])
    return outcome


def _read_without_head(layout: Layout, folder: Path, size: int, parts: Sequence[bytes]) -> Outcome:
    """Read a file whose head is damaged; what its records are is only known if it is refused."""
    path, letters = folder / f"damaged.{layout.suffix}", _Letters()
    path.write_bytes(b"".join(parts))
    try:
        with open_files(path, layout.schema, dead_letters=letters) as source:
            events = EventBatch.concat([EventBatch.empty(COLUMNS), *source])
            position = source.position()["files"][str(path)]
    except ConnectorError as error:
        return Outcome(written=size, refused=size, reasons=Counter({f"file: {message_kind(error, path)}": size}))
    return _outcome(position, events, letters)


def _outcome(count: int, events: EventBatch, letters: _Letters) -> Outcome:
    """Return the counts of records 0 to `count`, each of which must be an event or a dead letter, once."""
    numbers = np.concatenate([events.positions.record, np.array([letter.record for letter in letters.all], np.int64)])
    if not np.array_equal(np.sort(numbers), np.arange(count)):
        raise UnaccountedError(
            f"{count} records, {len(events)} events, {len(letters)} dead letters; "
            f"not once: {sorted(set(range(count)).symmetric_difference(numbers.tolist()))[:5]}"
        )
    values = events.table(COLUMNS)
    if np.isinf(values).any() or np.isinf(events.times).any():
        raise UnaccountedError("an event has infinite values")
    outcome = Outcome(count, len(events), len(letters), missing=int(np.isnan(values).sum()), reasons=letters.reasons)
    outcome.check()
    return outcome


def _check_values(events: EventBatch, intact: Sequence[tuple[int, Reading]]) -> None:
    """Check that undamaged records, by number, are events with their values."""
    row_of = {record: row for row, record in enumerate(events.positions.record.tolist())}
    table = events.table(COLUMNS).tolist()
    keys, times, ends = events.keys.tolist(), events.times.tolist(), events.ends.tolist()
    for number, reading in intact:
        row = row_of.get(number)
        if row is None:
            raise UnaccountedError(f"undamaged record {number} is refused")
        found = (keys[row], times[row], *table[row], ends[row])
        if found != reading[:5]:
            raise UnaccountedError(f"undamaged record {number} is read as {found}, not {reading[:5]}")


def _replay(layout: Layout, folder: Path, records: Sequence[Record]) -> Outcome:
    path, starts = _write(layout, folder, records)
    output, letters = folder / "out.jsonl", folder / "refused.jsonl"
    letters.unlink(missing_ok=True)
    settings = ReplaySettings(
        files=(str(path),),
        key="sensor",
        time="time",
        end="done",
        output=str(output),
        dead_letters=str(letters),
        lateness=10.0 if len(records) % 2 else None,
        duplicates="drop" if len(records) % 3 else "keep",
    )
    non_finite = 0

    def follow(report: BatchReport) -> None:
        nonlocal non_finite
        non_finite += int((~np.isfinite(report.result.forecasts)).sum())

    summary = open_replay(settings, ENGINE).run(follow)
    if non_finite:
        raise UnaccountedError(f"{non_finite} forecasts are not finite")
    rows, refused = (len(file.read_bytes().splitlines()) for file in (output, letters))
    if (rows, refused) != (summary.events, summary.skipped):
        raise UnaccountedError(f"{summary.events} events and {summary.skipped} dead letters; {rows} and {refused} rows")
    reasons = summary.skipped_reasons | {"read before": summary.duplicates}
    dropped = summary.skipped + summary.duplicates
    outcome = Outcome(len(starts), summary.events, dropped, missing=summary.missing_inputs)
    outcome.reasons.update(reasons)
    outcome.check()
    return outcome


class _KafkaRecord(NamedTuple):
    consumer: ConsumerRecord
    reading: Reading | None


def _kafka_record(rng: random.Random, offset: int) -> _KafkaRecord:
    reading = _reading(rng, offset)
    intact_key, intact_value, timestamp = reading.sensor.encode(), _json(reading), int(reading.time * 1000)
    key: bytes | None = intact_key
    value: bytes | None = intact_value
    kind = rng.choice(("value", "value", "value", "no value", "key", "no key", "time")) if rng.random() < 0.3 else ""
    if kind == "value":
        value = damage(rng, intact_value)
    elif kind == "no value":
        value = None
    elif kind == "key":
        key = damage(rng, intact_key)
    elif kind == "no key":
        key = None
    elif kind == "time":
        timestamp = rng.choice((-1, 0, 2**62, -(2**62), 253_402_300_800_000))
    headers = [("trace", rng.randbytes(3))] if rng.random() < 0.1 else []
    fields: dict[str, Any] = dict.fromkeys(ConsumerRecord._fields, -1)
    fields |= {"topic": "readings", "partition": 3, "offset": offset, "timestamp": timestamp}
    fields |= {"key": key, "value": value, "headers": headers}
    return _KafkaRecord(ConsumerRecord(**fields), None if kind else reading)


def _decode(schema: Schema, records: Sequence[_KafkaRecord]) -> Outcome:
    batch = Decoder(schema).decode(TopicPartition("readings", 3), [record.consumer for record in records])
    letters, number_of = _Letters(), {record.consumer.offset: i for i, record in enumerate(records)}
    for letter in batch.dead:
        letters.add(letter)
    numbers = sorted([number_of[offset] for offset in batch.events.positions.record.tolist()])
    ended = [number_of[tombstone.offset] for tombstone in batch.tombstones]
    if any(records[i].consumer.value is not None for i in ended):
        raise UnaccountedError("a record with a value is a tombstone")
    if sorted([*numbers, *ended, *(number_of[letter.record] for letter in letters.all)]) != list(range(len(records))):
        raise UnaccountedError(
            f"{len(records)} records, {len(batch.events)} events, {len(ended)} tombstones, {len(letters)} dead letters"
        )
    values = batch.events.table(COLUMNS)
    done = schema.end is not None
    intact = [(r.consumer.offset, r.reading._replace(done=done and r.reading.done)) for r in records if r.reading]
    _check_values(batch.events, intact)
    missing = int(np.isnan(values).sum())
    processed = len(batch.events) + len(ended)
    return Outcome(len(records), processed, len(letters), missing=missing, reasons=letters.reasons)
