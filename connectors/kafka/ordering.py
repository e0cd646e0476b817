"""Records of one partition put in order of time, each with its headers."""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, NamedTuple

from stream_rnn.connectors.kafka.source import KafkaBatch, name_of
from stream_rnn.connectors.ordering.ordering import Ordering, OrderingPolicy, OrderingState

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from kafka import TopicPartition
    from numpy.typing import NDArray

    from stream_rnn.connectors.kafka.source import Headers


class Released(NamedTuple):
    """What became of a batch."""

    batch: KafkaBatch
    """its events are those that are released; its dead letters those of before and the late ones, by offset"""
    by: NDArray[np.int64]
    """(N,) offset of the record whose arrival released each event; never goes back"""
    duplicates: NDArray[np.int64]
    """offsets of records that were dropped since they came before"""

    @staticmethod
    def as_they_come(batch: KafkaBatch) -> Released:
        """Release all of a batch."""
        return Released(batch, batch.events.positions.record, batch.events.positions.record[:0])


class PartitionOrdering:
    """As `Ordering`, of one partition; there which events are released depends on the order of its records alone.

    Parameters
    ----------
    rule
    columns
        Fields that are read.
    partition
    """

    def __init__(self, rule: OrderingPolicy, columns: Sequence[str], partition: TopicPartition) -> None:
        self._ordering = Ordering(rule, columns, {partition.partition: name_of(partition)})
        self._headers: dict[int, Headers] = {}  # of held events, by offset

    @property
    def held(self) -> int:
        """How many events are held back."""
        return self._ordering.held

    def take(self, batch: KafkaBatch) -> Released:
        """Give what a batch releases, and hold the rest."""
        ordered = self._ordering.process(batch.events)
        if batch.headers is not None:
            gone = {letter.record for letter in ordered.late} | set(ordered.duplicates.tolist())
            offsets = zip(batch.events.positions.record.tolist(), batch.headers, strict=True)
            self._headers |= {offset: headers for offset, headers in offsets if headers and offset not in gone}
        headers: list[Headers] | None = None
        if self._headers:
            headers = [self._headers.pop(offset, ()) for offset in ordered.events.positions.record.tolist()]
        dead = sorted([*batch.dead, *ordered.late], key=lambda letter: letter.record)
        released = KafkaBatch(batch.partition, ordered.events, headers, dead, batch.next)
        return Released(released, ordered.released_by, ordered.duplicates)

    def state(self) -> OrderingState:
        """Return what is held, for a checkpoint."""
        about, arrays = self._ordering.state()
        about["headers"] = [
            [offset, [[name, b64encode(value or b"").decode()] for name, value in headers]]  # null is written so, too
            for offset, headers in self._headers.items()
        ]
        return OrderingState(about, arrays)

    def restore(self, state: OrderingState) -> None:
        """Go on where a state was kept, under this stage's rule.

        Raises
        ------
        ConnectorError
            When what was held has other columns.
        """
        self._ordering.restore(state)
        self._headers = {
            offset: [(name, b64decode(value)) for name, value in headers]
            for offset, headers in state.metadata["headers"]
        }
