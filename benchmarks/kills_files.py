"""Replays that are killed at random moments and resumed, over and over, until they are complete."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

from benchmarks import child
from benchmarks.kills_outcome import Killed, is_same_state, missing
from benchmarks.paths import ROOT
from stream_rnn.checkpoints.folder import CheckpointFolder

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator
    from pathlib import Path

EVENTS = 1_000_000
"""Records of a recording, of which one in a hundred cannot be used."""
STREAMS = 5
OUTPUTS = ("out.csv", "out.jsonl")
OPTIONS = ("--key", "sensor", "--lateness", "3", "--hidden", "4", "--window", "4", "--json")
CHECKPOINT_EVERY = 20_000


def measure(folder: Path, rng: random.Random, minutes: float) -> Iterator[Killed]:
    """Yield the outcome of each recording, until the time is over."""
    end, number = time.monotonic() + 60 * minutes, 0
    recording = folder / "recording.csv"
    _record(recording)
    for output in OUTPUTS:
        (folder / "expected").mkdir(exist_ok=True)
        _complete(folder / "expected", recording, output)
    startup = _startup(folder, recording)
    while time.monotonic() < end:
        output, own = OUTPUTS[number % len(OUTPUTS)], folder / str(number)
        own.mkdir()
        kills, resumed = _kill(own, recording, output, rng, startup, end)
        summary = _complete(own, recording, output)
        yield _compare(own, folder / "expected", output, kills, resumed, summary["resumed_at"])
        number += 1


def _record(path: Path) -> None:
    """Write a recording; some times are late, and one record in a hundred cannot be used."""
    with path.open("w") as file:
        file.write("time,sensor,a,b\n")
        for t in range(EVENTS):
            a = "unavailable" if t % 50 == 11 else f"{math.sin(t / 40):.6f}"
            seconds = "noon" if t % 100 == 37 else str(1_700_000_000 + t - (2 if t % 7 == 0 else 0))
            file.write(f"{seconds},s{t % STREAMS},{a},{math.cos(t / 23):.6f}\n")


def _command(folder: Path, recording: Path, output: str) -> list[str]:
    every = str(CHECKPOINT_EVERY)
    outputs = ["--output", str(folder / output), "--dead-letters", str(folder / f"refused-{output}.jsonl")]
    state = ["--checkpoint", str(folder / f"state-{output}"), "--checkpoint-every", every, "--resume"]
    return [sys.executable, "-m", "stream_rnn.cli", "replay", str(recording), *outputs, *state, *OPTIONS]


def _complete(folder: Path, recording: Path, output: str) -> dict[str, Any]:
    """Run a replay to its end, and return its summary."""
    summary: dict[str, Any] = json.loads(child.run(_command(folder, recording, output)).output)
    return summary


def _startup(folder: Path, recording: Path) -> float:
    """Return the seconds until a replay has written its first checkpoint."""
    own = folder / "startup"
    own.mkdir()
    start = time.monotonic()
    process = _start(own, recording, OUTPUTS[0])
    while process.poll() is None and not CheckpointFolder(own / f"state-{OUTPUTS[0]}").files:
        time.sleep(0.02)
    process.kill()
    process.wait()
    return time.monotonic() - start


def _start(folder: Path, recording: Path, output: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        _command(folder, recording, output), cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def _kill(
    folder: Path, recording: Path, output: str, rng: random.Random, startup: float, end: float
) -> tuple[int, int]:
    """Start a replay and kill it until it is complete, or the time is over; return kills, and starts that resumed."""
    kills = resumed = 0
    while time.monotonic() < end:
        resumed += bool(CheckpointFolder(folder / f"state-{output}").files)
        process = _start(folder, recording, output)
        try:
            process.wait(rng.uniform(0.0, 1.5 * startup))
            break
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            kills += 1
    return kills, resumed


def _compare(folder: Path, expected: Path, output: str, kills: int, resumed: int, resumed_at: int) -> Killed:
    found, right = ((place / output).read_bytes() for place in (folder, expected))
    refused, refused_right = ((place / f"refused-{output}.jsonl").read_bytes() for place in (folder, expected))
    states = [CheckpointFolder(place / f"state-{output}").newest() for place in (folder, expected)]
    rows, right_rows = found.splitlines(), right.splitlines()
    return Killed(
        job=f"replay to {output}",
        kills=kills,
        resumed=resumed + bool(resumed_at),
        events=len(right_rows) - output.endswith(".csv"),
        lost=missing(rows, right_rows),
        duplicated=missing(right_rows, rows),
        equal_output=found == right and refused == refused_right,
        equal_state=all(states) and is_same_state(*(state[1] for state in states if state is not None)),
    )
