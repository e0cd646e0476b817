"""Avro: records become the JSON objects that their schema describes.

Logical types of times become text in ISO 8601, decimals numbers, enums their labels, and unions the value that they
have.

References
----------
Apache Avro, "Specification".
"""

from __future__ import annotations

import json
import math
from io import BytesIO
from typing import TYPE_CHECKING, Any

import msgspec

from stream_rnn.connectors.decode.json_shape import UnusableError
from stream_rnn.connectors.registry.needs import ROOT
from stream_rnn.errors import require

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stream_rnn.connectors.registry.needs import Needs

NUMBER_TYPES = ("int", "long", "float", "double")
TIMES = ("timestamp-", "local-timestamp-", "date", "time-")
"""How the names of logical types of times start."""
MAX_DEPTH = 12
"""Number of levels of a schema that are examined."""


class AvroReader:
    """Reads records of one schema.

    Parameters
    ----------
    parts
        The schemas that it refers to, then the schema, as JSON.
    needs
        Fields that it must have.

    Raises
    ------
    UnusableError
        If it is no Avro schema, or a field is missing or of another type.
    MissingExtraError
        If fastavro is not installed.
    """

    def __init__(self, parts: Sequence[bytes], needs: Needs) -> None:
        fastavro = require("fastavro", "registry")
        names: dict[str, Any] = {}
        try:
            for part in parts:
                self._schema = fastavro.parse_schema(json.loads(part), named_schemas=names)
        except (ValueError, TypeError, KeyError, AttributeError, fastavro.schema.SchemaParseException) as error:
            raise UnusableError(f"not valid Avro: {' '.join(str(error).split())}") from None
        except fastavro.schema.UnknownType as error:
            raise UnusableError(f"not valid Avro: unknown type {error.name}") from None
        fields: dict[str, set[str]] = {}
        _collect(self._schema, "", names, fields, MAX_DEPTH)
        if (unmet := needs.unmet(fields)) is not None:
            raise UnusableError(unmet)
        self._read = fastavro.schemaless_reader
        self._encode = msgspec.json.Encoder(decimal_format="number").encode

    def read(self, body: bytes) -> bytes:
        """Return a record as JSON; an infinite number becomes text, which is refused later as what it is.

        Raises
        ------
        UnusableError
            If it is not of the schema.
        """
        data = BytesIO(body)
        try:
            value = self._read(data, self._schema, None)
            encoded = self._encode(value)
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a record raises, it is this record that cannot be read
            raise UnusableError(f"the record is not of its schema: {type(error).__name__}") from None
        if data.tell() < len(body):
            raise UnusableError("the record is longer than its schema")
        return self._encode(_with_infinities(value)) if b"null" in encoded else encoded


def _with_infinities(value: Any) -> Any:
    """Return a value with infinite numbers as text: JSON has none."""
    if isinstance(value, dict):
        return {name: _with_infinities(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_with_infinities(part) for part in value]
    return str(value) if isinstance(value, float) and math.isinf(value) else value


def _collect(schema: Any, path: str, names: Mapping[str, Any], fields: dict[str, set[str]], depth: int) -> None:
    """Collect the kinds of the fields of a schema by path; elements of an array have the path of the array."""
    if isinstance(schema, list):
        for part in schema:
            _collect(part, path, names, fields, depth)
        return
    if isinstance(schema, str) and schema in names:
        schema = names[schema]
    kind = schema["type"] if isinstance(schema, dict) else schema
    if kind == "null" or not depth:
        return
    if kind in ("record", "error"):
        for field in schema["fields"]:
            inner = f"{path}.{field['name']}" if path else field["name"]
            fields.setdefault(inner, set())
            _collect(field["type"], inner, names, fields, depth - 1)
    elif kind == "array":
        _collect(schema["items"], path, names, fields, depth - 1)
    elif isinstance(kind, dict | list):
        _collect(kind, path, names, fields, depth)
    else:
        logical = schema.get("logicalType", "") if isinstance(schema, dict) else ""
        fields.setdefault(path or ROOT, set()).add(_kind(kind, logical))


def _kind(kind: str, logical: str) -> str:
    """Return the kind of a type, see `Needs`."""
    if logical.startswith(TIMES):
        return "time"
    if kind in NUMBER_TYPES or logical == "decimal":
        return "number"
    return {"boolean": "flag", "string": "text"}.get(kind, kind)
