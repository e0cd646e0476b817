"""Gradient clipping (Pascanu et al. 2013, arXiv:1211.5063), and the check that a gradient is finite.

A gradient g becomes

    norm     g * min(1, limit / |g|)         keeps the direction
    value    min(max(g, -limit), limit)      bounds each component
    off      g

The limit of an event of weight w > 1 is w times as large: it would otherwise undo the weight.
"""

from __future__ import annotations

import math
from enum import IntEnum
from typing import Any, NamedTuple

from stream_rnn.kernels.jit import inner, rare


class ClipKind(IntEnum):
    """How a gradient is clipped."""

    OFF = 0
    NORM = 1
    VALUE = 2


class Clip(NamedTuple):
    """The kind of clipping, a `ClipKind`, and its limit."""

    kind: int
    limit: float


@inner
def weighted(clip: Clip, weight: float) -> Clip:
    """Return the clipping for an event of this weight."""
    return Clip(clip.kind, clip.limit * max(weight, 1.0))


@inner
def clip_factor(clip: Clip, square: float, factor: float) -> float:
    """Return the factor that scales a gradient, clipped by norm if so set; NaN if the gradient is not finite.

    `square` is the squared norm of the gradient before it is scaled by `factor`.
    """
    norm = factor * math.sqrt(square)
    if not math.isfinite(norm):
        return math.nan
    if clip.kind == ClipKind.NORM and norm > clip.limit:
        return factor * clip.limit / norm
    return factor


@rare
def clip_values(clip: Clip, gradient: Any, factor: float) -> None:
    """Clip a gradient (n,), which is still to be scaled by `factor`, by value if so set."""
    if clip.kind == ClipKind.VALUE:
        bound = gradient.dtype.type(clip.limit / factor)
        for k in range(gradient.shape[0]):
            gradient[k] = min(max(gradient[k], -bound), bound)
