"""Time zones: the offset of local time from UTC, for many times at once.

Offsets are those of the IANA database from 1900 to 2100; before and after, they stay as they are at these ends.
"""

from __future__ import annotations

import functools
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from stream_rnn.time_formats import zone_named

if TYPE_CHECKING:
    import zoneinfo

    from numpy.typing import NDArray

FIRST_YEAR, LAST_YEAR = 1900, 2100
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
STEP = 4 * 86_400
"""Seconds between two checks of the offset: shorter than any time between two changes that cancel each other."""


class Offsets(NamedTuple):
    """The offsets of a time zone.

    Examples
    --------
    >>> berlin = offsets_of("Europe/Berlin")
    >>> berlin.at(np.array([1_700_000_000.0, 1_720_000_000.0]))  # November, July
    array([3600., 7200.])
    """

    starts: NDArray[np.float64]
    """(Z,) seconds since 1970-01-01 UTC from which each offset is valid, ascending; the first is -inf"""
    offsets: NDArray[np.float64]
    """(Z,) seconds by which local time is ahead of UTC"""

    def at(self, times: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the offsets at times (N,) in seconds since 1970-01-01 UTC."""
        return self.offsets[np.searchsorted(self.starts, times, side="right") - 1]

    def before_and_after(self, local: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the UTC times that local times (N,) may be, by the offset before and after the nearest change.

        Both are the same unless the clock is changed at about that time. Where they differ, the local time exists
        twice if each of them is a time of its offset, else it does not exist, because the clock skipped it.
        """
        at_most_a_day = 86_400.0
        return tuple(local - self.at(local + shift) for shift in (-at_most_a_day, at_most_a_day))  # type: ignore[return-value]


UTC_OFFSETS = Offsets(np.array([-np.inf]), np.zeros(1))


@functools.cache
def offsets_of(name: str | None) -> Offsets:
    """Return the offsets of a time zone; None is UTC.

    Raises
    ------
    SettingError
        If the database has no such time zone.

    Examples
    --------
    >>> offsets_of(None).offsets
    array([0.])
    >>> offsets_of("Berlin")
    Traceback (most recent call last):
    ...
    stream_rnn.errors.SettingError: timezone must be an IANA name, got 'Berlin'; did you mean 'Europe/Berlin'?
    """
    if name is None:
        return UTC_OFFSETS
    zone = zone_named(name)
    first, last = (int((datetime(year, 1, 1, tzinfo=UTC) - EPOCH).total_seconds()) for year in (FIRST_YEAR, LAST_YEAR))
    looks = [*range(first, last, STEP), last]
    seen = [_offset(zone, at) for at in looks]
    starts, offsets = [-np.inf], [seen[0]]
    for i in range(1, len(looks)):
        if seen[i] != seen[i - 1]:
            starts.append(_first_with_other_offset(zone, looks[i - 1], looks[i]))
            offsets.append(seen[i])
    return Offsets(np.array(starts), np.array(offsets))


def _offset(zone: zoneinfo.ZoneInfo, at: int) -> float:
    offset = (EPOCH + timedelta(seconds=at)).astimezone(zone).utcoffset()
    return 0.0 if offset is None else offset.total_seconds()


def _first_with_other_offset(zone: zoneinfo.ZoneInfo, before: int, after: int) -> float:
    """Return the first second whose offset is not that of `before`, by bisection."""
    offset = _offset(zone, before)
    while after - before > 1:
        middle = (before + after) // 2
        if _offset(zone, middle) == offset:
            before = middle
        else:
            after = middle
    return float(after)
