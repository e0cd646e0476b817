"""Killed at any moment and started again, a live job leaves what one that was never stopped leaves, bit for bit."""

from __future__ import annotations

import os
import random
import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from kafka import KafkaProducer
from live import Live, assert_same_state, places, record
from topics import read_all, wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from broker import Cluster

KILLS = int(os.environ.get("STREAM_RNN_KILLS", "20"))
"""More by hand."""
PACE = 400
"""Records a second, while processes come and go."""


class Feed(threading.Thread):
    """Writes readings at a steady pace until told to stop."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        super().__init__(daemon=True)
        self.sent = 0
        self.usable = 0
        self.ended = threading.Event()
        self._servers = bootstrap
        self._topic = topic

    def run(self) -> None:
        with closing(KafkaProducer(bootstrap_servers=self._servers, linger_ms=5)) as producer:
            while not self.ended.wait(0.05):
                for _ in range(PACE // 20):
                    key, value = record(self.sent)
                    producer.send(self._topic, value, key)
                    self.sent += 1
                    self.usable += value != b"garbled"

    def stop(self) -> None:
        self.ended.set()
        self.join()


@pytest.mark.timeout(60 + 10 * KILLS)
def test_killed_at_random_moments_it_forecasts_and_learns_as_if_never_stopped(
    broker: Cluster, topic: str, tmp_path: Path
) -> None:
    rng = random.Random(KILLS)  # noqa: S311 - moments
    letters = broker.topic(partitions=1)
    killed = Live(broker, tmp_path / "killed", topic, broker.topic(), "killed", {"dead_letter_topic": letters})
    feed = Feed(broker.bootstrap, topic)
    feed.start()
    for _ in range(KILLS):
        killed.start()
        time.sleep(rng.uniform(0.2, 4.0))
        killed.kill()
    feed.stop()
    before = killed.log().count("taken up")
    killed.start()
    wait_for(lambda: killed.log().count("taken up") == before + 4)  # it may find all done, and be told to stop
    killed.wait_for_forecasts(feed.usable)
    assert killed.stop() == [0]

    whole = Live(broker, tmp_path / "whole", topic, broker.topic(), "whole")
    whole.start()
    whole.wait_for_forecasts(feed.usable)
    assert whole.stop() == [0]

    made = killed.forecasts()
    assert len(places(made)) == len(set(places(made))) == feed.usable
    assert made == whole.forecasts()
    for partition in range(4):
        assert_same_state(killed.state(f"{topic}-{partition}"), whole.state(f"{topic}-{partition}"))
    assert len(read_all(broker.bootstrap, letters)) == feed.sent - feed.usable
    assert killed.log().count("taken up") > 4  # some lived long enough to work
    assert "Traceback" not in killed.log()
