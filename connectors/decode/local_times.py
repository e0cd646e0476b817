"""Local times, as a clock on the wall shows them, become UTC.

When the clock is set back, the times of an hour occur twice. A file has no more than their order to tell which is
which: in each stream, the second pass begins at the first time that is earlier than the one before it, or the same in a
stream that is too slow to have two times in that hour. A record of a topic has a timestamp, and its pass is the one
that is nearer.

When the clock is set forward, it skips an hour. A time in it does not exist, and its record is refused: the clock that
wrote it does not follow the time zone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from stream_rnn.timezones import offsets_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from stream_rnn.connectors.decode.columns import Columns

LEAD = 2.0
"""How long before a repeated time the times of a stream are remembered, in units of the repeated time's length."""


class Candidates(NamedTuple):
    """What local times (N,) may be in UTC."""

    first: NDArray[np.float64]
    """(N,) the time, or the earlier one of two; NaN if the clock skipped it"""
    second: NDArray[np.float64]
    """(N,) the later one of two; the same as `first` if there is one"""

    @property
    def repeat(self) -> NDArray[np.bool_]:
        """(N,) whether the clock showed the time twice."""
        return self.first < self.second


class _Pass(NamedTuple):
    """Where a stream is in a repeated hour, or before it."""

    change: int
    """which change of the clock it is"""
    latest: float
    """local time of its latest event"""
    is_slow: bool
    """whether it has no two times in the hour"""
    is_second: bool


class Passes:
    """Resolves the local times of one file, in order of its records.

    Parameters
    ----------
    timezone
        Name of the time zone.

    Examples
    --------
    >>> passes = Passes("Europe/Berlin")
    >>> half_past_two = 1_729_996_200.0  # 27 October 2024, the night when the clock was set back
    >>> times = passes.resolve(["a", "a", "b"], np.array([half_past_two, half_past_two, half_past_two]))
    >>> (half_past_two - times) / 3600
    array([2., 1., 2.])
    """

    def __init__(self, timezone: str) -> None:
        self._timezone = timezone
        zone = offsets_of(timezone)
        set_back = np.flatnonzero(np.diff(zone.offsets) < 0) + 1
        self._begins = zone.starts[set_back] + zone.offsets[set_back]
        self._ends = zone.starts[set_back] + zone.offsets[set_back - 1]
        self._streams: dict[str, _Pass] = {}

    def resolve(self, keys: Sequence[str] | NDArray[np.object_], local: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the UTC times of the next events (N,), by stream and local time; NaN where the clock skipped it."""
        candidates = candidates_of(local, self._timezone)
        times = candidates.first.copy()
        change = np.searchsorted(self._begins - LEAD * (self._ends - self._begins), local, side="right") - 1
        near = np.flatnonzero((change >= 0) & (local < self._ends[change])).tolist() if len(self._begins) else []
        for i in near:
            if self._is_second(keys[i], int(change[i]), float(local[i])):
                times[i] = candidates.second[i]
        return times

    def _is_second(self, key: str, change: int, time: float) -> bool:
        """Advance a stream to an event shortly before or in a repeated hour; return whether it is the second pass."""
        begin, end = self._begins[change], self._ends[change]
        known = self._streams.get(key)
        if known is None or known.change != change:
            self._streams[key] = _Pass(change, time, is_slow=True, is_second=False)
            return False
        if time < begin:
            if known.latest < begin:
                self._streams[key] = known._replace(latest=time)
            return False
        if known.latest < begin:
            self._streams[key] = _Pass(change, time, is_slow=time - known.latest > (end - begin) / 2, is_second=False)
            return False
        is_back = time < known.latest or (time == known.latest and known.is_slow)
        self._streams[key] = known._replace(latest=time, is_second=known.is_second or is_back)
        return known.is_second or is_back


def candidates_of(local: NDArray[np.float64], timezone: str) -> Candidates:
    """Return what local times (N,) may be in UTC.

    Examples
    --------
    >>> skipped, repeated = 1_711_852_200.0, 1_729_996_200.0  # half past two when clocks were changed in 2024
    >>> candidates_of(np.array([skipped, repeated]), "Europe/Berlin").repeat
    array([False,  True])
    """
    zone = offsets_of(timezone)
    before, after = zone.before_and_after(local)
    is_before = before + zone.at(before) == local
    is_after = after + zone.at(after) == local
    first = np.where(is_before, before, np.where(is_after, after, np.nan))
    return Candidates(first, np.where(is_after, after, first))


def nearest(local: NDArray[np.float64], timezone: str, near: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the UTC times of local times (N,), of two the one nearer to a time that is known (N,)."""
    first, second = candidates_of(local, timezone)
    return np.where(np.abs(second - near) < np.abs(first - near), second, first)


def in_utc(columns: Columns, passes: Passes | None) -> Columns:
    """Return columns whose local times were resolved; rows with a time that does not exist cannot be used."""
    if passes is None or columns.is_local is None or not columns.is_local.any():
        return columns
    rows = np.flatnonzero(columns.is_local & np.isfinite(columns.times))
    return with_times(columns, rows, passes.resolve(columns.keys[rows], columns.times[rows]))


def with_times(columns: Columns, rows: NDArray[np.intp], times: NDArray[np.float64]) -> Columns:
    """Return columns with other times in some rows; those where it is NaN cannot be used."""
    changed, reasons = columns.times.copy(), dict(columns.reasons)
    changed[rows] = times
    for row in rows[np.isnan(times)].tolist():
        reasons.setdefault(row, SKIPPED)
    return columns._replace(times=changed, reasons=reasons)


SKIPPED = "time does not exist in the time zone: the clock was set forward"
