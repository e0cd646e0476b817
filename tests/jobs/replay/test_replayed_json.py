"""The same events as flat, nested and enveloped records and as elements of arrays give the same forecasts, bitwise."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import pytest
from replays import replay

from stream_rnn.settings.replay import ReplaySettings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

COUNT = 200
EVENTS: list[dict[str, Any]] = [
    {"k": f"p{i % 3}", "time": 1000 + i, "x": math.sin(i / 5), "y": None if i % 7 == 0 else i % 4} for i in range(COUNT)
]
LAYOUTS: dict[str, tuple[Callable[[dict[str, Any]], Any], dict[str, Any]]] = {
    "nested": (
        lambda e: {"dev": {"k": e["k"]}, "time": e["time"], "m": [{"x": e["x"]}, {"y": e["y"]}]},
        {"key": "dev.k", "inputs": ("m[0].x", "m[1].y")},
    ),
    "Kafka Connect": (lambda e: {"schema": None, "payload": e}, {"key": "k"}),
    "Debezium": (lambda e: {"op": "c", "before": None, "after": e, "ts_ms": 0}, {"key": "k"}),
    "CloudEvents": (lambda e: {"specversion": "1.0", "id": "7", "data": e}, {"key": "k"}),
    "unwrapped": (lambda e: {"a": {"b": e}}, {"key": "k", "unwrap": "a.b"}),
}


def forecasts(folder: Path, events: list[Any], **changes: Any) -> list[list[Any]]:
    """Return times, keys, targets and forecasts; the names of the targets differ."""
    network = {name: changes.pop(name) for name in ("inputs",) if name in changes}
    file, output = folder / "events.jsonl", folder / "out.jsonl"
    file.write_text("".join(f"{json.dumps(record)}\n" for record in events))
    replay(ReplaySettings(files=str(file), output=str(output), **changes), None, **network)
    return [list(json.loads(line).values()) for line in output.read_text().splitlines()]


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_layout_changes_no_forecast(tmp_path: Path, name: str) -> None:
    wrap, changes = LAYOUTS[name]
    flat = forecasts(tmp_path, EVENTS, key="k")
    assert len(flat) == COUNT
    assert forecasts(tmp_path, [wrap(event) for event in EVENTS], **changes) == flat


def test_elements_of_arrays_are_forecast_as_records(tmp_path: Path) -> None:
    groups = [{"gateway": "g", "values": EVENTS[i : i + 3]} for i in range(0, COUNT, 3)]
    assert forecasts(tmp_path, groups, key="k", records="values") == forecasts(tmp_path, EVENTS, key="k")
