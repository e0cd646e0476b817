"""The mark before a value whose schema is in a registry: Confluent's wire format.

References
----------
Confluent, "Formats, Serializers, and Deserializers", section "Wire format".
"""

from __future__ import annotations

HEADER_BYTES = 5
"""A zero byte, and the id of the schema in four bytes, big-endian."""


def schema_id(value: bytes) -> int | None:
    r"""Return the id in the mark that a value begins with, None if it has none.

    Examples
    --------
    >>> schema_id(b"\x00\x00\x00\x00\x07...")
    7
    >>> schema_id(b'{"x": 1}')
    """
    if len(value) < HEADER_BYTES or value[0]:
        return None
    return int.from_bytes(value[1:HEADER_BYTES], "big")


def has_marks(values: list[bytes]) -> bool:
    """Return whether one of the values may have a mark: a zero byte is in no JSON, and found fast."""
    return b"\0" in b"".join(values)
