"""Weights follow the losses of the models that forecast, and of no others."""

from __future__ import annotations

import numpy as np

from stream_rnn.kernels.dispatch import Off
from stream_rnn.learning import mixing
from stream_rnn.learning.mixing import Members, Mixing, MixingBatch, MixingState
from stream_rnn.learning.naive import NaiveState

MODELS = 2


def state(horizon: int = 1) -> MixingState:
    """Return the state of one stream with one target."""
    return MixingState(
        made=np.full((1, horizon, MODELS, horizon), np.nan),
        log_weights=np.zeros((1, horizon, MODELS)),
        scale=np.zeros((1, 3, horizon)),
        seen=np.zeros((1, 1), np.bool_),
        length=np.zeros(1, np.int64),
    )


def no_naive() -> NaiveState:
    """Return the state of naive forecasts where there are none."""
    return NaiveState(
        values=np.zeros((1, 0, 0)),
        errors=np.zeros((1, 0, 0)),
        counts=np.zeros((1, 0, 2), np.int64),
        seasonal=np.zeros((1, 0, 2, 0)),
        smooth=np.zeros((1, 0, 2, 2)),
        active=np.zeros((1, 0, 2), np.int64),
        bounds=np.zeros((1, 0, 2)),
    )


def two_members() -> Members:
    """Return two models that race."""
    return Members(
        racing=np.ones(MODELS, np.bool_),
        use=np.zeros(MODELS),
        errors=np.zeros((MODELS, 3)),
        weights=np.zeros(MODELS),
        losses=np.zeros(MODELS),
    )


def squared(horizon: int) -> Mixing:
    """Return a mixing by squared errors."""
    return Mixing(
        rate=0.05, forgetting=0.999, horizon=horizon, absolute=False, naive=np.empty(0, np.int64), bounds=Off()
    )


def test_a_far_horizon_begins_with_what_the_first_one_has_learned() -> None:
    rng, events, horizon = np.random.default_rng(0), 10, 12
    y = rng.normal(size=(events, 1))
    made = np.full((events, MODELS, horizon), 0.0)
    made[:, 1] = 3.0  # no forecast of twelve events ahead is scored in ten events
    batch = MixingBatch(np.zeros(events, np.int64), np.zeros(events, np.uint8), y, made)
    kept = state(horizon)
    mixing.mix(squared(horizon), two_members(), kept, no_naive(), batch, np.empty((events, horizon)))
    first, last = kept.log_weights[0, 0], kept.log_weights[0, -1]
    assert last[1] < last[0] == 0.0
    np.testing.assert_allclose(np.exp(last[1]), np.exp(first[1]), rtol=0.1)


def test_a_bad_model_that_has_been_silent_is_not_trusted_again() -> None:
    rng, events, silent = np.random.default_rng(0), 7500, slice(1000, 7000)
    y = rng.normal(size=(events, 1))
    made = np.empty((events, MODELS, 1))
    made[:-1, 0], made[:-1, 1] = y[1:] + 0.01 * rng.normal(size=(events - 1, 1)), 100.0
    made[-1] = 0.0
    made[silent, 1] = np.nan
    batch = MixingBatch(np.zeros(events, np.int64), np.zeros(events, np.uint8), y, made)
    out = np.empty((events, 1))
    mixing.mix(squared(1), two_members(), state(), no_naive(), batch, out)
    errors = np.abs(out[:-1] - y[1:])
    assert errors[900:].max() < 0.1
