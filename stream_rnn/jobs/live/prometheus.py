"""PrometheusExporter: the metrics of a live job in the text formats of Prometheus.

The only module of the live job that needs prometheus_client; it is imported only if metrics are served.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import choose_encoder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from prometheus_client import Metric

PREFIX = "stream_rnn_"
BY_PARTITION = ("partition",)
FAILURES = ("transaction", "checkpoint", "broker", "rebalance", "registry", "session")
"""Kinds of failures that a job survives; their counters exist from the start."""
COMMIT_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the durations of commits, in seconds."""


class Description(NamedTuple):
    """Help text and labels of a metric."""

    help: str
    labels: tuple[str, ...] = BY_PARTITION


COUNTERS = {
    "events": Description("Events that the engine has learned from."),
    "forecasts": Description("Forecasts written."),
    "replayed_events": Description("Events processed again after a restart, without output."),
    "dead_letters": Description("Records that cannot be used, by reason.", ("partition", "reason")),
    "bad_values": Description("Values that count as missing because they are not numbers.", ("partition", "column")),
    "duplicates": Description("Records dropped as duplicates."),
    "tombstones": Description("Records without value."),
    "lost_records": Description("Records that were deleted from the topic before they were read."),
    "skipped_updates": Description("Updates skipped because the gradient was not finite."),
    "missing_inputs": Description("Inputs without a value."),
    "resets": Description("Resets of sequences, by a gap in time, a flag in the data, or a call."),
    "evictions": Description("Streams evicted in favour of others."),
    "drifts": Description("Drifts detected."),
    "alarms": Description("Times that the forecasts of a stream had become worse than persistence for long."),
    "checkpoints": Description("Checkpoints written to disk."),
    "failures": Description("Failures that the job survived, by kind.", ("kind",)),
    "rebalances": Description("Rebalances of the consumer group.", ()),
}
GAUGES = {
    "up": Description("1 if the broker answers, 0 if it does not.", ()),
    "partitions": Description("Partitions that are assigned to this process.", ()),
    "turn_age_seconds": Description("Time since the job's loop last completed a turn.", ()),
    "streams": Description("Streams that the engine keeps."),
    "failing_streams": Description("Streams whose forecasts have been worse than persistence for long."),
    "held_events": Description("Events held back until earlier ones have arrived."),
    "lag_records": Description("Records in the topic that have not been processed."),
    "mean_absolute_error": Description("Mean absolute error of the forecasts since this process opened the partition."),
    "persistence_mean_absolute_error": Description("Mean absolute error of persistence on the same events."),
    "checkpoint_age_seconds": Description("Time since the last checkpoint was written, or since the assignment."),
    "checkpoint_pause_seconds": Description("How long the last checkpoint blocked the loop."),
    "checkpoint_duration_seconds": Description("How long the last checkpoint took until it was on disk."),
    "checkpoint_size_bytes": Description("Size of the last checkpoint."),
}
HISTOGRAMS = {"commit_duration_seconds": Description("Duration of commits, of transactions or of offsets.", ())}


class PrometheusExporter:
    """Counters, gauges and a histogram in their own registry, besides the metrics of the process.

    Attributes
    ----------
    lock : threading.Lock
        Held while metrics are collected. Metrics that are changed while it is held appear together.
    registry : CollectorRegistry
        The metrics.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.registry = _Registry(self.lock)
        self._counters = {
            name: Counter(PREFIX + name, metric.help, metric.labels, registry=self.registry)
            for name, metric in COUNTERS.items()
        }
        # A gauge without labels would be 0 from the start; it is registered when it gets its first value.
        self._gauges = {
            name: Gauge(PREFIX + name, metric.help, metric.labels, registry=self.registry if metric.labels else None)
            for name, metric in GAUGES.items()
        }
        self._unregistered = {name for name, metric in GAUGES.items() if not metric.labels}
        self._histograms = {
            name: Histogram(PREFIX + name, metric.help, registry=self.registry, buckets=COMMIT_BUCKETS)
            for name, metric in HISTOGRAMS.items()
        }
        for kind in FAILURES:
            self._counters["failures"].labels(kind)
        ProcessCollector(registry=self.registry)

    def add_partition(self, partition: str) -> None:
        """Show the counters of a partition, as 0 unless it was assigned before, and none of its gauges."""
        self.remove_partition(partition)
        for name, metric in COUNTERS.items():
            if metric.labels == BY_PARTITION:
                self._counters[name].labels(partition)

    def remove_partition(self, partition: str) -> None:
        """Remove the gauges of a partition; its counters stay."""
        for name, metric in GAUGES.items():
            if metric.labels == BY_PARTITION:
                self._gauges[name].remove(partition)

    def count(self, name: str, amount: int, *labels: str) -> None:
        """Increase a counter."""
        counter = self._counters[name]
        (counter.labels(*labels) if labels else counter).inc(amount)

    def set(self, name: str, value: float, *labels: str) -> None:
        """Set a gauge."""
        self._gauge(name, labels).set(value)

    def set_function(self, name: str, value: Callable[[], float], *labels: str) -> None:
        """Let a gauge have the value that a function returns when metrics are collected."""
        self._gauge(name, labels).set_function(value)

    def observe(self, name: str, value: float) -> None:
        """Add an observation to a histogram."""
        self._histograms[name].observe(value)

    def render(self, accept: str) -> tuple[str, bytes]:
        """Return the content type and the text of all metrics, in a format that an HTTP client accepts."""
        encode, content_type = choose_encoder(accept)
        return content_type, encode(self.registry)

    def _gauge(self, name: str, labels: tuple[str, ...]) -> Gauge:
        gauge = self._gauges[name]
        if name in self._unregistered:
            self._unregistered.remove(name)
            self.registry.register(gauge)
        return gauge.labels(*labels) if labels else gauge


class _Registry(CollectorRegistry):
    """Collects all metrics at one moment, without the creation times that prometheus_client adds."""

    def __init__(self, moment: threading.Lock) -> None:
        super().__init__()
        self._moment = moment

    def collect(self) -> Iterable[Metric]:
        with self._moment:
            metrics = list(super().collect())
        for metric in metrics:
            metric.samples = [sample for sample in metric.samples if not sample.name.endswith("_created")]
        return metrics
