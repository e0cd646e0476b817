"""Linear algebra of vectors, in loops that LLVM vectorises. Shapes are not checked. See `products` for matrices."""

from typing import Any

from stream_rnn.kernels.jit import inner
from stream_rnn.kernels.spans import spans


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
def finite(x: Any) -> bool:
    """Return whether all of x (n,) are finite: 0 times a value that is not is NaN, and a sum is vectorised."""
    zero = x.dtype.type(0)
    total = zero
    for j in range(x.shape[0]):
        total += zero * x[j]
    return total == zero


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
        for j in spans(out):
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
