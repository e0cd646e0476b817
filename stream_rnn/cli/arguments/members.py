"""The members of a race as they are named on the command line."""

from __future__ import annotations

from typing import Any

from stream_rnn.errors import SettingError
from stream_rnn.settings.presets import PRESETS


def named_members(names: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """Return the engine settings of members that are named by a preset, or by a layer and optionally a readout.

    Raises
    ------
    SettingError
        If a member is named twice.

    Examples
    --------
    >>> named_members(("lru+rls", "forecast"))
    {'lru+rls': {'layer': 'lru', 'readout': 'rls'}, 'forecast': {'preset': 'forecast'}}
    """
    if len(set(names)) < len(names):
        raise SettingError(f"members must be different, got {','.join(names)}")
    return {name: _named_member(name) for name in names}


def _named_member(name: str) -> dict[str, Any]:
    if name in PRESETS:
        return {"preset": name}
    layer, plus, readout = name.partition("+")
    return {"layer": layer} | ({"readout": readout} if plus else {})
