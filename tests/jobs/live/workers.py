"""Workers without a broker: records, and a source that knows only the bounds of a partition."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from kafka import TopicPartition
from kafka.consumer.fetcher import ConsumerRecord
from support import settings

from stream_rnn.connectors.decode.schema import Schema
from stream_rnn.connectors.kafka.decoder import Decoder
from stream_rnn.connectors.kafka.partitions import TopicIdentity, partition_name
from stream_rnn.connectors.ordering.ordering import OrderingPolicy
from stream_rnn.jobs.live.recovery import open_worker
from stream_rnn.jobs.live.worker import WorkerConfig
from stream_rnn.jobs.models import EngineModel

if TYPE_CHECKING:
    from pathlib import Path

    from stream_rnn.connectors.kafka.decoder import KafkaBatch
    from stream_rnn.jobs.live.worker import PartitionWorker

PARTITION = TopicPartition("sensors", 3)
NAME = "sensors-3"


class BoundedSource:
    """A source whose partition has the records from `first` up to `end`."""

    def __init__(self, first: int = 0, end: int = 1000, *, topic_id: str | None = "a", partitions: int = 4) -> None:
        self.first = first
        self.end = end
        self.topic = TopicIdentity(topic_id, partitions)

    def identity(self, _: str) -> TopicIdentity:
        return self.topic

    def start_offset(self, _: TopicPartition) -> int:
        return self.first

    def bounds(self, _: TopicPartition) -> tuple[int, int]:
        return self.first, self.end


def make_config(folder: Path, **changes: Any) -> WorkerConfig:
    config = WorkerConfig(
        model=EngineModel(settings()),
        group="pumps",
        folder=folder,
        initial_checkpoint=None,
        rule=OrderingPolicy(),
        has_record_keys=True,
        lost_offsets="resume",
        writes_forecasts=True,
        max_output_bytes=1_000_000,
        checkpoint_events=10,
        checkpoint_seconds=1e9,
    )
    return config._replace(**changes)


def open_at(
    config: WorkerConfig, committed: int | None, source: Any = None, partition: TopicPartition = PARTITION
) -> PartitionWorker:
    """Open a worker for a partition with this committed offset."""
    return open_worker(partition_name(partition), config, {partition: committed}, source or BoundedSource())


def batch_of(start: int, stop: int, **fields: Any) -> KafkaBatch:
    """Return the records with these offsets, in two streams; one with offset 7 cannot be used."""
    records = []
    for offset in range(start, stop):
        value = {"x": math.sin(offset / 4)} | fields
        payload = b"garbled" if offset == 7 else json.dumps(value).encode()
        records.append(record_of(offset, payload, key=b"s%d" % (offset % 2), timestamp=1000 * offset))
    return decoded(*records)


def record_of(offset: int, value: bytes | None, *, key: bytes | None, timestamp: int) -> ConsumerRecord:
    """Return a record as kafka-python returns it."""
    fields: dict[str, Any] = dict.fromkeys(ConsumerRecord._fields)
    return ConsumerRecord(
        **fields | {"offset": offset, "value": value, "key": key, "timestamp": timestamp, "headers": []}
    )


def decoded(*records: ConsumerRecord, schema: Schema = Schema(columns=("x",), time="")) -> KafkaBatch:  # noqa: B008
    """Return the batch of some records."""
    return Decoder(schema).decode(PARTITION, records)


def write_checkpoint(worker: PartitionWorker) -> None:
    """Write a checkpoint, and wait until it is on disk."""
    worker.start_checkpoint()
    assert worker.wait_for_checkpoint() is not None


def write_progress(config: WorkerConfig, stop: int, source: BoundedSource | None = None) -> PartitionWorker:
    """Open a worker from scratch, let it process and commit records up to an offset, and write a checkpoint."""
    worker = open_at(config, None, source)
    worker.process(batch_of(0, stop))
    worker.mark_all_committed()
    write_checkpoint(worker)
    return worker
