"""MqttClient: a persistent session with a broker, which acknowledges only what the caller has kept.

Delivery is at least once in both directions: after a lost connection the broker sends again what was not acknowledged,
and this client what the broker has not.
"""

from __future__ import annotations

import logging
import queue
import ssl
import threading
import time
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from stream_rnn.connectors.closeable import Closeable
from stream_rnn.connectors.errors import ConnectorError, UsageError
from stream_rnn.connectors.mqtt.journal import Message
from stream_rnn.errors import require

if TYPE_CHECKING:
    from collections.abc import Sequence

log = logging.getLogger("stream_rnn")

QOS = 1
KEEP_ALIVE_SECONDS = 30
BACKOFF_SECONDS = 1
MAX_BACKOFF_SECONDS = 30
NEVER_EXPIRES = 0xFFFF_FFFF
RECEIVE_MAXIMUM = 1000
"""Messages that the broker may send before the first of them is acknowledged; it may have a lower limit of its own."""
REFUSED = ("Bad user name or password", "Not authorized", "Client identifier not valid", "Banned")
"""Answers of a broker that will be the same next time."""


class MqttOptions(NamedTuple):
    """How to connect."""

    host: str
    port: int
    client_id: str
    """names the session; the broker keeps what arrives while the client is away"""
    user: str | None = None
    password: str | None = None
    cafile: str | None = None
    """certificates to trust"""
    tls: bool = False
    protocol: Literal["5", "3.1.1"] = "5"


class Received(NamedTuple):
    """A message that has to be acknowledged."""

    message: Message
    mid: int
    qos: int


class MqttClient(Closeable):
    """A session with a broker, in a thread of paho's, which connects again by itself.

    Parameters
    ----------
    options
        How to connect.
    filters
        Topics to subscribe to.
    expects_session
        Whether the broker should know this client.

    Raises
    ------
    MissingExtraError, UsageError
        If paho-mqtt is not installed, or the certificates cannot be loaded.

    Attributes
    ----------
    connected : bool
        Whether the broker answers.
    refusal : str or None
        Why the broker does not let this client in, whenever it tries.
    lost_sessions : int
        How often the broker had forgotten the session.
    """

    def __init__(self, options: MqttOptions, filters: Sequence[str], *, expects_session: bool) -> None:
        mqtt = require("paho.mqtt.client", "mqtt")
        self.connected, self.lost_sessions = False, 0
        self.refusal: str | None = None
        self._options, self._filters = options, list(filters)
        self._expects_session = expects_session
        self._where = f"MQTT broker at {options.host}:{options.port}"
        self._received: queue.SimpleQueue[Received] = queue.SimpleQueue()
        self._sent = self._delivered = 0
        self._is_delivered = threading.Condition()
        is_5 = options.protocol == "5"
        self._client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2,
            options.client_id,
            clean_session=None if is_5 else False,
            protocol=mqtt.MQTTv5 if is_5 else mqtt.MQTTv311,
            manual_ack=True,
        )
        self._client.reconnect_delay_set(BACKOFF_SECONDS, MAX_BACKOFF_SECONDS)
        if options.user is not None:
            self._client.username_pw_set(options.user, options.password)
        if options.tls or options.cafile is not None:
            try:
                self._client.tls_set(ca_certs=options.cafile, cert_reqs=ssl.CERT_REQUIRED)
            except OSError as error:
                raise UsageError(f"cafile: cannot load {options.cafile}: {error}") from None
        self._client.on_connect = self._on_connect
        self._client.on_connect_fail = self._on_connect_fail
        self._client.on_disconnect = self._on_disconnect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message
        self._client.on_publish = self._on_publish
        self._client.connect_async(options.host, options.port, KEEP_ALIVE_SECONDS, **self._session(is_5=is_5))
        self._client.loop_start()

    def receive(self, most: int, seconds: float) -> list[Received]:
        """Return messages that have arrived; wait up to the given seconds for the first."""
        found: list[Received] = []
        try:
            found.append(self._received.get(timeout=seconds) if seconds else self._received.get_nowait())
            while len(found) < most:
                found.append(self._received.get_nowait())
        except queue.Empty:
            pass
        return found

    def acknowledge(self, received: Sequence[Received]) -> None:
        """Let the broker forget messages."""
        for one in received:
            if one.qos:
                self._client.ack(one.mid, one.qos)

    def publish(self, messages: Sequence[tuple[str, bytes]]) -> None:
        """Send payloads to topics; see `wait_until_delivered`."""
        for topic, payload in messages:
            with self._is_delivered:
                self._sent += 1
            self._client.publish(topic, payload, QOS)  # without a connection it is sent after the next one is made

    def wait_until_delivered(self, seconds: float) -> bool:
        """Wait until the broker has everything that was published; return False after the given seconds."""
        with self._is_delivered:
            return self._is_delivered.wait_for(lambda: self._delivered >= self._sent, seconds)

    def close(self) -> None:
        """Disconnect; the broker keeps the session."""
        self._client.disconnect()
        self._client.loop_stop()

    def _session(self, *, is_5: bool) -> dict[str, Any]:
        """Return the options of a connection that make the session persistent."""
        if not is_5:
            return {}
        packets = require("paho.mqtt.packettypes", "mqtt")
        properties = require("paho.mqtt.properties", "mqtt").Properties(packets.PacketTypes.CONNECT)
        properties.SessionExpiryInterval = NEVER_EXPIRES
        properties.ReceiveMaximum = RECEIVE_MAXIMUM
        return {"clean_start": False, "properties": properties}

    def _on_connect(self, client: Any, _userdata: object, flags: Any, reason: Any, _properties: object) -> None:
        if reason.is_failure:
            self._log_failure(f"refuses the connection: {reason}")
            if str(reason) in REFUSED:
                self.refusal = f"{self._where} refuses client {self._options.client_id!r}: {reason}"
            return
        if self._expects_session and not flags.session_present:
            self.lost_sessions += 1
            log.warning(
                "%s has dropped the session of %r: what was published since the connection was lost may be lost",
                self._where,
                self._options.client_id,
            )
        self._expects_session = True
        if self._options.protocol == "5":
            subscription = require("paho.mqtt.subscribeoptions", "mqtt").SubscribeOptions
            only_new = subscription.RETAIN_SEND_IF_NEW_SUB
            client.subscribe([(name, subscription(QOS, retainHandling=only_new)) for name in self._filters])
        else:
            client.subscribe([(name, QOS) for name in self._filters])

    def _on_subscribe(self, _client: object, _userdata: object, _mid: int, reasons: Sequence[Any], _: object) -> None:
        for name, reason in zip(self._filters, reasons, strict=True):
            if reason.is_failure:
                self.refusal = f"{self._where} refuses the subscription to {name}: {reason}"
                return
        self.connected = True
        log.info("%s: subscribed to %s", self._where, ", ".join(self._filters))

    def _on_connect_fail(self, _client: object, _userdata: object) -> None:
        self._log_failure("does not answer")

    def _on_disconnect(self, _client: object, _userdata: object, _flags: object, reason: Any, _: object) -> None:
        if self.connected and reason.is_failure:
            self._log_failure(f"has closed the connection: {reason}")
        self.connected = False

    def _log_failure(self, how: str) -> None:
        self.connected = False
        log.warning("%s %s; connecting again", self._where, how)

    def _on_message(self, _client: object, _userdata: object, message: Any) -> None:
        arrived = Message(message.topic, bytes(message.payload), time.time_ns() // 1_000_000)
        self._received.put(Received(arrived, message.mid, message.qos))

    def _on_publish(self, _client: object, _userdata: object, _mid: int, _reason: object, _: object) -> None:
        with self._is_delivered:
            self._delivered += 1
            self._is_delivered.notify_all()

    def check(self) -> None:
        """Check that the broker lets this client in.

        Raises
        ------
        ConnectorError
            If it never will.
        """
        if self.refusal is not None:
            raise ConnectorError(self.refusal)
