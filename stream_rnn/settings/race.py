"""The settings of a race: how the forecasts of several engines are weighted, and when a member is retired."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, get_args

from msgspec import Meta

from stream_rnn.errors import SettingError
from stream_rnn.losses import LOSSES
from stream_rnn.settings.base import AtLeastOne, Checked, Forgetting, Positive, check_text, check_values, make_tuples
from stream_rnn.settings.engine import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stream_rnn.settings.presets import RaceName

MUST_AGREE = {
    "inputs": "inputs",
    "targets": "target_names",
    "task": "task",
    "horizon": "horizon",
    "max_streams": "max_streams",
    "reset_after": "reset_after",
    "lower": "lower",
    "upper": "upper",
}
"""Settings that members must have in common, and the attribute that holds each: members see the same events, forecast
the same values, and forget sequences and streams at the same moments."""


NaiveName = Literal["persistence", "seasonal_naive", "holt_winters", "holt_winters_multiplicative"]
MAX_SEASON = 100_000


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
    ] = 0.05
    forgetting: Annotated[
        Forgetting, Meta(description="Forgetting factor of past losses, per scored forecast; 1 forgets nothing.")
    ] = 0.999
    weigh_by: Annotated[
        Literal["squared", "absolute"], Meta(description="Loss of the members' forecasts that weights follow.")
    ] = "squared"
    naive: Annotated[
        tuple[NaiveName, ...],
        Meta(description="Forecasts without a network that race along, each target by itself; the season is detected."),
    ] = ()
    max_season: Annotated[
        Annotated[int, Meta(ge=2, le=MAX_SEASON)],
        Meta(
            description="Longest season, in events, that is detected; a stream keeps 48 bytes for each of its events."
        ),
    ] = 336
    retire_below: Annotated[
        Annotated[float, Meta(gt=0, lt=1)] | None,
        Meta(description="Retire a member whose mean weight since the last check is below this. Default: never."),
    ] = None
    check_every: Annotated[AtLeastOne, Meta(description="Events between two checks of which members to retire.")] = (
        10_000
    )

    def __post_init__(self) -> None:
        """Validate every value."""
        make_tuples(self, ("naive",))
        check_values(self)
        if len(set(self.naive)) != len(self.naive):
            raise SettingError(f"naive must name each forecast once, got {', '.join(self.naive)}")


class RaceConfig(NamedTuple):
    """A race as it is configured."""

    members: dict[str, dict[str, Any]]
    """each member's engine settings, by name"""
    race: RaceSettings


PRESETS: dict[RaceName, RaceConfig] = {
    "auto": RaceConfig(
        {name: {"preset": name} for name in ("forecast", "linear")},
        RaceSettings(naive=get_args(NaiveName)),
    )
}
"""Races that go together, by name: `auto` has members that complement each other, so that for any series some are good:
a recurrence that is learned beside one that is fixed, an autoregression, and the naive forecasts."""
DEFAULT: RaceName = "auto"
"""The race that is used where no network is chosen."""
SHARED = (
    "inputs",
    "targets",
    "task",
    "horizon",
    "seed",
    "calendar",
    "timezone",
    "weights",
    "head",
    "max_streams",
    "reset_after",
    "lower",
    "upper",
    "dtype",
)
"""Engine settings beside the preset of a race: what is forecast, and of which streams. Others are each member's own."""


def preset(name: str, values: Mapping[str, Any]) -> RaceConfig:
    """Return a race by its name, with engine settings that all members share.

    Raises
    ------
    SettingError
        If there is no such race, or a setting is not shared by its members.

    Examples
    --------
    >>> list(preset("auto", {"inputs": "load", "horizon": 24}).members)
    ['forecast', 'linear']
    """
    if name not in PRESETS:
        raise SettingError(f"a race's preset must be one of {', '.join(PRESETS)}, got {name!r}")
    if own := [setting for setting in values if setting not in SHARED]:
        raise SettingError(
            f"preset {name} takes only {', '.join(SHARED)}, got {', '.join(own)}: choose the preset of a single "
            "engine, such as forecast or plain"
        )
    if (task := values.get("task", "forecast")) != "forecast":
        raise SettingError(
            f"preset {name} needs task forecast, got {task!r}: choose the preset of a single engine, such as plain"
        )
    found = PRESETS[name]
    return found._replace(members={member: own | dict(values) for member, own in found.members.items()})


def map_values(
    model: dict[str, Any] | RaceConfig, change: Callable[[dict[str, Any]], dict[str, Any]]
) -> dict[str, Any] | RaceConfig:
    """Return an engine's settings by name, or a race, after a change of the settings of the engine or of each member.

    Examples
    --------
    >>> map_values({"hidden": 8}, lambda values: values | {"horizon": 3})
    {'hidden': 8, 'horizon': 3}
    """
    if not isinstance(model, RaceConfig):
        return change(model)
    return model._replace(members={name: change(values) for name, values in model.members.items()})


def is_shared(values: Mapping[str, Any]) -> bool:
    """Return whether the preset of a race takes all of these engine settings."""
    return set(values).issubset(SHARED) and values.get("task", "forecast") == "forecast"


def chosen_model(values: dict[str, Any]) -> dict[str, Any] | RaceConfig:
    """Return the race that a preset names, the default race if no engine is chosen, or the engine's settings.

    Examples
    --------
    >>> chosen_model({"inputs": ("load",), "hidden": (8,)})
    {'inputs': ('load',), 'hidden': (8,)}
    >>> list(chosen_model({"inputs": ("load",)}).members)
    ['forecast', 'linear']
    """
    if (name := values.get("preset")) in PRESETS:
        return preset(name, {setting: value for setting, value in values.items() if setting != "preset"})
    return preset(DEFAULT, values) if is_shared(values) else values


def parse_members(config: RaceConfig, parse: Callable[[dict[str, Any]], Settings]) -> dict[str, Settings]:
    """Return the settings of each member as `parse` returns them, after checking that the members can race.

    Raises
    ------
    SettingError
        Naming the member whose settings are wrong, unless all share the wrong setting; and as `check_members`.
    """
    members, errors = dict[str, Settings](), dict[str, str]()
    for name, values in config.members.items():
        try:
            members[name] = parse(values)
        except SettingError as error:
            errors[name] = str(error)
    if errors:
        name, message = next(iter(errors.items()))
        is_shared_by_all = 1 < len(errors) == len(config.members) and len(set(errors.values())) == 1
        raise SettingError(message if is_shared_by_all else f"member {name!r}: {message}")
    check_members(members, config.race)
    return members


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
    if race.naive and first[1].task != "forecast":
        raise SettingError(f"naive forecasts need task forecast, got {first[1].task}")
    if taken := next((name for name in members if name in race.naive), None):
        raise SettingError(f"member {taken!r} has the name of a naive forecast: give it another name")
    count = len(members) + len(race.naive)
    if race.retire_below is not None and race.retire_below >= 1 / count:
        raise SettingError(
            f"retire_below must be below 1 / {count}, an equal share of the members, got {race.retire_below}"
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
