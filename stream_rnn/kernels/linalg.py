"""Linear algebra, written so that LLVM vectorises it. Arrays are C-contiguous; shapes are not checked.

Loops run over one-dimensional rows, because a two-dimensional slice loses its layout, and an index with an unknown
offset costs a sign check per element. Rows are processed eight at a time, so that one load of the output serves eight
multiply-adds. Products and sums are added to the output.
"""

from typing import Any

from stream_rnn.kernels.jit import inner


@inner
def add_product(x: Any, W: Any, out: Any) -> None:
    """Out += x W: (n,) @ (n, m) -> (m,)."""
    n, m = W.shape
    i = 0
    while i + 8 <= n:
        x0, x1, x2, x3 = x[i], x[i + 1], x[i + 2], x[i + 3]
        x4, x5, x6, x7 = x[i + 4], x[i + 5], x[i + 6], x[i + 7]
        W0, W1, W2, W3 = W[i], W[i + 1], W[i + 2], W[i + 3]
        W4, W5, W6, W7 = W[i + 4], W[i + 5], W[i + 6], W[i + 7]
        for j in range(m):
            out[j] += ((x0 * W0[j] + x1 * W1[j]) + (x2 * W2[j] + x3 * W3[j])) + (
                (x4 * W4[j] + x5 * W5[j]) + (x6 * W6[j] + x7 * W7[j])
            )
        i += 8
    while i < n:
        x0, W0 = x[i], W[i]
        for j in range(m):
            out[j] += x0 * W0[j]
        i += 1


@inner
def add_product_transposed(W: Any, y: Any, out: Any) -> None:
    """Out += W y: (n, m) @ (m,) -> (n,)."""
    n, m = W.shape
    zero = W.dtype.type(0)
    i = 0
    while i + 8 <= n:
        W0, W1, W2, W3 = W[i], W[i + 1], W[i + 2], W[i + 3]
        W4, W5, W6, W7 = W[i + 4], W[i + 5], W[i + 6], W[i + 7]
        s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = zero
        for j in range(m):
            yj = y[j]
            s0 += W0[j] * yj
            s1 += W1[j] * yj
            s2 += W2[j] * yj
            s3 += W3[j] * yj
            s4 += W4[j] * yj
            s5 += W5[j] * yj
            s6 += W6[j] * yj
            s7 += W7[j] * yj
        out[i] += s0
        out[i + 1] += s1
        out[i + 2] += s2
        out[i + 3] += s3
        out[i + 4] += s4
        out[i + 5] += s5
        out[i + 6] += s6
        out[i + 7] += s7
        i += 8
    while i < n:
        out[i] += dot(W[i], y)
        i += 1


@inner
def copy(x: Any, out: Any) -> None:
    """Out = x: (m,) -> (m,). Assignment to a slice would check at every element whether to broadcast."""
    for j in range(x.shape[0]):
        out[j] = x[j]


@inner
def dot(a: Any, b: Any) -> Any:
    """Return a . b: (m,) . (m,) -> ()."""
    total = a.dtype.type(0)
    for j in range(a.shape[0]):
        total += a[j] * b[j]
    return total


@inner
def add_scaled(a: Any, x: Any, out: Any) -> None:
    """Out += a x: () * (m,) -> (m,)."""
    for j in range(x.shape[0]):
        out[j] += a * x[j]


@inner
def multiply(a: Any, x: Any) -> None:
    """Multiply x (n,) by a scalar a in place."""
    for j in range(x.shape[0]):
        x[j] *= a


@inner
def linear_recurrence(A: Any, a: Any, x: Any, out: Any) -> None:
    """Out = A out + a x, element-wise: (m,) * (m,) + () * (m,) -> (m,)."""
    for j in range(x.shape[0]):
        out[j] = A[j] * out[j] + a * x[j]


@inner
def add_sum(D: Any, start: int, rows: Any, out: Any) -> None:
    """Out += the sum over the given rows of columns start... of D (m) -> (m,)."""
    stop = start + out.shape[0]
    for k in range(rows.shape[0]):
        row = D[rows[k], start:stop]
        for j in range(out.shape[0]):
            out[j] += row[j]


@inner
def add_scaled_columns(X: Any, x_start: int, D: Any, d_start: int, rows: Any, out: Any) -> None:
    """Out += X * D, summed over the given rows; columns x_start... of X as (n, m), d_start... of D (m) -> (n, m)."""
    n, m = out.shape
    for k in range(rows.shape[0]):
        q = rows[k]
        block, scale = X[q, x_start : x_start + n * m].reshape(n, m), D[q, d_start : d_start + m]
        for i in range(n):
            row, columns = out[i], block[i]
            for j in range(m):
                row[j] += columns[j] * scale[j]
