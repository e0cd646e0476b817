"""Mixing the forecasts of several models by exponential weights that follow their recent losses.

For each stream and horizon, model m has a weight w_m. The mixture forecasts p = sum_m w_m f_m. When the value v arrives
that the forecasts f_m refer to, with e = p - v:

    r_m = [2 e (f_m - p) + kappa (f_m - p)^2] / S        mean over the targets, each clipped to [-10, 10]
    log w_m <- forgetting log w_m - rate r_m             then w is normalised to sum to 1

S is the running mean of e^2, so that a rate means the same in every unit. The exponentially weighted average forecaster
(Littlestone & Warmuth 1994; Cesa-Bianchi & Lugosi 2006, chapter 2) has kappa = 1, since

    (f_m - v)^2 = e^2 + 2 e (f_m - p) + (f_m - p)^2

and is competitive with the best model. kappa = 0 is its gradient form (ibid., section 2.5; Wintenberger 2017,
doi:10.1007/s10994-016-5592-6), competitive with the best average of models, whose errors cancel. It cannot tell a model
that misses widely in both directions, which a small kappa reveals by its size. Forgetting, which draws all weights
together, lets another model become the best, like sharing a part of the weights (Herbster & Warmuth 1998,
doi:10.1023/A:1007424614876).

A model without a finite forecast sleeps (Freund et al. 1997): it is left out of p, and its r_m is 0.
"""

from __future__ import annotations

import math
from enum import IntEnum
from typing import Any, NamedTuple

from stream_rnn.kernels.jit import entry, inner
from stream_rnn.learning.scaling import is_known

KAPPA = 0.03
MAX_LOSS = 10.0
"""In units of S: a single outlier must not decide for good."""
SCALE_FORGETTING = 0.995
SETTLED = 2
"""Losses in S before one that is far larger is clipped."""

WEIGHT, MEAN = 0, 1
"""The rows of a column's scale."""
COUNT, ABSOLUTE, SQUARED = 0, 1, 2
"""The columns of a model's sums of errors."""


class MixOp(IntEnum):
    """What a row of a batch asks for; values are combined by addition."""

    RESET_SLOT = 1
    """make the slot that of a stream never seen"""
    BEGIN_SEQUENCE = 2
    """start a sequence with this event"""


class Mixing(NamedTuple):
    """How weights follow losses."""

    rate: float
    forgetting: float
    horizon: int
    """H, events ahead; 0 for a label of the same event"""


class MixingState(NamedTuple):
    """What is kept of each stream, one row per slot; of M models, C = max(H, 1) D columns."""

    made: Any
    """(slots, max(H, 1), M, C) newest forecasts, NaN where there was no value to start from"""
    log_weights: Any
    """(slots, max(H, 1), M), the largest 0"""
    scale: Any
    """(slots, 2, C) weight and mean of the squared errors"""
    seen: Any
    """(slots, D) bool, whether the sequence has had a value of each target"""
    length: Any
    """(slots,) int64, events of the sequence"""


class Members(NamedTuple):
    """The models, over all streams."""

    racing: Any
    """(M,) bool"""
    use: Any
    """(M,) sums of the weights since the last check, of each event the mean over horizons"""
    errors: Any
    """(M, 3) number of scored forecasts, sums of their absolute errors and of their squares"""
    weights: Any
    """(M,) scratch"""
    losses: Any
    """(M,) scratch"""


class MixingBatch(NamedTuple):
    """N events in arrival order, with the models' forecasts."""

    slots: Any
    """(N,) int64"""
    ops: Any
    """(N,) uint8, sums of `MixOp`"""
    y: Any
    """(N, D)"""
    made: Any
    """(N, M, C) NaN for retired models"""


@entry
def mix(mixing: Mixing, members: Members, state: MixingState, batch: MixingBatch, out: Any) -> None:
    """Score forecasts by the values of N events, and write the mixture's forecasts to `out` (N, C)."""
    for i in range(batch.slots.shape[0]):
        slot, op = batch.slots[i], batch.ops[i]
        if op & MixOp.RESET_SLOT:
            state.log_weights[slot] = 0
            state.scale[slot] = 0
        if op & (MixOp.RESET_SLOT | MixOp.BEGIN_SEQUENCE):
            state.seen[slot] = False
            state.length[slot] = 0
        length, kept = state.length[slot], state.made.shape[1]
        if mixing.horizon == 0:
            _average_all(members, state.log_weights[slot], batch.made[i], out[i])
            _score(mixing, members, state, slot, 0, batch.made[i], batch.y[i])
        else:
            for ahead in range(1, min(mixing.horizon, length) + 1):
                _score(mixing, members, state, slot, ahead - 1, state.made[slot, (length - ahead) % kept], batch.y[i])
            _remember(state, slot, batch.y[i], batch.made[i])
            _average_all(members, state.log_weights[slot], batch.made[i], out[i])
        _add_use(members, state.log_weights[slot])
        state.length[slot] = length + 1


@entry
def average(members: Members, log_weights: Any, made: Any, out: Any) -> None:
    """Write the mixture of the forecasts `made` (M, C), by weights (max(H, 1), M), to `out` (C,)."""
    _average_all(members, log_weights, made, out)


@inner
def _average_all(members: Members, log_weights: Any, made: Any, out: Any) -> None:
    groups = log_weights.shape[0]
    targets = out.shape[0] // groups
    for group in range(groups):
        _load_weights(members, log_weights[group])
        for d in range(targets):
            out[group * targets + d] = _average(members, made, group * targets + d)


@inner
def _load_weights(members: Members, log_weights: Any) -> None:
    """Write the weights, not normalised, to scratch; 0 for retired models."""
    for m in range(log_weights.shape[0]):
        members.weights[m] = math.exp(log_weights[m]) if members.racing[m] else 0.0


@inner
def _average(members: Members, made: Any, column: int) -> float:
    """Return the mean of a column of forecasts by the weights in scratch, NaN if none is finite."""
    total, whole = 0.0, 0.0
    for m in range(made.shape[0]):
        if members.racing[m] and math.isfinite(made[m, column]):
            total += members.weights[m]
            whole += members.weights[m] * made[m, column]
    return whole / total if total > 0.0 else math.nan


@inner
def _score(mixing: Mixing, members: Members, state: MixingState, slot: int, group: int, made: Any, y: Any) -> None:
    """Score the forecasts `made` (M, C) of one horizon by the values y (D,)."""
    log_weights, scale, targets = state.log_weights[slot, group], state.scale[slot], y.shape[0]
    _load_weights(members, log_weights)
    members.losses[:] = 0
    scored = False
    for d in range(targets):
        column = group * targets + d
        mixture = _average(members, made, column)
        if not is_known(y[d]) or math.isnan(mixture):
            continue
        scored = True
        error = mixture - y[d]
        _update_scale(scale, column, error * error)
        unit = scale[MEAN, column]
        for m in range(made.shape[0]):
            if members.racing[m] and math.isfinite(made[m, column]):
                _add(members.errors[m], made[m, column] - y[d])
                apart = made[m, column] - mixture
                loss = (2.0 * error * apart + KAPPA * apart * apart) / unit if unit > 0.0 else 0.0
                members.losses[m] += min(max(loss, -MAX_LOSS), MAX_LOSS) / targets
    if scored:
        _update_weights(mixing, members, log_weights)


@inner
def _update_weights(mixing: Mixing, members: Members, log_weights: Any) -> None:
    """Update the weights by the losses in scratch."""
    largest = -math.inf
    for m in range(log_weights.shape[0]):
        if members.racing[m]:
            log_weights[m] = mixing.forgetting * log_weights[m] - mixing.rate * members.losses[m]
            largest = max(largest, log_weights[m])
    for m in range(log_weights.shape[0]):
        log_weights[m] -= largest


@inner
def _update_scale(scale: Any, column: int, square: float) -> None:
    """Add a squared error to the running mean."""
    if scale[WEIGHT, column] >= SETTLED and scale[MEAN, column] > 0.0:
        square = min(square, MAX_LOSS * scale[MEAN, column])
    weight = SCALE_FORGETTING * scale[WEIGHT, column] + 1.0
    scale[MEAN, column] += (square - scale[MEAN, column]) / weight
    scale[WEIGHT, column] = weight


@inner
def _add(errors: Any, error: float) -> None:
    errors[COUNT] += 1
    errors[ABSOLUTE] += abs(error)
    errors[SQUARED] += error * error


@inner
def _remember(state: MixingState, slot: int, y: Any, made: Any) -> None:
    """Keep the forecasts of an event with values y (D,), for targets that have had a value, as the scores do."""
    seen, ring = state.seen[slot], state.made[slot]
    row = ring[state.length[slot] % ring.shape[0]]
    for d in range(y.shape[0]):
        if is_known(y[d]):
            seen[d] = True
    for m in range(made.shape[0]):
        for column in range(made.shape[1]):
            row[m, column] = made[m, column] if seen[column % y.shape[0]] else math.nan


@inner
def _add_use(members: Members, log_weights: Any) -> None:
    groups = log_weights.shape[0]
    for group in range(groups):
        _load_weights(members, log_weights[group])
        total = 0.0
        for m in range(log_weights.shape[1]):
            total += members.weights[m]
        for m in range(log_weights.shape[1]):
            members.use[m] += members.weights[m] / (total * groups)
