"""Help shows how to call a command, lists every setting, and appears at once."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import click
import pytest
from command import run

from stream_rnn.cli.app import cli
from stream_rnn.cli.arguments.fields import fields_of
from stream_rnn.settings.engine import Settings
from stream_rnn.settings.live import LiveSettings
from stream_rnn.settings.race import RaceSettings
from stream_rnn.settings.replay import ReplaySettings

if TYPE_CHECKING:
    import msgspec
    from command import Invoke

SETTINGS: dict[str, tuple[type[msgspec.Struct], ...]] = {
    "replay": (ReplaySettings, Settings),
    "gradients": (ReplaySettings, Settings),
    "race": (ReplaySettings, RaceSettings, Settings),
    "run": (LiveSettings, Settings),
    "unfold": (Settings,),
    "warmup": (Settings,),
}
"""Settings that are options of each command."""
WITHOUT_OPTION = {"files", "client", "registry"}
"""Settings that are arguments, or only in job files."""


def help_of(invoke: Invoke, command: str) -> str:
    """Return the words of a command's help, without line breaks."""
    return " ".join(invoke(command, "--help").output.split())


@pytest.mark.parametrize("command", cli.commands)
def test_every_command_shows_an_example_call(invoke: Invoke, command: str) -> None:
    result = invoke(command, "--help")
    assert result.exit_code == 0
    assert f"    stream-rnn {command}" in result.output


@pytest.mark.parametrize("command", SETTINGS)
def test_every_setting_is_an_option_with_its_description(invoke: Invoke, command: str) -> None:
    shown = help_of(invoke, command).replace(" ", "")  # words may be broken at hyphens
    for field in (field for struct in SETTINGS[command] for field in fields_of(struct)):
        if field.name not in WITHOUT_OPTION and (command, field.name) != ("gradients", "every"):  # it samples
            assert field.option in shown
            assert field.help
            assert field.help.replace(" ", "") in shown


@pytest.mark.parametrize("name", cli.commands)
def test_every_option_is_described(name: str) -> None:
    for param in cli.commands[name].params:
        assert not isinstance(param, click.Option) or param.help


def test_defaults_and_choices_are_shown(invoke: Invoke) -> None:
    shown = help_of(invoke, "replay")
    assert "[default: 0.001]" in shown
    assert "[keep|drop]" in shown
    assert "--follow / --no-follow" in shown


def test_arguments_are_not_listed_as_options(invoke: Invoke) -> None:
    assert help_of(invoke, "replay").count("[FILES]...") == 1  # in the usage line


@pytest.mark.parametrize("args", [["--help"], ["replay", "--help"], ["--version"]])
def test_help_imports_nothing_heavy(args: list[str]) -> None:
    code = (
        "import sys\nfrom stream_rnn.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print({'numba', 'matplotlib', 'pyarrow', 'numpy', 'rich.console'} & set(sys.modules), file=sys.stderr)"
    )
    result = subprocess.run([sys.executable, "-c", code, *args], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr.strip()) == (0, "set()")


def test_the_package_runs_as_a_module() -> None:
    result = run("--version")
    assert result.returncode == 0
    assert result.stdout.startswith("stream-rnn ")


def test_without_a_command_help_is_shown_as_an_error() -> None:
    result = run()
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("Usage: stream-rnn [OPTIONS] COMMAND")
    assert "\n  replay " in result.stderr
