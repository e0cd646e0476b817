"""Member: a member of a consumer group, in its own thread, that records what happens to it."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from kafka.errors import KafkaError

from stream_rnn.connectors.decode.schema import Schema
from stream_rnn.connectors.kafka.client import make_cluster
from stream_rnn.connectors.kafka.source import KafkaSource
from stream_rnn.connectors.kafka.subscription import Subscription

if TYPE_CHECKING:
    from kafka import TopicPartition

    from stream_rnn.connectors.kafka.decoder import KafkaBatch
    from stream_rnn.connectors.kafka.partitions import Offsets

SCHEMA = Schema(columns=("x",), time="")


class Member:
    """Reads its partitions from the committed offsets on, and commits.

    Parameters
    ----------
    servers
        host:port of a broker.
    name
        Name of this member in the group.
    diary
        List to which members append each change: (name, assigned/revoked/lost, partition).
    options
        Options of the client.
    eager
        Whether to commit after each poll, or only when partitions are revoked.
    **subscription
        Fields of the subscription.
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
        self.uncommitted: Offsets = {}
        self._eager = eager
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._new: set[TopicPartition] = set()
        fields = {"instance": name} | subscription
        self.source = KafkaSource(make_cluster([servers], options), Subscription(**fields), SCHEMA, self)

    def on_assigned(self, partitions: set[TopicPartition]) -> None:
        self._record("assigned", partitions)
        self._new |= partitions
        self.owned |= partitions

    def on_revoked(self, partitions: set[TopicPartition]) -> Offsets:
        self._give_up("revoked", partitions)
        return {partition: self.uncommitted.pop(partition) for partition in partitions & set(self.uncommitted)}

    def on_lost(self, partitions: set[TopicPartition]) -> None:
        self._give_up("lost", partitions)
        for partition in partitions:
            self.uncommitted.pop(partition, None)

    def start(self) -> None:
        """Start to read."""
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def run_once(self, seconds: float = 0.1) -> list[KafkaBatch]:
        """Poll once, start to read new partitions, and commit."""
        batches = self.source.poll(seconds)
        self.batches += batches
        for partition in sorted(self._new):
            committed = self.source.committed(partition)
            self.source.resume({partition: self.source.start_offset(partition) if committed is None else committed})
        self._new.clear()
        self.uncommitted |= {batch.partition: batch.next for batch in batches}
        if self._eager:
            with suppress(KafkaError):  # while the group rebalances; the next call tries again
                self.source.commit(self.uncommitted)
                self.uncommitted.clear()
        return batches

    @property
    def read(self) -> list[tuple[int, int]]:
        """Partition and offset of each event, in the order in which they were read."""
        positions = [batch.events.positions for batch in self.batches]
        return [pair for some in positions for pair in zip(some.file.tolist(), some.record.tolist(), strict=True)]

    def halt(self) -> None:
        """Stop to poll; the client still sends heartbeats."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()

    def close(self) -> None:
        """Stop, and give the partitions back."""
        self.halt()
        self.source.close()

    def kill(self) -> None:
        """Fall silent, as a killed process does."""
        self.halt()
        self.source._consumer._client.close()
        self.source._consumer._closed = True

    def lose_connection(self) -> None:
        """Send no more heartbeats, as if the network was down."""
        self.source._consumer._coordinator._disable_heartbeat()

    def regain_connection(self) -> None:
        self.source._consumer._coordinator._enable_heartbeat()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self.run_once()

    def _give_up(self, what: str, partitions: set[TopicPartition]) -> None:
        self._record(what, partitions)
        self.owned -= partitions
        self._new -= partitions

    def _record(self, what: str, partitions: set[TopicPartition]) -> None:
        self.diary += [(self.name, what, partition) for partition in sorted(partitions)]
