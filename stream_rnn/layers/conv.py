"""Causal convolution over the newest k events: a time-delay layer (Waibel et al. 1989, doi:10.1109/29.21701).

With the inputs x_t (I,), which are 0 before the first event of the sequence, and an activation f:

    y_t = f(sum over j < k of W_j x_(t-j) + b)

The gradient, for d = dL/dy_t:

    da_t = d f'(a_t)      dW_j += da_t x_(t-j)^T      dL/dx_t = sum over j < k of W_j^T da_(t+j)

The tape holds the k inputs, so the gradient in the weights is complete at each event. The gradient that an input gets
from later events is carried back in the state's gradient, if there is a layer below.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from stream_rnn.kernels.activations import Activation, activate, activate_backward
from stream_rnn.kernels.linalg import add_sum
from stream_rnn.kernels.products import add_outer_products, add_product, add_product_transposed
from stream_rnn.layers.gates import Gate, gates_of, saturating_gates
from stream_rnn.layers.input_rows import InputRows, input_rows
from stream_rnn.layers.layer import Carries, Parameter, Sizes, accumulate, backward, forward, parameter_count


class Conv(NamedTuple):
    """A causal convolution; see the module for its equations."""

    inputs: int
    hidden: int
    kernel: int
    """k, number of events"""
    activation: int = Activation.TANH.value

    @property
    def carries(self) -> Carries:
        """The gradient in the inputs that it keeps."""
        return "below"

    def parameters(self) -> tuple[Parameter, ...]:
        """Return the table of W, which stacks W_0 (of the newest input) ... W_(k-1), and b."""
        I, H, k = self.inputs, self.hidden, self.kernel
        return (Parameter("W", (k * I, H), "input", "y"), Parameter("b", (H,), "bias", "y"))

    @property
    def sizes(self) -> Sizes:
        """State: y, and the k inputs, newest first. Tape: the same k inputs, y. Delta: da."""
        I, H, k = self.inputs, self.hidden, self.kernel
        return Sizes(I, H, parameter_count(self.parameters()), state=H + k * I, tape=k * I + H, delta=H)


@input_rows.register
def _input_rows(layer: Conv) -> InputRows:
    I, H, k = layer.inputs, layer.hidden, layer.kernel
    return InputRows(
        params=tuple((j * I * H, H) for j in range(k)),
        state=tuple((H + j * I, 1) for j in range(k)),
        tape=tuple((j * I, 1) for j in range(k)),
    )


@forward.register
def _forward(layer: Conv, params: Any, x: Any, state: Any, tape: Any) -> None:
    I, H, K = layer.inputs, layer.hidden, layer.kernel * layer.inputs
    W = params[: K * H].reshape(K, H)
    seen, y = tape[:K], tape[K:]
    seen[:I] = x
    seen[I:] = state[H : H + K - I]
    y[:] = params[K * H :]
    add_product(seen, W, y)  # (kI,) @ (kI, H) -> (H,)
    activate(layer.activation, y)
    state[:H] = y
    state[H:] = seen


@backward.register
def _backward(layer: Conv, params: Any, tape: Any, d_output: Any, d_state: Any, delta: Any, d_input: Any) -> None:
    I, H, K = layer.inputs, layer.hidden, layer.kernel * layer.inputs
    delta[:] = d_output
    activate_backward(layer.activation, tape[K:], delta)
    if d_input.shape[0] > 0:
        W = params[: K * H].reshape(K, H)
        d_seen = d_state[H:]
        add_product_transposed(W, delta, d_seen)  # (kI, H) @ (H,) -> (kI,)
        d_input[:] = d_seen[:I]
        older = d_seen[I:]
        for j in range(K - I):
            d_seen[j] = older[j]  # at the event before, each input was one event newer
        d_seen[K - I :] = 0


@accumulate.register
def _accumulate(layer: Conv, tapes: Any, tape: int, deltas: Any, delta: int, rows: Any, gradient: Any) -> None:
    H, K = layer.hidden, layer.kernel * layer.inputs
    dW = gradient[: K * H].reshape(K, H)
    add_outer_products(tapes, tape, deltas, delta, rows, dW)  # (kI, rows) @ (rows, H) -> (kI, H)
    add_sum(deltas, delta, rows, gradient[K * H :])


@gates_of.register
def _gates_of(layer: Conv) -> tuple[Gate, ...]:
    return saturating_gates("y", layer.activation, layer.kernel * layer.inputs, layer.hidden)
