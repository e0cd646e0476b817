"""Command line options made of settings: names, types, defaults and words stand there, once."""

from __future__ import annotations

import typing
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import click
import msgspec

from stream_rnn.settings.engine import Settings
from stream_rnn.settings.live import LiveSettings
from stream_rnn.settings.presets import PRESET_HELP, PRESETS
from stream_rnn.settings.race import RaceSettings
from stream_rnn.settings.replay import ReplaySettings

if TYPE_CHECKING:
    from collections.abc import Callable


class Field(NamedTuple):
    """A setting as a person sees it."""

    name: str
    kind: Any
    """bool, int, float, str or a Literal"""
    several: bool
    """Whether it takes a list of these."""
    default: Any
    """NODEFAULT where it must be given."""
    help: str

    @property
    def option(self) -> str:
        """Its name on the command line."""
        return "--" + self.name.replace("_", "-")

    @property
    def choices(self) -> tuple[str, ...]:
        """What may be chosen from; empty for anything."""
        return typing.get_args(self.kind) if typing.get_origin(self.kind) is Literal else ()


def fields_of(struct: type[msgspec.Struct]) -> list[Field]:
    """Return the settings of a struct in their order."""
    hints = typing.get_type_hints(struct, include_extras=True)
    return [_field(field, hints[field.name]) for field in msgspec.structs.fields(struct)]


def _field(field: Any, hint: Any) -> Field:
    words = ""
    if typing.get_origin(hint) is Annotated:
        words = next((meta.description for meta in hint.__metadata__ if meta.description), "")
        hint = typing.get_args(hint)[0]
    if type(None) in typing.get_args(hint):
        hint = next(kind for kind in typing.get_args(hint) if kind is not type(None))
    several = typing.get_origin(hint) is tuple
    kind = _plain(typing.get_args(hint)[0] if several else hint)
    default = field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
    return Field(field.name, kind, several, default, words)


def _plain(hint: Any) -> Any:
    """Return a type without its metadata."""
    return typing.get_args(hint)[0] if typing.get_origin(hint) is Annotated else hint


class CommaSeparated(click.ParamType[tuple[Any, ...]]):
    """Several values of one kind, such as 32,16."""

    def __init__(self, kind: Any) -> None:
        self._kind = click.types.convert_type(kind)
        self.name = f"{self._kind.name},..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the values as a tuple."""
        parts = value.split(",") if isinstance(value, str) else value
        return tuple(self._kind.convert(part.strip(), param, ctx) for part in parts if part.strip())


class Sections(click.Command):
    """A command whose help lists its options in sections."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, each below its section's name."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is not None:
                sections.setdefault(getattr(param, "section", "Options"), []).append(record)
        for name, records in sections.items():
            with formatter.section(name):
                formatter.write_dl(records)


class SettingOption(click.Option):
    """An option that stands for a setting; None when it was not given, so that a file's value stays."""

    def __init__(self, *args: Any, section: str, **more: Any) -> None:
        super().__init__(*args, **more)
        self.section = section


def job_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command an option for every setting of a job."""
    return _with_options(command, ReplaySettings, "Job", leave_out={"files"})


def live_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command an option for every setting of a live job but those of Kafka's clients, which are a table."""
    return _with_options(command, LiveSettings, "Kafka", leave_out={"client"})


def race_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command an option for every setting of a race."""
    return _with_options(command, RaceSettings, "Race", leave_out=set())


def engine_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command an option for every setting of an engine, and for a preset of them."""
    named = click.option(
        "--preset", cls=SettingOption, type=click.Choice(list(PRESETS)), help=PRESET_HELP, section="Engine"
    )
    return named(_with_options(command, Settings, "Engine", leave_out=set()))


def _with_options(command: Any, struct: type[msgspec.Struct], section: str, leave_out: set[str]) -> Any:
    for field in reversed(fields_of(struct)):
        if field.name not in leave_out:
            declaration, kind = field.option, _click_type(field)
            if field.kind is bool:
                declaration, kind = f"{field.option}/--no-{field.option[2:]}", None
            command = click.option(
                declaration, field.name, cls=SettingOption, type=kind, default=None, help=_help(field), section=section
            )(command)
    return command


def _click_type(field: Field) -> Any:
    kind = click.Choice(field.choices) if field.choices else field.kind
    return CommaSeparated(kind) if field.several else kind


def _help(field: Field) -> str:
    if field.default is msgspec.NODEFAULT or field.default in (None, ()):
        return field.help
    if field.kind is bool:
        shown = "yes" if field.default else "no"
    else:
        shown = ",".join(map(str, field.default)) if field.several else str(field.default)
    return f"{field.help}  [default: {shown}]"
