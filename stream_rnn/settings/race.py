"""The settings of a race: how the forecasts of several engines are weighted, and when a member is retired."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from msgspec import Meta

from stream_rnn.errors import SettingError
from stream_rnn.losses import LOSSES
from stream_rnn.settings.base import AtLeastOne, Checked, Forgetting, Positive, check_text, check_values
from stream_rnn.settings.engine import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

MUST_AGREE = {
    "inputs": "inputs",
    "targets": "target_names",
    "task": "task",
    "horizon": "horizon",
    "max_streams": "max_streams",
    "reset_after": "reset_after",
}
"""Settings that members must have in common, and the attribute that holds each: members see the same events, forecast
the same values, and forget sequences and streams at the same moments."""


class RaceSettings(Checked, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the forecasts of a race are weighted. Every value is validated when the settings are made.

    Raises
    ------
    SettingError
        Naming the setting, its value and what is allowed.

    Examples
    --------
    >>> RaceSettings(retire_below=0.05).check_every
    10000
    """

    rate: Annotated[
        Positive, Meta(description="How strongly weights follow losses, in units of the mixture's own loss.")
    ] = 0.2
    forgetting: Annotated[
        Forgetting, Meta(description="Forgetting factor of past losses, per scored forecast; 1 forgets nothing.")
    ] = 0.99
    retire_below: Annotated[
        Annotated[float, Meta(gt=0, lt=1)] | None,
        Meta(description="Retire a member whose mean weight since the last check is below this. Default: never."),
    ] = None
    check_every: Annotated[AtLeastOne, Meta(description="Events between two checks of which members to retire.")] = (
        10_000
    )

    def __post_init__(self) -> None:
        """Validate every value."""
        check_values(self)


class RaceConfig(NamedTuple):
    """A race as it is configured."""

    members: dict[str, dict[str, Any]]
    """each member's engine settings, by name"""
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
            raise SettingError(f"members must map names to Settings, got {settings!r} for {name!r}")
        check_text("members", name)
    first = next(iter(members.items()))
    for name, settings in members.items():
        _check_member(name, settings, first)
    if race.retire_below is not None and race.retire_below >= 1 / len(members):
        raise SettingError(
            f"retire_below must be below 1 / {len(members)}, an equal share of the members, got {race.retire_below}"
        )


def _check_member(name: str, settings: Settings, first: tuple[str, Settings]) -> None:
    """Check that a member can race, and agrees with the first one."""
    if not settings.loss_spec.is_point:
        allowed = [loss for loss, spec in LOSSES.items() if spec.is_point]
        raise SettingError(
            f"member {name!r}: loss must be one of {', '.join(allowed)} in a race, got {settings.loss_name!r}"
        )
    if settings.tokens or settings.lookahead:
        raise SettingError(
            f"member {name!r}: layer must not be an embedding or bidirectional in a race, got {settings.layer[0]!r}"
        )
    for setting in ("interval", "anomaly"):
        if value := getattr(settings, setting):
            raise SettingError(f"member {name!r}: {setting} is for a single engine, not for a race, got {value}")
    for setting, attribute in MUST_AGREE.items():
        value, expected = getattr(settings, attribute), getattr(first[1], attribute)
        if value != expected:
            raise SettingError(
                f"member {name!r}: {setting} must be {expected!r}, as of member {first[0]!r}, got {value!r}"
            )
