"""MqttClient: what is received, acknowledged and published, with a real broker."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Literal

import pytest
from mosquitto import Mosquitto, Peer, wait_for

from stream_rnn.connectors.mqtt.client import MqttClient, MqttOptions

if TYPE_CHECKING:
    from stream_rnn.connectors.mqtt.client import Received

PROTOCOLS = ("5", "3.1.1")


def connect(broker: Mosquitto, protocol: Literal["5", "3.1.1"] = "5", *, expects_session: bool = False) -> MqttClient:
    options = MqttOptions("127.0.0.1", broker.port, "job", protocol=protocol)
    client = MqttClient(options, ["plant/+"], expects_session=expects_session)
    wait_for(lambda: client.connected)
    return client


def receive(client: MqttClient, count: int) -> list[Received]:
    found: list[Received] = []
    wait_for(lambda: len(found) >= count or found.extend(client.receive(100, 0.1)))
    return found


def payloads(received: list[Received]) -> list[bytes]:
    return [one.message.payload for one in received]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_what_was_not_acknowledged_comes_again_and_what_was_does_not(
    broker: Mosquitto, protocol: Literal["5", "3.1.1"]
) -> None:
    with closing(connect(broker, protocol)) as client, closing(Peer(broker)) as peer:
        peer.publish([(f"plant/{n}", b"%d" % n) for n in range(10)])
        received = receive(client, 10)
        client.acknowledge(received[:6])
        client.publish([("done", b"")])
        assert client.wait_until_delivered(20)  # so the broker has the acknowledgements, too
    with closing(Peer(broker)) as peer:
        peer.publish([("plant/10", b"10")])
    with closing(connect(broker, protocol, expects_session=True)) as client:
        assert payloads(receive(client, 5)) == [b"6", b"7", b"8", b"9", b"10"]
        assert client.lost_sessions == 0


def test_messages_without_guarantee_are_received_and_need_no_acknowledgement(broker: Mosquitto) -> None:
    with closing(connect(broker)) as client, closing(Peer(broker)) as peer:
        peer._client.publish("plant/a", b"1", qos=0)
        received = receive(client, 1)
        client.acknowledge(received)
        peer.publish([("plant/a", b"2")])
        assert payloads(receive(client, 1)) == [b"2"]
        assert client.connected


def test_a_retained_message_is_received_once_by_a_session(broker: Mosquitto) -> None:
    with closing(Peer(broker)) as peer:
        peer._client.publish("plant/a", b"kept", qos=1, retain=True).wait_for_publish(20)
        with closing(connect(broker)) as client:
            received = receive(client, 1)
            assert payloads(received) == [b"kept"]
            client.acknowledge(received)
        with closing(connect(broker, expects_session=True)) as client:
            peer.publish([("plant/b", b"new")])
            assert payloads(receive(client, 1)) == [b"new"]


def test_what_is_published_while_the_broker_is_away_is_delivered_later(broker: Mosquitto) -> None:
    with closing(connect(broker)) as client:
        broker.stop()
        wait_for(lambda: not client.connected)
        client.publish([("plant/a", b"1"), ("plant/a", b"2")])
        assert not client.wait_until_delivered(0.2)
        broker.start()
        assert client.wait_until_delivered(30)
        assert payloads(receive(client, 2)) == [b"1", b"2"]
