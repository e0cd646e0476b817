"""What a loss is: constants, and compiled functions of the outputs of one target.

A loss is a `NamedTuple` of its constants. Its outputs o (m,) of one target are as many as its suffixes in `LOSSES`; the
target z is in scaled units (see `learning.targets`), or a class. A loss registers its functions in its own file, where
they differ from the defaults, which are those of a loss that forecasts one number.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from stream_rnn.kernels.dispatch import dispatched
from stream_rnn.kernels.linalg import multiply


class OutputShape(NamedTuple):
    """Sizes of what belongs to one target at one horizon."""

    outputs: int
    """W, outputs of the network"""
    errors: int
    """length of the gradient in these; W, unless few of them have one"""
    blocks: int
    """blocks of sparse parameters of the readout, see `layers.touched`; 0 for a dense readout"""


def output_shape(loss: Any, numbers: int) -> OutputShape:
    """Return the shape of a loss whose forecast of a target has so many numbers: as many outputs, or its own."""
    own: OutputShape | None = getattr(loss, "shape", None)
    return OutputShape(numbers, numbers, 0) if own is None else own


@dispatched
def loss_gradient(loss: Any, o: Any, z: float, gradient: Any) -> float:  # noqa: ARG001 - losses need them
    """Write dL/do to `gradient` (m,) and return L, for the outputs o (m,) and the target z."""
    raise TypeError(f"{type(loss).__name__} is not a loss")


@dispatched
def distance(loss: Any, o: Any, point: int, z: float, gradient: Any) -> float:  # noqa: ARG001 - some losses need them
    """Return the distance of the outputs o (m,) from the target z; `gradient` (m,) is dL/do.

    For numbers it is |o_point - z|; for classes, the probability of all classes but the observed one.
    """
    return abs(o[point] - z)


@dispatched
def scale_gradient(loss: Any, share: Any, gradient: Any) -> None:  # noqa: ARG001 - not all of `gradient` may be one
    """Multiply dL/do by `share`."""
    multiply(share, gradient)


@dispatched
def to_forecast(loss: Any, o: Any, centre: float, scale: float, out: Any) -> None:  # noqa: ARG001
    """Write the outputs o (m,), in the units of the target y = centre + scale * z, to `out` (m,) float64."""
    for m in range(o.shape[0]):
        out[m] = centre + scale * o[m]
