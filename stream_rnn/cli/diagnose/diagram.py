"""A network as it is unrolled over its window, in numbers and words; `plots.unfold` draws it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from stream_rnn.engine.build import build_parts
from stream_rnn.layers.stack import stacked_layers

if TYPE_CHECKING:
    from stream_rnn.layers.layer import Carries, Parameter
    from stream_rnn.layers.stack import StackedLayer
    from stream_rnn.settings.engine import Settings

MOST = 5
"""Events that are drawn: of a longer window the first and the last three, with dots between."""
FEW, LONGEST = 3, 30
"""Inputs whose names are shown, and characters that they may take."""


class Block(NamedTuple):
    """A layer, the same at every event. Weights are words such as ``U (32, 96)``."""

    name: str
    units: int
    outputs: int
    upward: tuple[str, ...]
    """the weights of what comes from below"""
    sideways: tuple[str, ...]
    """those of what it remembers"""
    own: tuple[str, ...]
    """its others, such as biases"""
    remembers: bool
    carries: bool
    """whether a gradient passes from an event to the one before"""


class Unfolded(NamedTuple):
    """What there is to draw."""

    title: str
    inputs: tuple[str, str]
    """their names, and how many numbers they are"""
    blocks: tuple[Block, ...]
    """lowest first"""
    readout: tuple[str, ...]
    """V and c"""
    skip: bool
    """whether the readout sees the inputs"""
    forecast: str
    """what comes out, with its shape"""
    loss: str
    ages: tuple[int | None, ...]
    """how many events ago each event that is drawn was, oldest first; None for those left out"""
    window: int
    """h, the events that an error is carried back through; 0 where none is"""
    reach: int
    """how many of the newest events errors enter at"""
    notes: tuple[str, ...]


def unfold(settings: Settings) -> Unfolded:
    """Return what there is to draw of a network."""
    network = build_parts(settings).network
    table, found = network.parameters(), stacked_layers(network.body)
    reach = (settings.horizon if settings.task == "forecast" else 1) + settings.update_every - 1
    forecast = f"{settings.task} {_shape(settings.forecast_shape)}"
    blocks = tuple(_block(place, lowest=place == found[0]) for place in found)
    layers = " > ".join(f"{block.name} {block.units}" for block in blocks)
    return Unfolded(
        title=f"{layers}, {forecast}, window {settings.window}",
        inputs=_inputs(settings, network.body.sizes.inputs),
        blocks=blocks,
        readout=tuple(map(_shaped, table[len(network.body.parameters()) :])),
        skip=settings.skip,
        forecast=forecast,
        loss=f"{settings.loss_name.replace('_', ' ')} loss",
        ages=_ages(settings.window),
        window=settings.window if network.body.carries == "window" else 0,
        reach=reach,
        notes=(
            "One network, drawn once for each event: what has one name and colour is the same weights at every event.",
            f"Weights: {', '.join(map(_shaped, table))}; {sum(math.prod(p.shape) for p in table):,} in all.",
            *_how_learned(settings, network.body.carries, reach),
        ),
    )


def _block(place: StackedLayer, *, lowest: bool) -> Block:
    """Sort a layer's parameters by where they are drawn: by their role, or if they are not learned, by their name.

    The weights that read backward, from the events to come, are drawn with those of the input, which has these events.
    """
    layer, upward, sideways, own = place.layer, list[str](), list[str](), list[str]()
    for parameter in layer.parameters():
        kind = parameter.role, parameter.name
        if parameter.role == "input" or kind == ("fixed", "W_in") or parameter.name == "backward.U":
            where = upward
        elif parameter.role in {"recurrent", "peephole"} or kind == ("fixed", "W"):
            where = sideways
        else:
            where = own
        where.append(_shaped(parameter._replace(name=f"{place.prefix}{parameter.name}")))
    carries = layer.carries == "window" or (layer.carries == "below" and not lowest)
    return Block(
        type(layer).__name__,
        getattr(getattr(layer, "cell", layer), "hidden", layer.sizes.outputs),
        layer.sizes.outputs,
        tuple(upward),
        tuple(sideways),
        tuple(own),
        bool(sideways) or layer.carries != "never",
        carries,
    )


def _shaped(parameter: Parameter) -> str:
    return f"{parameter.name} {_shape(parameter.shape)}"


def _shape(lengths: tuple[int, ...]) -> str:
    return f"({', '.join(map(str, lengths))}{',' * (len(lengths) == 1)})"


def _inputs(settings: Settings, columns: int) -> tuple[str, str]:
    """Name the inputs, and count the numbers that they come as."""
    names = settings.inputs
    more = f" and {len(names) - FEW:,} more" if len(names) > FEW else ""
    named = ", ".join(names[:FEW])
    fits = LONGEST - len(more)
    named = named if len(named) <= fits else f"{named[: fits - 3]}..."
    flags = " with flags of missing" if settings.missing_flags and not settings.tokens else ""
    ahead = f", {settings.lookahead} events ahead" if settings.lookahead else ""
    return named + more, f"{_shape((columns,))}{flags}{ahead}"


def _ages(window: int) -> tuple[int | None, ...]:
    if window <= MOST:
        return tuple(range(window - 1, -1, -1))
    return (window - 1, None, *range(MOST - 3, -1, -1))


def _how_learned(settings: Settings, carries: Carries, reach: int) -> list[str]:
    """Say in words where errors enter, and how far they are carried."""
    h, every, labels = settings.window, settings.update_every, settings.task != "forecast"
    when = "At every event" if every == 1 else f"Every h' = {every} events"
    whose = "the event that was labelled" if labels else "the events whose forecasts they judge"
    where = f"{whose}, here the newest {reach}" if reach > 1 else whose
    if carries != "window":
        instead = "; each layer knows its own gradient at the event" if carries == "below" else ""
        return [f"{when} errors enter at {where}. None is carried from one event to another{instead}."]
    events = f"{h} event{'s' * (h > 1)}"
    lines = [f"{when} errors enter at {where}, and are carried back through {events}: TBPTT({h}; {every})."]
    if reach > h:
        lines.append(f"Errors at events before the window of {events} train the readout alone.")
    return lines
