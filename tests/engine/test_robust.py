"""What sensors do: levels that shift, glitches, error codes. The errors are compared with those of a clean series."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from stream_rnn import Engine, Settings

KINDS: dict[str, dict[str, Any]] = {
    "default": {},
    "forecast": {"preset": "forecast", "hidden": 16},
    "linear": {"preset": "linear"},
    "lru": {"layer": "lru", "readout": "rls", "hidden": 16},
}
EVERY_KIND = pytest.mark.parametrize("kind", KINDS)
RNG = np.random.default_rng(0)


def forecasts_of(kind: str, x: np.ndarray) -> np.ndarray:
    """Return the one-step forecasts of the first of the columns x (N, I), (N,)."""
    names = [f"x{i}" for i in range(x.shape[1])]
    engine = Engine(Settings.parse({"inputs": names, "targets": names[:1]} | KINDS[kind]))
    return engine.process("s", x, times=60.0 * np.arange(len(x)))[:, 0, 0]


def rmse(forecasts: np.ndarray, x: np.ndarray, start: int, stop: int) -> float:
    return float(np.sqrt(np.mean((forecasts[start - 1 : stop - 1] - x[start:stop, 0]) ** 2)))


def autoregression(length: int, seed: int = 0) -> np.ndarray:
    """Return a series of unit deviation with the coefficient 0.9, (length, 1)."""
    x = np.random.default_rng(seed).normal(size=length)
    for k in range(1, length):
        x[k] = 0.9 * x[k - 1] + 0.44 * x[k]
    return x[:, np.newaxis]


def pump(length: int) -> np.ndarray:
    """Return a temperature that follows a load, and the load, (length, 2)."""
    t = np.arange(length) / 9
    temperature = 40 + 5 * np.sin(t - 0.5) + 0.1 * np.random.default_rng(0).normal(size=length)
    return np.column_stack([temperature, np.sin(t)])


@EVERY_KIND
def test_a_level_shift_costs_a_few_events_only(kind: str) -> None:
    x = autoregression(5000)
    x[4000:] += 30.0
    forecasts, persistence = forecasts_of(kind, x), x[:, 0]
    for start, stop, limit in ((4002, 4100, 1.25), (4100, 5000, 1.05)):
        assert rmse(forecasts, x, start, stop) < limit * rmse(persistence, x, start, stop)


@EVERY_KIND
@pytest.mark.parametrize("height", [5.0, -50.0])
def test_after_a_few_glitches_the_forecast_hardly_follows_the_next(kind: str, height: float) -> None:
    x = 0.3 * autoregression(6000)
    for place in range(3000, 6000, 300):
        x[place] += height
    forecasts = forecasts_of(kind, x)
    moves = [(forecasts[place] - x[place - 1, 0]) / height for place in range(4800, 6000, 300)]
    assert np.mean(np.abs(moves)) < 0.2


@EVERY_KIND
@pytest.mark.parametrize("bad", [-9999.0, 65535.0, 1e30])
@pytest.mark.parametrize("place", [0, 3, 500])
def test_one_bad_value_does_no_lasting_harm(kind: str, bad: float, place: int) -> None:
    clean, spoiled = pump(7000), pump(7000)
    spoiled[place, 0] = bad
    expected, found = forecasts_of(kind, clean), forecasts_of(kind, spoiled)
    assert rmse(found, clean, place + 100, place + 1000) < 1.5 * rmse(expected, clean, place + 100, place + 1000)
    assert rmse(found, clean, 5500, 7000) < 1.1 * rmse(expected, clean, 5500, 7000)


@EVERY_KIND
@pytest.mark.parametrize("bad", [-9999.0, 65535.0])
@pytest.mark.parametrize("place", [0, 1500])
@pytest.mark.parametrize("others", ["stop", "continue"])
def test_many_bad_values_in_a_row_do_no_lasting_harm(kind: str, bad: float, place: int, others: str) -> None:
    clean = pump(9000)
    run = np.column_stack([np.full(2000, bad), clean[:2000, 1] if others == "continue" else np.zeros(2000)])
    spoiled = np.concatenate([clean[:place], run, clean[place:]])
    expected, found = forecasts_of(kind, clean), forecasts_of(kind, spoiled)
    after = place + 2000
    soon, limit = (1.5, 1.1) if "preset" in KINDS[kind] else (2.0, 1.25)
    assert rmse(found, spoiled, after + 100, after + 1000) < soon * rmse(expected, clean, place + 100, place + 1000)
    assert rmse(found, spoiled, after + 5000, after + 7000) < limit * rmse(expected, clean, place + 5000, place + 7000)
