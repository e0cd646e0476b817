"""A live job whose streams fall silent: held events are released by the clock, once, whenever it is killed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from live import Live, feed, positions
from topics import wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from broker import Cluster

ROUNDS = 2


@pytest.mark.timeout(180)
@pytest.mark.parametrize("delivery", ["exactly_once", "at_least_once"])
def test_held_events_of_silent_streams_are_forecast_once_across_kills(
    broker: Cluster, topic: str, tmp_path: Path, delivery: str
) -> None:
    settings = {"lateness": 20.0, "idle_flush": "500ms", "checkpoint_seconds": 60.0, "delivery": delivery}
    live = Live(broker, tmp_path, topic, broker.topic(), f"idle-{delivery}", settings)
    usable = 0
    for n in range(ROUNDS):
        usable += feed(broker, topic, 300 * n, 300 * (n + 1))
        live.start()
        live.wait_for_forecasts(usable)
        live.kill()
    live.start()
    usable += feed(broker, topic, 300 * ROUNDS, 300 * (ROUNDS + 1))
    live.wait_for_forecasts(usable)
    wait_for(lambda: "replayed" in live.log())
    assert live.stop() == [0]
    found = positions(live.forecasts())
    assert len(set(found)) == usable
    if delivery == "exactly_once":
        assert len(found) == usable
    assert "Traceback" not in live.log()
