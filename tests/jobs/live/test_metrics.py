"""JobMetrics: the progress line and the health check, with and without Prometheus."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from measured import PARTITION, Clock, report_engine

from stream_rnn.connectors.events import BadValue
from stream_rnn.jobs.live.metrics import JobMetrics

if TYPE_CHECKING:
    from stream_rnn.jobs.live.prometheus import PrometheusExporter


@pytest.fixture(params=["with Prometheus", "without"])
def metrics(request: Any, exporter: PrometheusExporter, clock: Clock) -> JobMetrics:
    """Return metrics, which must be the same with and without an exporter."""
    return JobMetrics(exporter if request.param == "with Prometheus" else None, clock=clock)


# --- progress line -------------------------------------------------------------------------------------------------


def test_a_line_is_about_the_period_since_the_previous_one(metrics: JobMetrics, clock: Clock) -> None:
    metrics.assigned(PARTITION)
    report_engine(metrics, skipped=0)
    metrics.processed(PARTITION, events=20_000, forecasts=15_000, replayed=0)
    metrics.lag(PARTITION, 1234)
    clock.now += 10
    rest = "lag 1,234, streams 500, partitions 1, oldest checkpoint"
    assert metrics.line() == f"events 20,000 (2,000/s), forecasts 1,500/s, {rest} 10 s"
    clock.now += 10
    assert metrics.line() == f"events 0 (0/s), forecasts 0/s, {rest} 20 s"


def test_a_line_shows_unusual_counts_only_if_they_are_not_zero(metrics: JobMetrics, clock: Clock) -> None:
    metrics.assigned(PARTITION)
    report_engine(metrics, skipped=0)
    report_engine(metrics, skipped=2)
    metrics.processed(PARTITION, events=3, forecasts=0, replayed=1500)
    metrics.refused(PARTITION, {"not JSON": 3})
    metrics.bad_values(PARTITION, [BadValue(PARTITION, 7, column, "off") for column in "xxy"])
    metrics.lost(PARTITION, 9)
    metrics.failed("transaction")
    metrics.failed("disk")
    metrics.broker(answers=False)
    clock.now += 2
    line = metrics.line()
    assert line.startswith("the broker does not answer, events 3 (1.5/s), ")
    assert (
        "replayed 1,500, refused 3, bad values 3, lost 9, skipped updates 2, failed transaction 1, failed disk 1, "
        in line
    )


def test_a_line_shows_the_error_over_all_partitions_weighted_by_events(metrics: JobMetrics) -> None:
    for partition, events, model in (("a-0", 300, 0.5), ("a-1", 100, 1.5)):
        metrics.assigned(partition)
        metrics.processed(partition, events=events, forecasts=events, replayed=0)
        metrics.errors(partition, model, 1.0)
    metrics.assigned("a-2")
    metrics.errors("a-2", float("nan"), float("nan"))
    assert "error 75.0% of persistence" in metrics.line()


def test_fields_are_the_numbers_of_the_last_line(metrics: JobMetrics, clock: Clock) -> None:
    assert metrics.fields() == {}
    metrics.processed(PARTITION, events=100, forecasts=50, replayed=0)
    metrics.failed("broker")
    clock.now += 10
    metrics.line()
    metrics.processed(PARTITION, events=1, forecasts=1, replayed=0)
    assert metrics.fields() == {
        "seconds": 10.0,
        "events": 100,
        "events_per_second": 10.0,
        "forecasts_per_second": 5.0,
        "lag": 0,
        "streams": 0,
        "partitions": 0,
        "replayed": 0,
        "refused": 0,
        "bad_values": 0,
        "duplicates": 0,
        "lost": 0,
        "skipped_updates": 0,
        "drifts": 0,
        "alarms": 0,
        "failing_streams": 0,
        "anomaly_alarms": 0,
        "failed_broker": 1,
    }


# --- health --------------------------------------------------------------------------------------------------------


def test_a_job_is_healthy_after_its_first_turn(metrics: JobMetrics) -> None:
    assert not metrics.health().ok
    assert metrics.health().reason == "starting: no turn is completed"
    metrics.turn_completed()
    assert metrics.health().ok


def test_a_stalled_job_is_unhealthy_until_its_next_turn(clock: Clock) -> None:
    metrics = JobMetrics(clock=clock, stalled_after=5)
    metrics.turn_completed()
    clock.now += 4
    assert metrics.health().ok
    clock.now += 1
    assert metrics.health().reason == "the job has not completed a turn for 5 s"
    metrics.turn_completed()
    assert metrics.health().ok


def test_a_job_is_unhealthy_while_the_broker_does_not_answer(metrics: JobMetrics) -> None:
    metrics.turn_completed()
    metrics.broker(answers=False)
    assert metrics.health().reason == "the broker does not answer"
    metrics.broker(answers=True)
    assert metrics.health().ok


def test_health_has_the_total_lag_and_the_oldest_checkpoint(metrics: JobMetrics, clock: Clock) -> None:
    for partition, lag in (("a-0", 5), ("a-1", 7)):
        metrics.assigned(partition)
        metrics.lag(partition, lag)
    clock.now += 60
    metrics.checkpointed("a-1", pause=0.0, seconds=1.0, size=1)
    clock.now += 4
    metrics.turn_completed()
    health = metrics.health()
    assert (health.partitions, health.lag, health.checkpoint_age, health.seconds_since_turn) == (2, 12, 64, 0)


def test_a_job_that_refuses_most_records_is_unhealthy_until_they_are_a_minute_old(
    metrics: JobMetrics, clock: Clock
) -> None:
    metrics.turn_completed()
    metrics.processed(PARTITION, events=400, forecasts=400, replayed=0)
    metrics.refused(PARTITION, {"not JSON": 350, "time is missing": 50})
    assert metrics.health().ok  # half of them
    clock.now += 30
    metrics.refused(PARTITION, {"not JSON": 1000})
    assert metrics.health().reason == (
        "1,400 of the last minute's 1,800 records were refused: not JSON (1,350), time is missing (50)"
    )
    clock.now += 29
    metrics.turn_completed()
    assert not metrics.health().ok
    clock.now += 2
    assert metrics.health().reason == "1,000 of the last minute's 1,000 records were refused: not JSON (1,000)"
    clock.now += 30
    metrics.turn_completed()
    assert metrics.health().ok
    assert metrics.problems() == {}


def test_usable_records_make_a_job_healthy_again(metrics: JobMetrics) -> None:
    metrics.turn_completed()
    metrics.refused(PARTITION, {"not JSON": 3})
    assert not metrics.health().ok
    metrics.processed(PARTITION, events=3, forecasts=3, replayed=0)
    assert metrics.health().ok


def test_a_partition_that_a_transaction_holds_is_named_until_it_is_released(metrics: JobMetrics) -> None:
    metrics.turn_completed()
    metrics.assigned("a-0")
    metrics.held("a-0", 200)
    assert metrics.health().reason.startswith("an open transaction holds a-0 at offset 200: ")
    metrics.held("a-0", None)
    assert metrics.health().ok
    metrics.held("a-0", 200)
    metrics.released("a-0")
    assert metrics.health().ok


# --- without prometheus_client -------------------------------------------------------------------------------------


def test_a_job_without_served_metrics_does_not_import_prometheus_client() -> None:
    code = "import sys, stream_rnn.jobs.live.job; sys.exit('prometheus_client' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
