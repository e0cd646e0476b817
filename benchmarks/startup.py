"""Time that a new process needs to import the package, and to make its first forecast."""

from __future__ import annotations

import statistics
import sys
import tempfile
from typing import Any

from benchmarks import child

TIMED = "import time; start = time.perf_counter(); {code}; print(time.perf_counter() - start)"

IMPORT = "import stream_rnn"
IMPORT_ENGINE = "from stream_rnn import Engine, Settings"
FORECAST = f"{IMPORT_ENGINE}; Engine(Settings(inputs=('a', 'b'))).step('stream', {{'a': 1.0, 'b': 2.0}})"
PRESET = FORECAST.replace("Settings(", "Settings.preset('forecast', ")

AUTO = (
    "from stream_rnn import Race; import numpy as np;"
    "Race.preset('auto', inputs=('a', 'b')).process('stream', np.array([[1.0, 2.0]]))"
)

PROCESSES = 5


def measure() -> list[dict[str, Any]]:
    """Return seconds of the code and of the whole process; medians of several processes."""
    _seconds(FORECAST)  # compiles if necessary
    cold, cold_preset, cold_auto = _cold(FORECAST), _cold(PRESET), _cold(AUTO)
    rows = {
        "import stream_rnn": _median(IMPORT),
        "import of the engine": _median(IMPORT_ENGINE),
        "first forecast, kernels on the disk": _median(FORECAST),
        "first forecast ever: kernels are compiled": cold,
        "the same with the preset forecast": cold_preset,
        "the same with the preset auto, a race": cold_auto,
    }
    return [{"what": name, "seconds": code, "process_seconds": process} for name, (code, process) in rows.items()]


def _cold(code: str) -> tuple[float, float]:
    """Return the seconds of the code and of its process with an empty kernel cache."""
    with tempfile.TemporaryDirectory() as folder:
        return _seconds(code, {"STREAM_RNN_CACHE": folder})


def _median(code: str) -> tuple[float, float]:
    of_code, of_process = zip(*(_seconds(code) for _ in range(PROCESSES)), strict=True)
    return statistics.median(of_code), statistics.median(of_process)


def _seconds(code: str, env: dict[str, str] | None = None) -> tuple[float, float]:
    """Return the seconds that the code took, and those of the process that ran it."""
    completed = child.run([sys.executable, "-c", TIMED.format(code=code)], env)
    return float(completed.output), completed.seconds
