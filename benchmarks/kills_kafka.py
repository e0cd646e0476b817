"""A live job that is killed at random moments and started again, while records arrive."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from benchmarks.kills_outcome import Killed, is_same_state, missing
from benchmarks.paths import ROOT

sys.path.insert(0, str(ROOT / "tests" / "kafka"))  # its modules import each other by their names

from broker import Broker
from live import Live
from test_kills import Feed
from topics import read_all, wait_for

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator
    from pathlib import Path

PARTITIONS = 4


def measure(folder: Path, rng: random.Random, minutes: float) -> Iterator[Killed]:
    """Yield the outcome of a job on a broker of its own."""
    with Broker() as broker:
        topic, letters = broker.topic(), [broker.topic(partitions=1) for _ in range(2)]
        killed, expected = (
            Live(broker, folder / name, topic, broker.topic(), name, {"dead_letter_topic": own})
            for name, own in zip(("killed", "uninterrupted"), letters, strict=True)
        )
        feed = Feed(broker.bootstrap, topic)
        feed.start()
        kills = _kill(killed, rng, minutes)
        feed.stop()
        resumed = killed.assigned() // PARTITIONS
        _complete(killed, feed.usable)
        _complete(expected, feed.usable)
        refused, refused_right = (sorted(r.value for r in read_all(broker.bootstrap, name)) for name in letters)
        found, right = killed.forecasts(), expected.forecasts()
        rows, right_rows = ([row for rows in one.values() for row in rows] for one in (found, right))
        workers = [f"{topic}-{number}" for number in range(PARTITIONS)]
        yield Killed(
            job="live job",
            kills=kills,
            resumed=resumed,
            events=feed.usable,
            lost=missing(rows, right_rows),
            duplicated=missing(right_rows, rows),
            equal_output=found == right and refused == refused_right,
            equal_state=all(is_same_state(killed.checkpoint(one), expected.checkpoint(one)) for one in workers),
        )


def _kill(job: Live, rng: random.Random, minutes: float) -> int:
    """Start a job and kill it, until the time is over; return the number of kills."""
    started = time.monotonic()
    job.start()
    wait_for(lambda: job.assigned() == PARTITIONS)
    startup, kills = time.monotonic() - started, 0
    while time.monotonic() < started + 60 * minutes:
        time.sleep(rng.uniform(0.2, startup + 3.0))
        job.kill()
        kills += 1
        job.start()
    job.kill()
    return kills + 1


def _complete(job: Live, events: int) -> None:
    """Run a job until it has forecast all events, and stop it."""
    assigned = job.assigned()
    job.start()
    wait_for(lambda: job.assigned() == assigned + PARTITIONS, 120)  # or it might be stopped first
    job.wait_for_forecasts(events, 600)
    if job.stop() != [0]:
        raise RuntimeError(f"the job failed; its log: {job.log()[-2000:]}")
