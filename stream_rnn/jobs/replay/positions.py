"""What a checkpoint must contain for a replay to resume from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from stream_rnn.jobs import ordering_state, words
from stream_rnn.race.snapshot import verify

if TYPE_CHECKING:
    from stream_rnn.checkpoints.file import CheckpointData

Count = Annotated[int, Meta(ge=0, le=2**62)]


class _Source(msgspec.Struct, frozen=True):
    files: dict[str, Count]
    """the next record of each file"""


class _Positions(msgspec.Struct, frozen=True):
    source: _Source
    sink: Count | None
    dead_letters: Count | None


def verify_replay(data: CheckpointData) -> None:
    """Check that a replay can resume from data.

    Raises
    ------
    CheckpointError
        Naming the file, and the first part that is wrong.
    """
    verify(data)
    try:
        msgspec.convert(data.positions, _Positions)
    except msgspec.ValidationError as error:
        raise data.invalid(f"positions of a replay: {error}") from None
    ordering_state.verify(data)
    words.verify(data)
