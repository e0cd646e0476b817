"""Decoder: records of a partition become a batch of events; every record becomes an event or a dead letter."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from stream_rnn.connectors.decode import values
from stream_rnn.connectors.decode.json_records import JsonDecoder
from stream_rnn.connectors.decode.local_times import nearest, with_times
from stream_rnn.connectors.decode.missing import MissingValues, SentinelWatch
from stream_rnn.connectors.decode.schema import ColumnRoles
from stream_rnn.connectors.errors import UsageError
from stream_rnn.connectors.events import DeadLetter, EventBatch, Positions
from stream_rnn.connectors.kafka.partitions import partition_name
from stream_rnn.connectors.kafka.schema_registry import explain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kafka import TopicPartition
    from numpy.typing import NDArray

    from stream_rnn.connectors.decode.columns import Columns
    from stream_rnn.connectors.decode.schema import Schema
    from stream_rnn.connectors.events import BadValue
    from stream_rnn.connectors.kafka.partitions import Headers

NO_VALUE = "record has no value"
NO_TIMESTAMP = "timestamp is outside the calendar"


@dataclass(frozen=True, slots=True)
class KafkaBatch:
    """Records that one poll returned of one partition, in order of their offsets."""

    partition: TopicPartition
    events: EventBatch
    headers: list[Headers] | None
    """headers of each event; None if no record has any"""
    dead: list[DeadLetter]
    """records that cannot be used"""
    next: int
    """the offset after the last record"""
    bad_values: Sequence[BadValue] = ()
    """values of the events that are missing because they are not numbers"""

    def __len__(self) -> int:
        return len(self.events) + len(self.dead)

    def select(self, chosen: NDArray[np.bool_]) -> KafkaBatch:
        """Return the batch with only the chosen events, (N,)."""
        headers = self.headers
        if headers is not None:
            headers = [header for header, keep in zip(headers, chosen.tolist(), strict=True) if keep]
        events = self.events[chosen]
        kept = set(events.positions.record.tolist()) if self.bad_values else set()
        bad_values = [value for value in self.bad_values if value.record in kept]
        return replace(self, events=events, headers=headers, bad_values=bad_values)


class Decoder:
    """Decodes records whose values are JSON objects.

    The key of an event is a field, or the key of the record if the schema names none; a record without a key belongs to
    the stream `""`. The time is a field, or the record's timestamp.

    Parameters
    ----------
    schema
        Names of the fields; `columns` must list the numbers to read.

    Raises
    ------
    UsageError
        If the schema has no columns.
    """

    def __init__(self, schema: Schema) -> None:
        if not schema.columns:
            raise UsageError("columns must name the fields to read: columns of a topic are not detected")
        self._has_time, self._has_key = bool(schema.time), schema.key is not None
        self._timezone = schema.timezone
        parts = schema.time_parts((schema.time or "").split("+"))
        self._sentinels = SentinelWatch(name for name in schema.columns if name not in schema.words)
        self._records = JsonDecoder(
            ColumnRoles(
                schema.key,
                "+".join(parts) or None,
                schema.end,
                schema.columns,
                schema.time_format,
                bad_values=schema.bad_values,
                time_parts=parts if len(parts) > 1 else (),
                timezone=schema.timezone,
                words=schema.words,
                missing={name: MissingValues.of(schema.missing_values, name) for name in schema.columns}
                if schema.missing_values
                else {},
            )
        )

    def decode(self, partition: TopicPartition, records: Sequence[Any]) -> KafkaBatch:
        """Decode records of one partition, as kafka-python returns them."""
        _, _, _, offsets, timestamps, _, raw_keys, payloads, headers, *_ = zip(*records, strict=True)
        columns, rows, refused = self._records.decode(payloads if None not in payloads else _without_none(payloads))
        columns = self._in_utc(columns, np.array(timestamps, np.float64)[rows] / 1e3)
        reasons = refused | {int(rows[row]): reason for row, reason in columns.reasons.items()}
        reasons |= {i: explain(payloads[i] or b"", reason) for i, reason in refused.items()}
        reasons |= {i: NO_VALUE for i, payload in enumerate(payloads) if payload is None}
        keys, times = columns.keys, columns.times
        if not self._has_key:
            decoded, unreadable = _decode_keys(raw_keys)
            keys = decoded[rows]
            reasons |= dict.fromkeys(unreadable, values.NO_KEY)
        if not self._has_time:
            times = values.epoch_seconds(np.array(timestamps, np.float64)[rows], "ms")
            reasons |= dict.fromkeys(rows[np.isnan(times)].tolist(), NO_TIMESTAMP)
        positions = Positions(np.full(len(rows), partition.partition, np.int32), np.array(offsets, np.int64)[rows])
        name = partition_name(partition)
        self._sentinels.add(partition.topic, columns.inputs, len(rows))
        batch = KafkaBatch(
            partition=partition,
            events=EventBatch(keys, times, columns.inputs, columns.ends, positions),
            headers=[headers[i] for i in rows] if any(headers) else None,
            dead=[DeadLetter.of(name, offsets[i], reasons[i], payloads[i] or b"") for i in sorted(reasons)],
            next=offsets[-1] + 1,
            bad_values=columns.bad_values_of(name, positions.record),
        )
        if not reasons:
            return batch
        return batch.select(np.array([int(row) not in reasons for row in rows], np.bool_))

    def _in_utc(self, columns: Columns, timestamps: NDArray[np.float64]) -> Columns:
        """Return columns whose local times were resolved; of two times, the one nearer to the record's timestamp."""
        if self._timezone is None or columns.is_local is None or not columns.is_local.any():
            return columns
        rows = np.flatnonzero(columns.is_local & np.isfinite(columns.times))
        return with_times(columns, rows, nearest(columns.times[rows], self._timezone, timestamps[rows]))


def _decode_keys(raw: Sequence[bytes | None]) -> tuple[NDArray[np.object_], list[int]]:
    """Return the keys of records as text, each distinct one decoded once, and which of them are not UTF-8."""
    distinct = {key: _decode_key(key) for key in dict.fromkeys(raw)}
    decoded = np.empty(len(raw), object)
    decoded[:] = [distinct[key] for key in raw]
    if None not in distinct.values():
        return decoded, []
    return decoded, [i for i, key in enumerate(raw) if distinct[key] is None]


def _decode_key(key: bytes | None) -> str | None:
    try:
        return "" if key is None else key.decode()
    except UnicodeDecodeError:
        return None


def _without_none(payloads: Sequence[bytes | None]) -> list[bytes]:
    return [b"" if payload is None else payload for payload in payloads]
