"""Protobuf: messages become the JSON objects that their descriptor describes.

Fields have the names of the .proto file, enums become their labels, timestamps text in ISO 8601 and durations seconds.
A field without presence that is not in the message has its default, such as 0; one with presence is null.

References
----------
Google, "Protocol Buffers Documentation", "Encoding" and "Field Presence". For the indices of the message's type:
Confluent, "Formats, Serializers, and Deserializers", section "Wire format".
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import msgspec

from stream_rnn.connectors.decode.json_shape import UnusableError
from stream_rnn.connectors.registry.needs import OPEN
from stream_rnn.errors import require

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stream_rnn.connectors.registry.needs import Needs

    Convert = Callable[[Any], Any]

KNOWN = "google/protobuf/"
"""How the names of the files start that come with protobuf."""
FLAG, TEXT, BYTES, ENUM, MESSAGE = "BOOL", "STRING", "BYTES", "ENUM", "MESSAGE"
MAX_DEPTH = 12
"""Levels of a message that are read."""
TIMESTAMP, DURATION = "google.protobuf.Timestamp", "google.protobuf.Duration"
WRAPPERS = {
    f"google.protobuf.{name}Value": kind for name, kind in {"String": "text", "Bool": "flag", "Bytes": "bytes"}.items()
} | dict.fromkeys(
    (f"google.protobuf.{name}Value" for name in ("Double", "Float", "Int32", "Int64", "UInt32", "UInt64")), "number"
)
"""Kinds of the messages that hold one value."""


class ProtobufReader:
    """Reads messages of one schema.

    Parameters
    ----------
    parts
        The FileDescriptorProtos that it imports, then its own.
    needs
        Fields that a message must have.

    Raises
    ------
    UnusableError
        If they are no descriptors, or one that is imported is not there.
    MissingExtraError
        If protobuf is not installed.
    """

    def __init__(self, parts: Sequence[bytes], needs: Needs) -> None:
        require("google.protobuf", "registry")
        from google.protobuf.descriptor_pool import DescriptorPool  # noqa: PLC0415 - an optional package
        from google.protobuf.message import DecodeError  # noqa: PLC0415

        pool, self._error = DescriptorPool(), DecodeError
        self._encode = msgspec.json.Encoder().encode
        self._needs = needs
        self._types: dict[bytes, tuple[Any, Convert] | UnusableError] = {}
        """class and conversion of the messages whose type has these indices, or why they cannot be used"""
        try:
            name = ""
            for part in parts:
                name = _add(pool, part)
            self._file = pool.FindFileByName(name)
        except (DecodeError, TypeError, KeyError) as error:
            raise UnusableError(f"not valid Protobuf: {' '.join(str(error).split())}") from None

    def read(self, body: bytes) -> bytes:
        """Return a message as JSON.

        Raises
        ------
        UnusableError
            If it is not of the schema, or its type lacks a field that is needed.
        """
        indices, start = _read_indices(body)
        if body[:start] not in self._types:
            self._types[body[:start]] = self._type_of(indices)
        found = self._types[body[:start]]
        if isinstance(found, UnusableError):
            raise UnusableError(str(found))
        message_type, convert = found
        try:
            return self._encode(convert(message_type.FromString(body[start:])))
        except (self._error, ValueError, RecursionError) as error:
            raise UnusableError(f"the record is not of its schema: {type(error).__name__}") from None

    def _type_of(self, indices: Sequence[int]) -> tuple[Any, Convert] | UnusableError:
        """Return the type of message with these indices, of nested types the last, and how it is converted."""
        from google.protobuf.message_factory import GetMessageClass  # noqa: PLC0415 - an optional package

        types, found = list(self._file.message_types_by_name.values()), None
        for index in indices:
            if not 0 <= index < len(types):
                return UnusableError(f"no message with the indices {list(indices)}")
            found, types = types[index], list(types[index].nested_types)
        if found is None:
            return UnusableError("no messages")
        fields: dict[str, set[str]] = {}
        convert = _converter(found, "", fields, MAX_DEPTH)
        unmet = self._needs.unmet(fields)
        return UnusableError(unmet) if unmet is not None else (GetMessageClass(found), convert)


def split_set(data: bytes) -> list[bytes]:
    """Return the FileDescriptorProtos of a FileDescriptorSet, those that are imported first.

    Raises
    ------
    UnusableError
        If it is none.
    """
    require("google.protobuf", "registry")
    from google.protobuf.descriptor_pb2 import FileDescriptorSet  # noqa: PLC0415 - an optional package
    from google.protobuf.message import DecodeError  # noqa: PLC0415

    try:
        return [file.SerializeToString() for file in FileDescriptorSet.FromString(data).file]
    except DecodeError:
        raise UnusableError("not a descriptor set: write the file with protoc --descriptor_set_out") from None


def _add(pool: Any, part: bytes) -> str:
    """Add a file, after those that come with protobuf and that it imports; return its name."""
    from google.protobuf.descriptor_pb2 import FileDescriptorProto  # noqa: PLC0415 - an optional package

    file = FileDescriptorProto.FromString(part)
    for name in file.dependency:
        if name.startswith(KNOWN) and not _has(pool, name):
            module = require(name.removesuffix(".proto").replace("/", ".") + "_pb2", "registry")
            _add(pool, module.DESCRIPTOR.serialized_pb)
    if not _has(pool, file.name):
        pool.Add(file) if hasattr(pool, "Add") else pool.AddSerializedFile(part)
    return str(file.name)


def _has(pool: Any, name: str) -> bool:
    try:
        pool.FindFileByName(name)
    except KeyError:
        return False
    return True


def _converter(message: Any, path: str, fields: dict[str, set[str]], depth: int) -> Convert:
    """Return a function that converts messages of a type to objects, and collect the kinds of its fields by path."""
    readers: list[tuple[str, bool, Convert]] = []
    for field in message.fields if depth else ():
        inner = f"{path}.{field.name}" if path else field.name
        fields.setdefault(inner, set())
        readers.append((field.name, field.has_presence, _field_converter(field, inner, fields, depth)))

    def convert(value: Any) -> dict[str, Any]:
        return {
            name: None if has_presence and not value.HasField(name) else read(getattr(value, name))
            for name, has_presence, read in readers
        }

    return convert


def _field_converter(field: Any, path: str, fields: dict[str, set[str]], depth: int) -> Convert:
    kind = field.message_type
    if kind is not None and kind.GetOptions().map_entry:
        fields[path].add(OPEN)
        inner: dict[str, set[str]] = {"": set()}
        read = _value_converter(kind.fields_by_name["value"], "", inner, depth)
        return lambda entries: {str(key): read(entries[key]) for key in entries}
    read = _value_converter(field, path, fields, depth)
    return (lambda values: [read(value) for value in values]) if field.is_repeated else read


def _value_converter(field: Any, path: str, fields: dict[str, set[str]], depth: int) -> Convert:
    """Return a function that converts a value to JSON, for a field that is neither repeated nor a map."""
    kinds = fields[path]
    if field.message_type is not None:
        name = field.message_type.full_name
        if name == TIMESTAMP:
            kinds.add("time")
            return lambda value: value.ToJsonString()
        if name == DURATION:
            kinds.add("number")
            return lambda value: value.seconds + value.nanos / 1e9
        if name in WRAPPERS:
            kinds.add(WRAPPERS[name])
            return lambda value: _finite(value.value)
        return _converter(field.message_type, path, fields, depth - 1)
    if field.enum_type is not None:
        kinds.add("enum")
        labels = {number: value.name for number, value in field.enum_type.values_by_number.items()}
        return lambda value: labels.get(value, value)
    kind = {bool: "flag", str: "text", bytes: "bytes"}.get(type(field.default_value), "number")
    kinds.add(kind)
    return _finite if isinstance(field.default_value, float) else _same


def _finite(value: Any) -> Any:
    """Return a value, an infinite number as text, which is refused later as what it is: JSON has none."""
    return str(value) if isinstance(value, float) and math.isinf(value) else value


def _same(value: Any) -> Any:
    return value


def _read_indices(body: bytes) -> tuple[list[int], int]:
    """Return the indices of the message's type, which stand before it, and where it begins; one zero byte is [0]."""
    numbers, place = [], 0
    count, place = _read_varint(body, place)
    for _ in range(min(count, MAX_DEPTH)):
        number, place = _read_varint(body, place)
        numbers.append(number)
    return numbers or [0], place


def _read_varint(data: bytes, place: int) -> tuple[int, int]:
    """Return a zigzag integer and the place after it."""
    number = shift = 0
    while place < len(data) and shift < 35:
        byte = data[place]
        number, shift, place = number | (byte & 0x7F) << shift, shift + 7, place + 1
        if byte < 0x80:
            return (number >> 1) ^ -(number & 1), place
    raise UnusableError("the record does not say which message of its schema it is")
