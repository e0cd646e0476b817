"""Where a live job spends its time: by thread, and by function in the main thread, whose Python code is the bottleneck.

The job runs twice in this process over a filled topic, with forecasts in transactions: once without a profiler, for the
processor time of each thread, and once under cProfile, which overstates short functions.
"""

from __future__ import annotations

import cProfile
import os
import tempfile
import threading
import time
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from benchmarks.kafka_job import ENGINE, new_group
from benchmarks.kafka_topic import topic
from benchmarks.paths import ROOT
from stream_rnn.connectors.stop import Stop
from stream_rnn.jobs.live.job import LiveJob
from stream_rnn.settings.live import LiveSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.kafka.broker import Cluster

Function: TypeAlias = tuple[str, int, str]
"""File, line and name, as in cProfile; the file is `~` if the function is not Python."""

SLOWEST_LISTED = 12
CONSUMER, PRODUCER = "kafka-python consumer", "kafka-python producer"
JSON, OWN, WAITING, OTHER = "JSON decoding", "stream_rnn", "waiting", "other"
GROUPS = (
    ("stream_rnn/connectors/decode/json_records.py", JSON),
    ("connectors/decode/json_records.py", JSON),
    ("connectors/", OWN),
    ("stream_rnn/", OWN),
    ("kafka/consumer/", CONSUMER),
    ("kafka/coordinator/", CONSUMER),
    ("kafka/producer/", PRODUCER),
)
"""Groups of functions by the start of a file's path. Other functions count for the group of their callers."""
WAITING_CALLS = ("acquire", "epoll", "sleep")
"""Parts of the names of functions that wait."""


class StopAtEnd:
    """Stop condition of a job: all records of its topics are processed.

    Parameters
    ----------
    on_start, on_end
        Called when the job has first seen that there are records, and when it has processed the last.
    """

    def __init__(self, on_start: Callable[[], None], on_end: Callable[[], None]) -> None:
        self.job: LiveJob | None = None
        self._on_start, self._on_end = on_start, on_end
        self._started = self._ended = False

    def __call__(self) -> bool:
        """Return whether the job is to stop."""
        lag = self.job.metrics.health().lag if self.job is not None else 0
        if lag and not self._started:
            self._started = True
            self._on_start()
        if self._started and not lag and not self._ended:
            self._ended = True
            self._on_end()
        return self._ended


def measure(cluster: Cluster, source: str, count: int) -> dict[str, Any]:
    """Return the processor time of each thread, and the profile of the main thread."""
    return {"threads": _threads(cluster, source, count), **_profile(cluster, source, count)}


def _threads(cluster: Cluster, source: str, count: int) -> list[dict[str, Any]]:
    """Return wall-clock time, and the processor time of each thread."""
    readings: list[dict[str, float]] = []

    def read() -> None:
        readings.append({"wall clock": time.perf_counter(), **_by_thread()})

    _run(cluster, source, StopAtEnd(read, read))
    start, end = readings
    elapsed = {name: seconds - start.get(name, 0.0) for name, seconds in end.items()}
    return [
        {"thread": name, "seconds": seconds, "us_per_record": 1e6 * seconds / count}
        for name, seconds in elapsed.items()
    ]


def _by_thread() -> dict[str, float]:
    """Return the processor time of each of this process's Python threads in seconds, by name."""
    seconds: defaultdict[str, float] = defaultdict(float)
    for thread in threading.enumerate():
        stat = Path(f"/proc/self/task/{thread.native_id}/stat").read_text(encoding="utf-8")
        seconds[thread.name] += sum(map(int, stat.rpartition(")")[2].split()[11:13])) / os.sysconf("SC_CLK_TCK")
    return dict(seconds)


def _profile(cluster: Cluster, source: str, count: int) -> dict[str, Any]:
    profile = cProfile.Profile()
    _run(cluster, source, StopAtEnd(profile.enable, profile.disable))
    profile.create_stats()
    stats = profile.stats  # type: ignore[attr-defined, unused-ignore]
    groups: defaultdict[str, float] = defaultdict(float)
    for function, (_, _, own, _, _) in stats.items():
        for group, share in _shares(function, stats).items():
            groups[group] += own * share
    total = sum(groups.values())
    slowest = sorted(stats.items(), key=lambda item: -item[1][2])[:SLOWEST_LISTED]
    return {
        "seconds": total,
        "groups": [
            {"group": group, "seconds": seconds, "share": seconds / total, "us_per_record": 1e6 * seconds / count}
            for group, seconds in sorted(groups.items(), key=lambda item: -item[1])
        ],
        "top": [
            {"function": _label(function), "own_seconds": own, "us_per_record": 1e6 * own / count, "calls": calls}
            for function, (_, calls, own, _, _) in slowest
        ],
    }


def _run(cluster: Cluster, source: str, stop: StopAtEnd) -> None:
    """Run a job in this process, from the start of the topic to its end."""
    with topic(cluster) as output, tempfile.TemporaryDirectory() as folder:
        settings = LiveSettings(
            servers=(cluster.bootstrap,),
            topics=(source,),
            group=new_group(),
            key="key",
            time="time",
            output=output,
            checkpoint=folder,
        )
        stop.job = LiveJob(settings, ENGINE, Stop(stop))
        stop.job.warmup()
        stop.job.run()


def _shares(
    function: Function, stats: Mapping[Function, Any], callees: frozenset[Function] = frozenset()
) -> dict[str, float]:
    """Return the groups for which a function works, with their shares of its own time."""
    group = _group(function)
    if group is not None:
        return {group: 1.0}
    callers = {
        caller: own
        for caller, (_, _, own, _) in stats[function][4].items()
        if caller not in callees and caller in stats
    }
    total = sum(callers.values())
    if not total:
        return {OTHER: 1.0}
    shares: defaultdict[str, float] = defaultdict(float)
    for caller, seconds in callers.items():
        for name, share in _shares(caller, stats, callees | {function}).items():
            shares[name] += share * seconds / total
    return dict(shares)


def _group(function: Function) -> str | None:
    """Return a function's group; None if it is that of its callers."""
    file, _, name = function
    if file == "~":
        return WAITING if any(call in name for call in WAITING_CALLS) else None
    path = file.rpartition("site-packages/")[2].removeprefix(f"{ROOT}/")
    return next((group for start, group in GROUPS if path.startswith(start)), None)


def _label(function: Function) -> str:
    file, line, name = function
    return name if file == "~" else f"{'/'.join(Path(file).parts[-2:])}:{line} {name}"
