"""Several files as one stream: by time where they have time, else one after another.

The merge is stable: events go by (time, file, record). A file whose own times go back is not reordered: an
event counts as late as the latest before it. So every file stays in record order, a position is one number
per file, and going on from a position gives the very same rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from stream_rnn.connectors.events import EventBatch

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray


class Batches(Protocol):
    """What is merged: batches of one file in record order."""

    def read(self) -> EventBatch | None:
        """Give the next batch, an empty one where a growing file has nothing new, None at the end."""


@dataclass(slots=True)
class _Lane:
    """One file's events that were read and not yet merged."""

    source: Batches
    events: EventBatch | None = None
    latest: float = -np.inf  # of all times so far
    at: int = 0
    order: NDArray[np.float64] | None = None  # running maximum of the times: never goes back
    ended: bool = False

    def refill(self) -> None:
        """Read on until there are events, or there are none for now, or the file ends."""
        self.events, self.order, self.at = None, None, 0
        batch = self.source.read()
        if batch is None:
            self.ended = True
        elif len(batch):
            self.events = batch
            self.order = np.maximum(np.maximum.accumulate(batch.times), self.latest)
            self.latest = float(self.order[-1])

    @property
    def pending(self) -> bool:
        return self.events is not None and self.at < len(self.events)


def one_after_another(sources: Sequence[Batches]) -> Iterator[EventBatch]:
    """Give all of the first source, then all of the second, and so on."""
    for source in sources:
        while (batch := source.read()) is not None:
            yield batch


def merge_by_time(sources: Sequence[Batches]) -> Iterator[EventBatch]:
    """Merge sources by (time, source, record), holding one batch of each.

    An empty batch says that no source has anything for now. A growing file that has nothing for now does not
    hold the others back; what it brings later comes later.

    Parameters
    ----------
    sources : sequence of Batches
        Their events have times.
    """
    lanes = [_Lane(source) for source in sources]
    while True:
        for lane in lanes:
            if not lane.ended and not lane.pending:
                lane.refill()
        live = [lane for lane in lanes if lane.pending]
        if live:
            yield _before(live, _frontier(live))
        elif all(lane.ended for lane in lanes):
            return
        else:
            yield EventBatch.empty()


def _frontier(lanes: list[_Lane]) -> tuple[float, int]:
    """Find up to where everything is known: the earliest last event in hand, and which lane holds it."""
    return min((float(lane.order[-1]), i) for i, lane in enumerate(lanes) if lane.order is not None)


def _before(lanes: list[_Lane], frontier: tuple[float, int]) -> EventBatch:
    """Take all events up to the frontier, in order; a tie goes to the earlier lane."""
    time, holder = frontier
    parts: list[EventBatch] = []
    orders: list[NDArray[np.float64]] = []
    for i, lane in enumerate(lanes):
        if lane.events is None or lane.order is None:
            continue
        stop = int(np.searchsorted(lane.order, time, side="right" if i <= holder else "left"))
        if stop > lane.at:
            parts.append(lane.events[lane.at : stop])
            orders.append(lane.order[lane.at : stop])
            lane.at = stop
    if len(parts) == 1:
        return parts[0]
    # The parts stand in lane order, so a stable sort by time alone keeps ties in order.
    return EventBatch.concat(parts)[np.argsort(np.concatenate(orders), kind="stable")]
