"""Weights follow the losses of the models that forecast, and of no others."""

from __future__ import annotations

import numpy as np

from stream_rnn.kernels.dispatch import Off
from stream_rnn.learning import mixing
from stream_rnn.learning.mixing import Members, Mixing, MixingBatch, MixingState
from stream_rnn.learning.naive import NaiveState

MODELS = 2


def state() -> MixingState:
    """Return the state of one stream with one target, one event ahead."""
    return MixingState(
        made=np.full((1, 1, MODELS, 1), np.nan),
        log_weights=np.zeros((1, 1, MODELS)),
        scale=np.zeros((1, 3, 1)),
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


def test_a_bad_model_that_has_been_silent_is_not_trusted_again() -> None:
    rng, events, silent = np.random.default_rng(0), 7500, slice(1000, 7000)
    y = rng.normal(size=(events, 1))
    made = np.empty((events, MODELS, 1))
    made[:-1, 0], made[:-1, 1] = y[1:] + 0.01 * rng.normal(size=(events - 1, 1)), 100.0
    made[-1] = 0.0
    made[silent, 1] = np.nan
    members = Members(
        racing=np.ones(MODELS, np.bool_),
        use=np.zeros(MODELS),
        errors=np.zeros((MODELS, 3)),
        weights=np.zeros(MODELS),
        losses=np.zeros(MODELS),
    )
    constants = Mixing(
        rate=0.05, forgetting=0.999, horizon=1, absolute=False, naive=np.empty(0, np.int64), bounds=Off()
    )
    batch = MixingBatch(np.zeros(events, np.int64), np.zeros(events, np.uint8), y, made)
    out = np.empty((events, 1))
    mixing.mix(constants, members, state(), no_naive(), batch, out)
    errors = np.abs(out[:-1] - y[1:])
    assert errors[900:].max() < 0.1
