"""A live job that is killed at any moment and restarted has the output and state of an uninterrupted one, bitwise."""

from __future__ import annotations

import os
import random
import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from kafka import KafkaProducer
from live import RACE, Live, assert_same_state, positions, reading
from topics import read_all, wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from broker import Cluster

KILLS = int(os.environ.get("STREAM_RNN_KILLS", "20"))
"""More when run by hand."""
RATE = 400
"""Records per second, while processes are killed."""


class Feed(threading.Thread):
    """Writes readings at a steady rate until it is stopped."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        super().__init__(daemon=True)
        self.sent = 0
        self.usable = 0
        self.stopping = threading.Event()
        self._servers = bootstrap
        self._topic = topic

    def run(self) -> None:
        with closing(KafkaProducer(bootstrap_servers=self._servers, linger_ms=5)) as producer:
            while not self.stopping.wait(0.05):
                for _ in range(RATE // 20):
                    key, value = reading(self.sent)
                    producer.send(self._topic, value, key)
                    self.sent += 1
                    self.usable += value != b"garbled"

    def stop(self) -> None:
        self.stopping.set()
        self.join()


@pytest.mark.timeout(60 + 10 * KILLS)
@pytest.mark.parametrize(("model", "kills"), [("engine", KILLS), ("race", max(KILLS // 4, 1))])
def test_a_job_killed_at_random_moments_equals_an_uninterrupted_one(
    broker: Cluster, topic: str, tmp_path: Path, model: str, kills: int
) -> None:
    rng = random.Random(kills)  # noqa: S311 - times of kills
    letters, tables = broker.topic(partitions=1), RACE if model == "race" else {}
    killed = Live(broker, tmp_path / "killed", topic, broker.topic(), f"killed-{model}", {"dead_letter_topic": letters})
    killed.tables = tables
    feed = Feed(broker.bootstrap, topic)
    feed.start()
    started = time.monotonic()
    killed.start()
    wait_for(lambda: killed.assigned() == 4)
    startup = time.monotonic() - started
    killed.kill()
    for _ in range(kills):
        killed.start()
        time.sleep(rng.uniform(0.2, startup + 3.0))
        killed.kill()
    feed.stop()
    assigned = killed.assigned()
    killed.start()
    wait_for(lambda: killed.assigned() == assigned + 4)  # or it might be stopped first
    killed.wait_for_forecasts(feed.usable)
    assert killed.stop() == [0]

    uninterrupted = Live(broker, tmp_path / "uninterrupted", topic, broker.topic(), f"uninterrupted-{model}")
    uninterrupted.tables = tables
    uninterrupted.start()
    uninterrupted.wait_for_forecasts(feed.usable)
    assert uninterrupted.stop() == [0]

    forecasts = killed.forecasts()
    assert len(positions(forecasts)) == len(set(positions(forecasts))) == feed.usable
    assert forecasts == uninterrupted.forecasts()
    for partition in range(4):
        assert_same_state(killed.checkpoint(f"{topic}-{partition}"), uninterrupted.checkpoint(f"{topic}-{partition}"))
    assert len(read_all(broker.bootstrap, letters)) == feed.sent - feed.usable
    assert killed.assigned() > 8  # some of the killed processes lived long enough to work
    assert "Traceback" not in killed.log()
