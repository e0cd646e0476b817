"""Jumps of a target: which value a residual forecast starts from.

The last value is a good start, unless it is a glitch that is gone at the next event. A value y whose distance from the
one before it, a, exceeds `limit` times the usual change is a jump. The forecast after it starts from

    b = a + k (y - a)

where k is the mean share of the stream's earlier jumps that was left at the event after them; newer jumps weigh more.
Before the first jump k is 1: a new level stays. After a few single glitches it is near 0. If at least half of a jump is
left at the next event, its level has been accepted, and forecasts start from the last value again.
"""

from __future__ import annotations

import math
from typing import Any, Final

from stream_rnn.kernels.jit import inner

BEFORE, JUMPED = 0, 1
"""The rows of the newest values: a, and the value of a jump that has not been followed yet, NaN if there is none."""
COUNT, GONE = 0, 1
"""The rows of the experience: weighted number of earlier jumps, and weighted sum of the shares that were gone."""
FORGETTING: Final = 0.8
"""Weight of a jump, relative to the next. The mean then is that of about five jumps."""


@inner
def start_value(limit: float, usual: float, values: Any, experience: Any, d: int, y: float) -> float:
    """Return the value that forecasts start from after a known value y of target d.

    Parameters
    ----------
    limit
        Number of usual changes that makes a jump.
    usual
        The usual change; 0 if it is not known yet.
    values
        (2, D) the newest values, which are updated.
    experience
        (2, D) statistics of earlier jumps, which are updated.
    """
    before, jumped = values[BEFORE, d], values[JUMPED, d]
    if not math.isnan(jumped):
        left = min(max((y - before) / (jumped - before), 0.0), 1.0)
        experience[COUNT, d] = FORGETTING * experience[COUNT, d] + 1.0
        experience[GONE, d] = FORGETTING * experience[GONE, d] + 1.0 - left
        values[JUMPED, d] = math.nan
        if left >= 0.5:
            before = y
    if usual == 0.0 or not abs(y - before) > limit * usual:
        values[BEFORE, d] = y
        return y
    values[JUMPED, d] = y
    return before + share_left(experience, d) * (y - before)


@inner
def share_left(experience: Any, d: int) -> float:
    """Return k: the mean over earlier jumps and one before them of which everything was left."""
    first = 1.0 - (1.0 - FORGETTING) * experience[COUNT, d]  # the weight that forgetting leaves of that one
    return 1.0 - experience[GONE, d] / (experience[COUNT, d] + first)
