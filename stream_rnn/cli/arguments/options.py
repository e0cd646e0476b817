"""Command line options for settings: names, types, defaults and descriptions come from the settings themselves."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

import click

from stream_rnn.cli.arguments.fields import Field, fields_of
from stream_rnn.settings.engine import Settings
from stream_rnn.settings.live import LiveSettings
from stream_rnn.settings.presets import PRESET_HELP, PRESETS
from stream_rnn.settings.race import PRESETS as RACES
from stream_rnn.settings.race import RaceSettings
from stream_rnn.settings.replay import ReplaySettings
from stream_rnn.settings.values import EVERY_COLUMN

if TYPE_CHECKING:
    from collections.abc import Callable

    import msgspec


class CommaSeparated(click.ParamType[tuple[Any, ...]]):
    """Comma-separated values of one type, such as 32,16; a value with a comma is quoted, as in CSV: 'a,"b, c"'."""

    def __init__(self, element: Any) -> None:
        self._element = click.types.convert_type(element)
        self.name = f"{self._element.name},..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the values as a tuple."""
        parts = self._split(value, param, ctx) if isinstance(value, str) else value
        return tuple(self._element.convert(part.strip(), param, ctx) for part in parts if part.strip())

    def _split(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> list[str]:
        try:
            rows = list(csv.reader([value], skipinitialspace=True, strict=True))
        except csv.Error:
            self.fail(f"{value!r} has a quote that is not closed, or text after a closing one", param, ctx)
        return [part for row in rows for part in row]


class Horizon(click.ParamType[int | str]):
    """A number of events, or a duration such as 6h, which a job turns into events."""

    name = "events"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return an integer as such; anything else is checked by the job."""
        text = str(value).strip()
        is_duration = text[:1].isdigit() and text[-1:].isalpha()
        return text if is_duration else click.INT.convert(value, param, ctx)


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

    def type_cast_value(self, ctx: click.Context, value: Any) -> Any:
        """Return the value; the values of an option that was repeated as one list."""
        parts = super().type_cast_value(ctx, value)
        if not self.multiple:
            return parts
        return tuple(part for values in parts for part in values) if value else None


class ColumnOption(SettingOption):
    """An option of values by column."""

    def type_cast_value(self, ctx: click.Context, value: Any) -> Any:
        """Return the values by column, those without one under ``*``; None if the option was not given."""
        table: dict[str, tuple[str, ...]] = {}
        for part in super().type_cast_value(ctx, value) or ():
            column, equals, own = part.rpartition("=")
            name, text = (column, own) if equals and column else (EVERY_COLUMN, part)
            table[name] = (*table.get(name, ()), text)
        return table or None


def job_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add an option to a command for every setting of a replay but the files, which are arguments."""
    return _add_options(command, ReplaySettings, "Job", exclude={"files"})


def sampled_job_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add options as `job_options`, to a command whose own ``--every`` says how often it samples."""
    return _add_options(command, ReplaySettings, "Job", exclude={"files", "every"})


def live_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add an option to a command for every setting of a live job but those that are tables."""
    return _add_options(command, LiveSettings, "Kafka", exclude={"client", "registry"})


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
    known = {(param.name, param.help) for param in getattr(command, "__click_params__", ()) if hasattr(param, "help")}
    for field in reversed(fields_of(struct)):
        # An option of the engine with the same meaning is one option: a job passes its value on.
        if field.name not in exclude and (field.name, _help(field)) not in known:
            declaration, kind = field.option, _click_type(field)
            if field.type is bool:
                declaration, kind = f"{field.option}/--no-{field.option[2:]}", None
            option = ColumnOption if field.by_column else SettingOption
            command = click.option(
                declaration,
                field.name,
                cls=option,
                type=kind,
                multiple=field.is_list and field.type is str,  # of names; other lists override those before
                default=None,
                help=_help(field),
                section=section,
            )(command)
    return command


def _click_type(field: Field) -> Any:
    if field.name == "horizon":
        return Horizon()
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
