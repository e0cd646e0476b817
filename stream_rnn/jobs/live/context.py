"""SessionContext: what outlives the sessions of a live job."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from kafka import TopicPartition

    from stream_rnn.connectors.deadletter import DeadLetterLog
    from stream_rnn.connectors.kafka.client import Cluster
    from stream_rnn.connectors.kafka.subscription import Subscription
    from stream_rnn.connectors.registry.registry import SchemaRegistry
    from stream_rnn.jobs.live.metrics import JobMetrics
    from stream_rnn.jobs.live.worker import PartitionWorker, WorkerConfig
    from stream_rnn.settings.live import LiveSettings


class SessionContext(NamedTuple):
    """What a session needs of its job."""

    settings: LiveSettings
    cluster: Cluster
    config: WorkerConfig
    subscription: Subscription
    """with the name of this process"""
    workers: dict[TopicPartition, PartitionWorker]
    """open workers by partition; after a failure the next session keeps those that are still up to date"""
    dead_letters: DeadLetterLog | None
    registry: SchemaRegistry | None
    """keeps the schemas that it has fetched"""
    metrics: JobMetrics
