"""JobMetrics: what a live job measures, for its progress line, for a health check and for Prometheus.

The job reports the result of each batch; other threads read when metrics or health are requested. A lock keeps together
what belongs together.
"""

from __future__ import annotations

import math
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from stream_rnn.connectors.bad_values import BadValueCounter
from stream_rnn.jobs.live.progress import FAILED, format_duration, format_progress
from stream_rnn.jobs.live.recent_records import RecentRecords

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from stream_rnn.connectors.events import BadValue
    from stream_rnn.jobs.live.prometheus import PrometheusExporter


class Health(NamedTuple):
    """Whether the job works."""

    ok: bool
    reason: str
    """why it does not; "ok" if it does"""
    partitions: int
    lag: int
    """records that have not been processed, with those whose events are held back, over all partitions"""
    seconds_since_turn: float
    """since the loop last completed a turn, or since the process started"""
    checkpoint_age: float | None
    """seconds since the oldest of the partitions' last checkpoints; None without partitions"""


class EngineTotals(NamedTuple):
    """Counters of an engine since it was created, which may be weeks before the process started."""

    skipped_updates: int
    missing_inputs: int
    resets: int
    evictions: int
    drifts: int
    alarms: int
    anomaly_alarms: int
    abnormal_events: int
    stuck_events: int
    missing_events: int


@dataclass(slots=True)
class _Partition:
    """State of an assigned partition."""

    checkpoint_at: float
    """when its last checkpoint was written, or when it was assigned"""
    gauges: dict[str, float] = field(default_factory=dict)
    held_at: int | None = None
    """offset at which an open transaction holds it; None if none does"""
    totals: EngineTotals | None = None
    """last known totals of its engine"""


class JobMetrics:
    """Metrics of a live job; each method may be called from any thread.

    Partitions are identified by their names, such as ``sensors-3``. Counts are kept for any partition, gauges only for
    an assigned one: a checkpoint may reach the disk after its partition was given up.

    Parameters
    ----------
    exporter
        Shows the metrics to Prometheus; None if they are not served.
    clock
        Returns seconds, monotonically.
    stalled_after
        Seconds without a completed turn after which the job is unhealthy.

    Examples
    --------
    >>> metrics = JobMetrics()
    >>> metrics.assigned("sensors-0")
    >>> metrics.processed("sensors-0", events=100, forecasts=90, replayed=10)
    >>> metrics.turn_completed()
    >>> metrics.health().ok, metrics.line()[:10]
    (True, 'events 100')
    """

    def __init__(
        self,
        exporter: PrometheusExporter | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        stalled_after: float = 60.0,
    ) -> None:
        self._exporter = exporter
        self._lock = threading.Lock() if exporter is None else exporter.lock
        self._clock = clock
        self._stalled_after = stalled_after
        self._started_at = self._line_at = clock()
        self._turn_at: float | None = None
        self._broker_answers: bool | None = None
        self._partitions: dict[str, _Partition] = {}
        self._events: Counter[str] = Counter()
        """events by partition"""
        self._totals: Counter[str] = Counter()
        """counts since the process started, over all partitions"""
        self._totals_at_line: Counter[str] = Counter()
        self._bad_values = BadValueCounter()
        self._fields: dict[str, float | int | str] = {}
        self._recent = RecentRecords(clock)
        self._missing_topics: tuple[str, ...] = ()
        self._registry_problem: str | None = None
        if exporter is not None:
            exporter.set_function("partitions", lambda: len(self._partitions))
            exporter.set_function("turn_age_seconds", self._turn_age)

    def assigned(self, partition: str) -> None:
        """Start to measure a partition: its counters exist from now on."""
        with self._lock:
            known = self._partitions[partition] = _Partition(self._clock())
            if self._exporter is not None:
                self._exporter.add_partition(partition)
                self._exporter.set_function(
                    "checkpoint_age_seconds", lambda: self._clock() - known.checkpoint_at, partition
                )

    def released(self, partition: str) -> None:
        """Stop to measure a partition: its gauges disappear, its counters stay."""
        with self._lock:
            self._partitions.pop(partition, None)
            if self._exporter is not None:
                self._exporter.remove_partition(partition)

    def rebalanced(self) -> None:
        """Count a rebalance of the group."""
        with self._lock:
            self._count("rebalances", 1)

    def processed(self, partition: str, *, events: int, forecasts: int, replayed: int) -> None:
        """Count events, forecasts written, and events that were processed again without output."""
        with self._lock:
            self._recent.add_used(events)
            self._events[partition] += events
            self._count("events", events, partition)
            self._count("forecasts", forecasts, partition)
            self._count("replayed_events", replayed, partition)

    def refused(self, partition: str, reasons: Mapping[str, int]) -> None:
        """Count records that cannot be used, by reason."""
        with self._lock:
            self._recent.add_refused(reasons)
            for reason, records in reasons.items():
                self._count("dead_letters", records, partition, reason)

    def bad_values(self, partition: str, found: Iterable[BadValue]) -> None:
        """Count values that are missing because they are not numbers, and log the first of each column and word."""
        columns: Counter[str] = Counter()
        for value in found:
            self._bad_values.add(value)
            columns[value.column] += 1
        with self._lock:
            for column, values in columns.items():
                self._count("bad_values", values, partition, column)

    def ordered(self, partition: str, *, duplicates: int, held: int) -> None:
        """Count dropped duplicates, and set how many events are held back."""
        with self._lock:
            self._count("duplicates", duplicates, partition)
            self._set(partition, held_events=held)

    def tombstones(self, partition: str, records: int) -> None:
        """Count records without value."""
        with self._lock:
            self._count("tombstones", records, partition)

    def lost(self, partition: str, records: int) -> None:
        """Count records that were deleted before they were read."""
        with self._lock:
            self._count("lost_records", records, partition)

    def lag(self, partition: str, records: int) -> None:
        """Set how many records have not been processed, with those whose events are held back."""
        with self._lock:
            self._set(partition, lag_records=records)

    def held(self, partition: str, offset: int | None) -> None:
        """Set the offset at which an open transaction of another producer holds a partition; None if none does."""
        with self._lock:
            if (known := self._partitions.get(partition)) is not None:
                known.held_at = offset

    def missing_topics(self, topics: Iterable[str]) -> None:
        """Set the topics to read that do not exist."""
        with self._lock:
            self._missing_topics = tuple(topics)

    def registry(self, problem: str | None) -> None:
        """Set why the schema registry is of no use, None if it is; schemas that it has answered before still are."""
        with self._lock:
            self._registry_problem = problem

    def engine(self, partition: str, streams: int, failing: int, totals: EngineTotals) -> None:
        """Set the numbers of streams and of failing ones, and count how much the totals have grown since the last call.

        The first call after `assigned` counts nothing. If totals have fallen, an older state of the engine was
        restored; counting continues from there.
        """
        with self._lock:
            self._set(partition, streams=streams, failing_streams=failing)
            if (known := self._partitions.get(partition)) is None:
                return
            previous, known.totals = known.totals or totals, totals
            for name, before, now in zip(EngineTotals._fields, previous, totals, strict=True):
                self._count(name, max(now - before, 0), partition)

    def errors(self, partition: str, model: float, persistence: float) -> None:
        """Set the mean absolute errors of the forecasts and of persistence."""
        with self._lock:
            self._set(partition, mean_absolute_error=model, persistence_mean_absolute_error=persistence)

    def committed(self, seconds: float) -> None:
        """Add the duration of a commit."""
        with self._lock:
            if self._exporter is not None:
                self._exporter.observe("commit_duration_seconds", seconds)

    def checkpointed(self, partition: str, *, pause: float, seconds: float, size: int) -> None:
        """Count a checkpoint that has reached the disk.

        Parameters
        ----------
        partition
            Name of the partition.
        pause
            Seconds that it blocked the loop.
        seconds
            Seconds from its start until it was on disk.
        size
            Its size in bytes.
        """
        with self._lock:
            self._count("checkpoints", 1, partition)
            self._set(
                partition,
                checkpoint_pause_seconds=pause,
                checkpoint_duration_seconds=seconds,
                checkpoint_size_bytes=size,
            )
            if (known := self._partitions.get(partition)) is not None:
                known.checkpoint_at = self._clock()

    def failed(self, kind: str) -> None:
        """Count a failure that the job survived, such as those of `prometheus.FAILURES`."""
        with self._lock:
            self._totals[FAILED + kind] += 1
            if self._exporter is not None:
                self._exporter.count("failures", 1, kind)

    def broker(self, *, answers: bool) -> None:
        """Set whether the broker answers."""
        with self._lock:
            self._broker_answers = answers
            if self._exporter is not None:
                self._exporter.set("up", float(answers))

    def turn_completed(self) -> None:
        """Record that the loop has completed a turn."""
        with self._lock:
            self._turn_at = self._clock()

    def problems(self) -> dict[str, str]:
        """Return what keeps a job that runs from working, each as its name and a message."""
        with self._lock:
            return self._problems()

    def health(self) -> Health:
        """Return whether the job works: its loop completes turns, its broker answers, and there are no problems."""
        with self._lock:
            age, problems = self._turn_age(), self._problems()
            if self._turn_at is None:
                missing = "the broker does not answer" if self._broker_answers is False else "no turn is completed"
                reason = f"starting: {missing}"
            elif self._broker_answers is False:
                reason = "the broker does not answer"
            elif age >= self._stalled_after:
                reason = f"the job has not completed a turn for {format_duration(age)}"
            else:
                reason = "; ".join(problems.values()) or "ok"
            return Health(
                ok=reason == "ok",
                reason=reason,
                partitions=len(self._partitions),
                lag=int(self._sum("lag_records")),
                seconds_since_turn=age,
                checkpoint_age=self._oldest_checkpoint(),
            )

    def line(self) -> str:
        """Return a line about the period since the previous one."""
        with self._lock:
            self._fields = self._measure_period()
            return format_progress(self._fields)

    def fields(self) -> dict[str, float | int | str]:
        """Return the numbers of the last line; empty before the first."""
        with self._lock:
            return dict(self._fields)

    def _count(self, name: str, amount: int, *labels: str) -> None:
        self._totals[name] += amount
        if self._exporter is not None:
            self._exporter.count(name, amount, *labels)

    def _set(self, partition: str, **gauges: float) -> None:
        if (known := self._partitions.get(partition)) is None:
            return
        known.gauges.update(gauges)
        if self._exporter is not None:
            for name, value in gauges.items():
                self._exporter.set(name, value, partition)

    def _sum(self, gauge: str) -> float:
        return sum(known.gauges.get(gauge, 0) for known in self._partitions.values())

    def _problems(self) -> dict[str, str]:
        problems = {
            f"an open transaction holds {name}": f"an open transaction holds {name} at offset {known.held_at}: nothing "
            "after it can be read before its producer, or the cluster, ends it"
            for name, known in self._partitions.items()
            if known.held_at is not None
        }
        for topic in self._missing_topics:
            problems[f"topic {topic} is missing"] = f"topic {topic} was deleted; waiting until it is created again"
        if self._registry_problem is not None:
            problems["the schema registry does not work"] = f"{self._registry_problem}; waiting, nothing is lost"
        if (complaint := self._recent.complaint()) is not None:
            problems["most records are refused"] = complaint
        return problems

    def _turn_age(self) -> float:
        return self._clock() - (self._started_at if self._turn_at is None else self._turn_at)

    def _oldest_checkpoint(self) -> float | None:
        now = self._clock()
        return max((now - known.checkpoint_at for known in self._partitions.values()), default=None)

    def _error_percent(self) -> float | None:
        """Return the model's error in percent of that of persistence, over all partitions, weighted by events."""
        model = persistence = 0.0
        for partition, known in self._partitions.items():
            errors = [known.gauges.get(f"{name}mean_absolute_error", math.nan) for name in ("", "persistence_")]
            if all(map(math.isfinite, errors)):
                model += self._events[partition] * errors[0]
                persistence += self._events[partition] * errors[1]
        return 100 * model / persistence if persistence else None

    def _measure_period(self) -> dict[str, float | int | str]:
        now = self._clock()
        new = self._totals.copy()
        new.subtract(self._totals_at_line)
        seconds, self._line_at = now - self._line_at, now
        self._totals_at_line = self._totals.copy()
        fields: dict[str, float | int | str] = {
            "seconds": seconds,
            "events": new["events"],
            "events_per_second": new["events"] / seconds if seconds else 0.0,
            "forecasts_per_second": new["forecasts"] / seconds if seconds else 0.0,
            "lag": int(self._sum("lag_records")),
            "streams": int(self._sum("streams")),
            "partitions": len(self._partitions),
            "replayed": new["replayed_events"],
            "refused": new["dead_letters"],
            "bad_values": new["bad_values"],
            "duplicates": new["duplicates"],
            "lost": new["lost_records"],
            "skipped_updates": new["skipped_updates"],
            "drifts": new["drifts"],
            "alarms": new["alarms"],
            "anomaly_alarms": new["anomaly_alarms"],
            "failing_streams": int(self._sum("failing_streams")),
        }
        if (error := self._error_percent()) is not None:
            fields["error_percent"] = error
        if (age := self._oldest_checkpoint()) is not None:
            fields["checkpoint_age"] = age
        if self._broker_answers is not None:
            fields["broker"] = "answers" if self._broker_answers else "does not answer"
        return fields | {name: times for name, times in new.items() if name.startswith(FAILED) and times}
