"""MetricsServer: metrics and health of a live job over HTTP."""

from __future__ import annotations

import errno
import logging
import socket
import sys
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import TYPE_CHECKING, Any

import msgspec

from stream_rnn.connectors.closeable import Closeable
from stream_rnn.errors import SettingError, require

if TYPE_CHECKING:
    from contextlib import ExitStack

    from stream_rnn.jobs.live.metrics import JobMetrics
    from stream_rnn.jobs.live.prometheus import PrometheusExporter
    from stream_rnn.settings.live_job import LiveJobSettings

CLIENT_SECONDS = 10.0
"""Seconds that a client may take, from its connection until it has received its answer."""
MAX_CLIENTS = 32
"""Clients that are served at a time; further ones are disconnected. Each has a thread."""
CLOSE_INTERVAL = 0.1
"""Seconds that closing may take."""
MAX_PORT = 65535

log = logging.getLogger("stream_rnn")


class MetricsServer(Closeable):
    """Serves ``/metrics`` and ``/health`` from its creation until `close`.

    ``/metrics`` is in the format that the client asks for. ``/health`` is JSON, with status 200 if the job works and
    503 if it does not.

    Parameters
    ----------
    metrics
        Knows the health of the job.
    exporter
        Shows its metrics.
    port
        Port to listen at; 0 for any free one.
    address
        Address to listen at; the default can be reached from this machine only.
    client_seconds
        Seconds after which a client is disconnected, however slowly it sends or reads.

    Attributes
    ----------
    port : int
        The port that the server listens at.

    Raises
    ------
    SettingError
        If the address or the port cannot be used.
    """

    def __init__(
        self,
        metrics: JobMetrics,
        exporter: PrometheusExporter,
        port: int,
        address: str = "127.0.0.1",
        *,
        client_seconds: float = CLIENT_SECONDS,
    ) -> None:
        if not 0 <= port <= MAX_PORT:
            raise SettingError(f"metrics_port must be from 0 to {MAX_PORT}, got {port}")
        try:
            self._server = _Server(metrics, exporter, port, address, client_seconds)
        except OSError as error:
            is_address = isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL
            setting = f"metrics_address {address!r}" if is_address else f"metrics_port {port}"
            message = error.strerror or str(error)
            raise SettingError(f"{setting} cannot be used: {message[:1].lower()}{message[1:]}") from None
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(CLOSE_INTERVAL,), name="metrics", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Free the port, and close the connections of clients."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def make_exporter() -> PrometheusExporter:
    """Return what shows metrics to Prometheus.

    Raises
    ------
    MissingExtraError
        If prometheus_client is not installed.
    """
    require("prometheus_client", "metrics")
    from stream_rnn.jobs.live.prometheus import PrometheusExporter  # noqa: PLC0415 - needs an optional package

    return PrometheusExporter()


def serve_metrics(
    stack: ExitStack, settings: LiveJobSettings, metrics: JobMetrics, exporter: PrometheusExporter | None
) -> None:
    """Serve the metrics of a job until the stack is closed, if its settings say so, and log where."""
    if exporter is None or settings.metrics_port is None:
        return
    server = MetricsServer(metrics, exporter, settings.metrics_port, settings.metrics_address)
    stack.enter_context(server)
    log.info("metrics and health at http://%s:%d", settings.metrics_address, server.port)


class _Server(ThreadingHTTPServer):
    """Answers each client in a daemon thread."""

    request_queue_size = MAX_CLIENTS

    def __init__(
        self, metrics: JobMetrics, exporter: PrometheusExporter, port: int, address: str, client_seconds: float
    ) -> None:
        self.metrics = metrics
        self.exporter = exporter
        self._client_seconds = client_seconds
        self._clients: dict[Any, float] = {}
        """connections, oldest first, and when each ends at the latest"""
        found = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        self.address_family = found[0][0]
        super().__init__((address, port), _RequestHandler)

    def server_bind(self) -> None:
        """Bind without a name lookup of this machine, which may take seconds."""
        TCPServer.server_bind(self)

    def verify_request(self, request: Any, client_address: Any) -> bool:  # noqa: ARG002 - the library's signature
        """Accept a client if there are not too many; a client that is not accepted is disconnected."""
        return len(self._clients) < MAX_CLIENTS

    def process_request(self, request: Any, client_address: Any) -> None:
        self._clients[request] = time.monotonic() + self._client_seconds
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._clients.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """Disconnect clients whose time is up. A socket's own timeout starts again with every byte."""
        now = time.monotonic()
        self._disconnect([client for client, end in list(self._clients.items()) if end <= now])

    def server_close(self) -> None:
        """Close connections of slow clients, too, so that their threads end."""
        super().server_close()
        self._disconnect(list(self._clients))

    def _disconnect(self, clients: list[Any]) -> None:
        """Disconnect clients; the thread of each then ends, and removes it."""
        for client in clients:
            with suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - the library's signature
        """Log errors, except of clients that went away."""
        error = sys.exception()
        if not isinstance(error, OSError):
            log.error("cannot answer a request for metrics: %r", error, exc_info=error)


class _RequestHandler(BaseHTTPRequestHandler):
    """Answers one request."""

    server: _Server

    def do_GET(self) -> None:
        match self.path.partition("?")[0]:
            case "/metrics":
                self._answer(200, *self.server.exporter.render(self.headers.get("Accept", "")))
            case "/health":
                health = self.server.metrics.health()
                self._answer(200 if health.ok else 503, "application/json", msgspec.json.encode(health._asdict()))
            case _:
                self._answer(404, "text/plain; charset=utf-8", b"not found: try /metrics or /health\n")

    def _answer(self, status: int, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Do not log requests."""
