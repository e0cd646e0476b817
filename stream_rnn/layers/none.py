"""The identity: the features of the readout are the inputs themselves.

    y = x

The gradient, for d = dL/dy:

    dL/dx = d

With the readout, this is a linear model that is learned online: by least mean squares (Widrow & Hoff 1960) with the
optimizer, exactly with recursive least squares. With lagged values among the inputs, it is an autoregression. It is the
baseline that a recurrent layer has to beat.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from stream_rnn.kernels.linalg import copy
from stream_rnn.layers.gates import Gate, gates_of
from stream_rnn.layers.input_rows import InputRows, input_rows
from stream_rnn.layers.layer import Carries, Parameter, Sizes, accumulate, backward, forward


class Identity(NamedTuple):
    """A layer whose outputs are its inputs; see the module."""

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
        """State: y, which the next event does not read. No tape, no delta."""
        return Sizes(self.inputs, self.inputs, params=0, state=self.inputs, tape=0, delta=0)


def none(inputs: int, hidden: int) -> Identity:  # noqa: ARG001 - the signature of a registered layer
    """Return the identity of so many inputs; `hidden` is ignored."""
    return Identity(inputs)


@input_rows.register
def _input_rows(layer: Identity) -> InputRows:  # noqa: ARG001 - the state is only the output
    return InputRows(params=(), state=((0, 1),), tape=())


@forward.register
def _forward(layer: Identity, params: Any, x: Any, state: Any, tape: Any) -> None:  # noqa: ARG001 - the signature of `forward`
    copy(x, state)


@backward.register
def _backward(layer: Identity, params: Any, tape: Any, d_output: Any, d_state: Any, delta: Any, d_input: Any) -> None:  # noqa: ARG001
    d_state[:] = 0
    if d_input.shape[0] > 0:
        copy(d_output, d_input)


@accumulate.register
def _accumulate(layer: Identity, tapes: Any, tape: int, deltas: Any, delta: int, rows: Any, gradient: Any) -> None:
    """Do nothing: there are no weights."""


@gates_of.register
def _gates_of(layer: Identity) -> tuple[Gate, ...]:  # noqa: ARG001 - no units
    return ()
