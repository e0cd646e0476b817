"""MetricsServer: its answers, slow clients, and its end."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from typing import TYPE_CHECKING

import msgspec
import pytest
from measured import PARTITION
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from stream_rnn.errors import SettingError
from stream_rnn.jobs.live.metrics_server import MAX_CLIENTS, MetricsServer

if TYPE_CHECKING:
    from collections.abc import Callable

    from stream_rnn.jobs.live.metrics import JobMetrics
    from stream_rnn.jobs.live.prometheus import PrometheusExporter


def get(server: MetricsServer, path: str, accept: str = "") -> tuple[int, str, str]:
    """Return the status, the content type and the text of an answer."""
    with closing(HTTPConnection("127.0.0.1", server.port, timeout=120)) as connection:
        connection.request("GET", path, headers={"Accept": accept} if accept else {})
        answer = connection.getresponse()
        return answer.status, answer.headers["Content-Type"], answer.read().decode()


def wait_until(condition: Callable[[], bool]) -> None:
    while not condition():  # pytest ends a test that waits too long
        time.sleep(0.005)


# --- answers -------------------------------------------------------------------------------------------------------


def test_metrics_are_served_as_text(metrics: JobMetrics, server: MetricsServer) -> None:
    metrics.assigned(PARTITION)
    metrics.processed(PARTITION, events=7, forecasts=7, replayed=0)
    status, content_type, text = get(server, "/metrics")
    assert (status, content_type.split(";")[0]) == (200, "text/plain")
    found = {family.name: family for family in text_string_to_metric_families(text)}
    assert found["stream_rnn_events"].type == "counter"
    assert found["stream_rnn_events"].samples[0][:3] == ("stream_rnn_events_total", {"partition": PARTITION}, 7.0)


def test_metrics_are_served_as_openmetrics_on_request(metrics: JobMetrics, server: MetricsServer) -> None:
    metrics.committed(0.02)
    status, content_type, text = get(server, "/metrics?x=1", accept="application/openmetrics-text; version=1.0.0")
    assert (status, content_type.split(";")[0]) == (200, "application/openmetrics-text")
    found = {family.name for family in openmetrics.text_string_to_metric_families(text)}  # type: ignore[no-untyped-call]
    assert "stream_rnn_commit_duration_seconds" in found


def test_the_status_of_health_says_whether_the_job_works(metrics: JobMetrics, server: MetricsServer) -> None:
    status, content_type, text = get(server, "/health")
    assert (status, content_type) == (503, "application/json")
    assert msgspec.json.decode(text)["reason"] == "starting: no turn is completed"
    metrics.turn_completed()
    status, _, text = get(server, "/health")
    assert status == 200
    assert msgspec.json.decode(text) == metrics.health()._asdict()


def test_another_path_is_not_found(server: MetricsServer) -> None:
    status, _, text = get(server, "/")
    assert (status, text) == (404, "not found: try /metrics or /health\n")


def test_a_scrape_shows_one_moment_while_the_job_works(metrics: JobMetrics, server: MetricsServer) -> None:
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            metrics.assigned(PARTITION)
            metrics.processed(PARTITION, events=1, forecasts=1, replayed=1)
            metrics.released(PARTITION)

    job = threading.Thread(target=work)
    metrics.assigned(PARTITION)
    job.start()
    try:
        for _ in range(5):
            samples = {
                sample.name: sample.value
                for family in text_string_to_metric_families(get(server, "/metrics")[2])
                for sample in family.samples
            }
            names = ("events", "forecasts", "replayed_events")
            assert len({samples[f"stream_rnn_{name}_total"] for name in names}) == 1
    finally:
        stop.set()
        job.join()


# --- clients -------------------------------------------------------------------------------------------------------


def test_requests_are_not_logged(server: MetricsServer, capfd: pytest.CaptureFixture[str]) -> None:
    get(server, "/metrics")
    get(server, "/nothing")
    assert capfd.readouterr() == ("", "")


def test_a_slow_client_does_not_block_others(server: MetricsServer) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as slow:
        slow.sendall(b"GET /met")
        assert get(server, "/metrics")[0] == 200


def test_a_client_that_disconnects_is_not_logged(server: MetricsServer, capfd: pytest.CaptureFixture[str]) -> None:
    for request in (b"", b"GET /met", b"GET /metrics HTTP/1.0\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.sendall(request)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # reset on close
    assert get(server, "/metrics")[0] == 200
    assert capfd.readouterr().err == ""


def test_a_client_that_sends_byte_by_byte_is_disconnected_when_its_time_is_up(
    metrics: JobMetrics, exporter: PrometheusExporter
) -> None:
    with (
        MetricsServer(metrics, exporter, 0, client_seconds=0.3) as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=10) as slow,
    ):
        slow.sendall(b"GET /metrics HTTP/1.0\r\n")

        def is_disconnected() -> bool:
            try:
                slow.sendall(b"X")
            except OSError:
                return True
            return False

        wait_until(is_disconnected)
        assert get(server, "/metrics")[0] == 200


def test_a_client_that_does_not_read_its_answer_is_disconnected(
    metrics: JobMetrics, exporter: PrometheusExporter
) -> None:
    for number in range(3000):
        metrics.assigned(f"sensors-{number}")  # an answer that fits in no buffer
    before = threading.active_count()
    with MetricsServer(metrics, exporter, 0, client_seconds=5.0) as server, socket.socket() as idle:
        idle.settimeout(30)
        idle.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        idle.connect(("127.0.0.1", server.port))
        idle.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
        assert idle.recv(1) == b"H"  # the answer is under way
        wait_until(lambda: threading.active_count() == before + 1)
        answer = idle.makefile("rb").read()
        length = int(answer.partition(b"Content-Length: ")[2].split()[0])
        assert len(answer) < length


def test_too_many_clients_are_disconnected_and_the_others_are_served(server: MetricsServer) -> None:
    before = threading.active_count()
    with ExitStack() as stack:

        def connect() -> socket.socket:
            return stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=10))

        first = [connect() for _ in range(MAX_CLIENTS)]
        wait_until(lambda: threading.active_count() == before + MAX_CLIENTS)
        for _ in range(MAX_CLIENTS):
            assert connect().recv(1) == b""
        assert threading.active_count() == before + MAX_CLIENTS
        first[0].sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
        assert first[0].recv(15) == b"HTTP/1.0 200 OK"
    wait_until(lambda: threading.active_count() == before)
    assert get(server, "/metrics")[0] == 200


# --- the end -------------------------------------------------------------------------------------------------------


def test_closing_frees_the_port_and_ends_all_threads_even_with_slow_clients(
    metrics: JobMetrics, exporter: PrometheusExporter
) -> None:
    before = set(threading.enumerate())
    with (
        MetricsServer(metrics, exporter, 0) as server,
        socket.create_connection(("127.0.0.1", server.port)) as slow,
    ):
        slow.sendall(b"GET /met")
        wait_until(lambda: len(threading.enumerate()) == len(before) + 2)
        server.close()
        wait_until(lambda: set(threading.enumerate()) == before)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", server.port))
        with MetricsServer(metrics, exporter, server.port) as again:
            assert get(again, "/metrics")[0] == 200


def test_a_process_ends_while_a_client_is_still_connected() -> None:
    code = (
        "import socket\n"
        "from stream_rnn.jobs.live.metrics import JobMetrics\n"
        "from stream_rnn.jobs.live.metrics_server import MetricsServer\n"
        "from stream_rnn.jobs.live.prometheus import PrometheusExporter\n"
        "exporter = PrometheusExporter()\n"
        "with MetricsServer(JobMetrics(exporter), exporter, 0) as server:\n"
        "    slow = socket.create_connection(('127.0.0.1', server.port))\n"
        "    slow.sendall(b'GET')\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=240, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


# --- wrong settings ------------------------------------------------------------------------------------------------


def test_a_port_in_use_is_refused_in_one_line(
    metrics: JobMetrics, exporter: PrometheusExporter, server: MetricsServer
) -> None:
    with pytest.raises(SettingError) as error:
        MetricsServer(metrics, exporter, server.port)
    assert str(error.value) == f"metrics_port {server.port} cannot be used: address already in use"


def test_a_port_out_of_range_is_refused(metrics: JobMetrics, exporter: PrometheusExporter) -> None:
    with pytest.raises(SettingError, match="metrics_port must be from 0 to 65535, got 65536"):
        MetricsServer(metrics, exporter, 65536)


def test_an_unknown_address_is_refused(metrics: JobMetrics, exporter: PrometheusExporter) -> None:
    with pytest.raises(SettingError, match=r"metrics_address 'nowhere\.invalid' cannot be used: "):
        MetricsServer(metrics, exporter, 0, "nowhere.invalid")


def test_an_address_of_another_machine_is_refused(metrics: JobMetrics, exporter: PrometheusExporter) -> None:
    with pytest.raises(SettingError, match=r"metrics_address '192\.0\.2\.1' cannot be used: "):
        MetricsServer(metrics, exporter, 0, "192.0.2.1")
