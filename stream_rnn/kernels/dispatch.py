"""Functions whose implementation is chosen by the type of their first argument, in Python and in compiled code."""

from __future__ import annotations

from functools import singledispatch
from typing import TYPE_CHECKING, Any, NamedTuple

from numba import types
from numba.extending import overload

from stream_rnn.kernels.jit import INNER_OPTIONS

if TYPE_CHECKING:
    from collections.abc import Callable


class Off(NamedTuple):
    """A feature that is switched off. Its type selects the default of a family, so that nothing else is compiled."""


def dispatched(function: Callable[..., Any]) -> Any:
    """Make `function` the default of a family of implementations, each for one `NamedTuple` type.

    ``function.register`` adds an implementation, as for `functools.singledispatch`. Compiled code calls the one of the
    first argument's type, which is known when the caller is compiled, and the default where there is none.

    Examples
    --------
    >>> from typing import NamedTuple
    >>> @dispatched
    ... def area(shape):
    ...     raise TypeError("not a shape")
    >>> class Square(NamedTuple):
    ...     side: float
    >>> @area.register
    ... def _area(shape: Square):
    ...     return shape.side**2
    >>> area(Square(3.0))
    9.0
    """
    family = singledispatch(function)

    @overload(family, jit_options=INNER_OPTIONS, strict=False)
    def _implementation(*arguments: Any) -> Any:
        first = arguments[0]
        if isinstance(first, types.BaseNamedTuple):
            return family.dispatch(first.instance_class)
        return None

    return family
