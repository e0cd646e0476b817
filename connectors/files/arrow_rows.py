"""Convert rows of Arrow to events; shared by Parquet files and data frames."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from stream_rnn.connectors.decode.arrow_columns import decode_columns, is_number, is_timestamp
from stream_rnn.connectors.decode.arrow_text import is_text
from stream_rnn.connectors.decode.columns import Decoded
from stream_rnn.connectors.decode.isolate import decode_isolated
from stream_rnn.connectors.decode.local_times import in_utc
from stream_rnn.connectors.errors import ConnectorError
from stream_rnn.connectors.events import DeadLetter
from stream_rnn.connectors.files.reader import Chunk, usable_events, usable_values

if TYPE_CHECKING:
    import pyarrow as pa

    from stream_rnn.connectors.decode.local_times import Passes
    from stream_rnn.connectors.decode.schema import ColumnRoles
    from stream_rnn.connectors.files.reader import Start


def chunk_of(path: str, batch: pa.RecordBatch, first: int, start: Start, passes: Passes | None) -> Chunk:
    """Return rows as events, dead letters and bad values.

    Parameters
    ----------
    path
        What the rows are of, for messages.
    batch
        The rows.
    first
        Number of the first of them.
    start
        Which column is what, and which record is the first that is returned.
    passes
        Resolves local times, if there are any.
    """
    roles = start.roles
    columns, rows, refused = decode_isolated(batch, partial(_decode, roles=roles), _halves, roles.inputs)
    columns = in_utc(columns, passes)
    events = usable_events(columns, first + rows, start)
    reasons = refused | {int(rows[row]): reason for row, reason in columns.reasons.items()}
    dead_letters = [
        DeadLetter.of(path, first + row, reasons[row], _row_text(batch.slice(row, 1)))
        for row in sorted(reasons)
        if first + row >= start.record
    ]
    bad_values = usable_values(columns, path, first + rows, start)
    return Chunk(events, dead_letters, first, first + batch.num_rows, bad_values)


def check_key(path: str, schema: pa.Schema, name: str | None) -> None:
    """Check that a key, if there is one, has text.

    Raises
    ------
    ConnectorError
        If it is of another type, such as a list.
    """
    if name is None:
        return
    kind = schema.field(name).type
    if not (is_text(kind) or is_number(kind) or is_timestamp(kind)):
        raise ConnectorError(f"{path}: column {name!r} is of type {kind}, a key must be text or a number")


def _decode(batch: pa.RecordBatch, roles: ColumnRoles) -> Decoded:
    arrays = dict(zip(batch.schema.names, batch.columns, strict=True))
    columns = decode_columns(arrays, roles, batch.num_rows)
    return Decoded(columns, np.arange(batch.num_rows, dtype=np.int64), {})


def _halves(batch: pa.RecordBatch) -> list[pa.RecordBatch]:
    """Return the halves of a batch; fewer if it has fewer than two rows."""
    middle = batch.num_rows // 2
    return [batch.slice(0, middle), batch.slice(middle)] if middle else [batch]


def _row_text(row: pa.RecordBatch) -> str:
    """Return one row as text, also where Python has no such value, as for the year 20000 or an unknown time zone."""
    return str({name: _value(column) for name, column in zip(row.schema.names, row.columns, strict=True)})


def _value(column: pa.Array) -> object:
    try:
        return column[0].as_py()
    except (ArithmeticError, LookupError, ValueError):
        return column.to_string().strip("[]\n ")
