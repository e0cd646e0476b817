"""The file of records that a replay cannot use, resumed where a checkpoint was taken."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from stream_rnn.connectors.deadletter import DeadLetterCounter, DeadLetterFile
from stream_rnn.connectors.events import DeadLetter

if TYPE_CHECKING:
    from stream_rnn.settings.replay import ReplaySettings


def open_dead_letters(settings: ReplaySettings, positions: dict[str, Any]) -> DeadLetterCounter:
    """Open the file of refused records, cut back to a checkpoint's positions; without a file, only count them."""
    if not settings.dead_letters:
        return DeadLetterCounter()
    at = positions["dead_letters"]
    kept = _refused_before(settings.dead_letters, at, positions["source"]["files"]) if at is not None else []
    letters = DeadLetterFile(settings.dead_letters, at=at)
    for letter in kept:
        letters.add(letter)
    letters.reasons.clear()  # the run that refused them has counted them
    return letters


def position_of(letters: DeadLetterCounter) -> int | None:
    """Return the length of the file in bytes, or None if records are only counted."""
    return letters.position() if isinstance(letters, DeadLetterFile) else None


def _refused_before(path: str, at: int, next_records: dict[str, int]) -> list[DeadLetter]:
    """Return the records in the file after byte `at` that were refused before the next record to read.

    A checkpoint within a batch, which only a paced replay takes, has the file's length from before the batch, while
    some of the batch's refused records belong to events before the checkpoint.
    """
    try:
        with Path(path).open("rb") as file:
            file.seek(at)
            letters = [msgspec.json.decode(line, type=DeadLetter) for line in file if line.endswith(b"\n")]
    except (OSError, msgspec.DecodeError, RecursionError):  # opening the file for writing reports what is wrong
        return []
    return [letter for letter in letters if letter.record < next_records.get(letter.source, 0)]
