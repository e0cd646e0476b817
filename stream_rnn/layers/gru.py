"""Gated recurrent units (Cho et al. 2014, doi:10.3115/v1/D14-1179), reset gate after or before the recurrent product.

With input x (I,) and state h (H,), both have

    r = sigm(W_r x + b_r + U_r h)      reset gate
    z = sigm(W_z x + b_z + U_z h)      update gate
    h' = (1 - z) n + z h

and differ in the candidate n. `GRU` applies the reset gate to the recurrent product, as arXiv:1406.1078v1 and cuDNN do:

    q = U_q h + b_q                    recurrent product
    n = tanh(W_n x + b_n + r q)

`GRUResetBefore` applies it to the state, as arXiv:1406.1078v3 does:

    s = r h                            reset state
    n = tanh(W_n x + b_n + U_n s)

The gradient, for d = dL/dh' from above and from the next event, in the pre-activations of both:

    dn = d (1 - z) (1 - n^2)           dz = d (h - n) z (1 - z)

Reset gate after the product; in the order n, r, z, q, W and U each apply to three consecutive blocks:

    dr = dn q r (1 - r)                dq = dn r
    dL/dx = W^T [dn dr dz]             dL/dh = d z + U^T [dr dz dq]

Reset gate before the product:

    ds = U_n^T dn                      dr = ds h r (1 - r)
    dL/dx = W^T [dn dr dz]             dL/dh = d z + ds r + U^T [dr dz]
"""

from __future__ import annotations

from typing import Any, NamedTuple

from stream_rnn.kernels.activations import Activation, sigmoid, tanh
from stream_rnn.kernels.jit import inner
from stream_rnn.kernels.linalg import add_sum
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


class GRU(NamedTuple):
    """A GRU layer with the reset gate after the recurrent product; see the module for its equations."""

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
            Parameter("W", (I, 3 * H), "input", "nrz"),
            Parameter("U", (H, 3 * H), "recurrent", "rzq"),
            Parameter("b", (4 * H,), "bias", "nrzq"),
        )

    @property
    def sizes(self) -> Sizes:
        """State: h. Tape: x, h, n, r, z, q. Delta: dn, dr, dz, dq."""
        I, H = self.inputs, self.hidden
        return Sizes(I, H, parameter_count(self.parameters()), state=H, tape=I + 5 * H, delta=4 * H)


@input_rows.register
def _input_rows(layer: GRU) -> InputRows:
    return InputRows(params=((0, 3 * layer.hidden),), state=(), tape=((0, 1),))


@forward.register
def _forward(layer: GRU, params: Any, x: Any, state: Any, tape: Any) -> None:
    I, H = layer.inputs, layer.hidden
    W = params[: I * 3 * H].reshape(I, 3 * H)
    U = params[I * 3 * H : (I + H) * 3 * H].reshape(H, 3 * H)
    tape[:I] = x
    tape[I : I + H] = state
    gates = tape[I + H :]
    gates[:] = params[(I + H) * 3 * H :]
    add_product(x, W, gates[: 3 * H])  # (I,) @ (I, 3H) -> (3H,)
    add_product(state, U, gates[H:])  # (H,) @ (H, 3H) -> (3H,)
    one, half = tape.dtype.type(1), tape.dtype.type(0.5)
    n, q = gates[:H], gates[3 * H :]
    rz = gates[H : 3 * H]
    for j in spans(rz):
        rz[j] = sigmoid(rz[j], half)
    r, z = rz[:H], rz[H:]
    for j in spans(n):
        n[j] = tanh(n[j] + r[j] * q[j])
        state[j] = (one - z[j]) * n[j] + z[j] * state[j]


@backward.register
def _backward(layer: GRU, params: Any, tape: Any, d_output: Any, d_state: Any, delta: Any, d_input: Any) -> None:
    I, H = layer.inputs, layer.hidden
    U = params[I * 3 * H : (I + H) * 3 * H].reshape(H, 3 * H)
    backward_gates(layer, tape, d_output, d_state, delta)
    add_product_transposed(U, delta[H:], d_state)  # (H, 3H) @ (3H,) -> (H,)
    if d_input.shape[0] > 0:
        W = params[: I * 3 * H].reshape(I, 3 * H)
        d_input[:] = 0
        add_product_transposed(W, delta[: 3 * H], d_input)  # (I, 3H) @ (3H,) -> (I,)


@backward_gates.register
def _backward_gates(layer: GRU, tape: Any, d_output: Any, d_state: Any, delta: Any) -> None:
    I, H = layer.inputs, layer.hidden
    one = tape.dtype.type(1)
    h, gates = tape[I : I + H], tape[I + H :]
    n, r, z, q = gates[:H], gates[H : 2 * H], gates[2 * H : 3 * H], gates[3 * H :]
    dn, dr, dz, dq = delta[:H], delta[H : 2 * H], delta[2 * H : 3 * H], delta[3 * H :]
    for j in spans(dn):
        nj, rj, zj, qj = n[j], r[j], z[j], q[j]
        d = d_output[j] + d_state[j]
        d_n = d * (one - zj) * (one - nj * nj)
        d_z = d * (h[j] - nj) * zj * (one - zj)
        dn[j] = d_n
        dr[j] = d_n * qj * rj * (one - rj)
        dz[j] = d_z
        dq[j] = d_n * rj
        d_state[j] = d * zj


@recurrent_weights.register
def _recurrent_weights(layer: GRU) -> RecurrentWeights:
    H = layer.hidden
    return RecurrentWeights(layer.inputs * 3 * H, H, 3 * H)


@accumulate.register
def _accumulate(layer: GRU, tapes: Any, tape: int, deltas: Any, delta: int, rows: Any, gradient: Any) -> None:
    I, H = layer.inputs, layer.hidden
    dW = gradient[: I * 3 * H].reshape(I, 3 * H)
    dU = gradient[I * 3 * H : (I + H) * 3 * H].reshape(H, 3 * H)
    add_outer_products(tapes, tape, deltas, delta, rows, dW)  # (I, rows) @ (rows, 3H) -> (I, 3H)
    add_outer_products(tapes, tape + I, deltas, delta + H, rows, dU)  # (H, rows) @ (rows, 3H) -> (H, 3H)
    add_sum(deltas, delta, rows, gradient[(I + H) * 3 * H :])


@gates_of.register
def _gates_of(layer: GRU) -> tuple[Gate, ...]:
    I, H = layer.inputs, layer.hidden
    gates = saturating_gates("n", Activation.TANH, I + H, H)
    return gates + saturating_gates("rz", Activation.SIGMOID, I + 2 * H, H)


class GRUResetBefore(NamedTuple):
    """A GRU layer with the reset gate before the recurrent product; see the module for its equations."""

    inputs: int
    hidden: int

    @property
    def carries(self) -> Carries:
        """All gradients, through the state."""
        return "window"

    def parameters(self) -> tuple[Parameter, ...]:
        """Return the table of W, U, U_n and b."""
        I, H = self.inputs, self.hidden
        return (
            Parameter("W", (I, 3 * H), "input", "nrz"),
            Parameter("U", (H, 2 * H), "recurrent", "rz"),
            Parameter("U_n", (H, H), "recurrent", "n"),
            Parameter("b", (3 * H,), "bias", "nrz"),
        )

    @property
    def sizes(self) -> Sizes:
        """State: h. Tape: x, h, s, n, r, z. Delta: dn, dr, dz."""
        I, H = self.inputs, self.hidden
        return Sizes(I, H, parameter_count(self.parameters()), state=H, tape=I + 5 * H, delta=3 * H)


@input_rows.register
def _input_rows_reset_before(layer: GRUResetBefore) -> InputRows:
    return InputRows(params=((0, 3 * layer.hidden),), state=(), tape=((0, 1),))


@inner
def _offsets(layer: GRUResetBefore) -> tuple[int, int, int]:
    """Return where U, U_n and b start in the parameters."""
    I, H = layer.inputs, layer.hidden
    U_start = I * 3 * H
    U_n_start = U_start + H * 2 * H
    return U_start, U_n_start, U_n_start + H * H


@forward.register
def _forward_reset_before(layer: GRUResetBefore, params: Any, x: Any, state: Any, tape: Any) -> None:
    I, H = layer.inputs, layer.hidden
    U_start, U_n_start, b_start = _offsets(layer)
    W = params[:U_start].reshape(I, 3 * H)
    U = params[U_start:U_n_start].reshape(H, 2 * H)
    U_n = params[U_n_start:b_start].reshape(H, H)
    tape[:I] = x
    tape[I : I + H] = state
    s, gates = tape[I + H : I + 2 * H], tape[I + 2 * H :]
    n, rz = gates[:H], gates[H:]
    gates[:] = params[b_start:]
    add_product(x, W, gates)  # (I,) @ (I, 3H) -> (3H,)
    add_product(state, U, rz)  # (H,) @ (H, 2H) -> (2H,)
    one, half = tape.dtype.type(1), tape.dtype.type(0.5)
    for j in spans(rz):
        rz[j] = sigmoid(rz[j], half)
    r, z = rz[:H], rz[H:]
    for j in spans(s):
        s[j] = r[j] * state[j]
    add_product(s, U_n, n)  # (H,) @ (H, H) -> (H,)
    for j in spans(n):
        n[j] = tanh(n[j])
        state[j] = (one - z[j]) * n[j] + z[j] * state[j]


@backward.register
def _backward_reset_before(
    layer: GRUResetBefore, params: Any, tape: Any, d_output: Any, d_state: Any, delta: Any, d_input: Any
) -> None:
    I, H = layer.inputs, layer.hidden
    U_start, U_n_start, b_start = _offsets(layer)
    U = params[U_start:U_n_start].reshape(H, 2 * H)
    U_n = params[U_n_start:b_start].reshape(H, H)
    one = tape.dtype.type(1)
    h, gates = tape[I : I + H], tape[I + 2 * H :]
    n, r, z = gates[:H], gates[H : 2 * H], gates[2 * H :]
    dn, dr, dz = delta[:H], delta[H : 2 * H], delta[2 * H :]
    for j in spans(dn):
        nj, zj = n[j], z[j]
        d = d_output[j] + d_state[j]
        d_z = d * (h[j] - nj) * zj * (one - zj)
        dn[j] = d * (one - zj) * (one - nj * nj)
        dz[j] = d_z
        d_state[j] = d * zj
    ds = dr  # in the memory of dr, which is computed from it
    ds[:] = 0
    add_product_transposed(U_n, dn, ds)  # (H, H) @ (H,) -> (H,)
    for j in spans(ds):
        d_s = ds[j]
        d_state[j] += d_s * r[j]
        dr[j] = d_s * h[j] * r[j] * (one - r[j])
    add_product_transposed(U, delta[H:], d_state)  # (H, 2H) @ (2H,) -> (H,)
    if d_input.shape[0] > 0:
        W = params[:U_start].reshape(I, 3 * H)
        d_input[:] = 0
        add_product_transposed(W, delta, d_input)  # (I, 3H) @ (3H,) -> (I,)


@accumulate.register
def _accumulate_reset_before(
    layer: GRUResetBefore, tapes: Any, tape: int, deltas: Any, delta: int, rows: Any, gradient: Any
) -> None:
    I, H = layer.inputs, layer.hidden
    U_start, U_n_start, b_start = _offsets(layer)
    dW = gradient[:U_start].reshape(I, 3 * H)
    dU = gradient[U_start:U_n_start].reshape(H, 2 * H)
    dU_n = gradient[U_n_start:b_start].reshape(H, H)
    add_outer_products(tapes, tape, deltas, delta, rows, dW)  # (I, rows) @ (rows, 3H) -> (I, 3H)
    add_outer_products(tapes, tape + I, deltas, delta + H, rows, dU)  # (H, rows) @ (rows, 2H) -> (H, 2H)
    add_outer_products(tapes, tape + I + H, deltas, delta, rows, dU_n)  # (H, rows) @ (rows, H) -> (H, H)
    add_sum(deltas, delta, rows, gradient[b_start:])


@gates_of.register
def _gates_of_reset_before(layer: GRUResetBefore) -> tuple[Gate, ...]:
    I, H = layer.inputs, layer.hidden
    gates = saturating_gates("n", Activation.TANH, I + 2 * H, H)
    return gates + saturating_gates("rz", Activation.SIGMOID, I + 3 * H, H)
