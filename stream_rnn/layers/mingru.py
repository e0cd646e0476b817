"""minGRU: a GRU whose gate and candidate see only the input (Feng et al. 2024, arXiv:2410.01201), trained by RTRL.

With input x (I,) and state h (H,):

    g = W_g x + b_g             candidate
    z = sigm(W_z x + b_z)       update gate
    h' = (1 - z) g + z h

The paper's gate is 1 - z; this one is that of the other GRUs, so that `update_bias` has the same meaning. The slopes of
h' in the pre-activations of g and z, and in h:

    p = 1 - z     q = (h - g) z (1 - z)     A = dh'/dh = z

The sensitivities and the gradient are those of `columnar`, without element-wise weights u:

    S_W' = A S_W + [p q] x^T           S_b' = A S_b + [p q]
    dL/d(W, b) = d S'                  dL/dx = W^T [p D, q D]           D <- A D

with d = dL/dh' from above, and D = d + D' from later events too. A needs no clipping, because it is a gate.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from stream_rnn.kernels.activations import Activation, sigmoid
from stream_rnn.kernels.linalg import copy
from stream_rnn.kernels.products import add_product
from stream_rnn.layers.columnar import columnar_accumulate, columnar_backward, update_sensitivities
from stream_rnn.layers.gates import Gate, gates_of, saturating_gates
from stream_rnn.layers.input_rows import InputRows, input_rows
from stream_rnn.layers.layer import Carries, Parameter, Sizes, accumulate, backward, forward, parameter_count


class MinGRU(NamedTuple):
    """A minGRU layer; see the module for its equations."""

    inputs: int
    hidden: int

    @property
    def carries(self) -> Carries:
        """The gradient in its inputs; that in its own weights is complete at each event."""
        return "below"

    def parameters(self) -> tuple[Parameter, ...]:
        """Return the table of W and b."""
        I, H = self.inputs, self.hidden
        return (Parameter("W", (I, 2 * H), "input", "gz"), Parameter("b", (2 * H,), "bias", "gz"))

    @property
    def sizes(self) -> Sizes:
        """State: h, S in the order of the parameters. Tape: [z z], [p q], S. Delta: [d d], [p D, q D]."""
        I, H = self.inputs, self.hidden
        P = parameter_count(self.parameters())
        return Sizes(I, H, P, state=H + P, tape=4 * H + P, delta=4 * H)


@input_rows.register
def _input_rows(layer: MinGRU) -> InputRows:
    H = layer.hidden
    return InputRows(params=((0, 2 * H),), state=((H, 2 * H),), tape=((4 * H, 2 * H),))


@forward.register
def _forward(layer: MinGRU, params: Any, x: Any, state: Any, tape: Any) -> None:
    I, H = layer.inputs, layer.hidden
    one, half = tape.dtype.type(1), tape.dtype.type(0.5)
    W = params[: I * 2 * H].reshape(I, 2 * H)
    zz, pq = tape[: 2 * H], tape[2 * H : 4 * H]
    copy(params[I * 2 * H :], pq)
    add_product(x, W, pq)  # (I,) @ (I, 2H) -> (2H,)
    h, p, q, z = state[:H], pq[:H], pq[H:], zz[:H]
    for j in range(H):
        g = p[j]
        z[j] = sigmoid(q[j], half)
        p[j] = one - z[j]
        q[j] = (h[j] - g) * z[j] * p[j]
        h[j] = p[j] * g + z[j] * h[j]
    copy(z, zz[H:])
    update_sensitivities(zz, pq, x, state[H:].reshape(I + 1, 2 * H))
    copy(state[H:], tape[4 * H :])


@backward.register
def _backward(layer: MinGRU, params: Any, tape: Any, d_output: Any, d_state: Any, delta: Any, d_input: Any) -> None:  # noqa: ARG001 - the signature of `backward`
    columnar_backward(2, params, tape, d_output, d_state, delta, d_input)


@accumulate.register
def _accumulate(layer: MinGRU, tapes: Any, tape: int, deltas: Any, delta: int, rows: Any, gradient: Any) -> None:
    I, H = layer.inputs, layer.hidden
    columnar_accumulate(tapes, tape + 4 * H, deltas, delta, rows, gradient.reshape(I + 1, 2 * H))


@gates_of.register
def _gates_of(layer: MinGRU) -> tuple[Gate, ...]:
    return saturating_gates("z", Activation.SIGMOID, 0, layer.hidden)
