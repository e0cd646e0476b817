"""Mixing the forecasts of several models by exponential weights, which follow the losses of late.

For each stream and horizon, model m has a weight w_m. The mixture forecasts p = sum_m w_m f_m. When the value v arrives
that the forecasts f_m spoke of, with e = p - v:

    r_m = [2 e (f_m - p) + kappa (f_m - p)^2] / S        mean over the targets, each within [-10, 10]
    log w_m <- forgetting log w_m - rate r_m             then w sums to 1

S is the running mean of e^2, so that rates mean the same for every unit. The exponentially weighted average forecaster
(Littlestone & Warmuth 1994; Cesa-Bianchi & Lugosi 2006, chapter 2) has kappa = 1, since

    (f_m - v)^2 = e^2 + 2 e (f_m - p) + (f_m - p)^2

and is near the best model. kappa = 0 is its gradient form (ibid., section 2.5; Wintenberger 2017,
doi:10.1007/s10994-016-5592-6), near the best average of models, whose errors cancel; but of a model that is wide of the
mark in both directions it learns little, and a small kappa tells it by its size. Forgetting, which draws all weights
together, lets another model become the best one, as sharing a part of the weights does (Herbster & Warmuth 1998,
doi:10.1023/A:1007424614876).

A model without a finite forecast sleeps (Freund et al. 1997): it is left out of p, and r_m is 0.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from stream_rnn.kernels.jit import entry, inner
from stream_rnn.learning.scaling import known

KAPPA = 0.03
LARGEST_LOSS = 10.0
"""In units of S: one glitch must not decide for good."""
SCALE_FORGETTING = 0.995
SETTLED = 2
"""Losses that are in the scale before one that is far larger is held back."""

WEIGHT, MEAN = 0, 1
"""The rows of a column's scale."""
COUNT, ABSOLUTE, SQUARED = 0, 1, 2
"""The columns of a model's sums of errors."""
NEW, BEGINS = 1, 2
"""What a row's mark says: the slot is that of a stream never seen; the event begins a sequence."""


class Mixing(NamedTuple):
    """How weights follow losses."""

    rate: float
    forgetting: float
    horizon: int
    """H, events ahead; 0 for a label of the same event."""


class Memory(NamedTuple):
    """What is kept of each stream, one row per slot; of M models, C = max(H, 1) D columns."""

    made: Any
    """(slots, max(H, 1), M, C) the newest forecasts, NaN where there was no value yet to start from"""
    log_weights: Any
    """(slots, max(H, 1), M), the largest 0"""
    scale: Any
    """(slots, 2, C) weight and mean of the squared errors"""
    seen: Any
    """(slots, D) bool, whether the sequence has had a value of each target"""
    length: Any
    """(slots,) int64, events of the sequence"""


class Field(NamedTuple):
    """The models, over all streams."""

    racing: Any
    """(M,) bool"""
    use: Any
    """(M,) sums of the weights since the last check, each event's a mean over horizons"""
    errors: Any
    """(M, 3) number of forecasts that were judged, sums of their absolute errors and of their squares"""
    weights: Any
    """(M,) scratch"""
    losses: Any
    """(M,) scratch"""


class Heat(NamedTuple):
    """N events in arrival order, with what the models made of them."""

    slots: Any
    """(N,) int64"""
    marks: Any
    """(N,) uint8, sums of NEW and BEGINS"""
    y: Any
    """(N, D)"""
    made: Any
    """(N, M, C) NaN for models that have left"""


@entry
def mix(mixing: Mixing, field: Field, memory: Memory, heat: Heat, out: Any) -> None:
    """Judge forecasts by the values of N events, and write the mixture's forecasts to `out` (N, C)."""
    for i in range(heat.slots.shape[0]):
        slot, mark = heat.slots[i], heat.marks[i]
        if mark & NEW:
            memory.log_weights[slot] = 0
            memory.scale[slot] = 0
        if mark & (NEW | BEGINS):
            memory.seen[slot] = False
            memory.length[slot] = 0
        length, kept = memory.length[slot], memory.made.shape[1]
        if mixing.horizon == 0:
            _average_all(field, memory.log_weights[slot], heat.made[i], out[i])
            _judge(mixing, field, memory, slot, 0, heat.made[i], heat.y[i])
        else:
            for ahead in range(1, min(mixing.horizon, length) + 1):
                _judge(mixing, field, memory, slot, ahead - 1, memory.made[slot, (length - ahead) % kept], heat.y[i])
            _remember(memory, slot, heat.y[i], heat.made[i])
            _average_all(field, memory.log_weights[slot], heat.made[i], out[i])
        _note_use(field, memory.log_weights[slot])
        memory.length[slot] = length + 1


@entry
def average(field: Field, log_weights: Any, made: Any, out: Any) -> None:
    """Write the mixture of forecasts made (M, C), by weights (max(H, 1), M), to `out` (C,)."""
    _average_all(field, log_weights, made, out)


@inner
def _average_all(field: Field, log_weights: Any, made: Any, out: Any) -> None:
    groups = log_weights.shape[0]
    targets = out.shape[0] // groups
    for group in range(groups):
        _weigh(field, log_weights[group])
        for d in range(targets):
            out[group * targets + d] = _average(field, made, group * targets + d)


@inner
def _weigh(field: Field, log_weights: Any) -> None:
    """Write the weights, which need not sum to 1, to scratch; 0 for models that have left."""
    for m in range(log_weights.shape[0]):
        field.weights[m] = math.exp(log_weights[m]) if field.racing[m] else 0.0


@inner
def _average(field: Field, made: Any, column: int) -> float:
    """Return the mean of a column of forecasts, NaN where none is finite, by the weights in scratch."""
    total, whole = 0.0, 0.0
    for m in range(made.shape[0]):
        if field.racing[m] and math.isfinite(made[m, column]):
            total += field.weights[m]
            whole += field.weights[m] * made[m, column]
    return whole / total if total > 0.0 else math.nan


@inner
def _judge(mixing: Mixing, field: Field, memory: Memory, slot: int, group: int, made: Any, y: Any) -> None:
    """Judge the forecasts made (M, C) of one horizon by the values y (D,)."""
    log_weights, scale, targets = memory.log_weights[slot, group], memory.scale[slot], y.shape[0]
    _weigh(field, log_weights)
    field.losses[:] = 0
    judged = False
    for d in range(targets):
        column = group * targets + d
        mixture = _average(field, made, column)
        if not known(y[d]) or math.isnan(mixture):
            continue
        judged = True
        error = mixture - y[d]
        _observe(scale, column, error * error)
        unit = scale[MEAN, column]
        for m in range(made.shape[0]):
            if field.racing[m] and math.isfinite(made[m, column]):
                _add(field.errors[m], made[m, column] - y[d])
                apart = made[m, column] - mixture
                loss = (2.0 * error * apart + KAPPA * apart * apart) / unit if unit > 0.0 else 0.0
                field.losses[m] += min(max(loss, -LARGEST_LOSS), LARGEST_LOSS) / targets
    if judged:
        _follow(mixing, field, log_weights)


@inner
def _follow(mixing: Mixing, field: Field, log_weights: Any) -> None:
    """Let the weights follow the losses in scratch."""
    largest = -math.inf
    for m in range(log_weights.shape[0]):
        if field.racing[m]:
            log_weights[m] = mixing.forgetting * log_weights[m] - mixing.rate * field.losses[m]
            largest = max(largest, log_weights[m])
    for m in range(log_weights.shape[0]):
        log_weights[m] -= largest


@inner
def _observe(scale: Any, column: int, square: float) -> None:
    """Take a squared error into the running mean."""
    if scale[WEIGHT, column] >= SETTLED and scale[MEAN, column] > 0.0:
        square = min(square, LARGEST_LOSS * scale[MEAN, column])
    weight = SCALE_FORGETTING * scale[WEIGHT, column] + 1.0
    scale[MEAN, column] += (square - scale[MEAN, column]) / weight
    scale[WEIGHT, column] = weight


@inner
def _add(errors: Any, error: float) -> None:
    errors[COUNT] += 1
    errors[ABSOLUTE] += abs(error)
    errors[SQUARED] += error * error


@inner
def _remember(memory: Memory, slot: int, y: Any, made: Any) -> None:
    """Keep the forecasts of an event with values y (D,): those of targets that have had a value, as `scores` does."""
    seen, ring = memory.seen[slot], memory.made[slot]
    row = ring[memory.length[slot] % ring.shape[0]]
    for d in range(y.shape[0]):
        if known(y[d]):
            seen[d] = True
    for m in range(made.shape[0]):
        for column in range(made.shape[1]):
            row[m, column] = made[m, column] if seen[column % y.shape[0]] else math.nan


@inner
def _note_use(field: Field, log_weights: Any) -> None:
    groups = log_weights.shape[0]
    for group in range(groups):
        _weigh(field, log_weights[group])
        total = 0.0
        for m in range(log_weights.shape[1]):
            total += field.weights[m]
        for m in range(log_weights.shape[1]):
            field.use[m] += field.weights[m] / (total * groups)
