"""Simple recurrent network (Elman 1990, doi:10.1207/s15516709cog1402_1) with a choice of activation f.

With input x (I,) and state h (H,):

    h' = f(W x + U h + b)

The gradient, for d = dL/dh' from above and from the next event:

    da = d f'(a)      dL/dx = W^T da      dL/dh = U^T da
"""

from __future__ import annotations

from typing import Any, NamedTuple

from stream_rnn.kernels.activations import Activation, activate, slope
from stream_rnn.kernels.linalg import add_outer_products, add_product, add_product_transposed, add_sum
from stream_rnn.layers.gates import Gate, gates_of, squashed
from stream_rnn.layers.layer import Carries, Parameter, Sizes, accumulate, backward, count, forward


class RNN(NamedTuple):
    """A simple recurrent layer; see the module for its equations."""

    inputs: int
    hidden: int
    activation: int = Activation.TANH.value

    @property
    def carries(self) -> Carries:
        """All gradients, by way of the state."""
        return "window"

    def parameters(self) -> tuple[Parameter, ...]:
        """Return the table of W, U and b."""
        I, H = self.inputs, self.hidden
        return (
            Parameter("W", (I, H), "input", "h"),
            Parameter("U", (H, H), "recurrent", "h"),
            Parameter("b", (H,), "bias", "h"),
        )

    @property
    def sizes(self) -> Sizes:
        """State: h. Tape: x, h, h'. Delta: da."""
        I, H = self.inputs, self.hidden
        return Sizes(I, H, count(self.parameters()), state=H, tape=I + 2 * H, delta=H)


@forward.register
def _forward(layer: RNN, params: Any, x: Any, state: Any, tape: Any) -> None:
    I, H = layer.inputs, layer.hidden
    W = params[: I * H].reshape(I, H)
    U = params[I * H : (I + H) * H].reshape(H, H)
    tape[:I] = x
    tape[I : I + H] = state
    a = tape[I + H :]
    a[:] = params[(I + H) * H :]
    add_product(x, W, a)  # (I,) @ (I, H) -> (H,)
    add_product(state, U, a)  # (H,) @ (H, H) -> (H,)
    activate(layer.activation, a)
    state[:] = a


@backward.register
def _backward(layer: RNN, params: Any, tape: Any, d_output: Any, d_state: Any, delta: Any, d_input: Any) -> None:
    I, H = layer.inputs, layer.hidden
    U = params[I * H : (I + H) * H].reshape(H, H)
    for j in range(H):
        delta[j] = d_output[j] + d_state[j]
    slope(layer.activation, tape[I + H :], delta)
    d_state[:] = 0
    add_product_transposed(U, delta, d_state)  # (H, H) @ (H,) -> (H,)
    if d_input.shape[0] > 0:
        W = params[: I * H].reshape(I, H)
        d_input[:] = 0
        add_product_transposed(W, delta, d_input)  # (I, H) @ (H,) -> (I,)


@accumulate.register
def _accumulate(layer: RNN, tapes: Any, tape: int, deltas: Any, delta: int, rows: Any, gradient: Any) -> None:
    I, H = layer.inputs, layer.hidden
    dW = gradient[: I * H].reshape(I, H)
    dU = gradient[I * H : (I + H) * H].reshape(H, H)
    add_outer_products(tapes, tape, deltas, delta, rows, dW)
    add_outer_products(tapes, tape + I, deltas, delta, rows, dU)
    add_sum(deltas, delta, rows, gradient[(I + H) * H :])


@gates_of.register
def _gates_of(layer: RNN) -> tuple[Gate, ...]:
    I, H = layer.inputs, layer.hidden
    return squashed("h", layer.activation, I + H, H)
