"""sLSTM: an LSTM with an exponential input gate and a normaliser (Beck et al. 2024, arXiv:2405.04517), with one head.

With input x (I,), output h (H,), cell c (H,), normaliser n (H,), stabiliser m (H,) and the pre-activations W x + U h
+ b of i, f, o and z, the paper computes

    m' = max(log sigm(f) + m, i)
    i* = exp(i - m')                   f* = exp(log sigm(f) + m - m')
    c' = f* c + i* tanh(z)             n' = f* n + i*
    h' = sigm(o) c' / n'

Of c, n and m, only v = c / n and l = m + log n determine later outputs. With them the same outputs are

    s = l + log sigm(f)                what is left of the normaliser
    a = sigm(i - s)                    share of the candidate, i* / n'
    v' = v + a (z - v)                 with z = tanh(z), the candidate
    l' = s + log(1 + exp(i - s))
    h' = o v'                          with o = sigm(o), the output gate

A state of zeros is c = m = 0 and n = 1 in the paper's terms: a sequence starts as if after one event with i = 0 and a
candidate of 0. |v| is at most 1. The paper's forget gate is a sigmoid or an exponential one; with the sigmoid, l is at
most the largest i so far plus the logarithm of the number of events, whereas the other may grow with each event.

The gradient, for dh = dL/dh', dv = dL/dv' and dl = dL/dl' from above and from the next event, in the pre-activations:

    dv <- dv + dh o                    do = dh v' o (1 - o)             dz = dv a (1 - z^2)
    e = dv (z - v) a (1 - a)           ds = dl (1 - a) - e
    di = dl a + e                      df = ds (1 - f)                  with f = sigm(f)
    dL/dx = W^T [di df do dz]          dL/dh = U^T [di df do dz]        dL/dv = dv (1 - a)     dL/dl = ds
"""

from __future__ import annotations

from typing import Any, NamedTuple

from stream_rnn.kernels.activations import Activation, sigmoid, tanh
from stream_rnn.kernels.elementary import softplus
from stream_rnn.kernels.linalg import add_sum, copy
from stream_rnn.kernels.products import add_outer_products, add_product, add_product_transposed
from stream_rnn.layers.gates import Gate, gates_of, saturating_gates
from stream_rnn.layers.input_rows import InputRows, input_rows
from stream_rnn.layers.layer import Carries, Parameter, Sizes, accumulate, backward, forward, parameter_count


class SLSTM(NamedTuple):
    """An sLSTM layer; see the module for its equations."""

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
            Parameter("W", (I, 4 * H), "input", "ifoz"),
            Parameter("U", (H, 4 * H), "recurrent", "ifoz"),
            Parameter("b", (4 * H,), "bias", "ifoz"),
        )

    @property
    def sizes(self) -> Sizes:
        """State: h, v, l. Tape: x, h, a, f, o, z, v. Delta: di, df, do, dz."""
        I, H = self.inputs, self.hidden
        return Sizes(I, H, parameter_count(self.parameters()), state=3 * H, tape=I + 6 * H, delta=4 * H)


@input_rows.register
def _input_rows(layer: SLSTM) -> InputRows:
    return InputRows(params=((0, 4 * layer.hidden),), state=(), tape=((0, 1),))


@forward.register
def _forward(layer: SLSTM, params: Any, x: Any, state: Any, tape: Any) -> None:
    I, H = layer.inputs, layer.hidden
    W = params[: I * 4 * H].reshape(I, 4 * H)
    U = params[I * 4 * H : (I + H) * 4 * H].reshape(H, 4 * H)
    h, v, l = state[:H], state[H : 2 * H], state[2 * H :]
    copy(x, tape[:I])
    copy(h, tape[I : I + H])
    gates = tape[I + H : I + 5 * H]
    copy(v, tape[I + 5 * H :])
    copy(params[(I + H) * 4 * H :], gates)
    add_product(x, W, gates)  # (I,) @ (I, 4H) -> (4H,)
    add_product(h, U, gates)  # (H,) @ (H, 4H) -> (4H,)
    half = tape.dtype.type(0.5)
    a, f, o, z = gates[:H], gates[H : 2 * H], gates[2 * H : 3 * H], gates[3 * H :]
    for j in range(H):
        l[j] -= softplus(-f[j])
        a[j] -= l[j]
        l[j] += softplus(a[j])
    for j in range(3 * H):
        gates[j] = sigmoid(gates[j], half)
    for j in range(H):
        z[j] = tanh(z[j])
        v[j] += a[j] * (z[j] - v[j])
        h[j] = o[j] * v[j]


@backward.register
def _backward(layer: SLSTM, params: Any, tape: Any, d_output: Any, d_state: Any, delta: Any, d_input: Any) -> None:
    I, H = layer.inputs, layer.hidden
    one = tape.dtype.type(1)
    gates, v = tape[I + H : I + 5 * H], tape[I + 5 * H :]
    a, f, o, z = gates[:H], gates[H : 2 * H], gates[2 * H : 3 * H], gates[3 * H :]
    di, df, do, dz = delta[:H], delta[H : 2 * H], delta[2 * H : 3 * H], delta[3 * H :]
    dh, dv, dl = d_state[:H], d_state[H : 2 * H], d_state[2 * H :]
    for j in range(H):
        d, step = d_output[j] + dh[j], z[j] - v[j]
        dv[j] += d * o[j]
        do[j] = d * (v[j] + a[j] * step) * o[j] * (one - o[j])
        dz[j] = dv[j] * a[j] * (one - z[j] * z[j])
        e = dv[j] * step * a[j] * (one - a[j])
        di[j] = dl[j] * a[j] + e
        dl[j] = dl[j] * (one - a[j]) - e
        df[j] = dl[j] * (one - f[j])
        dv[j] *= one - a[j]
    U = params[I * 4 * H : (I + H) * 4 * H].reshape(H, 4 * H)
    dh[:] = 0
    add_product_transposed(U, delta, dh)  # (H, 4H) @ (4H,) -> (H,)
    if d_input.shape[0] > 0:
        W = params[: I * 4 * H].reshape(I, 4 * H)
        d_input[:] = 0
        add_product_transposed(W, delta, d_input)  # (I, 4H) @ (4H,) -> (I,)


@accumulate.register
def _accumulate(layer: SLSTM, tapes: Any, tape: int, deltas: Any, delta: int, rows: Any, gradient: Any) -> None:
    I, H = layer.inputs, layer.hidden
    dW = gradient[: I * 4 * H].reshape(I, 4 * H)
    dU = gradient[I * 4 * H : (I + H) * 4 * H].reshape(H, 4 * H)
    add_outer_products(tapes, tape, deltas, delta, rows, dW)  # (I, rows) @ (rows, 4H) -> (I, 4H)
    add_outer_products(tapes, tape + I, deltas, delta, rows, dU)  # (H, rows) @ (rows, 4H) -> (H, 4H)
    add_sum(deltas, delta, rows, gradient[(I + H) * 4 * H :])


@gates_of.register
def _gates_of(layer: SLSTM) -> tuple[Gate, ...]:
    I, H = layer.inputs, layer.hidden
    return saturating_gates("afo", Activation.SIGMOID, I + H, H) + saturating_gates("z", Activation.TANH, I + 4 * H, H)
