"""Where a live job's time goes: by thread, and what its main thread does, whose Python is the narrow place.

The job runs here twice over a full topic, forecasts in transactions: as it is, for what each thread takes of the
cores, then with cProfile, which makes short functions seem dearer than they are.
"""

from __future__ import annotations

import cProfile
import os
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from benchmarks import child
from benchmarks.kafka_job import ENGINE, new_group
from benchmarks.kafka_topic import topic
from stream_rnn.connectors.stop import Stop
from stream_rnn.jobs.live.job import LiveJob
from stream_rnn.settings.live import LiveSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.kafka.broker import Cluster

Function: TypeAlias = tuple[str, int, str]
"""File, line and name, as cProfile has them; the file of what is not Python is `~`."""

TOP = 12
CONSUMER, PRODUCER = "kafka-python consumer", "kafka-python producer"
JSON, OWN, WAITING, OTHER = "JSON decoding", "our code", "waiting", "other"
PLACES = (
    ("connectors/json_records.py", JSON),
    ("connectors/", OWN),
    ("stream_rnn/", OWN),
    ("kafka/consumer/", CONSUMER),
    ("kafka/coordinator/", CONSUMER),
    ("kafka/producer/", PRODUCER),
)
"""Groups by the beginning of a file's path. Whatever else there is works for the one that calls it."""
WAITS = ("acquire", "epoll", "sleep")
"""What does nothing, by a part of its name."""


class Watch:
    """Answers a job's "stop now?": once it has something to read, and then nothing more.

    Parameters
    ----------
    begin, end
        Called when the first record is known of, and when the last was taken.
    """

    def __init__(self, begin: Callable[[], None], end: Callable[[], None]) -> None:
        self.job: LiveJob | None = None
        self._begin, self._end = begin, end
        self._began = self._ended = False

    def __call__(self) -> bool:
        """Answer."""
        lag = self.job.monitor.health().lag if self.job is not None else 0
        if lag and not self._began:
            self._began = True
            self._begin()
        if self._began and not lag and not self._ended:
            self._ended = True
            self._end()
        return self._ended


def measure(cluster: Cluster, source: str, count: int) -> dict[str, Any]:
    """Return the seconds of each thread, and the main thread's profile."""
    return {"threads": _threads(cluster, source, count), **_profile(cluster, source, count)}


def _threads(cluster: Cluster, source: str, count: int) -> list[dict[str, Any]]:
    looks: list[dict[str, float]] = []

    def look() -> None:
        looks.append({"wall clock": time.perf_counter(), **_by_thread()})

    _run(cluster, source, Watch(look, look))
    took = {name: seconds - looks[0].get(name, 0.0) for name, seconds in looks[1].items()}
    return [{"thread": name, "seconds": it, "us_per_record": 1e6 * it / count} for name, it in took.items()]


def _by_thread() -> dict[str, float]:
    """Return how long each of this process's Python threads has been on a core, by name."""
    found: Counter[str] = Counter()
    for thread in threading.enumerate():
        stat = Path(f"/proc/self/task/{thread.native_id}/stat").read_text(encoding="utf-8")
        found[thread.name] += sum(map(int, stat.rpartition(")")[2].split()[11:13])) / os.sysconf("SC_CLK_TCK")
    return dict(found)


def _profile(cluster: Cluster, source: str, count: int) -> dict[str, Any]:
    profile = cProfile.Profile()
    _run(cluster, source, Watch(profile.enable, profile.disable))
    profile.create_stats()
    stats = profile.stats  # type: ignore[attr-defined]
    groups: Counter[str] = Counter()
    for function, (_, _, own, _, _) in stats.items():
        for group, share in _shares(function, stats).items():
            groups[group] += own * share
    whole = groups.total()
    dearest = sorted(stats.items(), key=lambda item: -item[1][2])[:TOP]
    return {
        "seconds": whole,
        "groups": [
            {"group": group, "seconds": seconds, "share": seconds / whole, "us_per_record": 1e6 * seconds / count}
            for group, seconds in groups.most_common()
        ],
        "top": [
            {"function": _written(function), "own_seconds": own, "us_per_record": 1e6 * own / count, "calls": calls}
            for function, (_, calls, own, _, _) in dearest
        ],
    }


def _run(cluster: Cluster, source: str, watch: Watch) -> None:
    """Run a job in this process, from the topic's beginning to its end."""
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
        watch.job = LiveJob(settings, ENGINE, Stop(watch))
        watch.job.warmup()
        watch.job.run()


def _shares(
    function: Function, stats: Mapping[Function, Any], inside: frozenset[Function] = frozenset()
) -> dict[str, float]:
    """Return the groups that a function works for, with their shares of its own time."""
    group = _group(function)
    if group is not None:
        return {group: 1.0}
    callers = {caller: it[2] for caller, it in stats[function][4].items() if caller not in inside and caller in stats}
    whole = sum(callers.values())
    if not whole:
        return {OTHER: 1.0}
    found: Counter[str] = Counter()
    for caller, seconds in callers.items():
        for name, share in _shares(caller, stats, inside | {function}).items():
            found[name] += share * seconds / whole
    return dict(found)


def _group(function: Function) -> str | None:
    """Return a function's group, None where that is its caller's."""
    file, _, name = function
    if file == "~":
        return WAITING if any(word in name for word in WAITS) else None
    place = file.rpartition("site-packages/")[2].removeprefix(f"{child.ROOT}/")
    return next((group for beginning, group in PLACES if place.startswith(beginning)), None)


def _written(function: Function) -> str:
    file, line, name = function
    return name if file == "~" else f"{'/'.join(Path(file).parts[-2:])}:{line} {name}"
