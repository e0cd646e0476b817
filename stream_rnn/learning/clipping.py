"""Gradient clipping (Pascanu et al. 2013, arXiv:1211.5063), and the check that a gradient is finite.

A gradient g becomes

    norm     g * min(1, limit / |g|)         keeps the direction
    value    min(max(g, -limit), limit)      bounds each component
    off      g
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from stream_rnn.kernels.dispatch import Off, dispatched
from stream_rnn.kernels.jit import inner

if TYPE_CHECKING:
    from collections.abc import Callable


class ClipNorm(NamedTuple):
    """Clipping by norm."""

    limit: float


class ClipValue(NamedTuple):
    """Clipping by value."""

    limit: float


CLIPS: dict[str, Callable[[float], ClipNorm | ClipValue | Off]] = {
    "norm": ClipNorm,
    "value": ClipValue,
    "off": lambda _: Off(),
}
"""The kinds of clipping by name, made of their limit."""


@inner
def clip_factor(clip: Any, square: float, factor: float) -> float:
    """Return the factor that scales a gradient, clipped by norm if so set; NaN if the gradient is not finite.

    `square` is the squared norm of the gradient before it is scaled by `factor`.
    """
    norm = factor * math.sqrt(square)
    if not math.isfinite(norm):
        return math.nan
    return _shortened(clip, norm, factor)


@dispatched
def _shortened(clip: Any, norm: float, factor: float) -> float:
    return factor


@_shortened.register
def _shortened_by_norm(clip: ClipNorm, norm: float, factor: float) -> float:
    return factor * clip.limit / norm if norm > clip.limit else factor


@dispatched
def clip_values(clip: Any, gradient: Any, factor: float) -> None:
    """Clip a gradient (n,), which is still to be scaled by `factor`, by value if so set."""


@clip_values.register
def _clip_values(clip: ClipValue, gradient: Any, factor: float) -> None:
    bound = gradient.dtype.type(clip.limit / factor)
    for k in range(gradient.shape[0]):
        gradient[k] = min(max(gradient[k], -bound), bound)
