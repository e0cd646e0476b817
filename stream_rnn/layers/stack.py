"""Two layers, one on top of the other. Stacks nest, so two are enough for any number of layers.

    y = upper(lower(x))

Every array consists of the lower layer's part and then the upper layer's. The state is the other way round, because it
starts with the output. The delta ends with the gradient in the lower layer's output.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from stream_rnn.layers.beside import Beside
from stream_rnn.layers.layer import Carries, Layer, Parameter, Sizes, accumulate, backward, forward, touch_rows


class Stack(NamedTuple):
    """A layer on top of another one; built by `stack`."""

    lower: Any
    upper: Any
    split: Sizes
    """sizes of the lower layer, where the upper layer's part of each array starts"""

    @property
    def carries(self) -> Carries:
        """What its layers carry. What the upper layer carries for the lower one counts only if that learns."""
        learned = any(parameter.role != "fixed" for parameter in self.lower.parameters())
        if "window" in {self.lower.carries, self.upper.carries} or (self.upper.carries == "below" and learned):
            return "window"
        return self.lower.carries

    def parameters(self) -> tuple[Parameter, ...]:
        """Return the tables of both layers; names start with ``0.`` (lower) or ``1.`` (upper)."""
        return tuple(
            p._replace(name=f"{index}.{p.name}")
            for index, layer in enumerate((self.lower, self.upper))
            for p in layer.parameters()
        )

    @property
    def sizes(self) -> Sizes:
        """State: upper, lower. Parameters, tape: lower, upper. Delta: lower, upper, gradient in the lower output."""
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
    """Return a stack of layers, lowest first; a single layer is returned as it is.

    Raises
    ------
    ValueError
        If there is no layer, or the inputs of a layer do not match the outputs of the layer below.
    """
    if not layers:
        raise ValueError("a stack needs at least one layer")
    top = layers[-1]
    for lower in reversed(layers[:-1]):
        if lower.sizes.outputs != top.sizes.inputs:
            raise ValueError(f"{top} needs {top.sizes.inputs} inputs, got {lower.sizes.outputs} from {lower}")
        top = Stack(lower, top, lower.sizes)
    return top


class StackedLayer(NamedTuple):
    """A layer of a stack, and where its part of each array of the stack starts."""

    layer: Any
    prefix: str
    """prefix of its parameters in the table of the stack, such as ``1.0.``"""
    params: int
    state: int
    tape: int
    delta: int
    output: int
    """where the output of the stack starts in that of the body: after that of a reservoir beside it"""
    d_output: int | None
    """where the gradient in its output starts in the delta; None for the top layer"""


def stacked_layers(body: Layer) -> tuple[StackedLayer, ...]:
    """Return the layers of a body, lowest first, without a reservoir beside them; a single layer is a stack of one."""
    if isinstance(body, Beside):
        own = body.split
        return _stacked_layers(
            StackedLayer(body.layers, "", own.params, own.state, own.tape, own.delta, own.outputs, None)
        )
    return _stacked_layers(StackedLayer(body, "", 0, 0, 0, 0, 0, None))


def _stacked_layers(whole: StackedLayer) -> tuple[StackedLayer, ...]:
    layer = whole.layer
    if not isinstance(layer, Stack):
        return (whole,)
    lower, upper = layer.split, layer.upper.sizes
    lower_part = StackedLayer(
        layer.lower,
        f"{whole.prefix}0.",
        whole.params,
        whole.state + upper.state,
        whole.tape,
        whole.delta,
        whole.output,
        whole.delta + lower.delta + upper.delta,
    )
    upper_part = StackedLayer(
        layer.upper,
        f"{whole.prefix}1.",
        whole.params + lower.params,
        whole.state,
        whole.tape + lower.tape,
        whole.delta + lower.delta,
        whole.output,
        whole.d_output,
    )
    return _stacked_layers(lower_part) + _stacked_layers(upper_part)


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


@touch_rows.register
def _touch_rows(layer: Stack, tapes: Any, tape: int, rows: Any, touched: Any, gradient: Any) -> None:
    touch_rows(layer.lower, tapes, tape, rows, touched, gradient)
