"""Gradient clipping (Pascanu et al. 2013), and the guard that no update passes without.

norm   g * min(1, limit / |g|)       keeps the direction
value  min(max(g, -limit), limit)    bounds each component
off    g
"""

from __future__ import annotations

import math
from enum import IntEnum
from typing import Any, NamedTuple

from stream_rnn.kernels.jit import inner
from stream_rnn.kernels.linalg import dot


class ClipKind(IntEnum):
    """How a gradient is clipped."""

    OFF = 0
    NORM = 1
    VALUE = 2


class Clip(NamedTuple):
    """A way to clip and its limit."""

    kind: int
    limit: float


@inner
def clip_factor(clip: Clip, gradient: Any, factor: float) -> float:
    """Return what the gradient is to be multiplied with, or NaN if any of it is not finite.

    `factor` is what it would be multiplied with anyway. Clipping by value is done in place.
    """
    norm = factor * math.sqrt(dot(gradient, gradient))
    if not math.isfinite(norm):
        return math.nan
    if clip.kind == ClipKind.NORM and norm > clip.limit:
        return factor * clip.limit / norm
    if clip.kind == ClipKind.VALUE:
        bound = gradient.dtype.type(clip.limit / factor)
        for k in range(gradient.shape[0]):
            gradient[k] = min(max(gradient[k], -bound), bound)
    return factor
