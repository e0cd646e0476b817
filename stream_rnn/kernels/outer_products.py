"""Sums of outer products: the gradient of a weight matrix over a window, and half of the arithmetic of an update.

The output is computed in tiles that fit into the processor's registers: four rows by three vectors of 32 bytes. Each
row of D is loaded once for the four rows of a tile, and the output is loaded and stored once for the whole window.
Columns that do not fill a vector are masked, so that no width is slow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload

from stream_rnn.kernels.jit import INNER_OPTIONS

if TYPE_CHECKING:
    from collections.abc import Callable

VECTOR_BYTES = 32
ROWS, VECTORS = 4, 3
"""Shape of a tile: 12 of 16 registers hold the output, the others a row of D and an element of X."""


def add_outer_products(X: Any, x_start: int, D: Any, d_start: int, rows: Any, out: Any) -> None:
    """Out += X^T D, summed over the given rows of columns x_start... of X (n) and d_start... of D (m) -> (n, m)."""
    n, m = out.shape
    out += X[rows, x_start : x_start + n].T @ D[rows, d_start : d_start + m]


@overload(add_outer_products, jit_options=INNER_OPTIONS)
def _add_outer_products(X: Any, x_start: int, D: Any, d_start: int, rows: Any, out: Any) -> Any:  # noqa: ARG001
    lanes = VECTOR_BYTES * 8 // out.dtype.bitwidth
    width = VECTORS * lanes

    def by_tiles(X: Any, x_start: int, D: Any, d_start: int, rows: Any, out: Any) -> None:
        n, m = out.shape
        i = 0
        while i + ROWS <= n:
            j = 0
            while j + width <= m:
                _add_tile(X, x_start + i, D, d_start + j, rows, out, i, j)
                j += width
            while j < m:
                _add_column(X, x_start + i, D, d_start + j, rows, out, i, j)
                j += lanes
            i += ROWS
        while i < n:
            for j in range(0, m, lanes):
                _add_vector(X, x_start + i, D, d_start + j, rows, out, i, j)
            i += 1

    return by_tiles


def _tile(rows: int, vectors: int, *, masked: bool) -> Any:
    """Return an intrinsic that adds the sum of outer products to the tile of `out` at (i, j).

    The columns x... of X belong to rows i... of `out`, and d... of D to columns j... A masked tile ends with the
    columns of `out`.
    """

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        X, x, D, d, window, out, i, j = args
        number = context.get_data_type(signature.args[5].dtype)
        lanes = VECTOR_BYTES * 8 // signature.args[5].dtype.bitwidth
        kind = ir.VectorType(number, lanes)
        width = builder.extract_value(out, (1, 1))
        load, store = _masked(builder, kind, builder.sub(width, j)) if masked else _plain(builder, kind)
        fma = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(kind, [kind, kind, kind]), f"llvm.fmuladd.{_name(kind)}"
        )
        sums = [
            [cgutils.alloca_once_value(builder, ir.Constant(kind, None)) for _ in range(vectors)] for _ in range(rows)
        ]
        with cgutils.for_range(builder, builder.extract_value(window, (1, 0))) as loop:
            q = builder.load(_element(builder, window, loop.index))
            X_row, D_row = _element(builder, X, q, x), _element(builder, D, q, d)
            D_parts = [load(_offset(builder, D_row, c * lanes)) for c in range(vectors)]
            for r in range(rows):
                x_vector = _broadcast(builder, builder.load(_offset(builder, X_row, r)), kind)
                for c in range(vectors):
                    added = builder.call(fma, [x_vector, D_parts[c], builder.load(sums[r][c])])
                    builder.store(added, sums[r][c])
        for r in range(rows):
            row = _element(builder, out, builder.add(i, ir.Constant(i.type, r)), j)
            for c in range(vectors):
                place = _offset(builder, row, c * lanes)
                store(builder.fadd(load(place), builder.load(sums[r][c])), place)
        return context.get_dummy_value()

    @intrinsic
    def add(typingctx: Any, X: Any, x: Any, D: Any, d: Any, window: Any, out: Any, i: Any, j: Any) -> Any:  # noqa: ARG001
        return types.void(X, types.intp, D, types.intp, window, out, types.intp, types.intp), code

    return add


def _plain(builder: Any, kind: Any) -> tuple[Callable[[Any], Any], Callable[[Any, Any], None]]:
    """Return functions that load and store a vector."""
    align, pointer = _size(kind.element), kind.as_pointer()

    def load(place: Any) -> Any:
        return builder.load(builder.bitcast(place, pointer), align=align)

    def store(value: Any, place: Any) -> None:
        builder.store(value, builder.bitcast(place, pointer), align=align)

    return load, store


def _masked(builder: Any, kind: Any, length: Any) -> tuple[Callable[[Any], Any], Callable[[Any, Any], None]]:
    """Return functions that load and store the first `length` elements of a vector."""
    lanes = ir.VectorType(length.type, kind.count)
    places = ir.Constant(lanes, list(range(kind.count)))
    mask = builder.icmp_signed("<", places, _broadcast(builder, length, lanes))
    pointer, i32, void = kind.as_pointer(), ir.IntType(32), ir.VoidType()
    align = i32(_size(kind.element))
    loader = cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(kind, [pointer, i32, mask.type, kind]), f"llvm.masked.load.{_name(kind)}.p0"
    )
    storer = cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(void, [kind, pointer, i32, mask.type]), f"llvm.masked.store.{_name(kind)}.p0"
    )

    def load(place: Any) -> Any:
        return builder.call(loader, [builder.bitcast(place, pointer), align, mask, ir.Constant(kind, None)])

    def store(value: Any, place: Any) -> None:
        builder.call(storer, [value, builder.bitcast(place, pointer), align, mask])

    return load, store


def _size(number: Any) -> int:
    return 4 if isinstance(number, ir.FloatType) else 8


def _name(kind: Any) -> str:
    """Return LLVM's name of a vector type."""
    return f"v{kind.count}f{8 * _size(kind.element)}"


def _broadcast(builder: Any, value: Any, kind: Any) -> Any:
    first = builder.insert_element(ir.Constant(kind, ir.Undefined), value, ir.Constant(ir.IntType(32), 0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), kind.count), [0] * kind.count)
    return builder.shuffle_vector(first, ir.Constant(kind, ir.Undefined), zeros)


def _element(builder: Any, view: Any, *index: Any) -> Any:
    """Return the address of an element of a view (n,) or (n, m)."""
    place = index[0]
    if len(index) > 1:
        place = builder.add(builder.mul(place, builder.extract_value(view, (1, 1)), flags=["nsw"]), index[1])
    return builder.gep(builder.extract_value(view, 0), [place], inbounds=True)


def _offset(builder: Any, place: Any, count: int) -> Any:
    return builder.gep(place, [ir.Constant(ir.IntType(64), count)], inbounds=True)


_add_tile = _tile(ROWS, VECTORS, masked=False)
_add_column = _tile(ROWS, 1, masked=True)
_add_vector = _tile(1, 1, masked=True)
