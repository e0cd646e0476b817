"""Structures: values that compiled code reads through one pointer.

A kernel called from Python pays for every array that it is handed. A structure is a block of memory with the layout of
a C structure. Python fills it, so that nothing has to be compiled for it, and a call passes only its address. In
kernels, its arrays are views, and its fields are read as attributes.
"""

from __future__ import annotations

import functools
import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np
from llvmlite import ir
from numba import typeof, types
from numba.core.imputils import lower_getattr_generic
from numba.core.typing.templates import AttributeTemplate, infer_getattr
from numba.extending import NativeValue, models, register_model, unbox
from numba.np.numpy_support import as_dtype

from stream_rnn.kernels.view import View, view_type

if TYPE_CHECKING:
    from collections.abc import Iterable


class StructureType(types.Type):
    """Numba's type of a structure: the names and types of its fields."""

    def __init__(self, fields: tuple[tuple[str, types.Type], ...]) -> None:
        self.fields = dict(fields)
        self.layout = _layout_of_fields(fields)
        super().__init__(name=f"Structure({hashlib.sha256(repr(fields).encode()).hexdigest()[:16]})")

    def offset(self, name: str) -> int:
        """Return the number of bytes before a field."""
        places: Any = self.layout.fields
        return int(places[name][1])


@functools.cache
def _structure_type(fields: tuple[tuple[str, types.Type], ...]) -> StructureType:
    """Return the type of a structure, whose layout is computed once."""
    return StructureType(fields)


class Structure:
    """Values for compiled code. It keeps its arrays alive.

    Parameters
    ----------
    fields
        The values by name: numbers, arrays that are C-contiguous, and (named) tuples of these.
    """

    __slots__ = ("_memory", "_numba_type_", "address", "values")

    def __init__(self, **fields: Any) -> None:
        self._numba_type_ = _structure_type(tuple((name, view_type(typeof(value))) for name, value in fields.items()))
        self._memory = np.zeros((), self._numba_type_.layout)
        self.address = self._memory.ctypes.data
        self.fill(**fields)

    def fill(self, **fields: Any) -> None:
        """Replace all values by others of the same types."""
        self.values = fields
        for name, kind in self._numba_type_.fields.items():
            self._memory[name] = _content(kind, fields[name])


register_model(StructureType)(models.OpaqueModel)


@unbox(StructureType)
def _unbox(_kind: StructureType, structure: Any, c: Any) -> NativeValue:
    address = c.pyapi.object_getattr_string(structure, "address")
    pointer = c.pyapi.long_as_voidptr(address)
    c.pyapi.decref(address)
    return NativeValue(pointer)


@infer_getattr
class _Attributes(AttributeTemplate):
    key = StructureType

    def generic_resolve(self, structure: StructureType, name: str) -> types.Type | None:
        return structure.fields.get(name)


@lower_getattr_generic(StructureType)
def _get_field(context: Any, builder: Any, structure: StructureType, pointer: Any, name: str) -> Any:
    kind, memory = structure.fields[name], structure.layout[name]
    content = context.get_data_type(kind)
    if context.get_abi_sizeof(content) != memory.itemsize:
        raise TypeError(f"{name}: {kind} takes {context.get_abi_sizeof(content)} bytes, but its memory is {memory}")
    offset = ir.Constant(ir.IntType(64), structure.offset(name))
    place = builder.bitcast(builder.gep(pointer, [offset]), content.as_pointer())
    return context.unpack_value(builder, kind, place)


def _layout_of_fields(fields: Iterable[tuple[str, types.Type]]) -> np.dtype[Any]:
    return np.dtype([(name, _layout(kind)) for name, kind in fields], align=True)


def _layout(kind: types.Type) -> Any:
    """Return the memory of a value of this type, as NumPy describes it."""
    if isinstance(kind, View):
        return _layout_of_fields([("data", types.uintp), ("shape", types.UniTuple(types.intp, kind.ndim))])
    if isinstance(kind, types.UniTuple):
        return np.dtype((_layout(kind.dtype), (kind.count,)))
    if isinstance(kind, types.BaseTuple):
        return _layout_of_fields([(f"f{place}", item) for place, item in enumerate(kind)])
    return as_dtype(kind)


def _content(kind: types.Type, value: Any) -> Any:
    """Return a value as NumPy assigns it to its memory: arrays by address and shape."""
    if isinstance(kind, View):
        return value.__array_interface__["data"][0], list(value.shape)
    if not isinstance(kind, types.BaseTuple):
        return value
    items = [_content(*item) for item in zip(kind, value, strict=True)]
    return items if isinstance(kind, types.UniTuple) else tuple(items)
