"""What one thread's work took, on a machine that others use too."""

from __future__ import annotations

import time
from typing import NamedTuple


class Moment(NamedTuple):
    """A reading of two clocks, in seconds."""

    wall: float
    processor: float


def now() -> Moment:
    """Read the clocks."""
    return Moment(time.perf_counter(), time.process_time())


def since(began: Moment) -> float:
    """Return the seconds that passed, without those in which the process waited for a core.

    The lesser of the wall clock and the processor time: a peer whose library keeps other threads busy is not charged
    for them.
    """
    ended = now()
    return min(ended.wall - began.wall, ended.processor - began.processor)
