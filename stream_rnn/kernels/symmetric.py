"""Symmetric matrices of which only the lower triangle is used.

The matrices of least squares do not fit into the fastest cache, so that the time of a product is that of reading them.
Half of a symmetric matrix is enough. Rows are processed in blocks, whose vectors are read once for all rows of a block.
Shapes are not checked. What is above the diagonal is neither read nor written.
"""

from __future__ import annotations

from typing import Any

from stream_rnn.kernels.jit import inner

BLOCK = 4
"""Rows that are processed together; the functions whose names end in `_block` are written for this number."""


@inner
def add_symmetric_product(P: Any, x: Any, out: Any) -> None:
    """Out += P x: (n, n) @ (n,) -> (n,)."""
    n = out.shape[0]
    blocks = n - n % BLOCK
    for i in range(0, blocks, BLOCK):
        _add_product_of_block(P, x, out, i)
        for row in range(i, i + BLOCK):
            _add_product_of_row(P[row], x, out, i, row)
    for row in range(blocks, n):
        _add_product_of_row(P[row], x, out, 0, row)


@inner
def _add_product_of_block(P: Any, x: Any, out: Any, i: int) -> None:
    """Add what is to the left of the block on the diagonal, and its mirror image above it."""
    a, b, c, d = P[i], P[i + 1], P[i + 2], P[i + 3]
    x0, x1, x2, x3 = x[i], x[i + 1], x[i + 2], x[i + 3]
    zero = x.dtype.type(0)
    to_a, to_b, to_c, to_d = zero, zero, zero, zero
    for j in range(i):
        xj = x[j]
        to_a += a[j] * xj
        to_b += b[j] * xj
        to_c += c[j] * xj
        to_d += d[j] * xj
        out[j] += a[j] * x0 + b[j] * x1 + c[j] * x2 + d[j] * x3
    out[i] += to_a
    out[i + 1] += to_b
    out[i + 2] += to_c
    out[i + 3] += to_d


@inner
def _add_product_of_row(p: Any, x: Any, out: Any, first: int, row: int) -> None:
    """Add the products of one row from a column on, and of its mirror image."""
    total = p[row] * x[row]
    for j in range(first, row):
        total += p[j] * x[j]
        out[j] += p[j] * x[row]
    out[row] += total


@inner
def subtract_outer_product(P: Any, u: Any, growth: Any) -> None:
    """P <- growth (P - u u^T): (n,) (n,)^T -> (n, n)."""
    n = u.shape[0]
    blocks = n - n % BLOCK
    for i in range(0, blocks, BLOCK):
        _subtract_from_block(P, u, growth, i)
        for row in range(i, i + BLOCK):
            _subtract_from_row(P[row], u, growth, i, row)
    for row in range(blocks, n):
        _subtract_from_row(P[row], u, growth, 0, row)


@inner
def _subtract_from_block(P: Any, u: Any, growth: Any, i: int) -> None:
    """Update what is to the left of the block on the diagonal."""
    a, b, c, d = P[i], P[i + 1], P[i + 2], P[i + 3]
    u0, u1, u2, u3 = u[i], u[i + 1], u[i + 2], u[i + 3]
    for j in range(i):
        uj = u[j]
        a[j] = (a[j] - u0 * uj) * growth
        b[j] = (b[j] - u1 * uj) * growth
        c[j] = (c[j] - u2 * uj) * growth
        d[j] = (d[j] - u3 * uj) * growth


@inner
def _subtract_from_row(p: Any, u: Any, growth: Any, first: int, row: int) -> None:
    """Update one row from a column on."""
    for j in range(first, row + 1):
        p[j] = (p[j] - u[row] * u[j]) * growth


@inner
def copy_column(P: Any, i: int, out: Any) -> None:
    """Out = column i of P: (n, n) -> (n,)."""
    for j in range(i + 1):
        out[j] = P[i, j]
    for j in range(i + 1, out.shape[0]):
        out[j] = P[j, i]
