"""Where a layer's inputs lie in its arrays, for those who make it take more; no kernel needs to know.

A layer that can take more registers `input_rows` in its own file.
"""

from __future__ import annotations

from functools import singledispatch
from typing import Any, NamedTuple


class InputRows(NamedTuple):
    """Where a layer's arrays have a row for each input: first element and width of each block of these, in order."""

    params: tuple[tuple[int, int], ...]
    state: tuple[tuple[int, int], ...]
    tape: tuple[tuple[int, int], ...]


@singledispatch
def input_rows(layer: Any) -> InputRows:
    """Return where a layer's arrays grow with its inputs; a layer that cannot take more does not register."""
    raise TypeError(f"{type(layer).__name__} cannot take more inputs")
