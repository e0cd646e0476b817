"""eLSTM: an LSTM whose units see their own state alone (Irie et al. 2024, arXiv:2305.19044), learned in real time.

Since no unit looks at another, what a unit's state owes to its weights, its sensitivities, can be carried forward with
it at the cost of a forward pass (real-time recurrent learning), so that the gradient is exact at every event and goes
back to the sequence's beginning. The paper's output gate, which nothing remembers, is left to a layer above.

With input x (I,), state c (H,) and element-wise weights w:

    g = tanh(W_g x + w_g c + b_g)      candidate
    f = sigm(W_f x + w_f c + b_f)      forget gate
    c' = f c + (1 - f) g

The sensitivities of c in all weights of both gates, all 0 at the beginning and exact for fixed weights:

    p = (1 - f) (1 - g^2)     q = (c - g) f (1 - f)     A = dc'/dc = f + p w_g + q w_f
    S_W' = A S_W + [p q] x^T         S_w' = A S_w + [p q] c         S_b' = A S_b + [p q]

The gradient, for d = dL/dc' by this event's output alone, since the sensitivities hold the past, is d S'. What is below
has no sensitivities, and is sent D = d + D' that comes back from later events too:

    dL/dx = W^T [p D, q D]     D <- A D
"""

from __future__ import annotations

from typing import Any, NamedTuple

from stream_rnn.kernels.activations import sigmoid, tanh
from stream_rnn.kernels.linalg import add_product, add_product_transposed, add_scaled_columns, copy, recur
from stream_rnn.layers.input_rows import InputRows, input_rows
from stream_rnn.layers.layer import Carries, Parameter, Sizes, accumulate, backward, count, forward


class ELSTM(NamedTuple):
    """An eLSTM layer; see the module for its equations."""

    inputs: int
    hidden: int

    @property
    def carries(self) -> Carries:
        """The gradient of what is below: that of its own weights is known at each event."""
        return "below"

    def parameters(self) -> tuple[Parameter, ...]:
        """Return the table of W, w and b; w begins normal with deviation 0.1, as in the paper's code."""
        I, H = self.inputs, self.hidden
        return (
            Parameter("W", (I, 2 * H), "input", "gf"),
            Parameter("w", (2 * H,), "recurrent", "gf", lambda rng: rng.normal(0, 0.1, 2 * H)),
            Parameter("b", (2 * H,), "bias", "gf"),
        )

    @property
    def sizes(self) -> Sizes:
        """State: c, S in the parameters' order. Tape: [A A], [p q], c', S. Delta: [d d], [p D, q D]."""
        I, H = self.inputs, self.hidden
        P = count(self.parameters())
        return Sizes(I, H, P, state=H + P, tape=5 * H + P, delta=4 * H)


@input_rows.register
def _input_rows(layer: ELSTM) -> InputRows:
    H = layer.hidden
    return InputRows(params=((0, 2 * H),), state=((H, 2 * H),), tape=((5 * H, 2 * H),))


@forward.register
def _forward(layer: ELSTM, params: Any, x: Any, state: Any, tape: Any) -> None:
    I, H = layer.inputs, layer.hidden
    one, half = tape.dtype.type(1), tape.dtype.type(0.5)
    W = params[: I * 2 * H].reshape(I, 2 * H)
    wg, wf = params[I * 2 * H : (2 * I + 1) * H], params[(2 * I + 1) * H : (2 * I + 2) * H]
    AA, pq, fresh = tape[: 2 * H], tape[2 * H : 4 * H], tape[4 * H : 5 * H]
    copy(params[(2 * I + 2) * H :], pq)
    add_product(x, W, pq)  # (I,) @ (I, 2H) -> (2H,)
    c, p, q = state[:H], pq[:H], pq[H:]
    for j in range(H):
        g = tanh(p[j] + wg[j] * c[j])
        f = sigmoid(q[j] + wf[j] * c[j], half)
        fresh[j] = f * c[j] + (one - f) * g
        p[j] = (one - f) * (one - g * g)
        q[j] = (c[j] - g) * f * (one - f)
        AA[j] = f + p[j] * wg[j] + q[j] * wf[j]
    A = AA[:H]
    copy(A, AA[H:])
    S = state[H:].reshape(I + 2, 2 * H)
    for i in range(I):
        recur(AA, x[i], pq, S[i])
    Sg, Sf = S[I, :H], S[I, H:]
    for j in range(H):
        Sg[j] = A[j] * Sg[j] + p[j] * c[j]
        Sf[j] = A[j] * Sf[j] + q[j] * c[j]
    recur(AA, one, pq, S[I + 1])
    copy(fresh, c)
    copy(state[H:], tape[5 * H :])


@backward.register
def _backward(layer: ELSTM, params: Any, tape: Any, d_output: Any, d_state: Any, delta: Any, d_input: Any) -> None:
    I, H = layer.inputs, layer.hidden
    copy(d_output, delta[:H])
    copy(d_output, delta[H : 2 * H])
    if d_input.shape[0] > 0:
        W = params[: I * 2 * H].reshape(I, 2 * H)
        A, p, q = tape[:H], tape[2 * H : 3 * H], tape[3 * H : 4 * H]
        D, pqD = d_state[:H], delta[2 * H :]
        pD, qD = pqD[:H], pqD[H:]
        for j in range(H):
            d = d_output[j] + D[j]
            pD[j] = p[j] * d
            qD[j] = q[j] * d
            D[j] = A[j] * d
        d_input[:] = 0
        add_product_transposed(W, pqD, d_input)  # (I, 2H) @ (2H,) -> (I,)


@accumulate.register
def _accumulate(layer: ELSTM, tapes: Any, tape: int, deltas: Any, delta: int, rows: Any, gradient: Any) -> None:
    I, H = layer.inputs, layer.hidden
    add_scaled_columns(tapes, tape + 5 * H, deltas, delta, rows, gradient.reshape(I + 2, 2 * H))
