"""Settings that go together: they are allowed, and what is said beside them counts."""

from __future__ import annotations

from typing import Any

import pytest

from stream_rnn import SettingError, Settings
from stream_rnn.settings.presets import PRESETS


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_settings(name: str) -> None:
    settings = Settings.preset(name, inputs=("x",))
    for setting, value in PRESETS[name].items():
        assert getattr(settings, setting) == value


@pytest.mark.parametrize(
    "make", [lambda said: Settings.preset(**said), lambda said: Settings.parse(dict(said, preset=said.pop("name")))]
)
def test_what_is_said_beside_it_counts(make: Any) -> None:
    settings = make({"name": "forecast", "inputs": ("x",), "hidden": 5})
    assert settings == Settings(**(PRESETS["forecast"] | {"inputs": ("x",), "hidden": 5}))


def test_a_description_says_it_in_full() -> None:
    settings = Settings.preset("linear", inputs=("x",))
    assert "preset" not in settings.describe()
    assert Settings.parse(settings.describe()) == settings


def test_one_that_is_not_there_is_refused_with_the_nearest() -> None:
    with pytest.raises(SettingError, match="one of forecast, anomaly, linear, reservoir, got 'forcast'; did you"):
        Settings.preset("forcast", inputs=("x",))
