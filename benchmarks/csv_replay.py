"""From a CSV file to a Parquet file of forecasts by the command line, beside the kernel alone on the same events."""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import csv

from benchmarks import child
from benchmarks.clock import now, since
from stream_rnn import Engine, Settings

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


def measure(events: int = 1_000_000) -> dict[str, Any]:
    """Return the rates of both, and the command's share of the kernel's, which runs before and after the command."""
    with tempfile.TemporaryDirectory() as folder:
        few, file, output = (Path(folder) / name for name in ("few.csv", "events.csv", "out.parquet"))
        keys, times, x = _events(events)
        _write(few, keys[:1000], times[:1000], x[:1000])
        _write(file, keys, times, x)
        try:
            child.run(_command(few, output))  # compiles, if it was not yet
            before = _kernel(keys, times, x)
            output.unlink()
            ended = child.run(_command(file, output))
        except child.ChildError as error:
            return {"skipped": str(error)}
        kernel = statistics.mean((before, _kernel(keys, times, x)))
        return {
            "events": events,
            "file_mb": file.stat().st_size / 1e6,
            "output_mb": output.stat().st_size / 1e6,
            "kernel_events_per_second": kernel,
            "process_seconds": ended.seconds,
            "events_per_second": events / ended.seconds,
            "share_of_kernel": events / ended.seconds / kernel,
            "reported_events_per_second": json.loads(ended.output)["events_per_second"],
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
    named = (part for name, value in options.items() for part in (f"--{name}", value))
    return [sys.executable, "-m", "stream_rnn.cli", "replay", str(file), *named, "--json"]


def _events(count: int) -> tuple[list[str], Any, Any]:
    """Return keys, times and smooth noisy columns (N, 8), as sensors have them."""
    rng = np.random.default_rng(0)
    numbers = rng.integers(STREAMS, size=count)
    times = 1.7e9 + np.arange(count) * 0.01
    phase = times[:, np.newaxis] / (10.0 + np.arange(len(COLUMNS))) + numbers[:, np.newaxis]
    x = np.round(20 + np.sin(phase) + 0.1 * rng.standard_normal(phase.shape), 4)
    return [f"sensor-{number:03}" for number in numbers], times, x


def _write(file: Path, keys: list[str], times: Any, x: Any) -> None:
    stamps = pa.array((times * 1000).round().astype("int64")).cast(pa.timestamp("ms"))
    columns = {"time": stamps, "sensor": keys} | dict(zip(COLUMNS, x.T, strict=True))
    csv.write_csv(pa.table(columns), file)


def _kernel(keys: list[str], times: Any, x: Any) -> float:
    """Return the events per second of the engine alone."""
    engine = Engine(Settings(**SETTINGS))
    engine.warmup()
    count = len(keys) // 4
    began = now()
    engine.process(keys[:count], x[:count], times=times[:count])
    return count / since(began)
