"""The outcome of a job that was killed, compared with that of an uninterrupted one."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stream_rnn.checkpoints.file import CheckpointData


class Killed(NamedTuple):
    """A job that was killed at random moments, and then completed."""

    job: str
    kills: int
    resumed: int
    """starts that continued from a checkpoint"""
    events: int
    lost: int
    """forecasts that the uninterrupted job has and this one has not"""
    duplicated: int
    """forecasts that this job has more often"""
    equal_output: bool
    """whether forecasts and dead letters are equal, byte by byte"""
    equal_state: bool
    """whether the last checkpoints are equal, bit by bit"""

    @property
    def is_right(self) -> bool:
        """Whether the kills have changed nothing."""
        return not self.lost and not self.duplicated and self.equal_output and self.equal_state

    def row(self) -> dict[str, Any]:
        """Return the figures."""
        return {name.replace("_", " "): value for name, value in self._asdict().items()}


def missing(some: Iterable[bytes], others: Iterable[bytes]) -> int:
    """Return how many of the others are missing in some."""
    return (Counter(others) - Counter(some)).total()


def is_same_state(one: CheckpointData, other: CheckpointData) -> bool:
    """Return whether two checkpoints have the same keys and arrays, bit by bit."""
    return (
        one.keys == other.keys
        and one.recency == other.recency
        and one.arrays.keys() == other.arrays.keys()
        and all(array.tobytes() == other.arrays[name].tobytes() for name, array in one.arrays.items())
    )
