"""Servers and options of Kafka clients: what is accepted, what is refused, and how secrets stay secret."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from stream_rnn.connectors.errors import ConnectorError, UsageError
from stream_rnn.connectors.kafka.client import make_cluster
from stream_rnn.connectors.kafka.client_options import FILE_OPTIONS, SET_BY

if TYPE_CHECKING:
    from pathlib import Path

SASL = {"security_protocol": "SASL_PLAINTEXT", "sasl_mechanism": "PLAIN", "sasl_plain_username": "reader"}
ALLOWED_SOURCES = 'must be {env = "NAME"} or {file = "path"}'


def line_of(error: pytest.ExceptionInfo[ConnectorError]) -> str:
    """Return the message of an error, which must be one line."""
    message = str(error.value)
    assert message
    assert "\n" not in message
    return message


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
