"""The diagram of a network unrolled over its window, as numbers and text; `plots.unfold` draws it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from stream_rnn.engine.build import build_parts
from stream_rnn.layers.stack import stacked_layers

if TYPE_CHECKING:
    from stream_rnn.layers.layer import Carries, Parameter
    from stream_rnn.layers.stack import StackedLayer
    from stream_rnn.settings.engine import Settings

MAX_EVENTS = 5
"""Events that are drawn; of a longer window, the oldest and the newest three, with dots between them."""
MAX_INPUT_NAMES = 3
MAX_INPUT_CHARACTERS = 30
"""Length of the input names together."""


class Block(NamedTuple):
    """A layer, the same at every event. Weights are texts such as ``U (32, 96)``."""

    name: str
    units: int
    outputs: int
    input_weights: tuple[str, ...]
    """weights of the input from below"""
    recurrent_weights: tuple[str, ...]
    """weights of the layer's state"""
    other_weights: tuple[str, ...]
    """all others, such as biases"""
    has_state: bool
    carries_gradient: bool
    """whether a gradient passes from an event to the previous one"""


class Diagram(NamedTuple):
    """Everything that is drawn."""

    title: str
    inputs: tuple[str, str]
    """names, and shape"""
    blocks: tuple[Block, ...]
    """layers, lowest first"""
    readout: tuple[str, ...]
    """weights of the readout"""
    skip: bool
    """whether the readout sees the inputs"""
    forecast: str
    """task and shape of the output"""
    loss: str
    ages: tuple[int | None, ...]
    """age of each column in events, oldest first; None for the events that are left out"""
    window: int
    """h, the events through which an error is backpropagated; 0 if there is no backpropagation through time"""
    error_events: int
    """number of the newest events at which errors enter"""
    notes: tuple[str, ...]


def unfold(settings: Settings) -> Diagram:
    """Return the diagram of a network.

    Examples
    --------
    >>> from stream_rnn import Settings
    >>> diagram = unfold(Settings(inputs="x", layer="gru", hidden=8, window=4))
    >>> diagram.title, diagram.blocks[0].recurrent_weights
    ('GRU 8, forecast (1, 1), window 4', ('U (8, 24)',))
    """
    network = build_parts(settings).network
    parameters, layers = network.parameters(), stacked_layers(network.body)
    horizon = settings.horizon if settings.task == "forecast" else 1
    error_events = horizon + settings.update_every - 1
    forecast = f"{settings.task} {_shape(settings.forecast_shape)}"
    blocks = tuple(_block(place, is_lowest=place == layers[0]) for place in layers)
    weights = ", ".join(map(_with_shape, parameters))
    total = sum(math.prod(parameter.shape) for parameter in parameters)
    stack = " > ".join(f"{block.name} {block.units}" for block in blocks)
    return Diagram(
        title=f"{stack}, {forecast}, window {settings.window}",
        inputs=_inputs(settings, network.body.sizes.inputs),
        blocks=blocks,
        readout=tuple(map(_with_shape, parameters[len(network.body.parameters()) :])),
        skip=settings.skip,
        forecast=forecast,
        loss=f"{settings.loss_name.replace('_', ' ')} loss",
        ages=_ages(settings.window),
        window=settings.window if network.body.carries == "window" else 0,
        error_events=error_events,
        notes=(
            "One network, drawn once per event: the same name and colour means the same weights.",
            f"Weights: {weights}; {total:,} in total.",
            *_learning_notes(settings, network.body.carries, error_events),
            *_reservoir_notes(settings),
        ),
    )


def _block(place: StackedLayer, *, is_lowest: bool) -> Block:
    """Sort a layer's parameters by where they are drawn: by role, or by name if they are not learned.

    The weights of the backward direction are drawn with those of the input, which contains the following events.
    """
    layer = place.layer
    input_weights, recurrent_weights, other_weights = list[str](), list[str](), list[str]()
    for parameter in layer.parameters():
        kind = parameter.role, parameter.name
        if parameter.role == "input" or kind == ("fixed", "W_in") or parameter.name == "backward.U":
            group = input_weights
        elif parameter.role in {"recurrent", "peephole"} or kind == ("fixed", "W"):
            group = recurrent_weights
        else:
            group = other_weights
        group.append(_with_shape(parameter._replace(name=f"{place.prefix}{parameter.name}")))
    return Block(
        name=type(layer).__name__,
        units=getattr(getattr(layer, "cell", layer), "hidden", layer.sizes.outputs),
        outputs=layer.sizes.outputs,
        input_weights=tuple(input_weights),
        recurrent_weights=tuple(recurrent_weights),
        other_weights=tuple(other_weights),
        has_state=bool(recurrent_weights) or layer.carries != "never",
        carries_gradient=layer.carries == "window" or (layer.carries == "below" and not is_lowest),
    )


def _with_shape(parameter: Parameter) -> str:
    return f"{parameter.name} {_shape(parameter.shape)}"


def _shape(lengths: tuple[int, ...]) -> str:
    return f"({', '.join(map(str, lengths))}{',' * (len(lengths) == 1)})"


def _inputs(settings: Settings, columns: int) -> tuple[str, str]:
    """Return the names of the inputs, shortened, and the shape of the network's input."""
    names = settings.inputs
    more = f" and {len(names) - MAX_INPUT_NAMES:,} more" if len(names) > MAX_INPUT_NAMES else ""
    first = ", ".join(names[:MAX_INPUT_NAMES])
    space = MAX_INPUT_CHARACTERS - len(more)
    first = first if len(first) <= space else f"{first[: space - 3]}..."
    flags = " with missing flags" if settings.missing_flags and not settings.tokens else ""
    ahead = f", {settings.lookahead} events ahead" if settings.lookahead else ""
    return first + more, f"{_shape((columns,))}{flags}{ahead}"


def _ages(window: int) -> tuple[int | None, ...]:
    if window <= MAX_EVENTS:
        return tuple(range(window - 1, -1, -1))
    return (window - 1, None, *range(MAX_EVENTS - 3, -1, -1))


def _reservoir_notes(settings: Settings) -> list[str]:
    units = settings.reservoir
    return [f"Beside the layers, the readout sees a reservoir of {units} fixed units, not drawn."] if units else []


def _learning_notes(settings: Settings, carries: Carries, error_events: int) -> list[str]:
    """Describe at which events errors enter, and how far they are backpropagated."""
    window, every = settings.window, settings.update_every
    when = "At every event," if every == 1 else f"Every h' = {every} events,"
    target = "the events whose forecasts are scored" if settings.task == "forecast" else "the labelled event"
    where = f"{target}, here the newest {error_events}" if error_events > 1 else target
    if carries != "window":
        own = "; each layer computes its own gradient at each event" if carries == "below" else ""
        return [f"{when} errors enter at {where}. They are not backpropagated through time{own}."]
    events = f"{window} event{'s' * (window > 1)}"
    notes = [f"{when} errors enter at {where}, and are backpropagated through {events}: TBPTT({window}; {every})."]
    if error_events > window:
        notes.append(f"Errors at events before the window of {events} train only the readout.")
    return notes
