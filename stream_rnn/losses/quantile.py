"""The quantile (pinball) loss (Koenker & Bassett 1978, doi:10.2307/1913643). Its optima are the quantiles.

With an output o_q for each level q:

    L = sum over q of max(q (z - o_q), (q - 1)(z - o_q))
    dL/do_q = -q where z > o_q, 1 - q elsewhere

Outputs that are learned separately may cross. Forecasts are sorted (Chernozhukov, Fernandez-Val & Galichon 2010,
doi:10.3982/ECTA7880), which never increases the loss.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from stream_rnn.losses.loss import loss_gradient, to_forecast


class Quantile(NamedTuple):
    """The quantile loss of n outputs."""

    levels: Any
    """(n,) float64, ascending"""


@loss_gradient.register
def _gradient(loss: Quantile, o: Any, z: float, gradient: Any) -> float:
    value = 0.0
    for m in range(o.shape[0]):
        q = loss.levels[m]
        residual = z - o[m]
        gradient[m] = -q if residual > 0.0 else 1.0 - q
        value += max(q * residual, (q - 1.0) * residual)
    return value


@to_forecast.register
def _to_forecast(loss: Quantile, o: Any, centre: float, scale: float, out: Any) -> None:  # noqa: ARG001
    for m in range(o.shape[0]):
        value, place = centre + scale * o[m], m
        while place > 0 and out[place - 1] > value:  # insertion sort: quantiles are few, and nearly sorted
            out[place] = out[place - 1]
            place -= 1
        out[place] = value
