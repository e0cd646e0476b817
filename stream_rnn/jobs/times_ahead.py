"""The times that forecasts refer to: events follow each other as the last two did.

Where these are whole months or days apart by the local clock, so are those that follow: after the first of January and
of February comes the first of March, and after midnight the next one, also where the clock is changed between them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from stream_rnn.connectors.decode.local_times import candidates_of
from stream_rnn.timezones import offsets_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

DAY = 86_400.0
SAFE_DAY = 28
"""Every month has this day, so that adding months leads to it."""


class Gaps:
    """Seconds between the events of a stream, for a job whose events come batch by batch."""

    def __init__(self) -> None:
        self._last = np.full(0, np.nan)

    def resume(self, last: NDArray[np.float64]) -> None:
        """Continue after events at these times, by slot."""
        self._last = last

    def of(
        self, slots: NDArray[np.int64], begins: NDArray[np.bool_], times: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the seconds between each event (N,) and the one before in its stream; NaN where a sequence begins.

        Examples
        --------
        >>> gaps = Gaps()
        >>> gaps.of(np.array([0, 0]), np.array([True, False]), np.array([5.0, 7.0]))
        array([nan,  2.])
        >>> gaps.of(np.array([0]), np.array([False]), np.array([10.0]))
        array([3.])
        """
        if not len(slots):
            return np.zeros(0)
        if (missing := int(slots.max()) + 1 - len(self._last)) > 0:
            self._last = np.concatenate([self._last, np.full(max(missing, len(self._last)), np.nan)])
        order = np.argsort(slots, kind="stable")
        streams, sorted_times = slots[order], times[order]
        is_first = np.concatenate([[True], streams[1:] != streams[:-1]])
        before = np.where(is_first, self._last[streams], np.roll(sorted_times, 1))
        found = np.empty(len(slots))
        found[order] = sorted_times - before
        self._last[streams] = sorted_times
        found[begins | ~(found > 0)] = np.nan
        return found


def times_ahead(
    times: NDArray[np.float64], gaps: NDArray[np.float64], horizon: int, timezone: str | None
) -> NDArray[np.float64]:
    """Return the times (N, horizon) of the next events of streams, in seconds since 1970-01-01 UTC.

    Parameters
    ----------
    times
        (N,) of the last event of each.
    gaps
        (N,) seconds since the event before that; NaN if it is not known.
    horizon
        Number of events.
    timezone
        Whose clock months and days follow; None is UTC.

    Examples
    --------
    >>> first_of_february, january = 1_738_368_000.0, 31 * DAY
    >>> times_ahead(np.array([first_of_february]), np.array([january]), 2, None).astype("datetime64[s]")
    array([['2025-03-01T00:00:00', '2025-04-01T00:00:00']],
          dtype='datetime64[s]')
    """
    zone, ahead = offsets_of(timezone), np.arange(1, horizon + 1)
    found: NDArray[np.float64] = times[:, np.newaxis] + gaps[:, np.newaxis] * ahead
    rows = np.flatnonzero(np.isfinite(times) & (gaps >= DAY / 2))
    local, before = (at + zone.at(at) for at in (times[rows], times[rows] - gaps[rows]))
    days = (local - before) / DAY
    is_days = (days == np.rint(days)) & (days > 0)
    rows, local, before, days = (values[is_days] for values in (rows, local, before, days))
    if len(rows):
        shown = local[:, np.newaxis] + days[:, np.newaxis] * DAY * ahead
        date, date_before = (values.astype("datetime64[s]").astype("datetime64[D]") for values in (local, before))
        month, month_before = (dates.astype("datetime64[M]") for dates in (date, date_before))
        day = (date - month).astype(np.int64)
        is_months = (day == (date_before - month_before).astype(np.int64)) & (day < SAFE_DAY) & (days >= SAFE_DAY)
        months = (month - month_before).astype(np.int64)[:, np.newaxis] * ahead
        later = (month[:, np.newaxis] + months).astype("datetime64[s]").astype(np.float64)
        in_month = local - month.astype("datetime64[s]").astype(np.float64)
        shown = np.where(is_months[:, np.newaxis], later + in_month[:, np.newaxis], shown)
        shown = shown.reshape(-1)
        first = candidates_of(shown, timezone).first if timezone is not None else shown
        skipped = np.isnan(first)  # by the clock, which shows a later time then
        first[skipped] = zone.before_and_after(shown[skipped])[0]
        found[rows] = first.reshape(len(rows), horizon)
    return found
