"""Inputs that are derived from past events and times, and the state that fades with time."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from support import NAN, bits, engine_of, network_input, series, stream_row

from stream_rnn import DataError, Engine, SettingError, Settings

DERIVED: dict[str, Any] = {
    "inputs": ("a", "b"),
    "differences": True,
    "lags": (1, 3),
    "calendar": ("day", "week"),
    "harmonics": 2,
    "elapsed": True,
    "scale_inputs": True,
}
VALUES, FLAGS, DIFFERENCES, FIRST_LAG, LAST_LAG, ELAPSED, DAY, WEEK = (
    slice(0, 2),
    slice(2, 4),
    slice(4, 6),
    slice(6, 8),
    slice(8, 10),
    10,
    slice(11, 15),
    slice(15, 19),
)
X = np.hstack([series(40), 100 + 5 * series(40, seed=1)])
TIMES = 1.5e9 + np.cumsum(np.random.default_rng(2).uniform(1, 900, 40))


def engine_after(count: int, **changes: Any) -> Engine:
    engine = engine_of(**(DERIVED | changes))
    engine.process("s", X[:count], times=TIMES[:count])
    return engine


def test_every_derived_input_has_its_columns() -> None:
    assert len(network_input(engine_after(1))) == 19


def test_a_difference_is_divided_by_its_running_root_mean_square() -> None:
    changes = np.diff(X[:20], axis=0)
    expected = changes[-1] / np.sqrt((changes**2).mean(axis=0))
    np.testing.assert_allclose(network_input(engine_after(20))[DIFFERENCES], expected, rtol=1e-5)


@pytest.mark.parametrize(("part", "lag"), [(FIRST_LAG, 1), (LAST_LAG, 3)])
def test_a_lag_is_the_scaled_value_of_that_many_events_before(part: slice, lag: int) -> None:
    expected = (X[19 - lag] - X[:20].mean(axis=0)) / X[:20].std(axis=0)
    np.testing.assert_allclose(network_input(engine_after(20))[part], expected, rtol=1e-5, atol=1e-6)


def test_elapsed_is_the_standardised_logarithm_of_seconds() -> None:
    logarithms = np.log1p(np.diff(TIMES[:20]))
    expected = (logarithms[-1] - logarithms.mean()) / logarithms.std()
    np.testing.assert_allclose(network_input(engine_after(20))[ELAPSED], expected, rtol=1e-5)


@pytest.mark.parametrize(("part", "period"), [(DAY, 86_400), (WEEK, 7 * 86_400)])
def test_the_calendar_is_sines_and_cosines_of_the_time(part: slice, period: int) -> None:
    angle = 2 * np.pi * TIMES[19] / period
    expected = [np.sin(angle), np.cos(angle), np.sin(2 * angle), np.cos(2 * angle)]
    np.testing.assert_allclose(network_input(engine_after(20))[part], expected, atol=1e-6)


@pytest.mark.parametrize(("month", "utc_hour"), [(1, 6), (7, 5)])
def test_with_a_time_zone_the_calendar_is_that_of_the_local_clock(month: int, utc_hour: int) -> None:
    berlin, utc = engine_of(**DERIVED, timezone="Europe/Berlin"), engine_of(**DERIVED)
    berlin.step("s", X[0], time=datetime(2026, month, 5, utc_hour, tzinfo=UTC))
    utc.step("s", X[0], time=datetime(2026, month, 5, 7, tzinfo=UTC))
    np.testing.assert_allclose(network_input(berlin)[DAY], network_input(utc)[DAY], atol=1e-6)


def test_each_step_of_a_rollout_has_the_local_time_of_its_own() -> None:
    set_back = datetime(2026, 10, 25, 1, tzinfo=UTC).timestamp()
    settings = {**DERIVED, "differences": False, "elapsed": False}
    engines = [engine_of(**settings, timezone=zone) for zone in ("Europe/Berlin", None)]
    for engine, offset in zip(engines, (0.0, 7200.0), strict=True):
        engine.process("s", X[:20], times=set_back - 1800.0 * np.arange(20, 0, -1) + offset)
    before, after = zip(*(engine.generate("s", steps=2) for engine in engines), strict=True)
    np.testing.assert_allclose(*before, rtol=1e-5)
    assert not np.allclose(*after, rtol=1e-5)  # the clock in Berlin was set back an hour, the other one was not


def test_an_hour_has_the_same_inputs_on_every_day() -> None:
    inputs = []
    for day in (3, 4):
        engine = engine_of(**DERIVED)
        engine.step("s", X[0], time=datetime(2026, 2, day, 7, 30, tzinfo=UTC))
        inputs.append(network_input(engine)[DAY])
    np.testing.assert_allclose(*inputs, atol=1e-6)


def test_without_time_and_past_derived_inputs_are_0() -> None:
    engine = engine_of(**DERIVED)
    engine.step("s", X[0])
    assert not network_input(engine)[DIFFERENCES.start :].any()


@pytest.mark.parametrize("place", [18, 19])
def test_a_missing_value_has_no_difference(place: int) -> None:
    engine, gap = engine_of(**DERIVED), X[:20].copy()
    gap[place, 0] = NAN
    engine.process("s", gap, times=TIMES[:20])
    assert network_input(engine)[DIFFERENCES][0] == 0
    assert network_input(engine)[DIFFERENCES][1] != 0


def test_differences_and_lags_do_not_cross_a_reset() -> None:
    engine = engine_after(20)
    engine.reset("s")
    engine.step("s", X[20], time=TIMES[20])
    assert not network_input(engine)[DIFFERENCES].any()
    np.testing.assert_allclose(network_input(engine)[FIRST_LAG.start : LAST_LAG.stop], 0, atol=1e-6)
    assert network_input(engine)[ELAPSED] != 0


def test_the_forecast_at_a_hypothetical_event_is_that_of_its_step() -> None:
    engine = engine_after(20, half_life=300.0)
    predicted = engine.predict("s", X[20], TIMES[20])
    before = bits(engine)
    other = engine_after(20, half_life=300.0, learning_rate=1e-30)
    same = other.predict("s", X[20], TIMES[20])
    np.testing.assert_array_equal(same, other.predict("s", X[20], TIMES[20]))
    assert bits(engine) == before
    assert not np.array_equal(predicted, engine.predict("s", X[20], TIMES[20] + 3600))
    forecast = other.step("s", X[20], time=TIMES[20])
    np.testing.assert_allclose(forecast - X[20], same - X[20], rtol=0.2)


def test_a_hypothetical_event_without_time_has_the_distance_of_the_last_two_events() -> None:
    engine = engine_after(20)
    predicted = engine.predict("s", X[20])
    np.testing.assert_array_equal(predicted, engine.predict("s", X[20], 2 * TIMES[19] - TIMES[18]))


def test_time_advances_in_a_rollout() -> None:
    engine = engine_after(40)
    rolled_out = engine.generate("s", steps=3)
    assert np.isfinite(rolled_out).all()
    one = engine.predict("s", rolled_out[0], 2 * TIMES[39] - TIMES[38])
    np.testing.assert_allclose(rolled_out[1], one[0], rtol=1e-12)


def test_a_hypothetical_event_after_a_gap_is_forecast_as_after_a_reset() -> None:
    engine, other = (engine_after(20, reset_after=1000.0) for _ in range(2))
    other.reset("s")
    late = TIMES[19] + 1001
    np.testing.assert_array_equal(engine.predict("s", X[20], late), other.predict("s", X[20], late))
    assert (engine.predict("s", X[20], late) != engine.predict("s", X[20], late - 2)).any()


def test_a_time_without_inputs_is_refused() -> None:
    with pytest.raises(
        DataError, match=r"time is that of a hypothetical event: pass its inputs x as well, got time 3\.0"
    ):
        engine_after(2).predict("s", time=3.0)


def test_the_readout_sees_its_lags_and_the_layers_do_not() -> None:
    engine = engine_after(20, readout_lags=(1, 3), skip=True)
    seen = network_input(engine)
    np.testing.assert_array_equal(seen[WEEK.stop :], seen[FIRST_LAG.start : LAST_LAG.stop])
    layers, readout = engine.parameters["W"], engine.parameters["V"]
    assert layers.shape[0] == WEEK.stop
    assert readout.shape[1] == engine.settings.hidden[0] + len(seen)
    assert readout[:, -4:].any()


@pytest.mark.parametrize("seconds", [0.0, 60.0, 300.0, 3000.0])
def test_the_state_halves_with_every_half_life(seconds: float) -> None:
    faded, same = (engine_of(layer="reservoir", half_life=half) for half in (60.0, None))
    for engine in (faded, same):
        engine.step("s", [1.0], time=0.0)
        stream_row(engine, "state")[:] = 1.0
        engine.step("s", [0.0], time=seconds)
    once = engine_of(layer="reservoir")
    once.step("s", [1.0], time=0.0)
    stream_row(once, "state")[:] = 0.5 ** (seconds / 60.0)
    once.step("s", [0.0], time=seconds)
    np.testing.assert_array_equal(stream_row(faded, "state"), stream_row(once, "state"))
    assert (seconds == 0) == np.array_equal(stream_row(faded, "state"), stream_row(same, "state"))


@pytest.mark.parametrize("time", [NAN, 0.0, -5.0])
def test_the_state_does_not_fade_without_elapsed_time(time: float) -> None:
    faded, same = engine_of(half_life=1.0), engine_of()
    for engine in (faded, same):
        engine.step("s", [1.0], time=0.0)
        engine.step("s", [2.0], time=time)
    np.testing.assert_array_equal(stream_row(faded, "state"), stream_row(same, "state"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lags": (0, 2)}, "lags must be from 1 to 100000, got 0"),
        ({"lags": (3, 2)}, "lags must be ascending, got 3,2"),
        ({"readout_lags": (3, 2), "skip": True}, "readout_lags must be ascending, got 3,2"),
        ({"readout_lags": (1, 2)}, "readout_lags needs skip, got 1,2 without"),
        ({"lags": (1.5,)}, r"lags: expected `int`, got `float`.*1\.5"),
        ({"calendar": ("month",)}, "calendar must be one of day, week, year, got 'month'"),
        ({"calendar": ("day", "day")}, "calendar must be distinct, got 'day' twice"),
        ({"harmonics": 0}, "harmonics must be from 1 to 100, got 0"),
        ({"half_life": 0.0}, "half_life must be above 0, got 0.0"),
        (
            {"layer": "embedding", "differences": True},
            "differences is not for an embedding, whose only input is a token id, got true",
        ),
        ({"layer": "embedding", "calendar": "day"}, "calendar is not for an embedding, .* got day"),
        (
            {"layer": "bigru", "lookahead": 1, "task": "regression", "targets": "y", "half_life": 2.0},
            "half_life is not for bidirectional layers, got 2.0",
        ),
    ],
)
def test_settings_that_do_not_go_together_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        Settings(**({"inputs": ("x",)} | changes))
