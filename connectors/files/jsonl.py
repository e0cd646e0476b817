"""JSON lines: one object per line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stream_rnn.connectors.decode.detect import SAMPLE_SIZE, TextSample
from stream_rnn.connectors.decode.json_records import JsonDecoder, as_word, parse_object
from stream_rnn.connectors.errors import ConnectorError
from stream_rnn.connectors.files.framing import RecordSplitter
from stream_rnn.connectors.files.reader import TextReader

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stream_rnn.connectors.decode.columns import Decoded
    from stream_rnn.connectors.decode.detect import ColumnSample
    from stream_rnn.connectors.decode.schema import ColumnRoles
    from stream_rnn.connectors.files.byte_stream import ByteStream
    from stream_rnn.connectors.files.reader import Start


class JsonLinesReader(TextReader):
    """Reads a file with one JSON object per line.

    Parameters
    ----------
    stream
        The bytes of the file; closed with the reader.

    Raises
    ------
    ConnectorError
        If the file is a JSON array.

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
        block = self._peek_block()
        if block is not None and block.data.lstrip()[:1] == b"[":
            raise ConnectorError(
                f"{self.path}: is a JSON array, one object per line is needed: jq -c '.[]' converts it"
            )

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

    def _decode(self, data: bytes, roles: ColumnRoles) -> Decoded:  # noqa: ARG002 - the decoder knows them
        if self._decoder is None:
            raise RuntimeError("start must be called before read")
        return self._decoder.decode([line for line in data.split(b"\n") if line and not line.isspace()])


def _as_text(value: object) -> str | None:
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, int | float):
        return str(value)
    return None if value is None else as_word(value)
