"""GRU without connections between its units, as columns (Javed et al. 2023, arXiv:2302.05326), trained by RTRL.

With input x (I,), state h (H,) and element-wise weights u:

    n = tanh(W_n x + u_n r h + b_n)      candidate
    r = sigm(W_r x + u_r h + b_r)        reset gate
    z = sigm(W_z x + u_z h + b_z)        update gate
    h' = (1 - z) n + z h

The slopes of h' in the pre-activations of n, r and z, P = [p_n p_r p_z], and in h:

    p_n = (1 - z) (1 - n^2)     p_r = p_n u_n h r (1 - r)     p_z = (h - n) z (1 - z)
    A = dh'/dh = z + p_n u_n r + p_r u_r + p_z u_z, clipped to [-1, 1]

The sensitivities and the gradient are those of `columnar`:

    S_W' = A S_W + P x^T        S_u' = A S_u + P [r h, h, h]        S_b' = A S_b + P
    dL/d(W, u, b) = d S'        dL/dx = W^T (P D)                   D <- A D

with d = dL/dh' from above, and D = d + D' from later events too.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from stream_rnn.kernels.activations import sigmoid, tanh
from stream_rnn.kernels.linalg import copy
from stream_rnn.kernels.products import add_product
from stream_rnn.layers.columnar import (
    columnar_accumulate,
    columnar_backward,
    update_recurrent_sensitivities,
    update_sensitivities,
)
from stream_rnn.layers.gates import Gate, gates_of
from stream_rnn.layers.input_rows import InputRows, input_rows
from stream_rnn.layers.layer import Carries, Parameter, Sizes, accumulate, backward, forward, parameter_count


class ColumnarGRU(NamedTuple):
    """A columnar GRU layer; see the module for its equations."""

    inputs: int
    hidden: int

    @property
    def carries(self) -> Carries:
        """The gradient in its inputs; that in its own weights is complete at each event."""
        return "below"

    def parameters(self) -> tuple[Parameter, ...]:
        """Return the table of W, u and b; initial u are normal with deviation 0.1, as in the eLSTM."""
        I, H = self.inputs, self.hidden
        return (
            Parameter("W", (I, 3 * H), "input", "nrz"),
            Parameter("u", (3 * H,), "recurrent", "nrz", lambda rng: rng.normal(0, 0.1, 3 * H)),
            Parameter("b", (3 * H,), "bias", "nrz"),
        )

    @property
    def sizes(self) -> Sizes:
        """State: h, S in the order of the parameters. Tape: [A A A], P, h', r h, S. Delta: [d d d], P D."""
        I, H = self.inputs, self.hidden
        P = parameter_count(self.parameters())
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
    AAA, P, h_next, rh = tape[: 3 * H], tape[3 * H : 6 * H], tape[6 * H : 7 * H], tape[7 * H : 8 * H]
    copy(params[(I + 1) * 3 * H :], P)
    add_product(x, W, P)  # (I,) @ (I, 3H) -> (3H,)
    h, pn, pr, pz, A = state[:H], P[:H], P[H : 2 * H], P[2 * H :], AAA[:H]
    for j in range(H):
        r = sigmoid(pr[j] + ur[j] * h[j], half)
        z = sigmoid(pz[j] + uz[j] * h[j], half)
        n = tanh(pn[j] + un[j] * r * h[j])
        h_next[j] = (one - z) * n + z * h[j]
        rh[j] = r * h[j]
        pn[j] = (one - z) * (one - n * n)
        pr[j] = pn[j] * un[j] * rh[j] * (one - r)
        pz[j] = (h[j] - n) * z * (one - z)
        A[j] = min(max(z + pn[j] * un[j] * r + pr[j] * ur[j] + pz[j] * uz[j], -one), one)
    copy(A, AAA[H : 2 * H])
    copy(A, AAA[2 * H :])
    S = state[H:].reshape(I + 2, 3 * H)
    update_sensitivities(AAA, P, x, S)
    update_recurrent_sensitivities(A, pn, rh, S[I, :H])
    update_recurrent_sensitivities(A, pr, h, S[I, H : 2 * H])
    update_recurrent_sensitivities(A, pz, h, S[I, 2 * H :])
    copy(h_next, h)
    copy(state[H:], tape[8 * H :])


@backward.register
def _backward(
    layer: ColumnarGRU,  # noqa: ARG001 - the signature of `backward`
    params: Any,
    tape: Any,
    d_output: Any,
    d_state: Any,
    delta: Any,
    d_input: Any,
) -> None:
    columnar_backward(3, params, tape, d_output, d_state, delta, d_input)


@accumulate.register
def _accumulate(layer: ColumnarGRU, tapes: Any, tape: int, deltas: Any, delta: int, rows: Any, gradient: Any) -> None:
    I, H = layer.inputs, layer.hidden
    columnar_accumulate(tapes, tape + 8 * H, deltas, delta, rows, gradient.reshape(I + 2, 3 * H))


@gates_of.register
def _gates_of(layer: ColumnarGRU) -> tuple[Gate, ...]:  # noqa: ARG001 - the tape holds slopes, not gate values
    return ()
