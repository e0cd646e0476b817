"""A real MQTT broker: Debian's mosquitto, in a process of its own."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import paho.mqtt.client as mqtt

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

PROGRAM = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin:/opt/homebrew/sbin")


class Mosquitto:
    """A broker that keeps sessions across restarts, unless they are dropped.

    Parameters
    ----------
    folder
        For its configuration and its sessions.
    lines
        More lines of its configuration.
    """

    def __init__(self, folder: Path, *lines: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self._store, self._config, self._log = folder / "store", folder / "mosquitto.conf", folder / "mosquitto.log"
        self._store.mkdir(parents=True)
        self._store.chmod(0o777)
        self._process: subprocess.Popen[bytes] | None = None
        given = lines or ("allow_anonymous true",)
        self._config.write_text(
            "\n".join(
                [
                    f"listener {self.port} 127.0.0.1",
                    "persistence true",
                    f"persistence_location {self._store}/",
                    "user root",
                    *given,
                    "",
                ]
            )
        )

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen([str(PROGRAM), "-c", str(self._config)], stdout=log, stderr=log)
        wait_for(self._answers)

    def stop(self) -> None:
        """Stop in an orderly way: sessions are written."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)
            self._process = None

    def drop_sessions(self) -> None:
        """Forget everything; the broker must be stopped."""
        for path in self._store.iterdir():
            path.unlink()

    def _answers(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
            return True
        return False


class Peer:
    """A client of its own: publishes, and collects what it has subscribed to."""

    def __init__(self, broker: Mosquitto, filters: Sequence[str] = ()) -> None:
        self.received: list[tuple[str, bytes]] = []
        self._filters = filters
        self._subscribed = threading.Event()
        self._client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, f"peer-{id(self)}", clean_session=False)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = lambda _, __, message: self.received.append((message.topic, message.payload))
        self._client.reconnect_delay_set(1, 1)
        self._client.connect("127.0.0.1", broker.port)
        self._client.loop_start()
        assert self._subscribed.wait(20) or not filters

    def _on_connect(self, client: mqtt.Client, *_: Any) -> None:
        if self._filters:
            client.subscribe([(name, 1) for name in self._filters])

    def publish(self, messages: Sequence[tuple[str, bytes]]) -> None:
        sent = [self._client.publish(topic, payload, 1) for topic, payload in messages]
        for info in sent:
            info.wait_for_publish(30)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def wait_for(condition: Callable[[], Any], seconds: float = 60) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.05)
    return found
