"""Functions that columnar layers share: their units see only their own state, and are trained by RTRL.

With no connections between units (columns, Javed et al. 2023, arXiv:2302.05326), the derivative of a unit's state h in
each of its weights, its sensitivity S, follows a recurrence of its own. It is updated forward in time at the cost of a
forward pass (real-time recurrent learning), so the gradient is exact at every event, back to the start of the sequence.

A layer with G gates has an input product W x of (G H,), perhaps element-wise weights u (G H,), and biases b (G H,), in
this order. At each event it computes the slopes p (G H,) of the new state h' in the pre-activations, and A = dh'/dh
(H,). With e (G H,), the factors of u in the pre-activations, the sensitivities for constant weights are, from S = 0,

    S_W' = A S_W + p x^T        S_u' = A S_u + p e        S_b' = A S_b + p

The gradient in the weights is d S' for d = dL/dh' from above, without later events, because S' contains the past. The
gradient in the input also comes from later events, as D = d + D':

    dL/dx = W^T (p D)           D <- A D

A is clipped to [-1, 1]. Where a unit's state expands, |A| > 1, the exact sensitivities would grow without bound, as the
unit's errors do not: the state itself is bounded. With |A| <= 1 they grow by |p x| at most, and decay elsewhere.

State: h, S. Tape: A repeated G times, p, what the layer adds, S. Delta: d repeated G times, p D.
"""

from __future__ import annotations

from typing import Any

from stream_rnn.kernels.jit import inner
from stream_rnn.kernels.linalg import add_scaled_columns, copy, linear_recurrence
from stream_rnn.kernels.products import add_product_transposed


@inner
def update_sensitivities(A: Any, p: Any, x: Any, S: Any) -> None:
    """Update S_W and S_b, the first and the last rows of S (n, G H), for A repeated G times (G H,) and p (G H,)."""
    for i in range(x.shape[0]):
        linear_recurrence(A, x[i], p, S[i])
    linear_recurrence(A, p.dtype.type(1), p, S[S.shape[0] - 1])


@inner
def update_recurrent_sensitivities(A: Any, p: Any, e: Any, S: Any) -> None:
    """Update one gate's S_u (H,), for the gate's p (H,) and e (H,)."""
    for j in range(A.shape[0]):
        S[j] = A[j] * S[j] + p[j] * e[j]


@inner
def columnar_backward(
    gates: int, params: Any, tape: Any, d_output: Any, d_state: Any, delta: Any, d_input: Any
) -> None:
    """Do the `backward` of a columnar layer."""
    I, H = d_input.shape[0], d_output.shape[0]
    G = gates * H
    for gate in range(gates):
        copy(d_output, delta[gate * H : (gate + 1) * H])
    if I > 0:
        W = params[: I * G].reshape(I, G)
        A, p = tape[:H], tape[G : 2 * G]
        D, pD = d_state[:H], delta[G:]
        for j in range(H):
            d = d_output[j] + D[j]
            for gate in range(gates):
                pD[gate * H + j] = p[gate * H + j] * d
            D[j] = A[j] * d
        d_input[:] = 0
        add_product_transposed(W, pD, d_input)  # (I, GH) @ (GH,) -> (I,)


@inner
def columnar_accumulate(tapes: Any, S: int, deltas: Any, delta: int, rows: Any, gradient: Any) -> None:
    """Add the gradient of the window to `gradient` (n, G H); S' starts at column `S` of the tapes."""
    add_scaled_columns(tapes, S, deltas, delta, rows, gradient)  # (rows, n, GH) * (rows, 1, GH) -> (n, GH)
