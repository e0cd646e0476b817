"""Measure how long one thread worked, on a machine that other processes use, too."""

from __future__ import annotations

import time
from typing import NamedTuple


class Reading(NamedTuple):
    """Readings of two clocks, in seconds."""

    wall: float
    processor: float


def now() -> Reading:
    """Read the clocks."""
    return Reading(time.perf_counter(), time.process_time())


def since(start: Reading) -> float:
    """Return the seconds since a reading, without the time that the process waited for a core.

    This is the smaller of wall-clock and processor time, so that a peer whose library keeps other threads busy is not
    charged for them.
    """
    end = now()
    return min(end.wall - start.wall, end.processor - start.processor)
