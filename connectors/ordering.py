"""Events put in order of time: what comes out of order is waited for, so long; what comes later still is refused.

An event of a stream is released when the newest time seen of that stream reaches its own plus the lateness. Which
events are released, in which order and by whose arrival depends on the order of arrival alone, never on how events
were cut into batches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from connectors.errors import ConnectorError
from connectors.events import DeadLetter, EventBatch, Positions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

LATE = "later than lateness allows"
COLUMN = "column."
"""Begins the names of a state's arrays that are inputs."""


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
        self._held = self.ready = EventBatch.empty(columns)  # in order of arrival
        self._streams = np.zeros(0, np.int64)  # (held,) the code of each one's stream
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
        due = np.flatnonzero((self._held.times <= self._reach(self._newest)[self._streams]) & self._seen_in(arrivals))
        releaser = arrivals.releasers(
            np.concatenate([self._streams[due], arrivals.stream[kept]]),
            np.concatenate([self._held.times[due], arrivals.time[kept]]),
            np.concatenate([np.zeros(len(due), np.int64), kept]),
            self._reach(arrivals.newest),
        )
        out = releaser[len(due) :] >= 0
        new, plain = arrivals.event[kept[out]], np.flatnonzero(untimed)
        pool = EventBatch.concat([self._held[due], batch[new], batch[plain]])
        by = np.concatenate([arrivals.event[releaser[releaser >= 0]], plain])
        streams = np.concatenate([self._streams[due], codes[new], codes[plain]])
        order = np.lexsort((pool.times, by))  # stable: what is left of a tie stands in order of arrival
        events, by, streams = pool[order], by[order], streams[order]

        self._hold(due, batch, np.sort(arrivals.event[kept[~out]]), codes)
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
        order = np.argsort(self._held.times, kind="stable")
        events = self._held[order]
        self._note_last(self._streams[order], events.times)
        self._held, self._streams = events[:0], self._streams[:0]
        return events

    def state(self, ready: EventBatch | None = None) -> State:
        """Return what is held, for a checkpoint.

        Parameters
        ----------
        ready
            What was released and is not taken yet; `restore` gives it back.
        """
        ready = self._held[:0] if ready is None else ready
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
        for name, events in (("held", self._held), ("ready", ready)):
            arrays |= {f"{name}.{part}": array for part, array in self._parts(events).items()}
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
        self._held, self._streams = self._whole("held", state, moved)
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

        Of the events of this batch none but the last can have been released with a time that is not late by now.
        """
        stream, time, last = arrivals.stream, arrivals.time, self._last[arrivals.stream]
        if self.rule.duplicates == "keep":
            return np.zeros(len(time), np.bool_)
        if self.rule.lateness is None:
            return time == np.where(arrivals.first, last, np.roll(time, 1))
        double = time == last
        good, held = np.flatnonzero(~late), np.flatnonzero(self._seen_in(arrivals))
        streams = np.concatenate([self._streams[held], stream[good]])
        times = np.concatenate([self._held.times[held], time[good]])
        order = np.lexsort((times, streams))
        again = (np.diff(streams[order]) == 0) & (np.diff(times[order]) == 0)
        repeated = order[1:][again]
        double[good[repeated[repeated >= len(held)] - len(held)]] = True
        return double & ~late

    def _seen_in(self, arrivals: _Arrivals) -> NDArray[np.bool_]:
        """Tell which held events are of a stream that has arrivals."""
        seen = np.zeros(len(self._newest), np.bool_)
        seen[arrivals.stream] = True
        return seen[self._streams]

    def _hold(self, due: NDArray[np.intp], batch: EventBatch, new: NDArray[np.intp], codes: NDArray[np.int64]) -> None:
        """Let go of held events that are due, and hold new ones."""
        if len(due):
            stays = np.ones(len(self._held), np.bool_)
            stays[due] = False
            self._held, self._streams = self._held[stays], self._streams[stays]
        if len(new):
            self._held = EventBatch.concat([self._held, batch[new]])
            self._streams = np.concatenate([self._streams, codes[new]])

    def _note_last(self, streams: NDArray[np.int64], times: NDArray[np.float64]) -> None:
        timed = ~np.isnan(times)
        self._last[streams[timed]] = times[timed]  # in order: the last of each stream stays

    def _letters(self, refused: Positions) -> list[DeadLetter]:
        places = zip(refused.file.tolist(), refused.record.tolist(), strict=True)
        return [DeadLetter.of(self._places[file], record, LATE, "") for file, record in places]

    def _parts(self, events: EventBatch) -> dict[str, NDArray[Any]]:
        return {
            "stream": np.fromiter(map(self._codes.__getitem__, events.keys.tolist()), np.int64, len(events)),
            "time": events.times,
            "end": events.ends,
            "file": events.positions.file,
            "record": events.positions.record,
        } | {f"{COLUMN}{name}": values for name, values in events.columns.items()}

    def _whole(self, which: str, state: State, moved: dict[int, int]) -> tuple[EventBatch, NDArray[np.int64]]:
        """Return events of a state with their streams; `moved` says where their files stand now, -1 for nowhere."""
        parts = {name.removeprefix(f"{which}."): a for name, a in state.arrays.items() if name.startswith(f"{which}.")}
        kept = {name.removeprefix(COLUMN): values for name, values in parts.items() if name.startswith(COLUMN)}
        if kept.keys() != self._held.columns.keys():
            raise ConnectorError(
                f"events that were held back have the columns {', '.join(sorted(kept))}, "
                f"the source has {', '.join(sorted(self._held.columns))}"
            )
        keys = np.array([*state.about["keys"], None], object)[:-1]
        files = np.fromiter((moved[file] for file in parts["file"].tolist()), np.int32, len(parts["file"]))
        columns = {name: kept[name] for name in self._held.columns}
        positions = Positions(files, parts["record"])
        return EventBatch(keys[parts["stream"]], parts["time"], columns, parts["end"], positions), parts["stream"]


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
