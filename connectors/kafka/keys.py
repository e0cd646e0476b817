"""Keys of records: how their bytes become text, one function for each format."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stream_rnn.connectors.decode import values
from stream_rnn.connectors.decode.json_paths import ABSENT, Path
from stream_rnn.connectors.decode.json_records import as_key, parse_json
from stream_rnn.connectors.decode.json_shape import Shape, UnusableError, find

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

INTEGERS = {4: "int32", 8: "int64"}
"""Formats of integers, by their number of bytes."""


class KeyDecoder:
    """Decodes keys of records, each distinct one of a batch once.

    Parameters
    ----------
    key_format
        ``text`` (UTF-8), ``int32`` or ``int64`` (big endian), ``hex`` (any bytes), or ``json``.
    path
        Field of a JSON key that is the key. Default: the JSON value, a text or a number.

    Examples
    --------
    >>> KeyDecoder("int32").decode([bytes([0, 0, 1, 0]), None])
    (['256', ''], {})
    >>> KeyDecoder("text").decode([bytes([0, 0, 1, 0])])
    ([None], {0: 'key is not text: set key_format to int32 or hex'})
    """

    def __init__(self, key_format: str = "text", path: str | None = None) -> None:
        self._decode: Callable[[bytes], str] = _JsonKey(path) if key_format == "json" else KEY_FORMATS[key_format]

    def decode(self, keys: Sequence[bytes | None]) -> tuple[list[str | None], dict[int, str]]:
        """Return keys as text, and why others cannot be read; a record without a key has the empty one."""
        texts: dict[bytes | None, str | None] = {None: ""}
        reasons: dict[bytes | None, str] = {}
        for key in dict.fromkeys(keys):
            if key is not None:
                try:
                    texts[key] = self._decode(key)
                except UnusableError as error:
                    texts[key], reasons[key] = None, str(error)
        if not reasons:
            return [texts[key] for key in keys], {}
        return [texts[key] for key in keys], {i: reasons[key] for i, key in enumerate(keys) if key in reasons}


class _JsonKey:
    """A JSON key, or a field of one; a known envelope is unwrapped."""

    def __init__(self, path: str | None) -> None:
        self._path = None if path is None else Path.of(path)
        self._shape = Shape(() if path is None else (path,))

    def __call__(self, key: bytes) -> str:
        value: Any = parse_json(key)
        if self._path is not None:
            scope = self._shape.expand(value).scopes[0]
            value = None if isinstance(scope, str) or (found := find(scope, self._path)) is ABSENT else found
        elif isinstance(value, dict):
            raise UnusableError("key is a JSON object: set key to the path of a field in it")
        text = as_key(value)
        if not text:
            raise UnusableError(values.NO_KEY if self._path is None else f"key has no {self._path.name!r}")
        return text


def _text(key: bytes) -> str:
    """Return UTF-8. A NUL is no text: it is part of most binary integers, which must not become two kinds of keys."""
    try:
        text = key.decode()
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        formats = f"{INTEGERS[len(key)]} or hex" if len(key) in INTEGERS else "hex"
        raise UnusableError(f"key is not text: set key_format to {formats}")
    return text


def _integer(key: bytes, size: int) -> str:
    if len(key) != size:
        raise UnusableError(f"key is not an {INTEGERS[size]} of {size} bytes: set key_format to text or hex")
    return str(int.from_bytes(key, "big", signed=True))


KEY_FORMATS: dict[str, Callable[[bytes], str]] = {
    "text": _text,
    "int32": lambda key: _integer(key, 4),
    "int64": lambda key: _integer(key, 8),
    "hex": bytes.hex,
}
