"""Help teaches, comes at once, and knows every setting."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from command import run

from stream_rnn.cli.options import fields_of
from stream_rnn.settings.engine import Settings
from stream_rnn.settings.replay import ReplaySettings

if TYPE_CHECKING:
    from command import Invoke

COMMANDS = ("replay", "run", "produce", "inspect", "warmup", "init", "gradients", "unfold")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_shows_how_it_is_called(invoke: Invoke, command: str) -> None:
    result = invoke(command, "--help")
    assert result.exit_code == 0
    assert f"    stream-rnn {command}" in result.output


def test_every_setting_is_an_option_with_words(invoke: Invoke) -> None:
    shown = " ".join(invoke("replay", "--help").output.split())
    for field in fields_of(ReplaySettings) + fields_of(Settings):
        if field.name != "files":
            assert field.option in shown
            assert field.help.split(":")[0].split()[0] in shown
            assert field.help


def test_defaults_and_choices_are_shown(invoke: Invoke) -> None:
    shown = " ".join(invoke("replay", "--help").output.split())
    assert "[default: 0.001]" in shown
    assert "[auto|iso|s|ms]" in shown
    assert "--follow / --no-follow" in shown


@pytest.mark.parametrize("args", [["--help"], ["replay", "--help"], ["--version"]])
def test_help_imports_nothing_heavy(args: list[str]) -> None:
    code = (
        "import sys\nfrom stream_rnn.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print({'numba', 'matplotlib', 'pyarrow', 'numpy', 'rich'} & set(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code, *args], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.strip()) == (0, "set()")


def test_it_runs_as_a_module() -> None:
    done = run("--version")
    assert done.returncode == 0
    assert done.stdout.startswith("stream-rnn ")


def test_without_a_command_it_shows_help() -> None:
    done = run()
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Usage: stream-rnn [OPTIONS] COMMAND")
    assert "\n  replay " in done.stderr
