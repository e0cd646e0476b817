"""Keys, column names, words and file names are shown as they are: never obeyed by the terminal, never parsed."""

from __future__ import annotations

import json
import logging
import math
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command import SMALL, run, waves

from stream_rnn import cli
from stream_rnn.cli.console.logs import log_to_stderr
from stream_rnn.cli.console.untrusted import printable

if TYPE_CHECKING:
    from click.testing import Result
    from command import Invoke

NAMES = [
    "[/x]",
    "[red]",
    "[link=http://x]",
    ":x:",
    "\x1b[31m\x1b]0;title\x07",
    "two\r\nlines",
    "\u202eback",
    "$x^",
    "$\\frac{$",
    "%s {0} {x}",
    "\\n",
]


def record_names(path: Path, name: str) -> Path:
    """Write a recording in which a key, a target, and a word in a column of text have this name."""
    columns = {
        "sensor": [name, "other"] * 60,
        "time": [60 * (i // 2) for i in range(120)],
        name: [math.sin(i / 5) for i in range(120)],
        "b": [i % 3 for i in range(120)],
        f"word {name}": [f"{name} {i}" for i in range(120)],
    }
    pq.write_table(pa.table(columns), path)
    return path


def assert_shown(result: Result, *names: str) -> None:
    """Check that a command succeeded, and that its output has the names but nothing that a terminal obeys."""
    assert result.exit_code == 0, result.output
    assert printable(result.output.replace("\n", "")) == result.output.replace("\n", "")
    for name in names:
        assert printable(name) in result.output


@pytest.mark.parametrize("name", NAMES)
def test_a_summary_and_its_plot_show_names_as_they_are(invoke: Invoke, tmp_path: Path, name: str) -> None:
    path = record_names(tmp_path / "a.parquet", name)
    plot = tmp_path / "a.png"
    result = invoke("replay", path, "--key", "sensor", *SMALL, "--drift", "report", "--plot", plot)
    assert_shown(result, name, "ignored columns: word " + name)
    assert plot.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("name", NAMES)
def test_inspect_and_unfold_show_names_as_they_are(invoke: Invoke, tmp_path: Path, name: str) -> None:
    path = record_names(tmp_path / "a.parquet", name)
    state, diagram = tmp_path / "state", tmp_path / "a.svg"
    assert invoke("replay", path, "--key", "sensor", *SMALL, "--checkpoint", state).exit_code == 0
    shown = invoke("inspect", state)
    assert_shown(shown, name)
    assert printable(name) in next(line for line in shown.stdout.splitlines() if line.strip().endswith(" 60"))
    assert_shown(invoke("unfold", state, "--output", diagram))
    assert "\x1b" not in diagram.read_text()


@pytest.mark.parametrize("name", NAMES)
def test_gradients_and_races_show_names_as_they_are(invoke: Invoke, tmp_path: Path, name: str) -> None:
    path = record_names(tmp_path / "a.parquet", name)
    args = ["--key", "sensor", "--targets", "b", *SMALL]
    assert_shown(invoke("gradients", path, *args, "--stream", name, "--plot", tmp_path / "a.png"))
    missing = invoke("gradients", path, *args, "--stream", name + "?")
    assert missing.exit_code == 1
    assert missing.stderr.count("\n") == 1
    config = tmp_path / "race.toml"
    members = "".join(f"[members.{json.dumps(member)}]\nlayer = 'rnn'\n" for member in (name, "second"))
    config.write_text(members)
    state = tmp_path / "state"
    assert_shown(invoke("race", path, *args, "--config", config, "--checkpoint", state), name)
    assert_shown(invoke("inspect", state), f"member {name}")


@pytest.mark.parametrize("name", [name for name in NAMES if "/" not in name])
def test_file_names_are_shown_as_they_are(invoke: Invoke, tmp_path: Path, name: str) -> None:
    missing = invoke("replay", tmp_path / f"{name}.csv")
    assert missing.stderr.startswith(f"error: {tmp_path}/{printable(name)}.csv: no ")
    path = record_names(tmp_path / f"{name}.parquet", "x")
    output, state = tmp_path / f"out{name}.csv", tmp_path / f"state{name}"
    result = invoke("replay", path, "--key", "sensor", *SMALL, "--output", output, "--checkpoint", state)
    assert_shown(result, f"output: {output}")
    assert_shown(invoke("inspect", state), str(state))
    job = tmp_path / f"{name}.toml"
    assert_shown(invoke("init", job), f"wrote {job}")
    assert_shown(invoke("replay", path, "--config", job, "--key", "sensor", *SMALL))


@pytest.mark.parametrize("args", [["replay", "x.csv"], ["inspect", "x"], ["unfold", "x"], ["run", "--topics"]])
@pytest.mark.parametrize("name", NAMES)
def test_errors_show_arguments_as_they_are(invoke: Invoke, args: list[str], name: str) -> None:
    for wrong in ([*args[:-1], name], [*args, f"--{name}"], [*args, "--layer", name]):
        result = invoke(*wrong)
        assert result.exit_code in (1, 2)
        assert result.stderr.startswith("error: ")
        assert printable(result.stderr[:-1]) == result.stderr[:-1]


@pytest.mark.parametrize("line_format", ["plain", "text", "json"])
@pytest.mark.parametrize("name", NAMES)
def test_logs_show_names_as_they_are(capsys: pytest.CaptureFixture[str], line_format: str, name: str) -> None:
    log_to_stderr(logging.INFO, line_format)  # type: ignore[arg-type]
    log = logging.getLogger("stream_rnn")
    log.warning("stream %s moved", name, exc_info=ValueError(name))
    written = capsys.readouterr().err
    assert "\x1b" not in written
    if line_format == "json":
        assert json.loads(written)["message"] == f"stream {name} moved"
    else:
        assert f"stream {printable(name)} moved" in written


def test_a_file_name_that_is_not_utf8_is_shown(tmp_path: Path) -> None:
    path = waves(tmp_path / "\udcff.csv")
    for output in ("\udcfe.csv", "\udcfe.parquet"):
        for options in ([], ["--json"]):
            shown = run("replay", path, "--key", "sensor", *SMALL, "--output", tmp_path / output, *options)
            assert shown.returncode == 0, shown.stderr
            assert printable(output) in shown.stdout.replace("\\\\", "\\")
    missing = run("replay", tmp_path / "\udcfd.json")
    assert missing.stderr.startswith(f"error: {tmp_path}/\\udcfd.json: no such file")


def test_no_command_prints_past_what_escapes_text() -> None:
    folder = Path(cli.__file__).parent
    printing = [path.name for path in folder.rglob("*.py") if re.search(r"click\.s?echo\(", path.read_text())]
    assert set(printing) == {"formatting.py", "errors.py"}


def test_formulas_in_keys_are_escaped_on_request(invoke: Invoke, tmp_path: Path) -> None:
    path, output = record_names(tmp_path / "a.parquet", "=1+1"), tmp_path / "out.csv"
    options = ["--key", "sensor", *SMALL, "--output", output]
    assert_shown(invoke("replay", path, *options, "--escape-formulas", "--checkpoint", tmp_path / "state"))
    first = output.read_text()
    assert first.startswith("time,key,'=1+1,b,")
    assert {line.split(",")[1] for line in first.splitlines()[1:]} == {"'=1+1", "other"}
    assert_shown(invoke("replay", path, *options, "--escape-formulas", "--checkpoint", tmp_path / "state", "--resume"))
    assert output.read_text() == first
    assert_shown(invoke("replay", path, *options))
    assert output.read_text().startswith("time,key,=1+1,b,")
