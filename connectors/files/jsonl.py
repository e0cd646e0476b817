"""JSON lines: one object per line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from stream_rnn.connectors.decode.json_records import JsonRecords, parse
from stream_rnn.connectors.decode.schema import SAMPLE
from stream_rnn.connectors.errors import ConnectorError
from stream_rnn.connectors.files.reader import Decoded, TextReader

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stream_rnn.connectors.decode.schema import Roles
    from stream_rnn.connectors.files.byte_stream import ByteStream


class JsonLinesReader(TextReader):
    """Read a file with one JSON object per line.

    Parameters
    ----------
    stream : ByteStream

    Raises
    ------
    ConnectorError
        When the file is one JSON array.
    """

    def __init__(self, stream: ByteStream) -> None:
        super().__init__(stream, None)
        self._records: JsonRecords | None = None
        head = self._peek()
        if head is not None and head.data.lstrip()[:1] == b"[":
            raise ConnectorError(f"{self.path}: is a JSON array, one object per line is needed (jq -c '.[]' makes it)")

    def sample(self) -> Mapping[str, pa.Array]:
        """Give the first values of every field, in order of appearance, as text."""
        block = self._peek()
        found: dict[str, list[str | None]] = {}
        lines = [] if block is None else [line for line in block.data.split(b"\n", SAMPLE)[:SAMPLE] if line.strip()]
        for line in lines:
            fields = parse(line)
            if isinstance(fields, dict):
                for name, value in fields.items():
                    found.setdefault(name, []).append(_sampled(value))
        return {name: pa.array(texts, pa.string()) for name, texts in found.items()}

    def _decode(self, data: bytes, roles: Roles) -> Decoded:
        if self._records is None:
            self._records = JsonRecords(roles)
        return self._records.decode([line for line in data.split(b"\n") if line and not line.isspace()])


def _sampled(value: object) -> str | None:
    if isinstance(value, bool):
        return str(int(value))
    if value is None or isinstance(value, str | int | float):
        return None if value is None else str(value)
    return f"<{type(value).__name__}>"  # a nested value is neither number nor time
