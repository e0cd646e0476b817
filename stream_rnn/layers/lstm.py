"""Long short-term memory (Hochreiter & Schmidhuber 1997, doi:10.1162/neco.1997.9.8.1735).

With a forget gate (Gers et al. 2000, doi:10.1162/089976600300015015) and without peepholes.

With input x (I,), output h (H,) and cell c (H,):

    i = sigm(W_i x + U_i h + b_i)      input gate
    f = sigm(W_f x + U_f h + b_f)      forget gate
    o = sigm(W_o x + U_o h + b_o)      output gate
    g = tanh(W_g x + U_g h + b_g)      candidate
    c' = f c + i g
    h' = o tanh(c')

The gradient, for dh = dL/dh' and dc = dL/dc' from above and from the next event, in the pre-activations, with
t = tanh(c'):

    dc <- dc + dh o (1 - t^2)          do = dh t o (1 - o)
    di = dc g i (1 - i)                df = dc c f (1 - f)          dg = dc i (1 - g^2)
    dL/dx = W^T [di df do dg]          dL/dh = U^T [di df do dg]    dL/dc = dc f
"""

from __future__ import annotations

from typing import Any, NamedTuple

from stream_rnn.kernels.activations import Activation, sigmoid, tanh
from stream_rnn.kernels.linalg import add_outer_products, add_product, add_product_transposed, add_sum
from stream_rnn.layers.gates import Gate, gates_of, squashed
from stream_rnn.layers.layer import Carries, Parameter, Sizes, accumulate, backward, count, forward


class LSTM(NamedTuple):
    """A long short-term memory layer; see the module for its equations."""

    inputs: int
    hidden: int

    @property
    def carries(self) -> Carries:
        """All gradients, by way of the state."""
        return "window"

    def parameters(self) -> tuple[Parameter, ...]:
        """Return the table of W, U and b."""
        I, H = self.inputs, self.hidden
        return (
            Parameter("W", (I, 4 * H), "input", "ifog"),
            Parameter("U", (H, 4 * H), "recurrent", "ifog"),
            Parameter("b", (4 * H,), "bias", "ifog"),
        )

    @property
    def sizes(self) -> Sizes:
        """State: h, c. Tape: x, h, i, f, o, g, c, t. Delta: di, df, do, dg."""
        I, H = self.inputs, self.hidden
        return Sizes(I, H, count(self.parameters()), state=2 * H, tape=I + 7 * H, delta=4 * H)


@forward.register
def _forward(layer: LSTM, params: Any, x: Any, state: Any, tape: Any) -> None:
    I, H = layer.inputs, layer.hidden
    W = params[: I * 4 * H].reshape(I, 4 * H)
    U = params[I * 4 * H : (I + H) * 4 * H].reshape(H, 4 * H)
    h, c = state[:H], state[H:]
    tape[:I] = x
    tape[I : I + H] = h
    gates = tape[I + H : I + 5 * H]
    tape[I + 5 * H : I + 6 * H] = c
    gates[:] = params[(I + H) * 4 * H :]
    add_product(x, W, gates)  # (I,) @ (I, 4H) -> (4H,)
    add_product(h, U, gates)  # (H,) @ (H, 4H) -> (4H,)
    half = tape.dtype.type(0.5)
    ifo, g, t = gates[: 3 * H], gates[3 * H :], tape[I + 6 * H :]
    for j in range(3 * H):
        ifo[j] = sigmoid(ifo[j], half)
    i, f, o = ifo[:H], ifo[H : 2 * H], ifo[2 * H :]
    for j in range(H):
        g[j] = tanh(g[j])
        c[j] = f[j] * c[j] + i[j] * g[j]
    for j in range(H):
        t[j] = tanh(c[j])
        h[j] = o[j] * t[j]


@backward.register
def _backward(layer: LSTM, params: Any, tape: Any, d_output: Any, d_state: Any, delta: Any, d_input: Any) -> None:
    I, H = layer.inputs, layer.hidden
    U = params[I * 4 * H : (I + H) * 4 * H].reshape(H, 4 * H)
    one = tape.dtype.type(1)
    gates = tape[I + H : I + 5 * H]
    i, f, o, g = gates[:H], gates[H : 2 * H], gates[2 * H : 3 * H], gates[3 * H :]
    c, t = tape[I + 5 * H : I + 6 * H], tape[I + 6 * H :]
    di, df, do, dg = delta[:H], delta[H : 2 * H], delta[2 * H : 3 * H], delta[3 * H :]
    dh, dc = d_state[:H], d_state[H:]
    for j in range(H):
        d = d_output[j] + dh[j]
        do[j] = d * t[j] * o[j] * (one - o[j])
        dc[j] += d * o[j] * (one - t[j] * t[j])
    for j in range(H):
        di[j] = dc[j] * g[j] * i[j] * (one - i[j])
        df[j] = dc[j] * c[j] * f[j] * (one - f[j])
        dg[j] = dc[j] * i[j] * (one - g[j] * g[j])
        dc[j] *= f[j]
    dh[:] = 0
    add_product_transposed(U, delta, dh)  # (H, 4H) @ (4H,) -> (H,)
    if d_input.shape[0] > 0:
        W = params[: I * 4 * H].reshape(I, 4 * H)
        d_input[:] = 0
        add_product_transposed(W, delta, d_input)  # (I, 4H) @ (4H,) -> (I,)


@accumulate.register
def _accumulate(layer: LSTM, tapes: Any, tape: int, deltas: Any, delta: int, rows: Any, gradient: Any) -> None:
    I, H = layer.inputs, layer.hidden
    dW = gradient[: I * 4 * H].reshape(I, 4 * H)
    dU = gradient[I * 4 * H : (I + H) * 4 * H].reshape(H, 4 * H)
    add_outer_products(tapes, tape, deltas, delta, rows, dW)
    add_outer_products(tapes, tape + I, deltas, delta, rows, dU)
    add_sum(deltas, delta, rows, gradient[(I + H) * 4 * H :])


@gates_of.register
def _gates_of(layer: LSTM) -> tuple[Gate, ...]:
    I, H = layer.inputs, layer.hidden
    gates = squashed("ifo", Activation.SIGMOID, I + H, H) + squashed("g", Activation.TANH, I + 4 * H, H)
    return gates + squashed("t", Activation.TANH, I + 6 * H, H)
