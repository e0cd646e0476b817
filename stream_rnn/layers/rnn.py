"""Simple recurrent network (Elman 1990, doi:10.1207/s15516709cog1402_1).

With input x (I,), state h (H,) and an activation f:

    h' = f(W x + U h + b)

The gradient, for d = dL/dh' from above and from the next event:

    da = d f'(a)      dL/dx = W^T da      dL/dh = U^T da

`vanishing` is the weight of a penalty on vanishing and exploding gradients (Pascanu et al. 2013, arXiv:1211.5063,
section 3.3), a sum over the events of the window that is added to the loss:

    Omega = sum of (|u| / |d| - 1)^2      u = dL/dh = U^T da

Its gradient is the paper's immediate one, which holds d, f'(a) and h constant:

    dOmega/dU += e da u^T      e = 2 (|u| / |d| - 1) / (|u| |d|)

An event whose |d| or |u| is below 1e-18 adds nothing, because float32 cannot represent the square.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from stream_rnn.kernels.activations import Activation, activate, activate_backward
from stream_rnn.kernels.jit import inner
from stream_rnn.kernels.linalg import add_scaled, add_sum, dot
from stream_rnn.kernels.products import add_outer_products, add_product, add_product_transposed
from stream_rnn.kernels.spans import spans
from stream_rnn.layers.gates import Gate, gates_of, saturating_gates
from stream_rnn.layers.input_rows import InputRows, input_rows
from stream_rnn.layers.layer import Carries, Parameter, Sizes, accumulate, backward, forward, parameter_count

MIN_NORM = 1e-18
"""Norm at or below which a gradient is not penalised."""


class RNN(NamedTuple):
    """A simple recurrent layer; see the module for its equations."""

    inputs: int
    hidden: int
    activation: int = Activation.TANH.value
    vanishing: float = 0.0
    """weight of the penalty on vanishing and exploding gradients"""

    @property
    def carries(self) -> Carries:
        """All gradients, through the state."""
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
        """State: h. Tape: x, h, h'. Delta: da, and the penalty's e u."""
        I, H = self.inputs, self.hidden
        return Sizes(
            I, H, parameter_count(self.parameters()), state=H, tape=I + 2 * H, delta=2 * H if self.vanishing > 0 else H
        )


@input_rows.register
def _input_rows(layer: RNN) -> InputRows:
    return InputRows(params=((0, layer.hidden),), state=(), tape=((0, 1),))


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
    da = delta[:H]
    for j in spans(da):
        da[j] = d_output[j] + d_state[j]
    square = dot(da, da) if layer.vanishing > 0 else tape.dtype.type(0)  # |d|^2, before d becomes da
    activate_backward(layer.activation, tape[I + H :], da)
    d_state[:] = 0
    add_product_transposed(U, da, d_state)  # (H, H) @ (H,) -> (H,)
    if layer.vanishing > 0:
        _vanishing_penalty(layer.vanishing, square, d_state, delta[H:])
    if d_input.shape[0] > 0:
        W = params[: I * H].reshape(I, H)
        d_input[:] = 0
        add_product_transposed(W, da, d_input)  # (I, H) @ (H,) -> (I,)


@inner
def _vanishing_penalty(vanishing: float, square: float, u: Any, eu: Any) -> None:
    """Write the penalty's e u (H,), for |d|^2 = `square`."""
    norm_d, norm_u = math.sqrt(square), math.sqrt(dot(u, u))
    eu[:] = 0
    if norm_d > MIN_NORM and norm_u > MIN_NORM:
        e = u.dtype.type(2 * vanishing * (norm_u / norm_d - 1) / (norm_u * norm_d))
        add_scaled(e, u, eu)


@accumulate.register
def _accumulate(layer: RNN, tapes: Any, tape: int, deltas: Any, delta: int, rows: Any, gradient: Any) -> None:
    I, H = layer.inputs, layer.hidden
    dW = gradient[: I * H].reshape(I, H)
    dU = gradient[I * H : (I + H) * H].reshape(H, H)
    add_outer_products(tapes, tape, deltas, delta, rows, dW)  # (I, rows) @ (rows, H) -> (I, H)
    add_outer_products(tapes, tape + I, deltas, delta, rows, dU)  # (H, rows) @ (rows, H) -> (H, H)
    add_sum(deltas, delta, rows, gradient[(I + H) * H :])
    if layer.vanishing > 0:
        add_outer_products(deltas, delta + H, deltas, delta, rows, dU)  # (H, rows) @ (rows, H) -> (H, H)


@gates_of.register
def _gates_of(layer: RNN) -> tuple[Gate, ...]:
    I, H = layer.inputs, layer.hidden
    return saturating_gates("h", layer.activation, I + H, H)
