"""A live job that reads MQTT, in a real process with a real broker: what it forecasts, and what it survives."""

from __future__ import annotations

import json
import math
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from mosquitto import PROGRAM, Mosquitto, Peer, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ENGINE = {"inputs": ["power", "speed"], "horizon": 1, "hidden": 4, "window": 4}
COMMAND = [sys.executable, "-m", "stream_rnn.cli", "run"]
pytestmark = pytest.mark.slow


class Job:
    """A job in a folder."""

    def __init__(self, broker: Mosquitto, folder: Path, **settings: Any) -> None:
        defaults = {
            "port": broker.port,
            "topic": "plant/{key}/{field}",
            "output": "forecasts/{key}",
            "output_file": str(folder / "forecasts.jsonl"),
            "dead_letters": str(folder / "refused.jsonl"),
            "checkpoint": str(folder / "state"),
            "checkpoint_seconds": 1.0,
        }
        self._folder = folder
        self._log = folder / "job.log"
        self._path = folder / "job.toml"
        self._path.write_bytes(msgspec.toml.encode({"mqtt": defaults | settings, "engine": ENGINE}))
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        before = self.log().count("subscribed to")
        with self._log.open("ab") as log:
            self.process = subprocess.Popen([*COMMAND, str(self._path)], stderr=log, cwd=self._folder)
        wait_for(lambda: self.log().count("subscribed to") > before or self._has_ended())

    def stop(self) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def log(self) -> str:
        return self._log.read_text() if self._log.exists() else ""

    def forecasts(self) -> list[dict[str, Any]]:
        """Return the complete lines of the output file."""
        path = self._folder / "forecasts.jsonl"
        text = path.read_text() if path.exists() else ""
        return [json.loads(line) for line in text.split("\n")[:-1]]

    def refused(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self._folder / "refused.jsonl").read_text().splitlines()]

    def _has_ended(self) -> bool:
        return self.process is not None and self.process.poll() is not None


@contextmanager
def peer_of(broker: Mosquitto, *filters: str) -> Iterator[Peer]:
    peer = Peer(broker, filters)
    try:
        yield peer
    finally:
        peer.close()


@contextmanager
def ending(job: Job) -> Iterator[Job]:
    try:
        yield job
    finally:
        job.kill()


def readings(start: int, stop: int) -> list[tuple[str, bytes]]:
    """Return messages of two pumps, each a bare number; those of one pump take turns between two fields."""
    return [
        (f"plant/pump-{n % 2}/{'power' if n % 4 < 2 else 'speed'}", f"{math.sin(n / 5):.6f}".encode())
        for n in range(start, stop)
    ]


def test_messages_become_forecasts_in_topics_and_in_a_file(broker: Mosquitto, tmp_path: Path) -> None:
    with ending(Job(broker, tmp_path)) as job, peer_of(broker, "forecasts/+") as peer:
        job.start()
        peer.publish([*readings(0, 40), ("plant/pump-0/power", b"off"), ("plant/pump-0/power", b'{"nested": 1}')])
        wait_for(lambda: len(peer.received) >= 42)
        assert job.stop() == 0
        forecasts = job.forecasts()
        assert [forecast["offset"] for forecast in forecasts] == list(range(42))
        assert forecasts[0]["power"] == 0.0
        assert forecasts[0]["speed"] is None
        assert sorted(payload for _, payload in peer.received) == sorted(
            json.dumps(forecast, separators=(",", ":")).encode() for forecast in forecasts
        )
        assert {topic for topic, _ in peer.received} == {"forecasts/pump-0", "forecasts/pump-1"}
    assert "Traceback" not in job.log()


def test_a_lost_journal_is_reported_and_the_weights_are_kept(broker: Mosquitto, tmp_path: Path) -> None:
    with ending(Job(broker, tmp_path)) as job, peer_of(broker) as peer:
        job.start()
        peer.publish(readings(0, 10))
        wait_for(lambda: len(job.forecasts()) >= 10)
        assert job.stop() == 0
        shutil.rmtree(tmp_path / "state" / "journal")
        peer.publish(readings(10, 11))
        job.start()
        wait_for(lambda: len(job.forecasts()) >= 11)
        assert job.stop() == 0
        assert [(forecast["offset"], forecast["learned"]) for forecast in job.forecasts()[9:]] == [(9, 10), (0, 11)]
    assert "was deleted and created again" in job.log()


def test_killed_at_any_moment_nothing_is_lost_and_the_file_has_each_forecast_once(
    broker: Mosquitto, tmp_path: Path
) -> None:
    rounds, step = 3, 60
    with ending(Job(broker, tmp_path)) as job, peer_of(broker) as peer:
        for n in range(rounds):
            job.start()
            peer.publish(readings(n * step, (n + 1) * step))
            if n == 1:
                wait_for(lambda: len(job.forecasts()) > 0)
            job.kill()
        peer.publish(readings(rounds * step, (rounds + 1) * step))  # the broker keeps them for the session
        job.start()
        wait_for(lambda: len(job.forecasts()) >= (rounds + 1) * step)
        assert job.stop() == 0
        forecasts = job.forecasts()
    assert [forecast["offset"] for forecast in forecasts] == list(range(len(forecasts)))
    assert [forecast["learned"] for forecast in forecasts] == list(range(1, len(forecasts) + 1))
    values = {(forecast["key"], forecast["power"], forecast["speed"]) for forecast in forecasts}
    sent = {(topic.split("/")[1], topic.split("/")[2], float(value)) for topic, value in readings(0, 240)}
    assert {(k, "power", p) if p is not None else (k, "speed", s) for k, p, s in values} == sent
    assert "Traceback" not in job.log()


def test_a_broker_that_goes_away_is_waited_for_and_one_that_drops_the_session_is_reported(
    broker: Mosquitto, tmp_path: Path
) -> None:
    with ending(Job(broker, tmp_path)) as job:
        job.start()
        with peer_of(broker) as peer:
            peer.publish(readings(0, 20))
        wait_for(lambda: len(job.forecasts()) >= 20)
        broker.stop()
        wait_for(lambda: "connecting again" in job.log())
        broker.drop_sessions()
        broker.start()
        wait_for(lambda: "has dropped the session" in job.log())
        wait_for(lambda: job.log().count("subscribed to") == 2)
        with peer_of(broker) as peer:
            peer.publish(readings(20, 40))
        wait_for(lambda: len(job.forecasts()) >= 40)
        assert job.stop() == 0
    assert "Traceback" not in job.log()


def test_a_topic_that_does_not_match_is_a_dead_letter_with_the_topic(broker: Mosquitto, tmp_path: Path) -> None:
    with ending(Job(broker, tmp_path, subscribe="plant/#")) as job, peer_of(broker) as peer:
        job.start()
        peer.publish([*readings(0, 2), ("plant/pump-0", b"1"), ("plant/a/b/c", b"1"), *readings(2, 4)])
        wait_for(lambda: len(job.forecasts()) >= 4)
        assert job.stop() == 0
        refused = job.refused()
    reason = "topic does not match plant/{key}/{field}"
    assert [(letter["record"], letter["reason"], letter["raw"]) for letter in refused] == [
        (2, reason, "plant/pump-0"),
        (3, reason, "plant/a/b/c"),
    ]


def test_a_wrong_password_ends_the_job(tmp_path: Path) -> None:
    if PROGRAM is None:
        pytest.skip("mosquitto is not installed: apt-get install mosquitto")
    (tmp_path / "passwords").write_text("")
    broker = Mosquitto(tmp_path / "broker", "allow_anonymous false", f"password_file {tmp_path / 'passwords'}")
    broker.start()
    (tmp_path / "secret").write_text("wrong")
    job = Job(broker, tmp_path, user="me", password={"file": str(tmp_path / "secret")})
    with ending(job):
        job.start()
        assert job.process is not None
        assert job.process.wait(30) == 1
    broker.stop()
    assert f"MQTT broker at localhost:{broker.port} refuses client 'stream-rnn': Not authorized" in job.log()
    assert "Traceback" not in job.log()


def test_events_of_a_silent_stream_are_forecast_once_across_a_kill(broker: Mosquitto, tmp_path: Path) -> None:
    settings = {"topic": "plant/{key}", "time": "t", "lateness": 10.0, "idle_flush": "300ms"}
    messages = [("plant/a", json.dumps({"t": 1000 + n, "power": n, "speed": 1}).encode()) for n in range(5)]
    with ending(Job(broker, tmp_path, **settings)) as job, peer_of(broker) as peer:
        job.start()
        peer.publish(messages)
        wait_for(lambda: len(job.forecasts()) >= 5)
        job.kill()
        job.start()
        peer.publish([("plant/a", json.dumps({"t": 2000, "power": 5, "speed": 1}).encode())])
        wait_for(lambda: len(job.forecasts()) >= 6)
        assert job.stop() == 0
        assert [forecast["power"] for forecast in job.forecasts()] == [0, 1, 2, 3, 4, 5]
