"""GRU whose units see their own state alone, learned in real time.

Units that do not look at one another are columns in the sense of Javed et al. (2023, arXiv:2302.05326): what a unit's
state owes to its weights, its sensitivities, can be carried forward with it at the cost of a forward pass (real-time
recurrent learning), so that the gradient is exact at every event and goes back to the sequence's beginning.

With input x (I,), state h (H,) and element-wise weights u:

    n = tanh(W_n x + u_n r h + b_n)      candidate
    r = sigm(W_r x + u_r h + b_r)        reset gate
    z = sigm(W_z x + u_z h + b_z)        update gate
    h' = (1 - z) n + z h

The sensitivities of h in all weights of the three gates, all 0 at the beginning and exact for fixed weights, with
P = [p_n p_r p_z], the slopes of h' in the pre-activations:

    p_n = (1 - z) (1 - n^2)     p_r = p_n u_n h r (1 - r)     p_z = (h - n) z (1 - z)
    A = dh'/dh = z + p_n u_n r + p_r u_r + p_z u_z
    S_W' = A S_W + P x^T        S_u' = A S_u + P [r h, h, h]        S_b' = A S_b + P

The gradient, for d = dL/dh' by this event's output alone, since the sensitivities hold the past, is d S'. What is below
has no sensitivities, and is sent D = d + D' that comes back from later events too:

    dL/dx = W^T (P D)     D <- A D
"""

from __future__ import annotations

from typing import Any, NamedTuple

from stream_rnn.kernels.activations import sigmoid, tanh
from stream_rnn.kernels.linalg import add_product, add_product_transposed, add_scaled_columns, copy, recur
from stream_rnn.layers.input_rows import InputRows, input_rows
from stream_rnn.layers.layer import Carries, Parameter, Sizes, accumulate, backward, count, forward


class ColumnarGRU(NamedTuple):
    """A gated recurrent unit of columns; see the module for its equations."""

    inputs: int
    hidden: int

    @property
    def carries(self) -> Carries:
        """The gradient of what is below: that of its own weights is known at each event."""
        return "below"

    def parameters(self) -> tuple[Parameter, ...]:
        """Return the table of W, u and b; u begins normal with deviation 0.1, as the eLSTM's."""
        I, H = self.inputs, self.hidden
        return (
            Parameter("W", (I, 3 * H), "input", "nrz"),
            Parameter("u", (3 * H,), "recurrent", "nrz", lambda rng: rng.normal(0, 0.1, 3 * H)),
            Parameter("b", (3 * H,), "bias", "nrz"),
        )

    @property
    def sizes(self) -> Sizes:
        """State: h, S in the parameters' order. Tape: [A A A], P, h', r h, S. Delta: [d d d], P D."""
        I, H = self.inputs, self.hidden
        P = count(self.parameters())
        return Sizes(I, H, P, state=H + P, tape=8 * H + P, delta=6 * H)


@input_rows.register
def _input_rows(layer: ColumnarGRU) -> InputRows:
    H = layer.hidden
    return InputRows(params=((0, 3 * H),), state=((H, 3 * H),), tape=((8 * H, 3 * H),))


@forward.register
def _forward(layer: ColumnarGRU, params: Any, x: Any, state: Any, tape: Any) -> None:
    I, H = layer.inputs, layer.hidden
    one, half = tape.dtype.type(1), tape.dtype.type(0.5)
    W, u = params[: I * 3 * H].reshape(I, 3 * H), params[I * 3 * H : (I + 1) * 3 * H]
    un, ur, uz = u[:H], u[H : 2 * H], u[2 * H :]
    AAA, P, fresh, rh = tape[: 3 * H], tape[3 * H : 6 * H], tape[6 * H : 7 * H], tape[7 * H : 8 * H]
    copy(params[(I + 1) * 3 * H :], P)
    add_product(x, W, P)  # (I,) @ (I, 3H) -> (3H,)
    h, pn, pr, pz, A = state[:H], P[:H], P[H : 2 * H], P[2 * H :], AAA[:H]
    for j in range(H):
        r = sigmoid(pr[j] + ur[j] * h[j], half)
        z = sigmoid(pz[j] + uz[j] * h[j], half)
        n = tanh(pn[j] + un[j] * r * h[j])
        fresh[j] = (one - z) * n + z * h[j]
        rh[j] = r * h[j]
        pn[j] = (one - z) * (one - n * n)
        pr[j] = pn[j] * un[j] * rh[j] * (one - r)
        pz[j] = (h[j] - n) * z * (one - z)
        A[j] = z + pn[j] * un[j] * r + pr[j] * ur[j] + pz[j] * uz[j]
    copy(A, AAA[H : 2 * H])
    copy(A, AAA[2 * H :])
    S = state[H:].reshape(I + 2, 3 * H)
    for i in range(I):
        recur(AAA, x[i], P, S[i])
    Sn, Sr, Sz = S[I, :H], S[I, H : 2 * H], S[I, 2 * H :]
    for j in range(H):
        Sn[j] = A[j] * Sn[j] + pn[j] * rh[j]
        Sr[j] = A[j] * Sr[j] + pr[j] * h[j]
        Sz[j] = A[j] * Sz[j] + pz[j] * h[j]
    recur(AAA, one, P, S[I + 1])
    copy(fresh, h)
    copy(state[H:], tape[8 * H :])


@backward.register
def _backward(
    layer: ColumnarGRU, params: Any, tape: Any, d_output: Any, d_state: Any, delta: Any, d_input: Any
) -> None:
    I, H = layer.inputs, layer.hidden
    for gate in range(3):
        copy(d_output, delta[gate * H : (gate + 1) * H])
    if d_input.shape[0] > 0:
        W = params[: I * 3 * H].reshape(I, 3 * H)
        A, P = tape[:H], tape[3 * H : 6 * H]
        pn, pr, pz = P[:H], P[H : 2 * H], P[2 * H :]
        D, PD = d_state[:H], delta[3 * H :]
        Dn, Dr, Dz = PD[:H], PD[H : 2 * H], PD[2 * H :]
        for j in range(H):
            d = d_output[j] + D[j]
            Dn[j] = pn[j] * d
            Dr[j] = pr[j] * d
            Dz[j] = pz[j] * d
            D[j] = A[j] * d
        d_input[:] = 0
        add_product_transposed(W, PD, d_input)  # (I, 3H) @ (3H,) -> (I,)


@accumulate.register
def _accumulate(layer: ColumnarGRU, tapes: Any, tape: int, deltas: Any, delta: int, rows: Any, gradient: Any) -> None:
    I, H = layer.inputs, layer.hidden
    add_scaled_columns(tapes, tape + 8 * H, deltas, delta, rows, gradient.reshape(I + 2, 3 * H))
