"""Products of matrices and vectors: most of the arithmetic of an event.

Each output is computed in tiles that fit into the processor's registers, in vectors of the processor's size, or of 64
bytes in products of matrices. A tile at the edge of the output is computed as any other, but what is beyond the edge is
neither read nor written. Narrower tiles would wait for each addition, and odd widths would be slow. Matrices are
C-contiguous; shapes are not checked; products are added to the output.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload

from stream_rnn.kernels.jit import INNER_OPTIONS
from stream_rnn.kernels.vectors import (
    Access,
    broadcast,
    first_elements,
    lanes_of,
    sums_of_elements,
    vector_bytes,
    vector_kind,
)
from stream_rnn.kernels.view import address

if TYPE_CHECKING:
    from collections.abc import Callable

VECTOR_BYTES = vector_bytes()
ROWS, VECTORS = 4, 3
"""Tile of a sum of outer products: 12 of 16 registers hold the output, the others a row of D and an element of X."""
WIDE, NARROW = 8, 4
"""Vectors of the output that are computed at a time in x W; more than one, since each addition waits for the last."""
DOTS, LAST_DOTS = VECTOR_BYTES // 4, VECTOR_BYTES // 8
"""Elements of the output that are computed at a time in W y, and at its edge."""
STRIDES = 4
"""Rows of W in a product W y that are addressed together."""
MATRIX_BYTES, MATRIX_ROWS, MATRIX_VECTORS = 64, 4, 2
"""Size of the vectors, and tile, of a product of matrices."""


def add_product(x: Any, W: Any, out: Any) -> None:
    """Out += x W: (n,) @ (n, m) -> (m,)."""
    out += x @ W


@overload(add_product, jit_options=INNER_OPTIONS)
def _add_product(x: Any, W: Any, out: Any) -> Any:  # noqa: ARG001
    lanes = lanes_of(out.dtype, VECTOR_BYTES)
    wide, narrow = WIDE * lanes, NARROW * lanes

    def by_tiles(x: Any, W: Any, out: Any) -> None:
        m = out.shape[0]
        j = 0
        while j + wide <= m:
            _add_wide(x, W, out, j)
            j += wide
        while j + narrow <= m:
            _add_narrow(x, W, out, j)
            j += narrow
        while j < m:
            _add_last(x, W, out, j)
            j += narrow

    return by_tiles


def add_product_transposed(W: Any, y: Any, out: Any) -> None:
    """Out += W y: (n, m) @ (m,) -> (n,)."""
    out += W @ y


@overload(add_product_transposed, jit_options=INNER_OPTIONS)
def _add_product_transposed(W: Any, y: Any, out: Any) -> Any:  # noqa: ARG001
    def by_tiles(W: Any, y: Any, out: Any) -> None:
        n = out.shape[0]
        i = 0
        while i + DOTS <= n:
            _add_dots(W, y, out, i)
            i += DOTS
        while i < n:
            _add_last_dots(W, y, out, i)
            i += LAST_DOTS

    return by_tiles


def add_outer_products(X: Any, x_start: int, D: Any, d_start: int, rows: Any, out: Any) -> None:
    """Out += X^T D, summed over the given rows of columns x_start... of X (n) and d_start... of D (m) -> (n, m)."""
    n, m = out.shape
    out += X[rows, x_start : x_start + n].T @ D[rows, d_start : d_start + m]


@overload(add_outer_products, jit_options=INNER_OPTIONS)
def _add_outer_products(X: Any, x_start: int, D: Any, d_start: int, rows: Any, out: Any) -> Any:  # noqa: ARG001
    lanes = lanes_of(out.dtype, VECTOR_BYTES)
    width = VECTORS * lanes

    def by_tiles(X: Any, x_start: int, D: Any, d_start: int, rows: Any, out: Any) -> None:
        n, m = out.shape
        for i in range(0, n, ROWS):
            j = 0
            while i + ROWS <= n and j + width <= m:
                _add_tile(X, x_start + i, D, d_start + j, rows, out, i, j)
                j += width
            while j + 2 * lanes < m:
                _add_edge(X, x_start + i, D, d_start + j, rows, out, i, j)
                j += width
            if j < m:
                _add_columns(X, x_start + i, D, d_start + j, rows, out, i, j)

    return by_tiles


def add_matrix_product(X: Any, x_start: int, W: Any, out: Any) -> None:
    """Out += X W, for columns x_start... of X, in the first columns of `out`: (k, n) @ (n, m) -> (k, m)."""
    n, m = W.shape
    out[:, :m] += X[:, x_start : x_start + n] @ W


@overload(add_matrix_product, jit_options=INNER_OPTIONS)
def _add_matrix_product(X: Any, x_start: int, W: Any, out: Any) -> Any:  # noqa: ARG001
    lanes = lanes_of(out.dtype, MATRIX_BYTES)
    width = MATRIX_VECTORS * lanes

    def by_tiles(X: Any, x_start: int, W: Any, out: Any) -> None:
        k, m = out.shape[0], W.shape[1]
        i = 0
        while i + MATRIX_ROWS <= k:
            j = 0
            while j + width <= m:
                _add_block(X, x_start, W, out, i, j)
                j += width
            while j < m:
                _add_block_column(X, x_start, W, out, i, j)
                j += lanes
            i += MATRIX_ROWS
        while i < k:
            for j in range(0, m, lanes):
                _add_block_vector(X, x_start, W, out, i, j)
            i += 1

    return by_tiles


# Tiles.


def _row_tile(vectors: int, *, masked: bool) -> Any:
    """Return an intrinsic that adds x W to `vectors` vectors of `out` from j on; a masked tile ends with `out`."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        x, W, out, j = args
        kind = vector_kind(signature.args[2].dtype, VECTOR_BYTES)
        length = builder.sub(builder.extract_value(out, (1, 0)), j) if masked else None
        columns = _columns(builder, kind, vectors, length)

        def factors(k: Any) -> tuple[list[Any], Any]:
            return [_element(builder, x, k)], _element(builder, W, k, j)

        [sums] = _sum_of_products(columns, builder.extract_value(x, (1, 0)), factors, 1)
        _add_row(columns, _element(builder, out, j), sums)
        return context.get_dummy_value()

    @intrinsic
    def add(typingctx: Any, x: Any, W: Any, out: Any, j: Any) -> Any:  # noqa: ARG001
        return types.void(x, W, out, types.intp), code

    return add


def _outer_tile(rows: int, vectors: int, *, masked: bool) -> Any:
    """Return an intrinsic that adds the sum of outer products to the tile of `out` at (i, j).

    The columns x... of X belong to rows i... of `out`, and d... of D to columns j... A masked tile ends with `out`.
    """

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        X, x, D, d, window, out, i, j = args
        kind = vector_kind(signature.args[5].dtype, VECTOR_BYTES)
        length = builder.sub(builder.extract_value(out, (1, 1)), j) if masked else None
        columns = _columns(builder, kind, vectors, length)
        lines = _lines(builder, i, rows, builder.extract_value(out, (1, 0)) if masked else None)
        x_columns = [builder.add(x, builder.sub(line.place, i)) for line in lines]

        def factors(k: Any) -> tuple[list[Any], Any]:
            q = builder.load(_element(builder, window, k))
            return [_element(builder, X, q, column) for column in x_columns], _element(builder, D, q, d)

        sums = _sum_of_products(columns, builder.extract_value(window, (1, 0)), factors, rows)
        for line, row in zip(lines, sums, strict=True):
            with line.if_inside():
                _add_row(columns, _element(builder, out, line.place, j), row)
        return context.get_dummy_value()

    @intrinsic
    def add(typingctx: Any, X: Any, x: Any, D: Any, d: Any, window: Any, out: Any, i: Any, j: Any) -> Any:  # noqa: ARG001
        return types.void(X, types.intp, D, types.intp, window, out, types.intp, types.intp), code

    return add


def _matrix_tile(rows: int, vectors: int, *, masked: bool) -> Any:
    """Return an intrinsic that adds X W to the tile of `out` at (i, j), for columns x... of X.

    A masked tile ends with the columns of W.
    """

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        X, x, W, out, i, j = args
        kind = vector_kind(signature.args[3].dtype, MATRIX_BYTES)
        length = builder.sub(builder.extract_value(W, (1, 1)), j) if masked else None
        columns = _columns(builder, kind, vectors, length)
        numbers = [builder.add(i, ir.Constant(i.type, r)) for r in range(rows)]
        first = [_element(builder, X, number, x) for number in numbers]

        def factors(k: Any) -> tuple[list[Any], Any]:
            return [builder.gep(place, [k], inbounds=True) for place in first], _element(builder, W, k, j)

        sums = _sum_of_products(columns, builder.extract_value(W, (1, 0)), factors, rows)
        for number, row in zip(numbers, sums, strict=True):
            _add_row(columns, _element(builder, out, number, j), row)
        return context.get_dummy_value()

    @intrinsic
    def add(typingctx: Any, X: Any, x: Any, W: Any, out: Any, i: Any, j: Any) -> Any:  # noqa: ARG001
        return types.void(X, types.intp, W, out, types.intp, types.intp), code

    return add


def _dot_tile(rows: int, *, masked: bool) -> Any:
    """Return an intrinsic that adds the products of rows i... of W with y to `out`; a masked tile ends with `out`."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        W, y, out, i = args
        kind = vector_kind(signature.args[2].dtype, VECTOR_BYTES)
        m, n = builder.extract_value(y, (1, 0)), builder.extract_value(out, (1, 0))
        zero, lanes = ir.Constant(i.type, 0), ir.Constant(i.type, kind.count)
        # A row has an address, or four rows have one, as many as the processor reaches from it by a stride.
        lines, strides = _lines(builder, i, rows, n if masked else None)[:: 1 if masked else STRIDES], [zero]
        if not masked:
            strides = [builder.mul(m, ir.Constant(m.type, row), flags=("nsw",)) for row in range(STRIDES)]
        places = [_moving(builder, _element(builder, W, line.place, zero)) for line in lines]
        y_place = _moving(builder, _element(builder, y, zero))
        sums = [_zeros(builder, kind) for _ in range(rows)]

        def add_columns(access: Access) -> None:
            y_vector = access.load(_next(builder, y_place, kind.count))
            firsts = [_next(builder, place, kind.count) for place in places]
            addresses = [builder.gep(first, [stride], inbounds=True) for first in firsts for stride in strides]
            for address_of_row, total in zip(addresses, sums, strict=True):
                builder.store(access.multiply_add(access.load(address_of_row), y_vector, builder.load(total)), total)

        complete = builder.sdiv(m, lanes)
        with cgutils.for_range(builder, complete):
            add_columns(Access(builder, kind))
        rest = builder.sub(m, builder.mul(complete, lanes))
        with cgutils.if_likely(builder, builder.icmp_signed(">", rest, zero)):
            add_columns(Access(builder, kind, first_elements(builder, kind, rest)))
        length = _smaller(builder, builder.sub(n, i), rows) if masked else None
        products = sums_of_elements(builder, kind, [builder.load(total) for total in sums])
        _add_row(_columns(builder, kind, len(products), length), _element(builder, out, i), products)
        return context.get_dummy_value()

    @intrinsic
    def add(typingctx: Any, W: Any, y: Any, out: Any, i: Any) -> Any:  # noqa: ARG001
        return types.void(W, y, out, types.intp), code

    return add


def _sum_of_products(
    columns: list[Access], count: Any, factors: Callable[[Any], tuple[list[Any], Any]], rows: int
) -> list[list[Any]]:
    """Return the sums over k of a number for each row times a row of vectors; `factors` returns their addresses."""
    builder, kind = columns[0].builder, columns[0].kind
    sums = [[_zeros(builder, kind) for _ in columns] for _ in range(rows)]
    with cgutils.for_range(builder, count) as loop:
        numbers, first = factors(loop.index)
        parts = [column.load(_offset(builder, first, c * kind.count)) for c, column in enumerate(columns)]
        for number, row in zip(numbers, sums, strict=True):
            factor = broadcast(builder, builder.load(number), kind)
            for column, part, total in zip(columns, parts, row, strict=True):
                builder.store(column.multiply_add(factor, part, builder.load(total)), total)
    return [[builder.load(total) for total in row] for row in sums]


def _add_row(columns: list[Access], first: Any, sums: list[Any]) -> None:
    """Add a row of vectors to the output at an address."""
    for c, (column, total) in enumerate(zip(columns, sums, strict=True)):
        place = _offset(column.builder, first, c * column.kind.count)
        column.store(column.builder.fadd(column.load(place), total), place)


class _Line:
    """A row of a tile. One beyond the edge of the output reads the last row instead, and is not written."""

    def __init__(self, builder: Any, row: Any, count: Any) -> None:
        self._builder, self._inside, self.place = builder, None, row
        if count is not None:
            self._inside = builder.icmp_signed("<", row, count)
            self.place = builder.select(self._inside, row, builder.sub(count, ir.Constant(row.type, 1)))

    def if_inside(self) -> Any:
        """Return a context, in which code runs only for a row of the output."""
        return nullcontext() if self._inside is None else self._builder.if_then(self._inside)


def _lines(builder: Any, i: Any, rows: int, count: Any) -> list[_Line]:
    """Return the rows i... of a tile; `count` is the number of rows of the output if the tile may end beyond it."""
    return [_Line(builder, builder.add(i, ir.Constant(i.type, r)), count) for r in range(rows)]


def _columns(builder: Any, kind: Any, vectors: int, length: Any) -> list[Access]:
    """Return the vectors of a row of a tile; `length` is the number of elements if the tile may end beyond them."""
    if length is None:
        return [Access(builder, kind)] * vectors
    starts = [ir.Constant(length.type, c * kind.count) for c in range(vectors)]
    return [Access(builder, kind, first_elements(builder, kind, builder.sub(length, start))) for start in starts]


def _moving(builder: Any, place: Any) -> Any:
    """Return a variable with an address that a loop moves on."""
    return cgutils.alloca_once_value(builder, place)


def _next(builder: Any, moving: Any, count: int) -> Any:
    """Return the address in a variable, and move it on by a number of elements.

    LLVM must not see through it: to save additions, it would compute the address of each row anew in each iteration.
    """
    place = builder.load(moving)
    place = builder.asm(ir.FunctionType(place.type, [place.type]), "", "=r,0", [place], side_effect=False)
    builder.store(_offset(builder, place, count), moving)
    return place


def _zeros(builder: Any, kind: Any) -> Any:
    return cgutils.alloca_once_value(builder, ir.Constant(kind, None))


def _smaller(builder: Any, a: Any, limit: int) -> Any:
    b = ir.Constant(a.type, limit)
    return builder.select(builder.icmp_signed("<", a, b), a, b)


def _element(builder: Any, view: Any, *index: Any) -> Any:
    """Return the address of an element of a view (n,) or (n, m)."""
    return address(builder, view, len(index), *index)


def _offset(builder: Any, place: Any, count: int) -> Any:
    return builder.gep(place, [ir.Constant(ir.IntType(64), count)], inbounds=True)


_add_wide = _row_tile(WIDE, masked=False)
_add_narrow = _row_tile(NARROW, masked=False)
_add_last = _row_tile(NARROW, masked=True)
_add_block = _matrix_tile(MATRIX_ROWS, MATRIX_VECTORS, masked=False)
_add_block_column = _matrix_tile(MATRIX_ROWS, 1, masked=True)
_add_block_vector = _matrix_tile(1, 1, masked=True)
_add_dots = _dot_tile(DOTS, masked=False)
_add_last_dots = _dot_tile(LAST_DOTS, masked=True)
_add_tile = _outer_tile(ROWS, VECTORS, masked=False)
_add_edge = _outer_tile(ROWS, VECTORS, masked=True)
_add_columns = _outer_tile(ROWS, 2, masked=True)
