"""A network: a body of layers, and a linear readout (the head) of the body's output.

With the body's output h (H,), the input x, and features f = [h, x] (x only with `skip`; the last elements of x may be
for the readout alone):

    o = V f + c

The gradient, for e = dL/do:

    dV = e f^T        dc = e        dL/dh = V^T e

The parameters are those of the body (B,), and those of the head (R,): V (outputs, features), then c (outputs,). They
are separate arrays, because streams may share the body and have a head each.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from stream_rnn.kernels.jit import inner
from stream_rnn.kernels.linalg import add_scaled, dot
from stream_rnn.layers.layer import Layer, Parameter, forward, parameter_count


class BodyAndHead(NamedTuple):
    """A pair of values, such as arrays of parameters: one for the body, one for the head."""

    body: Any
    head: Any


class Network(NamedTuple):
    """A body and its readout; built by `make_network`."""

    body: Any
    hidden: int
    """H, outputs of the body"""
    features: int
    """H, plus the inputs with `skip`"""
    outputs: int
    head_start: int
    """B, index of the head's first parameter"""
    readout_inputs: int
    """inputs that the body does not see, the last ones"""

    def parameters(self) -> tuple[Parameter, ...]:
        """Return the table of the body's parameters, V and c."""
        return (*self.body.parameters(), *self.head_parameters())

    def split(self, params: Any) -> BodyAndHead:
        """Return views of the body's and the head's parameters in all parameters (P,)."""
        return BodyAndHead(params[: self.head_start], params[self.head_start :])

    def head_parameters(self) -> tuple[Parameter, ...]:
        """Return the table of V and c."""
        return (
            Parameter("V", (self.outputs, self.features), "readout", "o"),
            Parameter("c", (self.outputs,), "bias", "o"),
        )


def make_network(body: Layer, outputs: int, *, skip: bool, readout_inputs: int = 0) -> Network:
    """Return the network of a body and a readout; with `skip`, the readout sees the input too.

    It then has `readout_inputs` more of its own.
    """
    sizes = body.sizes
    features = sizes.outputs + (sizes.inputs + readout_inputs if skip else 0)
    return Network(body, sizes.outputs, features, outputs, parameter_count(body.parameters()), readout_inputs)


@inner
def infer(network: Network, params: BodyAndHead, x: Any, state: Any, tape: Any, features: Any) -> None:
    """Process one event: update `state`, and write its tape and the features (F,), which `read_out` reads."""
    H = network.hidden
    forward(network.body, params.body, x[: x.shape[0] - network.readout_inputs], state, tape)
    features[:H] = state[:H]
    features[H:] = x[: network.features - H]


@inner
def read_out(network: Network, head: Any, features: Any, first: int, outputs: Any) -> None:
    """Write the network's outputs, starting with number `first`, to `outputs` (n,)."""
    F, O = network.features, network.outputs
    V, c = head[: O * F].reshape(O, F), head[O * F :]
    for o in range(outputs.shape[0]):
        outputs[o] = c[first + o] + dot(V[first + o], features)  # (F,) . (F,) -> ()


@inner
def readout_backward(
    network: Network, head: Any, features: Any, first: int, errors: Any, gradient: Any, d_body: Any
) -> None:
    """Add the gradient in the head to `gradient` (R,) and that in h to `d_body` (H,).

    `errors` (n,) is dL/do of the outputs from number `first` on.
    """
    F, O, H = network.features, network.outputs, network.hidden
    V = head[: O * F].reshape(O, F)
    dV, dc = gradient[: O * F].reshape(O, F), gradient[O * F :]
    for o in range(errors.shape[0]):
        if errors[o] != 0:
            add_scaled(errors[o], features, dV[first + o])  # () * (F,) -> (F,)
            add_scaled(errors[o], V[first + o, :H], d_body)  # () * (H,) -> (H,)
            dc[first + o] += errors[o]
