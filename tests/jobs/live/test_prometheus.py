"""PrometheusExporter: which series a scrape shows, and when."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from measured import PARTITION, report_engine
from prometheus_client import REGISTRY, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from stream_rnn.connectors.events import BadValue
from stream_rnn.connectors.stop import Stop
from stream_rnn.errors import MissingExtraError
from stream_rnn.jobs.live.job import LiveJob
from stream_rnn.jobs.live.metrics import EngineTotals, JobMetrics
from stream_rnn.jobs.live.prometheus import BY_PARTITION, COUNTERS, FAILURES, GAUGES, HISTOGRAMS, PREFIX
from stream_rnn.settings.live import LiveSettings

if TYPE_CHECKING:
    from measured import Clock
    from prometheus_client import Metric

    from stream_rnn.jobs.live.prometheus import PrometheusExporter

NO_LABELS: dict[str, str] = {}
OF_PARTITION = {"partition": PARTITION}


def families(exporter: PrometheusExporter) -> list[Metric]:
    return list(text_string_to_metric_families(generate_latest(exporter.registry).decode()))


def value(exporter: PrometheusExporter, name: str, labels: dict[str, str]) -> float | None:
    """Return the value of a series; None if there is no such series."""
    found = [
        sample.value
        for family in families(exporter)
        for sample in family.samples
        if sample.name == PREFIX + name and sample.labels == labels
    ]
    assert len(found) < 2
    return found[0] if found else None


# --- every metric --------------------------------------------------------------------------------------------------

EXPECTED: dict[str, tuple[float, dict[str, str]]] = {
    "events": (200, OF_PARTITION),
    "forecasts": (180, OF_PARTITION),
    "replayed_events": (20, OF_PARTITION),
    "dead_letters": (5, OF_PARTITION | {"reason": "not JSON"}),
    "bad_values": (2, OF_PARTITION | {"column": "x"}),
    "duplicates": (4, OF_PARTITION),
    "tombstones": (6, OF_PARTITION),
    "lost_records": (7, OF_PARTITION),
    "skipped_updates": (1, OF_PARTITION),
    "missing_inputs": (2, OF_PARTITION),
    "resets": (3, OF_PARTITION),
    "evictions": (4, OF_PARTITION),
    "drifts": (5, OF_PARTITION),
    "alarms": (6, OF_PARTITION),
    "anomaly_alarms": (7, OF_PARTITION),
    "abnormal_events": (8, OF_PARTITION),
    "stuck_events": (9, OF_PARTITION),
    "missing_events": (10, OF_PARTITION),
    "failing_streams": (9, OF_PARTITION),
    "checkpoints": (1, OF_PARTITION),
    "failures": (1, {"kind": "broker"}),
    "rebalances": (1, NO_LABELS),
    "up": (1, NO_LABELS),
    "partitions": (1, NO_LABELS),
    "turn_age_seconds": (8, NO_LABELS),
    "streams": (500, OF_PARTITION),
    "held_events": (6, OF_PARTITION),
    "lag_records": (40, OF_PARTITION),
    "mean_absolute_error": (0.25, OF_PARTITION),
    "persistence_mean_absolute_error": (0.5, OF_PARTITION),
    "checkpoint_age_seconds": (5, OF_PARTITION),
    "checkpoint_pause_seconds": (0.1, OF_PARTITION),
    "checkpoint_duration_seconds": (2, OF_PARTITION),
    "checkpoint_size_bytes": (4096, OF_PARTITION),
}
"""Value and labels of one series of each metric after `report_everything`."""


def report_everything(metrics: JobMetrics, clock: Clock) -> None:
    metrics.rebalanced()
    metrics.broker(answers=True)
    metrics.assigned(PARTITION)
    for totals in (EngineTotals(*[10] * 10), EngineTotals(*range(11, 21))):
        metrics.engine(PARTITION, 500, 9, totals)
    for _ in range(2):
        metrics.processed(PARTITION, events=100, forecasts=90, replayed=10)
    for records in (2, 3):
        metrics.refused(PARTITION, {"not JSON": records, 'column "x": text': 1})
        metrics.ordered(PARTITION, duplicates=2, held=3 * (records - 1))
        metrics.tombstones(PARTITION, 3)
    metrics.bad_values(PARTITION, [BadValue(PARTITION, 7, column, "off") for column in "xxy"])
    metrics.lost(PARTITION, 7)
    metrics.lag(PARTITION, 40)
    metrics.errors(PARTITION, 0.25, 0.5)
    metrics.failed("broker")
    metrics.turn_completed()
    clock.now += 3
    metrics.checkpointed(PARTITION, pause=0.1, seconds=2.0, size=4096)
    clock.now += 5


@pytest.mark.parametrize("name", [*COUNTERS, *GAUGES])
def test_every_counter_and_gauge_shows_what_was_reported(
    name: str, metrics: JobMetrics, exporter: PrometheusExporter, clock: Clock
) -> None:
    report_everything(metrics, clock)
    expected, labels = EXPECTED[name]
    assert value(exporter, f"{name}_total" if name in COUNTERS else name, labels) == expected


@pytest.mark.parametrize("name", HISTOGRAMS)
def test_every_histogram_has_count_sum_and_buckets(
    name: str, metrics: JobMetrics, exporter: PrometheusExporter
) -> None:
    for seconds in (0.0005, 0.01, 0.02, 60.0):
        metrics.committed(seconds)
    assert value(exporter, f"{name}_count", NO_LABELS) == 4
    assert value(exporter, f"{name}_sum", NO_LABELS) == 60.0305
    bounds = ("0.001", "0.01", "0.025", "10.0", "+Inf")
    assert [value(exporter, f"{name}_bucket", {"le": bound}) for bound in bounds] == [1, 2, 3, 3, 4]


def test_every_name_follows_the_conventions_and_has_a_help_text(exporter: PrometheusExporter) -> None:
    names = [family.name for family in families(exporter)]
    assert len(names) == len(set(names))
    assert not [name for name in names if name.endswith("_created")]
    for family in families(exporter):
        assert family.documentation.endswith(".")
        assert family.name.startswith((PREFIX, "process_"))


# --- when a series exists ------------------------------------------------------------------------------------------


def test_counters_are_zero_before_anything_is_counted(metrics: JobMetrics, exporter: PrometheusExporter) -> None:
    metrics.assigned(PARTITION)
    for name, metric in COUNTERS.items():
        if metric.labels == BY_PARTITION:
            assert value(exporter, f"{name}_total", OF_PARTITION) == 0, name
    assert value(exporter, "rebalances_total", NO_LABELS) == 0
    for kind in FAILURES:
        assert value(exporter, "failures_total", {"kind": kind}) == 0


def test_a_released_partition_keeps_its_counters_and_loses_its_gauges(
    metrics: JobMetrics, exporter: PrometheusExporter
) -> None:
    metrics.assigned(PARTITION)
    metrics.processed(PARTITION, events=5, forecasts=5, replayed=0)
    metrics.lag(PARTITION, 8)
    metrics.released(PARTITION)
    metrics.lag(PARTITION, 9)
    metrics.checkpointed(PARTITION, pause=0.1, seconds=1.0, size=10)
    report_engine(metrics, skipped=3)
    assert value(exporter, "events_total", OF_PARTITION) == 5
    assert value(exporter, "checkpoints_total", OF_PARTITION) == 1
    shown = {family.name for family in families(exporter) if family.type == "gauge" and family.samples}
    assert shown & {PREFIX + name for name, metric in GAUGES.items() if metric.labels} == set()
    assert value(exporter, "partitions", NO_LABELS) == 0


def test_a_partition_that_is_assigned_again_starts_without_gauges(
    metrics: JobMetrics, exporter: PrometheusExporter
) -> None:
    metrics.assigned(PARTITION)
    metrics.lag(PARTITION, 8)
    metrics.assigned(PARTITION)
    assert value(exporter, "lag_records", OF_PARTITION) is None
    assert value(exporter, "checkpoint_age_seconds", OF_PARTITION) == 0


def test_up_does_not_exist_before_the_broker_was_tried(metrics: JobMetrics, exporter: PrometheusExporter) -> None:
    assert value(exporter, "up", NO_LABELS) is None
    metrics.broker(answers=False)
    assert value(exporter, "up", NO_LABELS) == 0
    metrics.broker(answers=True)
    assert value(exporter, "up", NO_LABELS) == 1


def test_checkpoint_age_starts_at_the_assignment(
    metrics: JobMetrics, exporter: PrometheusExporter, clock: Clock
) -> None:
    metrics.assigned(PARTITION)
    clock.now += 30
    assert value(exporter, "checkpoint_age_seconds", OF_PARTITION) == 30


# --- totals of an engine -------------------------------------------------------------------------------------------


def test_what_an_engine_did_before_this_process_is_not_counted(
    metrics: JobMetrics, exporter: PrometheusExporter
) -> None:
    metrics.assigned(PARTITION)
    report_engine(metrics, skipped=1000, resets=50)
    report_engine(metrics, skipped=1002, resets=51)
    assert value(exporter, "skipped_updates_total", OF_PARTITION) == 2
    assert value(exporter, "resets_total", OF_PARTITION) == 1
    assert value(exporter, "drifts_total", OF_PARTITION) == 1
    assert value(exporter, "alarms_total", OF_PARTITION) == 1


def test_a_counter_does_not_decrease_when_an_engine_is_restored(
    metrics: JobMetrics, exporter: PrometheusExporter
) -> None:
    metrics.assigned(PARTITION)
    for skipped in (0, 10, 4, 5):
        report_engine(metrics, skipped)
    assert value(exporter, "skipped_updates_total", OF_PARTITION) == 11


def test_what_another_process_did_with_a_partition_is_not_counted(
    metrics: JobMetrics, exporter: PrometheusExporter
) -> None:
    metrics.assigned(PARTITION)
    report_engine(metrics, skipped=0)
    metrics.released(PARTITION)
    metrics.assigned(PARTITION)
    report_engine(metrics, skipped=500)
    assert value(exporter, "skipped_updates_total", OF_PARTITION) == 0


# --- registries ----------------------------------------------------------------------------------------------------


def test_the_process_is_measured(exporter: PrometheusExporter) -> None:
    assert "process_resident_memory_bytes" in {family.name for family in families(exporter)}


@pytest.mark.usefixtures("exporter")
def test_nothing_goes_to_the_global_registry() -> None:
    assert not [family for family in REGISTRY.collect() if family.name.startswith(PREFIX)]


def test_a_missing_prometheus_client_is_reported_before_the_job_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    settings = LiveSettings(topics=("sensors",), servers=("127.0.0.1:1",), metrics_port=0)
    with pytest.raises(MissingExtraError) as error:
        LiveJob(settings, {"inputs": ("x",)}, Stop())
    assert str(error.value) == "prometheus_client is not installed: pip install 'stream-rnn[metrics]'"
