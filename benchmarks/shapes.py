"""How fast files are read in each shape: as records with a key, pivoted, resampled, split into one stream per column.

Rates are those of reading and reshaping, in records per second. Only `replay` also forecasts, namely one of the tags.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import csv

from benchmarks import report
from benchmarks.clock import now, since
from stream_rnn.connectors.decode.schema import Schema
from stream_rnn.connectors.files.open import open_files
from stream_rnn.connectors.ordering.ordering import OrderingPolicy
from stream_rnn.connectors.shapes.reshaping import new_ordering
from stream_rnn.connectors.shapes.shape import Shape
from stream_rnn.jobs.replay.open import open_replay
from stream_rnn.settings.replay import ReplaySettings

TAGS = 100
ROUNDS = 3
PIVOT = ("tag", "value")
KEYED = Schema(key="tag", columns=("value",))
READINGS = Schema(columns=("value",), tag="tag")

LONG: dict[str, tuple[Schema, Shape]] = {
    "records with a key": (KEYED, Shape()),
    "with a key, every 10 s": (KEYED, Shape(every=10.0)),
    "pivot": (READINGS, Shape(pivot=PIVOT)),
    "pivot, tolerance 0.4 s": (READINGS, Shape(pivot=PIVOT, tolerance=0.4)),
    "pivot, every 10 s": (READINGS, Shape(pivot=PIVOT, every=10.0)),
}
"""How a file with one reading per record is read."""
WIDE = {"records": Shape(), "wide": Shape(wide=True), "every 10 s": Shape(every=10.0)}
"""How a file with a column per tag is read."""


def measure(readings: int = 1_000_000) -> list[dict[str, Any]]:
    """Return the best rate of some rounds, for each shape, and its share of the rate of plain records."""
    with tempfile.TemporaryDirectory() as folder:
        long, wide = Path(folder) / "long.csv", Path(folder) / "wide.csv"
        _write(long, wide, readings // TAGS)
        reading = {name: (long, schema, shape) for name, (schema, shape) in LONG.items()}
        reading |= {f"table: {name}": (wide, Schema(), shape) for name, shape in WIDE.items()}
        rates = {name: max(_rate(*how) for _ in range(ROUNDS)) for name, how in reading.items()}
        rates["replay --pivot"] = _replay_rate(long, readings)
    plain = {name: "table: records" if name.startswith("table") else "records with a key" for name in rates}
    return [
        {"shape": name, "records_per_second": rate, "share": rate / rates[plain[name]]} for name, rate in rates.items()
    ]


def _rate(path: Path, schema: Schema, shape: Shape) -> float:
    start, records = now(), 0
    with open_files(path, schema) as source:
        ordering = new_ordering(shape, OrderingPolicy(), source.columns, {0: str(path)}, source.tags)
        for batch in source:
            records += len(batch)
            ordering.process(batch)
    return records / since(start)


def _replay_rate(path: Path, readings: int) -> float:
    job = open_replay(ReplaySettings(files=(str(path),), pivot="=".join(PIVOT)), {"targets": ("tag-00",)})
    job.warmup()
    return readings / job.run().seconds


def _write(long: Path, wide: Path, events: int) -> None:
    """Write readings of 100 tags a second, with a record for each, and with one for all."""
    values = np.round(np.random.default_rng(0).standard_normal((events, TAGS)), 4)
    times = pa.array(1_700_000_000_000 + 1000 * np.arange(events)).cast(pa.timestamp("ms"))
    names = [f"tag-{number:02}" for number in range(TAGS)]
    csv.write_csv(pa.table({"time": times} | dict(zip(names, values.T, strict=True))), wide)
    long_times = times.take(pa.array(np.repeat(np.arange(events), TAGS)))
    csv.write_csv(pa.table({"time": long_times, "tag": names * events, "value": values.reshape(-1)}), long)


def main() -> None:
    """Print the rates."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--readings", type=int, default=1_000_000)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    rows = measure(arguments.readings)
    if arguments.json:
        report.show_json({"shapes": rows})
        return
    report.show_machine()
    report.show("records per second", rows)


if __name__ == "__main__":
    main()
