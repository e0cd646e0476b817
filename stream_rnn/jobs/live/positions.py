"""What a checkpoint must contain for a worker to resume from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta

from stream_rnn.errors import CheckpointError
from stream_rnn.jobs import ordering_state, words
from stream_rnn.race.snapshot import verify

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stream_rnn.checkpoints.file import CheckpointData

Offset = Annotated[int, Meta(ge=0, le=2**62)]


class _Rule(msgspec.Struct, frozen=True):
    lateness: float | None = None
    duplicates: str = "keep"
    max_ahead: float | None = None


class _Topic(msgspec.Struct, frozen=True):
    id: str | None
    partitions: Annotated[int, Meta(ge=0)]


class _Kafka(msgspec.Struct, frozen=True):
    group: str
    start: dict[str, Offset]
    """where each partition was started"""
    offsets: dict[str, Offset]
    """the next record of each partition"""
    rule: _Rule = _Rule()
    topics: dict[str, _Topic] = {}
    shape: dict[str, Any] = {}
    flushes: dict[str, Offset] = {}
    """number of idle flushes of each partition"""

    def __post_init__(self) -> None:
        if self.start.keys() != self.offsets.keys():
            raise ValueError("start and offsets must have the same partitions")


class _Positions(msgspec.Struct, frozen=True):
    kafka: _Kafka | None = None


def check_positions(positions: Mapping[str, Any]) -> None:
    """Check that positions are those of a live job, or not of a live job at all.

    Raises
    ------
    CheckpointError
        Naming the first part that is wrong.
    """
    try:
        msgspec.convert(positions, _Positions)
    except msgspec.ValidationError as error:
        raise CheckpointError(f"positions of a live job in the newest checkpoint are not valid: {error}") from None


def verify_worker(data: CheckpointData) -> None:
    """Check that a worker can resume from data.

    Raises
    ------
    CheckpointError
        Naming the file, and the first part that is wrong.
    """
    verify(data)
    ordering_state.verify(data)
    words.verify(data)
