"""eLSTM: an LSTM without connections between its units (Irie et al. 2024, arXiv:2305.19044), trained by RTRL.

With input x (I,), state c (H,) and element-wise weights w:

    g = tanh(W_g x + w_g c + b_g)      candidate
    f = sigm(W_f x + w_f c + b_f)      forget gate
    c' = f c + (1 - f) g

The paper's output gate has no state; a layer above can do its work. The slopes of c' in the pre-activations of g and f,
and in c:

    p = (1 - f) (1 - g^2)     q = (c - g) f (1 - f)     A = dc'/dc = f + p w_g + q w_f, clipped to [-1, 1]

The sensitivities and the gradient are those of `columnar`:

    S_W' = A S_W + [p q] x^T           S_w' = A S_w + [p q] c           S_b' = A S_b + [p q]
    dL/d(W, w, b) = d S'               dL/dx = W^T [p D, q D]           D <- A D

with d = dL/dc' from above, and D = d + D' from later events too.
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


class ELSTM(NamedTuple):
    """An eLSTM layer; see the module for its equations."""

    inputs: int
    hidden: int

    @property
    def carries(self) -> Carries:
        """The gradient in its inputs; that in its own weights is complete at each event."""
        return "below"

    def parameters(self) -> tuple[Parameter, ...]:
        """Return the table of W, w and b; initial w are normal with deviation 0.1, as in the paper's code."""
        I, H = self.inputs, self.hidden
        return (
            Parameter("W", (I, 2 * H), "input", "gf"),
            Parameter("w", (2 * H,), "recurrent", "gf", lambda rng: rng.normal(0, 0.1, 2 * H)),
            Parameter("b", (2 * H,), "bias", "gf"),
        )

    @property
    def sizes(self) -> Sizes:
        """State: c, S in the order of the parameters. Tape: [A A], [p q], c', S. Delta: [d d], [p D, q D]."""
        I, H = self.inputs, self.hidden
        P = parameter_count(self.parameters())
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
    AA, pq, c_next = tape[: 2 * H], tape[2 * H : 4 * H], tape[4 * H : 5 * H]
    copy(params[(2 * I + 2) * H :], pq)
    add_product(x, W, pq)  # (I,) @ (I, 2H) -> (2H,)
    c, p, q, A = state[:H], pq[:H], pq[H:], AA[:H]
    for j in range(H):
        g = tanh(p[j] + wg[j] * c[j])
        f = sigmoid(q[j] + wf[j] * c[j], half)
        c_next[j] = f * c[j] + (one - f) * g
        p[j] = (one - f) * (one - g * g)
        q[j] = (c[j] - g) * f * (one - f)
        A[j] = min(max(f + p[j] * wg[j] + q[j] * wf[j], -one), one)
    copy(A, AA[H:])
    S = state[H:].reshape(I + 2, 2 * H)
    update_sensitivities(AA, pq, x, S)
    update_recurrent_sensitivities(A, p, c, S[I, :H])
    update_recurrent_sensitivities(A, q, c, S[I, H:])
    copy(c_next, c)
    copy(state[H:], tape[5 * H :])


@backward.register
def _backward(layer: ELSTM, params: Any, tape: Any, d_output: Any, d_state: Any, delta: Any, d_input: Any) -> None:  # noqa: ARG001 - the signature of `backward`
    columnar_backward(2, params, tape, d_output, d_state, delta, d_input)


@accumulate.register
def _accumulate(layer: ELSTM, tapes: Any, tape: int, deltas: Any, delta: int, rows: Any, gradient: Any) -> None:
    I, H = layer.inputs, layer.hidden
    columnar_accumulate(tapes, tape + 5 * H, deltas, delta, rows, gradient.reshape(I + 2, 2 * H))


@gates_of.register
def _gates_of(layer: ELSTM) -> tuple[Gate, ...]:  # noqa: ARG001 - the tape holds slopes, not the values of g and f
    return ()
