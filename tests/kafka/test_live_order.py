"""Records out of order, late and duplicated: a killed and moved job forecasts as an uninterrupted one."""

from __future__ import annotations

import json
import math
import random
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest
from live import Live, assert_same_state, positions
from topics import read_all, send, wait_for

from stream_rnn.connectors.events import EventBatch, Positions
from stream_rnn.connectors.ordering.ordering import Ordering, OrderingPolicy

if TYPE_CHECKING:
    from pathlib import Path

    from broker import Cluster

LATENESS = 20.0
RULE = {"lateness": LATENESS, "duplicates": "drop"}
START = 1_700_000_000
STREAMS = 9
RECORDS = 6000


def readings() -> list[tuple[str, int]]:
    """Return key and time of readings as they arrive: out of order, one in a hundred late, one in fifty duplicated."""
    rng = random.Random(4)  # noqa: S311 - data
    sent = [(f"s{t % STREAMS}", t) for t in range(RECORDS)]
    arrived = [event for _, event in sorted((event[1] + rng.uniform(0, LATENESS), event) for event in sent)]
    for i in range(RECORDS - 1, 1000, -50):
        arrived.insert(i, arrived[i - 1])
    for i in range(1000, RECORDS, 100):
        key, time_ = arrived[i]
        arrived.insert(i, (key, time_ - 500))
    return arrived


def count_released(arrived: list[tuple[str, int]]) -> tuple[int, int, int]:
    """Return how many events are released, late and dropped; that does not depend on the partitions of the keys."""
    n = len(arrived)
    ordering = Ordering(OrderingPolicy(LATENESS, "drop"), (), {0: "all"})
    events = EventBatch(
        np.array([key for key, _ in arrived], object),
        np.array([at for _, at in arrived], np.float64),
        {},
        np.zeros(n, np.bool_),
        Positions(np.zeros(n, np.int32), np.arange(n)),
    )
    ordered = ordering.process(events)
    return len(ordered.events), len(ordered.late), len(ordered.duplicates)


def feed(broker: Cluster, topic: str, some: list[tuple[str, int]]) -> None:
    values = [json.dumps({"time": START + at, "x": math.sin(at / 40), "y": math.cos(at / 23)}) for _, at in some]
    send(broker.bootstrap, topic, [value.encode() for value in values], [key.encode() for key, _ in some])


@pytest.mark.timeout(180)
def test_a_killed_and_moved_job_forecasts_held_events_once_and_in_order(
    broker: Cluster, topic: str, tmp_path: Path
) -> None:
    rng = random.Random(7)  # noqa: S311 - times of kills
    arrived, letters = readings(), broker.topic(partitions=1)
    events, late, _ = count_released(arrived)
    settings = RULE | {"dead_letter_topic": letters, "checkpoint_every": 300}
    killed = Live(broker, tmp_path / "killed", topic, broker.topic(), "killed", settings)
    for first in range(0, 3000, 600):
        feed(broker, topic, arrived[first : first + 600])
        killed.start()
        before = len(read_all(broker.bootstrap, killed.output))
        wait_for(lambda before=before: len(read_all(broker.bootstrap, killed.output)) > before, 30)
        time.sleep(rng.uniform(0.0, 0.5))
        killed.kill()
    killed.start()
    wait_for(lambda: killed.assigned() >= 4)
    feed(broker, topic, arrived[3000:4500])
    killed.start("second")  # partitions move with their held events
    wait_for(lambda: killed.assigned("second") >= 2)
    feed(broker, topic, arrived[4500:])
    killed.wait_for_forecasts(events)
    assert killed.stop() == [0, 0]

    uninterrupted = Live(broker, tmp_path / "uninterrupted", topic, broker.topic(), "uninterrupted", RULE)
    uninterrupted.start()
    uninterrupted.wait_for_forecasts(events)
    assert uninterrupted.stop() == [0]

    forecasts = killed.forecasts()
    assert len(positions(forecasts)) == len(set(positions(forecasts))) == events
    assert forecasts == uninterrupted.forecasts()
    for values in forecasts.values():
        times = [json.loads(value)["time"] for value in values]
        assert times == sorted(set(times))
    for partition in range(4):
        assert_same_state(killed.checkpoint(f"{topic}-{partition}"), uninterrupted.checkpoint(f"{topic}-{partition}"))
    assert len(read_all(broker.bootstrap, letters)) == late
    for name in ("job", "second"):
        assert "Traceback" not in killed.log(name)


@pytest.mark.timeout(120)
def test_lateness_can_change_only_after_an_orderly_stop(broker: Cluster, topic: str, tmp_path: Path) -> None:
    arrived = readings()[:1000]
    live = Live(broker, tmp_path, topic, broker.topic(), "rule", RULE | {"checkpoint_seconds": 60.0})
    feed(broker, topic, arrived)
    live.start()
    live.wait_for_forecasts(count_released(arrived)[0])
    live.kill()
    assert live.start(lateness=5.0).wait(60) == 1
    message = live.log().strip().splitlines()[-1]
    assert "has lateness = 20.0, the settings have 5.0, but records after it must be processed again" in message
    live.processes.clear()
    live.start()
    wait_for(lambda: "replayed" in live.log())
    assert live.stop() == [0]
    live.start(lateness=5.0)
    feed(broker, topic, [("s0", 5000 + at) for at in range(100)])
    wait_for(lambda: max(json.loads(value)["time"] for value in live.forecasts()[b"s0"]) > "2023-11-14T23:36")
    assert live.stop() == [0]


@pytest.mark.timeout(120)
def test_with_scope_job_every_event_is_forecast_once(broker: Cluster, topic: str, tmp_path: Path) -> None:
    arrived = readings()[:2000]
    job = Live(broker, tmp_path, topic, broker.topic(), "one", RULE | {"scope": "job", "checkpoint_every": 300})
    for stop in (1000, 2000):
        feed(broker, topic, arrived[stop - 1000 : stop])
        job.start()
        job.wait_for_forecasts(count_released(arrived[:stop])[0])
        job.kill()
    forecasts = job.forecasts()
    assert len(positions(forecasts)) == len(set(positions(forecasts))) == count_released(arrived)[0]
    for values in forecasts.values():
        times = [json.loads(value)["time"] for value in values]
        assert times == sorted(set(times))
