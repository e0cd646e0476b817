"""Views that do not count references.

Numba counts a reference, atomically, for nearly every view that a kernel takes of an array: a tenth of the time of an
event. A borrowed array has no owner to count for; whoever lends it has to keep the array for as long.
"""

from __future__ import annotations

from typing import Any

from numba.extending import intrinsic


@intrinsic
def borrow(typingctx: Any, array: Any) -> Any:  # noqa: ARG001 - numba passes it
    """Return the same array without an owner."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        view = context.make_array(signature.args[0])(context, builder, args[0])
        view.meminfo = view.meminfo.type(None)
        return view._getvalue()  # noqa: SLF001 - numba's own way

    return array(array), generate
