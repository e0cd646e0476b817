"""Throughput of the whole job: `stream-rnn run` over a topic that is already filled, first commit to last."""

from __future__ import annotations

import os
import re
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
from benchmarks.kafka_topic import PARTITIONS, CommitLog, stream_name, topic
from benchmarks.paths import ROOT
from stream_rnn import Engine, Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.kafka_topic import Commit, Events
    from tests.kafka.broker import Cluster

ROUNDS = 3
ENGINE: dict[str, Any] = reference.JOB | {"targets": ("x0",), "task": "forecast", "horizon": 1}
STOP_TIMEOUT = 60.0
"""Seconds within which a job must end after SIGTERM."""


ASSIGNED = re.compile(r"-(\d+): assigned, starting at")


class Variant(NamedTuple):
    """How a job delivers its forecasts."""

    name: str
    delivery: str
    has_output: bool
    """whether forecasts are written to a topic"""


VARIANTS = (
    Variant("exactly once", "exactly_once", has_output=True),
    Variant("at least once", "at_least_once", has_output=True),
    Variant("no forecasts written", "exactly_once", has_output=False),
)


class RunningJob:
    """A job in a process of its own."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.pid = process.pid
        self._process = process
        self._log = log

    def check(self) -> None:
        """Check that the job is running.

        Raises
        ------
        ChildError
            If it has ended, with the last line of its log.
        """
        if self._process.poll() is not None:
            raise child.ChildError(self.last_line())

    def last_line(self) -> str:
        """Return the last line of the job's log."""
        lines = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1] if lines else "the job has logged nothing"

    def assigned(self) -> list[int]:
        """Return the numbers of the partitions that were assigned to the job, in order, by its log."""
        return [int(number) for number in ASSIGNED.findall(self._log.read_text(encoding="utf-8", errors="replace"))]

    def kill(self) -> None:
        """Send SIGKILL, and wait until the job has ended."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """Send SIGTERM, and wait until the job has ended."""
        self._process.send_signal(signal.SIGTERM)
        if self._process.wait(STOP_TIMEOUT):
            self.check()


@contextmanager
def running_job(**settings: Any) -> Iterator[RunningJob]:
    """Run a job with these settings of the table [kafka]; kill it at the end, and delete its checkpoints."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file, log = folder / "job.toml", folder / "log"
        kafka = {"checkpoint": str(folder / "state"), "key": "key", "time": "time"} | settings
        file.write_bytes(msgspec.toml.encode({"kafka": kafka, "engine": ENGINE}))
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "stream_rnn.cli", "run", file], cwd=ROOT, stdout=output, stderr=output
            )
        try:
            yield RunningJob(process, log)
        finally:
            process.kill()
            process.wait()


def measure(cluster: Cluster, broker: int | None, source: str, count: int) -> list[dict[str, Any]]:
    """Return the rates of each variant of the job: medians of several rounds, in which the variants take turns.

    Parameters
    ----------
    cluster
        The broker.
    broker
        Process id of the broker; None if it is not on this machine.
    source
        A topic.
    count
        Number of records in the topic.
    """
    results: dict[str, list[dict[str, float]]] = {variant.name: [] for variant in VARIANTS}
    for _ in range(ROUNDS):
        for variant in VARIANTS:
            results[variant.name].append(_run(cluster, broker, source, count, variant))
    return [
        {"job": name, **{field: statistics.median(row[field] for row in rows) for field in rows[0]}}
        for name, rows in results.items()
    ]


def engine_rate(events: Events) -> float:
    """Return the events per second of `Engine.process` on the events of one partition."""
    rows = events.streams % PARTITIONS == 0
    keys = [stream_name(number) for number in events.streams[rows].tolist()]
    engine = Engine(Settings(**ENGINE))
    engine.warmup()
    start = now()
    engine.process(keys, events.x[rows], times=events.times[rows])
    return len(keys) / since(start)


def processor_seconds(pid: int | None) -> float:
    """Return the user and system time of a process in seconds; 0 for None."""
    if pid is None:
        return 0.0
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")


def new_group() -> str:
    """Return a new consumer group name."""
    return f"bench-{uuid.uuid4().hex[:12]}"


def _run(cluster: Cluster, broker: int | None, source: str, count: int, variant: Variant) -> dict[str, float]:
    group = new_group()
    with (
        topic(cluster) if variant.has_output else nullcontext() as output,
        closing(CommitLog(cluster, group)) as commits,
        running_job(
            servers=[cluster.bootstrap],
            topics=[source],
            group=group,
            delivery=variant.delivery,
            **({"output": output} if output else {}),
        ) as job,
    ):
        try:
            result = _until_last_commit(commits, job, broker, count)
        except TimeoutError as error:
            raise TimeoutError(f"{error}; last line of the job's log: {job.last_line()}") from None
        job.stop()
    return result


def _until_last_commit(commits: CommitLog, job: RunningJob, broker: int | None, count: int) -> dict[str, float]:
    """Follow a job's commits up to the last record; return its rates, and processor times of the job and the broker."""
    seen: list[Commit] = []
    offsets = dict.fromkeys(range(PARTITIONS), 0)
    start = (0.0, 0.0)
    for commit in commits.follow(job.check):
        start = start if seen else (processor_seconds(job.pid), processor_seconds(broker))
        seen.append(commit)
        offsets[commit.partition] = commit.offset
        if sum(offsets.values()) >= count:
            break
    return rates(seen, count) | {
        "job_cpu_seconds": processor_seconds(job.pid) - start[0],
        "broker_cpu_seconds": processor_seconds(broker) - start[1],
    }


def rates(commits: list[Commit], count: int) -> dict[str, float]:
    """Return the rates between the first commit and the last; commits with the same time count as one.

    Raises
    ------
    RuntimeError
        If all commits have the same time.
    """
    times = sorted({commit.seconds for commit in commits})
    seconds = times[-1] - times[0]
    in_first = sum(commit.offset for commit in commits if commit.seconds == times[0])
    if not seconds:
        raise RuntimeError(f"all {count} records were committed at once: too few to measure")
    return {
        "events_per_second": (count - in_first) / seconds,
        "commits_per_second": (len(times) - 1) / seconds,
        "seconds": seconds,
    }
