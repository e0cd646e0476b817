"""Settings that go together, by name; what is said beside a preset's name takes the place of what it says."""

from __future__ import annotations

from typing import Any

from stream_rnn.errors import SettingError, nearest

PRESETS: dict[str, dict[str, Any]] = {
    "forecast": {
        "layer": ("gru",),
        "hidden": (32,),
        "window": 8,
        "readout": "rls",
        "rls_ridge": 10.0,
        "skip": True,
        "differences": True,
        "calendar": ("day",),
        "harmonics": 8,
    },
    "linear": {"layer": ("none",), "readout": "rls", "lags": (1, 2, 3, 4, 5, 6, 7), "missing_flags": False},
    "reservoir": {"layer": ("reservoir",), "hidden": (100,), "readout": "rls", "skip": True},
}
"""Sensor forecasts; and two simple models to hold them against: an online autoregression by recursive least squares,
and a frozen random recurrence under such a readout."""

WORDS = (
    "Settings that go together, which others override: forecast (for sensors), linear (online autoregression), "
    "reservoir (frozen recurrence)."
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
    if preset not in PRESETS:
        raise SettingError(f"preset must be one of {', '.join(PRESETS)}, got {preset!r}{nearest(preset, PRESETS)}")
    return PRESETS[preset] | said
