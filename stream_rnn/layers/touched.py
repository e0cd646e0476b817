"""Touched parameters: those that an update changes.

Dense parameters, of which an event uses all, are touched by every update. Sparse ones come in blocks, such as the
vector of a token, of which an event uses few: an update touches those that its events used, and the gradient in all
others is zero. The cost of an update does not depend on the number of blocks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from stream_rnn.kernels.jit import inner

if TYPE_CHECKING:
    from numpy.typing import NDArray

COUNT, DENSE, UPDATE = 0, 1, 2
"""Counters of `Touched`: ranges now; of these, those of dense parameters, which come first; number of the update."""


class Touched(NamedTuple):
    """Which parameters an update touches."""

    ranges: Any
    """(k, 2) int64, start and end of each range of parameters"""
    counters: Any
    """(3,) int64"""
    body: Any
    """(blocks,) int64, number of the update that touched each block of the body last"""
    head: Any
    """(blocks,) int64, the same for the readout"""


def touched_parameters(dense: NDArray[np.int64], body: int, head: int) -> Touched:
    """Return memory for the touched parameters: the dense ranges (k, 2), and so many blocks of body and head."""
    ranges = np.concatenate([dense, np.zeros((body + head, 2), np.int64)])
    return Touched(ranges, np.array([0, len(dense), 0]), np.zeros(body, np.int64), np.zeros(head, np.int64))


@inner
def touch_dense(touched: Touched, gradient: Any) -> None:
    """Begin an update, which touches no sparse parameters yet; clear the gradient (P,) of the dense ones."""
    counters = touched.counters
    counters[COUNT] = counters[DENSE]
    counters[UPDATE] += 1
    for k in range(counters[COUNT]):
        gradient[touched.ranges[k, 0] : touched.ranges[k, 1]] = 0


@inner
def touch(touched: Touched, newest: Any, block: int, begin: int, end: int, gradient: Any) -> None:
    """Touch a block of sparse parameters, and clear its part of the gradient (P,), unless this update has done so.

    `newest` is `touched.body` or `touched.head`. The block's parameters are those from `begin` to `end`.
    """
    counters = touched.counters
    if newest[block] == counters[UPDATE]:
        return
    newest[block] = counters[UPDATE]
    touched.ranges[counters[COUNT], 0] = begin
    touched.ranges[counters[COUNT], 1] = end
    counters[COUNT] += 1
    gradient[begin:end] = 0
