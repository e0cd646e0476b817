"""Loops over the elements of an array that process a vector of elements at a time.

    for j in spans(y):
        y[j] = one - y[j] * y[j]

On processors with masks, j is a span: up to 16 consecutive places, of which the last one of the loop may have fewer.
An element at a span is a vector, for which arithmetic and the functions of `activations` and `elementary` are defined.
No width is slow, LLVM needs no copies of the loop for arrays that overlap and for the rest, and the results do not
depend on what it makes of the loop. On other processors, in float64, and in Python, `spans` is `range`.

What one iteration of the loop writes must not be read by another.
"""

from __future__ import annotations

import math
import operator
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.imputils import RefType, iternext_impl
from numba.core.typing.templates import AbstractTemplate, Signature, infer_global, signature
from numba.extending import intrinsic, lower_builtin, models, overload, register_model

from stream_rnn.kernels.jit import INNER_OPTIONS
from stream_rnn.kernels.vectors import Access, broadcast, call, has_masks, lanes_of, vector_kind
from stream_rnn.kernels.view import View, address

BYTES = 64
LANES = lanes_of(types.float32, BYTES)
KIND = vector_kind(types.float32, BYTES)


class Vector(types.Type):
    """Numba's type of a vector of float32."""

    def __init__(self) -> None:
        super().__init__(name="Vector")


class _Span(types.Type):
    def __init__(self) -> None:
        super().__init__(name="Span")


class _Spans(types.SimpleIterableType):
    def __init__(self) -> None:
        super().__init__("Spans", _SpansIterator())


class _SpansIterator(types.SimpleIteratorType):
    def __init__(self) -> None:
        super().__init__("SpansIterator", span)


vector, span = Vector(), _Span()


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, dmm: Any, fe_type: Any) -> None:
        super().__init__(dmm, fe_type, KIND)


@register_model(_Span)
class _SpanModel(models.StructModel):
    """The first place, and a bit for each place."""

    def __init__(self, dmm: Any, fe_type: Any) -> None:
        super().__init__(dmm, fe_type, [("start", types.intp), ("mask", types.uint16)])


@register_model(_Spans)
class _SpansModel(models.StructModel):
    def __init__(self, dmm: Any, fe_type: Any) -> None:
        super().__init__(dmm, fe_type, [("stop", types.intp)])


@register_model(_SpansIterator)
class _SpansIteratorModel(models.StructModel):
    def __init__(self, dmm: Any, fe_type: Any) -> None:
        super().__init__(dmm, fe_type, [("start", types.EphemeralPointer(types.intp)), ("stop", types.intp)])


# Loops.


def spans(x: Any) -> Any:
    """Return the places of the elements of x (n,), to loop over."""
    return range(x.shape[0])


@overload(spans, jit_options=INNER_OPTIONS, inline="never")
def _spans_of(x: Any) -> Any:
    def by_vectors(x: Any) -> Any:
        return _spans(x.shape[0])

    def by_elements(x: Any) -> Any:
        return range(x.shape[0])

    return by_vectors if has_masks() and x.dtype == types.float32 else by_elements


@intrinsic
def _spans(typingctx: Any, stop: Any) -> Any:  # noqa: ARG001 - the signature of an intrinsic
    def code(context: Any, builder: Any, kind: Any, args: Any) -> Any:
        value = cgutils.create_struct_proxy(kind.return_type)(context, builder)
        value.stop = args[0]
        return value._getvalue()  # noqa: SLF001 - numba's way

    return _Spans()(types.intp), code


@lower_builtin("getiter", _Spans)
def _iterate(context: Any, builder: Any, kind: Any, args: Any) -> Any:
    whole = cgutils.create_struct_proxy(kind.args[0])(context, builder, value=args[0])
    iterator = cgutils.create_struct_proxy(kind.return_type)(context, builder)
    iterator.stop = whole.stop
    iterator.start = cgutils.alloca_once_value(builder, ir.Constant(whole.stop.type, 0))
    return iterator._getvalue()  # noqa: SLF001


@lower_builtin("iternext", _SpansIterator)
@iternext_impl(RefType.UNTRACKED)
def _next(context: Any, builder: Any, kind: Any, args: Any, result: Any) -> None:
    iterator = cgutils.create_struct_proxy(kind.args[0])(context, builder, value=args[0])
    start = builder.load(iterator.start)
    rest = builder.sub(iterator.stop, start, flags=("nsw",))
    is_valid = builder.icmp_signed(">", rest, ir.Constant(rest.type, 0))
    result.set_valid(is_valid)
    with builder.if_then(is_valid):
        value = cgutils.create_struct_proxy(span)(context, builder)
        value.start, value.mask = start, _bits(builder, rest)
        result.yield_(value._getvalue())  # noqa: SLF001
        builder.store(builder.add(start, ir.Constant(start.type, LANES), flags=("nsw",)), iterator.start)


def _bits(builder: Any, length: Any) -> Any:
    """Return a bit for each of the first `length` places, of which there may be more."""
    one, bits = ir.Constant(length.type, 1), ir.IntType(LANES)
    is_complete = builder.icmp_signed(">=", length, ir.Constant(length.type, LANES))
    first = builder.trunc(builder.sub(builder.shl(one, length), one), bits)
    return builder.select(is_complete, ir.Constant(bits, -1), first)


# Elements.


@infer_global(operator.getitem)
class _GetVector(AbstractTemplate):
    def generic(self, args: Any, _kws: Any) -> Any:
        a, index = args
        return signature(vector, a, index) if _is_row(a) and index == span else None


@infer_global(operator.setitem)
class _SetVector(AbstractTemplate):
    def generic(self, args: Any, _kws: Any) -> Any:
        a, index, value = args
        if _is_row(a) and index == span and value in {vector, types.float32}:
            return signature(types.none, a, index, value)
        return None


def _is_row(a: Any) -> bool:
    return isinstance(a, View) and a.ndim == 1 and a.dtype == types.float32


@lower_builtin(operator.getitem, View, _Span)
def _load(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
    access, place = _access(context, builder, *args)
    return access.load(place)


@lower_builtin(operator.setitem, View, _Span, types.Any)
def _store(context: Any, builder: Any, kind: Signature, args: Any) -> Any:
    access, place = _access(context, builder, *args[:2])
    access.store(_as_vector(builder, kind.args[2], args[2]), place)
    return context.get_dummy_value()


def _access(context: Any, builder: Any, a: Any, index: Any) -> tuple[Access, Any]:
    value = cgutils.create_struct_proxy(span)(context, builder, value=index)
    mask = builder.bitcast(value.mask, ir.VectorType(ir.IntType(1), LANES))
    return Access(builder, KIND, mask), address(builder, a, 1, value.start)


# Arithmetic.


class _Arithmetic(AbstractTemplate):
    """Of vectors, and of a vector and a number."""

    def generic(self, args: Any, _kws: Any) -> Any:
        return signature(vector, *args) if _has_vector(args) else None


def _has_vector(args: Any) -> bool:
    return vector in args and all(kind in {vector, types.float32} for kind in args)


def _lower(name: str) -> Any:
    def code(_context: Any, builder: Any, kind: Any, args: Any) -> Any:
        return getattr(builder, name)(*_as_vectors(builder, kind, args))

    return code


_OPERATIONS = {
    "fadd": (operator.add, operator.iadd),
    "fsub": (operator.sub, operator.isub),
    "fmul": (operator.mul, operator.imul),
    "fdiv": (operator.truediv, operator.itruediv),
}
_NUMBERS = ((Vector, Vector), (Vector, types.Float), (types.Float, Vector))

for _name, _operators in _OPERATIONS.items():
    for _operator in _operators:
        infer_global(_operator)(_Arithmetic)
        for _kinds in _NUMBERS:
            lower_builtin(_operator, *_kinds)(_lower(_name))

infer_global(operator.neg)(_Arithmetic)
lower_builtin(operator.neg, Vector)(_lower("fneg"))


infer_global(math.sqrt)(_Arithmetic)


@lower_builtin(math.sqrt, Vector)
def _root(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
    return call(builder, f"llvm.sqrt.v{LANES}f32", KIND, args[0])


def _extreme(sign: str) -> Any:
    """Return an intrinsic for the larger or smaller of two; where one is NaN, it is the first, as in Python."""

    def code(_context: Any, builder: Any, kind: Any, args: Any) -> Any:
        first, second = _as_vectors(builder, kind, args)
        return builder.select(builder.fcmp_ordered(sign, second, first), second, first)

    @intrinsic
    def extreme(typingctx: Any, first: Any, second: Any) -> Any:  # noqa: ARG001
        return vector(first, second), code

    return extreme


_larger, _smaller = _extreme(">"), _extreme("<")


def _larger_of(first: Any, second: Any) -> Any:
    return _larger(first, second)


def _smaller_of(first: Any, second: Any) -> Any:
    return _smaller(first, second)


@overload(max, jit_options=INNER_OPTIONS)
def _max(first: Any, second: Any) -> Any:
    return _larger_of if _has_vector((first, second)) else None


@overload(min, jit_options=INNER_OPTIONS)
def _min(first: Any, second: Any) -> Any:
    return _smaller_of if _has_vector((first, second)) else None


@intrinsic
def estimated_inverse(typingctx: Any, x: Any) -> Any:  # noqa: ARG001
    """Return 1 / x of a vector with 14 correct bits; x must be positive and normal."""

    def code(_context: Any, builder: Any, _kind: Any, args: Any) -> Any:
        unused, all_places = ir.Constant(KIND, ir.Undefined), ir.Constant(ir.IntType(LANES), -1)
        return call(builder, "llvm.x86.avx512.rcp14.ps.512", KIND, args[0], unused, all_places)

    return vector(vector), code


def _as_vectors(builder: Any, kind: Any, args: Any) -> list[Any]:
    return [_as_vector(builder, *item) for item in zip(kind.args, args, strict=True)]


def _as_vector(builder: Any, kind: Any, value: Any) -> Any:
    return value if kind == vector else broadcast(builder, value, KIND)
