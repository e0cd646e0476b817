"""A reservoir beside the other layers: fixed random units, which only the readout sees.

With the input x (I,), of which the reservoir sees the first n elements, the newest values without their lags:

    y = [reservoir(x_1 ... x_n), layers(x)]

The readout combines features that are learned with many that are not (Jaeger 2001, GMD report 148). No gradient passes
the reservoir, since nothing below it is learned.

Every array consists of the reservoir's part and then that of the layers.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from stream_rnn.layers.layer import Carries, Layer, Parameter, Sizes, accumulate, backward, forward

PREFIX = "reservoir."
"""of the names of the reservoir's parameters"""


class Beside(NamedTuple):
    """A reservoir beside a layer or a stack; built by `beside`."""

    reservoir: Any
    layers: Any
    split: Sizes
    """sizes of the reservoir, where the part of the layers in each array starts"""

    @property
    def carries(self) -> Carries:
        """What the layers carry."""
        carries: Carries = self.layers.carries
        return carries

    def parameters(self) -> tuple[Parameter, ...]:
        """Return the tables of both; the names of the layers' parameters are as without the reservoir."""
        fixed = (p._replace(name=f"{PREFIX}{p.name}") for p in self.reservoir.parameters())
        return (*fixed, *self.layers.parameters())

    @property
    def sizes(self) -> Sizes:
        """The sums of both sizes; the state of a reservoir is its output."""
        own, layers = self.split, self.layers.sizes
        return Sizes(
            layers.inputs,
            own.outputs + layers.outputs,
            own.params + layers.params,
            own.state + layers.state,
            own.tape + layers.tape,
            own.delta + layers.delta,
        )


def beside(reservoir: Layer, layers: Layer) -> Beside:
    """Return a reservoir beside a layer or a stack, which sees the first inputs of that.

    Raises
    ------
    ValueError
        If the reservoir has more inputs than the layers, or a state besides its output.

    Examples
    --------
    >>> from stream_rnn.layers import make_layer
    >>> options = {"spectral_radius": 0.9, "density": 0.1, "input_scaling": 3.0, "slowest": 0.1, "fastest": 1.0}
    >>> both = beside(make_layer("reservoir", 2, 100, options), make_layer("gru", 5, 32, {}))
    >>> both.sizes.inputs, both.sizes.outputs, [parameter.name for parameter in both.parameters()]
    (5, 132, ['reservoir.W_in', 'reservoir.W', 'reservoir.b', 'W', 'U', 'b'])
    """
    own = reservoir.sizes
    if own.inputs > layers.sizes.inputs or own.state != own.outputs:
        raise ValueError(f"{reservoir} does not fit beside {layers}")
    return Beside(reservoir, layers, own)


@forward.register
def _forward(layer: Beside, params: Any, x: Any, state: Any, tape: Any) -> None:
    split = layer.split
    forward(layer.reservoir, params[: split.params], x[: split.inputs], state[: split.state], tape[: split.tape])
    forward(layer.layers, params[split.params :], x, state[split.state :], tape[split.tape :])


@backward.register
def _backward(layer: Beside, params: Any, tape: Any, d_output: Any, d_state: Any, delta: Any, d_input: Any) -> None:
    split = layer.split
    backward(
        layer.layers,
        params[split.params :],
        tape[split.tape :],
        d_output[split.outputs :],
        d_state[split.state :],
        delta[split.delta :],
        d_input,
    )


@accumulate.register
def _accumulate(layer: Beside, tapes: Any, tape: int, deltas: Any, delta: int, rows: Any, gradient: Any) -> None:
    split = layer.split
    accumulate(layer.layers, tapes, tape + split.tape, deltas, delta + split.delta, rows, gradient[split.params :])
