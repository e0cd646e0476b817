"""Long short-term memory (Hochreiter & Schmidhuber 1997, doi:10.1162/neco.1997.9.8.1735), without and with peepholes.

`LSTM` has a forget gate (Gers et al. 2000, doi:10.1162/089976600300015015) and no peepholes. With input x (I,), output
h (H,) and cell c (H,):

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

`PeepholeLSTM` lets the gates of each unit see its cell (Gers & Schmidhuber 2000, doi:10.1109/IJCNN.2000.861302; Gers
et al. 2002, doi:10.1162/153244303768966139; with these activations Greff et al. 2017, doi:10.1109/TNNLS.2016.2582924).
The peephole weights p_i, p_f and p_o (H,) add these terms:

    i = sigm(... + p_i c)              f = sigm(... + p_f c)        o = sigm(... + p_o c')

The gradient has do as above, and then

    dc <- dc + dh o (1 - t^2) + do p_o
    dp_i = di c                        dp_f = df c                  dp_o = do c'
    dL/dc = dc f + di p_i + df p_f

The peephole weights are initially 0, so the layer starts as an LSTM.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from stream_rnn.kernels.activations import Activation, sigmoid, tanh
from stream_rnn.kernels.jit import inner
from stream_rnn.kernels.linalg import add_scaled_columns, add_sum
from stream_rnn.kernels.products import add_outer_products, add_product, add_product_transposed
from stream_rnn.kernels.spans import spans
from stream_rnn.layers.gates import Gate, gates_of, saturating_gates
from stream_rnn.layers.input_rows import InputRows, input_rows
from stream_rnn.layers.layer import (
    Carries,
    Parameter,
    RecurrentWeights,
    Sizes,
    accumulate,
    backward,
    backward_gates,
    forward,
    parameter_count,
    recurrent_weights,
)


class LSTM(NamedTuple):
    """An LSTM layer; see the module for its equations."""

    inputs: int
    hidden: int

    @property
    def carries(self) -> Carries:
        """All gradients, through the state."""
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
        return Sizes(I, H, parameter_count(self.parameters()), state=2 * H, tape=I + 7 * H, delta=4 * H)


@input_rows.register
def _input_rows(layer: LSTM) -> InputRows:
    return InputRows(params=((0, 4 * layer.hidden),), state=(), tape=((0, 1),))


@inner
def _gate_sums(layer: LSTM | PeepholeLSTM, params: Any, x: Any, h: Any, gates: Any) -> None:
    """Write W x + U h + b to `gates` (4H,)."""
    I, H = layer.inputs, layer.hidden
    W = params[: I * 4 * H].reshape(I, 4 * H)
    U = params[I * 4 * H : (I + H) * 4 * H].reshape(H, 4 * H)
    gates[:] = params[(I + H) * 4 * H : (I + H + 1) * 4 * H]
    add_product(x, W, gates)  # (I,) @ (I, 4H) -> (4H,)
    add_product(h, U, gates)  # (H,) @ (H, 4H) -> (4H,)


@inner
def _gate_sums_backward(layer: LSTM | PeepholeLSTM, params: Any, delta: Any, dh: Any, d_input: Any) -> None:
    """Add the gradient in h to `dh`, and write that in x unless `d_input` is empty, for `delta` (4H,)."""
    I, H = layer.inputs, layer.hidden
    U = params[I * 4 * H : (I + H) * 4 * H].reshape(H, 4 * H)
    add_product_transposed(U, delta, dh)  # (H, 4H) @ (4H,) -> (H,)
    if d_input.shape[0] > 0:
        W = params[: I * 4 * H].reshape(I, 4 * H)
        d_input[:] = 0
        add_product_transposed(W, delta, d_input)  # (I, 4H) @ (4H,) -> (I,)


@forward.register
def _forward(layer: LSTM, params: Any, x: Any, state: Any, tape: Any) -> None:
    I, H = layer.inputs, layer.hidden
    h, c = state[:H], state[H:]
    tape[:I] = x
    tape[I : I + H] = h
    gates = tape[I + H : I + 5 * H]
    tape[I + 5 * H : I + 6 * H] = c
    _gate_sums(layer, params, x, h, gates)
    half = tape.dtype.type(0.5)
    ifo, g, t = gates[: 3 * H], gates[3 * H :], tape[I + 6 * H :]
    for j in spans(ifo):
        ifo[j] = sigmoid(ifo[j], half)
    i, f, o = ifo[:H], ifo[H : 2 * H], ifo[2 * H :]
    for j in spans(g):
        g[j] = tanh(g[j])
        c[j] = f[j] * c[j] + i[j] * g[j]
    for j in spans(t):
        t[j] = tanh(c[j])
        h[j] = o[j] * t[j]


@backward.register
def _backward(layer: LSTM, params: Any, tape: Any, d_output: Any, d_state: Any, delta: Any, d_input: Any) -> None:
    backward_gates(layer, tape, d_output, d_state, delta)
    _gate_sums_backward(layer, params, delta, d_state[: layer.hidden], d_input)


@backward_gates.register
def _backward_gates(layer: LSTM, tape: Any, d_output: Any, d_state: Any, delta: Any) -> None:
    I, H = layer.inputs, layer.hidden
    one = tape.dtype.type(1)
    gates = tape[I + H : I + 5 * H]
    i, f, o, g = gates[:H], gates[H : 2 * H], gates[2 * H : 3 * H], gates[3 * H :]
    c, t = tape[I + 5 * H : I + 6 * H], tape[I + 6 * H :]
    di, df, do, dg = delta[:H], delta[H : 2 * H], delta[2 * H : 3 * H], delta[3 * H :]
    dh, dc = d_state[:H], d_state[H:]
    for j in spans(dh):
        ij, fj, oj, gj, tj = i[j], f[j], o[j], g[j], t[j]
        d = d_output[j] + dh[j]
        d_c = dc[j] + d * oj * (one - tj * tj)
        d_f = d_c * c[j] * fj * (one - fj)
        di[j] = d_c * gj * ij * (one - ij)
        df[j] = d_f
        do[j] = d * tj * oj * (one - oj)
        dg[j] = d_c * ij * (one - gj * gj)
        dc[j] = d_c * fj
    dh[:] = 0


@recurrent_weights.register
def _recurrent_weights(layer: LSTM) -> RecurrentWeights:
    H = layer.hidden
    return RecurrentWeights(layer.inputs * 4 * H, 0, 4 * H)


@accumulate.register
def _accumulate(layer: LSTM, tapes: Any, tape: int, deltas: Any, delta: int, rows: Any, gradient: Any) -> None:
    I, H = layer.inputs, layer.hidden
    dW = gradient[: I * 4 * H].reshape(I, 4 * H)
    dU = gradient[I * 4 * H : (I + H) * 4 * H].reshape(H, 4 * H)
    add_outer_products(tapes, tape, deltas, delta, rows, dW)  # (I, rows) @ (rows, 4H) -> (I, 4H)
    add_outer_products(tapes, tape + I, deltas, delta, rows, dU)  # (H, rows) @ (rows, 4H) -> (H, 4H)
    add_sum(deltas, delta, rows, gradient[(I + H) * 4 * H :])


@gates_of.register
def _gates_of(layer: LSTM) -> tuple[Gate, ...]:
    I, H = layer.inputs, layer.hidden
    gates = saturating_gates("ifo", Activation.SIGMOID, I + H, H) + saturating_gates("g", Activation.TANH, I + 4 * H, H)
    return gates + saturating_gates("t", Activation.TANH, I + 6 * H, H)


class PeepholeLSTM(NamedTuple):
    """An LSTM layer with peepholes; see the module for its equations."""

    inputs: int
    hidden: int

    @property
    def carries(self) -> Carries:
        """All gradients, through the state."""
        return "window"

    def parameters(self) -> tuple[Parameter, ...]:
        """Return the table of W, U, b and p."""
        H = self.hidden
        peepholes = Parameter("p", (3 * H,), "peephole", "ifo", lambda _: np.zeros(3 * H))
        return (*LSTM(*self).parameters(), peepholes)

    @property
    def sizes(self) -> Sizes:
        """State: h, c. Tape: x, h, i, f, o, g, c, t, c'. Delta: di, df, do, dg."""
        I, H = self.inputs, self.hidden
        return Sizes(I, H, parameter_count(self.parameters()), state=2 * H, tape=I + 8 * H, delta=4 * H)


@input_rows.register
def _input_rows_peephole(layer: PeepholeLSTM) -> InputRows:
    return InputRows(params=((0, 4 * layer.hidden),), state=(), tape=((0, 1),))


@forward.register
def _forward_peephole(layer: PeepholeLSTM, params: Any, x: Any, state: Any, tape: Any) -> None:
    I, H = layer.inputs, layer.hidden
    p = params[(I + H + 1) * 4 * H :]
    p_i, p_f, p_o = p[:H], p[H : 2 * H], p[2 * H :]
    h, c = state[:H], state[H:]
    tape[:I] = x
    tape[I : I + H] = h
    gates = tape[I + H : I + 5 * H]
    tape[I + 5 * H : I + 6 * H] = c
    _gate_sums(layer, params, x, h, gates)
    half = tape.dtype.type(0.5)
    i, f, o, g = gates[:H], gates[H : 2 * H], gates[2 * H : 3 * H], gates[3 * H :]
    t, c_next = tape[I + 6 * H : I + 7 * H], tape[I + 7 * H :]
    for j in spans(i):
        i[j] = sigmoid(i[j] + p_i[j] * c[j], half)
        f[j] = sigmoid(f[j] + p_f[j] * c[j], half)
        g[j] = tanh(g[j])
        c[j] = f[j] * c[j] + i[j] * g[j]
    c_next[:] = c
    for j in spans(o):
        o[j] = sigmoid(o[j] + p_o[j] * c[j], half)
        t[j] = tanh(c[j])
        h[j] = o[j] * t[j]


@backward.register
def _backward_peephole(
    layer: PeepholeLSTM, params: Any, tape: Any, d_output: Any, d_state: Any, delta: Any, d_input: Any
) -> None:
    I, H = layer.inputs, layer.hidden
    p = params[(I + H + 1) * 4 * H :]
    p_i, p_f, p_o = p[:H], p[H : 2 * H], p[2 * H :]
    one = tape.dtype.type(1)
    gates = tape[I + H : I + 5 * H]
    i, f, o, g = gates[:H], gates[H : 2 * H], gates[2 * H : 3 * H], gates[3 * H :]
    c, t = tape[I + 5 * H : I + 6 * H], tape[I + 6 * H : I + 7 * H]
    di, df, do, dg = delta[:H], delta[H : 2 * H], delta[2 * H : 3 * H], delta[3 * H :]
    dh, dc = d_state[:H], d_state[H:]
    for j in spans(dh):
        d = d_output[j] + dh[j]
        do[j] = d * t[j] * o[j] * (one - o[j])
        dc[j] += d * o[j] * (one - t[j] * t[j]) + do[j] * p_o[j]
    for j in spans(dc):
        di[j] = dc[j] * g[j] * i[j] * (one - i[j])
        df[j] = dc[j] * c[j] * f[j] * (one - f[j])
        dg[j] = dc[j] * i[j] * (one - g[j] * g[j])
        dc[j] = dc[j] * f[j] + di[j] * p_i[j] + df[j] * p_f[j]
    dh[:] = 0
    _gate_sums_backward(layer, params, delta, dh, d_input)


@accumulate.register
def _accumulate_peephole(
    layer: PeepholeLSTM, tapes: Any, tape: int, deltas: Any, delta: int, rows: Any, gradient: Any
) -> None:
    I, H = layer.inputs, layer.hidden
    p_start = (I + H + 1) * 4 * H
    accumulate(LSTM(I, H), tapes, tape, deltas, delta, rows, gradient[:p_start])  # tape and delta start as an LSTM's
    dp = gradient[p_start:]
    c, c_next = tape + I + 5 * H, tape + I + 7 * H
    add_scaled_columns(tapes, c, deltas, delta, rows, dp[:H].reshape(1, H))
    add_scaled_columns(tapes, c, deltas, delta + H, rows, dp[H : 2 * H].reshape(1, H))
    add_scaled_columns(tapes, c_next, deltas, delta + 2 * H, rows, dp[2 * H :].reshape(1, H))


@gates_of.register
def _gates_of_peephole(layer: PeepholeLSTM) -> tuple[Gate, ...]:
    return gates_of(LSTM(*layer))  # the tape starts as an LSTM's
