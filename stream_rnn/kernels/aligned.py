"""Memory that starts at a cache line."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

LINE = 64
"""Bytes of a cache line, which is also the widest SIMD register."""


def aligned_zeros(shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """Return zeros that start at a cache line; elsewhere each wide load would be two, at a third of the speed.

    Examples
    --------
    >>> aligned_zeros((2, 3), "float32").ctypes.data % LINE
    0
    """
    kind = np.dtype(dtype)
    size = math.prod(shape) * kind.itemsize
    buffer = np.zeros(size + LINE, np.uint8)
    start = -buffer.ctypes.data % LINE
    return buffer[start : start + size].view(kind).reshape(shape)
