"""`stream-rnn inspect` shows the contents of a checkpoint, `stream-rnn warmup` the state of the cache."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import pytest
from command import SMALL, run, waves

from stream_rnn.checkpoints.folder import CheckpointFolder
from stream_rnn.engine.engine import Engine

if TYPE_CHECKING:
    from pathlib import Path

    from command import Invoke


@pytest.fixture
def state(invoke: Invoke, tmp_path: Path) -> Path:
    """Write checkpoints of three streams."""
    path = waves(tmp_path / "waves.csv", keys=3)
    folder = tmp_path / "state"
    assert invoke("replay", path, "--key", "sensor", *SMALL, "--checkpoint", folder).exit_code == 0
    return folder


def contents(invoke: Invoke, path: Path) -> dict[str, Any]:
    """Return the JSON output of the command."""
    result = invoke("inspect", path, "--json")
    assert result.exit_code == 0
    output: dict[str, Any] = json.loads(result.stdout)
    return output


def test_a_folder_shows_its_newest_checkpoint(invoke: Invoke, state: Path) -> None:
    (file,) = CheckpointFolder(state).files
    assert contents(invoke, state) == contents(invoke, file)


def test_the_contents_equal_the_state_of_the_engine(invoke: Invoke, state: Path) -> None:
    output, engine = contents(invoke, state), Engine.load(CheckpointFolder(state).files[-1])
    assert output["counts"]["events"] == engine.counts.events == 600
    assert output["streams"] == [{"key": f"s{k}", "events": 200} for k in range(3)]
    assert [(row["name"], tuple(row["shape"])) for row in output["parameters"]] == [
        (name, array.shape) for name, array in engine.parameters.items()
    ]
    assert output["bytes_per_stream"] == engine.stream_bytes | {"total": sum(engine.stream_bytes.values())}
    assert output["settings"]["hidden"] == [4]
    assert list(output["positions"]["source"]["files"].values()) == [600]


def test_held_late_and_duplicate_events_are_counted(invoke: Invoke, tmp_path: Path) -> None:
    path, state = waves(tmp_path / "waves.csv", keys=3), tmp_path / "state"
    with path.open("a") as file:
        file.write("1700000000,s0,1,1\n1700011940,s0,1,1\n")
    args = ["--key", "sensor", "--lateness", "600", "--duplicates", "drop", *SMALL, "--checkpoint", state]
    shown = invoke("replay", path, *args).stdout
    assert "skipped: 1 record: later than lateness allows (1)" in shown
    assert "duplicates: 1 record dropped" in shown
    assert contents(invoke, state)["positions"]["ordering"] == {"files": {"held": 0, "late": 1, "duplicates": 1}}
    assert '"late":1' in invoke("inspect", state).stdout


def test_the_text_shows_settings_weights_and_streams(invoke: Invoke, state: Path) -> None:
    shown = invoke("inspect", state).stdout
    for words in ("inputs=a,b", "hidden=4", "parameter", "4 x 12", "events 600", "streams: 3", "s2", "positions"):
        assert words in shown


def test_weights_per_stream_are_shown(invoke: Invoke, recording: Path, tmp_path: Path) -> None:
    folder = tmp_path / "own"
    args = ["--weights", "per_stream", *SMALL, "--checkpoint", folder]
    assert invoke("replay", recording, *args).exit_code == 0
    output = contents(invoke, folder)
    assert sum(row["count"] for row in output["parameters"]) > 0
    assert output["bytes_per_stream"]["body"] > 0


@pytest.mark.parametrize("name", ["none.safetensors", "waves.csv", "empty"])
def test_a_path_without_a_checkpoint_is_reported(invoke: Invoke, recording: Path, name: str) -> None:
    (recording.parent / "empty").mkdir()
    result = invoke("inspect", recording.parent / name)
    assert result.exit_code == 1
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1


def test_warmup_shows_the_cache_folder() -> None:
    run("warmup")
    done = run("warmup", "--hidden", "5", "--horizon", "3")
    assert done.returncode == 0
    assert done.stdout.startswith("gru, squared, float32: nothing to compile, loaded in ")
    assert "cache: " in done.stdout
    assert done.stderr == ""


def test_warmup_refuses_invalid_settings(invoke: Invoke) -> None:
    result = invoke("warmup", "--window", "0")
    assert (result.exit_code, result.stderr) == (2, "error: window must be from 1 to 100000, got 0\n")


def test_a_damaged_newest_checkpoint_is_skipped_with_a_warning(
    invoke: Invoke, state: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (state / "checkpoint-000000000000999.safetensors").write_bytes(b"cut")
    with caplog.at_level(logging.WARNING, "stream_rnn"):
        assert contents(invoke, state)["counts"]["events"] == 600
    assert "is damaged" in caplog.text


def test_subfolders_with_checkpoints_are_suggested(invoke: Invoke, state: Path) -> None:
    result = invoke("inspect", state.parent)
    assert result.exit_code == 1
    assert f"no checkpoint in the folder {state.parent}; there are checkpoints in {state}" in result.stderr
