"""Records as batches, and what a shape makes of them, in any cut and with restarts."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from stream_rnn.connectors.events import EventBatch, Positions
from stream_rnn.connectors.ordering.ordering import OrderingPolicy, OrderingState
from stream_rnn.connectors.shapes.reshaping import Reshaping

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stream_rnn.connectors.shapes.shape import Shape

SOURCES = {0: "a.csv"}


class Record(NamedTuple):
    """A record with the values of its columns."""

    key: str
    time: float
    cells: tuple[float, ...]
    end: bool = False


class Outcome(NamedTuple):
    """What becomes of records."""

    events: list[tuple[Any, ...]]
    """key, time, values, end, record, and by which record it was released; -1 at the end"""
    late: list[int]
    counts: dict[str, int]


def batch(records: Sequence[Record], columns: Sequence[str], first: int = 0) -> EventBatch:
    """Return records as a batch of one file."""
    count = len(records)
    return EventBatch(
        np.array([*(record.key for record in records), None], object)[:-1],
        np.array([record.time for record in records], np.float64),
        {name: np.array([record.cells[i] for record in records], np.float64) for i, name in enumerate(columns)},
        np.array([record.end for record in records], np.bool_),
        Positions(np.zeros(count, np.int32), np.arange(first, first + count)),
    )


def rows(events: EventBatch, released_by: Sequence[int]) -> list[tuple[Any, ...]]:
    """Return events as comparable rows."""
    values = events.table(list(events.columns))
    return [
        (
            events.keys[i],
            float(events.times[i]),
            *(None if math.isnan(value) else float(value) for value in values[i]),
            bool(events.ends[i]),
            int(events.positions.record[i]),
            int(released_by[i]),
        )
        for i in range(len(events))
    ]


def outcome_of(
    shape: Shape,
    records: Sequence[Record],
    columns: Sequence[str],
    *,
    tags: Sequence[str] = (),
    sizes: Sequence[int] = (1000,),
    restart: bool = False,
    lateness: float | None = None,
) -> Outcome:
    """Reshape records in batches of these sizes in turn; with `restart`, restore the state after each batch."""

    def new() -> Reshaping:
        return Reshaping(shape, OrderingPolicy(lateness), columns, SOURCES, tags)

    reshaping, outcome, at, turn = new(), Outcome([], [], {}), 0, 0
    while at < len(records):
        part = records[at : at + sizes[turn % len(sizes)]]
        result = reshaping.process(batch(part, columns, at))
        outcome.events.extend(rows(result.events, result.released_by.tolist()))
        outcome.late.extend(letter.record for letter in result.late)
        at, turn = at + len(part), turn + 1
        if restart:
            add(outcome.counts, reshaping.counts)
            metadata, arrays = reshaping.state()
            reshaping = new()
            reshaping.restore(OrderingState(json.loads(json.dumps(metadata)), arrays))
    last = reshaping.finish()
    outcome.events.extend(rows(last, [-1] * len(last)))
    add(outcome.counts, reshaping.counts)
    assert not reshaping.held
    return outcome


def add(counts: dict[str, int], more: dict[str, int]) -> None:
    for name, count in more.items():
        counts[name] = counts.get(name, 0) + count
