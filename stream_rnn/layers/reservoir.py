"""Echo state network: a recurrent layer with fixed random weights (Jaeger 2001, GMD report 148).

With leaky units (Jaeger et al. 2007, doi:10.1016/j.neunet.2007.04.016), input x (I,), state h (H,) and leak rates l
(H,):

    t = tanh(W_in x + W h + b)
    h' = (1 - l) h + l t

The rates are spread evenly on a logarithmic scale from `slowest` to `fastest`, because the time scales of a series are
not known in advance (Tanaka et al. 2022, doi:10.1103/PhysRevResearch.4.L032014).

Layers below it can be learned. The gradient, for d = dL/dh' from above and from the next event:

    da = d l (1 - t^2)      dL/dx = W_in^T da      dL/dh = (1 - l) d + W^T da

W_in is uniform in [-input_scaling, input_scaling] / sqrt(I), so that units are driven equally by few inputs and by
many, and b in [-input_scaling, input_scaling]: together the biases weigh as much as all inputs (Lukosevicius 2012,
doi:10.1007/978-3-642-35289-8_36). A fraction `density` of the elements of W, at least H of them, is uniform in
[-1, 1], at random positions; the others are 0. W is then scaled to `spectral_radius`, the largest absolute eigenvalue.
A draw whose eigenvalues are all 0 cannot be scaled and is repeated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from stream_rnn.kernels.activations import Activation, tanh
from stream_rnn.kernels.jit import inner
from stream_rnn.kernels.products import add_product, add_product_transposed
from stream_rnn.layers.gates import Gate, gates_of, saturating_gates
from stream_rnn.layers.input_rows import InputRows, input_rows
from stream_rnn.layers.layer import Carries, Parameter, Sizes, accumulate, backward, forward, parameter_count

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Reservoir(NamedTuple):
    """An echo state layer; see the module for its equations."""

    inputs: int
    hidden: int
    spectral_radius: float
    density: float
    input_scaling: float
    slowest: float
    fastest: float

    @property
    def carries(self) -> Carries:
        """The gradient in its inputs, through the state."""
        return "below"

    def parameters(self) -> tuple[Parameter, ...]:
        """Return the table of W_in, W and b."""
        I, H, scale = self.inputs, self.hidden, self.input_scaling
        return (
            Parameter(
                "W_in", (I, H), "fixed", "h", lambda rng: rng.uniform(-scale, scale, (I, H)) / np.sqrt(max(I, 1))
            ),
            Parameter("W", (H, H), "fixed", "h", lambda rng: _recurrent_weights(self, rng)),
            Parameter("b", (H,), "fixed", "h", lambda rng: rng.uniform(-scale, scale, H)),
        )

    @property
    def sizes(self) -> Sizes:
        """State: h. Tape: t. Delta: da."""
        I, H = self.inputs, self.hidden
        return Sizes(I, H, parameter_count(self.parameters()), state=H, tape=H, delta=H)


def _recurrent_weights(layer: Reservoir, rng: np.random.Generator) -> NDArray[np.float64]:
    H = layer.hidden
    connections = max(round(layer.density * H * H), H)
    radius = 0.0
    while radius == 0:
        W = np.zeros(H * H)
        W[rng.choice(H * H, connections, replace=False)] = rng.uniform(-1, 1, connections)
        radius = np.abs(np.linalg.eigvals(W.reshape(H, H))).max()
    return W.reshape(H, H) * (layer.spectral_radius / radius)


@input_rows.register
def _input_rows(layer: Reservoir) -> InputRows:
    return InputRows(params=((0, layer.hidden),), state=(), tape=())


@forward.register
def _forward(layer: Reservoir, params: Any, x: Any, state: Any, tape: Any) -> None:
    I, H = layer.inputs, layer.hidden
    W_in = params[: I * H].reshape(I, H)
    W = params[I * H : (I + H) * H].reshape(H, H)
    tape[:] = params[(I + H) * H :]
    add_product(x, W_in, tape)  # (I,) @ (I, H) -> (H,)
    add_product(state, W, tape)  # (H,) @ (H, H) -> (H,)
    for j in range(H):
        tape[j] = tanh(tape[j])
    leak, ratio = layer.slowest, _ratio(layer)
    for j in range(H):
        state[j] += tape.dtype.type(leak) * (tape[j] - state[j])
        leak *= ratio


@inner
def _ratio(layer: Reservoir) -> float:
    """Return the ratio of the leak rates of a unit and of the one before it."""
    return float((layer.fastest / layer.slowest) ** (1.0 / max(layer.hidden - 1, 1)))


@backward.register
def _backward(layer: Reservoir, params: Any, tape: Any, d_output: Any, d_state: Any, delta: Any, d_input: Any) -> None:
    I, H = layer.inputs, layer.hidden
    if d_input.shape[0] == 0:
        return
    W_in = params[: I * H].reshape(I, H)
    W = params[I * H : (I + H) * H].reshape(H, H)
    one, leak, ratio = tape.dtype.type(1), layer.slowest, _ratio(layer)
    for j in range(H):
        d, l = d_output[j] + d_state[j], tape.dtype.type(leak)
        delta[j] = d * l * (one - tape[j] * tape[j])
        d_state[j] = (one - l) * d
        leak *= ratio
    add_product_transposed(W, delta, d_state)  # (H, H) @ (H,) -> (H,)
    d_input[:] = 0
    add_product_transposed(W_in, delta, d_input)  # (I, H) @ (H,) -> (I,)


@accumulate.register
def _accumulate(layer: Reservoir, tapes: Any, tape: int, deltas: Any, delta: int, rows: Any, gradient: Any) -> None:
    """Do nothing: the weights are fixed."""


@gates_of.register
def _gates_of(layer: Reservoir) -> tuple[Gate, ...]:
    return saturating_gates("t", Activation.TANH, 0, layer.hidden)
