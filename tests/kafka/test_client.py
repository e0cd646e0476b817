"""A cluster's clients: what is passed on, what is refused, and errors that say in one line who does not answer."""

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
from broker import Cluster as Kafka
from topics import wait_for

from stream_rnn.connectors.errors import ConnectorError, UsageError
from stream_rnn.connectors.kafka import client as kafka_client
from stream_rnn.connectors.kafka.client import BrokerError, Cluster, cluster

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# kafka-python leaves sockets that were refused to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")

SASL = {"security_protocol": "SASL_PLAINTEXT", "sasl_mechanism": "PLAIN", "sasl_plain_username": USER}
PLACE = 'must be {env = "NAME"} or {file = "path"}'


def line_of(error: pytest.ExceptionInfo[ConnectorError]) -> str:
    """Return what an error says; it must be one line."""
    said = str(error.value)
    assert said
    assert "\n" not in said
    return said


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Give up sooner than users' clients do, and leave nothing to later tests."""
    monkeypatch.setattr(kafka_client, "BOOTSTRAP_MS", 1000)
    caplog.set_level(logging.CRITICAL, "kafka")  # kept messages would keep sockets
    yield
    gc.collect()


@pytest.fixture
def nobody() -> Iterator[str]:
    """Return an address that nobody else takes and where nobody answers."""
    with socket.socket() as taken:
        taken.bind((HOST, 0))  # but does not listen
        yield f"{HOST}:{taken.getsockname()[1]}"


@pytest.fixture
def stranger() -> Iterator[str]:
    """Return the address of a web server, say: it takes connections and speaks something else."""
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


# --- who does not answer -------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("client", [Cluster.consumer, Cluster.producer, Cluster.admin])
def test_a_broker_that_is_not_there_is_named_in_one_line(nobody: str, client: Any) -> None:
    with pytest.raises(BrokerError) as error:
        client(cluster([nobody]))
    assert line_of(error) == f"no Kafka broker answers at {nobody}"


@pytest.mark.usefixtures("hasty")
def test_a_host_that_has_no_address_is_named_in_one_line() -> None:
    with pytest.raises(BrokerError) as error:
        cluster(["no-such-host.invalid"]).admin()
    assert line_of(error) == "no Kafka broker answers at no-such-host.invalid"


@pytest.mark.usefixtures("hasty")
def test_where_something_else_listens_is_no_broker(stranger: str) -> None:
    with pytest.raises(BrokerError) as error:
        cluster([stranger]).admin()
    assert line_of(error) == f"{stranger} answers, but not as a Kafka broker with security_protocol PLAINTEXT"


@pytest.mark.usefixtures("hasty")
def test_a_listener_with_another_protocol_is_told_so(started_broker: Broker) -> None:
    with pytest.raises(BrokerError) as error:
        cluster([started_broker.sasl_bootstrap]).admin()
    assert "answers, but not as a Kafka broker with security_protocol PLAINTEXT" in line_of(error)


@pytest.mark.usefixtures("hasty")
def test_one_server_that_answers_is_enough(broker: Kafka, nobody: str, topic: str) -> None:
    cluster([nobody, broker.bootstrap]).require([topic])


def test_a_client_gives_up_before_a_user_does() -> None:
    assert kafka_client.BOOTSTRAP_MS <= 10_000


# --- passwords -----------------------------------------------------------------------------------------------------


def test_the_right_password_lets_in(started_broker: Broker, topic: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_PASSWORD", PASSWORD)
    options = SASL | {"sasl_plain_password": {"env": "KAFKA_PASSWORD"}}
    cluster([started_broker.sasl_bootstrap], options).require([topic])


@pytest.mark.usefixtures("hasty")
def test_a_wrong_password_is_told_so_and_is_nowhere_to_be_read(
    started_broker: Broker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("KAFKA_PASSWORD", "not-the-one")
    caplog.set_level(logging.INFO, "kafka")  # below, the client logs every byte it sends
    there = cluster([started_broker.sasl_bootstrap], SASL | {"sasl_plain_password": {"env": "KAFKA_PASSWORD"}})
    with pytest.raises(ConnectorError) as error:
        there.admin()
    said = line_of(error)
    assert said.endswith(f"does not let user {USER!r} in by PLAIN: wrong name or password?")
    assert "not-the-one" not in said + repr(there) + caplog.text


@pytest.mark.usefixtures("hasty")
def test_a_mechanism_that_the_broker_does_not_know_is_told_so(
    started_broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAFKA_PASSWORD", PASSWORD)
    options = SASL | {"sasl_mechanism": "SCRAM-SHA-256", "sasl_plain_password": {"env": "KAFKA_PASSWORD"}}
    with pytest.raises(ConnectorError, match="by SCRAM-SHA-256"):
        cluster([started_broker.sasl_bootstrap], options).admin()


# --- topics --------------------------------------------------------------------------------------------------------


def test_a_topic_that_is_not_there_is_named_with_the_nearest(broker: Kafka, topic: str) -> None:
    with pytest.raises(ConnectorError) as error:
        cluster([broker.bootstrap]).require([topic, topic + "s"])
    assert line_of(error) == f"no topic '{topic}s' at {broker.bootstrap}; did you mean {topic!r}?"


def test_topics_that_are_there_are_no_error(broker: Kafka, topic: str) -> None:
    cluster([broker.bootstrap]).require([topic])


# --- options -------------------------------------------------------------------------------------------------------


def test_an_unknown_option_is_named_with_the_nearest() -> None:
    with pytest.raises(UsageError) as error:
        cluster(["a"], {"security_protocoll": "SSL"})
    assert line_of(error) == "unknown client option 'security_protocoll'; did you mean 'security_protocol'?"


@pytest.mark.parametrize("name", sorted(kafka_client.OURS))
def test_what_the_job_sets_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match=f"^client option '{name}' is set by {kafka_client.OURS[name]}$"):
        cluster(["a"], {name: "mine"})


@pytest.mark.parametrize(
    ("name", "value", "kind"),
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
def test_an_option_of_the_wrong_kind_is_refused(name: str, value: object, kind: str) -> None:
    with pytest.raises(UsageError) as error:
        cluster(["a"], {name: value})
    assert line_of(error) == f"client option {name!r} must be {kind}, got {value!r}"


@pytest.mark.parametrize("name", ["selector", "kafka_client", "partitioner", "ssl_context", "socket_options"])
def test_an_option_that_only_python_objects_can_be_is_unknown(name: str) -> None:
    with pytest.raises(UsageError, match=f"^unknown client option '{name}'"):
        cluster(["a"], {name: "mine"})


def test_a_password_without_a_protocol_that_sends_it_is_refused() -> None:
    with pytest.raises(UsageError, match="'sasl_mechanism' needs security_protocol SASL_"):
        cluster(["a"], {"sasl_mechanism": "PLAIN"})


def test_options_are_passed_to_the_clients_that_know_them(broker: Kafka) -> None:
    there = cluster([broker.bootstrap], {"compression_type": "gzip", "fetch_min_bytes": 7, "client_id": "mine"})
    with closing(there.producer()) as producer, closing(there.consumer()) as consumer, closing(there.admin()) as admin:
        assert producer.config["compression_type"] == "gzip"
        assert consumer.config["fetch_min_bytes"] == 7
        assert {client.config["client_id"] for client in (producer, consumer, admin)} == {"mine"}


def test_what_the_user_says_goes_before_our_own_choice(broker: Kafka) -> None:
    with closing(cluster([broker.bootstrap], {"linger_ms": 50}).producer(linger_ms=5, batch_size=9)) as producer:
        assert (producer.config["linger_ms"], producer.config["batch_size"]) == (50, 9)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Make a certificate with its key in one file, the key under a password."""
    path = tmp_path / "a.pem"
    ask = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-subj", "/CN=a", "-passout", "pass:s3cret"]
    subprocess.run([*ask, "-keyout", path, "-out", tmp_path / "b.pem"], check=True, capture_output=True)
    path.write_bytes(path.read_bytes() + (tmp_path / "b.pem").read_bytes())
    return path


def test_certificates_are_loaded(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY_PASSWORD", "s3cret")
    files = {"ssl_cafile": str(certificate), "ssl_certfile": str(certificate)}
    there = cluster(["a"], files | {"security_protocol": "SSL", "ssl_password": {"env": "KEY_PASSWORD"}})
    assert there.options == files | {"security_protocol": "SSL", "ssl_password": "s3cret"}


def test_a_key_is_not_asked_its_password_for_on_the_terminal(certificate: Path) -> None:
    with pytest.raises(UsageError, match=r"^client option 'ssl_certfile': .* cannot be loaded: "):
        cluster(["a"], {"ssl_certfile": str(certificate)})


@pytest.mark.parametrize("name", kafka_client.FILES)
def test_a_certificate_that_is_not_there_is_named(name: str) -> None:
    with pytest.raises(UsageError) as error:
        cluster(["a"], {name: "/nowhere/a.pem"})
    assert line_of(error) == f"client option {name!r}: there is no file /nowhere/a.pem"


@pytest.mark.parametrize("name", ["ssl_cafile", "ssl_certfile"])
def test_a_certificate_that_is_none_is_named(name: str, tmp_path: Path) -> None:
    (tmp_path / "a.pem").write_text("no certificate")
    with pytest.raises(UsageError) as error:
        cluster(["a"], {name: str(tmp_path / "a.pem")})
    assert line_of(error).startswith(f"client option {name!r}: {tmp_path}/a.pem cannot be loaded: ")


@pytest.mark.parametrize(
    ("option", "said"),
    [({"compression_type": "zip"}, "Not supported codec: zip"), ({"acks": 1}, "acks"), ({"retries": 0}, "retries")],
)
def test_a_value_that_kafka_python_does_not_take_is_told_in_one_line(
    broker: Kafka, option: dict[str, Any], said: str
) -> None:
    with pytest.raises(UsageError) as error:
        cluster([broker.bootstrap], option).producer(transactional_id="one")
    assert said in line_of(error)


# --- secrets -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["sasl_plain_password", "ssl_password"])
def test_a_secret_in_plain_text_is_refused_and_not_repeated(name: str) -> None:
    with pytest.raises(UsageError) as error:
        cluster(["a"], {name: "s3cret"})
    assert line_of(error) == f"client option {name!r} {PLACE}: it is a secret"


def test_secrets_come_from_the_environment_and_from_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_PASSWORD", "from env")
    (tmp_path / "key").write_text("from file\n")
    options = {
        "sasl_plain_password": {"env": "KAFKA_PASSWORD"},
        "ssl_password": {"file": str(tmp_path / "key")},
    }
    assert cluster(["a"], options).options == {"sasl_plain_password": "from env", "ssl_password": "from file"}


def test_secrets_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_PASSWORD", "s3cret")
    there = cluster(["a:1"], SASL | {"sasl_plain_password": {"env": "KAFKA_PASSWORD"}})
    assert repr(there) == str(there) == "Cluster(servers=('a:1',))"


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ({"env": "NO_SUCH_NAME"}, "the environment has no 'NO_SUCH_NAME'"),
        ({"file": "/nowhere/key"}, "/nowhere/key cannot be read: .*No such file"),
        ({}, r"must be .*, got \[\]"),
        ({"environment": "A"}, r"must be .*, got \['environment'\]"),
        ({"env": "A", "file": "b"}, r"must be .*, got \['env', 'file'\]"),
        ({"env": 7}, "must be .*, got"),
    ],
)
def test_a_secret_that_is_not_there_is_told_so(place: dict[str, Any], said: str) -> None:
    assert "NO_SUCH_NAME" not in os.environ
    with pytest.raises(UsageError, match=f"^client option 'ssl_password':? {said}"):
        cluster(["a"], {"ssl_password": place})


# --- servers -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "server", ["kafka", "kafka:9092", "kafka-1.example.org:19092", "10.0.0.1:9092", "[::1]:9092", "[2001:db8::1]"]
)
def test_servers_are_names_or_addresses_with_or_without_a_port(server: str) -> None:
    assert cluster([server]).servers == (server,)


@pytest.mark.parametrize("server", ["", "a:", ":9092", "a:b", "http://a:9092", "a:9092,b:9092", "a b", "a:123456"])
def test_what_is_no_server_is_refused(server: str) -> None:
    with pytest.raises(UsageError) as error:
        cluster(["good:9092", server])
    assert line_of(error) == f"servers must be host:port, got {server!r}"


def test_no_servers_are_refused() -> None:
    with pytest.raises(UsageError, match="servers must name at least one host:port, got none"):
        cluster([])


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("server", ["[::1]:1", "[::1]"])
def test_a_server_by_its_ipv6_address_is_looked_for(server: str) -> None:
    with pytest.raises(BrokerError, match="no Kafka broker answers at"):
        cluster([server]).admin()


# --- nothing is left behind ----------------------------------------------------------------------------------------


@pytest.mark.usefixtures("hasty")
def test_a_client_that_was_refused_leaves_no_thread(nobody: str) -> None:
    before = set(threading.enumerate())
    with pytest.raises(BrokerError):
        cluster([nobody]).consumer()
    wait_for(lambda: set(threading.enumerate()) <= before, seconds=5)
