"""Where the arrays of a layer have a row for each input. Adding inputs needs it; kernels do not.

A layer whose inputs may be extended registers `input_rows` in its own file.
"""

from __future__ import annotations

from functools import singledispatch
from typing import Any, NamedTuple


class InputRows(NamedTuple):
    """Blocks of rows, one row per input, in the arrays of a layer: first element and row width of each, in order."""

    params: tuple[tuple[int, int], ...]
    state: tuple[tuple[int, int], ...]
    tape: tuple[tuple[int, int], ...]


@singledispatch
def input_rows(layer: Any) -> InputRows:
    """Return where the arrays of a layer grow with its inputs.

    Raises
    ------
    TypeError
        If the layer has not registered, because its inputs cannot be extended.
    """
    raise TypeError(f"{type(layer).__name__} cannot add inputs")
