"""Views: the arrays of compiled code.

Numba's own arrays carry an owner, whose references are counted, and strides, and every index may be negative or beyond
the end. Numba spends most of its time on this, and so does a kernel. A view is an address and a shape. Its elements are
contiguous, so that loops over any part of it are vectorised.

`view` makes one of each array that an entry is called with. Whoever calls an entry must keep the arrays alive. In
kernels, a view is used as an array is:

    a[i, j]            an element
    a[i], a[i, j:k]    a part: integers for the first axes, then at most one slice, then nothing
    a[i] = b           copies the elements of a view, or fills the part with a number
    a.reshape(n, m)    the first n m elements as a matrix
    a.shape, a.dtype, a.size, a.itemsize

Indices are not checked and must not be negative. The shapes of an assignment are those of its left side.
"""

from __future__ import annotations

import operator
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils, typing
from numba.core.typing.templates import (
    AbstractTemplate,
    AttributeTemplate,
    bound_function,
    infer_getattr,
    infer_global,
)
from numba.extending import intrinsic, lower_builtin, lower_getattr, models, register_model

_NSW = ("nsw",)
"""Sizes and offsets do not overflow."""


class View(types.Type):
    """Numba's type of a view."""

    def __init__(self, dtype: types.Type, ndim: int) -> None:
        self.dtype, self.ndim = dtype, ndim
        super().__init__(name=f"View({dtype}, {ndim})")

    def part(self, index: types.Type) -> types.Type | None:
        """Return the type of what an index selects; None for an index that views do not have."""
        numbers, has_slice = _split(index)
        if not all(map(_is_integer, numbers)) or len(numbers) + has_slice > self.ndim:
            return None
        return self.dtype if len(numbers) == self.ndim else View(self.dtype, self.ndim - len(numbers))


@register_model(View)
class _ViewModel(models.StructModel):
    """The address of the first element, and the shape."""

    def __init__(self, dmm: Any, fe_type: View) -> None:
        shape = types.UniTuple(types.intp, fe_type.ndim)
        super().__init__(dmm, fe_type, [("data", types.CPointer(fe_type.dtype)), ("shape", shape)])


@intrinsic
def view(typingctx: Any, value: Any) -> Any:  # noqa: ARG001 - the signature of an intrinsic
    """Return the view of an array, or a (named) tuple with the view of each array; return other values as they are."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _view(context, builder, signature.args[0], args[0])

    return view_type(value)(value), generate


def view_type(kind: types.Type) -> types.Type:
    """Return the type of the view of a value of this type."""
    if isinstance(kind, types.BaseTuple):
        cls = kind.instance_class if isinstance(kind, types.BaseNamedTuple) else None
        return types.BaseTuple.from_types([view_type(item) for item in kind], cls)
    if not isinstance(kind, types.Array):
        return kind
    if kind.layout != "C" or not kind.aligned:
        raise TypeError(f"a kernel needs arrays that are aligned and C-contiguous, got {kind}")
    return View(kind.dtype, kind.ndim)


def _view(context: Any, builder: Any, kind: types.Type, value: Any) -> Any:
    if isinstance(kind, types.BaseTuple):
        items = [_view(context, builder, item, builder.extract_value(value, place)) for place, item in enumerate(kind)]
        return context.make_tuple(builder, view_type(kind), items)
    if not isinstance(kind, types.Array):
        context.nrt.incref(builder, kind, value)  # what an intrinsic returns is a new reference
        return value
    array = context.make_array(kind)(context, builder, value)
    return _pack(context, builder, View(kind.dtype, kind.ndim), array.data, cgutils.unpack_tuple(builder, array.shape))


# Types of the operations.


@infer_global(operator.getitem)
class _GetItem(AbstractTemplate):
    def generic(self, args: Any, _kws: Any) -> Any:
        a, index = args
        part = a.part(index) if isinstance(a, View) else None
        return None if part is None else typing.signature(part, a, index)


@infer_global(operator.setitem)
class _SetItem(AbstractTemplate):
    def generic(self, args: Any, _kws: Any) -> Any:
        a, index, value = args
        part = a.part(index) if isinstance(a, View) else None
        is_number = isinstance(value, types.Number | types.Boolean)
        is_copy = isinstance(part, View) and isinstance(value, View) and part.ndim == value.ndim
        return typing.signature(types.none, a, index, value) if part is not None and (is_number or is_copy) else None


@infer_getattr
class _Attributes(AttributeTemplate):
    key = View

    def resolve_shape(self, a: View) -> Any:
        return types.UniTuple(types.intp, a.ndim)

    def resolve_dtype(self, a: View) -> Any:
        return types.DType(a.dtype)

    def resolve_size(self, _a: View) -> Any:
        return types.intp

    def resolve_itemsize(self, _a: View) -> Any:
        return types.intp

    @bound_function("view.reshape")
    def resolve_reshape(self, a: View, args: Any, _kws: Any) -> Any:
        return typing.signature(View(a.dtype, len(args)), *args)


# Code of the operations.


@lower_getattr(View, "shape")
def _shape(_context: Any, builder: Any, _kind: Any, value: Any) -> Any:
    return builder.extract_value(value, 1)


@lower_getattr(View, "dtype")
def _dtype(context: Any, _builder: Any, _kind: Any, _value: Any) -> Any:
    return context.get_dummy_value()


@lower_getattr(View, "size")
def _size(_context: Any, builder: Any, kind: View, value: Any) -> Any:
    return _product(builder, _axes(builder, kind, value))


@lower_getattr(View, "itemsize")
def _itemsize(context: Any, _builder: Any, kind: View, _value: Any) -> Any:
    return context.get_constant(types.intp, context.get_abi_sizeof(context.get_data_type(kind.dtype)))


@lower_builtin("view.reshape", View, types.VarArg(types.Any))
def _reshape(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    shape = [_integer(context, builder, *item) for item in zip(args[1:], signature.args[1:], strict=True)]
    return _pack(context, builder, signature.return_type, builder.extract_value(args[0], 0), shape)


@lower_builtin(operator.getitem, View, types.Integer)
@lower_builtin(operator.getitem, View, types.IntEnumMember)
@lower_builtin(operator.getitem, View, types.SliceType)
@lower_builtin(operator.getitem, View, types.BaseTuple)
def _get(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    data, shape = _part(context, builder, *zip(signature.args, args, strict=True))
    if not shape:
        return context.unpack_value(builder, signature.return_type, data)
    return _pack(context, builder, signature.return_type, data, shape)


@lower_builtin(operator.setitem, View, types.Integer, types.Any)
@lower_builtin(operator.setitem, View, types.IntEnumMember, types.Any)
@lower_builtin(operator.setitem, View, types.SliceType, types.Any)
@lower_builtin(operator.setitem, View, types.BaseTuple, types.Any)
def _set(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    (a, index, kind), value = signature.args, args[2]
    data, shape = _part(context, builder, (a, args[0]), (index, args[1]))

    def store(element: Any, kind: types.Type, place: Any) -> None:
        context.pack_value(builder, a.dtype, context.cast(builder, element, kind, a.dtype), place)

    if not shape:
        store(value, kind, data)
    elif isinstance(kind, View):
        source = builder.extract_value(value, 0)
        with cgutils.for_range(builder, _product(builder, shape)) as loop:
            element = context.unpack_value(builder, kind.dtype, _at(builder, source, loop.index))
            store(element, kind.dtype, _at(builder, data, loop.index))
    else:
        value, kind = context.cast(builder, value, kind, a.dtype), a.dtype
        with cgutils.for_range(builder, _product(builder, shape)) as loop:
            store(value, kind, _at(builder, data, loop.index))
    return context.get_dummy_value()


def address(builder: Any, value: Any, ndim: int, *index: Any) -> Any:
    """Return the address of an element of a view, or of the first element where the last indices are omitted."""
    offset = index[0]
    for axis in range(1, ndim):
        offset = builder.mul(offset, builder.extract_value(value, (1, axis)), flags=_NSW)
        if axis < len(index):
            offset = builder.add(offset, index[axis], flags=_NSW)
    return _at(builder, builder.extract_value(value, 0), offset)


def _is_integer(kind: types.Type) -> bool:
    return isinstance(kind, types.Integer | types.IntEnumMember)


def _split(index: types.Type) -> tuple[list[types.Type], bool]:
    """Return the types of an index's numbers, and whether a slice follows them."""
    items = list(index.types) if isinstance(index, types.BaseTuple) else [index]
    has_slice = bool(items) and isinstance(items[-1], types.SliceType)
    return items[: len(items) - has_slice], has_slice


def _part(context: Any, builder: Any, array: tuple[View, Any], index: tuple[types.Type, Any]) -> tuple[Any, list[Any]]:
    """Return the address and the shape of what an index selects."""
    kind, value = array
    numbers, has_slice = _split(index[0])
    kinds, items = [index[0]], [index[1]]
    if isinstance(index[0], types.BaseTuple):
        kinds, items = list(index[0]), [builder.extract_value(index[1], place) for place in range(len(index[0]))]
    axes = _axes(builder, kind, value)
    places = [_integer(context, builder, *item) for item in zip(items, numbers, strict=False)]
    shape = axes[len(places) :]
    if has_slice:
        part = context.make_helper(builder, kinds[-1], items[-1])
        stop = builder.select(builder.icmp_signed("<", part.stop, shape[0]), part.stop, shape[0])
        places.append(part.start)
        shape[0] = builder.sub(stop, part.start, flags=_NSW)
    return address(builder, value, kind.ndim, *places), shape


def _axes(builder: Any, kind: View, value: Any) -> list[Any]:
    return [builder.extract_value(value, (1, axis)) for axis in range(kind.ndim)]


def _at(builder: Any, data: Any, place: Any) -> Any:
    return builder.gep(data, [place], inbounds=True)


def _integer(context: Any, builder: Any, value: Any, kind: types.Type) -> Any:
    return context.cast(builder, value, kind, types.intp)


def _product(builder: Any, lengths: list[Any]) -> Any:
    product = lengths[0]
    for length in lengths[1:]:
        product = builder.mul(product, length, flags=_NSW)
    return product


def _pack(context: Any, builder: Any, kind: View, data: Any, shape: list[Any]) -> Any:
    value = ir.Constant(context.get_value_type(kind), ir.Undefined)
    value = builder.insert_value(value, data, 0)
    for axis, length in enumerate(shape):
        value = builder.insert_value(value, length, (1, axis))
    return value
