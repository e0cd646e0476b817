"""Clock: the newest time of a file or partition, and which times are too far ahead of it to be true."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Clock:
    """The newest time so far of the events of one file or partition.

    One time far in the future would make all later ones look old. So a time that is ahead of the newest before it by
    more than `max_ahead` is refused. The first time is accepted, and so is one that confirms the time refused just
    before it: it is later, by `max_ahead` at most. After a gap that is longer than `max_ahead`, this costs one event.

    Which times are refused depends only on their order, never on the time of day or on how events are cut into batches.

    Parameters
    ----------
    max_ahead
        Seconds; None accepts all times.

    Attributes
    ----------
    newest : float
        Newest time accepted, minus infinity before the first.
    refused : float or None
        The last time, if it was refused.

    Examples
    --------
    >>> clock = Clock(max_ahead=60.0)
    >>> clock.is_ahead(np.array([0.0, 9e9, 1.0, 3600.0, 3601.0]))
    array([False,  True, False,  True, False])
    >>> clock.newest
    3601.0
    """

    def __init__(self, max_ahead: float | None) -> None:
        self.max_ahead = math.inf if max_ahead is None else max_ahead
        self.newest = -math.inf
        self.refused: float | None = None

    def is_ahead(self, times: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Advance the clock by the times of events (N,), and return which of them are refused; NaN never is."""
        ahead = np.zeros(len(times), np.bool_)
        latest = float(np.fmax.reduce(times, initial=-math.inf))
        if latest - self.newest <= self.max_ahead:  # not for the first times, which are infinitely far ahead
            if latest > -math.inf:
                self.newest, self.refused = max(self.newest, latest), None
            return ahead
        for i, time in enumerate(times.tolist()):
            if not math.isnan(time):
                ahead[i] = self._refuses(time)
        return ahead

    def state(self) -> list[float | None]:
        """Return the newest and the refused time as JSON values, None for unknown."""
        return [self.newest if math.isfinite(self.newest) else None, self.refused]

    def restore(self, state: list[float | None]) -> None:
        """Continue from a result of `state`."""
        newest, self.refused = state
        self.newest = -math.inf if newest is None else newest

    def _refuses(self, time: float) -> bool:
        confirms = self.refused is not None and 0.0 < time - self.refused <= self.max_ahead
        if self.max_ahead < time - self.newest < math.inf and not confirms:
            self.refused = time
            return True
        self.newest, self.refused = max(self.newest, time), None
        return False
