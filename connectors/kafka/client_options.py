"""Options of kafka-python's clients, as a job file names them: validated before any client is created."""

from __future__ import annotations

import re
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer

from stream_rnn.connectors.errors import UsageError, suggest
from stream_rnn.connectors.secret import FORM, read_secret

if TYPE_CHECKING:
    from collections.abc import Mapping

CLIENTS = (KafkaConsumer, KafkaProducer, KafkaAdminClient)
SECRET_NAME = re.compile("password|secret|token")
SET_BY = {
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
"""Options of kafka-python that cannot be given, and what sets them instead."""
PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
"""kafka-python would take any other value for PLAINTEXT."""
FILE_OPTIONS = ("ssl_cafile", "ssl_certfile", "ssl_crlfile", "ssl_keyfile")
OBJECT_OPTIONS = ("ssl_context", "sasl_oauth_token_provider")
"""Options that take only Python objects, although their default is None."""


def validate_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options with their secrets filled in.

    Parameters
    ----------
    options
        Options by their names in kafka-python. A secret is ``{env = "NAME"}`` or ``{file = "path"}``, so that job files
        contain none.

    Raises
    ------
    UsageError
        If an option is unknown, has a wrong value, or cannot be given, or a secret or a certificate cannot be read.

    Examples
    --------
    >>> validate_options({"compression_type": "gzip"})
    {'compression_type': 'gzip'}
    >>> validate_options({"group_id": "mine"})
    Traceback (most recent call last):
    ...
    stream_rnn.connectors.errors.UsageError: client option 'group_id' is set by group
    """
    defaults = _defaults()
    found: dict[str, Any] = {}
    for name, value in options.items():
        if name in SET_BY:
            raise UsageError(f"client option {name!r} is set by {SET_BY[name]}")
        if name not in defaults:
            raise UsageError(f"unknown client option {name!r}{suggest(name, sorted(defaults))}")
        found[name] = _validate(name, value, defaults[name])
    protocol = found.get("security_protocol", PROTOCOLS[0])
    if protocol not in PROTOCOLS:
        raise UsageError(f"client option 'security_protocol' must be one of {', '.join(PROTOCOLS)}, got {protocol!r}")
    if "sasl_mechanism" in found and not protocol.startswith("SASL"):
        raise UsageError(
            f"client option 'sasl_mechanism' needs security_protocol SASL_PLAINTEXT or SASL_SSL, got {protocol!r}"
        )
    _check_certificates(found)
    return found


def one_line(error: BaseException) -> str:
    r"""Return the message of an error on one line, or the name of its class if it has none.

    Examples
    --------
    >>> one_line(ValueError("two\nlines"))
    'two lines'
    """
    return " ".join(str(error).split()) or type(error).__name__


def _defaults() -> dict[str, Any]:
    """Return the default of every option that a job file can set."""
    found: dict[str, Any] = {}
    for client in CLIENTS:
        for name, default in client.DEFAULT_CONFIG.items():
            if name not in OBJECT_OPTIONS and (default is None or isinstance(default, (str, int, float))):
                found[name] = default if found.get(name) is None else found[name]
    return found | {"acks": None}  # a number or "all"


def _validate(name: str, value: Any, default: Any) -> Any:
    """Return the value of an option, which must have the type of its default; read secrets from where they are kept."""
    if isinstance(value, dict):
        return read_secret(f"client option {name!r}", value)
    if SECRET_NAME.search(name):
        raise UsageError(f"client option {name!r} must be {FORM}: it is a secret")
    description, types = _allowed_types(default)
    if not isinstance(value, types) or isinstance(value, bool) > (bool in types):
        raise UsageError(f"client option {name!r} must be {description}, got {value!r}")
    if name in FILE_OPTIONS and not Path(str(value)).is_file():
        raise UsageError(f"client option {name!r}: no such file: {value}")
    return value


def _allowed_types(default: Any) -> tuple[str, tuple[type, ...]]:
    """Return the types of an option with this default, in words and as types."""
    if isinstance(default, bool):
        return "true or false", (bool,)
    if isinstance(default, (int, float)):
        return "a number", (int, float)
    return ("text", (str,)) if isinstance(default, str) else ("text, a number, true or false", (str, int, float, bool))


def _check_certificates(options: Mapping[str, Any]) -> None:
    """Load the files that SSL needs: if a client cannot load one, it reports only that no broker answers."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for name in ("ssl_cafile", "ssl_crlfile", "ssl_certfile"):
        if name not in options:
            continue
        try:
            if name == "ssl_certfile":
                context.load_cert_chain(options[name], options.get("ssl_keyfile"), options.get("ssl_password", ""))
            else:
                context.load_verify_locations(options[name])
        except OSError as error:  # SSLError is one
            raise UsageError(f"client option {name!r}: cannot load {options[name]}: {one_line(error)}") from None
