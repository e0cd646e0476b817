"""The decoders of records: one entry for each format of the values of a topic."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Protocol

from stream_rnn.connectors.decode.json_records import JsonDecoder
from stream_rnn.connectors.decode.numbers import NumberDecoder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stream_rnn.connectors.decode.columns import Decoded
    from stream_rnn.connectors.decode.schema import ColumnRoles


class RecordDecoder(Protocol):
    """Decodes records of one format."""

    recognised: dict[str, None]
    """properties of the records recognised so far, for the report"""

    def decode(self, records: Sequence[bytes]) -> Decoded:
        """Decode records; each that cannot be used has a reason."""


DECODERS: dict[str, Callable[[ColumnRoles], RecordDecoder]] = {
    "json": partial(JsonDecoder, optional_time=True),
    "number": NumberDecoder,
}
"""Makes the decoder of a format for the fields that are read. Events may be without time."""
