"""Reshaping: ordering, after which events get another shape."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from stream_rnn.connectors.errors import ConnectorError
from stream_rnn.connectors.events import EventBatch
from stream_rnn.connectors.ordering.buffer import to_arrays
from stream_rnn.connectors.ordering.ordering import Ordered, Ordering, OrderingState
from stream_rnn.connectors.shapes.pivot import Pivot
from stream_rnn.connectors.shapes.resample import Resample
from stream_rnn.connectors.shapes.wide import Wide

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from stream_rnn.connectors.ordering.ordering import OrderingPolicy
    from stream_rnn.connectors.shapes.shape import Shape

SHAPED = "shaped."
"""Prefix of the arrays of a state that are events in their new shape, released and not processed."""
OPEN = {"pivot": "pivot.", "resample": "resample."}
"""Prefixes of the arrays of a state that belong to events that are not complete, by stage."""


class Reshaping(Ordering):
    """Puts the records of a source in order, as `Ordering`, and makes the events of a shape of them.

    First readings are pivoted, then events are resampled, then split into one per input. What is not complete is held
    back, and part of the state. As in `Ordering`, results never depend on how records are cut into batches.

    Parameters
    ----------
    shape
        What becomes an event.
    policy
        Lateness, what happens to duplicates, and how far times may be ahead.
    columns
        Names of the inputs of every batch.
    sources
        Names of the files or partitions, by `Positions.file`.
    tags
        Names of the tags of readings, by number.

    Attributes
    ----------
    columns : tuple of str
        Inputs of the events.

    Examples
    --------
    >>> from stream_rnn.connectors.events import Positions
    >>> from stream_rnn.connectors.ordering.ordering import OrderingPolicy
    >>> from stream_rnn.connectors.shapes.shape import Shape
    >>> batch = EventBatch(
    ...     keys=np.full(2, "", object),
    ...     times=np.array([59.0, 61.0]),
    ...     columns={"x": np.array([1.5, 2.5])},
    ...     ends=np.zeros(2, np.bool_),
    ...     positions=Positions(np.zeros(2, np.int32), np.arange(2)),
    ... )
    >>> reshaping = Reshaping(Shape(every=60.0), OrderingPolicy(), columns=["x"], sources={0: "a.csv"})
    >>> reshaping.process(batch).events.columns["x"], reshaping.held
    (array([1.5]), 1)
    """

    def __init__(
        self,
        shape: Shape,
        policy: OrderingPolicy,
        columns: Sequence[str],
        sources: Mapping[int, str],
        tags: Sequence[str] = (),
    ) -> None:
        self._collecting: dict[str, Pivot | Resample] = {}
        super().__init__(shape.ordered(policy), columns, sources)
        self._shape = shape
        self._tags = tuple(tags)
        self.columns = shape.columns(columns, tags)
        events = tuple(columns if shape.pivot is None else tags)
        if shape.pivot is not None:
            self._collecting["pivot"] = Pivot(*shape.pivot, tags, shape.tolerance)
        if shape.every is not None:
            self._collecting["resample"] = Resample(events, shape.every, shape.aggregate, shape.max_gap)
        self._wide = Wide(events) if shape.wide else None
        self.ready = EventBatch.empty(self.columns)

    @property
    def held(self) -> int:
        """Number of records that are held back, and of rows of events that are not complete."""
        return super().held + sum(len(stage.open) for stage in self._collecting.values())

    @property
    def counts(self) -> dict[str, int]:
        """What was made of records other than events of their own, in this run, by kind."""
        counts: dict[str, int] = {}
        for stage in self._collecting.values():
            counts |= stage.counts
        return counts

    def process(self, batch: EventBatch) -> Ordered:
        """Return the events that a batch completes, and hold back the rest."""
        ordered = super().process(batch)
        events, released_by = self._pass_through(ordered.events, ordered.released_by)
        return ordered._replace(events=events, released_by=released_by)

    def finish(self) -> EventBatch:
        """Return all events that are held back, complete or not."""
        events = super().finish()
        for stage in self._collecting.values():
            closed, _ = stage.process(events, np.zeros(len(events), np.int64))
            events = EventBatch.concat([closed, stage.finish()])
        return events if self._wide is None else self._wide.process(events, np.zeros(len(events), np.int64))[0]

    def state(self, ready: EventBatch | None = None) -> OrderingState:
        """Return the records and events that are held back, for a checkpoint; see `Ordering.state`."""
        metadata, arrays = super().state()
        parts = {OPEN[name]: stage.open for name, stage in self._collecting.items()}
        parts[SHAPED] = self.ready[:0] if ready is None else ready
        numbers: dict[Any, int] = {}
        for prefix, events in parts.items():
            streams = [numbers.setdefault(key, len(numbers)) for key in events.keys.tolist()]
            part = to_arrays(events, np.array(streams, np.int64))
            arrays |= {f"{prefix}{name}": array for name, array in part.items() if name != "key"}
        shape = {"shape": self._shape.describe(), "shape_keys": list(numbers)}
        return OrderingState(metadata | shape, arrays)

    def restore(self, state: OrderingState) -> None:
        """Hold back the records and events of a saved state.

        Raises
        ------
        ConnectorError
            If the saved ones have other columns, or unknown tags.
        """
        super().restore(state)
        keys = state.metadata["shape_keys"]
        for name, stage in self._collecting.items():
            stage.open, _ = self._restored(OPEN[name], state, keys, list(stage.open.columns))
        self.ready, _ = self._restored(SHAPED, state, keys, self.columns)
        if self._shape.pivot is not None:
            self._check_tags(self._shape.pivot[0])

    def _check_tags(self, tag: str) -> None:
        """Check the numbers of tags, which are used as an index."""
        for readings in (self._buffer.events(self._buffer.rows), self._collecting["pivot"].open):
            if not np.isin(readings.columns[tag], np.arange(len(self._tags))).all():
                raise ConnectorError(f"readings that were held back have tags that are none of the {len(self._tags)}")

    def _pass_through(self, events: EventBatch, released_by: NDArray[np.int64]) -> tuple[EventBatch, NDArray[np.int64]]:
        for stage in self._collecting.values():
            events, released_by = stage.process(events, released_by)
        return (events, released_by) if self._wide is None else self._wide.process(events, released_by)


def new_ordering(
    shape: Shape,
    policy: OrderingPolicy,
    columns: Sequence[str],
    sources: Mapping[int, str],
    tags: Sequence[str] = (),
) -> Ordering:
    """Return the stage that puts records in order and, if the shape is active, makes other events of them."""
    if not shape.active:
        return Ordering(policy, columns, sources)
    return Reshaping(shape, policy, columns, sources, tags)
