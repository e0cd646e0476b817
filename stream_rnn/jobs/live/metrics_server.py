"""MonitorServer: a monitor over HTTP, for Prometheus and for whoever restarts what is not well."""

from __future__ import annotations

import errno
import logging
import socket
import sys
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import TYPE_CHECKING, Any, Self

import msgspec
from prometheus_client.exposition import choose_encoder

from stream_rnn.errors import SettingError

if TYPE_CHECKING:
    from stream_rnn.jobs.live.metrics import Monitor

PATIENCE = 10.0
"""Seconds that a client may take to ask, and for the answer."""
PROMPT = 0.1
"""Seconds that closing may take."""

log = logging.getLogger("stream_rnn")


class MonitorServer:
    """Serve ``/metrics`` and ``/health`` from construction until `close`; also a context manager.

    ``/metrics`` comes in the format that the client asks for. ``/health`` is JSON, with status 200 when the job is well
    and 503 when it is not.

    Parameters
    ----------
    monitor
        What is served.
    port
        0 for any that is free.
    address
        Of the interface to listen at; the default can be reached from this machine only.

    Attributes
    ----------
    port : int
        The one that is listened at.

    Raises
    ------
    SettingError
        When the address or the port cannot be used.
    """

    def __init__(self, monitor: Monitor, port: int, address: str = "127.0.0.1") -> None:
        if not 0 <= port <= 65535:
            raise SettingError(f"metrics_port must be from 0 to 65535, got {port}")
        try:
            self._server = _Server(monitor, port, address)
        except OSError as error:
            no_address = isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL
            named = f"metrics_address {address!r}" if no_address else f"metrics_port {port}"
            words = error.strerror or str(error)
            raise SettingError(f"{named} cannot be used: {words[:1].lower()}{words[1:]}") from None
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(PROMPT,), name="monitor", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Free the port, and end what is still being answered."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Server(ThreadingHTTPServer):
    """A daemon thread for each client."""

    def __init__(self, monitor: Monitor, port: int, address: str) -> None:
        self.monitor = monitor
        self._clients: set[Any] = set()
        found = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        self.address_family = found[0][0]
        super().__init__((address, port), _Answer)

    def server_bind(self) -> None:
        """Bind, without asking the name service for this machine's name, which may take seconds."""
        TCPServer.server_bind(self)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._clients.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._clients.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        """Hang up on slow clients too, so that their threads end."""
        super().server_close()
        for client in list(self._clients):
            with suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - the library's signature
        """Keep quiet about clients that went away."""
        error = sys.exception()
        if not isinstance(error, OSError):
            log.error("the monitor could not answer: %r", error, exc_info=error)


class _Answer(BaseHTTPRequestHandler):
    """One request and its answer."""

    server: _Server
    timeout = PATIENCE

    def do_GET(self) -> None:
        match self.path.partition("?")[0]:
            case "/metrics":
                encode, content_type = choose_encoder(self.headers.get("Accept", ""))
                self._answer(200, content_type, encode(self.server.monitor.registry))
            case "/health":
                health = self.server.monitor.health()
                self._answer(200 if health.ok else 503, "application/json", msgspec.json.encode(health._asdict()))
            case _:
                self._answer(404, "text/plain; charset=utf-8", b"not found: there are /metrics and /health\n")

    def _answer(self, status: int, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing of access."""
