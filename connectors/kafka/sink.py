"""KafkaSink: forecasts and dead letters to Kafka topics, in one transaction with the offsets that were read."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import msgspec
from kafka import TopicPartition
from kafka.errors import KafkaError, KafkaTimeoutError, UnknownError

from stream_rnn.connectors.closeable import Closeable
from stream_rnn.connectors.kafka.batch_producer import MAX_RECORD_BYTES, Records, enqueue, partition_of
from stream_rnn.connectors.kafka.client import BrokerError
from stream_rnn.connectors.kafka.partitions import commit_metadata

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from stream_rnn.connectors.events import DeadLetter
    from stream_rnn.connectors.kafka.client import Cluster
    from stream_rnn.connectors.kafka.partitions import Headers, Notes, Offsets

TRANSACTION_TIMEOUT_MS = 15_000
"""An open transaction hides everything after it from readers of committed records, so that of a dead process must not
stay open for long."""
ANSWER_MS = TRANSACTION_TIMEOUT_MS
"""How long to wait for the answer to a request of a transaction, which the cluster has aborted by then. kafka-python
3.0.12 would wait without a limit, and may lose a request together with its connection."""
RETRY_BACKOFF_MS = 2
"""How soon a request is repeated while the cluster completes the previous transaction. The client's default of 100 ms
would be most of a forecast's latency."""
BATCH_BYTES = 1 << 18
DELIVERY_SECONDS = 10.0
"""How long to wait for a delivery: less than the timeout of its transaction, after which it would be in vain. The
client waits two minutes for a topic that was deleted."""
MAX_BLOCK_MS = 10_000
"""How long the client waits for a topic that has disappeared, or for its transactions to be available."""


class KafkaSink(Closeable):
    """Writes to topics; what was written becomes visible with the next `commit`.

    A record goes to the partition that Kafka's own clients choose for its key. So the forecasts of a stream stay in
    order.

    Parameters
    ----------
    cluster
        Where the topics are.
    topic
        Topic for forecasts; None to write none.
    dead_letter_topic
        Topic for records that cannot be used; None to write none.
    transactional_id
        Name of the transactions. A new sink with the same name aborts the transaction that the previous one left open.
        None for no transactions: records are visible at once, and may be written again after a crash.

    Raises
    ------
    UsageError, ConnectorError
        If an option is wrong, no broker answers, or the client is not authorized.
    """

    def __init__(
        self,
        cluster: Cluster,
        topic: str | None,
        *,
        dead_letter_topic: str | None = None,
        transactional_id: str | None = None,
    ) -> None:
        self._topic = topic
        self._dead_letter_topic = dead_letter_topic
        self._transactional = transactional_id is not None
        options: dict[str, Any] = {}
        if self._transactional:
            options = {"transactional_id": transactional_id, "transaction_timeout_ms": TRANSACTION_TIMEOUT_MS}
        self._producer = cluster.producer(
            **options,
            allow_auto_create_topics=False,
            retry_backoff_ms=RETRY_BACKOFF_MS,
            linger_ms=0,
            batch_size=BATCH_BYTES,
            max_block_ms=MAX_BLOCK_MS,
        )
        self._encoder = msgspec.json.Encoder()
        self._partitions: dict[bytes, TopicPartition] = {}
        """partition of each key"""
        self._partition_count = 0
        self._in_transaction = False
        self._undelivered: list[Any] = []
        """futures of the records written since the last commit"""
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
        """Write a record for each payload to the topic for forecasts.

        Raises
        ------
        KafkaError
            If the client rejects a record, or does not find the topic.
        """
        if self._topic is None or not payloads:
            return
        self._begin_transaction()
        partitions = self._partitions_of(keys)
        if headers is None and max(map(len, payloads)) + max(map(len, keys)) <= MAX_RECORD_BYTES:
            self._write_batches(payloads, keys, partitions)
            return
        for i, (payload, key) in enumerate(zip(payloads, keys, strict=True)):
            # the client does not accept a header without a value
            sent = [] if headers is None else [(name, b"" if value is None else value) for name, value in headers[i]]
            self._undelivered.append(
                self._producer.send(self._topic, payload, key, headers=sent, partition=partitions[key].partition)
            )

    def write_dead_letters(self, letters: Iterable[DeadLetter]) -> None:
        """Write records that cannot be used to their topic; those of one partition stay in order."""
        if self._dead_letter_topic is None:
            return
        for letter in letters:
            self._begin_transaction()
            payload = self._encoder.encode(letter)
            self._undelivered.append(self._producer.send(self._dead_letter_topic, payload, letter.source.encode()))

    def commit(self, offsets: Offsets, membership: Any, notes: Notes | None = None) -> float:
        """Commit what was written, and with transactions also offsets; return the seconds that it took.

        Parameters
        ----------
        offsets
            How far the input was processed. Without transactions the caller commits them afterwards.
        membership
            `KafkaSource.membership`. A transaction of a member that the group has removed is rejected.
        notes
            What is committed with the offsets.

        Raises
        ------
        KafkaError
            If the commit may have failed; call `abort` next.
        """
        start = time.perf_counter()
        if offsets and self._transactional:
            self._begin_transaction()
            self._request(self._transactions.send_offsets_to_transaction, commit_metadata(offsets, notes), membership)
        self._await_delivery()
        if self._in_transaction and self._transactional:
            self._request(self._transactions.begin_commit)
        self._in_transaction = False
        return time.perf_counter() - start

    def abort(self) -> None:
        """Discard what was written since the last commit; without transactions it stays where it was delivered."""
        self._undelivered.clear()
        if self._in_transaction and self._transactional:
            self._in_transaction = False
            self._request(self._transactions.begin_abort)

    def close(self) -> None:
        """Close, without waiting for what was not committed."""
        try:
            self._producer.close(timeout=0)
        except KafkaError:  # something was not sent, and the producer stays open
            sender = self._producer._sender  # noqa: SLF001 - there is no public way to give it up
            sender.force_close()
            sender.join()
            self._producer.close(timeout=0)

    def _write_batches(
        self, payloads: Sequence[bytes], keys: Sequence[bytes], partitions: dict[bytes, TopicPartition]
    ) -> None:
        records: dict[TopicPartition, Records] = {}
        for key, payload in zip(keys, payloads, strict=True):
            some = records.setdefault(partitions[key], Records([], []))
            some.keys.append(key)
            some.payloads.append(payload)
        self._undelivered += enqueue(self._producer, records, BATCH_BYTES)

    @property
    def _transactions(self) -> Any:
        return self._producer._transaction_manager  # noqa: SLF001 - its public methods wait without a limit

    def _request(self, request: Callable[..., Any], *args: Any) -> None:
        """Send a request of the transaction, and wait for its answer."""
        answer = request(*args)
        self._producer._sender.wakeup()  # noqa: SLF001
        if not answer.wait(timeout_ms=ANSWER_MS):
            raise KafkaTimeoutError(f"the cluster has not answered within {ANSWER_MS / 1000:g} s")

    def _await_delivery(self) -> None:
        """Wait until everything that was written is delivered; raise the error of the first record that is not."""
        futures, self._undelivered = self._undelivered, []
        if futures:
            with suppress(UnknownError):  # a batch that was split because of its size fails as such, its parts do not
                self._producer.flush(timeout=DELIVERY_SECONDS)
        for future in futures:
            future.get()

    def _begin_transaction(self) -> None:
        if self._transactional and not self._in_transaction:
            self._producer.begin_transaction()
        self._in_transaction = True

    def _partitions_of(self, keys: Sequence[bytes]) -> dict[bytes, TopicPartition]:
        """Return the partition of each key. It is cached as long as the topic has the same number of partitions."""
        count = len(self._producer.partitions_for(self._topic))
        if count != self._partition_count:
            self._partitions, self._partition_count = {}, count
        for key in set(keys).difference(self._partitions):
            self._partitions[key] = TopicPartition(self._topic, partition_of(key, count))
        return self._partitions
