"""Tables: rows of Arrow in memory, as of a data frame; read in order of time, whatever their order is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from stream_rnn.connectors.closeable import Closeable
from stream_rnn.connectors.decode.arrow_columns import sample_of
from stream_rnn.connectors.decode.detect import SAMPLE_SIZE
from stream_rnn.connectors.events import EventBatch
from stream_rnn.connectors.files.arrow_rows import check_key, chunk_of
from stream_rnn.connectors.files.reader import Chunk, check_unique, passes_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

    from stream_rnn.connectors.decode.detect import ColumnSample
    from stream_rnn.connectors.files.reader import Start

BATCH_ROWS = 1 << 16
"""Rows that are decoded at once."""


class TableReader(Closeable):
    """Reads a table, whose events all appear at once: sorted by time and key, those of the same in order of their rows.

    Parameters
    ----------
    table
        The rows.
    path
        What messages call the table.

    Raises
    ------
    ConnectorError
        If it names a column twice.

    Examples
    --------
    >>> import pyarrow as pa
    >>> with TableReader(pa.table({"x": [1.0, 2.0]}), "frame") as reader:
    ...     list(reader.sample())
    ['x']
    """

    def __init__(self, table: pa.Table, path: str) -> None:
        check_unique(path, table.schema.names)
        self.path = path
        self.recognised: tuple[str, ...] = ()
        self.table = table
        self._start: Start | None = None

    @property
    def size(self) -> int:
        """Number of rows, in place of bytes."""
        return int(self.table.num_rows)

    @property
    def bytes_read(self) -> int:
        """Number of rows that have been read, in place of bytes."""
        return self.size if self._start is None else 0

    def sample(self) -> Mapping[str, ColumnSample]:
        """Return the first values of every column, without consuming them."""
        head = self.table.slice(0, SAMPLE_SIZE).combine_chunks()
        return {
            name: sample_of(column.combine_chunks())
            for name, column in zip(head.schema.names, head.columns, strict=True)
        }

    def start(self, start: Start) -> None:
        """Say which column is what; must be called before `read`.

        Raises
        ------
        ConnectorError
            If the key is neither text nor a number.
        """
        check_key(self.path, self.table.schema, start.roles.key)
        self._start = start

    def read(self) -> Chunk | None:
        """Return all rows the first time, then None."""
        if (start := self._start) is None:
            return None
        self._start, passes = None, passes_of(start.roles)
        chunks, first = [], 0
        for batch in self.table.select(list(start.roles.read)).to_batches(BATCH_ROWS):
            chunks.append(chunk_of(self.path, batch, first, start, passes))
            first += batch.num_rows
        if not chunks:
            return Chunk(EventBatch.empty(start.roles.inputs), [], 0, 0)
        events = EventBatch.concat([chunk.events for chunk in chunks])
        if start.roles.time is not None:
            events = _in_order(events)
        letters = [letter for chunk in chunks for letter in chunk.dead_letters]
        return Chunk(events, letters, 0, first, [value for chunk in chunks for value in chunk.bad_values])

    def close(self) -> None:
        """There is no file to close."""


def _in_order(events: EventBatch) -> EventBatch:
    """Return events sorted by time, and by key where times are the same, so that the order of rows does not matter."""
    ranks = {key: rank for rank, key in enumerate(sorted(set(events.keys.tolist())))}
    by_key = np.fromiter(map(ranks.__getitem__, events.keys), np.int64, len(events))
    later, same = np.diff(events.times), np.diff(by_key)
    if ((later > 0) | ((later == 0) & (same >= 0))).all():
        return events
    return events[np.lexsort((by_key, events.times))]
