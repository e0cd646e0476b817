"""Names and types for what is addressed by topic and partition."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from kafka import TopicPartition
from kafka.structs import OffsetAndMetadata

Offsets: TypeAlias = dict[TopicPartition, int]
"""The next offset to read of each partition."""
Headers: TypeAlias = Sequence[tuple[str, bytes]]
"""Names and values of the headers of one record."""


class TopicIdentity(NamedTuple):
    """What tells a topic from one of the same name that was created later, or from itself before it grew."""

    id: str | None
    """None if the cluster is older than Kafka 2.8, which introduced ids"""
    partitions: int


def partition_name(partition: TopicPartition) -> str:
    """Return the name of a partition as Kafka's own tools print it.

    Examples
    --------
    >>> partition_name(TopicPartition("sensors", 3))
    'sensors-3'
    """
    return f"{partition.topic}-{partition.partition}"


def commit_metadata(offsets: Offsets) -> dict[TopicPartition, OffsetAndMetadata]:
    """Return offsets in the form in which kafka-python commits them."""
    return {partition: OffsetAndMetadata(offset, "", -1) for partition, offset in offsets.items()}
