"""Committer: offsets are committed together with the output of their records, and never without it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from kafka.errors import KafkaError, RebalanceInProgressError
from workers import PARTITION, batch_of, make_config, open_at

from stream_rnn.connectors.kafka.client import Cluster
from stream_rnn.connectors.kafka.subscription import Subscription
from stream_rnn.jobs.live.assignment import Assignment
from stream_rnn.jobs.live.committer import Committer
from stream_rnn.jobs.live.context import SessionContext
from stream_rnn.jobs.live.metrics import JobMetrics
from stream_rnn.settings.live import LiveSettings

if TYPE_CHECKING:
    from pathlib import Path

    from kafka import TopicPartition

    from stream_rnn.jobs.live.worker import PartitionWorker


class Kafka:
    """Sink and source: keeps what is written and committed, and may refuse."""

    membership = None

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.headers: Any = None
        self.transactions: list[dict[TopicPartition, int]] = []
        self.committed: list[dict[TopicPartition, int]] = []
        self.error: KafkaError | None = None

    def write(self, payloads: list[bytes], keys: list[bytes], headers: Any) -> None:
        assert len(payloads) == len(keys)
        assert headers is None or len(headers) == len(payloads)
        self.written += payloads
        self.headers = headers

    def write_dead_letters(self, _: Any) -> None:
        pass

    def commit(self, offsets: dict[TopicPartition, int], *arguments: Any) -> float:
        is_transaction = len(arguments) > 1  # of the sink, which gets a membership and notes
        if self.error is not None and not is_transaction:
            raise self.error
        (self.transactions if is_transaction else self.committed).append(offsets)
        return 0.0


def open_committer(folder: Path, kafka: Any, delivery: Any = "exactly_once") -> tuple[Committer, SessionContext]:
    """Return a committer for one open worker."""
    config = make_config(folder)
    context = SessionContext(
        settings=LiveSettings(topics=("sensors",), delivery=delivery),
        cluster=Cluster(("localhost",)),
        config=config,
        subscription=Subscription(topics=("sensors",), group="pumps", instance="pumps-0"),
        workers={PARTITION: open_at(config, None)},
        dead_letters=None,
        registry=None,
        metrics=JobMetrics(),
    )
    return Committer(context, Assignment(context, kafka), kafka, kafka), context


def process(context: SessionContext, committer: Committer, start: int, stop: int) -> PartitionWorker:
    worker = context.workers[PARTITION]
    committer.write([(worker, worker.process(batch_of(start, stop)))])
    return worker


def test_a_transaction_has_the_offsets_after_what_was_written(tmp_path: Path) -> None:
    kafka = Kafka()
    committer, context = open_committer(tmp_path, kafka)
    worker = process(context, committer, 0, 3)
    process(context, committer, 3, 5)
    committer.commit()
    committer.commit()
    assert (kafka.transactions, kafka.committed) == ([{PARTITION: 5}, {}], [])
    assert len(kafka.written) == 5
    assert worker.offsets.committed == {PARTITION: 5}


def test_what_was_processed_and_not_written_is_not_committed(tmp_path: Path) -> None:
    kafka = Kafka()
    committer, context = open_committer(tmp_path, kafka)
    context.workers[PARTITION].process(batch_of(0, 3))
    committer.commit()
    assert kafka.transactions == [{}]


def test_replayed_records_are_not_committed_again(tmp_path: Path) -> None:
    kafka = Kafka()
    committer, context = open_committer(tmp_path, kafka)
    context.workers[PARTITION].offsets.committed[PARTITION] = 4
    process(context, committer, 0, 4)
    committer.commit()
    process(context, committer, 4, 6)
    committer.commit()
    assert kafka.transactions == [{}, {PARTITION: 6}]
    assert len(kafka.written) == 2


def test_a_new_session_commits_nothing_that_a_failed_one_has_written(tmp_path: Path) -> None:
    failed, context = open_committer(tmp_path, Kafka())
    process(context, failed, 0, 3)
    kafka: Any = Kafka()
    Committer(context, Assignment(context, kafka), kafka, kafka).commit()
    assert kafka.transactions == [{}]


def test_what_was_written_of_a_released_partition_is_not_committed(tmp_path: Path) -> None:
    kafka = Kafka()
    committer, context = open_committer(tmp_path, kafka)
    process(context, committer, 0, 3)
    context.workers[PARTITION] = open_at(context.config, None)
    committer.commit()
    assert kafka.transactions == [{}]


def test_at_least_once_offsets_are_committed_after_the_output(tmp_path: Path) -> None:
    kafka = Kafka()
    committer, context = open_committer(tmp_path, kafka, "at_least_once")
    worker = process(context, committer, 0, 3)
    kafka.error = RebalanceInProgressError()
    committer.commit()
    assert worker.offsets.committed == {PARTITION: 0}
    kafka.error = None
    committer.commit()
    assert kafka.committed == [{PARTITION: 3}]
    assert worker.offsets.committed == {PARTITION: 3}


@pytest.mark.parametrize(("delivery", "left"), [("exactly_once", {}), ("at_least_once", {PARTITION: 3})])
def test_before_a_revocation_only_at_least_once_leaves_offsets_to_the_caller(
    tmp_path: Path, delivery: str, left: dict[TopicPartition, int]
) -> None:
    kafka = Kafka()
    committer, context = open_committer(tmp_path, kafka, delivery)
    worker = process(context, committer, 0, 3)
    assert committer.commit_before_revocation() == left
    assert kafka.transactions == [{PARTITION: 3}]
    assert kafka.committed == []
    assert worker.offsets.committed == {PARTITION: 3}


def test_outputs_with_and_without_headers_are_written_together(tmp_path: Path) -> None:
    kafka = Kafka()
    committer, context = open_committer(tmp_path, kafka)
    worker = context.workers[PARTITION]
    outputs = [worker.process(batch_of(start, start + 2)) for start in (0, 2)]
    outputs[1] = outputs[1]._replace(headers=[[("trace", b"7")], []])
    committer.write([(worker, output) for output in outputs])
    assert kafka.headers == [(), (), [("trace", b"7")], []]
