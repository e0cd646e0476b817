"""Settings that go together, by name; what is said beside a preset's name takes the place of what it says."""

from __future__ import annotations

from typing import Any

from stream_rnn.errors import SettingError, nearest

SENSORS: dict[str, Any] = {
    "readout": "rls",
    "rls_forgetting": 0.9999,
    "rls_ridge": 100.0,
    "scaling_forgetting": 0.9999,
    "outlier": 5.0,
    "reversion": True,
    "differences": True,
    "calendar": ("day",),
    "harmonics": 8,
}
"""What all have in common, so that they differ in their recurrence alone."""

PRESETS: dict[str, dict[str, Any]] = {
    "forecast": SENSORS | {"layer": ("columnar_gru",), "hidden": (32,), "skip": True},
    "anomaly": {
        "layer": ("gru",),
        "hidden": (16,),
        "readout": "rls",
        "skip": True,
        "calendar": ("day", "week"),
        "anomaly": True,
    },
    "linear": SENSORS | {"layer": ("none",), "lags": (1, 2, 3)},
    "reservoir": SENSORS | {"layer": ("reservoir",), "hidden": (100,), "skip": True},
}
"""Sensor forecasts; scores of what surprises in them; and two simple models to hold forecasts against: an online
autoregression by recursive least squares, and a frozen random recurrence under such a readout."""

WORDS = (
    "Settings that go together, which others override: forecast and anomaly (for sensors), linear (online "
    "autoregression), reservoir (frozen recurrence)."
)


def expand(values: dict[str, Any]) -> dict[str, Any]:
    """Return settings by name with those of their ``preset`` instead of its name.

    Raises
    ------
    SettingError
        If there is no such preset, with the nearest.
    """
    said = dict(values)
    preset = said.pop("preset", None)
    if preset is None:
        return said
    if not isinstance(preset, str) or preset not in PRESETS:
        raise SettingError(f"preset must be one of {', '.join(PRESETS)}, got {preset!r}{nearest(str(preset), PRESETS)}")
    return PRESETS[preset] | said
