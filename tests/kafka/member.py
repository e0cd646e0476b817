"""A member of a consumer group, in a thread of its own, that notes what comes to it."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from kafka.errors import KafkaError

from stream_rnn.connectors.decode.schema import Schema
from stream_rnn.connectors.kafka.client import cluster
from stream_rnn.connectors.kafka.source import KafkaSource, Subscription

if TYPE_CHECKING:
    from kafka import TopicPartition

    from stream_rnn.connectors.kafka.source import KafkaBatch, Offsets

SCHEMA = Schema(columns=("x",), time="")


class Member:
    """Reads its partitions on from what the group has committed, and commits.

    Parameters
    ----------
    servers
    name
        Of this member in the group.
    diary
        Where several members note in turn what they are told: (name, what, partition).
    options
        Of the client.
    eager
        Whether it commits after each poll, and not only what it is asked for when partitions go.
    **subscription
        Its fields.
    """

    def __init__(
        self,
        servers: str,
        name: str = "one",
        *,
        diary: list[tuple[str, str, TopicPartition]] | None = None,
        options: dict[str, Any] | None = None,
        eager: bool = True,
        **subscription: Any,
    ) -> None:
        self.name = name
        self.diary = [] if diary is None else diary
        self.owned: set[TopicPartition] = set()
        self.batches: list[KafkaBatch] = []
        self.done: Offsets = {}
        """read, and not yet committed"""
        self._eager = eager
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._new: set[TopicPartition] = set()
        fields = {"instance": name} | subscription
        self.source = KafkaSource(cluster([servers], options), Subscription(**fields), SCHEMA, self)

    def assigned(self, partitions: set[TopicPartition]) -> None:
        self._note("assigned", partitions)
        self._new |= partitions
        self.owned |= partitions

    def revoked(self, partitions: set[TopicPartition]) -> Offsets:
        self._let_go("revoked", partitions)
        return {partition: self.done.pop(partition) for partition in partitions & set(self.done)}

    def lost(self, partitions: set[TopicPartition]) -> None:
        self._let_go("lost", partitions)
        for partition in partitions:
            self.done.pop(partition, None)

    def start(self) -> None:
        """Be at work."""
        self._ended.clear()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def turn(self, seconds: float = 0.1) -> list[KafkaBatch]:
        """Poll once, take new partitions up, commit."""
        batches = self.source.poll(seconds)
        self.batches += batches
        for partition in sorted(self._new):
            at = self.source.committed(partition)
            self.source.go_on({partition: self.source.beginning(partition) if at is None else at})
        self._new.clear()
        self.done |= {batch.partition: batch.next for batch in batches}
        if self._eager:
            with suppress(KafkaError):  # while the group changes; the next turn tries again
                self.source.commit(self.done)
                self.done.clear()
        return batches

    @property
    def read(self) -> list[tuple[int, int]]:
        """Partition and offset of each event, in the order in which they came."""
        places = [batch.events.positions for batch in self.batches]
        return [pair for place in places for pair in zip(place.file.tolist(), place.record.tolist(), strict=True)]

    def halt(self) -> None:
        """Poll no more; the client goes on to give signs of life."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()

    def close(self) -> None:
        """Give the partitions back."""
        self.halt()
        self.source.close()

    def kill(self) -> None:
        """Fall silent, as a killed process does."""
        self.halt()
        self.source._consumer._client.close()
        self.source._consumer._closed = True

    def _run(self) -> None:
        while not self._ended.is_set():
            self.turn()

    def _let_go(self, what: str, partitions: set[TopicPartition]) -> None:
        self._note(what, partitions)
        self.owned -= partitions
        self._new -= partitions

    def _note(self, what: str, partitions: set[TopicPartition]) -> None:
        self.diary += [(self.name, what, partition) for partition in sorted(partitions)]
