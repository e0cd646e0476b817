"""TopicTemplate: which levels of an MQTT topic are the key, the field and other fields."""

from __future__ import annotations

import re

import msgspec

from stream_rnn.connectors.errors import UsageError

KEY, FIELD, VALUE = "key", "field", "value"
"""Names in a template of the stream and of the field whose value a message is; and the field that has this value."""
_NAME = re.compile(r"\{([^{}/]*)\}")


class Parsed(msgspec.Struct, frozen=True):
    """A message as a record."""

    key: bytes | None
    value: bytes | None
    """None if there is none"""


class TopicTemplate:
    """Turns topic and payload of a message into key and value of a record.

    The level named ``{key}`` is the record's key, and others are fields of its value. With ``{field}``, the payload is
    the value of the field that this level names; it is also the field ``value``, and the name is the field ``field``,
    for ``pivot = "field=value"``. Without ``{field}``, the payload has the fields.

    Parameters
    ----------
    template
        Such as ``plant/{key}/{field}``.

    Raises
    ------
    UsageError
        If it is no topic, or a name is empty or is there twice.

    Attributes
    ----------
    filter : str
        The topics to subscribe to.

    Examples
    --------
    >>> template = TopicTemplate("plant/{line}/{key}/{field}")
    >>> template.filter
    'plant/+/+/+'
    >>> template.parse("plant/a/pump-7/power", b"21.5")
    Parsed(key=b'pump-7', value=b'{"line":"a","field":"power","value":21.5,"power":21.5}')
    >>> template.parse("plant/a/pump-7", b"21.5")
    """

    def __init__(self, template: str) -> None:
        names = _NAME.findall(template)
        if not template or any(character in template for character in "+#\0"):
            raise UsageError(f"topic must be a template such as plant/{{key}}/{{field}}, got {template!r}")
        if "{" in _NAME.sub("", template) or "}" in _NAME.sub("", template):
            raise UsageError(f"topic has a brace without its other, got {template!r}")
        if not all(names) or len(set(names)) < len(names):
            raise UsageError(f"topic must name each level once, got {template!r}")
        parts = _NAME.split(template)
        pattern = "".join(f"(?P<n{i}>[^/]+)" if i % 2 else re.escape(part) for i, part in enumerate(parts))
        self._pattern = re.compile(pattern)
        self._names = names
        self._template = template
        self.filter = "/".join("+" if "{" in level else level for level in template.split("/"))

    def __str__(self) -> str:
        return self._template

    def parse(self, topic: str, payload: bytes) -> Parsed | None:
        """Return a message as a record; None if its topic does not match."""
        match = self._pattern.fullmatch(topic)
        if match is None:
            return None
        levels = dict(zip(self._names, match.groups(), strict=True))
        key = levels.pop(KEY, None)
        encoded_key = None if key is None else key.encode()
        name = levels.get(FIELD)
        if name is None:
            return Parsed(encoded_key, _with_levels(levels, payload) if payload else None)
        value = msgspec.Raw(_as_json(payload))
        return Parsed(encoded_key, msgspec.json.encode(levels | {VALUE: value} | {name: value}))

    def format(self, key: str) -> str:
        """Return the topic for a key, in which the characters that no level may have are underscores.

        Examples
        --------
        >>> TopicTemplate("forecasts/{key}").format("a/b")
        'forecasts/a_b'
        """
        level = re.sub(r"[/+#\x00]", "_", key)
        return _NAME.sub(lambda _: level, self._template)


def _with_levels(levels: dict[str, str], payload: bytes) -> bytes:
    """Return a payload that is an object with the levels of its topic as fields; another payload as it is."""
    if not levels:
        return payload
    try:
        fields = msgspec.json.decode(payload, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return payload
    return msgspec.json.encode(levels | fields)


def _as_json(payload: bytes) -> bytes:
    """Return a payload that is JSON as it is, and another one as text: sensors send bare words."""
    if not payload:
        return b"null"
    try:
        msgspec.json.decode(payload)
    except (ValueError, RecursionError):
        return msgspec.json.encode(payload.decode(errors="replace"))
    return payload
