"""Cluster: which options clients get, which are refused, and errors that are explained in one line."""

from __future__ import annotations

import gc
import logging
import socket
import threading
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from broker import HOST, PASSWORD, USER, Broker
from broker import Cluster as RunningCluster
from topics import wait_for

from stream_rnn.connectors.errors import ConnectorError, UsageError
from stream_rnn.connectors.kafka import client
from stream_rnn.connectors.kafka.client import BrokerError, Cluster, make_cluster

if TYPE_CHECKING:
    from collections.abc import Iterator

# kafka-python leaves sockets of refused connections to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")

SASL = {"security_protocol": "SASL_PLAINTEXT", "sasl_mechanism": "PLAIN", "sasl_plain_username": USER}


def line_of(error: pytest.ExceptionInfo[ConnectorError]) -> str:
    """Return the message of an error, which must be one line."""
    message = str(error.value)
    assert message
    assert "\n" not in message
    return message


@pytest.fixture
def impatient_client(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Let clients give up early, and leave no sockets to later tests."""
    monkeypatch.setattr(client, "BOOTSTRAP_TIMEOUT_MS", 1000)
    caplog.set_level(logging.CRITICAL, "kafka")  # captured messages would keep sockets alive
    yield
    gc.collect()


@pytest.fixture
def dead_server() -> Iterator[str]:
    """Return an address where nothing listens, and which no other program gets."""
    with socket.socket() as bound:
        bound.bind((HOST, 0))  # but does not listen
        yield f"{HOST}:{bound.getsockname()[1]}"


@pytest.fixture
def web_server() -> Iterator[str]:
    """Return the address of a server that does not speak Kafka's protocol."""
    with socket.create_server((HOST, 0)) as server:

        def answer() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        threading.Thread(target=answer, daemon=True).start()
        yield f"{HOST}:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)


# --- no answer -----------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("impatient_client")
@pytest.mark.parametrize("connect", [Cluster.consumer, Cluster.producer, Cluster.admin])
def test_a_broker_that_does_not_answer_is_named_in_one_line(dead_server: str, connect: Any) -> None:
    with pytest.raises(BrokerError) as error:
        connect(make_cluster([dead_server]))
    assert line_of(error) == f"no Kafka broker answers at {dead_server}"


@pytest.mark.usefixtures("impatient_client")
def test_a_host_without_an_address_is_named_in_one_line() -> None:
    with pytest.raises(BrokerError) as error:
        make_cluster(["no-such-host.invalid"]).admin()
    assert line_of(error) == "no Kafka broker answers at no-such-host.invalid"


@pytest.mark.usefixtures("impatient_client")
def test_a_server_that_is_not_a_broker_is_recognized(web_server: str) -> None:
    with pytest.raises(BrokerError) as error:
        make_cluster([web_server]).admin()
    assert line_of(error) == f"{web_server} answers, but not as a Kafka broker with security_protocol PLAINTEXT"


@pytest.mark.usefixtures("impatient_client")
def test_a_listener_with_another_security_protocol_is_recognized(started_broker: Broker) -> None:
    with pytest.raises(BrokerError) as error:
        make_cluster([started_broker.sasl_bootstrap]).admin()
    assert "answers, but not as a Kafka broker with security_protocol PLAINTEXT" in line_of(error)


@pytest.mark.usefixtures("impatient_client")
def test_one_of_several_servers_is_enough(broker: RunningCluster, dead_server: str, topic: str) -> None:
    make_cluster([dead_server, broker.bootstrap]).require([topic])


def test_a_client_gives_up_within_ten_seconds() -> None:
    assert client.BOOTSTRAP_TIMEOUT_MS <= 10_000


@pytest.mark.usefixtures("impatient_client")
@pytest.mark.parametrize("server", ["[::1]:1", "[::1]"])
def test_a_server_can_be_an_ipv6_address(server: str) -> None:
    with pytest.raises(BrokerError, match="no Kafka broker answers at"):
        make_cluster([server]).admin()


# --- passwords -----------------------------------------------------------------------------------------------------


def test_the_right_password_is_accepted(started_broker: Broker, topic: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_PASSWORD", PASSWORD)
    options = SASL | {"sasl_plain_password": {"env": "KAFKA_PASSWORD"}}
    make_cluster([started_broker.sasl_bootstrap], options).require([topic])


@pytest.mark.usefixtures("impatient_client")
def test_a_wrong_password_is_reported_and_never_shown(
    started_broker: Broker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("KAFKA_PASSWORD", "wrong-password")
    caplog.set_level(logging.INFO, "kafka")  # at DEBUG, the client logs every byte it sends
    secured = make_cluster([started_broker.sasl_bootstrap], SASL | {"sasl_plain_password": {"env": "KAFKA_PASSWORD"}})
    with pytest.raises(ConnectorError) as error:
        secured.admin()
    message = line_of(error)
    assert f"rejects user {USER!r} with PLAIN: check the user name, the password and sasl_mechanism" in message
    assert "wrong-password" not in message + repr(secured) + caplog.text


@pytest.mark.usefixtures("impatient_client")
def test_a_mechanism_that_the_broker_does_not_offer_is_reported(
    started_broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAFKA_PASSWORD", PASSWORD)
    options = SASL | {"sasl_mechanism": "SCRAM-SHA-256", "sasl_plain_password": {"env": "KAFKA_PASSWORD"}}
    with pytest.raises(ConnectorError, match="with SCRAM-SHA-256"):
        make_cluster([started_broker.sasl_bootstrap], options).admin()


# --- topics --------------------------------------------------------------------------------------------------------


def test_a_missing_topic_is_named_with_the_most_similar_one(broker: RunningCluster, topic: str) -> None:
    with pytest.raises(ConnectorError) as error:
        make_cluster([broker.bootstrap]).require([topic, topic + "s"])
    assert line_of(error) == f"no topic '{topic}s' at {broker.bootstrap}; did you mean {topic!r}?"


def test_existing_topics_are_accepted(broker: RunningCluster, topic: str) -> None:
    make_cluster([broker.bootstrap]).require([topic])


# --- options -------------------------------------------------------------------------------------------------------


def test_each_client_gets_the_options_that_it_knows(broker: RunningCluster) -> None:
    options = {"compression_type": "gzip", "fetch_min_bytes": 7, "client_id": "mine"}
    kafka = make_cluster([broker.bootstrap], options)
    with closing(kafka.producer()) as producer, closing(kafka.consumer()) as consumer, closing(kafka.admin()) as admin:
        assert producer.config["compression_type"] == "gzip"
        assert consumer.config["fetch_min_bytes"] == 7
        assert {one.config["client_id"] for one in (producer, consumer, admin)} == {"mine"}


def test_options_of_the_user_take_precedence(broker: RunningCluster) -> None:
    with closing(make_cluster([broker.bootstrap], {"linger_ms": 50}).producer(linger_ms=5, batch_size=9)) as producer:
        assert (producer.config["linger_ms"], producer.config["batch_size"]) == (50, 9)


@pytest.mark.parametrize(
    ("option", "message"),
    [({"compression_type": "zip"}, "Not supported codec: zip"), ({"acks": 1}, "acks"), ({"retries": 0}, "retries")],
)
def test_a_value_that_kafka_python_rejects_is_reported_in_one_line(
    broker: RunningCluster, option: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError) as error:
        make_cluster([broker.bootstrap], option).producer(transactional_id="one")
    assert message in line_of(error)


# --- cleanup -------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("impatient_client")
def test_a_client_that_cannot_connect_leaves_no_thread(dead_server: str) -> None:
    before = set(threading.enumerate())
    with pytest.raises(BrokerError):
        make_cluster([dead_server]).consumer()
    wait_for(lambda: set(threading.enumerate()) <= before, seconds=5)
