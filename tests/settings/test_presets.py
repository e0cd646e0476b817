"""Presets: valid settings, which explicit settings override."""

from __future__ import annotations

from typing import Any

import pytest

from stream_rnn import SettingError, Settings
from stream_rnn.settings.presets import PRESETS


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_sets_its_values(name: str) -> None:
    settings = Settings.preset(name, inputs=("x",))
    for setting, value in PRESETS[name].items():
        assert getattr(settings, setting) == value


@pytest.mark.parametrize(
    "make",
    [lambda values: Settings.preset(**values), lambda values: Settings.parse(dict(values, preset=values.pop("name")))],
)
def test_explicit_settings_override_a_preset(make: Any) -> None:
    settings = make({"name": "forecast", "inputs": ("x",), "hidden": 5})
    lags = tuple(range(1, 25))
    assert settings == Settings(**(PRESETS["forecast"] | {"inputs": ("x",), "hidden": 5, "lags": lags}))


@pytest.mark.parametrize(
    ("preset", "count", "lags"),
    [("forecast", 1, 24), ("forecast", 2, 12), ("forecast", 3, 0), ("linear", 7, 24), ("linear", 100, 3)],
)
def test_a_preset_has_as_many_lags_as_its_inputs_leave_room_for(preset: str, count: int, lags: int) -> None:
    settings = Settings.preset(preset, inputs=tuple(f"x{i}" for i in range(count)))
    assert settings.lags == tuple(range(1, lags + 1))
    assert Settings.preset(preset, inputs="x", lags=()).lags == ()


@pytest.mark.parametrize(
    ("count", "lags"),
    [(1, tuple(range(1, 25))), (7, (3, 6, 9, 12, 15, 18, 21, 24)), (20, (12, 24)), (60, ())],
)
def test_the_readout_of_a_reservoir_has_lags_that_are_spread_where_there_is_no_room_for_all(
    count: int, lags: tuple[int, ...]
) -> None:
    settings = Settings.preset("reservoir", inputs=tuple(f"x{i}" for i in range(count)))
    assert settings.readout_lags == lags
    assert settings.lags == ()


def test_a_description_has_the_values_and_not_the_preset() -> None:
    settings = Settings.preset("linear", inputs=("x",))
    assert "preset" not in settings.describe()
    assert Settings.parse(settings.describe()) == settings


def test_an_unknown_preset_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(SettingError, match="linear, reservoir, plain, got 'forcast'; did you mean"):
        Settings.preset("forcast", inputs=("x",))
