"""Prefetch memory into the processor cache."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from stream_rnn.kernels.aligned import LINE
from stream_rnn.kernels.jit import inner
from stream_rnn.kernels.view import address


@intrinsic
def _prefetch(typingctx: Any, array: Any, place: Any) -> Any:  # noqa: ARG001 - the signature of an intrinsic
    """Prefetch the cache line of one element of a view into the second-level cache."""

    def generate(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        i8, i32 = ir.IntType(8).as_pointer(), ir.IntType(32)
        hint = builder.module.declare_intrinsic(
            "llvm.prefetch", [i8], ir.FunctionType(ir.VoidType(), [i8, i32, i32, i32])
        )
        pointer = builder.bitcast(address(builder, args[0], 1, args[1]), i8)
        builder.call(hint, [pointer, i32(0), i32(2), i32(1)])
        return context.get_dummy_value()

    return types.void(array, types.intp), generate


@inner
def prefetch(array: Any) -> None:
    """Start to load a view into the cache."""
    for place in range(0, array.size, LINE // array.itemsize):
        _prefetch(array, place)
