"""Monitor: what a live job counts, for Prometheus, for a line of the log and for a health check.

The job tells it what became of each batch; at a scrape another thread reads, and a lock keeps together what belongs
together. Every number has one place: what only grows is in `_counts`, the rest with the partition that it speaks of.
"""

from __future__ import annotations

import math
import threading
import time
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from prometheus_client import Metric

PREFIX = "stream_rnn_"
FAILURES = ("transaction", "checkpoint", "broker", "rebalance")
"""Kinds of failures that a job is known to survive: shown from the start, as zero."""
COMMIT_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds."""
UNWANTED = ("replayed", "refused", "duplicates", "lost", "skipped_updates", "drifts")
"""Fields that a line names only where they are not zero."""


class Family(NamedTuple):
    """Series of one name."""

    help: str
    labels: tuple[str, ...] = ("partition",)


COUNTERS = {
    "events": Family("Events learned from."),
    "forecasts": Family("Forecasts written."),
    "replayed_events": Family("Events put through again on recovery, without output."),
    "dead_letters": Family("Records that could not be used, by reason.", ("partition", "reason")),
    "duplicates": Family("Records dropped since they came before."),
    "lost_records": Family("Records that the topic deleted before they were read."),
    "skipped_updates": Family("Updates left out because the gradient was not finite."),
    "missing_inputs": Family("Inputs that had no value."),
    "resets": Family("Sequences ended by a gap, a flag or a reset."),
    "evictions": Family("Streams forgotten to make room for others."),
    "drifts": Family("Changes of streams that were found."),
    "checkpoints": Family("Checkpoints made safe."),
    "failures": Family("Failures that were survived, by kind.", ("kind",)),
    "rebalances": Family("Times that the group shared out its partitions anew.", ()),
}
GAUGES = {
    "up": Family("1 while the broker answers, 0 while it does not.", ()),
    "partitions": Family("Partitions that are assigned to this process.", ()),
    "turn_age_seconds": Family("Time since the loop last came round.", ()),
    "streams": Family("Streams that the engine holds."),
    "held_events": Family("Events that wait for others before them."),
    "lag_records": Family("Records in the topic that are still to be read."),
    "mean_absolute_error": Family("Mean absolute error of the forecasts since the process began."),
    "persistence_mean_absolute_error": Family("The same of persistence, on the same events."),
    "checkpoint_age_seconds": Family("Time since the last safe checkpoint; since the assignment where there is none."),
    "checkpoint_pause_seconds": Family("How long the last checkpoint held up the loop."),
    "checkpoint_duration_seconds": Family("How long the last checkpoint took until it was safe."),
    "checkpoint_size_bytes": Family("Size of the last checkpoint."),
}
COMMITS = Family("How long a commit took, of a transaction or of offsets.", ())


class Health(NamedTuple):
    """Whether the job is well."""

    ok: bool
    reason: str
    """Why it is not, or "ok"."""
    partitions: int
    lag: int
    """records, over all partitions"""
    seconds_since_turn: float
    """since the loop last came round; since the process began where it never did"""
    checkpoint_age: float | None
    """seconds, of the oldest; None without partitions"""


@dataclass(slots=True)
class _Partition:
    """What is known of an assigned partition."""

    safe_at: float
    """when its last checkpoint was safe; when it was assigned where there is none"""
    gauges: dict[str, float] = field(default_factory=dict)
    engine: dict[str, int] | None = None
    """the engine's totals when it was last heard of"""


class Monitor:
    """What a live job counts, called once a batch and from any thread.

    A partition is told by its name, such as ``sensors-3``. What is said of one that is not assigned (a checkpoint may
    become safe after its partition has moved on) is counted, but shows no gauge.

    Parameters
    ----------
    clock
        Seconds that only grow.
    stalled_after
        Seconds after which a loop that does not come round is not well.

    Attributes
    ----------
    registry : CollectorRegistry
        What a scrape reads: the job's metrics and the process's own.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic, stalled_after: float = 60.0) -> None:
        self.registry = CollectorRegistry()
        self._clock = clock
        self._stalled_after = stalled_after
        self._lock = threading.Lock()
        self._began = self._line_at = clock()
        self._turned_at: float | None = None
        self._answers: bool | None = None
        self._partitions: dict[str, _Partition] = {}
        self._counts: dict[str, Counter[tuple[str, ...]]] = {name: Counter() for name in COUNTERS}
        self._counts["rebalances"][()] = 0
        self._counts["failures"].update({(kind,): 0 for kind in FAILURES})
        self._commits = [0] * (len(COMMIT_BUCKETS) + 1)
        self._commit_seconds = 0.0
        self._at_line = {name: counts.copy() for name, counts in self._counts.items()}
        self._fields: dict[str, float | int | str] = {}
        self.registry.register(self)
        ProcessCollector(registry=self.registry)

    def assigned(self, partition: str) -> None:
        """Begin with a partition; its counters are there from now on."""
        with self._lock:
            self._partitions[partition] = _Partition(self._clock())
            for name, family in COUNTERS.items():
                if family.labels == ("partition",):
                    self._counts[name][partition,] += 0

    def released(self, partition: str) -> None:
        """End with a partition: its gauges go, its counters stay."""
        with self._lock:
            self._partitions.pop(partition, None)

    def rebalanced(self) -> None:
        """Count a rebalance of the group."""
        with self._lock:
            self._counts["rebalances"][()] += 1

    def taken(self, partition: str, *, events: int, forecasts: int, replayed: int) -> None:
        """Count events learned from, forecasts written, and events put through again without output."""
        with self._lock:
            self._counts["events"][partition,] += events
            self._counts["forecasts"][partition,] += forecasts
            self._counts["replayed_events"][partition,] += replayed

    def refused(self, partition: str, reasons: Mapping[str, int]) -> None:
        """Count records that could not be used, by reason."""
        with self._lock:
            for reason, records in reasons.items():
                self._counts["dead_letters"][partition, reason] += records

    def ordered(self, partition: str, *, duplicates: int, held: int) -> None:
        """Count records dropped since they came before, and note how many events are held back."""
        with self._lock:
            self._counts["duplicates"][partition,] += duplicates
            self._show(partition, held_events=held)

    def lost(self, partition: str, records: int) -> None:
        """Count records that the topic deleted before they were read."""
        with self._lock:
            self._counts["lost_records"][partition,] += records

    def lag(self, partition: str, records: int) -> None:
        """Note how many records are still to be read."""
        with self._lock:
            self._show(partition, lag_records=records)

    def engine(
        self,
        partition: str,
        *,
        streams: int,
        skipped: int,
        missing_inputs: int,
        resets: int,
        evictions: int,
        drifts: int,
    ) -> None:
        """Note an engine's totals since it began, which may be weeks before this process.

        The first call after `assigned` says where the engine stands; what later ones have more is counted. Totals that
        fell are those of an engine that was restored: counting goes on from there.
        """
        totals = {
            "skipped_updates": skipped,
            "missing_inputs": missing_inputs,
            "resets": resets,
            "evictions": evictions,
            "drifts": drifts,
        }
        with self._lock:
            self._show(partition, streams=streams)
            if (known := self._partitions.get(partition)) is None:
                return
            before, known.engine = known.engine or totals, totals
            for name, total in totals.items():
                self._counts[name][partition,] += max(total - before[name], 0)

    def errors(self, partition: str, model: float, persistence: float) -> None:
        """Note the mean absolute errors of the forecasts since the process began."""
        with self._lock:
            self._show(partition, mean_absolute_error=model, persistence_mean_absolute_error=persistence)

    def committed(self, seconds: float) -> None:
        """Note how long a commit took, of a transaction or of offsets."""
        with self._lock:
            self._commits[bisect_left(COMMIT_BUCKETS, seconds)] += 1
            self._commit_seconds += seconds

    def checkpointed(self, partition: str, *, pause: float, seconds: float, size: int) -> None:
        """Note that a checkpoint is safe.

        Parameters
        ----------
        partition
            Whose.
        pause
            Seconds that the loop stood still for it.
        seconds
            Until it was safe.
        size
            Bytes.
        """
        with self._lock:
            self._counts["checkpoints"][partition,] += 1
            self._show(
                partition,
                checkpoint_pause_seconds=pause,
                checkpoint_duration_seconds=seconds,
                checkpoint_size_bytes=size,
            )
            if (known := self._partitions.get(partition)) is not None:
                known.safe_at = self._clock()

    def failed(self, what: str) -> None:
        """Count a failure that was survived, by kind, such as those of `FAILURES`."""
        with self._lock:
            self._counts["failures"][what,] += 1

    def broker(self, answers: bool) -> None:
        """Note whether the broker answers."""
        with self._lock:
            self._answers = answers

    def turned(self) -> None:
        """Note that the loop came round."""
        with self._lock:
            self._turned_at = self._clock()

    def health(self) -> Health:
        """Tell whether the job is well: its loop comes round and its broker answers."""
        with self._lock:
            now = self._clock()
            still = self._since_turn(now)
            if self._answers is False:
                reason = "the broker does not answer"
            elif self._turned_at is None:
                reason = "the loop has not come round yet"
            elif still >= self._stalled_after:
                reason = f"the loop has not come round for {_span(still)}"
            else:
                reason = "ok"
            lag = int(self._sum("lag_records"))
            return Health(reason == "ok", reason, len(self._partitions), lag, still, self._oldest(now))

    def line(self) -> str:
        """Return a line about the time since the last one: what is always of interest, and what should not happen."""
        with self._lock:
            self._fields = self._measured()
            return _written(self._fields)

    def fields(self) -> dict[str, float | int | str]:
        """Return the numbers of the last line; empty before the first."""
        with self._lock:
            return dict(self._fields)

    def collect(self) -> Iterator[Metric]:
        """Return the metrics as they are now, for the registry."""
        with self._lock:
            return iter([*self._counters(), *self._gauges(), self._histogram()])

    def _show(self, partition: str, **gauges: float) -> None:
        if (known := self._partitions.get(partition)) is not None:
            known.gauges.update(gauges)

    def _sum(self, gauge: str) -> float:
        return sum(known.gauges.get(gauge, 0) for known in self._partitions.values())

    def _since_turn(self, now: float) -> float:
        return now - (self._began if self._turned_at is None else self._turned_at)

    def _oldest(self, now: float) -> float | None:
        return max((now - known.safe_at for known in self._partitions.values()), default=None)

    def _error(self) -> float | None:
        """Return the model's error in percent of persistence's, over all partitions by their events."""
        model = persistence = 0.0
        for partition, known in self._partitions.items():
            errors = [known.gauges.get(f"{name}mean_absolute_error", math.nan) for name in ("", "persistence_")]
            if all(map(math.isfinite, errors)):
                events = self._counts["events"][partition,]
                model += events * errors[0]
                persistence += events * errors[1]
        return 100 * model / persistence if persistence else None

    def _measured(self) -> dict[str, float | int | str]:
        now = self._clock()
        new = {name: counts - self._at_line[name] for name, counts in self._counts.items()}
        count = {name: counts.total() for name, counts in new.items()}
        seconds, self._line_at = now - self._line_at, now
        self._at_line = {name: counts.copy() for name, counts in self._counts.items()}
        fields: dict[str, float | int | str] = {
            "seconds": seconds,
            "events": count["events"],
            "events_per_second": count["events"] / seconds if seconds else 0.0,
            "forecasts_per_second": count["forecasts"] / seconds if seconds else 0.0,
            "lag": int(self._sum("lag_records")),
            "streams": int(self._sum("streams")),
            "partitions": len(self._partitions),
            "replayed": count["replayed_events"],
            "refused": count["dead_letters"],
            "duplicates": count["duplicates"],
            "lost": count["lost_records"],
            "skipped_updates": count["skipped_updates"],
            "drifts": count["drifts"],
        }
        if (error := self._error()) is not None:
            fields["error_percent"] = error
        if (age := self._oldest(now)) is not None:
            fields["checkpoint_age"] = age
        if self._answers is not None:
            fields["broker"] = "answers" if self._answers else "does not answer"
        return fields | {f"failed_{kind}": times for (kind,), times in new["failures"].items()}

    def _counters(self) -> Iterator[Metric]:
        for name, family in COUNTERS.items():
            metric = CounterMetricFamily(PREFIX + name, family.help, labels=family.labels)
            for labels, count in self._counts[name].items():
                metric.add_metric(labels, count)
            yield metric

    def _gauges(self) -> Iterator[Metric]:
        now = self._clock()
        job = {"partitions": float(len(self._partitions)), "turn_age_seconds": self._since_turn(now)}
        if self._answers is not None:
            job["up"] = float(self._answers)
        shown: dict[tuple[str, ...], dict[str, float]] = {(): job}
        for partition, known in self._partitions.items():
            shown[partition,] = known.gauges | {"checkpoint_age_seconds": now - known.safe_at}
        for name, family in GAUGES.items():
            metric = GaugeMetricFamily(PREFIX + name, family.help, labels=family.labels)
            for labels, values in shown.items():
                if name in values:
                    metric.add_metric(labels, values[name])
            yield metric

    def _histogram(self) -> Metric:
        bounds = [*map(str, COMMIT_BUCKETS), "+Inf"]
        below = map(float, accumulate(self._commits))
        buckets = list(zip(bounds, below, strict=True))
        return HistogramMetricFamily(f"{PREFIX}commit_duration_seconds", COMMITS.help, buckets, self._commit_seconds)


def _written(fields: Mapping[str, float | int | str]) -> str:
    """Write the fields of a line as text; of what should not happen, only what did."""
    rate, forecasts = (_rate(float(fields[f"{name}_per_second"])) for name in ("events", "forecasts"))
    said = [f"events {fields['events']:,} ({rate}/s)", f"forecasts {forecasts}/s"]
    said += [f"{name} {fields[name]:,}" for name in ("lag", "streams", "partitions")]
    for name, count in fields.items():
        if count and (name in UNWANTED or name.startswith("failed_")):
            said.append(f"{name.replace('_', ' ')} {count:,}")
    if "error_percent" in fields:
        said.append(f"error {fields['error_percent']:.1f}% of persistence")
    if "checkpoint_age" in fields:
        said.append(f"oldest checkpoint {_span(float(fields['checkpoint_age']))}")
    if fields.get("broker") == "does not answer":
        said.insert(0, "the broker does not answer")
    return ", ".join(said)


def _rate(per_second: float) -> str:
    return f"{per_second:,.0f}" if per_second >= 10 or not per_second else f"{per_second:.1f}"


def _span(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
