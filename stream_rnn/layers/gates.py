"""Where a layer's gates lie in its tape, for those who look at how it does; no kernel needs to know.

A layer whose units have flat ends, sigmoid or tanh, registers `gates_of` in its own file. At a flat end next to no
gradient passes a unit.
"""

from __future__ import annotations

from functools import singledispatch
from typing import Any, NamedTuple

from stream_rnn.kernels.activations import Activation


class Gate(NamedTuple):
    """The units of one gate, or of a layer without gates."""

    name: str
    """Its letter in the layer's equations."""
    activation: Activation
    """Sigmoid or tanh."""
    start: int
    """Where it begins in the tape."""
    stop: int


@singledispatch
def gates_of(layer: Any) -> tuple[Gate, ...]:  # noqa: ARG001 - a layer without gates need not say so
    """Return the gates of a layer."""
    return ()


def squashed(names: str, activation: int, start: int, units: int) -> tuple[Gate, ...]:
    """Return a gate of so many units for each letter, side by side in the tape; none if the activation is not flat."""
    if activation not in {Activation.TANH, Activation.SIGMOID}:
        return ()
    starts = range(start, start + len(names) * units, units)
    return tuple(
        Gate(name, Activation(activation), begin, begin + units) for name, begin in zip(names, starts, strict=True)
    )
