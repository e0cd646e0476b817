"""Without an optional package, a command says in one line how to install it, before it does any work."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command import SMALL
from without import command_without

from stream_rnn.cli.commands.running import Outputs
from stream_rnn.errors import MissingExtraError

if TYPE_CHECKING:
    from pathlib import Path

    from command import Invoke

    from stream_rnn.settings.replay import ReplaySettings

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("package", ["click", "rich"])
@pytest.mark.parametrize("args", [[], ["--help"], ["replay", "sensors.csv"]])
def test_the_command_needs_the_extra_cli(package: str, args: list[str]) -> None:
    result = command_without([package], *args)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == f"error: {package} is not installed: pip install 'stream-rnn[cli]'\n"


def test_the_live_job_says_which_systems_it_needs() -> None:
    result = command_without(["fcntl"], "run", "--topics", "sensors", "--inputs", "load", "--servers", "localhost:1")
    assert (result.returncode, result.stdout) == (2, "")
    line = result.stderr.splitlines()[-1]  # what is before it is filelock's warning, which Windows does not have
    assert line.startswith("error: run needs Linux or macOS, and this is ")


@pytest.mark.parametrize(
    ("package", "extra", "table"),
    [
        ("paho", "mqtt", '[mqtt]\ntopic = "plant/{key}"\n'),
        ("fastavro", "registry", '[kafka]\ntopics = ["a"]\nregistry = { url = "http://localhost:1" }\n'),
    ],
)
def test_sources_of_a_live_job_need_their_extras(tmp_path: Path, package: str, extra: str, table: str) -> None:
    path = tmp_path / "job.toml"
    path.write_text(f'{table}[engine]\ninputs = ["x"]\n')
    result = command_without([package], "run", path)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.splitlines()[-1] == f"error: {package} is not installed: pip install 'stream-rnn[{extra}]'"


@pytest.mark.parametrize("command", ["replay", "race", "gradients"])
def test_plots_need_the_extra_plot(recording: Path, command: str) -> None:
    members = ["--members", "gru,rnn"] if command == "race" else []
    output = recording.with_name("out.csv")
    plot = ["--plot", recording.with_name("plot.png"), "--output", output]
    result = command_without(["matplotlib"], command, recording, *SMALL, *members, *plot)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == "error: matplotlib is not installed: pip install 'stream-rnn[plot]'\n"
    assert not output.exists()


def test_unfold_needs_the_extra_plot(tmp_path: Path) -> None:
    result = command_without(["matplotlib"], "unfold", "--output", tmp_path / "net.svg")
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == "error: matplotlib is not installed: pip install 'stream-rnn[plot]'\n"


def test_a_replay_without_a_plot_does_not_need_the_extra_plot(recording: Path) -> None:
    result = command_without(["matplotlib"], "replay", recording, *SMALL)
    assert result.returncode == 0, result.stderr


def test_every_missing_extra_is_one_line(invoke: Invoke, recording: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def check(_: Outputs, __: ReplaySettings) -> None:
        raise MissingExtraError("pyarrow is not installed: pip install 'stream-rnn[files]'")

    monkeypatch.setattr(Outputs, "check", check)
    result = invoke("replay", recording)
    assert result.exit_code == 1
    assert result.stderr == "error: pyarrow is not installed: pip install 'stream-rnn[files]'\n"


@pytest.mark.parametrize("name", ["waves.csv", "waves.parquet"])
@pytest.mark.parametrize("command", ["replay", "gradients"])
def test_reading_csv_and_parquet_needs_the_extra_files(recording: Path, name: str, command: str) -> None:
    path = recording.with_name(name)
    if not path.exists():
        pq.write_table(pa.table({"a": [1.0, 2.0]}), path)
    result = command_without(["pyarrow"], command, path, *SMALL)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == "error: pyarrow is not installed: pip install 'stream-rnn[files]'\n"
