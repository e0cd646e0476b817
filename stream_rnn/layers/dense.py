"""Feed-forward layer, without memory: usually the lowest or the highest layer of a stack.

With input x (I,) and an activation f:

    y = f(W x + b)

The gradient, for d = dL/dy:

    da = d f'(a)      dL/dx = W^T da
"""

from __future__ import annotations

from typing import Any, NamedTuple

from stream_rnn.kernels.activations import Activation, activate, activate_backward
from stream_rnn.kernels.linalg import add_sum
from stream_rnn.kernels.products import add_outer_products, add_product, add_product_transposed
from stream_rnn.layers.gates import Gate, gates_of, saturating_gates
from stream_rnn.layers.input_rows import InputRows, input_rows
from stream_rnn.layers.layer import Carries, Parameter, Sizes, accumulate, backward, forward, parameter_count


class Dense(NamedTuple):
    """A feed-forward layer; see the module for its equations."""

    inputs: int
    hidden: int
    activation: int = Activation.TANH.value

    @property
    def carries(self) -> Carries:
        """None: it has no memory."""
        return "never"

    def parameters(self) -> tuple[Parameter, ...]:
        """Return the table of W and b."""
        I, H = self.inputs, self.hidden
        return (Parameter("W", (I, H), "input", "y"), Parameter("b", (H,), "bias", "y"))

    @property
    def sizes(self) -> Sizes:
        """State: y, which the next event does not read. Tape: x, y. Delta: da."""
        I, H = self.inputs, self.hidden
        return Sizes(I, H, parameter_count(self.parameters()), state=H, tape=I + H, delta=H)


@input_rows.register
def _input_rows(layer: Dense) -> InputRows:
    return InputRows(params=((0, layer.hidden),), state=(), tape=((0, 1),))


@forward.register
def _forward(layer: Dense, params: Any, x: Any, state: Any, tape: Any) -> None:
    I, H = layer.inputs, layer.hidden
    W = params[: I * H].reshape(I, H)
    tape[:I] = x
    y = tape[I:]
    y[:] = params[I * H :]
    add_product(x, W, y)  # (I,) @ (I, H) -> (H,)
    activate(layer.activation, y)
    state[:] = y


@backward.register
def _backward(layer: Dense, params: Any, tape: Any, d_output: Any, d_state: Any, delta: Any, d_input: Any) -> None:
    I, H = layer.inputs, layer.hidden
    delta[:] = d_output
    activate_backward(layer.activation, tape[I:], delta)
    d_state[:] = 0
    if d_input.shape[0] > 0:
        W = params[: I * H].reshape(I, H)
        d_input[:] = 0
        add_product_transposed(W, delta, d_input)  # (I, H) @ (H,) -> (I,)


@accumulate.register
def _accumulate(layer: Dense, tapes: Any, tape: int, deltas: Any, delta: int, rows: Any, gradient: Any) -> None:
    I, H = layer.inputs, layer.hidden
    dW = gradient[: I * H].reshape(I, H)
    add_outer_products(tapes, tape, deltas, delta, rows, dW)  # (I, rows) @ (rows, H) -> (I, H)
    add_sum(deltas, delta, rows, gradient[I * H :])


@gates_of.register
def _gates_of(layer: Dense) -> tuple[Gate, ...]:
    I, H = layer.inputs, layer.hidden
    return saturating_gates("y", layer.activation, I, H)
