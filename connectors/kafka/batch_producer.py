"""Hand whole batches of records to kafka-python's producer, at a tenth of the cost of sending them one by one.

`KafkaProducer.send` takes 17 microseconds per record, twice the time in which a network of 32 units learns from the
event: it validates, locks, encodes and creates a future for each record. Here this is done once per batch. Everything
after that (sequence numbers, transactions, retries, compression, delivery) is kafka-python's own.

This module uses private attributes of the producer. That is why the project pins the version of kafka-python, and why
tests read back from a real broker what was written.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

from kafka.partitioner.default import murmur2
from kafka.producer.future import FutureRecordMetadata
from kafka.producer.producer_batch import ProducerBatch
from kafka.record.memory_records import MemoryRecordsBuilder
from kafka.record.util import encode_varint

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kafka import TopicPartition

    from stream_rnn.connectors.kafka.client import Producer

MAX_RECORD_BYTES = 1 << 13
"""Bytes that the key and the payload of a record may have together."""
MAX_BATCH_RECORDS = 1 << 13


def partition_of(key: bytes, partitions: int) -> int:
    """Return the number of the partition that Kafka's own clients choose for a key.

    The hash costs as much as the rest of sending a record, so callers cache the result.

    Examples
    --------
    >>> partition_of(b"sensor-7", 4)
    0
    """
    partition: int = (murmur2(key) & 0x7FFFFFFF) % partitions
    return partition


def _varint(number: int) -> bytes:
    encoded = bytearray()
    encode_varint(number, encoded.append)
    return bytes(encoded)


VARINTS = tuple(_varint(number) for number in range(2 * max(MAX_RECORD_BYTES, MAX_BATCH_RECORDS)))
"""Encoded lengths and offsets within a batch."""


class Records(NamedTuple):
    """Records for one partition, in order."""

    keys: list[bytes]
    payloads: list[bytes]


class BatchFuture:
    """The future of a whole batch, and of its records if it is split.

    kafka-python splits a batch that is too large for its topic. It then reads the futures of the records in order, as
    from a list. They are created only then; otherwise that of the first record represents the batch.
    """

    def __init__(self, batch: ProducerBatch, count: int) -> None:
        self._batch = batch.produce_future
        self._count = count
        self._records = [self._record_future(0)]

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, record: int) -> FutureRecordMetadata:
        if record:
            self._records.append(self._record_future(record))
        return self._records[-1]

    def get(self) -> None:
        """Wait until all records are delivered; raise the error of the first that is not."""
        for future in self._records:
            future.get()

    def _record_future(self, record: int) -> FutureRecordMetadata:
        return FutureRecordMetadata(self._batch, record, None, None, -1, -1, -1)


def enqueue(producer: Producer, records: Mapping[TopicPartition, Records], batch_bytes: int) -> list[BatchFuture]:
    """Hand records to the producer, which sends them in this order; return a future for each batch.

    Parameters
    ----------
    producer
        A KafkaProducer.
    records
        Records for each partition, none longer than `MAX_RECORD_BYTES`.
    batch_bytes
        Approximate size of a batch.
    """
    accumulator, transactions = producer._accumulator, producer._transaction_manager
    if transactions is not None and transactions.is_transactional():
        for partition in records:  # all before any is sent, so that one request adds them to the transaction
            transactions.maybe_add_partition_to_transaction(partition)
    futures = []
    for partition, some in records.items():
        for body, count in _encode(some, batch_bytes):
            batch = ProducerBatch(partition, _builder(accumulator.config, body, count))
            batch._record_futures = BatchFuture(batch, count)
            with accumulator._tp_lock(partition):
                accumulator._batches[partition].append(batch)
                accumulator._incomplete.add(batch)
            futures.append(batch._record_futures)
    producer._sender.wakeup()
    return futures


def _encode(records: Records, batch_bytes: int) -> Iterator[tuple[bytes, int]]:
    """Yield encoded records in pieces of about `batch_bytes` bytes, each with its number of records."""
    parts: list[bytes] = []
    count = length = 0
    for key, payload in zip(records.keys, records.payloads, strict=True):
        # attributes, time after the batch's first record, offset in the batch, key, value, number of headers
        record = b"\0\0%b%b%b%b%b\0" % (VARINTS[count], VARINTS[len(key)], key, VARINTS[len(payload)], payload)
        parts += (VARINTS[len(record)], record)
        count, length = count + 1, length + len(record)
        if length >= batch_bytes or count == MAX_BATCH_RECORDS:
            yield b"".join(parts), count
            parts, count, length = [], 0, 0
    if parts:
        yield b"".join(parts), count


def _builder(config: dict[str, Any], body: bytes, count: int) -> MemoryRecordsBuilder:
    """Return a builder in the state in which it would be if the records had been appended one by one, just now."""
    records = MemoryRecordsBuilder(config["message_version"], config["compression_attrs"], config["batch_size"])
    builder, now = records._builder, int(1000 * time.time())
    builder._buffer += body
    builder._first_timestamp = builder._max_timestamp = now
    builder._last_offset = count - 1
    builder._num_records = records._next_offset = count
    return records
