"""Where schemas come from: a registry that speaks Confluent's HTTP interface, or a folder with a file for each id.

References
----------
Confluent, "Schema Registry API Reference"; Karapace, Redpanda and Apicurio answer the same requests.
"""

from __future__ import annotations

import json
import logging
import ssl
import time
from base64 import b64decode, b64encode
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlsplit
from urllib.request import Request, urlopen

from stream_rnn.connectors.decode.json_shape import UnusableError
from stream_rnn.connectors.errors import ConnectorError, UsageError, suggest
from stream_rnn.connectors.secret import FORM, read_secret
from stream_rnn.errors import require

if TYPE_CHECKING:
    from collections.abc import Mapping

log = logging.getLogger("stream_rnn")

SchemaType = Literal["AVRO", "PROTOBUF", "JSON"]
SCHEMA_TYPES = ("AVRO", "PROTOBUF", "JSON")
FILE_TYPES: dict[str, SchemaType] = {".avsc": "AVRO", ".desc": "PROTOBUF", ".json": "JSON"}
"""Types of schemas, by the ends of the names of their files."""
OPTIONS = ("url", "folder", "user", "password", "token", "cafile", "timeout")
TIMEOUT_SECONDS = 10.0
UNKNOWN_SECONDS = 10.0
"""How long an id that the registry does not know is not asked for again."""
MAX_UNKNOWN = 1000
"""How many such ids are kept in mind."""
MAX_ANSWER_BYTES = 2**24
NO_SCHEMA = range(40400, 40500)
"""Codes of a registry's own errors that say that there is no such schema; another 404 is from somebody else."""


class RegistryError(ConnectorError):
    """The registry does not answer, or fails; the same request may succeed later."""


class RegisteredSchema(NamedTuple):
    """A schema as the registry has it."""

    type: SchemaType
    parts: list[bytes]
    """the schemas that it refers to, then the schema itself: text, or a FileDescriptorProto for Protobuf"""


class SchemaRegistry(Protocol):
    """Knows schemas by their ids."""

    problem: str | None
    """why the last request failed; None if it did not"""

    def schema(self, number: int) -> RegisteredSchema:
        """Return the schema with this id.

        Raises
        ------
        UnusableError
            If there is none, or it cannot be used.
        RegistryError
            If the registry does not answer.
        """


class SchemaFolder:
    """Schemas in files that are named by their ids: ``7.avsc``, ``7.json`` or, for Protobuf, ``7.desc``.

    A ``.desc`` file is what ``protoc --include_imports --descriptor_set_out`` writes.

    Parameters
    ----------
    folder
        Where the files are.
    """

    def __init__(self, folder: Path) -> None:
        self.problem: str | None = None
        self._folder = folder

    def schema(self, number: int) -> RegisteredSchema:
        """Return the schema with this id, see `SchemaRegistry`."""
        for end, kind in FILE_TYPES.items():
            path = self._folder / f"{number}{end}"
            if path.is_file():
                data = self._read(path)
                return RegisteredSchema(kind, _parts_of_set(data) if kind == "PROTOBUF" else [data])
        raise UnusableError(f"not in {self._folder}")

    def _read(self, path: Path) -> bytes:
        try:
            data = path.read_bytes()
        except OSError as error:
            self.problem = f"schema file {path}: cannot be read: {error.strerror}"
            raise RegistryError(self.problem) from None
        self.problem = None
        return data


class HttpRegistry:
    """A registry that is asked over HTTP, for each id once.

    Parameters
    ----------
    url
        Where it is.
    headers
        Sent with every request, such as those of authentication; never shown.
    cafile
        Certificates that are trusted besides the system's.
    timeout
        Seconds to wait for an answer.
    """

    def __init__(
        self, url: str, headers: Mapping[str, str], cafile: str | None = None, timeout: float = TIMEOUT_SECONDS
    ) -> None:
        self.problem: str | None = None
        self._url = url.rstrip("/")
        self._headers = {"Accept": "application/vnd.schemaregistry.v1+json, application/json", **headers}
        self._context = ssl.create_default_context(cafile=cafile) if url.startswith("https") else None
        self._timeout = timeout
        self._schemas: dict[int, RegisteredSchema] = {}
        self._unknown: dict[int, tuple[float, str]] = {}
        """when an id is asked for again, and why it cannot be used until then"""

    def schema(self, number: int) -> RegisteredSchema:
        """Return the schema with this id, see `SchemaRegistry`."""
        if number in self._schemas:
            return self._schemas[number]
        until, reason = self._unknown.get(number, (0.0, ""))
        if time.monotonic() < until:
            raise UnusableError(reason)
        try:
            found = self._fetch(number)
        except UnusableError as error:
            if len(self._unknown) >= MAX_UNKNOWN:
                self._unknown.clear()
            self._unknown[number] = time.monotonic() + UNKNOWN_SECONDS, str(error)
            raise
        self._schemas[number] = found
        log.info("schema %d of %s is %s", number, self._url, found.type)
        return found

    def _fetch(self, number: int) -> RegisteredSchema:
        answer = self._get(f"/schemas/ids/{number}")
        kind = answer.get("schemaType", "AVRO")
        if kind not in SCHEMA_TYPES:
            raise UnusableError(f"type {kind!r}, allowed are {', '.join(SCHEMA_TYPES)}")
        if kind == "PROTOBUF":
            answer = self._get(f"/schemas/ids/{number}?format=serialized")
        try:
            return RegisteredSchema(kind, self._parts(answer, kind, number, {}, ""))
        except (KeyError, TypeError):
            raise UnusableError("has references that name no subject and version") from None

    def _parts(
        self, answer: Mapping[str, Any], kind: SchemaType, number: int, done: dict[str, bytes], name: str
    ) -> list[bytes]:
        """Return the schemas that an answer refers to, each once, and its own schema, which has this name."""
        suffix = "?format=serialized" if kind == "PROTOBUF" else ""
        for reference in answer.get("references") or ():
            if reference["name"] not in done:
                subject = quote(reference["subject"], safe="")
                path = f"/subjects/{subject}/versions/{reference['version']}{suffix}"
                self._parts(self._get(path), kind, number, done, reference["name"])
        done[name] = (
            _named(_descriptor(answer["schema"], number), name) if kind == "PROTOBUF" else (answer["schema"].encode())
        )
        return list(done.values())

    def _get(self, path: str) -> dict[str, Any]:
        """Return the schema in the registry's answer, and its metadata."""
        try:
            request = Request(self._url + path, headers=self._headers)  # noqa: S310 - `make_registry` has checked it
            with urlopen(request, timeout=self._timeout, context=self._context) as response:  # noqa: S310
                answer = json.loads(response.read(MAX_ANSWER_BYTES))
            if not isinstance(answer, dict) or not isinstance(answer.get("schema"), str):
                raise self._failed("does not answer as a schema registry")
        except HTTPError as error:
            with error:
                raise self._refused(error) from None
        except (URLError, OSError) as error:
            raise self._failed(f"does not answer: {getattr(error, 'reason', error)}") from None
        except ValueError:
            raise self._failed("does not answer as a schema registry: not JSON") from None
        self.problem = None
        return answer

    def _refused(self, error: HTTPError) -> Exception:
        """Return the exception that an answer of the registry means which is not a schema."""
        if error.code in (401, 403):
            return ConnectorError(
                f"schema registry {self._url} denies access ({error.code}): check user, password or token of registry"
            )
        try:
            code = json.loads(error.read(MAX_ANSWER_BYTES))["error_code"]
        except (ValueError, KeyError, TypeError, OSError):
            code = None
        if error.code == 404 and code in NO_SCHEMA:
            self.problem = None
            return UnusableError("not in the registry")
        return self._failed(f"answers {error.code} {error.reason}")

    def _failed(self, how: str) -> RegistryError:
        self.problem = f"schema registry {self._url} {how}"
        return RegistryError(self.problem)


def make_registry(options: Mapping[str, Any]) -> SchemaRegistry | None:
    """Return the registry that options of a job file describe; None without options. Nothing is requested yet.

    Parameters
    ----------
    options
        ``url``, and perhaps ``user`` and ``password``, or ``token``, ``cafile`` and ``timeout`` in seconds; or else
        ``folder``. A secret is ``{env = "NAME"}`` or ``{file = "path"}``.

    Raises
    ------
    UsageError
        If an option is unknown, has a wrong value or excludes another, or a secret cannot be read.
    MissingExtraError
        If fastavro or protobuf is not installed.

    Examples
    --------
    >>> make_registry({"url": "localhost:8081"})
    Traceback (most recent call last):
    ...
    stream_rnn.connectors.errors.UsageError: registry option 'url' must be http://host:port, got 'localhost:8081'
    """
    if not options:
        return None
    require("fastavro", "registry")
    require("google.protobuf", "registry")
    for name, value in options.items():
        _check_option(name, value)
    if ("url" in options) == ("folder" in options):
        raise UsageError("registry must have either url or folder")
    if "folder" in options:
        return _make_folder(options)
    return _make_http(options)


def _check_option(name: str, value: object) -> None:
    if name not in OPTIONS:
        raise UsageError(f"unknown registry option {name!r}{suggest(name, OPTIONS)}")
    if name in ("password", "token"):
        if not isinstance(value, dict):
            raise UsageError(f"registry option {name!r} must be {FORM}: it is a secret")
    elif name == "timeout":
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value <= 600:
            raise UsageError(f"registry option 'timeout' must be above 0 and at most 600, got {value!r}")
    elif not isinstance(value, str):
        raise UsageError(f"registry option {name!r} must be text, got {value!r}")


def _make_folder(options: Mapping[str, Any]) -> SchemaFolder:
    if others := sorted(options.keys() - {"folder"}):
        raise UsageError(f"registry options 'folder' and {others[0]!r} exclude each other")
    folder = Path(options["folder"])
    if not folder.is_dir():
        raise UsageError(f"registry option 'folder': no such folder: {folder}")
    return SchemaFolder(folder)


def _make_http(options: Mapping[str, Any]) -> HttpRegistry:
    url = options["url"]
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        shown = "a user in it: set user and password" if parts.username is not None else repr(url)
        raise UsageError(f"registry option 'url' must be http://host:port, got {shown}")
    if ("user" in options) != ("password" in options):
        raise UsageError("registry options 'user' and 'password' go together: set both")
    if "user" in options and "token" in options:
        raise UsageError("registry options 'user' and 'token' exclude each other")
    secrets = {
        name: read_secret(f"registry option {name!r}", options[name])
        for name in ("password", "token")
        if name in options
    }
    headers = {}
    if "user" in options:
        credentials = b64encode(f"{options['user']}:{secrets['password']}".encode()).decode()
        headers["Authorization"] = f"Basic {credentials}"
    elif "token" in options:
        headers["Authorization"] = f"Bearer {secrets['token']}"
    cafile = options.get("cafile")
    try:
        return HttpRegistry(url, headers, cafile, options.get("timeout", TIMEOUT_SECONDS))
    except OSError as error:  # SSLError is one
        raise UsageError(f"registry option 'cafile': cannot load {cafile}: {error}") from None


def _descriptor(text: str, number: int) -> bytes:
    """Return the FileDescriptorProto in an answer."""
    try:
        return b64decode(text, validate=True)
    except ValueError:
        raise UnusableError(f"the registry has it only as text: write it as {number}.desc, and set folder") from None


def _named(descriptor: bytes, name: str) -> bytes:
    """Return a FileDescriptorProto under the name by which another one imports it."""
    # Protobuf joins encoded messages by concatenation; the last value of a field holds. Field 1 is the name.
    encoded = name.encode()
    return descriptor + b"\x0a" + _varint(len(encoded)) + encoded if name else descriptor


def _parts_of_set(data: bytes) -> list[bytes]:
    """Return the FileDescriptorProtos of a FileDescriptorSet, which is in order of imports."""
    from stream_rnn.connectors.registry.protobuf import split_set  # noqa: PLC0415 - needs an optional package

    return split_set(data)


def _varint(number: int) -> bytes:
    return bytes([number]) if number < 0x80 else bytes([number & 0x7F | 0x80]) + _varint(number >> 7)
