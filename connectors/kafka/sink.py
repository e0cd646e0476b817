"""Topics of a Kafka cluster as a sink: forecasts and refused records, in one transaction with the offsets read."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import msgspec
from kafka import TopicPartition
from kafka.errors import KafkaError, UnknownError
from kafka.structs import OffsetAndMetadata

from stream_rnn.connectors.closeable import Closeable
from stream_rnn.connectors.kafka.batch_producer import LONGEST, place_of, put
from stream_rnn.connectors.kafka.client import BrokerError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from stream_rnn.connectors.events import DeadLetter
    from stream_rnn.connectors.kafka.client import Cluster
    from stream_rnn.connectors.kafka.source import Headers, Offsets

TRANSACTION_MS = 15_000
"""An open transaction hides what follows it from careful readers: of a dead process, it must not stay long."""
RETRY_MS = 2
"""The cluster is asked again so soon while it still closes the transaction before; the default of 100 ms would be
the better part of a forecast's way."""
BATCH_BYTES = 1 << 18


class KafkaSink(Closeable):
    """Writes to topics; what was written since the last `commit` counts only with it.

    A record goes to the partition that its key hashes to, as with Kafka's own clients, so each stream's forecasts
    stay in order.

    Parameters
    ----------
    cluster : Cluster
    topic : str or None
        For forecasts.
    letters : str, optional
        For refused records.
    transactional_id : str, optional
        Of the transactions; a new sink of the same name ends what the one before left open. Without a name there
        are no transactions, and what was written before a crash may be written again.

    Raises
    ------
    UsageError, ConnectorError
        When nobody answers, or the client is not let in.
    """

    def __init__(
        self, cluster: Cluster, topic: str | None, *, letters: str | None = None, transactional_id: str | None = None
    ) -> None:
        self._topic = topic
        self._letters = letters
        self._transactional = transactional_id is not None
        own: dict[str, Any] = {"transactional_id": transactional_id} if self._transactional else {}
        if self._transactional:
            own |= {"transaction_timeout_ms": TRANSACTION_MS}
        self._producer = cluster.producer(
            **own, allow_auto_create_topics=False, retry_backoff_ms=RETRY_MS, linger_ms=0, batch_size=BATCH_BYTES
        )
        self._encoder = msgspec.json.Encoder()
        self._places: dict[bytes, TopicPartition] = {}
        self._count = 0
        self._open = False
        self._sent: list[Any] = []
        try:
            if self._transactional:
                self._producer.init_transactions()
        except KafkaError as error:
            self._producer.close(timeout=0)
            raise BrokerError(cluster.explain(error)) from None
        except BaseException:
            self._producer.close(timeout=0)
            raise

    def write(self, payloads: Sequence[bytes], keys: Sequence[bytes], headers: Sequence[Headers] | None = None) -> None:
        """Write a record for each payload, to the forecasts' topic."""
        if self._topic is None or not payloads:
            return
        self._begin()
        places = self._places_of(keys)
        if headers is None and max(map(len, payloads)) + max(map(len, keys)) <= LONGEST:
            records: dict[TopicPartition, tuple[list[bytes], list[bytes]]] = {}
            for key, payload in zip(keys, payloads, strict=True):
                some = records.setdefault(places[key], ([], []))
                some[0].append(key)
                some[1].append(payload)
            self._sent += put(self._producer, records, BATCH_BYTES)
            return
        for i, (payload, key) in enumerate(zip(payloads, keys, strict=True)):
            kept = [] if headers is None else [(name, b"" if value is None else value) for name, value in headers[i]]
            self._sent.append(
                self._producer.send(self._topic, payload, key, headers=kept, partition=places[key].partition)
            )

    def refuse(self, letters: Iterable[DeadLetter]) -> None:
        """Write refused records to their topic; those of one partition stay in order."""
        if self._letters is None:
            return
        for letter in letters:
            self._begin()
            payload = self._encoder.encode(letter)
            self._sent.append(self._producer.send(self._letters, payload, letter.source.encode()))

    def commit(self, offsets: Offsets, membership: Any) -> float:
        """Make what was written count, and the offsets with it where there are transactions; give the seconds it took.

        Parameters
        ----------
        offsets : dict
            What has been read, by partition.
        membership
            Of the source that read it: a transaction of a member that the group has given up is refused.

        Raises
        ------
        KafkaError
            When it may not have come about; `abort` comes next.
        """
        began = time.perf_counter()
        if offsets and self._transactional:
            self._begin()
            structs = {partition: OffsetAndMetadata(offset, "", -1) for partition, offset in offsets.items()}
            self._producer.send_offsets_to_transaction(structs, membership)
        self._hear()
        if self._open and self._transactional:
            self._producer.commit_transaction()
        self._open = False
        return time.perf_counter() - began

    def abort(self) -> None:
        """Take back what was written since the last commit, as far as that is possible."""
        self._sent.clear()
        if self._open and self._transactional:
            self._open = False
            self._producer.abort_transaction()

    def close(self) -> None:
        """Close, without waiting for what was not committed."""
        try:
            self._producer.close(timeout=0)
        except KafkaError:  # there is something that was not sent, and it stays open
            sender = self._producer._sender  # noqa: SLF001 - there is no public way to give it up
            sender.force_close()
            sender.join()
            self._producer.close(timeout=0)

    def _hear(self) -> None:
        """Wait until all that was written has arrived, and raise what kept a record from it."""
        sent, self._sent = self._sent, []
        if sent:
            with suppress(UnknownError):  # a batch that was too large for its topic was split, and is not done as such
                self._producer.flush()
        for record in sent:
            record.get()

    def _begin(self) -> None:
        if self._transactional and not self._open:
            self._producer.begin_transaction()
        self._open = True

    def _places_of(self, keys: Sequence[bytes]) -> dict[bytes, TopicPartition]:
        """Give the partition of each key; they are kept while the topic has as many."""
        count = len(self._producer.partitions_for(self._topic))
        if count != self._count:
            self._places, self._count = {}, count
        for key in set(keys).difference(self._places):
            self._places[key] = TopicPartition(self._topic, place_of(key, count))
        return self._places
