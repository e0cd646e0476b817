"""The example of a web service, under load from many clients."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from stream_rnn import Engine

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).parents[2] / "examples" / "service.py"
CLIENTS, STREAMS, EVENTS = 12, 4, 100
DEADLINE = 120


def ask_through(connection: HTTPConnection, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    """Return status and JSON of the answer to a request."""
    content = None if body is None else json.dumps(body)
    connection.request(method, path, content, {"Content-Type": "application/json"})
    response = connection.getresponse()
    return response.status, json.loads(response.read())


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


class Service:
    """The service in a process of its own."""

    def __init__(self, state: Path) -> None:
        self.port = free_port()
        command = [sys.executable, SCRIPT, "--inputs", "load", "--state", state, "--port", str(self.port)]
        self.process = subprocess.Popen([*map(str, command)])
        deadline = time.monotonic() + DEADLINE
        while True:
            try:
                self.ask("GET", "/health")
            except ConnectionError:
                assert self.process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.1)
            else:
                return

    def connect(self) -> closing[HTTPConnection]:
        return closing(HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE))

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        with self.connect() as connection:
            return ask_through(connection, method, path, body)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(DEADLINE)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state.safetensors"


@pytest.fixture
def service(state: Path) -> Iterator[Service]:
    started = Service(state)
    yield started
    started.stop()


def test_every_request_of_many_clients_is_learned_from_and_saved(service: Service, state: Path) -> None:
    def run(client: int) -> list[tuple[int, Any]]:
        path = f"/streams/pump-{client % STREAMS}"
        answers = []
        with service.connect() as connection:
            for t in range(EVENTS):
                answers.append(ask_through(connection, "POST", f"{path}/events", {"x": {"load": t % 7}}))
                answers.append(ask_through(connection, "GET", f"{path}/forecast"))
                answers.append(ask_through(connection, "GET", "/health"))
        return answers

    with ThreadPoolExecutor(CLIENTS) as clients:
        answers = [answer for found in clients.map(run, range(CLIENTS)) for answer in found]
    assert {status for status, _ in answers} == {200}
    health = service.ask("GET", "/health")[1]
    assert health == {"events": CLIENTS * EVENTS, "skipped_updates": 0, "streams": STREAMS}
    service.stop()
    engine = Engine.load(state)
    assert [engine.events(f"pump-{k}") for k in range(STREAMS)] == [CLIENTS * EVENTS // STREAMS] * STREAMS


def test_the_first_event_has_no_interval_yet(service: Service) -> None:
    status, answer = service.ask("POST", "/streams/a/events", {"x": {"load": 2.0}, "time": 60.0})
    assert status == 200
    assert answer == {
        "forecast": [[2.0]],
        "begins": True,
        "interval": [[[None, None]]],
        "anomaly": None,
        "anomaly_alarm": False,
        "state": "normal",
        "states": ["normal"],
        "drifts": [],
        "alarms": [],
    }


@pytest.mark.parametrize(
    ("path", "body", "status", "word"),
    [
        ("/streams/a/events", {"x": {"lod": 1.0}}, 422, "lod"),
        ("/streams/a/events", {"x": {"load": "high"}}, 422, "load"),
        ("/streams/nobody/forecast", None, 404, "nobody"),
    ],
)
def test_a_bad_request_is_refused_with_its_reason(
    service: Service, path: str, body: Any, status: int, word: str
) -> None:
    found, answer = service.ask("POST" if body else "GET", path, body)
    assert found == status
    assert word in json.dumps(answer)


def test_it_continues_after_a_restart(service: Service, state: Path) -> None:
    service.ask("POST", "/streams/a/events", {"x": {"load": 2.0}})
    service.stop()
    again = Service(state)
    try:
        again.ask("POST", "/streams/a/events", {"x": {"load": 3.0}})
        assert again.ask("GET", "/health")[1]["events"] == 2
    finally:
        again.stop()
