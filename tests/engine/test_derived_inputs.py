"""What the network sees beside an event's values, and that its state fades with time."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from support import NAN, bits, engine_of, series, stream

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


def seen(engine: Engine) -> Any:
    """Return what the network saw of the last event."""
    return engine._parts.work.x.copy()


def after(count: int, **changes: Any) -> Engine:
    engine = engine_of(**(DERIVED | changes))
    engine.process("s", X[:count], times=TIMES[:count])
    return engine


def test_there_is_a_column_for_each_that_was_asked_for() -> None:
    assert len(seen(after(1))) == 19


def test_a_difference_is_in_units_of_its_running_root_mean_square() -> None:
    changes = np.diff(X[:20], axis=0)
    expected = changes[-1] / np.sqrt((changes**2).mean(axis=0))
    np.testing.assert_allclose(seen(after(20))[DIFFERENCES], expected, rtol=1e-5)


@pytest.mark.parametrize(("part", "lag"), [(FIRST_LAG, 1), (LAST_LAG, 3)])
def test_a_lag_is_the_value_so_many_events_ago(part: slice, lag: int) -> None:
    expected = (X[19 - lag] - X[:20].mean(axis=0)) / X[:20].std(axis=0)
    np.testing.assert_allclose(seen(after(20))[part], expected, rtol=1e-5, atol=1e-6)


def test_elapsed_is_the_standardised_logarithm_of_seconds() -> None:
    logarithms = np.log1p(np.diff(TIMES[:20]))
    expected = (logarithms[-1] - logarithms.mean()) / logarithms.std()
    np.testing.assert_allclose(seen(after(20))[ELAPSED], expected, rtol=1e-5)


@pytest.mark.parametrize(("part", "period"), [(DAY, 86_400), (WEEK, 7 * 86_400)])
def test_the_calendar_is_sines_and_cosines_of_the_time(part: slice, period: int) -> None:
    angle = 2 * np.pi * TIMES[19] / period
    expected = [np.sin(angle), np.cos(angle), np.sin(2 * angle), np.cos(2 * angle)]
    np.testing.assert_allclose(seen(after(20))[part], expected, atol=1e-6)


def test_an_hour_of_the_day_looks_the_same_every_day() -> None:
    looks = []
    for day in (3, 4):
        engine = engine_of(**DERIVED)
        engine.step("s", X[0], time=datetime(2026, 2, day, 7, 30, tzinfo=UTC))
        looks.append(seen(engine)[DAY])
    np.testing.assert_allclose(*looks, atol=1e-6)


def test_without_time_or_past_they_are_0() -> None:
    engine = engine_of(**DERIVED)
    engine.step("s", X[0])
    assert not seen(engine)[DIFFERENCES.start :].any()


@pytest.mark.parametrize("place", [18, 19])
def test_a_missing_value_has_no_difference(place: int) -> None:
    engine, gap = engine_of(**DERIVED), X[:20].copy()
    gap[place, 0] = NAN
    engine.process("s", gap, times=TIMES[:20])
    assert seen(engine)[DIFFERENCES][0] == 0
    assert seen(engine)[DIFFERENCES][1] != 0


def test_differences_and_lags_do_not_reach_over_a_reset() -> None:
    engine = after(20)
    engine.reset("s")
    engine.step("s", X[20], time=TIMES[20])
    assert not seen(engine)[DIFFERENCES].any()
    np.testing.assert_allclose(seen(engine)[FIRST_LAG.start : LAST_LAG.stop], 0, atol=1e-6)
    assert seen(engine)[ELAPSED] != 0


def test_a_forecast_of_an_event_that_might_come_is_that_of_its_step() -> None:
    engine = after(20, half_life=300.0)
    peeked = engine.predict("s", X[20], TIMES[20])
    copy = bits(engine)
    other = after(20, half_life=300.0, learning_rate=1e-30)
    same = other.predict("s", X[20], TIMES[20])
    np.testing.assert_array_equal(same, other.predict("s", X[20], TIMES[20]))
    assert bits(engine) == copy
    assert not np.array_equal(peeked, engine.predict("s", X[20], TIMES[20] + 3600))
    made = other.step("s", X[20], time=TIMES[20])
    np.testing.assert_allclose(made - X[20], same - X[20], rtol=0.2)


def test_an_event_that_might_come_is_assumed_to_come_after_as_long_as_the_last() -> None:
    engine = after(20)
    found = engine.predict("s", X[20])
    np.testing.assert_array_equal(found, engine.predict("s", X[20], 2 * TIMES[19] - TIMES[18]))


def test_a_rolled_out_forecast_knows_what_time_it_is() -> None:
    engine = after(40)
    rolled = engine.generate("s", steps=3)
    assert np.isfinite(rolled).all()
    one = engine.predict("s", rolled[0], 2 * TIMES[39] - TIMES[38])
    np.testing.assert_allclose(rolled[1], one[0], rtol=1e-12)


def test_an_event_that_would_come_after_a_reset_is_forecast_as_if_reset() -> None:
    engine, other = (after(20, reset_after=1000.0) for _ in range(2))
    other.reset("s")
    late = TIMES[19] + 1001
    np.testing.assert_array_equal(engine.predict("s", X[20], late), other.predict("s", X[20], late))
    assert (engine.predict("s", X[20], late) != engine.predict("s", X[20], late - 2)).any()


def test_time_alone_is_refused() -> None:
    with pytest.raises(DataError, match="x is needed"):
        after(2).predict("s", time=3.0)


@pytest.mark.parametrize("seconds", [0.0, 60.0, 300.0, 3000.0])
def test_the_state_halves_with_every_half_life(seconds: float) -> None:
    faded, same = (engine_of(layer="reservoir", half_life=half) for half in (60.0, None))
    for engine in (faded, same):
        engine.step("s", [1.0], time=0.0)
        stream(engine, "state")[:] = 1.0
        engine.step("s", [0.0], time=seconds)
    once = engine_of(layer="reservoir")
    once.step("s", [1.0], time=0.0)
    stream(once, "state")[:] = 0.5 ** (seconds / 60.0)
    once.step("s", [0.0], time=seconds)
    np.testing.assert_array_equal(stream(faded, "state"), stream(once, "state"))
    assert (seconds == 0) == np.array_equal(stream(faded, "state"), stream(same, "state"))


@pytest.mark.parametrize("time", [NAN, 0.0, -5.0])
def test_no_time_no_fading(time: float) -> None:
    faded, same = engine_of(half_life=1.0), engine_of()
    for engine in (faded, same):
        engine.step("s", [1.0], time=0.0)
        engine.step("s", [2.0], time=time)
    np.testing.assert_array_equal(stream(faded, "state"), stream(same, "state"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lags": (0, 2)}, "lags must be whole numbers from 1 to 100000, ascending, got"),
        ({"lags": (3, 2)}, "lags must be whole numbers from 1 to 100000, ascending, got"),
        ({"lags": (1.5,)}, "lags"),
        ({"calendar": ("month",)}, "calendar"),
        ({"calendar": ("day", "day")}, "calendar must be different cycles, got"),
        ({"harmonics": 0}, "harmonics must be from 1 to 100, got 0"),
        ({"half_life": 0.0}, "half_life must be above 0 seconds, got 0"),
        ({"layer": "embedding", "differences": True}, "differences is not for an embedding"),
        ({"layer": "embedding", "calendar": "day"}, "calendar is not for an embedding, .* got day"),
        (
            {"layer": "bigru", "lookahead": 1, "task": "regression", "targets": "y", "half_life": 2.0},
            "half_life is not for bidirectional layers, got 2",
        ),
    ],
)
def test_settings_that_cannot_be(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        Settings(**({"inputs": ("x",)} | changes))
