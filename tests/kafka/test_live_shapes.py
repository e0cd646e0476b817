"""Readings of a topic form events: a killed job forecasts each once, though events span its commits."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

import pytest
from live import Live
from topics import send

if TYPE_CHECKING:
    from pathlib import Path

    from broker import Cluster

EVENTS = 300
SHAPE = {"pivot": "tag=v", "every": "10s", "aggregate": "mean", "checkpoint_every": 50}
ENGINE = {"inputs": ["a", "b"], "horizon": "20s", "hidden": 4, "window": 4}


def feed(broker: Cluster, topic: str, start: int, stop: int) -> None:
    """Write the readings of one pump, two tags every five seconds."""
    values = [
        json.dumps({"time": 1_700_000_000 + 5 * t, "tag": tag, "v": math.sin(t / 9)})
        for t in range(start, stop)
        for tag in ("a", "b")
    ]
    send(broker.bootstrap, topic, [value.encode() for value in values], [b"pump"] * len(values))


@pytest.mark.timeout(180)
def test_a_killed_job_forecasts_each_event_once(broker: Cluster, topic: str, tmp_path: Path) -> None:
    outputs = []
    for name, stops in (("killed", (201, 433, 2 * EVENTS + 1)), ("uninterrupted", (2 * EVENTS + 1,))):
        if name == "killed":
            fed = 0
        live = Live(broker, tmp_path / name, topic, broker.topic(), name, SHAPE, ENGINE)
        for stop in stops:
            if name == "killed":
                feed(broker, topic, fed, stop)
                fed = stop
            live.start()
            live.wait_for_forecasts((stop - 2) // 2, 40)  # the last cell is open, and so is the newest event
            live.kill()
        outputs.append(live.forecasts())
    assert outputs[0] == outputs[1]
    rows = [json.loads(value) for value in outputs[0][b"pump"]]
    assert len(rows) == EVENTS - 1
    assert [row["time"][17:19] for row in rows[:3]] == ["20", "30", "40"]
    assert "a+2" in rows[0]
