"""Events put in order of time: what comes out of order is waited for, so long; what comes later still is refused.

An event of a stream is released when the newest time seen of that stream reaches its own plus the lateness. Which
events are released, in which order and by whose arrival depends on the order of arrival alone, never on how events
were cut into batches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from stream_rnn.connectors.errors import ConnectorError
from stream_rnn.connectors.events import DeadLetter, EventBatch, Positions
from stream_rnn.connectors.ordering.buffer import COLUMN, Held, parts, whole

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

LATE = "later than lateness allows"


class Rule(NamedTuple):
    """What is done about events out of order, and about those that come twice."""

    lateness: float | None = None
    """seconds that an event may lie before the newest of its stream; None: events pass as they come"""
    duplicates: Literal["keep", "drop"] = "keep"

    @property
    def active(self) -> bool:
        """Whether anything is done."""
        return self != Rule()


class Ordered(NamedTuple):
    """What became of a batch."""

    events: EventBatch
    """those that are released, by (arrival that released them, time, arrival)"""
    by: NDArray[np.int64]
    """(N,) record of the event whose arrival released each"""
    late: list[DeadLetter]
    duplicates: NDArray[np.int64]
    """records that were dropped since they came before"""


class State(NamedTuple):
    """What a stage holds: plain values that JSON can hold, and arrays by name."""

    about: dict[str, Any]
    arrays: dict[str, NDArray[Any]]


class Ordering:
    """Holds events back until those before them have had their time to come.

    With `Rule.lateness`, an event that lies before the newest of its stream by more than that, or before one that was
    released, is late: it is counted and refused. Events without time pass at once.

    With `Rule.duplicates` "drop", what came before is dropped and counted: a record at or before the last one of its
    file, and an event with the stream and the time of one that is held or was released last. Without lateness nothing
    is held, and only a repetition of the stream's last event is told.

    Parameters
    ----------
    rule
    columns
        Inputs that every batch has.
    places
        Names of the files (or partitions) by `Positions.file`.

    Attributes
    ----------
    late, duplicates : int
        How many events were refused and dropped since the stage began, which may be runs ago.
    ready : EventBatch
        What was released before the state was kept, and not taken.
    """

    def __init__(self, rule: Rule, columns: Sequence[str], places: Mapping[int, str]) -> None:
        self.rule = rule
        self.late = 0
        self.duplicates = 0
        self._places = places
        self._codes: dict[str | int, int] = {}
        self._newest = np.zeros(0)  # (streams,) newest time seen
        self._last = np.zeros(0)  # (streams,) time of the event released last
        self._held = Held(columns)
        self.ready = EventBatch.empty(columns)
        self._seen: dict[int, int] = {}  # last record, by file

    @property
    def held(self) -> int:
        """How many events are held back."""
        return len(self._held)

    def take(self, batch: EventBatch) -> Ordered:
        """Give what a batch releases, and hold the rest."""
        codes, record = self._codes_of(batch.keys), batch.positions.record
        fresh = self._fresh(batch.positions)
        untimed = fresh & np.isnan(batch.times)
        arrivals = _Arrivals.of(codes, batch.times, np.flatnonzero(fresh & ~untimed), self._newest)
        late = self._late(arrivals)
        double = self._doubles(arrivals, late)
        self._newest[arrivals.stream] = arrivals.newest  # the last of each stream stays

        kept = np.flatnonzero(~(late | double))
        due = self._held.up_to(self._by_stream(arrivals, self._reach(arrivals.newest), -np.inf))
        waiting, waiting_streams = self._held.events(due), self._held.streams[due]
        releaser = arrivals.releasers(
            np.concatenate([waiting_streams, arrivals.stream[kept]]),
            np.concatenate([waiting.times, arrivals.time[kept]]),
            np.concatenate([np.zeros(len(due), np.int64), kept]),
            self._reach(arrivals.newest),
        )
        out = releaser[len(due) :] >= 0
        new, plain = arrivals.event[kept[out]], np.flatnonzero(untimed)
        pool = EventBatch.concat([waiting, batch[new], batch[plain]])
        by = np.concatenate([arrivals.event[releaser[releaser >= 0]], plain])
        streams = np.concatenate([waiting_streams, codes[new], codes[plain]])
        order = np.lexsort((pool.times, by))  # stable: what is left of a tie stands in order of arrival
        events, by, streams = pool[order], by[order], streams[order]

        later = np.sort(arrivals.event[kept[~out]])
        self._held.drop(due)
        self._held.add(batch[later], codes[later])
        self._note_last(streams, events.times)
        refused = batch.positions[np.sort(arrivals.event[late])]
        dropped = np.sort(np.concatenate([np.flatnonzero(~fresh), arrivals.event[double]]))
        self.late += len(refused)
        self.duplicates += len(dropped)
        return Ordered(events, record[by], self._letters(refused), record[dropped])

    def finish(self) -> EventBatch:
        """Give all that is held, in order of (time, arrival): no more is to come.

        If more comes after all, what lies before the events given is late.
        """
        rows = self._held.rows
        rows = rows[np.argsort(self._held.times[rows], kind="stable")]
        events = self._held.events(rows)
        self._note_last(self._held.streams[rows], events.times)
        self._held.drop(rows)
        return events

    def state(self, ready: EventBatch | None = None) -> State:
        """Return what is held, for a checkpoint.

        Parameters
        ----------
        ready
            What was released and is not taken yet; `restore` gives it back.
        """
        about = {
            "late": self.late,
            "duplicates": self.duplicates,
            "held": self.held,
            "seen": {self._places[file]: record for file, record in self._seen.items()},
            "places": {str(file): name for file, name in self._places.items()},
            "keys": list(self._codes),
        }
        known = len(self._codes)
        arrays = {"newest": self._newest[:known].copy(), "last": self._last[:known].copy()}
        rows = self._held.rows
        released = self._held.parts(rows[:0]) if ready is None else parts(ready, self._codes_of(ready.keys))
        for which, some in (("held", self._held.parts(rows)), ("ready", released)):
            arrays |= {f"{which}.{name}": array for name, array in some.items() if name != "key"}
        return State(about, arrays)

    def restore(self, state: State) -> None:
        """Go on where a state was kept, under this stage's rule.

        Raises
        ------
        ConnectorError
            When what was held has other columns.
        """
        about, arrays = state
        self.late, self.duplicates = about["late"], about["duplicates"]
        self._codes = {key: code for code, key in enumerate(about["keys"])}
        self._newest, self._last = arrays["newest"].copy(), arrays["last"].copy()
        files = {name: file for file, name in self._places.items()}
        self._seen = {files[name]: record for name, record in about["seen"].items() if name in files}
        moved = {int(file): files.get(name, -1) for file, name in about["places"].items()}
        held, streams = self._whole("held", state, moved)
        self._held = Held(self._held.columns)
        self._held.add(held, streams)
        self.ready, _ = self._whole("ready", state, moved)

    def _codes_of(self, keys: NDArray[np.object_]) -> NDArray[np.int64]:
        """Return the numbers of streams, which they get as they come."""
        names = keys.tolist()
        for name in dict.fromkeys(names):
            self._codes.setdefault(name, len(self._codes))
        if len(self._codes) > len(self._newest):
            more = np.full(len(self._codes), -np.inf)  # twice as many, or more: growing costs little per stream
            self._newest, self._last = (np.concatenate([known, more]) for known in (self._newest, self._last))
        return np.fromiter(map(self._codes.__getitem__, names), np.int64, len(names))

    def _fresh(self, positions: Positions) -> NDArray[np.bool_]:
        """Tell which records stand after all of their file that came before."""
        fresh = np.ones(len(positions), np.bool_)
        if self.rule.duplicates == "drop":
            for file in np.unique(positions.file).tolist():
                mine = positions.file == file
                last = np.maximum.accumulate(np.append(self._seen.get(file, -1), positions.record[mine]))
                fresh[mine] = positions.record[mine] > last[:-1]
                self._seen[file] = int(last[-1])
        return fresh

    def _reach(self, newest: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return up to which time events are released."""
        return np.full(len(newest), np.inf) if self.rule.lateness is None else newest - self.rule.lateness

    def _late(self, arrivals: _Arrivals) -> NDArray[np.bool_]:
        if self.rule.lateness is None:
            return np.zeros(len(arrivals.time), np.bool_)
        return arrivals.time < np.maximum(self._reach(arrivals.before), self._last[arrivals.stream])

    def _doubles(self, arrivals: _Arrivals, late: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Tell which events have the stream and the time of one that is held or was released last.

        What this batch released before an event came is told with the rest of the batch: where it is older than the
        last released, an event with its time is late.
        """
        stream, time, last = arrivals.stream, arrivals.time, self._last[arrivals.stream]
        if self.rule.duplicates == "keep":
            return np.zeros(len(time), np.bool_)
        if self.rule.lateness is None:
            return time == np.where(arrivals.first, last, np.roll(time, 1))
        double = time == last
        good = np.flatnonzero(~late)
        earliest = np.full(len(time), time.min(initial=np.inf))
        held = self._held.since(self._by_stream(arrivals, earliest, np.inf))
        streams = np.concatenate([self._held.streams[held], stream[good]])
        times = np.concatenate([self._held.times[held], time[good]])
        order = np.lexsort((times, streams))
        again = (np.diff(streams[order]) == 0) & (np.diff(times[order]) == 0)
        repeated = order[1:][again]
        double[good[repeated[repeated >= len(held)] - len(held)]] = True
        return double & ~late

    def _by_stream(self, arrivals: _Arrivals, values: NDArray[np.float64], other: float) -> NDArray[np.float64]:
        """Return (streams,) the value of the last arrival of each stream, `other` where a stream has none."""
        found = np.full(len(self._newest), other)
        found[arrivals.stream] = values
        return found

    def _note_last(self, streams: NDArray[np.int64], times: NDArray[np.float64]) -> None:
        timed = ~np.isnan(times)
        self._last[streams[timed]] = times[timed]  # in order: the last of each stream stays

    def _letters(self, refused: Positions) -> list[DeadLetter]:
        places = zip(refused.file.tolist(), refused.record.tolist(), strict=True)
        return [DeadLetter.of(self._places[file], record, LATE, "") for file, record in places]

    def _whole(self, which: str, state: State, moved: dict[int, int]) -> tuple[EventBatch, NDArray[np.int64]]:
        """Return events of a state with their streams; `moved` says where their files stand now, -1 for nowhere."""
        some = {name.removeprefix(f"{which}."): a for name, a in state.arrays.items() if name.startswith(f"{which}.")}
        columns = [name.removeprefix(COLUMN) for name in some if name.startswith(COLUMN)]
        if set(columns) != set(self._held.columns):
            raise ConnectorError(
                f"events that were held back have the columns {', '.join(sorted(columns))}, "
                f"the source has {', '.join(sorted(self._held.columns))}"
            )
        keys = np.array([*state.about["keys"], None], object)[:-1]
        files = np.fromiter((moved[file] for file in some["file"].tolist()), np.int32, len(some["file"]))
        events = whole(some | {"key": keys[some["stream"]], "file": files})
        return events, some["stream"]


class _Arrivals(NamedTuple):
    """Events with times, stream by stream, each stream's in order of arrival."""

    event: NDArray[np.intp]
    """(N,) which of the batch"""
    stream: NDArray[np.int64]
    time: NDArray[np.float64]
    first: NDArray[np.bool_]
    """of its stream in this batch"""
    before: NDArray[np.float64]
    """newest time seen of the stream before it came"""
    newest: NDArray[np.float64]
    """and then"""

    @classmethod
    def of(
        cls,
        codes: NDArray[np.int64],
        times: NDArray[np.float64],
        which: NDArray[np.intp],
        newest: NDArray[np.float64],
    ) -> _Arrivals:
        event = which[np.argsort(codes[which], kind="stable")]
        stream, time = codes[event], times[event]
        first = np.diff(stream, prepend=-1) != 0
        # The running maximum of ranks that rise from stream to stream begins anew with each stream.
        values, ranks = np.unique(np.maximum(time, newest[stream]), return_inverse=True)
        floor = stream * len(values)
        then = values[np.maximum.accumulate(floor + ranks) - floor]
        return cls(event, stream, time, first, np.where(first, newest[stream], np.roll(then, 1)), then)

    def releasers(
        self,
        stream: NDArray[np.int64],
        time: NDArray[np.float64],
        own: NDArray[np.int64],
        reach: NDArray[np.float64],
    ) -> NDArray[np.int64]:
        """Return which arrival releases each of some events, -1 where none does.

        Parameters
        ----------
        stream, time
            (M,) of the events.
        own
            (M,) Their own arrivals, which come first; 0 for those that were there before.
        reach
            (N,) Up to which time each arrival releases; never goes back within a stream.
        """
        values, ranks = np.unique(np.concatenate([reach, time]), return_inverse=True)
        floor = self.stream * len(values) + ranks[: len(reach)]
        found = np.maximum(np.searchsorted(floor, stream * len(values) + ranks[len(reach) :]), own)
        there = np.append(self.stream, -1)[found] == stream
        return np.where(there, found, -1)
