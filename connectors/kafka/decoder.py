"""Decoder: records of a partition become a batch of events.

Every record becomes an event, several, a tombstone, or a dead letter. Its events are committed and read again together.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from stream_rnn.connectors.decode import values
from stream_rnn.connectors.decode.columns import Decoded
from stream_rnn.connectors.decode.decoders import DECODERS
from stream_rnn.connectors.decode.json_paths import check_path
from stream_rnn.connectors.decode.local_times import nearest, with_times
from stream_rnn.connectors.decode.missing import MissingValues, SentinelWatch
from stream_rnn.connectors.decode.schema import ColumnRoles
from stream_rnn.connectors.errors import UsageError
from stream_rnn.connectors.events import DeadLetter, EventBatch, Positions
from stream_rnn.connectors.kafka.keys import KeyDecoder
from stream_rnn.connectors.kafka.partitions import partition_name
from stream_rnn.connectors.registry.values import RegisteredValues

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kafka import TopicPartition
    from numpy.typing import NDArray

    from stream_rnn.connectors.decode.columns import Columns
    from stream_rnn.connectors.decode.schema import Schema
    from stream_rnn.connectors.events import BadValue
    from stream_rnn.connectors.kafka.partitions import Headers
    from stream_rnn.connectors.registry.registry import SchemaRegistry

log = logging.getLogger("stream_rnn")

NO_TIMESTAMP = "timestamp is outside the calendar"


class RecordOptions(NamedTuple):
    """How records are read, besides the fields of their values."""

    format: str = "json"
    """format of the values, one of `DECODERS`"""
    key_format: str = "text"
    """format of the keys, see `KeyDecoder`; with ``json``, the schema's key is a field of the record's key"""
    time_header: str | None = None
    """header with the time; None: the schema says where it is"""
    tombstones: Literal["end", "ignore"] = "end"
    """whether a record without value ends the sequence of its key"""
    registry: SchemaRegistry | None = None
    """has the schemas of values that begin with the id of one"""


class Tombstone(NamedTuple):
    """A record without value."""

    offset: int
    key: str | None
    """the stream whose sequence it ends; None if it ends none"""


@dataclass(frozen=True, slots=True)
class KafkaBatch:
    """Records that one poll returned of one partition, in order of their offsets."""

    partition: TopicPartition
    events: EventBatch
    headers: list[Headers] | None
    """headers of each event; None if no record has any"""
    dead: list[DeadLetter]
    """records that cannot be used"""
    tombstones: Sequence[Tombstone]
    """records without value"""
    records: int
    """number of records"""
    next: int
    """the offset after the last record"""
    bad_values: Sequence[BadValue] = ()
    """values of the events that are missing because they are not numbers"""

    def __len__(self) -> int:
        return self.records

    def split(self, offset: int) -> tuple[KafkaBatch, KafkaBatch]:
        """Return the records before an offset and those from it on; it is between two of them."""
        is_before = self.events.positions.record < offset
        parts = []
        for part, is_in in ((self.select(is_before), True), (self.select(~is_before), False)):
            dead = [letter for letter in self.dead if (letter.record < offset) == is_in]
            tombstones = [tombstone for tombstone in self.tombstones if (tombstone.offset < offset) == is_in]
            parts.append(replace(part, dead=dead, tombstones=tombstones))
        unread = self.next - offset  # at most: offsets may be left out
        records = max(0, self.records - unread)
        return replace(parts[0], records=records, next=offset), replace(parts[1], records=self.records - records)

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
    """Decodes records.

    The key of an event is a field, or the key of the record if the schema names none; a record without a key belongs to
    the stream `""`. The time is a field, or else the header of that name, or the record's timestamp. A null value is a
    tombstone, which names its stream by the record's key.

    Parameters
    ----------
    schema
        Names of the fields; `columns` must list the numbers to read.
    options
        How records are read besides.

    Raises
    ------
    UsageError
        If the schema has no columns, or a path in it is malformed.
    """

    def __init__(self, schema: Schema, options: RecordOptions | None = None) -> None:
        options = RecordOptions() if options is None else options
        if not schema.columns:
            raise UsageError("columns must name the fields to read: columns of a topic are not detected")
        parts = schema.time_parts((schema.time or "").split("+"))
        for name in (schema.key, *parts, schema.end, schema.tag, *schema.columns):
            check_path(name or "")
        in_key = options.key_format == "json"
        self._options, self._time_format, self._timezone = options, schema.time_format, schema.timezone
        self._time = "+".join(parts) or None
        self._has_key = schema.key is not None and not in_key
        self._keys = KeyDecoder(options.key_format, schema.key if in_key else None)
        numbers = (name for name in schema.columns if name not in schema.words)
        self._sentinels = SentinelWatch(numbers if schema.tag is None else ())
        roles = ColumnRoles(
            schema.key if self._has_key else None,
            self._time,
            schema.end,
            schema.columns,
            schema.time_format,
            bad_values=schema.bad_values,
            tag=schema.tag,
            tags=schema.tags,
            time_parts=parts if len(parts) > 1 else (),
            timezone=schema.timezone,
            words=schema.words,
            texts=schema.texts,
            missing={name: MissingValues.of(schema.missing_values, name) for name in schema.columns}
            if schema.missing_values
            else {},
            unwrap=schema.unwrap,
            records=schema.records,
        )
        self._records = DECODERS[options.format](roles)
        self._registered = RegisteredValues(options.registry, roles)
        self._reported: set[str] = set()

    def decode(self, partition: TopicPartition, records: Sequence[Any]) -> KafkaBatch:
        """Decode records of one partition, as kafka-python returns them.

        Raises
        ------
        RegistryError
            If a schema is not known yet, and the registry does not answer.
        """
        _, _, _, offsets, timestamps, _, raw_keys, payloads, headers, *_ = zip(*records, strict=True)
        (columns, rows, refused), empty = self._decode_values(payloads)
        name = partition_name(partition)
        self._report(partition.topic)
        self._sentinels.add(partition.topic, columns.inputs, len(rows))
        reasons = {i: self._registered.explain(payloads[i], reason) for i, reason in refused.items()}
        keys = columns.keys
        tombstones = [Tombstone(offsets[i], None) for i in empty]
        if not self._has_key:
            texts, unreadable = self._keys.decode(raw_keys)
            keys = np.array([*texts, None], object)[:-1][rows]
            if self._options.tombstones == "end":
                tombstones = [Tombstone(offsets[i], texts[i]) for i in empty if i not in unreadable]
            else:
                unreadable = {i: reason for i, reason in unreadable.items() if i not in empty}
            reasons |= unreadable
        elif self._options.tombstones == "end":
            reasons |= dict.fromkeys(empty, values.NO_VALUE)
            tombstones = []
        columns = self._with_times(columns, rows, timestamps, headers)
        in_refused = np.isin(rows, list(reasons))
        positions = Positions(
            np.full(len(rows), partition.partition, np.int32), np.array(offsets, np.int64)[rows], columns.elements
        )
        numbers = positions.element_numbers
        dead = [DeadLetter.of(name, offsets[i], reason, payloads[i] or b"") for i, reason in reasons.items()]
        dead += [
            DeadLetter.of(name, offsets[rows[row]], reason, payloads[rows[row]], element=int(numbers[row]))
            for row, reason in columns.reasons.items()
            if not in_refused[row]
        ]
        batch = KafkaBatch(
            partition=partition,
            events=EventBatch(keys, columns.times, columns.inputs, columns.ends, positions),
            headers=[headers[i] for i in rows] if any(headers) else None,
            dead=sorted(dead, key=lambda letter: letter.place),
            tombstones=tombstones,
            records=len(records),
            next=offsets[-1] + 1,
            bad_values=columns.bad_values_of(name, positions.record),
        )
        if not dead:
            return batch
        in_refused[list(columns.reasons)] = True
        return batch.select(~in_refused)

    def _decode_values(self, payloads: Sequence[bytes | None]) -> tuple[Decoded, list[int]]:
        """Decode the values of records; return also the records without one, or with an envelope that has none."""
        present = [i for i, payload in enumerate(payloads) if payload is not None]
        given, unreadable = self._registered.to_json([payload for payload in payloads if payload is not None])
        if len(present) == len(payloads) and not unreadable:
            columns, rows, refused = self._records.decode(given)
        else:
            read = [i for i in range(len(given)) if i not in unreadable]
            columns, rows, refused = self._records.decode([given[i] for i in read])
            places = [present[i] for i in read]
            rows, refused = np.array(places, np.int64)[rows], {places[i]: why for i, why in refused.items()}
            refused |= {present[i]: why for i, why in unreadable.items()}
            refused |= {i: values.NO_VALUE for i, payload in enumerate(payloads) if payload is None}
        empty = sorted(i for i, reason in refused.items() if reason == values.NO_VALUE)
        return Decoded(columns, rows, {i: reason for i, reason in refused.items() if i not in empty}), empty

    def _with_times(
        self, columns: Columns, rows: NDArray[np.int64], timestamps: Sequence[int], headers: Sequence[Headers]
    ) -> Columns:
        """Return columns with the times of their rows (N,) in UTC, and why some have none."""
        header = self._time if self._options.time_header is None else self._options.time_header
        of_records = np.array(timestamps, np.float64)[rows]
        if header is None:
            times = values.epoch_seconds(of_records, "ms")
            reasons: dict[int, str] = dict.fromkeys(np.flatnonzero(np.isnan(times)).tolist(), NO_TIMESTAMP)
            return columns._replace(times=times, reasons=reasons | columns.reasons)
        missing = np.flatnonzero(np.isnan(columns.times))
        if len(missing):
            reasons = dict.fromkeys(missing.tolist(), values.NO_TIME)
            if any(headers):
                read = values.parse_times(
                    [_header(headers[i], header) for i in rows[missing].tolist()], self._time_format
                )
                times, is_local = columns.times.copy(), np.zeros(len(rows), np.bool_)
                if columns.is_local is not None:
                    is_local |= columns.is_local
                times[missing], is_local[missing] = read.seconds, read.is_local
                found = set(missing[~np.isnan(read.seconds)].tolist())
                reasons = {row: reason for row, reason in reasons.items() if row not in found}
                reasons |= dict.fromkeys(missing[read.bad].tolist(), f"header {header!r}: {values.NOT_A_TIME}")
                columns = columns._replace(times=times, is_local=is_local)
            columns = columns._replace(reasons=reasons | columns.reasons)
        return self._in_utc(columns, of_records / 1e3)

    def _in_utc(self, columns: Columns, timestamps: NDArray[np.float64]) -> Columns:
        """Return columns whose local times were resolved; of two times, the one nearer to the record's timestamp."""
        if self._timezone is None or columns.is_local is None or not columns.is_local.any():
            return columns
        rows = np.flatnonzero(columns.is_local & np.isfinite(columns.times))
        return with_times(columns, rows, nearest(columns.times[rows], self._timezone, timestamps[rows]))

    def _report(self, topic: str) -> None:
        """Log what was recognised, once."""
        for what in self._records.recognised:
            if what not in self._reported:
                self._reported.add(what)
                log.info("%s: %s", topic, what)


def _header(headers: Headers, name: str) -> str | None:
    """Return the last header of a name as text, None if there is none."""
    found = [value for header, value in headers if header == name]
    return found[-1].decode(errors="replace") if found and found[-1] is not None else None
