"""Share of events with an alarm of an anomaly, relative to the stated rate, and the anomalies that alarms find.

    python -m benchmarks.alarm_rate --json
    python -m benchmarks.alarm_rate --rates 0.01 0.001 --seeds 3

The streams without anomalies are synthetic noise of several kinds, each stream with its own seed, and each column of
ETTh1, ETTm1 and the weather data, which may contain anomalies, but no labelled ones. For the files of the Numenta
Anomaly Benchmark, the results are the number of windows that contain an alarm, the share of alarms outside the windows,
and the share of events by state. Each stream has an engine of its own, with the preset `anomaly`. `worst` is the ratio
furthest from 1.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
from pyarrow import csv

from benchmarks import fsnet, nab_protocol, options, report
from benchmarks.paths import DATA
from stream_rnn import Engine, Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Generator = np.random.Generator

EVENTS = 20_000
DAY = 288
FIVE_MINUTES = 300.0
FIRST = 200
"""Events before which there is hardly an alarm, because evidence is not settled; they are not counted."""


def _daily() -> Array:
    return np.sin(2 * np.pi * np.arange(EVENTS) / DAY)


def _volatile(random: Generator) -> Array:
    y, variance = np.zeros(EVENTS), 1.0
    for i, z in enumerate(random.normal(size=EVENTS)):
        y[i] = math.sqrt(variance) * z
        variance = 0.02 + 0.1 * y[i] ** 2 + 0.88 * variance
    return y


NOISE: dict[str, Callable[[Generator], Array]] = {
    "normal": lambda random: random.normal(size=EVENTS),
    "Student, 3 degrees": lambda random: random.standard_t(3, EVENTS),
    "lognormal": lambda random: random.lognormal(size=EVENTS),
    "daily": lambda random: 10 * _daily() + (1 + 0.8 * _daily()) * random.normal(size=EVENTS),
    "random walk": lambda random: np.cumsum(random.normal(size=EVENTS)),
    "counts": lambda random: random.poisson(0.3, EVENTS).astype(float),
    "GARCH": _volatile,
}


class Stream(NamedTuple):
    """Values (N,) at times (N,), in seconds."""

    values: Array
    times: Array


def noise(seeds: int) -> Iterator[tuple[str, list[Stream]]]:
    """Yield the synthetic streams of each kind."""
    times = FIVE_MINUTES * np.arange(EVENTS)
    for name, make in NOISE.items():
        yield name, [Stream(make(np.random.default_rng(seed)), times) for seed in range(seeds)]


def recorded(folder: Path) -> Iterator[tuple[str, list[Stream]]]:
    """Yield the columns of each file."""
    for name in ("ett/ETTh1", "ett/ETTm1", "weather/weather"):
        table = csv.read_csv(folder / f"{name}.csv")
        times = fsnet.seconds([str(moment) for moment in table.column(0).to_pylist()])
        if times is None:
            raise SystemExit(f"{name}: the first column must be a date, got {table.column(0)[0]}")
        columns = [column.cast(pa.float64()).to_numpy() for column in table.columns[1:]]
        yield name.partition("/")[2], [Stream(column, times) for column in columns]


def run(stream: Stream, rate: float) -> tuple[NDArray[np.bool_], NDArray[np.str_]]:
    """Return the alarms (N,) and states (N,) of a stream."""
    engine = Engine(Settings.preset("anomaly", inputs=("value",), alarm_rate=rate))
    result = engine.process_detailed(0, stream.values, times=stream.times)
    if result.anomaly_alarms is None or result.stream_states is None:
        raise RuntimeError("the preset must raise alarms")
    return result.anomaly_alarms, result.stream_states


def usual(name: str, streams: list[Stream], rate: float) -> dict[str, Any]:
    """Return the share of alarms on streams without anomalies."""
    alarms, states = zip(*(run(stream, rate) for stream in streams), strict=True)
    ratios = np.array([each[FIRST:].mean() / rate for each in alarms])
    return {
        "streams": name,
        "rate": rate,
        "alarms / rate": float(ratios.mean()),
        "worst": float(ratios[np.argmax(np.abs(np.log(np.maximum(ratios, 1e-3))))]),
        **_shares(np.concatenate(states)),
    }


def anomalous(files: list[nab_protocol.File], rate: float) -> dict[str, Any]:
    """Return what alarms find in files with labelled windows."""
    found, outside, rows, states = 0, 0, 0, []
    for file in files:
        alarms, of_stream = run(Stream(file.values, file.times), rate)
        counted = np.arange(len(alarms)) >= file.probation
        found += sum(bool(alarms[first : last + 1].any()) for first, last in file.windows)
        for first, last in file.windows:
            counted[first : last + 1] = False
        outside, rows = outside + int(alarms[counted].sum()), rows + int(counted.sum())
        states.append(of_stream)
    return {
        "rate": rate,
        "windows": sum(len(file.windows) for file in files),
        "with an alarm": found,
        "alarms / rate outside": outside / (rate * rows),
        **_shares(np.concatenate(states)),
    }


def _shares(states: NDArray[np.str_]) -> dict[str, float]:
    return {state: float((states == state).mean()) for state in ("abnormal", "stuck", "missing")}


def main() -> None:
    """Run the program."""
    parser = options.parser(__doc__)
    parser.add_argument("--folder", type=Path, default=DATA, help="folder of the files (default ../shared/data)")
    parser.add_argument("--rates", type=_rate, nargs="+", default=[0.001], help="alarm rates (default 0.001)")
    parser.add_argument("--seeds", type=int, choices=range(1, 21), metavar="1..20", default=3, help="streams of a kind")
    arguments = parser.parse_args()
    try:
        kinds = [*noise(arguments.seeds), *recorded(arguments.folder)]
    except (OSError, pa.ArrowInvalid) as error:
        raise SystemExit(str(error)) from None
    files = nab_protocol.read(arguments.folder / "nab")
    without = [usual(name, streams, rate) for rate in arguments.rates for name, streams in kinds]
    with_anomalies = [anomalous(files, rate) for rate in arguments.rates]
    if arguments.json:
        report.show_json({"without anomalies": without, "nab": with_anomalies})
        return
    report.show("streams without labelled anomalies", without)
    report.show("Numenta Anomaly Benchmark", with_anomalies)
    report.show_machine()


def _rate(text: str) -> float:
    value = float(text)
    if not 0 < value <= 0.1:
        raise argparse.ArgumentTypeError(f"must be above 0 and at most 0.1, got {text}")
    return value


if __name__ == "__main__":
    main()
