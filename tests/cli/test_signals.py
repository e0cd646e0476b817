"""Ctrl-C and SIGTERM stop a run between batches: outputs are complete, and the summary is printed."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from typing import TYPE_CHECKING, Any

import pytest
from command import COMMAND, SMALL, run, waves

from stream_rnn.checkpoints.folder import CheckpointFolder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.slow


def start(*args: object, **options: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, "replay", *map(str, args), *SMALL, "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def wait_for(condition: Callable[[], object]) -> None:
    while not condition():  # pytest ends a test that waits too long
        time.sleep(0.02)


def finish(process: subprocess.Popen[str]) -> dict[str, Any]:
    stdout, stderr = process.communicate(timeout=240)
    assert "Traceback" not in stderr
    summary: dict[str, Any] = json.loads(stdout)
    return summary


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stopped_run_prints_its_summary_and_can_be_resumed(tmp_path: Path, number: int, status: int) -> None:
    path, out, state = waves(tmp_path / "waves.csv", 2000), tmp_path / "out.jsonl", tmp_path / "state"
    args = [path, "--output", out, "--checkpoint", state]
    process = start(*args, "--speed", "6000", "--checkpoint-every", "100")
    wait_for(lambda: CheckpointFolder(state).files)
    process.send_signal(number)
    summary = finish(process)
    assert process.returncode == status
    assert not summary["finished"]
    assert 0 < summary["events"] < 2000
    assert len(out.read_text().splitlines()) == summary["events"]
    rest = json.loads(run("replay", *args, *SMALL, "--resume", "--json").stdout)
    assert rest["resumed_at"] == summary["events"]
    complete = tmp_path / "complete.jsonl"
    run("replay", path, *SMALL, "--output", complete)
    assert out.read_bytes() == complete.read_bytes()


def test_a_followed_file_is_read_until_the_run_is_stopped(tmp_path: Path) -> None:
    path, state = waves(tmp_path / "waves.csv", 50), tmp_path / "state"
    process = start(path, "--follow", "--checkpoint", state, "--checkpoint-every", "1")
    wait_for(lambda: CheckpointFolder(state).files)
    with path.open("a") as file:
        file.write("1700100000,s0,1,1\n")
    wait_for(lambda: CheckpointFolder(state).files[-1].name.endswith("51.safetensors"))
    process.send_signal(signal.SIGINT)
    assert finish(process)["events"] == 51
    assert process.returncode == 130


def test_a_run_that_waits_for_a_pipe_can_be_stopped(tmp_path: Path) -> None:
    out, state = tmp_path / "out.csv", tmp_path / "state"
    args = ["-", "--output", out, "--checkpoint", state, "--checkpoint-every", "1"]
    process = start(*args, stdin=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write(waves(tmp_path / "waves.csv", 50).read_text())
    process.stdin.flush()
    wait_for(lambda: CheckpointFolder(state).files)
    process.send_signal(signal.SIGTERM)
    wait_for(lambda: process.poll() is not None)
    process.stdin.close()
    process.stdin = None
    assert finish(process)["events"] == 50
    assert process.returncode == 143
    assert len(out.read_text().splitlines()) == 51


def test_a_killed_and_resumed_run_equals_an_uninterrupted_one(tmp_path: Path) -> None:
    path, out, state = waves(tmp_path / "waves.csv", 60_000), tmp_path / "out.csv", tmp_path / "state"
    args = [path, "--output", out, "--checkpoint", state, "--checkpoint-every", "5000"]
    process = start(*args)
    wait_for(lambda: len(CheckpointFolder(state).files) > 1 or process.poll() is not None)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    rest = json.loads(run("replay", *args, *SMALL, "--resume", "--json").stdout)
    assert 0 < rest["resumed_at"] < 60_000
    complete, complete_state = tmp_path / "complete.csv", tmp_path / "complete_state"
    run("replay", path, *SMALL, "--output", complete, "--checkpoint", complete_state)
    assert out.read_bytes() == complete.read_bytes()
    one, two = (CheckpointFolder(folder).newest() for folder in (state, complete_state))
    assert one is not None
    assert two is not None
    for name, array in two[1].arrays.items():
        assert array.tobytes() == one[1].arrays[name].tobytes()
