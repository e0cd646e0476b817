"""No layer: the readout's features are the inputs themselves.

    y = x

The gradient, for d = dL/dy:

    dL/dx = d

Under the readout this makes a linear model of the inputs, learned online: by the optimizer least mean squares (Widrow
& Hoff 1960), by recursive least squares the exact solution, and with the last values among the inputs an autoregression
of that order. It is what a recurrent layer has to beat.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from stream_rnn.kernels.linalg import copy
from stream_rnn.layers.input_rows import InputRows, input_rows
from stream_rnn.layers.layer import Carries, Parameter, Sizes, accumulate, backward, forward


class Identity(NamedTuple):
    """A layer that passes its inputs on; see the module."""

    inputs: int

    @property
    def carries(self) -> Carries:
        """None: it has no memory."""
        return "never"

    def parameters(self) -> tuple[Parameter, ...]:
        """Return an empty table."""
        return ()

    @property
    def sizes(self) -> Sizes:
        """State: y, which the next event does not read. Neither tape nor delta."""
        return Sizes(self.inputs, self.inputs, params=0, state=self.inputs, tape=0, delta=0)


def none(inputs: int, hidden: int) -> Identity:  # noqa: ARG001 - what every layer is made of
    """Return the layer of so many inputs, which has as many outputs, whatever `hidden` is."""
    return Identity(inputs)


@input_rows.register
def _input_rows(layer: Identity) -> InputRows:  # noqa: ARG001 - whatever its inputs are
    return InputRows(params=(), state=((0, 1),), tape=())


@forward.register
def _forward(layer: Identity, params: Any, x: Any, state: Any, tape: Any) -> None:  # noqa: ARG001 - a layer's signature
    copy(x, state)


@backward.register
def _backward(layer: Identity, params: Any, tape: Any, d_output: Any, d_state: Any, delta: Any, d_input: Any) -> None:  # noqa: ARG001
    d_state[:] = 0
    if d_input.shape[0] > 0:
        copy(d_output, d_input)


@accumulate.register
def _accumulate(layer: Identity, tapes: Any, tape: int, deltas: Any, delta: int, rows: Any, gradient: Any) -> None:
    """There are no weights."""
