"""JSON lines: one object per line. The elements of a JSON array are put on lines first."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from stream_rnn.connectors.decode.detect import SAMPLE_SIZE, TextSample
from stream_rnn.connectors.decode.json_paths import ABSENT, Path, leaves
from stream_rnn.connectors.decode.json_records import JsonDecoder, as_word, parse_json
from stream_rnn.connectors.decode.json_shape import NUMBER_FIELD, Envelope, Shape, UnusableError, find
from stream_rnn.connectors.errors import ConnectorError, UsageError
from stream_rnn.connectors.files.byte_stream import STDIN
from stream_rnn.connectors.files.framing import RecordSplitter
from stream_rnn.connectors.files.json_elements import JsonElements, recognise_structure
from stream_rnn.connectors.files.reader import TextReader

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from stream_rnn.connectors.decode.columns import Decoded
    from stream_rnn.connectors.decode.detect import ColumnSample
    from stream_rnn.connectors.decode.json_shape import Scope
    from stream_rnn.connectors.decode.schema import ColumnRoles
    from stream_rnn.connectors.files.byte_stream import ByteStream
    from stream_rnn.connectors.files.reader import Start


_ARRAY_OF_OBJECTS = re.compile(rb"\[\s*\{")
HEAD_BYTES = 1 << 16
"""Number of bytes read to recognise whether there is one object per line."""


class JsonLinesReader(TextReader):
    """Reads a file with one JSON object per line, or of one JSON array of objects.

    The events of an array in a line are records of their own.

    Parameters
    ----------
    stream
        The bytes of the file; closed with the reader.
    unwrap, records
        Where the events of an object are, see `Schema`.

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

    def __init__(self, stream: ByteStream, unwrap: str = "", records: str = "") -> None:
        super().__init__(stream, RecordSplitter(stream.path, None), None)
        self._shape, self._shape_of_numbers = (Shape(inputs, unwrap, records) for inputs in ((), (NUMBER_FIELD,)))
        self._decoder: JsonDecoder | None = None
        head, is_all = _read_head(stream)
        structure = recognise_structure(stream.name, head, is_all=is_all, in_objects=not self._shape.steps)
        self._elements: JsonElements | None = None
        self.recognised = stream.recognised
        if structure is not None:
            if stream.follow:
                raise UsageError(f"{self.path}: one object per line can be followed, this is a {structure.description}")
            stream.skip(structure.start)
            self._elements = JsonElements(stream.name, structure)
            self.recognised = (structure.description, *stream.recognised)

    def sample(self) -> Mapping[str, ColumnSample]:
        """Return the first values of every field, in order of appearance, without consuming them.

        The fields of nested objects are listed by their paths. Those of objects around an event have a sample, too, but
        are only listed if the event is an element of an array that is set.

        Raises
        ------
        ConnectorError
            If nothing is where events are said to be.
        """
        block = self._peek_block()
        lines = [] if block is None else block.data.split(b"\n", SAMPLE_SIZE)[:SAMPLE_SIZE]
        scopes, refused, envelopes = _expand(lines, self._shape)
        if not scopes:  # a number among objects is no event
            scopes, refused, envelopes = _expand(lines, self._shape_of_numbers)
        if self._shape.steps and not scopes and refused:
            raise ConnectorError(f"{self.path}: the first record {refused[0]}: check unwrap and records")
        self.recognised = (*self.recognised, *envelopes)
        return _Samples(scopes, self._shape.array)

    def start(self, start: Start) -> None:
        """Say which column is what, and where to start; must be called before `read`.

        Raises
        ------
        UsageError
            If the name of a field cannot be read.
        """
        super().start(start)
        self._decoder = JsonDecoder(start.roles)

    def _count(self, data: bytes) -> int | None:
        """Return the number of records; where there are arrays, which may be of events, that takes decoding."""
        return None if b"[" in data else super()._count(data)

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


class _Samples(Mapping[str, TextSample]):
    """Samples of the fields of events, by path.

    Parameters
    ----------
    scopes
        The events.
    array
        Path to the array of events, if it is set: the fields around it are listed, too.
    """

    def __init__(self, scopes: Sequence[Scope], array: str) -> None:
        self._scopes = scopes
        listed = [fields for scope in scopes for fields in (scope if array else scope[:1])]
        names = dict.fromkeys(name for fields in listed if isinstance(fields, dict) for name in leaves(fields))
        self._names = {name: None for name in names if name != array}

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and (name in self._names or any(v is not ABSENT for v in self._find(name)))

    def __getitem__(self, name: str) -> TextSample:
        return TextSample([_as_text(value) for value in self._find(name)])

    def _find(self, name: str) -> list[Any]:
        path = Path.of(name)
        return [find(scope, path) for scope in self._scopes]


def _expand(lines: Sequence[bytes], shape: Shape) -> tuple[list[Scope], list[str], dict[str, None]]:
    """Return the events of lines, why others have none, and the envelopes that were recognised."""
    scopes: list[Scope] = []
    refused: list[str] = []
    envelopes: dict[str, None] = {}
    for line in lines:
        try:
            expanded = shape.expand(parse_json(line))
        except UnusableError as error:
            refused.append(str(error))
            continue
        scopes += [scope for scope in expanded.scopes if not isinstance(scope, str)]
        envelopes |= {step.describe(): None for step in expanded.steps if isinstance(step, Envelope)}
    return scopes, refused, envelopes


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
    return None if value is None or value is ABSENT else as_word(value)
