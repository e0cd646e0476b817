"""The whole job: `stream-rnn run` over a topic that is full already, from its first commit to its last."""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import tempfile
import uuid
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from benchmarks import child, reference
from benchmarks.clock import now, since
from benchmarks.kafka_topic import PARTITIONS, Commits, name_of, topic
from stream_rnn import Engine, Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.kafka_topic import Commit, Events
    from tests.kafka.broker import Cluster

ROUNDS = 3
ENGINE: dict[str, Any] = reference.JOB | {"targets": ("x0",), "task": "forecast", "horizon": 1}
PATIENCE = 60.0
"""Seconds in which a job that is told to stop has to come to its end."""


class Way(NamedTuple):
    """How a job delivers."""

    name: str
    delivery: str
    written: bool
    """whether forecasts go to a topic"""


WAYS = (
    Way("exactly once", "exactly_once", written=True),
    Way("at least once", "at_least_once", written=True),
    Way("no forecasts written", "exactly_once", written=False),
)


class Running:
    """A job in a process of its own."""

    def __init__(self, process: subprocess.Popen[bytes], said: Path) -> None:
        self.pid = process.pid
        self._process = process
        self._said = said

    def check(self) -> None:
        """Raise if it has ended, with its last line.

        Raises
        ------
        ChildError
        """
        if self._process.poll() is not None:
            raise child.ChildError(self.last_words())

    def last_words(self) -> str:
        """Return the last line that it said."""
        lines = self._said.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1] if lines else "the job said nothing"

    def stop(self) -> None:
        """Tell it to end, and wait until it has."""
        self._process.send_signal(signal.SIGTERM)
        if self._process.wait(PATIENCE):
            self.check()


@contextmanager
def running(**settings: Any) -> Iterator[Running]:
    """Run a job with these settings of its table [kafka]; in the end it is gone, and its checkpoints with it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file, said = folder / "job.toml", folder / "said"
        kafka = {"checkpoint": str(folder / "state"), "key": "key", "time": "time"} | settings
        file.write_bytes(msgspec.toml.encode({"kafka": kafka, "engine": ENGINE}))
        with said.open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "stream_rnn.cli", "run", file], cwd=child.ROOT, stdout=log, stderr=log
            )
        try:
            yield Running(process, said)
        finally:
            process.kill()
            process.wait()


def measure(cluster: Cluster, broker: int | None, source: str, count: int) -> list[dict[str, Any]]:
    """Return how fast jobs learn from a topic: medians of several rounds, one job after the other in each.

    Parameters
    ----------
    cluster
    broker
        Number of its process; None where it is not on this machine.
    source
        A topic.
    count
        Records in it.
    """
    took: dict[str, list[dict[str, float]]] = {way.name: [] for way in WAYS}
    for _ in range(ROUNDS):
        for way in WAYS:
            took[way.name].append(_one(cluster, broker, source, count, way))
    return [
        {"job": name, **{field: statistics.median(row[field] for row in rows) for field in rows[0]}}
        for name, rows in took.items()
    ]


def kernel(some: Events) -> float:
    """Return the events per second of the engine alone, on the events of one partition."""
    own = some.numbers % PARTITIONS == 0
    keys, times, x = [name_of(number) for number in some.numbers[own].tolist()], some.times[own], some.x[own]
    engine = Engine(Settings(**ENGINE))
    engine.warmup()
    began = now()
    engine.process(keys, x, times=times)
    return len(keys) / since(began)


def processor_seconds(pid: int | None) -> float:
    """Return how long a process has been on a core, with the system's work for it; 0 for none."""
    if pid is None:
        return 0.0
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")


def new_group() -> str:
    """Return the name of a group that nobody else has."""
    return f"bench-{uuid.uuid4().hex[:12]}"


def _one(cluster: Cluster, broker: int | None, source: str, count: int, way: Way) -> dict[str, float]:
    group = new_group()
    with (
        topic(cluster) if way.written else nullcontext() as output,
        closing(Commits(cluster, group)) as commits,
        running(
            servers=[cluster.bootstrap],
            topics=[source],
            group=group,
            delivery=way.delivery,
            **({"output": output} if output else {}),
        ) as job,
    ):
        try:
            found = _followed(commits, job, broker, count)
        except TimeoutError as error:
            raise TimeoutError(f"{error}; the job's last words: {job.last_words()}") from None
        job.stop()
    return found


def _followed(commits: Commits, job: Running, broker: int | None, count: int) -> dict[str, float]:
    """Follow a job's commits up to the last record; return its rates, and what it and the broker took of the cores."""
    found: list[Commit] = []
    total = dict.fromkeys(range(PARTITIONS), 0)
    before = (0.0, 0.0)
    for commit in commits.follow(job.check):
        before = before if found else (processor_seconds(job.pid), processor_seconds(broker))
        found.append(commit)
        total[commit.partition] = commit.offset
        if sum(total.values()) >= count:
            break
    jobs, brokers = processor_seconds(job.pid) - before[0], processor_seconds(broker) - before[1]
    return _rates(found, count) | {"job_cpu_seconds": jobs, "broker_cpu_seconds": brokers}


def _rates(found: list[Commit], count: int) -> dict[str, float]:
    """Return the rate between the first commit and the last; those of one moment are one commit."""
    moments = sorted({commit.seconds for commit in found})
    seconds = moments[-1] - moments[0]
    at_first = sum(commit.offset for commit in found if commit.seconds == moments[0])
    if not seconds:
        raise RuntimeError(f"all {count} records were committed at once: too few to measure")
    return {
        "events_per_second": (count - at_first) / seconds,
        "commits_per_second": (len(moments) - 1) / seconds,
        "seconds": seconds,
    }
