"""What a loss is: constants, and three compiled functions of the outputs of one target.

A loss is a `NamedTuple` of its constants. Its outputs o (m,) of one target are as many as its suffixes in `LOSSES`; the
target z is in scaled units (see `learning.targets`), or a class. A loss registers its functions in its own file, where
they differ from the defaults, which are those of a loss that forecasts one number.
"""

from __future__ import annotations

from typing import Any

from stream_rnn.kernels.dispatch import dispatched


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
def to_forecast(loss: Any, o: Any, centre: float, scale: float, out: Any) -> None:  # noqa: ARG001
    """Write the outputs o (m,), in the units of the target y = centre + scale * z, to `out` (m,) float64."""
    for m in range(o.shape[0]):
        out[m] = centre + scale * o[m]
