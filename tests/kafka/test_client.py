"""Cluster: which options clients get, which are refused, and errors that are explained in one line."""

from __future__ import annotations

import gc
import logging
import os
import socket
import subprocess
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
from stream_rnn.connectors.kafka.client_options import FILE_OPTIONS, SET_BY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# kafka-python leaves sockets of refused connections to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")

SASL = {"security_protocol": "SASL_PLAINTEXT", "sasl_mechanism": "PLAIN", "sasl_plain_username": USER}
ALLOWED_SOURCES = 'must be {env = "NAME"} or {file = "path"}'


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


def test_an_unknown_option_is_named_with_the_most_similar_one() -> None:
    with pytest.raises(UsageError) as error:
        make_cluster(["a"], {"security_protocoll": "SSL"})
    assert line_of(error) == "unknown client option 'security_protocoll'; did you mean 'security_protocol'?"


@pytest.mark.parametrize("name", sorted(SET_BY))
def test_an_option_that_the_job_sets_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match=f"^client option '{name}' is set by {SET_BY[name]}$"):
        make_cluster(["a"], {name: "mine"})


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("client_id", 7, "text"),
        ("client_id", None, "text"),
        ("request_timeout_ms", "soon", "a number"),
        ("request_timeout_ms", True, "a number"),
        ("ssl_check_hostname", "no", "true or false"),
        ("ssl_check_hostname", 0, "true or false"),
        ("compression_type", ["gzip"], "text, a number, true or false"),
        ("compression_type", b"gzip", "text, a number, true or false"),
        ("security_protocol", "TLS", "one of PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL"),
    ],
)
def test_an_option_of_the_wrong_type_is_refused(name: str, value: object, allowed: str) -> None:
    with pytest.raises(UsageError) as error:
        make_cluster(["a"], {name: value})
    assert line_of(error) == f"client option {name!r} must be {allowed}, got {value!r}"


@pytest.mark.parametrize("name", ["selector", "kafka_client", "partitioner", "ssl_context", "socket_options"])
def test_an_option_that_takes_only_python_objects_is_unknown(name: str) -> None:
    with pytest.raises(UsageError, match=f"^unknown client option '{name}'"):
        make_cluster(["a"], {name: "mine"})


def test_a_sasl_mechanism_without_a_sasl_protocol_is_refused() -> None:
    with pytest.raises(UsageError, match="'sasl_mechanism' needs security_protocol SASL_"):
        make_cluster(["a"], {"sasl_mechanism": "PLAIN"})


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


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Return a file with a certificate and its key, which has a password."""
    path = tmp_path / "a.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-subj", "/CN=a", "-passout", "pass:s3cret"]
    subprocess.run([*command, "-keyout", path, "-out", tmp_path / "b.pem"], check=True, capture_output=True)
    path.write_bytes(path.read_bytes() + (tmp_path / "b.pem").read_bytes())
    return path


def test_certificates_are_loaded(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY_PASSWORD", "s3cret")
    files = {"ssl_cafile": str(certificate), "ssl_certfile": str(certificate)}
    secured = make_cluster(["a"], files | {"security_protocol": "SSL", "ssl_password": {"env": "KEY_PASSWORD"}})
    assert secured.options == files | {"security_protocol": "SSL", "ssl_password": "s3cret"}


def test_the_password_of_a_key_is_never_asked_for_on_the_terminal(certificate: Path) -> None:
    with pytest.raises(UsageError, match=r"^client option 'ssl_certfile': cannot load .*: "):
        make_cluster(["a"], {"ssl_certfile": str(certificate)})


@pytest.mark.parametrize("name", FILE_OPTIONS)
def test_a_missing_certificate_is_named(name: str) -> None:
    with pytest.raises(UsageError) as error:
        make_cluster(["a"], {name: "/nowhere/a.pem"})
    assert line_of(error) == f"client option {name!r}: no such file: /nowhere/a.pem"


@pytest.mark.parametrize("name", ["ssl_cafile", "ssl_certfile"])
def test_a_file_that_is_not_a_certificate_is_named(name: str, tmp_path: Path) -> None:
    (tmp_path / "a.pem").write_text("no certificate")
    with pytest.raises(UsageError) as error:
        make_cluster(["a"], {name: str(tmp_path / "a.pem")})
    assert line_of(error).startswith(f"client option {name!r}: cannot load {tmp_path}/a.pem: ")


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


# --- secrets -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["sasl_plain_password", "ssl_password"])
def test_a_secret_in_plain_text_is_refused_and_not_repeated(name: str) -> None:
    with pytest.raises(UsageError) as error:
        make_cluster(["a"], {name: "s3cret"})
    assert line_of(error) == f"client option {name!r} {ALLOWED_SOURCES}: it is a secret"


def test_secrets_are_read_from_the_environment_and_from_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_PASSWORD", "from env")
    (tmp_path / "key").write_text("from file\n")
    options = {
        "sasl_plain_password": {"env": "KAFKA_PASSWORD"},
        "ssl_password": {"file": str(tmp_path / "key")},
    }
    assert make_cluster(["a"], options).options == {"sasl_plain_password": "from env", "ssl_password": "from file"}


def test_secrets_are_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_PASSWORD", "s3cret")
    secured = make_cluster(["a:1"], SASL | {"sasl_plain_password": {"env": "KAFKA_PASSWORD"}})
    assert repr(secured) == str(secured) == "Cluster(servers=('a:1',))"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"env": "NO_SUCH_NAME"}, "environment variable 'NO_SUCH_NAME' is not set"),
        ({"file": "/nowhere/key"}, "cannot read /nowhere/key: .*No such file"),
        ({}, r"must be .*, got \[\]"),
        ({"environment": "A"}, r"must be .*, got \['environment'\]"),
        ({"env": "A", "file": "b"}, r"must be .*, got \['env', 'file'\]"),
        ({"env": 7}, "must be .*, got"),
    ],
)
def test_a_secret_that_cannot_be_read_is_reported(source: dict[str, Any], message: str) -> None:
    assert "NO_SUCH_NAME" not in os.environ
    with pytest.raises(UsageError, match=f"^client option 'ssl_password':? {message}"):
        make_cluster(["a"], {"ssl_password": source})


# --- servers -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "server", ["kafka", "kafka:9092", "kafka-1.example.org:19092", "10.0.0.1:9092", "[::1]:9092", "[2001:db8::1]"]
)
def test_a_server_is_a_name_or_an_address_with_or_without_a_port(server: str) -> None:
    assert make_cluster([server]).servers == (server,)


@pytest.mark.parametrize("server", ["", "a:", ":9092", "a:b", "http://a:9092", "a:9092,b:9092", "a b", "a:123456"])
def test_an_invalid_server_is_refused(server: str) -> None:
    with pytest.raises(UsageError) as error:
        make_cluster(["good:9092", server])
    assert line_of(error) == f"servers must be host:port, got {server!r}"


def test_an_empty_list_of_servers_is_refused() -> None:
    with pytest.raises(UsageError, match="servers must name at least one host:port, got none"):
        make_cluster([])


@pytest.mark.usefixtures("impatient_client")
@pytest.mark.parametrize("server", ["[::1]:1", "[::1]"])
def test_a_server_can_be_an_ipv6_address(server: str) -> None:
    with pytest.raises(BrokerError, match="no Kafka broker answers at"):
        make_cluster([server]).admin()


# --- cleanup -------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("impatient_client")
def test_a_client_that_cannot_connect_leaves_no_thread(dead_server: str) -> None:
    before = set(threading.enumerate())
    with pytest.raises(BrokerError):
        make_cluster([dead_server]).consumer()
    wait_for(lambda: set(threading.enumerate()) <= before, seconds=5)
