"""Command line options for settings: names, types, defaults and descriptions come from the settings themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from stream_rnn.cli.arguments.fields import Field, fields_of
from stream_rnn.settings.engine import Settings
from stream_rnn.settings.live import LiveSettings
from stream_rnn.settings.presets import PRESET_HELP, PRESETS
from stream_rnn.settings.race import PRESETS as RACES
from stream_rnn.settings.race import RaceSettings
from stream_rnn.settings.replay import ReplaySettings

if TYPE_CHECKING:
    from collections.abc import Callable

    import msgspec


class CommaSeparated(click.ParamType[tuple[Any, ...]]):
    """Comma-separated values of one type, such as 32,16."""

    def __init__(self, element: Any) -> None:
        self._element = click.types.convert_type(element)
        self.name = f"{self._element.name},..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the values as a tuple."""
        parts = value.split(",") if isinstance(value, str) else value
        return tuple(self._element.convert(part.strip(), param, ctx) for part in parts if part.strip())


class SectionedCommand(click.Command):
    """A command whose help lists its options in sections."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, grouped by section."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is not None and not isinstance(param, click.Argument):
                sections.setdefault(getattr(param, "section", "Options"), []).append(record)
        for name, records in sections.items():
            with formatter.section(name):
                formatter.write_dl(records)


class SettingOption(click.Option):
    """An option for a setting; its value is None if it was not given, so that a job file's value applies."""

    def __init__(self, *args: Any, section: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.section = section


def job_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add an option to a command for every setting of a replay but the files, which are arguments."""
    return _add_options(command, ReplaySettings, "Job", exclude={"files"})


def live_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add an option to a command for every setting of a live job but those of Kafka's clients, which are a table."""
    return _add_options(command, LiveSettings, "Kafka", exclude={"client"})


def race_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add an option to a command for every setting of a race."""
    return _add_options(command, RaceSettings, "Race", exclude=set())


def engine_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add an option to a command for every setting of an engine, and one for presets."""
    add_preset = click.option(
        "--preset", cls=SettingOption, type=click.Choice([*RACES, *PRESETS]), help=PRESET_HELP, section="Engine"
    )
    return add_preset(_add_options(command, Settings, "Engine", exclude=set()))


def _add_options(command: Any, struct: type[msgspec.Struct], section: str, exclude: set[str]) -> Any:
    for field in reversed(fields_of(struct)):
        if field.name not in exclude:
            declaration, kind = field.option, _click_type(field)
            if field.type is bool:
                declaration, kind = f"{field.option}/--no-{field.option[2:]}", None
            command = click.option(
                declaration, field.name, cls=SettingOption, type=kind, default=None, help=_help(field), section=section
            )(command)
    return command


def _click_type(field: Field) -> Any:
    if field.is_list:  # the settings themselves refuse a wrong choice, and suggest a similar one
        return CommaSeparated(str if field.choices else field.type)
    return click.Choice(field.choices) if field.choices else field.type


def _help(field: Field) -> str:
    if field.is_unset:
        return field.help
    choices = f" Names: {', '.join(field.choices)}." if field.is_list and field.choices else ""
    if field.type is bool:
        default = "yes" if field.default else "no"
    else:
        default = ",".join(map(str, field.default)) if field.is_list else str(field.default)
    return f"{field.help}{choices}  [default: {default}]"
