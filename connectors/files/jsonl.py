"""JSON lines: one object per line. The elements of a JSON array are put on lines first."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from stream_rnn.connectors.decode.detect import SAMPLE_SIZE, TextSample
from stream_rnn.connectors.decode.json_records import JsonDecoder, as_word, parse_object
from stream_rnn.connectors.errors import UsageError
from stream_rnn.connectors.files.byte_stream import STDIN
from stream_rnn.connectors.files.framing import RecordSplitter
from stream_rnn.connectors.files.json_elements import JsonElements, recognise_structure
from stream_rnn.connectors.files.reader import TextReader

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stream_rnn.connectors.decode.columns import Decoded
    from stream_rnn.connectors.decode.detect import ColumnSample
    from stream_rnn.connectors.decode.schema import ColumnRoles
    from stream_rnn.connectors.files.byte_stream import ByteStream
    from stream_rnn.connectors.files.reader import Start


_ARRAY_OF_OBJECTS = re.compile(rb"\[\s*\{")
HEAD_BYTES = 1 << 16
"""Bytes from which it is recognised whether there is one object per line."""


class JsonLinesReader(TextReader):
    """Reads a file with one JSON object per line, or of one JSON array of objects.

    Parameters
    ----------
    stream
        The bytes of the file; closed with the reader.

    Raises
    ------
    UsageError
        If an array is to be followed.
    ConnectorError
        If the file is an object with several arrays.

    Examples
    --------
    >>> import io
    >>> from stream_rnn.connectors.files.byte_stream import ByteStream
    >>> reader = JsonLinesReader(ByteStream("-", stdin=io.BytesIO(b'{"x": 1}')))
    >>> list(reader.sample())
    ['x']
    """

    def __init__(self, stream: ByteStream) -> None:
        super().__init__(stream, RecordSplitter(stream.path, None), None)
        self._decoder: JsonDecoder | None = None
        head, is_all = _read_head(stream)
        structure = recognise_structure(stream.name, head, is_all=is_all)
        self._elements: JsonElements | None = None
        self.recognised = stream.recognised
        if structure is not None:
            if stream.follow:
                raise UsageError(f"{self.path}: one object per line can be followed, this is a {structure.description}")
            stream.skip(structure.start)
            self._elements = JsonElements(stream.name, structure)
            self.recognised = (structure.description, *stream.recognised)

    def sample(self) -> Mapping[str, ColumnSample]:
        """Return the first values of every field, in order of appearance, without consuming them."""
        block = self._peek_block()
        lines = [] if block is None else block.data.split(b"\n", SAMPLE_SIZE)[:SAMPLE_SIZE]
        rows = [fields for fields in map(parse_object, lines) if isinstance(fields, dict)]
        names = dict.fromkeys(name for fields in rows for name in fields)
        return {name: TextSample([_as_text(fields.get(name)) for fields in rows]) for name in names}

    def start(self, start: Start) -> None:
        """Say which column is what, and where to start; must be called before `read`.

        Raises
        ------
        UsageError
            If the name of a field cannot be read.
        """
        super().start(start)
        self._decoder = JsonDecoder(start.roles)

    def _read_bytes(self) -> bytes | None:
        data = super()._read_bytes()
        if self._elements is None:
            return data
        if data is None:
            self._elements.finish()
            return None
        return self._elements.feed(data) or b" "  # nothing would mean that a growing file has nothing new

    def _decode(self, data: bytes, roles: ColumnRoles) -> Decoded:  # noqa: ARG002 - the decoder knows them
        if self._decoder is None:
            raise RuntimeError("start must be called before read")
        return self._decoder.decode([line for line in data.split(b"\n") if line and not line.isspace()])


def _read_head(stream: ByteStream) -> tuple[bytes, bool]:
    """Return the first bytes of a file, and whether these are all; of a pipe, its first line if that is one object."""
    while len(stream.peek()) < HEAD_BYTES:
        first, newline, rest = stream.peek().lstrip().partition(b"\n")
        goes_on = first.rstrip().endswith((b"{", b"[", b",")) and not rest.lstrip().startswith(b"{")
        may_be_all = _ARRAY_OF_OBJECTS.search(first) and not rest.strip()
        if stream.path == STDIN and newline and not goes_on and not may_be_all:
            break
        if not stream.peek_more():
            return stream.peek(), not stream.follow
    return stream.peek()[:HEAD_BYTES], False


def _as_text(value: object) -> str | None:
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, int | float):
        return str(value)
    return None if value is None else as_word(value)
