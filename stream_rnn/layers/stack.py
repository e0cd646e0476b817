"""Two layers on top of each other; stacks nest, so two are enough for any number.

    y = upper(lower(x))

Every array of the stack is the lower layer's followed by the upper layer's. The delta has room for the gradient that
passes between them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from stream_rnn.layers.layer import Carries, Layer, Parameter, Sizes, accumulate, backward, forward


class Stack(NamedTuple):
    """A lower layer that feeds an upper one; build it with `stack`."""

    lower: Any
    upper: Any
    split: Sizes
    """The lower layer's sizes: where the upper layer's part of each array begins."""

    @property
    def carries(self) -> Carries:
        """Those that one of its layers carries; what is only for those below is needed where there are some."""
        learned = any(parameter.role != "fixed" for parameter in self.lower.parameters())
        if "window" in {self.lower.carries, self.upper.carries} or (self.upper.carries == "below" and learned):
            return "window"
        return self.lower.carries

    def parameters(self) -> tuple[Parameter, ...]:
        """Return the table of both layers, names marked with 0 (lower) and 1 (upper)."""
        return tuple(
            p._replace(name=f"{place}.{p.name}")
            for place, layer in enumerate((self.lower, self.upper))
            for p in layer.parameters()
        )

    @property
    def sizes(self) -> Sizes:
        """State: the upper layer's, the lower layer's, so that the output comes first. Others: lower, upper."""
        lower, upper = self.split, self.upper.sizes
        return Sizes(
            lower.inputs,
            upper.outputs,
            lower.params + upper.params,
            lower.state + upper.state,
            lower.tape + upper.tape,
            lower.delta + upper.delta + lower.outputs,
        )


def stack(*layers: Layer) -> Layer:
    """Return the stack of the layers, the first one lowest.

    Raises
    ------
    ValueError
        If there is no layer, or a layer's inputs are not as many as the outputs of the one below.
    """
    if not layers:
        raise ValueError("a stack needs at least one layer")
    top = layers[-1]
    for lower in reversed(layers[:-1]):
        if lower.sizes.outputs != top.sizes.inputs:
            raise ValueError(f"{top} takes {top.sizes.inputs} inputs, got {lower.sizes.outputs} from {lower}")
        top = Stack(lower, top, lower.sizes)
    return top


class Place(NamedTuple):
    """A layer of a stack, and where its part of each of the stack's arrays begins."""

    layer: Any
    name: str
    """What the names of its parameters begin with in the stack's table, such as ``1.0.``"""
    params: int
    state: int
    tape: int
    delta: int
    error: int | None
    """Where the delta has the gradient in the layer's output; None for the top layer, which is given it."""


def places(body: Layer) -> tuple[Place, ...]:
    """Return the layers of a stack, the lowest first; a layer by itself is a stack of one."""
    return _places(Place(body, "", 0, 0, 0, 0, None))


def _places(at: Place) -> tuple[Place, ...]:
    layer = at.layer
    if not isinstance(layer, Stack):
        return (at,)
    lower, upper = layer.split, layer.upper.sizes
    below = Place(
        layer.lower,
        f"{at.name}0.",
        at.params,
        at.state + upper.state,
        at.tape,
        at.delta,
        at.delta + lower.delta + upper.delta,
    )
    above = Place(
        layer.upper,
        f"{at.name}1.",
        at.params + lower.params,
        at.state,
        at.tape + lower.tape,
        at.delta + lower.delta,
        at.error,
    )
    return _places(below) + _places(above)


@forward.register
def _forward(layer: Stack, params: Any, x: Any, state: Any, tape: Any) -> None:
    split = layer.split
    top = state.shape[0] - split.state
    below = state[top:]
    forward(layer.lower, params[: split.params], x, below, tape[: split.tape])
    forward(layer.upper, params[split.params :], below[: split.outputs], state[:top], tape[split.tape :])


@backward.register
def _backward(layer: Stack, params: Any, tape: Any, d_output: Any, d_state: Any, delta: Any, d_input: Any) -> None:
    split = layer.split
    top = d_state.shape[0] - split.state
    between = delta.shape[0] - split.outputs
    d_between = delta[between:]
    backward(
        layer.upper,
        params[split.params :],
        tape[split.tape :],
        d_output,
        d_state[:top],
        delta[split.delta : between],
        d_between,
    )
    backward(
        layer.lower,
        params[: split.params],
        tape[: split.tape],
        d_between,
        d_state[top:],
        delta[: split.delta],
        d_input,
    )


@accumulate.register
def _accumulate(layer: Stack, tapes: Any, tape: int, deltas: Any, delta: int, rows: Any, gradient: Any) -> None:
    split = layer.split
    accumulate(layer.lower, tapes, tape, deltas, delta, rows, gradient[: split.params])
    accumulate(layer.upper, tapes, tape + split.tape, deltas, delta + split.delta, rows, gradient[split.params :])
