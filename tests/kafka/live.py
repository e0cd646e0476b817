"""Live jobs in real processes, and their forecasts, checkpoints and logs."""

from __future__ import annotations

import json
import math
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec
from topics import read_all, send, wait_for

from stream_rnn.checkpoints.folder import CheckpointFolder

if TYPE_CHECKING:
    from pathlib import Path

    from broker import Cluster

    from stream_rnn.checkpoints.file import CheckpointData

STARTED: list[subprocess.Popen[str]] = []
"""All processes. A failed test leaves some running, which the fixture `no_orphans` kills."""
ENGINE = {"inputs": ["x", "y"], "horizon": 2, "hidden": 4, "window": 4}
RACE = {
    "race": {"naive": ["persistence", "seasonal_naive"], "max_season": 50, "retire_below": 0.1, "check_every": 500},
    "members": {"stuck": {"learning_rate": 1e-9}, "quick": {"learning_rate": 0.01}},
}
"""Tables of a race of two engines, of which one will be retired, and of naive forecasts."""
COMMAND = [sys.executable, "-X", "faulthandler", "-m", "stream_rnn.cli", "run"]


def reading(t: int, streams: int = 5) -> tuple[bytes, bytes]:
    """Return key and value of reading t; one in a hundred cannot be used, one in fifty has a missing value."""
    key = f"s{t % streams}".encode()
    if t % 100 == 37:
        return key, b"garbled"
    x = None if t % 50 == 11 else round(math.sin(t / 40 + t % streams), 6)
    return key, json.dumps({"time": 1_700_000_000 + t, "x": x, "y": round(math.cos(t / 23), 6)}).encode()


def feed(broker: Cluster, topic: str, start: int, stop: int, streams: int = 5, at: int | None = None) -> int:
    """Write readings, all with the timestamp `at` if it is given; return how many of them can be used."""
    readings = [reading(t, streams) for t in range(start, stop)]
    timestamps = None if at is None else [at] * len(readings)
    send(broker.bootstrap, topic, [value for _, value in readings], [key for key, _ in readings], timestamps=timestamps)
    return sum(value != b"garbled" for _, value in readings)


@dataclass
class Live:
    """A live job, whose processes share its group and its folder."""

    broker: Cluster
    folder: Path
    topic: str
    output: str
    group: str
    kafka: dict[str, Any] = field(default_factory=dict)
    engine: dict[str, Any] = field(default_factory=lambda: dict(ENGINE))
    tables: dict[str, Any] = field(default_factory=dict)
    """more tables of the job file, such as [race] and [members]"""
    processes: list[subprocess.Popen[str]] = field(default_factory=list)

    def start(self, name: str = "job", **kafka: Any) -> subprocess.Popen[str]:
        """Start a process of the job, with these settings; its log is `name`.log in the folder."""
        defaults = {
            "servers": [self.broker.bootstrap],
            "topics": [self.topic],
            "group": self.group,
            "output": self.output,
            "time": "time",
            "checkpoint": str(self.folder / "state"),
            "checkpoint_every": 1000,
            "checkpoint_seconds": 1.0,
            "session_timeout": 5.0,
            "log_seconds": 1.0,
        }
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{name}.toml"
        path.write_bytes(
            msgspec.toml.encode({"kafka": defaults | self.kafka | kafka, "engine": self.engine} | self.tables)
        )
        with (self.folder / f"{name}.log").open("a") as log:
            process = subprocess.Popen([*COMMAND, str(path)], stderr=log, text=True, cwd=self.folder)
        self.processes.append(process)
        STARTED.append(process)
        return process

    def log(self, name: str = "job") -> str:
        """Return the log of a process."""
        path = self.folder / f"{name}.log"
        return path.read_text() if path.exists() else ""

    def assigned(self, name: str = "job") -> int:
        """Return how often partitions were assigned to a process, by its log."""
        return self.log(name).count("assigned, starting at")

    def stop(self) -> list[int]:
        """Stop the processes in an orderly way, and return their exit codes."""
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        codes = [process.wait(timeout=60) for process in self.processes]
        self.processes.clear()
        return codes

    def kill(self) -> None:
        """Kill the processes."""
        for process in self.processes:
            process.kill()
            process.wait()
        self.processes.clear()

    def wait_for_forecasts(self, count: int, seconds: float = 120) -> None:
        """Wait until there are at least so many forecasts.

        Raises
        ------
        TimeoutError
            If there are fewer after `seconds`; the error has the ends of the logs, and where the threads were.
        """
        try:
            wait_for(lambda: len(read_all(self.broker.bootstrap, self.output)) >= count, seconds)
        except TimeoutError as error:
            found = len(read_all(self.broker.bootstrap, self.output))
            error.add_note(f"{found} of {count} forecasts; exit codes {[process.poll() for process in self.processes]}")
            for process in self.processes:
                process.send_signal(signal.SIGABRT)
                process.wait()
            for log in sorted(self.folder.glob("*.log")):
                error.add_note(f"{log.name} ends:\n" + "".join(log.read_text().splitlines(keepends=True)[-200:]))
            raise

    def forecasts(self) -> dict[bytes, list[bytes]]:
        """Return the committed forecasts of each stream in order, as bytes."""
        found: dict[bytes, list[bytes]] = {}
        for forecast in read_all(self.broker.bootstrap, self.output):
            found.setdefault(forecast.key, []).append(forecast.value)
        return found

    def checkpoint(self, worker: str) -> CheckpointData:
        """Return the newest checkpoint of a worker."""
        found = CheckpointFolder(self.folder / "state" / worker).newest()
        assert found is not None
        return found[1]


def assert_same_state(one: CheckpointData, other: CheckpointData) -> None:
    assert one.keys == other.keys
    assert one.positions["kafka"]["offsets"] == other.positions["kafka"]["offsets"]
    assert one.positions.get("ordering") == other.positions.get("ordering")
    assert one.arrays.keys() == other.arrays.keys()
    for name, array in one.arrays.items():
        assert array.tobytes() == other.arrays[name].tobytes(), name


def positions(forecasts: dict[bytes, list[bytes]]) -> list[tuple[int, int]]:
    """Return partition and offset of the event of each forecast, sorted."""
    rows = [json.loads(value) for values in forecasts.values() for value in values]
    return sorted((row["partition"], row["offset"]) for row in rows)


def health(live: Live) -> dict[str, Any]:
    """Return the health of a job that serves it, whatever its status."""
    port = live.log().partition("metrics and health at http://127.0.0.1:")[2].split()[0]
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health") as answer:
            found: dict[str, Any] = json.load(answer)
    except urllib.error.HTTPError as error:
        found = json.load(error)
    return found
