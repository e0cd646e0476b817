"""Recognise values that were encoded with the help of a schema registry, which cannot be read."""

from __future__ import annotations

HEADER_BYTES = 5
"""A zero byte, and the id of the schema in four bytes, big-endian."""


def explain(value: bytes, reason: str) -> str:
    r"""Return why a record is refused: the given reason, unless its value begins with a schema registry's mark.

    Examples
    --------
    >>> explain(b"\x00\x00\x00\x00\x07...", "not JSON")
    "begins with a schema registry's mark (schema id 7): Avro/Protobuf is not supported, only JSON"
    >>> explain(b"garbled", "not JSON")
    'not JSON'
    """
    if len(value) < HEADER_BYTES or value[0]:
        return reason
    schema = int.from_bytes(value[1:HEADER_BYTES], "big")
    return f"begins with a schema registry's mark (schema id {schema}): Avro/Protobuf is not supported, only JSON"
