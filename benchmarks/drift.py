"""Streams that change at a known event, and what each answer to a drift is worth.

    python -m benchmarks.drift --json

Each series has 5,000 values of one process and 2,500 of another, and a stationary one has no change. The engine runs
over it once, forecasting each value before it learns from it, with the defaults of everything but the layer, the
readout and `drift`. Errors are absolute, in the deviation of the values before the change, over the events after it.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from benchmarks import report
from stream_rnn import Engine, Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

CHANGE, LENGTH = 5000, 7500
WINDOWS = (100, 500, 2500)
"""Events after the change over which errors are averaged."""
ACTIONS = ("report", "boost", "reset_optimizer", "reset_head")
MODELS: dict[str, dict[str, Any]] = {
    "gru, gradient": {"layer": "gru"},
    "lru, rls": {"layer": "lru", "readout": "rls"},
}


def autoregression(rng: np.random.Generator, before: float, after: float) -> Array:
    """Return x of x' = a x + noise, with another a after the change."""
    x, noise = np.zeros(LENGTH), rng.normal(size=LENGTH)
    for t in range(1, LENGTH):
        x[t] = (before if t < CHANGE else after) * x[t - 1] + noise[t]
    return x


def waves(rng: np.random.Generator, *, period: float = 24.0, scale: float = 1.0) -> Array:
    """Return a day's wave and its first harmonic with noise; after the change of another period and scale."""
    t = np.arange(LENGTH)
    turns = np.where(t < CHANGE, t / 24.0, CHANGE / 24.0 + (t - CHANGE) / period)
    x: Array = np.sin(2 * np.pi * turns) + 0.5 * np.sin(4 * np.pi * turns + 1.0) + 0.1 * rng.normal(size=LENGTH)
    return np.where(t < CHANGE, 1.0, scale) * x


def mackey_glass(rng: np.random.Generator, delay: int) -> Array:
    """Return x of dx/dt = .2 x(t - d) / (1 + x(t - d)^10) - .1 x (Mackey & Glass 1977), steps of 1, d = 17 at first."""
    x = np.empty(LENGTH + 100)
    x[:100] = rng.uniform(1.1, 1.3, 100)
    for t in range(100, len(x)):
        past = x[t - (17 if t - 100 < CHANGE else delay)]
        x[t] = x[t - 1] + 0.2 * past / (1 + past**10) - 0.1 * x[t - 1]
    return x[100:]


def henon(rng: np.random.Generator, after: float) -> Array:
    """Return x of x' = 1 - a x^2 + y, y' = .3 x (Henon 1976) with a little noise, a = 1.4 at first."""
    x, y = rng.uniform(0.1, 0.2), 0.0
    out = np.empty(LENGTH)
    for t in range(LENGTH):
        out[t] = x
        x, y = 1 - (1.4 if t < CHANGE else after) * x * x + y, 0.3 * x
    return out + 0.02 * rng.normal(size=LENGTH)


SERIES: dict[str, Callable[[np.random.Generator], Array]] = {
    "AR(1) .9 to -.9": lambda rng: autoregression(rng, 0.9, -0.9),
    "wave's period 24 to 10": lambda rng: waves(rng, period=10.0),
    "wave's scale x 5": lambda rng: waves(rng, scale=5.0),
    "Mackey-Glass delay 17 to 30": lambda rng: mackey_glass(rng, 30),
    "Henon a 1.4 to 1": lambda rng: henon(rng, 1.0),
}
STATIONARY: dict[str, Callable[[np.random.Generator], Array]] = {
    "white noise": lambda rng: rng.normal(size=LENGTH),
    "AR(1) .9": lambda rng: autoregression(rng, 0.9, 0.9),
    "noise of Student's t, 3 degrees": lambda rng: rng.standard_t(3, LENGTH),
    "wave": waves,
    "Mackey-Glass": lambda rng: mackey_glass(rng, 17),
}


class Run(NamedTuple):
    """One engine over one series."""

    errors: Array
    """(LENGTH,) of the forecast of each value, in deviations of the values before the change; NaN for the first"""
    drifts: list[int]
    """the values at which drifts were found, from 0 on"""


def run(x: Array, model: dict[str, Any], **drift: Any) -> Run:
    """Run an engine over a series (LENGTH,)."""
    engine = Engine(Settings(inputs=("x",), **model, **drift))
    taken = engine.take(0, x)
    errors = np.abs(x - np.roll(taken.forecasts[:, 0, 0], 1)) / x[:CHANGE].std()
    errors[0] = np.nan
    return Run(errors, [drift.event - 1 for drift in taken.drifts])
