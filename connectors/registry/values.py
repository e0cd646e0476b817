"""RegisteredValues: values that begin with the id of a schema become JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from stream_rnn.connectors.decode.json_shape import UnusableError
from stream_rnn.connectors.registry.avro import AvroReader
from stream_rnn.connectors.registry.mark import HEADER_BYTES, has_marks, schema_id
from stream_rnn.connectors.registry.needs import Needs
from stream_rnn.connectors.registry.protobuf import ProtobufReader

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stream_rnn.connectors.decode.schema import ColumnRoles
    from stream_rnn.connectors.registry.registry import SchemaRegistry, SchemaType


class SchemaReader(Protocol):
    """Reads values of one schema."""

    def read(self, body: bytes) -> bytes:
        """Return a value as JSON.

        Raises
        ------
        UnusableError
            If it is not of the schema.
        """


class JsonReader:
    """Reads JSON, whatever its schema: the fields of a value are its own."""

    def __init__(self, parts: Sequence[bytes] = (), needs: Needs | None = None) -> None:
        del parts, needs

    def read(self, body: bytes) -> bytes:
        """Return the value."""
        return body


READERS: dict[SchemaType, Callable[[Sequence[bytes], Needs], SchemaReader]] = {
    "AVRO": AvroReader,
    "PROTOBUF": ProtobufReader,
    "JSON": JsonReader,
}
"""Makes the reader of a schema, by its type, from the schema's parts and the fields that it must have."""


class RegisteredValues:
    """Converts values that begin with the id of a schema to JSON, and leaves others unchanged.

    Without a registry only JSON is certain: a mark before what may be an object or an array is cut off, and what is no
    JSON after that is refused by the decoder.

    Parameters
    ----------
    registry
        Has the schemas; None if there is none.
    roles
        The fields that are read, which a schema must have.
    """

    def __init__(self, registry: SchemaRegistry | None, roles: ColumnRoles) -> None:
        self.recognised: dict[str, None] = {}
        self._registry = registry
        self._needs = Needs.of(roles)
        self._readers: dict[int, SchemaReader | UnusableError] = {}

    def to_json(self, values: list[bytes]) -> tuple[list[bytes], dict[int, str]]:
        """Return the values as JSON, and why some cannot be used, by number.

        Raises
        ------
        RegistryError
            If the registry does not answer.
        """
        if not has_marks(values):
            return values, {}
        refused: dict[int, str] = {}
        found = list(values)
        for i, value in enumerate(values):
            number = schema_id(value)
            if number is None:
                continue
            body = value[HEADER_BYTES:]
            if self._registry is None:
                found[i] = body if body[:1] in (b"{", b"[") else value
                continue
            try:
                found[i] = self._reader(number, self._registry).read(body)
            except UnusableError as error:
                refused[i] = f"schema {number}: {error}"
        return found, refused

    def explain(self, value: bytes, reason: str) -> str:
        """Return why a record is refused: without a registry, a value with a mark needs one."""
        number = schema_id(value)
        if number is None or self._registry is not None:
            return reason
        return f"begins with a schema registry's mark (schema id {number}): set registry to read Avro and Protobuf"

    def _reader(self, number: int, registry: SchemaRegistry) -> SchemaReader:
        """Return the reader of a schema.

        Raises
        ------
        UnusableError
            If there is no such schema, or it cannot be used.
        RegistryError
            If the registry does not answer.
        """
        if number not in self._readers:
            schema = registry.schema(number)  # whether there is such a schema may change
            try:
                self._readers[number] = READERS[schema.type](schema.parts, self._needs)
            except UnusableError as error:
                self._readers[number] = error
        found = self._readers[number]
        if isinstance(found, UnusableError):
            raise UnusableError(str(found))
        return found
