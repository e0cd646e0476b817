"""Views of arrays without reference counting.

Numba counts a reference, atomically, for nearly every view that a kernel takes of an array: a tenth of the time of an
event. A borrowed array has no owner to count for. Whoever lends it must keep the array alive.
"""

from __future__ import annotations

from typing import Any

from numba import types
from numba.extending import intrinsic


@intrinsic
def borrow(typingctx: Any, arrays: Any) -> Any:  # noqa: ARG001 - numba passes it
    """Return the same array, or named tuple of arrays and of such tuples, without an owner."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _without_owner(context, builder, signature.args[0], args[0])

    return arrays(arrays), generate


def _without_owner(context: Any, builder: Any, kind: Any, value: Any) -> Any:
    if isinstance(kind, types.BaseTuple):
        items = [
            _without_owner(context, builder, item, builder.extract_value(value, place))
            for place, item in enumerate(kind)
        ]
        return context.make_tuple(builder, kind, items)
    view = context.make_array(kind)(context, builder, value)
    view.meminfo = view.meminfo.type(None)
    return view._getvalue()  # noqa: SLF001 - numba's own way
