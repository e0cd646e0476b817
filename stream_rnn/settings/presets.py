"""Presets: engine settings that go together, by name. Settings given beside a preset override it."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, get_args

from stream_rnn.errors import SettingError, nearest

PresetName = Literal["forecast", "anomaly", "linear", "reservoir", "plain"]
RaceName = Literal["auto"]
"""Presets of a race instead of an engine; see `settings.race`."""

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
"""What the forecasting presets share, so that they differ in their recurrence only."""

PRESETS: dict[str, dict[str, Any]] = {
    "forecast": SENSORS | {"layer": ("columnar_gru",), "hidden": (32,), "reservoir": 100, "skip": True},
    "anomaly": {
        "layer": ("gru",),
        "hidden": (16,),
        "readout": "rls",
        "skip": True,
        "calendar": ("day", "week"),
        "anomaly": True,
    },
    "linear": SENSORS | {"layer": ("none",)},
    "reservoir": SENSORS | {"layer": ("reservoir",), "hidden": (100,), "skip": True},
    "plain": {},
}
"""Forecasts and anomaly scores for sensors; two simple baselines: an online autoregression by recursive least squares,
and a frozen random recurrence with the same readout; and the defaults of the settings themselves."""


class Lags(NamedTuple):
    """Which lags of its inputs a preset has: `MAX_LAGS`, or fewer if it has many inputs."""

    setting: Literal["lags", "readout_lags"]
    """lags are the newest ones; readout lags are spread evenly, because the layers remember the newest inputs"""
    lagged_inputs: int
    """as many lags as fit into this number of lagged inputs, all inputs together"""
    least: int
    """the smallest number of lags that is worth having"""
    otherwise: int
    """lags if fewer than that fit"""


LAGS = {
    "forecast": Lags("lags", 24, least=12, otherwise=0),
    "linear": Lags("lags", 168, least=3, otherwise=3),
    "reservoir": Lags("readout_lags", 56, least=1, otherwise=0),
}
"""A learned recurrence remembers what a few lags of many inputs contain, and forecasts worse with them; an
autoregression has nothing else. Lags would drive the fixed units of a reservoir more than the newest inputs do."""
MAX_LAGS = 24

PRESET_HELP = (
    "Engine settings that go together, which other settings override: forecast and anomaly (for sensors), linear "
    "(online autoregression), reservoir (frozen recurrence), plain (the defaults below). auto: a race of forecast, "
    "linear and naive forecasts."
)


def expand(values: dict[str, Any]) -> dict[str, Any]:
    """Return engine settings with their ``preset`` replaced by the settings it stands for.

    Raises
    ------
    SettingError
        If there is no such preset, with the nearest.

    Examples
    --------
    >>> expand({"preset": "linear", "lags": (1,)})["lags"]
    (1,)
    >>> len(expand({"preset": "linear", "inputs": tuple("abcdefgh")})["lags"])
    21
    """
    explicit = dict(values)
    preset = explicit.pop("preset", None)
    if preset is None:
        return explicit
    if preset in get_args(RaceName):
        raise SettingError(
            f"preset {preset} is a race of several engines, and this is a single one: name one of {', '.join(PRESETS)}"
        )
    if not isinstance(preset, str) or preset not in PRESETS:
        raise SettingError(f"preset must be one of {', '.join(PRESETS)}, got {preset!r}{nearest(str(preset), PRESETS)}")
    return PRESETS[preset] | _lags(preset, explicit.get("inputs", ())) | explicit


def _lags(preset: str, inputs: Any) -> dict[str, Any]:
    """Return the lags of a preset for these inputs, a name or several."""
    if preset not in LAGS:
        return {}
    setting, most, least, otherwise = LAGS[preset]
    fit = most // max(1 if isinstance(inputs, str) else len(inputs), 1)
    count = min(fit if fit >= least else otherwise, MAX_LAGS)
    farthest = count if setting == "lags" else MAX_LAGS
    return {setting: tuple(farthest * (place + 1) // count for place in range(count))}
