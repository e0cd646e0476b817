"""Read files into plain lists."""

from __future__ import annotations

import math
from typing import Any

from stream_rnn.connectors.deadletter import DeadLetterCounter
from stream_rnn.connectors.events import EventBatch
from stream_rnn.connectors.files.open import open_files


class AllDeadLetters(DeadLetterCounter):
    """Keeps all dead letters."""

    def __init__(self) -> None:
        super().__init__()
        self.all: list[Any] = []

    def add(self, letter: Any) -> None:
        super().add(letter)
        self.all.append(letter)


def rows(batches: Any) -> list[tuple[Any, ...]]:
    """Return (key, time, inputs, end, file, record) of each event, with None for NaN so that lists can be compared."""
    result = []
    for batch in batches:
        assert isinstance(batch, EventBatch)
        for i in range(len(batch)):
            inputs = tuple(_none(column[i]) for column in batch.columns.values())
            file, record = int(batch.positions.file[i]), int(batch.positions.record[i])
            result.append((batch.keys[i], _none(batch.times[i]), inputs, bool(batch.ends[i]), file, record))
    return result


def read(paths: Any, *args: Any, **kwargs: Any) -> tuple[list[tuple[Any, ...]], list[tuple[int, str]]]:
    """Return all events, and (record, reason) of the dead letters."""
    letters = AllDeadLetters()
    with open_files(paths, *args, dead_letters=letters, **kwargs) as source:
        return rows(source), [(letter.record, letter.reason) for letter in letters.all]


def _none(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
