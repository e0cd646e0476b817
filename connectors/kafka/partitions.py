"""Names and types for data addressed by topic and partition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias

from kafka import TopicPartition
from kafka.structs import OffsetAndMetadata

Offsets: TypeAlias = dict[TopicPartition, int]
"""The next offset to read of each partition."""
Notes: TypeAlias = Mapping[TopicPartition, str]
"""What is committed with the offset of each partition."""
Headers: TypeAlias = Sequence[tuple[str, bytes]]
"""Names and values of the headers of one record."""


class TopicIdentity(NamedTuple):
    """Distinguishes a topic from a later one of the same name, and from itself before partitions were added."""

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


def commit_metadata(offsets: Offsets, notes: Notes | None = None) -> dict[TopicPartition, OffsetAndMetadata]:
    """Return offsets, and notes about some of them, in the form in which kafka-python commits them."""
    notes = {} if notes is None else notes
    return {partition: OffsetAndMetadata(offset, notes.get(partition, ""), -1) for partition, offset in offsets.items()}
