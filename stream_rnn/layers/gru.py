"""Gated recurrent unit (Cho et al. 2014, doi:10.3115/v1/D14-1179), reset gate after the product, as in cuDNN.

With input x (I,), state h (H,) and the pre-activations of the four sums

    n = tanh(W_n x + b_n + r q)        candidate
    r = sigm(W_r x + b_r + U_r h)      reset gate
    z = sigm(W_z x + b_z + U_z h)      update gate
    q = U_q h + b_q                    what the reset gate lets through
    h' = (1 - z) n + z h

The gradient, for d = dL/dh' from above and from the next event, in the pre-activations:

    dn = d (1 - z) (1 - n^2)     dr = dn q r (1 - r)     dz = d (h - n) z (1 - z)     dq = dn r
    dL/dx = W^T [dn dr dz]       dL/dh = d z + U^T [dr dz dq]

The order n, r, z, q lets W see the first three and U the last three of one array without a copy.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from stream_rnn.kernels.activations import Activation, sigmoid, tanh
from stream_rnn.kernels.linalg import add_outer_products, add_product, add_product_transposed, add_sum
from stream_rnn.layers.gates import Gate, gates_of, squashed
from stream_rnn.layers.layer import Carries, Parameter, Sizes, accumulate, backward, count, forward


class GRU(NamedTuple):
    """A gated recurrent unit; see the module for its equations."""

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
            Parameter("W", (I, 3 * H), "input", "nrz"),
            Parameter("U", (H, 3 * H), "recurrent", "rzq"),
            Parameter("b", (4 * H,), "bias", "nrzq"),
        )

    @property
    def sizes(self) -> Sizes:
        """State: h. Tape: x, h, n, r, z, q. Delta: dn, dr, dz, dq."""
        I, H = self.inputs, self.hidden
        return Sizes(I, H, count(self.parameters()), state=H, tape=I + 5 * H, delta=4 * H)


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
    for j in range(2 * H):
        rz[j] = sigmoid(rz[j], half)
    r, z = rz[:H], rz[H:]
    for j in range(H):
        n[j] = tanh(n[j] + r[j] * q[j])
        state[j] = (one - z[j]) * n[j] + z[j] * state[j]


@backward.register
def _backward(layer: GRU, params: Any, tape: Any, d_output: Any, d_state: Any, delta: Any, d_input: Any) -> None:
    I, H = layer.inputs, layer.hidden
    U = params[I * 3 * H : (I + H) * 3 * H].reshape(H, 3 * H)
    one = tape.dtype.type(1)
    h, gates = tape[I : I + H], tape[I + H :]
    n, r, z, q = gates[:H], gates[H : 2 * H], gates[2 * H : 3 * H], gates[3 * H :]
    dn, dr, dz, dq = delta[:H], delta[H : 2 * H], delta[2 * H : 3 * H], delta[3 * H :]
    for j in range(H):
        d = d_output[j] + d_state[j]
        d_n = d * (one - z[j]) * (one - n[j] * n[j])
        dn[j] = d_n
        dr[j] = d_n * q[j] * r[j] * (one - r[j])
        dz[j] = d * (h[j] - n[j]) * z[j] * (one - z[j])
        dq[j] = d_n * r[j]
        d_state[j] = d * z[j]
    add_product_transposed(U, delta[H:], d_state)  # (H, 3H) @ (3H,) -> (H,)
    if d_input.shape[0] > 0:
        W = params[: I * 3 * H].reshape(I, 3 * H)
        d_input[:] = 0
        add_product_transposed(W, delta[: 3 * H], d_input)  # (I, 3H) @ (3H,) -> (I,)


@accumulate.register
def _accumulate(layer: GRU, tapes: Any, tape: int, deltas: Any, delta: int, rows: Any, gradient: Any) -> None:
    I, H = layer.inputs, layer.hidden
    dW = gradient[: I * 3 * H].reshape(I, 3 * H)
    dU = gradient[I * 3 * H : (I + H) * 3 * H].reshape(H, 3 * H)
    add_outer_products(tapes, tape, deltas, delta, rows, dW)
    add_outer_products(tapes, tape + I, deltas, delta + H, rows, dU)
    add_sum(deltas, delta, rows, gradient[(I + H) * 3 * H :])


@gates_of.register
def _gates_of(layer: GRU) -> tuple[Gate, ...]:
    I, H = layer.inputs, layer.hidden
    gates = squashed("n", Activation.TANH, I + H, H)
    return gates + squashed("rz", Activation.SIGMOID, I + 2 * H, H)
