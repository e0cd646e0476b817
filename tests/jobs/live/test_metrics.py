"""What a live job counts, as a scrape, a line and a health check show it."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from contextlib import closing
from http.client import HTTPConnection
from typing import TYPE_CHECKING

import msgspec
import pytest
from prometheus_client import REGISTRY, generate_latest
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from stream_rnn.errors import SettingError
from stream_rnn.jobs.live.metrics import COUNTERS, GAUGES, PREFIX, Monitor
from stream_rnn.jobs.live.metrics_server import MonitorServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client import Metric

LANE = "sensors-3"
LANED = tuple(name for name, family in (COUNTERS | GAUGES).items() if "partition" in family.labels)


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def monitor(clock: Clock) -> Monitor:
    return Monitor(clock=clock)


@pytest.fixture
def server(monitor: Monitor) -> Iterator[MonitorServer]:
    with MonitorServer(monitor, 0) as server:
        yield server


def get(server: MonitorServer, path: str, accept: str = "") -> tuple[int, str, str]:
    """Return the status, the content type and the text."""
    with closing(HTTPConnection("127.0.0.1", server.port, timeout=10)) as connection:
        connection.request("GET", path, headers={"Accept": accept} if accept else {})
        answer = connection.getresponse()
        return answer.status, answer.headers["Content-Type"], answer.read().decode()


def families(monitor: Monitor) -> list[Metric]:
    return list(text_string_to_metric_families(generate_latest(monitor.registry).decode()))


def value(monitor: Monitor, name: str, **labels: str) -> float | None:
    """Return what a scrape says of a series; None when it is not there."""
    names = {"partition": LANE} | labels if name.startswith(LANED) else labels
    found = [
        sample.value
        for family in families(monitor)
        for sample in family.samples
        if sample.name == PREFIX + name and sample.labels == names
    ]
    assert len(found) < 2
    return found[0] if found else None


def engine(monitor: Monitor, skipped: int, resets: int = 0) -> None:
    monitor.engine(LANE, streams=500, skipped=skipped, missing_inputs=0, resets=resets, evictions=0, drifts=resets)


def test_what_was_taken_is_counted(monitor: Monitor) -> None:
    monitor.assigned(LANE)
    for _ in range(2):
        monitor.taken(LANE, events=100, forecasts=90, replayed=10)
    assert value(monitor, "events_total") == 200
    assert value(monitor, "forecasts_total") == 180
    assert value(monitor, "replayed_events_total") == 20


def test_dead_letters_are_counted_by_reason(monitor: Monitor) -> None:
    monitor.refused(LANE, {"not JSON": 2, 'column "x": text': 1})
    monitor.refused(LANE, {"not JSON": 3})
    assert value(monitor, "dead_letters_total", reason="not JSON") == 5
    assert value(monitor, "dead_letters_total", reason='column "x": text') == 1


def test_a_counter_is_there_as_zero_before_anything_is_counted(monitor: Monitor) -> None:
    monitor.assigned(LANE)
    assert value(monitor, "lost_records_total") == 0
    assert value(monitor, "rebalances_total") == 0
    assert value(monitor, "failures_total", kind="transaction") == 0


def test_duplicates_are_counted_and_what_is_held_is_shown_as_it_is_now(monitor: Monitor) -> None:
    monitor.assigned(LANE)
    for held in (7, 3):
        monitor.ordered(LANE, duplicates=2, held=held)
    assert value(monitor, "duplicates_total") == 4
    assert value(monitor, "held_events") == 3


def test_failures_rebalances_and_lost_records_are_counted(monitor: Monitor) -> None:
    monitor.failed("broker")
    monitor.rebalanced()
    monitor.lost(LANE, 7)
    assert value(monitor, "failures_total", kind="broker") == 1
    assert value(monitor, "rebalances_total") == 1
    assert value(monitor, "lost_records_total") == 7


def test_what_an_engine_did_before_this_process_is_not_counted(monitor: Monitor) -> None:
    monitor.assigned(LANE)
    engine(monitor, skipped=1000, resets=50)
    engine(monitor, skipped=1002, resets=51)
    assert value(monitor, "skipped_updates_total") == 2
    assert value(monitor, "resets_total") == 1
    assert value(monitor, "drifts_total") == 1


def test_a_counter_does_not_fall_when_an_engine_is_restored(monitor: Monitor) -> None:
    monitor.assigned(LANE)
    for skipped in (0, 10, 4, 5):
        engine(monitor, skipped)
    assert value(monitor, "skipped_updates_total") == 11


def test_what_another_process_did_with_a_partition_is_not_counted(monitor: Monitor) -> None:
    monitor.assigned(LANE)
    engine(monitor, skipped=0)
    monitor.released(LANE)
    monitor.assigned(LANE)
    engine(monitor, skipped=500)
    assert value(monitor, "skipped_updates_total") == 0


def test_a_released_partition_leaves_its_counters_and_no_gauge(monitor: Monitor) -> None:
    monitor.assigned(LANE)
    monitor.taken(LANE, events=5, forecasts=5, replayed=0)
    monitor.lag(LANE, 8)
    monitor.released(LANE)
    monitor.lag(LANE, 9)
    monitor.checkpointed(LANE, pause=0.1, seconds=1.0, size=10)
    engine(monitor, skipped=3)
    assert value(monitor, "events_total") == 5
    assert value(monitor, "checkpoints_total") == 1
    shown = {family.name for family in families(monitor) if family.type == "gauge" and family.samples}
    assert shown & {PREFIX + name for name in LANED} == set()
    assert value(monitor, "partitions") == 0


def test_errors_and_lag_are_gauges_of_a_partition(monitor: Monitor) -> None:
    monitor.assigned(LANE)
    monitor.errors(LANE, 0.25, 0.5)
    monitor.lag(LANE, 40)
    assert value(monitor, "mean_absolute_error") == 0.25
    assert value(monitor, "persistence_mean_absolute_error") == 0.5
    assert value(monitor, "lag_records") == 40


def test_checkpoint_age_grows_with_the_clock_since_the_assignment_then_since_the_last_one(
    monitor: Monitor, clock: Clock
) -> None:
    monitor.assigned(LANE)
    clock.now += 30
    assert value(monitor, "checkpoint_age_seconds") == 30
    monitor.checkpointed(LANE, pause=0.1, seconds=2.0, size=4096)
    clock.now += 5
    assert value(monitor, "checkpoint_age_seconds") == 5
    assert value(monitor, "checkpoint_pause_seconds") == 0.1
    assert value(monitor, "checkpoint_duration_seconds") == 2
    assert value(monitor, "checkpoint_size_bytes") == 4096


def test_commits_are_a_histogram(monitor: Monitor) -> None:
    for seconds in (0.0005, 0.01, 0.02, 60.0):
        monitor.committed(seconds)
    name = "commit_duration_seconds"
    assert value(monitor, f"{name}_count") == 4
    assert value(monitor, f"{name}_sum") == 60.0305
    below = {le: value(monitor, f"{name}_bucket", le=le) for le in ("0.001", "0.01", "0.025", "10.0", "+Inf")}
    assert below == {"0.001": 1, "0.01": 2, "0.025": 3, "10.0": 3, "+Inf": 4}


def test_up_is_not_there_before_the_broker_was_tried(monitor: Monitor) -> None:
    assert value(monitor, "up") is None
    monitor.broker(answers=False)
    assert value(monitor, "up") == 0
    monitor.broker(answers=True)
    assert value(monitor, "up") == 1


def test_every_name_follows_the_conventions_and_has_a_help(monitor: Monitor) -> None:
    names = [family.name for family in families(monitor)]
    assert len(names) == len(set(names))
    assert not [name for name in names if name.endswith("_created")]
    for family in families(monitor):
        assert family.documentation.endswith(".")
        assert family.name.startswith((PREFIX, "process_"))


def test_the_process_itself_is_measured(monitor: Monitor) -> None:
    assert "process_resident_memory_bytes" in {family.name for family in families(monitor)}


def test_nothing_goes_to_the_global_registry(monitor: Monitor) -> None:
    monitor.rebalanced()
    assert not [family for family in REGISTRY.collect() if family.name.startswith(PREFIX)]


def test_a_line_is_about_the_time_since_the_last_one(monitor: Monitor, clock: Clock) -> None:
    monitor.assigned(LANE)
    engine(monitor, skipped=0)
    monitor.taken(LANE, events=20_000, forecasts=15_000, replayed=0)
    monitor.lag(LANE, 1234)
    clock.now += 10
    told = "lag 1,234, streams 500, partitions 1, oldest checkpoint"
    assert monitor.line() == f"events 20,000 (2,000/s), forecasts 1,500/s, {told} 10 s"
    clock.now += 10
    assert monitor.line() == f"events 0 (0/s), forecasts 0/s, {told} 20 s"


def test_a_line_names_what_should_not_happen_where_it_did(monitor: Monitor, clock: Clock) -> None:
    monitor.assigned(LANE)
    engine(monitor, skipped=0)
    engine(monitor, skipped=2)
    monitor.taken(LANE, events=3, forecasts=0, replayed=1500)
    monitor.refused(LANE, {"not JSON": 3})
    monitor.lost(LANE, 9)
    monitor.failed("transaction")
    monitor.failed("disk")
    monitor.broker(answers=False)
    clock.now += 2
    line = monitor.line()
    assert line.startswith("the broker does not answer, events 3 (1.5/s), ")
    assert "replayed 1,500, refused 3, lost 9, skipped updates 2, failed transaction 1, failed disk 1, " in line


def test_a_line_shows_the_error_over_all_partitions_by_their_events(monitor: Monitor) -> None:
    for partition, events, model in (("a-0", 300, 0.5), ("a-1", 100, 1.5)):
        monitor.assigned(partition)
        monitor.taken(partition, events=events, forecasts=events, replayed=0)
        monitor.errors(partition, model, 1.0)
    monitor.assigned("a-2")
    monitor.errors("a-2", float("nan"), float("nan"))
    assert "error 75.0% of persistence" in monitor.line()


def test_fields_are_the_numbers_of_the_last_line(monitor: Monitor, clock: Clock) -> None:
    assert monitor.fields() == {}
    monitor.taken(LANE, events=100, forecasts=50, replayed=0)
    monitor.failed("broker")
    clock.now += 10
    monitor.line()
    monitor.taken(LANE, events=1, forecasts=1, replayed=0)
    assert monitor.fields() == {
        "seconds": 10.0,
        "events": 100,
        "events_per_second": 10.0,
        "forecasts_per_second": 5.0,
        "lag": 0,
        "streams": 0,
        "partitions": 0,
        "replayed": 0,
        "refused": 0,
        "duplicates": 0,
        "lost": 0,
        "skipped_updates": 0,
        "drifts": 0,
        "failed_broker": 1,
    }


def test_a_loop_that_never_came_round_is_not_well(monitor: Monitor) -> None:
    assert not monitor.health().ok
    assert monitor.health().reason == "the loop has not come round yet"
    monitor.turned()
    assert monitor.health().ok


def test_a_loop_that_stands_still_is_not_well(clock: Clock) -> None:
    monitor = Monitor(clock=clock, stalled_after=5)
    monitor.turned()
    clock.now += 4
    assert monitor.health().ok
    clock.now += 1
    assert monitor.health().reason == "the loop has not come round for 5 s"
    monitor.turned()
    assert monitor.health().ok


def test_a_broker_that_does_not_answer_is_not_well_until_it_does(monitor: Monitor) -> None:
    monitor.turned()
    monitor.broker(answers=False)
    assert monitor.health().reason == "the broker does not answer"
    monitor.broker(answers=True)
    assert monitor.health().ok


def test_health_tells_the_lag_of_all_and_the_oldest_checkpoint(monitor: Monitor, clock: Clock) -> None:
    for partition, lag in (("a-0", 5), ("a-1", 7)):
        monitor.assigned(partition)
        monitor.lag(partition, lag)
        clock.now += 3
    health = monitor.health()
    assert (health.partitions, health.lag, health.checkpoint_age) == (2, 12, 6.0)


def test_metrics_are_served_as_a_scrape_reads_them(monitor: Monitor, server: MonitorServer) -> None:
    monitor.assigned(LANE)
    monitor.taken(LANE, events=7, forecasts=7, replayed=0)
    status, kind, text = get(server, "/metrics")
    assert (status, kind.split(";")[0]) == (200, "text/plain")
    found = {family.name: family for family in text_string_to_metric_families(text)}
    assert found["stream_rnn_events"].type == "counter"
    assert found["stream_rnn_events"].samples[0][:3] == ("stream_rnn_events_total", {"partition": LANE}, 7.0)


def test_metrics_are_served_as_openmetrics_where_asked_for(monitor: Monitor, server: MonitorServer) -> None:
    monitor.committed(0.02)
    status, kind, text = get(server, "/metrics?x=1", accept="application/openmetrics-text; version=1.0.0")
    assert (status, kind.split(";")[0]) == (200, "application/openmetrics-text")
    found = {family.name for family in openmetrics.text_string_to_metric_families(text)}  # type: ignore[no-untyped-call]
    assert "stream_rnn_commit_duration_seconds" in found


def test_health_is_served_with_a_status_that_tells(monitor: Monitor, server: MonitorServer) -> None:
    status, kind, text = get(server, "/health")
    assert (status, kind) == (503, "application/json")
    assert msgspec.json.decode(text)["reason"] == "the loop has not come round yet"
    monitor.turned()
    status, _, text = get(server, "/health")
    assert status == 200
    assert msgspec.json.decode(text) == monitor.health()._asdict()


def test_another_path_is_not_found(server: MonitorServer) -> None:
    assert get(server, "/")[0] == 404
    assert get(server, "/")[2] == "not found: there are /metrics and /health\n"


def test_access_is_not_logged(server: MonitorServer, capfd: pytest.CaptureFixture[str]) -> None:
    get(server, "/metrics")
    get(server, "/nothing")
    assert capfd.readouterr() == ("", "")


def test_a_slow_client_blocks_nobody(server: MonitorServer) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as slow:
        slow.sendall(b"GET /met")
        assert get(server, "/metrics")[0] == 200


def test_a_client_that_goes_away_is_not_spoken_of(server: MonitorServer, capfd: pytest.CaptureFixture[str]) -> None:
    for asked in (b"", b"GET /met", b"GET /metrics HTTP/1.0\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", server.port)) as gone:
            gone.sendall(asked)
            gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # reset on close
    assert get(server, "/metrics")[0] == 200
    assert capfd.readouterr().err == ""


def test_closing_frees_the_port_and_ends_the_threads_even_of_slow_clients(monitor: Monitor) -> None:
    before = set(threading.enumerate())
    with MonitorServer(monitor, 0) as server, socket.create_connection(("127.0.0.1", server.port)) as slow:
        slow.sendall(b"GET /met")
        until(lambda: len(threading.enumerate()) == len(before) + 2)
        server.close()
        until(lambda: set(threading.enumerate()) == before)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", server.port))
        with MonitorServer(monitor, server.port) as again:
            assert get(again, "/metrics")[0] == 200


def until(done: object, seconds: float = 5.0) -> None:
    """Wait for what other threads do."""
    assert callable(done)
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_a_port_in_use_is_refused_in_one_line(monitor: Monitor, server: MonitorServer) -> None:
    with pytest.raises(SettingError) as refused:
        MonitorServer(monitor, server.port)
    assert str(refused.value) == f"metrics_port {server.port} cannot be used: address already in use"


def test_a_port_that_is_none_is_refused(monitor: Monitor) -> None:
    with pytest.raises(SettingError, match="metrics_port must be from 0 to 65535, got 65536"):
        MonitorServer(monitor, 65536)


def test_an_address_that_is_not_known_is_refused(monitor: Monitor) -> None:
    with pytest.raises(SettingError, match=r"metrics_address 'nowhere\.invalid' cannot be used: "):
        MonitorServer(monitor, 0, "nowhere.invalid")


def test_an_address_that_another_machine_has_is_refused(monitor: Monitor) -> None:
    with pytest.raises(SettingError, match=r"metrics_address '192\.0\.2\.1' cannot be used: "):
        MonitorServer(monitor, 0, "192.0.2.1")


def test_a_scrape_shows_one_moment_while_the_job_goes_on(monitor: Monitor, server: MonitorServer) -> None:
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            monitor.assigned(LANE)
            monitor.taken(LANE, events=1, forecasts=1, replayed=1)
            monitor.released(LANE)

    job = threading.Thread(target=work)
    job.start()
    try:
        for _ in range(5):
            samples = {
                sample.name: sample.value
                for family in text_string_to_metric_families(get(server, "/metrics")[2])
                for sample in family.samples
            }
            assert samples["stream_rnn_events_total"] == samples["stream_rnn_forecasts_total"]
    finally:
        stop.set()
        job.join()


def test_a_process_ends_though_it_is_being_scraped() -> None:
    """A program that is asked by a client that never finishes ends when its work does."""
    code = (
        "import socket\n"
        "from stream_rnn.jobs.live.metrics import Monitor\n"
        "from stream_rnn.jobs.live.metrics_server import MonitorServer\n"
        "with MonitorServer(Monitor(), 0) as server:\n"
        "    slow = socket.create_connection(('127.0.0.1', server.port))\n"
        "    slow.sendall(b'GET')\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
