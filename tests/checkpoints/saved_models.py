"""Small models whose checkpoints are kept, with the results that follow, to test that later versions read them.

``python saved_models.py format3`` was run with version 0.1.0. A new format gets a folder of its own, created by the
version that introduces it. Only names that all versions have are used here.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from stream_rnn import Engine, Race, Settings

BEFORE, AFTER = 40, 10
"""Number of events before the checkpoint, and after it."""

SMALL: dict[str, Any] = {"inputs": ("x",), "hidden": (2,), "window": 2}
ENGINES: dict[str, dict[str, Any]] = {
    "default": {},
    "interval_anomaly": {"horizon": 2, "interval": 0.9, "anomaly": True},
    "per_stream": {"weights": "per_stream", "max_streams": 2},
}
MEMBERS: dict[str, dict[str, Any]] = {"slow": {"learning_rate": 1e-4}, "linear": {"layer": ("none",), "readout": "rls"}}


def event(t: int) -> tuple[str, list[float]]:
    """Return key and inputs of the t-th event; two streams take turns."""
    return "ab"[t % 2], [5.0 + float(np.sin(t / 3)) + t % 2]


def results_after(model: Any, *, interval: bool = False) -> dict[str, list[float]]:
    """Return the results of the events after the checkpoint, as flat lists."""
    results: dict[str, list[float]] = {"forecasts": []} | ({"intervals": [], "anomalies": []} if interval else {})
    for t in range(BEFORE, BEFORE + AFTER):
        key, x = event(t)
        results["forecasts"] += model.step(key, x).ravel().tolist()
        if interval:
            results["intervals"] += model.interval(key).ravel().tolist()
            results["anomalies"].append(model.anomaly(key))
    return results


def models() -> dict[str, Any]:
    """Return engines and a race by name, before their first event."""
    engines = {name: Engine(Settings(**SMALL | changes)) for name, changes in ENGINES.items()}
    return engines | {"race": Race({name: Settings(**SMALL | changes) for name, changes in MEMBERS.items()})}


def main(folder: Path) -> None:
    """Write a checkpoint of each model, and expected.json with the results that follow, as hexadecimal numbers."""
    expected = {}
    folder.mkdir(exist_ok=True)
    for name, model in models().items():
        for t in range(BEFORE):
            model.step(*event(t))
        model.save(folder / f"{name}.safetensors", positions={"at": BEFORE})
        results = results_after(model, interval=name == "interval_anomaly")
        expected[name] = {kind: [value.hex() for value in values] for kind, values in results.items()}
    (folder / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


if __name__ == "__main__":
    main(Path(__file__).parent / sys.argv[1])
