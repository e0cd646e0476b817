"""JSON arrays: the elements of an array, and objects over several lines, are put on a line each, in constant memory."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from stream_rnn.connectors.errors import ConnectorError

if TYPE_CHECKING:
    from numpy.typing import NDArray

QUOTE, BACKSLASH, COMMA, SPACE, NEWLINE = b'"\\, \n'
_ONE_LINE = bytes.maketrans(b"\r\n\t", b"   ")
_WHITESPACE = b" \r\n\t"
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[\[\]{}]', re.DOTALL)
_OPENS_OBJECT = re.compile(rb"\[\s*\{")
_DEPTH = np.zeros(256, np.int8)
_DEPTH[list(b"[{")] = 1
_DEPTH[list(b"]}")] = -1


class JsonStructure(NamedTuple):
    """How the objects of a JSON file are arranged, if not one per line."""

    start: int
    """byte at which the array, or the first object, starts"""
    depth: int
    """number of brackets around an object"""
    in_object: bool
    """whether the array is a member of an object"""
    description: str


def recognise_structure(path: str, head: bytes, *, is_all: bool, in_objects: bool = True) -> JsonStructure | None:
    r"""Return how the objects are arranged, None if there is one per line.

    Parameters
    ----------
    path
        Of the file, for error messages.
    head
        The first bytes of the file.
    is_all
        Whether these are all bytes of the file.
    in_objects
        Whether the objects may be in an array that is a member of an object.

    Raises
    ------
    ConnectorError
        If the file is one object with two arrays of objects.

    Examples
    --------
    >>> recognise_structure("a.json", b'{"data": [\n{"x": 1}]}', is_all=True)
    JsonStructure(start=9, depth=1, in_object=True, description="JSON array 'data'")
    """
    start = len(head) - len(head.lstrip(_WHITESPACE))
    line, newline, rest = head[start:].partition(b"\n")
    first = line.strip(_WHITESPACE)
    is_only = is_all and not rest.strip(_WHITESPACE)
    if first.startswith(b"["):
        is_line = newline and not is_only and _is_json(first)  # each line is an array
        return None if is_line else JsonStructure(start, 1, in_object=False, description="JSON array")
    if not first.startswith(b"{"):
        return None
    is_next_object = rest.lstrip(b"\r\n").startswith((b"{", b"["))
    goes_on = first.endswith(b"[") or (first.endswith((b"{", b",")) and not is_next_object)
    if not (goes_on or (is_only and _is_json(first)) or (not newline and not is_all)):
        return None
    arrays = _arrays(head, start) if in_objects else []
    if len(arrays) > 1:
        names = " and ".join(repr(name) for name, _ in arrays[:2])
        raise ConnectorError(f"{path}: is a JSON object with two arrays of objects, {names}: write one of them alone")
    if arrays:
        name, at = arrays[0]
        return JsonStructure(at, 1, in_object=True, description=f"JSON array {name!r}")
    return JsonStructure(start, 0, in_object=False, description="JSON objects on several lines") if goes_on else None


class JsonElements:
    r"""Puts the objects of a JSON file on one line each, wherever its bytes are cut.

    Parameters
    ----------
    path
        Of the file, for error messages.
    structure
        How the objects are arranged.

    Examples
    --------
    >>> elements = JsonElements("a.json", JsonStructure(0, 1, in_object=False, description=""))
    >>> elements.feed(b'[{"x":\n1},{"x"')
    b' {"x": 1}\n{"x"'
    >>> elements.feed(b": 2}]")
    b': 2}\n'
    """

    def __init__(self, path: str, structure: JsonStructure) -> None:
        self._path = path
        self._structure = structure
        self._depth = 0
        self._is_inside = False
        """whether the next byte is inside a string"""
        self._rest = b""
        self._ended = False
        self._is_mark = np.zeros(256, np.bool_)
        """by byte, whether it may have a meaning"""
        self._is_mark[[*b'[]{}"', COMMA if structure.depth else SPACE]] = True
        self._after = b""

    def feed(self, data: bytes) -> bytes:
        """Return the next bytes, with a line end after each object.

        Raises
        ------
        ConnectorError
            If another array of objects follows the first one.
        """
        if self._ended:
            return self._after_end(data)
        data = self._rest + data
        kept = len(data.rstrip(b"\\"))  # what follows decides whether a quote is escaped
        data, self._rest = data[:kept], data[kept:]
        if not data:
            return b""
        text = np.frombuffer(data.translate(_ONE_LINE), np.uint8).copy()
        at = np.flatnonzero(self._is_mark[text])
        marks = text[at]
        is_quote = self._is_quote(data, at, marks)
        inside = np.logical_xor.accumulate(is_quote) ^ self._is_inside
        change = np.where(inside, np.int8(0), _DEPTH[marks])
        depth = self._depth + np.cumsum(change, dtype=np.int64)
        if len(at):
            self._depth, self._is_inside = int(depth[-1]), bool(inside[-1])
        level = self._structure.depth
        if not level:
            text[at[(depth == 0) & ~inside & (marks == SPACE)]] = NEWLINE
            return text.tobytes()
        text[at[(change == 1) & (depth == level)]] = SPACE
        text[at[(depth == level) & ~inside & (marks == COMMA)]] = NEWLINE
        ends = np.flatnonzero((change == -1) & (depth < level))
        if not len(ends):
            return text.tobytes()
        end = int(at[ends[0]])
        self._ended = True
        text[end] = NEWLINE
        return text[: end + 1].tobytes() + self._after_end(data[end + 1 :])

    def finish(self) -> None:
        """Check that the file is complete.

        Raises
        ------
        ConnectorError
            If its array is not closed.
        """
        if self._structure.depth and not self._ended:
            raise ConnectorError(f"{self._path}: is not complete: its JSON array is not closed")

    @staticmethod
    def _is_quote(data: bytes, at: NDArray[np.intp], marks: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Return which marks (M,) open or close a string."""
        is_quote = marks == QUOTE
        if b'\\"' in data:
            for mark in np.flatnonzero(is_quote):
                quote = int(at[mark])
                if quote and data[quote - 1] == BACKSLASH:
                    backslashes = quote - len(data[:quote].rstrip(b"\\"))
                    is_quote[mark] = backslashes % 2 == 0
        return is_quote

    def _after_end(self, data: bytes) -> bytes:
        """Check what follows the array: the rest of an object; otherwise it is a record that is refused."""
        if not self._structure.in_object:
            return data
        self._after = self._after[-1:] + data.translate(None, _WHITESPACE)
        if b"[{" in self._after:
            raise ConnectorError(f"{self._path}: is a JSON object with two arrays of objects: write one of them alone")
        return b""


def _arrays(head: bytes, start: int) -> list[tuple[str, int]]:
    """Return the members of an object that are arrays of objects, as far as they start here: names and indices."""
    found: list[tuple[str, int]] = []
    depth, name = 0, b""
    for match in _TOKEN.finditer(head, start):
        token = match[0]
        if token in (b"[", b"{"):
            if depth == 1 and _OPENS_OBJECT.match(head, match.start()):
                found.append((name.decode(errors="replace"), match.start()))
            depth += 1
        elif token in (b"]", b"}"):
            depth -= 1
            if not depth:
                break
        elif depth == 1:
            name = token[1:-1]
    return found


def _is_json(text: bytes) -> bool:
    try:
        _: Any = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
