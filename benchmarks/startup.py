"""How long a fresh process takes to import the package, and to its first forecast."""

from __future__ import annotations

import statistics
import sys
import tempfile
from typing import Any

from benchmarks import child

TIMED = "import time; began = time.perf_counter(); {what}; print(time.perf_counter() - began)"

IMPORT = "import stream_rnn"
IMPORT_ENGINE = "from stream_rnn import Engine, Settings"
FORECAST = f"{IMPORT_ENGINE}; Engine(Settings(inputs=('a', 'b'))).step('stream', {{'a': 1.0, 'b': 2.0}})"

TIMES = 5


def measure() -> list[dict[str, Any]]:
    """Return seconds inside the process, and on the clock from its start to its end; medians of several processes."""
    _seconds(FORECAST)  # compiles, if it was not yet
    with tempfile.TemporaryDirectory() as folder:
        cold = _seconds(FORECAST, {"STREAM_RNN_CACHE": folder})
    rows = {
        "import stream_rnn": _median(IMPORT),
        "import of the engine": _median(IMPORT_ENGINE),
        "first forecast, kernels on the disk": _median(FORECAST),
        "first forecast ever: kernels are compiled": cold,
    }
    return [{"what": name, "seconds": inside, "process_seconds": whole} for name, (inside, whole) in rows.items()]


def _median(what: str) -> tuple[float, float]:
    inside, whole = zip(*(_seconds(what) for _ in range(TIMES)), strict=True)
    return statistics.median(inside), statistics.median(whole)


def _seconds(what: str, env: dict[str, str] | None = None) -> tuple[float, float]:
    ended = child.run([sys.executable, "-c", TIMED.format(what=what)], env)
    return float(ended.output), ended.seconds
