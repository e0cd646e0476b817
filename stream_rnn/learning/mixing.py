"""Mixing the forecasts of several models by exponential weights that follow their recent losses.

For each stream, horizon h and target, model m has a weight w_m. The mixture forecasts p = sum_m w_m f_m. When the value
v arrives that the forecasts f_m refer to, with e = p - v:

    r_m = [2 e (f_m - p) + kappa (f_m - p)^2] / S                      clipped to [-10, 10]
    log w_m <- (1 - (1 - forgetting) / sqrt h) log w_m - rate_n / sqrt h  r_m      then w is normalised to sum to 1

S is the running mean of e^2, so that a rate means the same in every unit. The exponentially weighted average forecaster
(Littlestone & Warmuth 1994; Cesa-Bianchi & Lugosi 2006, chapter 2) has kappa = 1, since

    (f_m - v)^2 = e^2 + 2 e (f_m - p) + (f_m - p)^2

and is competitive with the best model. kappa = 0 is its gradient form (ibid., section 2.5; Wintenberger 2017,
doi:10.1007/s10994-016-5592-6), competitive with the best average of models, whose errors cancel. It cannot tell a model
that misses widely in both directions, which a small kappa reveals by its size. Forgetting, which draws all weights
together, lets another model become the best, like sharing a part of the weights (Herbster & Warmuth 1998,
doi:10.1023/A:1007424614876).

The rate of the n-th loss is rate_n = rate sqrt(1 + 1600 / n): a short series needs large steps (ibid., section 2.3).
Errors of forecasts that are h events ahead overlap, so that h of them tell little more than one; hence sqrt h. Until
a horizon has had enough losses of its own, n of them, its log w_m also take the step of the first horizon, times
SHARED / (SHARED + n / h).

The losses are squared errors; with `absolute`, those of absolute errors: r_m = [(1 - kappa) sign(e) (f_m - p) + kappa
(|f_m - v| - |e|)] / S, where S is the mean of |e|.

A model without a finite forecast sleeps (Freund et al. 1997): it is left out of p, and its w_m stays as it is, so that
a model that was bad does not wake up as a good one. The naive forecasts of `learning.naive`, which are made here, come
after the models.
"""

from __future__ import annotations

import math
from enum import IntEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from stream_rnn.kernels.jit import entry, inner
from stream_rnn.learning import naive
from stream_rnn.learning.bounds import within
from stream_rnn.learning.scaling import is_known

if TYPE_CHECKING:
    from stream_rnn.kernels.dispatch import Off
    from stream_rnn.learning.bounds import Bounds
    from stream_rnn.learning.naive import NaiveState

KAPPA = 0.2
MAX_LOSS = 10.0
"""In units of S: a single outlier must not decide for good."""
SCALE_FORGETTING = 0.995
SETTLED = 2
"""Losses in S before one that is far larger is clipped."""
EARLY_LOSSES = 1600
"""Losses of a weight up to which its rate is larger."""
SHARED = 5.0
"""Losses that do not overlap, after which a horizon takes half a step of the first one."""
LEAST_SHARE = 0.01
"""Steps of the first horizon that are smaller are not taken."""

WEIGHT, MEAN, LOSSES = 0, 1, 2
"""The rows of a column's scale."""
COUNT, ABSOLUTE, SQUARED = 0, 1, 2
"""The columns of a model's sums of errors."""


class MixOp(IntEnum):
    """Operations that a row of a batch requests; values are added up."""

    RESET_SLOT = 1
    """reset the slot to that of a stream that was never seen"""
    BEGIN_SEQUENCE = 2
    """start a sequence with this event"""
    FREEZE = 4
    """score forecasts, and change no weight"""


class Mixing(NamedTuple):
    """How weights follow losses."""

    rate: float
    forgetting: float
    horizon: int
    """H, events ahead; 0 for a label of the same event"""
    absolute: bool
    """whether losses are absolute errors, not squared ones"""
    naive: Any
    """(K,) int64, which naive forecasts are members, after all others; see `learning.naive`"""
    bounds: Bounds | Off


class MixingState(NamedTuple):
    """Arrays kept for each stream, one row per slot, of M models and C = max(H, 1) D columns."""

    made: Any
    """(slots, max(H, 1), M, C) newest forecasts, NaN where there was no value to start from"""
    log_weights: Any
    """(slots, C, M), the largest 0"""
    scale: Any
    """(slots, 3, C) weight and mean of the losses of the mixture, and their number"""
    seen: Any
    """(slots, D) bool, whether the sequence has had a value of each target"""
    length: Any
    """(slots,) int64, events of the sequence"""


class Members(NamedTuple):
    """The models, over all streams."""

    racing: Any
    """(M,) bool"""
    use: Any
    """(M,) sums of the weights since the last check, of each event the mean over horizons and targets"""
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
    """(N, M, C) NaN for retired models; the naive forecasts are filled in"""


@entry
def mix(
    mixing: Mixing, members: Members, state: MixingState, naive_state: NaiveState, batch: MixingBatch, out: Any
) -> None:
    """Score forecasts by the values of N events, and write the mixture's forecasts to `out` (N, C)."""
    for i in range(batch.slots.shape[0]):
        slot, op = batch.slots[i], batch.ops[i]
        if op & MixOp.RESET_SLOT:
            state.log_weights[slot] = 0
            state.scale[slot] = 0
        if op & (MixOp.RESET_SLOT | MixOp.BEGIN_SEQUENCE):
            state.seen[slot] = False
            state.length[slot] = 0
            naive.forget(naive_state, slot)
        length, kept = state.length[slot], state.made.shape[1]
        learns = op & MixOp.FREEZE == 0
        if mixing.horizon == 0:
            _average_all(members, state.log_weights[slot], batch.made[i], out[i])
            _score(mixing, members, state, slot, 0, batch.made[i], batch.y[i], learns)
        else:
            if mixing.naive.shape[0] > 0:
                naive.update(naive_state, slot, batch.y[i])
                _forecast_naive(mixing, naive_state, slot, batch.y.shape[1], batch.made[i])
            for ahead in range(1, min(mixing.horizon, length) + 1):
                made = state.made[slot, (length - ahead) % kept]
                _score(mixing, members, state, slot, ahead - 1, made, batch.y[i], learns)
            _remember(state, slot, batch.y[i], batch.made[i])
            _average_all(members, state.log_weights[slot], batch.made[i], out[i])
        _add_use(members, state.log_weights[slot])
        state.length[slot] = length + 1


@entry
def average(members: Members, log_weights: Any, made: Any, out: Any) -> None:
    """Write the mixture of the forecasts `made` (M, C), by weights (C, M), to `out` (C,)."""
    _average_all(members, log_weights, made, out)


@entry
def peek(mixing: Mixing, state: NaiveState, y: Any, made: Any) -> None:
    """Write the naive forecasts of slot 0 to `made` (M, C), after an event with values y (D,); (0,) for no event."""
    naive.update(state, 0, y)
    _forecast_naive(mixing, state, 0, made.shape[1] // mixing.horizon, made)


@inner
def _forecast_naive(mixing: Mixing, state: NaiveState, slot: int, targets: int, made: Any) -> None:
    """Write the naive forecasts to the last rows of `made` (M, C)."""
    first = made.shape[0] - mixing.naive.shape[0]
    for column in range(made.shape[1]):
        for place in range(mixing.naive.shape[0]):
            ahead, d = column // targets + 1, column % targets
            forecast = naive.forecast(state, slot, mixing.naive[place], ahead, d)
            made[first + place, column] = within(mixing.bounds, d, forecast)


@inner
def _average_all(members: Members, log_weights: Any, made: Any, out: Any) -> None:
    for column in range(out.shape[0]):
        _load_weights(members, log_weights[column])
        out[column] = _average(members, made, column)


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
def _score(
    mixing: Mixing, members: Members, state: MixingState, slot: int, group: int, made: Any, y: Any, learns: bool
) -> None:
    """Score the forecasts `made` (M, C) of one horizon by the values y (D,), and update the weights if it `learns`."""
    log_weights, scale, targets = state.log_weights[slot], state.scale[slot], y.shape[0]
    for d in range(targets):
        column = group * targets + d
        _load_weights(members, log_weights[column])
        mixture = _average(members, made, column)
        if not is_known(y[d]) or math.isnan(mixture):
            continue
        error = mixture - y[d]
        _update_scale(scale, column, abs(error) if mixing.absolute else error * error)
        for m in range(made.shape[0]):
            members.losses[m] = 0.0
            if members.racing[m] and math.isfinite(made[m, column]):
                _add(members.errors[m], made[m, column] - y[d])
                if scale[MEAN, column] > 0.0:
                    loss = _loss(mixing.absolute, error, made[m, column] - mixture) / scale[MEAN, column]
                    members.losses[m] = min(max(loss, -MAX_LOSS), MAX_LOSS)
        if not learns:
            continue
        _update_weights(mixing, members, log_weights[column], made, column, group + 1, scale[LOSSES, column])
        if group == 0:
            _share_step(mixing, members, log_weights, scale, d, targets)


@inner
def _loss(absolute: bool, error: float, apart: float) -> float:
    """Return the loss of a forecast that is `apart` from the mixture, less that of the mixture with this error."""
    if absolute:
        gradient = apart if error > 0.0 else -apart if error < 0.0 else 0.0
        return (1.0 - KAPPA) * gradient + KAPPA * (abs(error + apart) - abs(error))
    return 2.0 * error * apart + KAPPA * apart * apart


@inner
def _update_weights(
    mixing: Mixing, members: Members, log_weights: Any, made: Any, column: int, ahead: int, losses: float
) -> None:
    """Update the weights of a column of `made` by the losses in scratch; `losses` is their number so far."""
    share = 1.0 / math.sqrt(ahead)
    rate, forgetting = share * _rate(mixing, losses), 1.0 - share * (1.0 - mixing.forgetting)
    for m in range(log_weights.shape[0]):
        if members.racing[m] and math.isfinite(made[m, column]):
            log_weights[m] = forgetting * log_weights[m] - rate * members.losses[m]
    _normalise(members, log_weights)


@inner
def _share_step(mixing: Mixing, members: Members, log_weights: Any, scale: Any, d: int, targets: int) -> None:
    """Let the farther horizons of target d take the step of the first one, by the losses in scratch."""
    rate = _rate(mixing, scale[LOSSES, d])
    for ahead in range(2, mixing.horizon + 1):
        column = (ahead - 1) * targets + d
        share = SHARED / (SHARED + scale[LOSSES, column] / ahead)
        if share > LEAST_SHARE:
            for m in range(members.losses.shape[0]):
                log_weights[column, m] -= share * rate * members.losses[m]
            _normalise(members, log_weights[column])


@inner
def _rate(mixing: Mixing, losses: float) -> float:
    """Return the rate of a weight's newest loss; `losses` is their number so far."""
    return mixing.rate * math.sqrt(1.0 + EARLY_LOSSES / losses)


@inner
def _normalise(members: Members, log_weights: Any) -> None:
    """Let the largest weight be 1."""
    largest = -math.inf
    for m in range(log_weights.shape[0]):
        if members.racing[m]:
            largest = max(largest, log_weights[m])
    for m in range(log_weights.shape[0]):
        log_weights[m] -= largest


@inner
def _update_scale(scale: Any, column: int, loss: float) -> None:
    """Add a loss of the mixture to the running mean."""
    if scale[WEIGHT, column] >= SETTLED and scale[MEAN, column] > 0.0:
        loss = min(loss, MAX_LOSS * scale[MEAN, column])
    weight = SCALE_FORGETTING * scale[WEIGHT, column] + 1.0
    scale[MEAN, column] += (loss - scale[MEAN, column]) / weight
    scale[WEIGHT, column] = weight
    scale[LOSSES, column] += 1.0


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
    columns = log_weights.shape[0]
    for column in range(columns):
        _load_weights(members, log_weights[column])
        total = 0.0
        for m in range(log_weights.shape[1]):
            total += members.weights[m]
        for m in range(log_weights.shape[1]):
            members.use[m] += members.weights[m] / (total * columns)
