"""Records of one partition in order of time, each event with its headers."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from stream_rnn.connectors.kafka.decoder import KafkaBatch
from stream_rnn.connectors.kafka.partitions import partition_name
from stream_rnn.connectors.ordering.ordering import OrderingPolicy, OrderingState
from stream_rnn.connectors.shapes.reshaping import new_ordering
from stream_rnn.connectors.shapes.shape import Shape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kafka import TopicPartition
    from numpy.typing import NDArray

    from stream_rnn.connectors.events import EventBatch
    from stream_rnn.connectors.kafka.partitions import Headers


class OrderedBatch(NamedTuple):
    """A batch after ordering."""

    batch: KafkaBatch
    """its events are those that are released; those late or too far ahead are among its dead letters, by offset"""
    released_by: NDArray[np.int64]
    """(N,) offset of the record whose arrival released each event; never decreases"""
    duplicates: NDArray[np.int64]
    """offsets of the records that were dropped as duplicates"""

    @staticmethod
    def in_arrival_order(batch: KafkaBatch) -> OrderedBatch:
        """Release all events of a batch as they arrived."""
        offsets = batch.events.positions.record
        return OrderedBatch(batch, released_by=offsets, duplicates=offsets[:0])


class PartitionOrdering:
    """Holds events of one partition back and releases them in order of time, as `Ordering`.

    Which events are released depends only on the order of the partition's records, never on how they are cut into
    batches.

    Parameters
    ----------
    rule
        How long events are held back, whether duplicates are dropped, and how far times may be ahead.
    columns
        Fields of the events.
    partition
        Topic and number of the partition.
    shape
        How records become events. Events of another shape than the records have no headers: several records may have
        made one.
    tags
        Names of the tags of readings, by number.
    """

    def __init__(
        self,
        rule: OrderingPolicy,
        columns: Sequence[str],
        partition: TopicPartition,
        shape: Shape = Shape(),  # noqa: B008 - shapes are frozen
        tags: Sequence[str] = (),
    ) -> None:
        self._partition = partition
        sources = {partition.partition: partition_name(partition)}
        self._ordering = new_ordering(shape, rule, columns, sources, tags)
        self._keeps_headers = not shape.active
        self._headers: dict[int, Headers] = {}
        """headers of the records with events that are held back, by offset"""
        self._counts: Counter[int] = Counter()
        """number of these events, by offset"""

    @property
    def held(self) -> int:
        """Number of events that are held back."""
        return self._ordering.held

    @property
    def counts(self) -> dict[str, int]:
        """What was made of records other than events of their own, by kind."""
        return self._ordering.counts

    def process(self, batch: KafkaBatch) -> OrderedBatch:
        """Return the events that a batch releases, and hold back the rest."""
        ordered = self._ordering.process(batch.events)
        if ordered.events is batch.events:
            return OrderedBatch.in_arrival_order(batch)
        refused = [*ordered.late, *ordered.ahead]
        if batch.headers is not None and self._keeps_headers:
            offsets = batch.events.positions.record.tolist()
            accepted = Counter(offsets)
            accepted.subtract([*(letter.record for letter in refused), *ordered.duplicates.tolist()])
            some = zip(offsets, batch.headers, strict=True)
            self._headers |= {offset: headers for offset, headers in some if headers and accepted[offset]}
            self._counts.update({offset: accepted[offset] for offset in self._headers if offset in accepted})
        headers = self._headers_of(ordered.events)
        dead = sorted([*batch.dead, *refused], key=lambda letter: letter.place)
        released = replace(batch, events=ordered.events, headers=headers, dead=dead)
        return OrderedBatch(released, released_by=ordered.released_by, duplicates=ordered.duplicates)

    def has_silent(self, before: int) -> bool:
        """Return whether events are held back of streams whose last event is from before this offset."""
        return self._ordering.has_silent(before)

    def flush(self, before: int, at: int) -> OrderedBatch:
        """Release the events of the streams whose last event is from before an offset.

        Parameters
        ----------
        before
            The offset.
        at
            Offset of the next record.
        """
        events = self._ordering.flush(before)
        headers = self._headers_of(events)
        batch = KafkaBatch(self._partition, events, headers, dead=[], tombstones=(), records=0, next=at)
        return OrderedBatch(batch, released_by=np.full(len(events), at - 1), duplicates=np.zeros(0, np.int64))

    def _headers_of(self, events: EventBatch) -> list[Headers] | None:
        if not self._headers:
            return None
        return [self._take_headers(offset) for offset in events.positions.record.tolist()]

    def _take_headers(self, offset: int) -> Headers:
        """Return the headers of an event that is released, and forget them with the last event of its record."""
        headers = self._headers.get(offset, ())
        if headers:
            self._counts[offset] -= 1
            if not self._counts[offset]:
                del self._headers[offset], self._counts[offset]
        return headers

    def state(self) -> OrderingState:
        """Return the events that are held back, for a checkpoint."""
        about, arrays = self._ordering.state()
        about["headers"] = [
            [
                offset,
                [[name, b64encode(value or b"").decode()] for name, value in headers],  # a null value is empty
                self._counts[offset],
            ]
            for offset, headers in self._headers.items()
        ]
        return OrderingState(about, arrays)

    def restore(self, state: OrderingState) -> None:
        """Hold back the events of a saved state; this object's rule applies to them.

        Raises
        ------
        ConnectorError
            If the saved events have other columns.
        """
        self._ordering.restore(state)
        self._headers = {
            offset: [(name, b64decode(value)) for name, value in headers]
            for offset, headers, *_ in state.metadata["headers"]
        }
        self._counts = Counter()
        for offset, _, *count in state.metadata["headers"]:
            self._counts[offset] = count[0] if count else 1  # older checkpoints have one event of each record
