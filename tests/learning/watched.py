"""Streams with the alarms and states of each event."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from compiled_kernels import anomaly_score, update_states

from stream_rnn.learning import anomaly, target_states
from stream_rnn.learning.alarm_rate import alarm_constants
from stream_rnn.learning.target_states import ALARM, STATE, TARGET_SIZE, TARGETS

STEP = 300.0


class Watched(NamedTuple):
    """What is known of N events."""

    alarms: np.ndarray
    """(N,) bool"""
    of_stream: np.ndarray
    """(N,)"""
    states: np.ndarray
    """(N, D)"""
    memory: np.ndarray


def watch(
    y: Any, residuals: Any = None, *, rate: float = 0.001, times: Any = None, memory: np.ndarray | None = None
) -> Watched:
    """Return the alarms and states of values (N,) or (N, D), of which the forecast was by default `usual_forecasts`."""
    y = np.array(y, float).reshape(len(y), -1)
    count, targets = y.shape
    residuals = y - usual_forecasts(y) if residuals is None else np.reshape(residuals, y.shape)
    times = STEP * np.arange(count) if times is None else times
    scores, evidence = anomaly.state_size(targets), np.zeros(targets)
    memory = np.zeros(scores + target_states.state_size(targets)) if memory is None else memory.copy()
    watched, constants = memory[scores:], alarm_constants(rate, targets)
    alarms, of_stream, states = np.zeros(count, bool), np.zeros(count, int), np.zeros((count, targets), int)
    for i in range(count):
        anomaly_score(anomaly.DEFAULT, memory[:scores], residuals[i], y[i], times[i], evidence)
        of_stream[i] = update_states(constants, watched, evidence, y[i], times[i])
        alarms[i] = watched[ALARM]
        states[i] = watched[TARGETS:].reshape(targets, TARGET_SIZE)[:, STATE]
    return Watched(alarms, of_stream, states, memory)


def usual_forecasts(y: np.ndarray) -> np.ndarray:
    """Return an exponentially weighted mean of the values before each of these (N, D)."""
    forecasts, mean = np.zeros_like(y), np.zeros(y.shape[1])
    for i, value in enumerate(y):
        forecasts[i] = mean
        known = np.abs(value) < 1e100
        mean[known] += 0.3 * (value[known] - mean[known])
    return forecasts
