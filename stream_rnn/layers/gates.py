"""Which units of a layer can saturate, and where its tape holds them. Diagnostics read it; kernels do not.

Where a sigmoid or tanh unit saturates, almost no gradient passes through it. Each layer registers `gates_of` in its own
file, with an empty tuple if its tape holds no such units.
"""

from __future__ import annotations

from functools import singledispatch
from typing import Any, NamedTuple

from stream_rnn.kernels.activations import Activation


class Gate(NamedTuple):
    """The units of one gate, or the only units of a layer without gates."""

    name: str
    """its letter in the equations of the layer"""
    activation: Activation
    """sigmoid or tanh"""
    start: int
    """index of its first unit in the tape"""
    stop: int


@singledispatch
def gates_of(layer: Any) -> tuple[Gate, ...]:
    """Return the gates of a layer.

    Raises
    ------
    TypeError
        If the layer has not registered.
    """
    raise TypeError(f"{type(layer).__name__} must register gates_of in the file of the layer")


def saturating_gates(names: str, activation: int, start: int, units: int) -> tuple[Gate, ...]:
    """Return one gate for each letter, side by side in the tape; none if the activation does not saturate.

    Examples
    --------
    >>> [gate[2:] for gate in saturating_gates("rz", Activation.SIGMOID, start=10, units=3)]
    [(10, 13), (13, 16)]
    >>> saturating_gates("y", Activation.RELU, start=0, units=3)
    ()
    """
    if activation not in {Activation.TANH, Activation.SIGMOID}:
        return ()
    starts = range(start, start + len(names) * units, units)
    return tuple(
        Gate(name, Activation(activation), begin, begin + units) for name, begin in zip(names, starts, strict=True)
    )
