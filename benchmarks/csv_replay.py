"""`stream-rnn replay` from a CSV file to a Parquet file of forecasts, compared with the engine on the same arrays."""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
from pyarrow import csv

from benchmarks import child
from benchmarks.clock import now, since
from stream_rnn import Engine, Settings
from stream_rnn.connectors.decode.schema import Schema
from stream_rnn.connectors.files.open import open_files

COLUMNS = tuple(f"x{i}" for i in range(8))
STREAMS = 100
TARGET = "x0"
SETTINGS: dict[str, Any] = {
    "inputs": COLUMNS,
    "targets": (TARGET,),
    "horizon": 3,
    "layer": "gru",
    "hidden": 32,
    "window": 16,
}
ZONE = ZoneInfo("Europe/Berlin")
NOTATIONS = {
    "iso": ("%Y-%m-%dT%H:%M:%S%z", None),
    "day first": ("%d.%m.%Y %H:%M:%S", None),
    "month names, AM/PM": ("%d %b %Y %I:%M:%S %p", None),
    "microseconds": ("", None),
    "local, iso": ("%Y-%m-%d %H:%M:%S", "Europe/Berlin"),
    "local, day first": ("%d.%m.%Y %H:%M:%S", "Europe/Berlin"),
}
"""How times are written, and the time zone in which they are read."""


def measure(events: int = 1_000_000) -> dict[str, Any]:
    """Return the rates of the command and of `Engine.process`, which runs before and after it, and their ratio."""
    with tempfile.TemporaryDirectory() as folder:
        warmup_file, file, output = (Path(folder) / name for name in ("warmup.csv", "events.csv", "out.parquet"))
        keys, times, x = _events(events)
        _write(warmup_file, keys[:1000], _timestamps(times[:1000]), x[:1000])
        _write(file, keys, _timestamps(times), x)
        try:
            child.run(_command(warmup_file, output))  # compiles if necessary
            before = _engine_rate(keys, times, x)
            output.unlink()
            completed = child.run(_command(file, output))
        except child.ChildError as error:
            return {"skipped": str(error)}
        engine_rate = statistics.mean((before, _engine_rate(keys, times, x)))
        return {
            "events": events,
            "file_mb": file.stat().st_size / 1e6,
            "output_mb": output.stat().st_size / 1e6,
            "kernel_events_per_second": engine_rate,
            "process_seconds": completed.seconds,
            "events_per_second": events / completed.seconds,
            "share_of_kernel": events / completed.seconds / engine_rate,
            "reported_events_per_second": json.loads(completed.output)["events_per_second"],
        }


def compare_times(events: int = 300_000, rounds: int = 3) -> dict[str, dict[str, float]]:
    """Return how fast files with other notations of the times are read and replayed, as shares of the rate of ISO 8601.

    The notations take turns, and each share is that of the best rounds: other processes only make a round slower.
    """
    keys, times, x = _events(events)
    times = 1.7e9 + 60.0 * np.arange(events)
    moments = [datetime.fromtimestamp(time, ZONE) for time in times.tolist()]
    reading: dict[str, list[float]] = {name: [] for name in NOTATIONS}
    replaying: dict[str, list[float]] = {name: [] for name in NOTATIONS}
    with tempfile.TemporaryDirectory() as folder:
        files = {name: Path(folder) / f"{i}.csv" for i, name in enumerate(NOTATIONS)}
        for name, (time_format, _) in NOTATIONS.items():
            texts = [moment.strftime(time_format) for moment in moments] if time_format else (times * 1e6).astype(int)
            _write(files[name], keys, texts, x)
        for _ in range(rounds):
            for name, (_, timezone) in NOTATIONS.items():
                schema = Schema("sensor", "time", None, COLUMNS, timezone=timezone)
                start = now()
                with open_files(files[name], schema) as source:
                    for _ in source:
                        pass
                reading[name].append(events / since(start))
                zone = () if timezone is None else ("--timezone", timezone)
                output = Path(folder) / "out.parquet"
                completed = child.run([*_command(files[name], output), *zone])
                replaying[name].append(json.loads(completed.output)["events_per_second"])
    return {
        name: {
            "reading": max(reading[name]) / max(reading["iso"]),
            "replaying": max(replaying[name]) / max(replaying["iso"]),
        }
        for name in NOTATIONS
    }


def _command(file: Path, output: Path) -> list[str]:
    options = {
        "key": "sensor",
        "time": "time",
        "inputs": ",".join(COLUMNS),
        "targets": TARGET,
        "horizon": "3",
        "layer": "gru",
        "hidden": "32",
        "window": "16",
        "output": str(output),
    }
    arguments = (part for name, value in options.items() for part in (f"--{name}", value))
    return [sys.executable, "-m", "stream_rnn.cli", "replay", str(file), *arguments, "--json"]


def _events(count: int) -> tuple[list[str], Any, Any]:
    """Return keys, times and smooth noisy columns (N, 8), like those of sensors."""
    rng = np.random.default_rng(0)
    numbers = rng.integers(STREAMS, size=count)
    times = 1.7e9 + np.arange(count) * 0.01
    phase = times[:, np.newaxis] / (10.0 + np.arange(len(COLUMNS))) + numbers[:, np.newaxis]
    x = np.round(20 + np.sin(phase) + 0.1 * rng.standard_normal(phase.shape), 4)
    return [f"sensor-{number:03}" for number in numbers], times, x


def _timestamps(times: Any) -> pa.Array:
    return pa.array((times * 1000).round().astype("int64")).cast(pa.timestamp("ms"))


def _write(file: Path, keys: list[str], times: Any, x: Any) -> None:
    columns = {"time": times, "sensor": keys} | dict(zip(COLUMNS, x.T, strict=True))
    csv.write_csv(pa.table(columns), file)


def _engine_rate(keys: list[str], times: Any, x: Any) -> float:
    """Return the events per second of `Engine.process`."""
    engine = Engine(Settings(**SETTINGS))
    engine.warmup()
    count = len(keys) // 4
    start = now()
    engine.process(keys[:count], x[:count], times=times[:count])
    return count / since(start)


if __name__ == "__main__":
    print(json.dumps(compare_times(), indent=2))
