"""`stream-rnn inspect` and `stream-rnn warmup`: what is there, in a form for people and one for programs."""

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
    """Checkpoints of three streams."""
    path = waves(tmp_path / "waves.csv", keys=3)
    folder = tmp_path / "state"
    assert invoke("replay", path, "--key", "sensor", *SMALL, "--checkpoint", folder).exit_code == 0
    return folder


def about(invoke: Invoke, path: Path) -> dict[str, Any]:
    result = invoke("inspect", path, "--json")
    assert result.exit_code == 0
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_a_folder_shows_its_newest(invoke: Invoke, state: Path) -> None:
    (file,) = CheckpointFolder(state).files
    assert about(invoke, state) == about(invoke, file)


def test_it_says_what_the_engine_says(invoke: Invoke, state: Path) -> None:
    found, engine = about(invoke, state), Engine.load(CheckpointFolder(state).files[-1])
    assert found["counts"]["events"] == engine.counts.events == 600
    assert found["streams"] == [{"key": f"s{k}", "events": 200} for k in range(3)]
    assert [(row["name"], tuple(row["shape"])) for row in found["parameters"]] == [
        (name, array.shape) for name, array in engine.parameters.items()
    ]
    assert found["bytes_per_stream"] == engine.stream_bytes | {"total": sum(engine.stream_bytes.values())}
    assert found["settings"]["hidden"] == [4]
    assert list(found["positions"]["source"]["files"].values()) == [600]


def test_it_says_how_many_events_were_held_back_late_and_duplicates(invoke: Invoke, tmp_path: Path) -> None:
    path, state = waves(tmp_path / "waves.csv", keys=3), tmp_path / "state"
    with path.open("a") as file:
        file.write("1700000000,s0,1,1\n1700011940,s0,1,1\n")
    args = ["--key", "sensor", "--lateness", "600", "--duplicates", "drop", *SMALL, "--checkpoint", state]
    shown = invoke("replay", path, *args).stdout
    assert "skipped: 1 records: later than lateness allows (1)" in shown
    assert "duplicates: 1 records dropped" in shown
    assert about(invoke, state)["positions"]["ordering"] == {"files": {"held": 0, "late": 1, "duplicates": 1}}
    assert '"late":1' in invoke("inspect", state).stdout


def test_a_person_sees_what_matters(invoke: Invoke, state: Path) -> None:
    shown = invoke("inspect", state).stdout
    for words in ("inputs=a,b", "hidden=4", "parameter", "4 x 12", "events 600", "streams: 3", "s2", "positions"):
        assert words in shown


def test_per_stream_weights_have_a_table_too(invoke: Invoke, recording: Path, tmp_path: Path) -> None:
    folder = tmp_path / "own"
    args = ["--weights", "per_stream", *SMALL, "--checkpoint", folder]
    assert invoke("replay", recording, *args).exit_code == 0
    found = about(invoke, folder)
    assert sum(row["count"] for row in found["parameters"]) > 0
    assert found["bytes_per_stream"]["body"] > 0


@pytest.mark.parametrize("name", ["none.safetensors", "waves.csv", "empty"])
def test_what_is_no_checkpoint_is_said(invoke: Invoke, recording: Path, name: str) -> None:
    (recording.parent / "empty").mkdir()
    result = invoke("inspect", recording.parent / name)
    assert result.exit_code == 1
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1


def test_warmup_says_where_kernels_are_kept() -> None:
    run("warmup")
    done = run("warmup", "--hidden", "5", "--horizon", "3")
    assert done.returncode == 0
    assert done.stdout.startswith("gru, squared, float32: nothing to compile, loaded in ")
    assert "cache: " in done.stdout
    assert done.stderr == ""


def test_warmup_refuses_wrong_settings(invoke: Invoke) -> None:
    result = invoke("warmup", "--window", "0")
    assert (result.exit_code, result.stderr) == (2, "error: window must be from 1 to 100000, got 0\n")


def test_a_damaged_newest_is_reported(invoke: Invoke, state: Path, caplog: pytest.LogCaptureFixture) -> None:
    (state / "checkpoint-000000000000999.safetensors").write_bytes(b"cut")
    with caplog.at_level(logging.WARNING, "stream_rnn"):
        assert about(invoke, state)["counts"]["events"] == 600
    assert "is damaged" in caplog.text


def test_a_folder_of_folders_names_those_with_checkpoints(invoke: Invoke, state: Path) -> None:
    result = invoke("inspect", state.parent)
    assert result.exit_code == 1
    assert f"no checkpoint in the folder {state.parent}; there are some in {state}" in result.stderr
