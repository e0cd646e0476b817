"""A Kafka cluster as its clients see it: servers, security, secrets, and errors in one line."""

from __future__ import annotations

import os
import re
import socket
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.errors import (
    AuthorizationError,
    CoordinatorNotAvailableError,
    KafkaConfigurationError,
    KafkaError,
    KafkaTimeoutError,
    SaslAuthenticationFailedError,
    UnsupportedSaslMechanismError,
)
from kafka.net.compat import KafkaNetClient

from stream_rnn.connectors.errors import ConnectorError, UsageError, suggest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# kafka-python has no types: its clients and errors are told by these names.
Consumer: TypeAlias = Any
Producer: TypeAlias = Any
Admin: TypeAlias = Any

SERVER = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:]+\])(?::[0-9]{1,5})?")
SECRET = re.compile("password|secret|token")
OURS = {
    "bootstrap_servers": "servers",
    "group_id": "group",
    "group_instance_id": "the job itself",
    "transactional_id": "the job itself",
    "auto_offset_reset": "start",
    "enable_auto_commit": "the job itself",
    "isolation_level": "the job itself",
    "allow_auto_create_topics": "the job itself",
    "partition_assignment_strategy": "the job itself",
    "key_deserializer": "the job itself",
    "value_deserializer": "the job itself",
    "key_serializer": "the job itself",
    "value_serializer": "the job itself",
    "session_timeout_ms": "session_timeout",
}
"""kafka-python's settings that are not passed through, and what sets them here."""
CLIENTS = (KafkaConsumer, KafkaProducer, KafkaAdminClient)
PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
"""kafka-python takes any other word for PLAINTEXT."""
FILES = ("ssl_cafile", "ssl_certfile", "ssl_crlfile", "ssl_keyfile")
OBJECTS = ("ssl_context", "sasl_oauth_token_provider")
"""Settings that only a Python object can be the value of, beside those that have one by default."""
REFUSALS = (SaslAuthenticationFailedError, UnsupportedSaslMechanismError, AuthorizationError)
MISTAKES = (KafkaConfigurationError, ssl.SSLError, OSError, ValueError, TypeError, AssertionError, RuntimeError)
"""What kafka-python raises for settings that are not right."""
BOOTSTRAP_MS = 10_000
"""How long a client looks for a broker before it is said that there is none; kafka-python's own default is 30 s."""


class BrokerError(ConnectorError):
    """A cluster that does not answer or does not do what was asked: trying again later may help."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where a cluster is, and how clients connect to it; made by `cluster`.

    Parameters
    ----------
    servers : tuple of str
        host:port of some brokers.
    options : dict
        Settings of kafka-python, secrets among them: never shown.
    """

    servers: tuple[str, ...]
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def consumer(self, **own: Any) -> Consumer:
        """Connect a consumer.

        Raises
        ------
        BrokerError, UsageError
            When no broker answers or lets it in; when an option is not right.
        """
        return self._open(KafkaConsumer, own)

    def producer(self, **own: Any) -> Producer:
        """Connect a producer; raises as `consumer`."""
        return self._open(KafkaProducer, own)

    def admin(self, **own: Any) -> Admin:
        """Connect an administrative client; raises as `consumer`."""
        return self._open(KafkaAdminClient, own)

    def require(self, topics: Iterable[str]) -> None:
        """Refuse topics that are not there.

        Raises
        ------
        ConnectorError
            Naming the topic and the nearest one there is; also when nobody answers.
        """
        admin = self.admin()
        try:
            known = sorted(admin.list_topics())
        except KafkaError as error:
            raise BrokerError(self.explain(error)) from None
        finally:
            admin.close()
        for topic in topics:
            if topic not in known:
                raise ConnectorError(f"no topic {topic!r} at {', '.join(self.servers)}{suggest(topic, known)}")

    def members(self, group: str) -> list[str]:
        """Give the names of a consumer group's members, those of dead ones too until their sessions time out.

        Raises
        ------
        BrokerError
            When nobody answers.
        """
        admin = self.admin()
        try:
            found = admin.describe_groups([group])[group]["members"]
        except CoordinatorNotAvailableError:
            return []  # the cluster never had a group, and makes ready for its first
        except KafkaError as error:
            raise BrokerError(self.explain(error)) from None
        finally:
            admin.close()
        return [member["group_instance_id"] or member["client_id"] for member in found]

    def explain(self, error: BaseException) -> str:
        """Say in one line what a client's error means."""
        where = ", ".join(self.servers)
        if isinstance(error, (SaslAuthenticationFailedError, UnsupportedSaslMechanismError)):
            return self._refused()
        if isinstance(error, AuthorizationError):
            return f"Kafka at {where} does not allow it: {_line(error)}"
        if isinstance(error, KafkaTimeoutError) and "bootstrap" in str(error):
            # The client keeps an authentication error to itself, and tries again until its time is up.
            if not any(_listens(server) for server in self.servers):
                return f"no Kafka broker answers at {where}"
            if "sasl_mechanism" in self.options:
                return self._refused()
            protocol = self.options.get("security_protocol", "PLAINTEXT")
            return f"{where} answers, but not as a Kafka broker with security_protocol {protocol}"
        return f"Kafka at {where}: {_line(error)}"

    def _refused(self) -> str:
        user, mechanism = self.options.get("sasl_plain_username"), self.options.get("sasl_mechanism")
        return (
            f"Kafka at {', '.join(self.servers)} does not let user {user!r} in by {mechanism}: wrong name or password?"
        )

    def _open(self, kind: Any, own: Mapping[str, Any]) -> Any:
        """Connect; what the user says goes before our own choice, for what must not be chosen is refused."""
        chosen = {name: value for name, value in self.options.items() if name in kind.DEFAULT_CONFIG}
        networks: list[Any] = []

        def network(**settings: Any) -> Any:
            networks.append(KafkaNetClient(**settings))
            return networks[-1]

        settings = {"bootstrap_timeout_ms": BOOTSTRAP_MS, "kafka_client": network} | dict(own) | chosen
        try:
            return kind(bootstrap_servers=list(self.servers), **settings)
        except BaseException as error:
            for left in networks:  # with its thread and sockets, which nobody else would close
                left.close()
            if isinstance(error, REFUSALS):
                raise ConnectorError(self.explain(error)) from None
            if isinstance(error, KafkaError) and not isinstance(error, KafkaConfigurationError):
                raise BrokerError(self.explain(error)) from None
            if isinstance(error, MISTAKES):
                raise UsageError(f"Kafka client: {_line(error)}") from None
            raise


def cluster(servers: Iterable[str], options: Mapping[str, Any] | None = None) -> Cluster:
    """Make a cluster of settings.

    Parameters
    ----------
    servers : iterable of str
        host:port of some brokers; the port is 9092 unless told.
    options : dict, optional
        Settings of kafka-python's clients, by its names. A secret is a table: ``{env = "NAME"}`` or
        ``{file = "path"}``, so that it stands in no job file.

    Raises
    ------
    UsageError
        When a server is no host:port, an option is unknown or set elsewhere, or a secret is not there.
    """
    given = tuple(servers)
    if not given:
        raise UsageError("servers must name at least one host:port, got none")
    for server in given:
        if not SERVER.fullmatch(server):
            raise UsageError(f"servers must be host:port, got {server!r}")
    known = _defaults()
    found: dict[str, Any] = {}
    for name, value in (options or {}).items():
        if name in OURS:
            raise UsageError(f"client option {name!r} is set by {OURS[name]}")
        if name not in known:
            raise UsageError(f"unknown client option {name!r}{suggest(name, sorted(known))}")
        found[name] = _value(name, value, known[name])
    protocol = found.get("security_protocol", PROTOCOLS[0])
    if protocol not in PROTOCOLS:
        raise UsageError(f"client option 'security_protocol' must be one of {', '.join(PROTOCOLS)}, got {protocol!r}")
    if "sasl_mechanism" in found and not protocol.startswith("SASL"):
        raise UsageError(f"client option 'sasl_mechanism' needs security_protocol SASL_..., got {protocol!r}")
    _check_certificates(found)
    return Cluster(given, found)


def _check_certificates(options: Mapping[str, Any]) -> None:
    """Load what SSL needs once: of a file that it cannot load, a client says nothing but that no broker answers."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for name in ("ssl_cafile", "ssl_crlfile", "ssl_certfile"):
        if name not in options:
            continue
        try:
            if name == "ssl_certfile":
                context.load_cert_chain(options[name], options.get("ssl_keyfile"), options.get("ssl_password", ""))
            else:
                context.load_verify_locations(options[name])
        except OSError as error:  # of which SSL's are some
            raise UsageError(f"client option {name!r}: {options[name]} cannot be loaded: {_line(error)}") from None


def _defaults() -> dict[str, Any]:
    """Give the defaults of all settings that a file can name, by kafka-python's names."""
    found: dict[str, Any] = {}
    for client in CLIENTS:
        for name, default in client.DEFAULT_CONFIG.items():
            if name not in OBJECTS and (default is None or isinstance(default, (str, int, float))):
                found[name] = default if found.get(name) is None else found[name]
    return found | {"acks": None}  # a number or "all"


def _value(name: str, value: Any, default: Any) -> Any:
    """Give an option's value, of its default's kind; a secret's from where it is kept."""
    if isinstance(value, dict):
        return _secret(name, value)
    if SECRET.search(name):
        raise UsageError(f'client option {name!r} must be {{env = "NAME"}} or {{file = "path"}}: it is a secret')
    words, kinds = _kind(default)
    if not isinstance(value, kinds) or isinstance(value, bool) > (bool in kinds):
        raise UsageError(f"client option {name!r} must be {words}, got {value!r}")
    if name in FILES and not Path(str(value)).is_file():
        raise UsageError(f"client option {name!r}: there is no file {value}")
    return value


def _kind(default: Any) -> tuple[str, tuple[type, ...]]:
    """Give what values a setting takes, in words and as types."""
    if isinstance(default, bool):
        return "true or false", (bool,)
    if isinstance(default, (int, float)):
        return "a number", (int, float)
    return ("text", (str,)) if isinstance(default, str) else ("text, a number, true or false", (str, int, float, bool))


def _secret(name: str, place: Mapping[str, Any]) -> str:
    kind, where = next(iter(place.items()), (None, None))
    if len(place) != 1 or kind not in {"env", "file"} or not isinstance(where, str):
        raise UsageError(f'client option {name!r} must be {{env = "NAME"}} or {{file = "path"}}, got {sorted(place)}')
    if kind == "env":
        if where not in os.environ:
            raise UsageError(f"client option {name!r}: the environment has no {where!r}")
        return os.environ[where]
    try:
        return Path(where).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"client option {name!r}: {where} cannot be read: {_line(error)}") from None


def _listens(server: str) -> bool:
    """Tell whether anything takes connections there."""
    host, _, port = server.rpartition(":") if server.rpartition(":")[2].isdigit() else (server, "", "9092")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=2.0).close()
    except OSError:
        return False
    return True


def _line(error: BaseException) -> str:
    """Give an error's words in one line, or its name where it has none."""
    return " ".join(str(error).split()) or type(error).__name__
