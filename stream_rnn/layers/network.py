"""A network: a body of layers, and a linear readout on what the body puts out.

    o = V f + c       with features f = [body's output, x] (the input x only with `skip`)

The readout's gradient, for e = dL/do:

    dV = e f^T        dc = e        dL/d(body's output) = V^T e

Parameters are the body's (B,), and the readout's, its head: V (outputs, features), then c (outputs,). They are apart
because they may have different owners: one body for all streams, and a head for each.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from stream_rnn.kernels.jit import inner
from stream_rnn.kernels.linalg import add_scaled, dot
from stream_rnn.layers.layer import Layer, Parameter, count, forward


class Halves(NamedTuple):
    """What there is of something for the body's parameters, and for the readout's."""

    body: Any
    head: Any


class Network(NamedTuple):
    """A body and its readout; build it with `network`."""

    body: Any
    hidden: int
    """Outputs of the body."""
    features: int
    """hidden, plus the inputs with `skip`."""
    outputs: int
    readout: int
    """B, where the readout's parameters begin."""

    def parameters(self) -> tuple[Parameter, ...]:
        """Return the table of the body's parameters, V and c."""
        return (*self.body.parameters(), *self.head_parameters())

    def split(self, params: Any) -> Halves:
        """Return the body's and the readout's of parameters (P,) that stand one behind the other."""
        return Halves(params[: self.readout], params[self.readout :])

    def head_parameters(self) -> tuple[Parameter, ...]:
        """Return the table of V and c."""
        return (
            Parameter("V", (self.outputs, self.features), "readout", "o"),
            Parameter("c", (self.outputs,), "bias", "o"),
        )


def network(body: Layer, outputs: int, *, skip: bool) -> Network:
    """Return the network of a body and a readout with so many outputs; with `skip` the readout sees the input too."""
    sizes = body.sizes
    features = sizes.outputs + (sizes.inputs if skip else 0)
    return Network(body, sizes.outputs, features, outputs, count(body.parameters()))


@inner
def infer(network: Network, params: Halves, x: Any, state: Any, tape: Any, features: Any, outputs: Any) -> None:
    """Advance `state` by one event; write its tape, the features and the outputs."""
    H = network.hidden
    forward(network.body, params.body, x, state, tape)
    features[:H] = state[:H]
    features[H:] = x[: network.features - H]
    read_out(network, params.head, features, 0, outputs)


@inner
def read_out(network: Network, head: Any, features: Any, first: int, outputs: Any) -> None:
    """Write the network's outputs from the first-th on to `outputs`, as many as fit."""
    F, O = network.features, network.outputs
    V, c = head[: O * F].reshape(O, F), head[O * F :]
    for o in range(outputs.shape[0]):
        outputs[o] = c[first + o] + dot(V[first + o], features)  # (F,) . (F,) -> ()


@inner
def readout_backward(network: Network, head: Any, features: Any, errors: Any, gradient: Any, d_body: Any) -> None:
    """Add the head's gradient for dL/do = `errors` (O,) to `gradient`, and that in the body's output, (H,)."""
    F, O, H = network.features, network.outputs, network.hidden
    V = head[: O * F].reshape(O, F)
    dV, dc = gradient[: O * F].reshape(O, F), gradient[O * F :]
    for o in range(O):
        if errors[o] != 0:
            add_scaled(errors[o], features, dV[o])  # () * (F,) -> (F,)
            add_scaled(errors[o], V[o, :H], d_body)  # () * (H,) -> (H,)
            dc[o] += errors[o]
