"""Cluster: where a Kafka cluster is, how clients connect to it, and what their errors mean in one line."""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass, field
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
from stream_rnn.connectors.kafka.client_options import one_line, validate_options

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# kafka-python has no types; these names say which of its clients is meant.
Consumer: TypeAlias = Any
Producer: TypeAlias = Any
Admin: TypeAlias = Any

SERVER = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:]+\])(?::[0-9]{1,5})?")
ACCESS_ERRORS = (SaslAuthenticationFailedError, UnsupportedSaslMechanismError, AuthorizationError)
OPTION_ERRORS = (KafkaConfigurationError, OSError, ValueError, TypeError, AssertionError, RuntimeError)
"""What kafka-python raises for wrong options."""
BOOTSTRAP_TIMEOUT_MS = 10_000
"""How long a client tries to reach a broker; kafka-python's default is 30 s."""
PROBE_SECONDS = 2.0


class BrokerError(ConnectorError):
    """The cluster does not answer, or rejects a request; the same request may succeed later."""


class AuthenticationError(BrokerError):
    """The cluster rejects the user, or does not answer one who has to authenticate; it cannot tell which."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where a cluster is, and how clients connect to it; created by `make_cluster`.

    Parameters
    ----------
    servers
        host:port of some brokers.
    options
        Options of kafka-python's clients, including secrets; never shown.
    """

    servers: tuple[str, ...]
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def consumer(self, **options: Any) -> Consumer:
        """Connect a consumer with these options, unless the user has set them.

        Raises
        ------
        BrokerError, ConnectorError, UsageError
            If no broker answers, the client is not authorized, or an option is wrong.
        """
        return self._connect(KafkaConsumer, options)

    def producer(self, **options: Any) -> Producer:
        """Connect a producer, as `consumer`."""
        return self._connect(KafkaProducer, options)

    def admin(self, **options: Any) -> Admin:
        """Connect an administrative client, as `consumer`."""
        return self._connect(KafkaAdminClient, options)

    def require(self, topics: Iterable[str]) -> None:
        """Check that topics exist.

        Raises
        ------
        ConnectorError
            Naming the first topic that does not, and the most similar one that does; also if no broker answers.
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
        """Return the names of a consumer group's members, including dead ones whose sessions have not timed out.

        Raises
        ------
        BrokerError
            If no broker answers.
        """
        admin = self.admin()
        try:
            members = admin.describe_groups([group])[group]["members"]
        except CoordinatorNotAvailableError:
            return []  # the cluster has not had any group yet
        except KafkaError as error:
            raise BrokerError(self.explain(error)) from None
        finally:
            admin.close()
        return [member["group_instance_id"] or member["client_id"] for member in members]

    def explain(self, error: BaseException) -> str:
        """Explain an error of a client in one line."""
        where = ", ".join(self.servers)
        if isinstance(error, (SaslAuthenticationFailedError, UnsupportedSaslMechanismError)):
            return self._authentication_failed()
        if isinstance(error, AuthorizationError):
            return f"Kafka at {where} denies access: {one_line(error)}"
        if isinstance(error, KafkaTimeoutError) and "bootstrap" in str(error):
            # The client does not report a failed authentication; it tries again until its time is up.
            if not any(_listens(server) for server in self.servers):
                return f"no Kafka broker answers at {where}"
            if "sasl_mechanism" in self.options:
                return self._authentication_failed()
            protocol = self.options.get("security_protocol", "PLAINTEXT")
            return f"{where} answers, but not as a Kafka broker with security_protocol {protocol}"
        return f"Kafka at {where}: {one_line(error)}"

    def _authentication_failed(self) -> str:
        user, mechanism = self.options.get("sasl_plain_username"), self.options.get("sasl_mechanism")
        return (
            f"Kafka at {', '.join(self.servers)} rejects user {user!r} with {mechanism}: "
            "check the user name, the password and sasl_mechanism"
        )

    def _connect(self, client: Any, options: Mapping[str, Any]) -> Any:
        """Connect a client; the user's options take precedence, since those that must not be set were refused."""
        given = {name: value for name, value in self.options.items() if name in client.DEFAULT_CONFIG}
        networks: list[Any] = []

        def network(**settings: Any) -> Any:
            networks.append(KafkaNetClient(**settings))
            return networks[-1]

        settings = {"bootstrap_timeout_ms": BOOTSTRAP_TIMEOUT_MS, "kafka_client": network} | dict(options) | given
        try:
            return client(bootstrap_servers=list(self.servers), **settings)
        except BaseException as error:
            for leftover in networks:  # nothing else would close its thread and sockets
                leftover.close()
            if isinstance(error, ACCESS_ERRORS):
                raise ConnectorError(self.explain(error)) from None
            if isinstance(error, KafkaError) and not isinstance(error, KafkaConfigurationError):
                message = self.explain(error)
                rejected = message == self._authentication_failed()
                raise (AuthenticationError if rejected else BrokerError)(message) from None
            if isinstance(error, OPTION_ERRORS):
                raise UsageError(f"Kafka client: {one_line(error)}") from None
            raise


def make_cluster(servers: Iterable[str], options: Mapping[str, Any] | None = None) -> Cluster:
    """Return a cluster with validated servers and options; no connection is made.

    Parameters
    ----------
    servers
        host:port of some brokers; the port is 9092 if there is none.
    options
        Options of kafka-python's clients; see `client_options.validate_options`.

    Raises
    ------
    UsageError
        If a server is not host:port, or an option is wrong.

    Examples
    --------
    >>> make_cluster(["localhost:9092"])
    Cluster(servers=('localhost:9092',))
    """
    given = tuple(servers)
    if not given:
        raise UsageError("servers must name at least one host:port, got none")
    for server in given:
        if not SERVER.fullmatch(server):
            raise UsageError(f"servers must be host:port, got {server!r}")
    return Cluster(given, validate_options(options or {}))


def _listens(server: str) -> bool:
    """Return whether something accepts connections at host:port."""
    host, _, port = server.rpartition(":") if server.rpartition(":")[2].isdigit() else (server, "", "9092")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=PROBE_SECONDS).close()
    except OSError:
        return False
    return True
