"""Vectors of the processor in LLVM's code: their size, loads and stores, also of a part, and sums of their elements."""

from __future__ import annotations

import functools
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.registry import cpu_target

BLOCK_BYTES = 16
"""A vector consists of blocks of this size; elements move faster within a block than from one to another."""


@functools.cache
def has_masks() -> bool:
    """Return whether the processor has vectors of 64 bytes, and loads and stores any of their elements as fast as all.

    These are the processors with AVX-512.
    """
    _triple, _processor, features = cpu_target.target_context.codegen().magic_tuple()
    return "+avx512f" in features.split(",")


def vector_bytes() -> int:
    """Return the size of the vectors that code is made of."""
    return 64 if has_masks() else 32


def lanes_of(dtype: types.Type, size: int) -> int:
    """Return the elements of a vector of `size` bytes."""
    return int(size * 8 // dtype.bitwidth)


def vector_kind(dtype: types.Type, size: int) -> Any:
    """Return LLVM's type of a vector of `size` bytes."""
    return ir.VectorType(ir.FloatType() if dtype == types.float32 else ir.DoubleType(), lanes_of(dtype, size))


class Access:
    """Loads and stores vectors, or with a mask only some of their elements; the others are loaded as 0."""

    def __init__(self, builder: Any, kind: Any, mask: Any = None) -> None:
        self.builder, self.kind, self._mask = builder, kind, mask

    def load(self, place: Any) -> Any:
        """Return the vector at an address."""
        pointer = self.builder.bitcast(place, self.kind.as_pointer())
        if self._mask is None:
            return self.builder.load(pointer, align=_element_bytes(self.kind))
        return self._call(
            "masked.load", self.kind, ".p0", pointer, self._align, self._mask, ir.Constant(self.kind, None)
        )

    def store(self, value: Any, place: Any) -> None:
        """Write a vector to an address."""
        pointer = self.builder.bitcast(place, self.kind.as_pointer())
        if self._mask is None:
            self.builder.store(value, pointer, align=_element_bytes(self.kind))
        else:
            self._call("masked.store", ir.VoidType(), ".p0", value, pointer, self._align, self._mask)

    def multiply_add(self, a: Any, b: Any, c: Any) -> Any:
        """Return a b + c."""
        return self._call("fmuladd", self.kind, "", a, b, c)

    @property
    def _align(self) -> Any:
        return ir.Constant(ir.IntType(32), _element_bytes(self.kind))

    def _call(self, name: str, result: Any, suffix: str, *args: Any) -> Any:
        vector = f"v{self.kind.count}f{8 * _element_bytes(self.kind)}"
        return call(self.builder, f"llvm.{name}.{vector}{suffix}", result, *args)


def call(builder: Any, name: str, result: Any, *args: Any) -> Any:
    """Return the result, of type `result`, of an intrinsic function of LLVM."""
    kind = ir.FunctionType(result, [argument.type for argument in args])
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), args)


def first_elements(builder: Any, kind: Any, length: Any) -> Any:
    """Return the mask of the first `length` elements of a vector."""
    places = ir.VectorType(ir.IntType(32), kind.count)
    numbers = ir.Constant(places, list(range(kind.count)))
    return builder.icmp_signed("<", numbers, broadcast(builder, builder.trunc(length, places.element), places))


def broadcast(builder: Any, value: Any, kind: Any) -> Any:
    """Return a vector with a number in all elements."""
    first = builder.insert_element(ir.Constant(kind, ir.Undefined), value, ir.Constant(ir.IntType(32), 0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), kind.count), [0] * kind.count)
    return builder.shuffle_vector(first, ir.Constant(kind, ir.Undefined), zeros)


def sums_of_elements(builder: Any, kind: Any, vectors: list[Any]) -> list[Any]:
    """Return vectors with the sum of the elements of each vector; if they are fewer than fit, these repeat.

    Neighbours are added within the blocks of a vector first.
    """
    count, block = int(kind.count), BLOCK_BYTES // _element_bytes(kind)
    for piece in [1] * (block.bit_length() - 1) + [block] * ((count // block).bit_length() - 1):
        pairs = zip(vectors[::2], vectors[1::2] or vectors, strict=True)
        vectors = [_add_neighbours(builder, a, b, piece) for a, b in pairs]
    return vectors


def _add_neighbours(builder: Any, a: Any, b: Any, piece: int) -> Any:
    """Return the sums of neighbouring pieces: of single elements in each block those of a, then those of b."""
    count, i32 = int(a.type.count), ir.IntType(32)
    block = BLOCK_BYTES // _element_bytes(a.type) if piece == 1 else count
    even = [
        place + offset
        for start in range(0, count, block)
        for first in (0, count)
        for place in range(first + start, first + start + block, 2 * piece)
        for offset in range(piece)
    ]
    odd = [place + piece for place in even]
    parts = [builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(i32, count), part)) for part in (even, odd)]
    return builder.fadd(*parts)


def _element_bytes(kind: Any) -> int:
    return 4 if kind.element == ir.FloatType() else 8
