"""Whole batches of records for kafka-python's producer, at a tenth of the cost of sending them one by one.

`KafkaProducer.send` takes 17 microseconds a record, twice what a network of 32 units takes to learn from the event.
It checks, locks, encodes and makes a future for each record; here that is done for each batch. What follows a batch
(numbering, transactions, retries, compression, delivery) is kafka-python's own.

This reaches behind the producer's public face, so the project names the versions of kafka-python that it works with,
and tests read back from a real broker what was written.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from kafka.partitioner.default import murmur2
from kafka.producer.future import FutureRecordMetadata
from kafka.producer.producer_batch import ProducerBatch
from kafka.record.memory_records import MemoryRecordsBuilder
from kafka.record.util import encode_varint

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from kafka import TopicPartition

    from stream_rnn.connectors.kafka.client import Producer

    Records = tuple[list[bytes], list[bytes]]

LONGEST = 1 << 13
"""Bytes of a key and a payload together that a record of a batch may have."""


def place_of(key: bytes, partitions: int) -> int:
    """Give the partition of a key, as Kafka's own clients do. A hash costs as much as all else of a record."""
    place: int = (murmur2(key) & 0x7FFFFFFF) % partitions
    return place


def _varint(number: int) -> bytes:
    out = bytearray()
    encode_varint(number, out.append)
    return bytes(out)


VARINTS = tuple(_varint(number) for number in range(2 * LONGEST))
"""Lengths and places of records in a batch, as the format has them."""


class Promise:
    """What becomes of a batch: of its first record, and of the others too once kafka-python has had to split it.

    A split asks the batch for the futures of its records, as for those of a list; they are made only then.
    """

    def __init__(self, batch: ProducerBatch, count: int) -> None:
        self._batch = batch.produce_future
        self._count = count
        self._known = [self._future(0)]

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, record: int) -> FutureRecordMetadata:
        if record:
            self._known.append(self._future(record))
        return self._known[-1]

    def get(self) -> None:
        """Wait until the records have arrived; raise what kept one from it."""
        for future in self._known:
            future.get()

    def _future(self, record: int) -> FutureRecordMetadata:
        return FutureRecordMetadata(self._batch, record, None, None, -1, -1, -1)


def put(producer: Producer, records: Mapping[TopicPartition, Records], size: int) -> list[Promise]:
    """Hand records to the producer, to be sent in this order; give the batches' promises.

    Parameters
    ----------
    producer : KafkaProducer
    records : dict
        Keys and payloads by partition, each pair together no longer than `LONGEST`.
    size : int
        Bytes of a batch, about.
    """
    accumulator, transactions = producer._accumulator, producer._transaction_manager
    if transactions is not None and transactions.is_transactional():
        for partition in records:  # all before any is sent, so that they are made known to the cluster at once
            transactions.maybe_add_partition_to_transaction(partition)
    promises = []
    for partition, (keys, payloads) in records.items():
        for body, count in _bodies(keys, payloads, size):
            batch = ProducerBatch(partition, _builder(accumulator.config, body, count))
            batch._record_futures = Promise(batch, count)
            with accumulator._tp_lock(partition):
                accumulator._batches[partition].append(batch)
                accumulator._incomplete.add(batch)
            promises.append(batch._record_futures)
    producer._sender.wakeup()
    return promises


def _bodies(keys: Sequence[bytes], payloads: Sequence[bytes], size: int) -> Iterator[tuple[bytes, int]]:
    """Yield the bytes of records, in pieces of about `size` bytes, with their number."""
    parts: list[bytes] = []
    place = length = 0
    for key, payload in zip(keys, payloads, strict=True):
        # attributes, time since the batch's first record, place, key, value, number of headers
        record = b"\0\0%b%b%b%b%b\0" % (VARINTS[place], VARINTS[len(key)], key, VARINTS[len(payload)], payload)
        parts += (VARINTS[len(record)], record)
        place, length = place + 1, length + len(record)
        if length >= size or place == LONGEST:
            yield b"".join(parts), place
            parts, place, length = [], 0, 0
    if parts:
        yield b"".join(parts), place


def _builder(config: dict[str, Any], body: bytes, count: int) -> MemoryRecordsBuilder:
    """Return a builder as if it had been given the records one by one, all now."""
    records = MemoryRecordsBuilder(config["message_version"], config["compression_attrs"], config["batch_size"])
    builder, now = records._builder, int(1000 * time.time())
    builder._buffer += body
    builder._first_timestamp = builder._max_timestamp = now
    builder._last_offset = count - 1
    builder._num_records = records._next_offset = count
    return records
