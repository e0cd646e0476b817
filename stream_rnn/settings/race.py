"""The settings of a race: how forecasts of several engines are weighted, and when one is retired."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import msgspec
from msgspec import Meta

from stream_rnn.errors import SettingError
from stream_rnn.settings.base import Checked, check_types
from stream_rnn.settings.engine import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

POINT_LOSSES = ("squared", "absolute", "huber")
"""Losses whose forecasts are one number, which can be averaged."""
AGREE = {
    "inputs": "inputs",
    "targets": "target_names",
    "task": "task",
    "horizon": "horizon",
    "max_streams": "max_streams",
    "reset_after": "reset_after",
}
"""What members must have in common, and where it is found: they see the same events, forecast the same, and forget
sequences and streams at the same moments."""


class RaceSettings(Checked, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How forecasts of a race are weighted. Every value is checked when the settings are made.

    Raises
    ------
    SettingError
        Naming the setting, its value and what is allowed.
    """

    rate: Annotated[
        float, Meta(description="How strongly weights follow losses, which are in units of the mixture's own.")
    ] = 0.2
    forgetting: Annotated[
        float, Meta(description="What each judged forecast leaves of the memory of losses; 1 forgets nothing.")
    ] = 0.99
    retire_below: Annotated[
        float | None,
        Meta(description="Drop a member whose mean weight since the last check is below this share. Default: never."),
    ] = None
    check_every: Annotated[int, Meta(description="Events between two checks of who is to be retired.")] = 10_000

    def __post_init__(self) -> None:
        """Check every value."""
        check_types(self)
        if self.rate <= 0:
            raise SettingError(f"rate must be above 0, got {self.rate}")
        if not 0 < self.forgetting <= 1:
            raise SettingError(f"forgetting must be above 0 and at most 1, got {self.forgetting}")
        if self.retire_below is not None and not 0 < self.retire_below < 1:
            raise SettingError(f"retire_below must be between 0 and 1, got {self.retire_below}")
        if self.check_every < 1:
            raise SettingError(f"check_every must be at least 1, got {self.check_every}")

    def describe(self) -> dict[str, Any]:
        """Return the settings as plain values that `parse` takes back."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return {name: value for name, value in plain.items() if value is not None}


class Entrants(NamedTuple):
    """A race that is asked for."""

    members: dict[str, dict[str, Any]]
    """each one's engine settings, by name"""
    race: RaceSettings


def check_members(members: Mapping[str, Settings], race: RaceSettings) -> None:
    """Check that members can race against each other.

    Raises
    ------
    SettingError
        Naming the member, the setting, its value and what is allowed.
    """
    if not members:
        raise SettingError("a race needs at least one member, got none")
    for name, settings in members.items():
        if not isinstance(name, str) or not isinstance(settings, Settings):
            raise SettingError(f"members must be settings by name, got {settings!r} for {name!r}")
    first = next(iter(members.items()))
    for name, settings in members.items():
        _check_member(name, settings, first)
    if race.retire_below is not None and race.retire_below >= 1 / len(members):
        raise SettingError(
            f"retire_below must be below 1 / {len(members)}, an even share of the members, got {race.retire_below}"
        )


def _check_member(name: str, settings: Settings, common: tuple[str, Settings]) -> None:
    """Check that one can race, and agrees with the first, `common`."""
    if settings.loss_name not in POINT_LOSSES:
        raise SettingError(f"member {name!r}: loss must be {_or(POINT_LOSSES)} in a race, got {settings.loss_name!r}")
    if settings.tokens or settings.lookahead:
        raise SettingError(f"member {name!r}: layer {settings.layer[0]} cannot race: no embedding, no lookahead")
    for setting in ("interval", "anomaly"):
        if value := getattr(settings, setting):
            raise SettingError(f"member {name!r}: {setting} is of one engine and not of a race, got {value}")
    for setting, field in AGREE.items():
        here, there = getattr(settings, field), getattr(common[1], field)
        if here != there:
            raise SettingError(f"member {name!r}: {setting} must be {there!r} as of member {common[0]!r}, got {here!r}")


def _or(names: tuple[str, ...]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}"
