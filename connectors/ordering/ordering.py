"""Ordering: events are held back, and released in order of time; times too early or too far ahead are refused.

An event is released once the newest time of its stream is at least its own time plus the lateness. Which events are
released, in which order and by whose arrival depends only on the order of arrival, never on how events are cut into
batches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from stream_rnn.connectors.errors import ConnectorError
from stream_rnn.connectors.events import DeadLetter, EventBatch, Positions
from stream_rnn.connectors.ordering.arrivals import Arrivals
from stream_rnn.connectors.ordering.buffer import EventBuffer, from_arrays, input_names, to_arrays
from stream_rnn.connectors.ordering.clock import Clock

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

LATE = "later than lateness allows"
AHEAD = "time is further ahead of the newest than max_ahead allows"
HELD, READY = "held.", "ready."
"""Prefixes of the arrays of a state: of events that are held back, and of events that are released."""


class OrderingPolicy(NamedTuple):
    """How long events are held back, whether duplicates are dropped, and how far times may be ahead."""

    lateness: float | None = None
    """seconds by which an event may be older than the newest of its stream; None: events are released as they arrive"""
    duplicates: Literal["keep", "drop"] = "keep"
    max_ahead: float | None = None
    """seconds by which a time may be ahead of the newest one of its file or partition; None: by any"""

    @property
    def active(self) -> bool:
        """Whether the policy changes anything."""
        return self != OrderingPolicy()

    @property
    def in_arrival_order(self) -> bool:
        """Whether events are released as they arrive, and none is dropped."""
        return self.lateness is None and self.duplicates == "keep"


class Ordered(NamedTuple):
    """Result of a batch."""

    events: EventBatch
    """released events, by (arrival that released them, time, arrival)"""
    released_by: NDArray[np.int64]
    """(N,) record of the event whose arrival released each event"""
    late: list[DeadLetter]
    """events that arrived too late"""
    ahead: list[DeadLetter]
    """events whose time is too far ahead"""
    duplicates: NDArray[np.int64]
    """records that were dropped"""


class OrderingState(NamedTuple):
    """Events that are held back, for a checkpoint."""

    metadata: dict[str, Any]
    """JSON values"""
    arrays: dict[str, NDArray[Any]]


class Ordering:
    """Holds events back and releases them in order of time, within their stream.

    With a lateness, an event is late if it is older than the newest event of its stream by more than that, or older
    than one that was released. Late events are counted and refused. Events without time are released at once.

    With ``duplicates="drop"``, duplicates are dropped and counted: a record at or before the last one read of its
    file, and an event with the stream and time of an event that is held back or was released last. Without lateness
    nothing is held back, so only a repetition of the last event of a stream is recognised.

    With `max_ahead`, events whose time is further ahead of the newest one of their file are refused; see `Clock`.

    Parameters
    ----------
    policy
        Lateness, what happens to duplicates, and how far times may be ahead.
    columns
        Names of the inputs of every batch.
    sources
        Names of the files or partitions, by `Positions.file`.

    Attributes
    ----------
    late, duplicates : int
        Number of events that were refused and dropped, over all runs.
    ready : EventBatch
        Events that were released before the state was saved, but not processed.

    Examples
    --------
    >>> batch = EventBatch(
    ...     keys=np.array(["s", "s", "s"], object),
    ...     times=np.array([1.0, 0.0, 6.0]),
    ...     columns={},
    ...     ends=np.zeros(3, np.bool_),
    ...     positions=Positions(np.zeros(3, np.int32), np.arange(3)),
    ... )
    >>> ordering = Ordering(OrderingPolicy(lateness=5.0), columns=[], sources={0: "a.csv"})
    >>> ordering.process(batch).events.times
    array([0., 1.])
    >>> ordering.finish().times
    array([6.])
    """

    def __init__(self, policy: OrderingPolicy, columns: Sequence[str], sources: Mapping[int, str]) -> None:
        self.policy = policy
        self.late = 0
        self.duplicates = 0
        self._sources = sources
        self._clocks = {file: Clock(policy.max_ahead) for file in sources}
        self._numbers: dict[str | int, int]  # number of each stream, in order of appearance
        self._newest: NDArray[np.float64]  # (streams,) newest time seen
        self._released: NDArray[np.float64]  # (streams,) time of the event released last
        self._forget_streams()
        self._buffer = EventBuffer(columns)
        self.ready = EventBatch.empty(columns)
        self._last_records: dict[int, int] = {}  # last record read, by file

    @property
    def held(self) -> int:
        """Number of events that are held back."""
        return len(self._buffer)

    @property
    def counts(self) -> dict[str, int]:
        """What was made of records other than events of their own, by kind: nothing."""
        return {}

    def process(self, batch: EventBatch) -> Ordered:
        """Return the events that a batch releases, and hold back the rest."""
        if self.policy.in_arrival_order and not self.held:
            return self._pass_on(batch)
        streams, record = self._stream_numbers(batch.keys), batch.positions.record
        unread = self._is_unread(batch.positions)
        ahead = self._is_ahead(batch, unread)
        untimed = unread & np.isnan(batch.times)
        timed = unread & ~ahead & ~untimed
        arrivals = Arrivals.of(streams, batch.times, np.flatnonzero(timed), self._newest)
        late = self._is_late(arrivals)
        duplicate = self._is_duplicate(arrivals, late)
        self._newest[arrivals.stream] = arrivals.newest  # the last value of each stream is kept
        accepted = np.flatnonzero(~(late | duplicate))
        events, released_by = self._release(batch, streams, arrivals, accepted, np.flatnonzero(untimed))
        refused = batch.positions[np.sort(arrivals.event[late])]
        dropped = np.sort(np.concatenate([np.flatnonzero(~unread), arrivals.event[duplicate]]))
        self.late += len(refused)
        self.duplicates += len(dropped)
        return Ordered(
            events=events,
            released_by=record[released_by],
            late=self._dead_letters(refused, LATE),
            ahead=self._dead_letters(batch.positions[ahead], AHEAD),
            duplicates=record[dropped],
        )

    def finish(self) -> EventBatch:
        """Return all events that are held back, by (time, arrival).

        Events that arrive afterwards are late if they are older than the returned ones.
        """
        return self._take(self._buffer.rows)

    def has_silent(self, before: int) -> bool:
        """Return whether events are held back of streams whose last event is from a record before this one."""
        return len(self._silent_rows(before)) > 0

    def flush(self, before: int) -> EventBatch:
        """Return the events that are held back of streams whose last event is from a record before this one.

        They are in order of (time, arrival). Events that arrive afterwards are late if they are older.
        """
        return self._take(self._silent_rows(before))

    def _silent_rows(self, before: int) -> NDArray[np.intp]:
        """Return the rows of streams whose last event, which is held back, is from a record before this one."""
        rows = self._buffer.rows
        streams = self._buffer.streams[rows]
        last = np.zeros(len(self._newest), np.int64)
        last[streams] = self._buffer.records[rows]  # in order of arrival: the last one holds
        return rows[last[streams] < before]

    def _take(self, rows: NDArray[np.intp]) -> EventBatch:
        """Release the events of rows, by (time, arrival)."""
        rows = rows[np.argsort(self._buffer.times[rows], kind="stable")]
        events = self._buffer.events(rows)
        self._note_released(self._buffer.streams[rows], events.times)
        self._buffer.remove(rows)
        return events

    def state(self, ready: EventBatch | None = None) -> OrderingState:
        """Return the events that are held back, for a checkpoint.

        Parameters
        ----------
        ready
            Events that were released but not processed; `restore` makes them `ready` again.
        """
        if self.policy.in_arrival_order and not self.held:
            self._forget_streams()  # nothing depends on them, and the state must not depend on earlier restarts
        rows = self._buffer.rows
        held = self._buffer.arrays(rows)
        released = (
            self._buffer.arrays(rows[:0]) if ready is None else to_arrays(ready, self._stream_numbers(ready.keys))
        )
        metadata = {
            "late": self.late,
            "duplicates": self.duplicates,
            "held": self.held,
            "clocks": {self._sources[file]: clock.state() for file, clock in self._clocks.items()},
            "seen": {self._sources[file]: record for file, record in self._last_records.items()},
            "places": {str(file): name for file, name in self._sources.items()},
            "keys": list(self._numbers),
        }
        count = len(self._numbers)
        arrays = {"newest": self._newest[:count].copy(), "last": self._released[:count].copy()}
        for prefix, parts in ((HELD, held), (READY, released)):
            arrays |= {f"{prefix}{name}": array for name, array in parts.items() if name != "key"}
        return OrderingState(metadata, arrays)

    def restore(self, state: OrderingState) -> None:
        """Hold back the events of a saved state; this object's policy applies to them.

        Raises
        ------
        ConnectorError
            If the saved events have other columns.
        """
        metadata, arrays = state
        self.late, self.duplicates = metadata["late"], metadata["duplicates"]
        self._numbers = {key: number for number, key in enumerate(metadata["keys"])}
        self._newest, self._released = arrays["newest"].copy(), arrays["last"].copy()
        files = {name: file for file, name in self._sources.items()}
        self._last_records = {files[name]: record for name, record in metadata["seen"].items() if name in files}
        for name, clock in metadata.get("clocks", {}).items():
            if name in files:
                self._clocks[files[name]].restore(clock)
        columns, keys = self._buffer.columns, metadata["keys"]
        held, streams = self._restored(HELD, state, keys, columns)
        self._buffer = EventBuffer(columns)
        self._buffer.add(held, streams)
        self.ready, _ = self._restored(READY, state, keys, columns)

    def _pass_on(self, batch: EventBatch) -> Ordered:
        """Release all events as they arrive, except those whose time is too far ahead."""
        ahead = self._is_ahead(batch, np.ones(len(batch), np.bool_))
        events = batch[~ahead] if ahead.any() else batch
        return Ordered(
            events=events,
            released_by=events.positions.record,
            late=[],
            ahead=self._dead_letters(batch.positions[ahead], AHEAD),
            duplicates=batch.positions.record[:0],
        )

    def _is_ahead(self, batch: EventBatch, unread: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return which of the unread events (N,) have a time that is too far ahead."""
        ahead = np.zeros(len(batch), np.bool_)
        if self.policy.max_ahead is not None:
            for file in np.unique(batch.positions.file).tolist():
                chosen = unread & (batch.positions.file == file)
                ahead[chosen] = self._clocks[file].is_ahead(batch.times[chosen])
        return ahead

    def _release(
        self,
        batch: EventBatch,
        streams: NDArray[np.int64],
        arrivals: Arrivals,
        accepted: NDArray[np.intp],
        untimed: NDArray[np.intp],
    ) -> tuple[EventBatch, NDArray[np.intp]]:
        """Release the events that are due and hold back the others.

        Parameters
        ----------
        batch
            N events that arrive.
        streams
            (N,) their streams.
        arrivals
            The events with times.
        accepted
            Which arrivals are neither late nor duplicates.
        untimed
            Which events have no time.

        Returns
        -------
        events
            Released events in order.
        released_by
            Index in the batch of the event whose arrival released each.
        """
        if not self.policy.lateness and not len(self._buffer):  # nothing waits: each event releases itself
            chosen = np.sort(np.concatenate([arrivals.event[accepted], untimed]))
            self._note_released(streams[chosen], batch.times[chosen])
            return batch[chosen] if len(chosen) < len(batch) else batch, chosen
        reach = self._reach(arrivals.newest)
        due = self._buffer.rows_until(self._by_stream(arrivals, reach, default=-np.inf))
        held, held_streams = self._buffer.events(due), self._buffer.streams[due]
        releaser = arrivals.releasers(
            np.concatenate([held_streams, arrivals.stream[accepted]]),
            np.concatenate([held.times, arrivals.time[accepted]]),
            np.concatenate([np.zeros(len(due), np.int64), accepted]),
            reach,
        )
        is_due = releaser[len(due) :] >= 0
        new, kept = arrivals.event[accepted[is_due]], np.sort(arrivals.event[accepted[~is_due]])
        released = EventBatch.concat([held, batch[new], batch[untimed]])
        released_by = np.concatenate([arrivals.event[releaser[releaser >= 0]], untimed])
        order = np.lexsort((released.times, released_by))  # stable: ties stay in order of arrival
        self._buffer.remove(due)
        self._buffer.add(batch[kept], streams[kept])
        self._note_released(
            np.concatenate([held_streams, streams[new], streams[untimed]])[order], released.times[order]
        )
        return released[order], released_by[order]

    def _stream_numbers(self, keys: NDArray[np.object_]) -> NDArray[np.int64]:
        """Return the number of each event's stream (N,); new streams get the next numbers."""
        names = keys.tolist()
        for name in dict.fromkeys(names):
            self._numbers.setdefault(name, len(self._numbers))
        if len(self._numbers) > len(self._newest):
            added = np.full(len(self._numbers), -np.inf)  # at least doubles the arrays: growing is cheap per stream
            self._newest, self._released = (np.concatenate([old, added]) for old in (self._newest, self._released))
        return np.fromiter(map(self._numbers.__getitem__, names), np.int64, len(names))

    def _forget_streams(self) -> None:
        self._numbers, self._newest, self._released = {}, np.zeros(0), np.zeros(0)

    def _is_unread(self, positions: Positions) -> NDArray[np.bool_]:
        """Return which events (N,) are after all earlier ones of their file; all of them if duplicates are kept."""
        unread = np.ones(len(positions), np.bool_)
        if self.policy.duplicates == "drop":
            for file in np.unique(positions.file).tolist():
                in_file = positions.file == file
                records, before = positions.record[in_file], self._last_records.get(file, -1)
                places = records if positions.element is None else _ranks(records, positions.element[in_file])
                latest = np.maximum.accumulate(np.append(-1, places))
                unread[in_file] = (records > before) & (places > latest[:-1])  # a record arrives as a whole
                self._last_records[file] = max(before, int(records.max()))
        return unread

    def _reach(self, newest: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the time up to which events are released."""
        return np.full(len(newest), np.inf) if self.policy.lateness is None else newest - self.policy.lateness

    def _is_late(self, arrivals: Arrivals) -> NDArray[np.bool_]:
        if self.policy.lateness is None:
            return np.zeros(len(arrivals.time), np.bool_)
        return arrivals.time < np.maximum(self._reach(arrivals.before), self._released[arrivals.stream])

    def _is_duplicate(self, arrivals: Arrivals, late: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return which arrivals have the stream and time of an event that is held back or was released last.

        Events that this batch releases before an arrival need no extra comparison: all accepted events of the batch
        are compared with each other, and whatever is older than the last released event is late.
        """
        stream, time, released = arrivals.stream, arrivals.time, self._released[arrivals.stream]
        if self.policy.duplicates == "keep":
            return np.zeros(len(time), np.bool_)
        if self.policy.lateness is None:
            return time == np.where(arrivals.first, released, np.roll(time, 1))
        duplicate = time == released
        timely = np.flatnonzero(~late)
        earliest = np.full(len(time), time.min(initial=np.inf))
        held = self._buffer.rows_since(self._by_stream(arrivals, earliest, default=np.inf))
        streams = np.concatenate([self._buffer.streams[held], stream[timely]])
        times = np.concatenate([self._buffer.times[held], time[timely]])
        order = np.lexsort((times, streams))
        repeats = (np.diff(streams[order]) == 0) & (np.diff(times[order]) == 0)
        repeated = order[1:][repeats]
        duplicate[timely[repeated[repeated >= len(held)] - len(held)]] = True
        return duplicate & ~late

    def _by_stream(self, arrivals: Arrivals, values: NDArray[np.float64], default: float) -> NDArray[np.float64]:
        """Return (streams,) the value of the last arrival of each stream, `default` for streams without one."""
        by_stream = np.full(len(self._newest), default)
        by_stream[arrivals.stream] = values
        return by_stream

    def _note_released(self, streams: NDArray[np.int64], times: NDArray[np.float64]) -> None:
        """Keep the time of the last released event of each stream, from events in order."""
        timed = ~np.isnan(times)
        self._released[streams[timed]] = times[timed]

    def _dead_letters(self, refused: Positions, reason: str) -> list[DeadLetter]:
        places = zip(*(a.tolist() for a in (refused.file, refused.record, refused.element_numbers)), strict=True)
        return [DeadLetter.of(self._sources[file], record, reason, "", element=n) for file, record, n in places]

    def _restored(
        self, prefix: str, state: OrderingState, keys: Sequence[str | int], columns: Sequence[str]
    ) -> tuple[EventBatch, NDArray[np.int64]]:
        """Return events of a state and their streams; files are found by name, -1 for those that are not read now."""
        arrays = {name.removeprefix(prefix): array for name, array in state.arrays.items() if name.startswith(prefix)}
        saved = input_names(arrays)
        if set(saved) != set(columns):
            raise ConnectorError(
                f"events that were held back have the columns {', '.join(sorted(saved))}, "
                f"the source has {', '.join(sorted(columns))}: use the columns of the checkpoint"
            )
        files = {name: file for file, name in self._sources.items()}
        names = np.array([*keys, None], object)[:-1]
        current = {int(file): files.get(name, -1) for file, name in state.metadata["places"].items()}
        moved = np.fromiter((current[file] for file in arrays["file"].tolist()), np.int32, len(arrays["file"]))
        return from_arrays(arrays | {"key": names[arrays["stream"]], "file": moved}), arrays["stream"]


def _ranks(records: NDArray[np.int64], elements: NDArray[np.int32]) -> NDArray[np.int64]:
    """Return numbers (N,) that order events as their records and elements do; the same event has the same number.

    Examples
    --------
    >>> _ranks(np.array([7, 7, 5, 7]), np.array([0, 1, 0, 1]))
    array([1, 2, 0, 2])
    """
    order = np.lexsort((elements, records))
    is_next = (np.diff(records[order]) != 0) | (np.diff(elements[order]) != 0)
    ranks = np.zeros(len(records), np.int64)
    ranks[order[1:]] = np.cumsum(is_next)
    return ranks
