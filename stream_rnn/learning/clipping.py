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
def clip_factor(clip: Clip, square: float, factor: float) -> float:
    """Return what a gradient is to be multiplied with, or NaN if any of it is not finite.

    `square` is the gradient's squared norm, `factor` what it would be multiplied with anyway.
    """
    norm = factor * math.sqrt(square)
    if not math.isfinite(norm):
        return math.nan
    if clip.kind == ClipKind.NORM and norm > clip.limit:
        return factor * clip.limit / norm
    return factor


@inner
def clip_values(clip: Clip, gradient: Any, factor: float) -> None:
    """Clip a gradient that is yet to be multiplied with `factor` by value, where it is to be."""
    if clip.kind == ClipKind.VALUE:
        bound = gradient.dtype.type(clip.limit / factor)
        for k in range(gradient.shape[0]):
            gradient[k] = min(max(gradient[k], -bound), bound)
