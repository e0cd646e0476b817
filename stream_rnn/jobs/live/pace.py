"""Pace: how many records a turn may read, so that it ends soon for a network of any size."""

from __future__ import annotations

TURN_SECONDS = 0.25
"""Intended length of a turn, and so how long a stop, a heartbeat or a commit may have to wait for it."""
FIRST_RECORDS = 16
"""Records of the first turn, when it is not known how long they take."""


class Pace:
    """Measures how long records take.

    Parameters
    ----------
    most
        Records of a turn, however fast they are.

    Examples
    --------
    >>> pace = Pace(most=4096)
    >>> pace.add(records=16, seconds=0.16)
    >>> pace.limit
    25
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._per_record: float | None = None

    @property
    def limit(self) -> int:
        """Records that the next turn may read."""
        if self._per_record is None:
            return FIRST_RECORDS
        return self._most if not self._per_record else min(max(1, int(TURN_SECONDS / self._per_record)), self._most)

    def add(self, records: int, seconds: float) -> None:
        """Add a measurement, which has half of the weight: a few records have a large share of fixed costs."""
        if records:
            measured = seconds / records
            self._per_record = measured if self._per_record is None else (self._per_record + measured) / 2
