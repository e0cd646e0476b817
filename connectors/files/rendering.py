"""Tables as text, column by column: the bytes of CSV and JSON lines without a Python step per row.

Each value is written on its own merits (quoted where it needs it), so the text does not depend on how rows
were cut into batches. Numbers are the shortest text that reads back as the same number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stream_rnn.connectors.errors import ConnectorError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

Rows: TypeAlias = "pa.Table | Mapping[str, NDArray[Any]]"  # a table, or equally long arrays by name
TIME = pa.timestamp("us", "UTC")


def table_of(data: Rows, time: str | None) -> pa.Table:
    """Make a table with the time column as timestamps.

    Parameters
    ----------
    data : table or dict of (N,) arrays
    time : str or None
        Column of seconds since 1970-01-01 UTC, when it is there; NaN becomes null.

    Raises
    ------
    ConnectorError
        When columns differ in length.
    """
    if not isinstance(data, pa.Table):
        lengths = {name: len(values) for name, values in data.items()}
        if len(set(lengths.values())) > 1:
            raise ConnectorError(f"columns must be equally long, got {lengths}")
        data = pa.table({name: _array(values) for name, values in data.items()})
    if time is not None and time in data.column_names:
        i = data.column_names.index(time)
        if pa.types.is_floating(data.column(i).type):
            data = data.set_column(i, time, _timestamps(data.column(i)))
    return data


def csv_lines(table: pa.Table, *, delimiter: str) -> bytes:
    """Render rows as CSV without a header; missing and not finite is empty, text is quoted at need."""
    parts: list[Any] = []
    for column in table.columns:
        parts += (delimiter, _text(column, quote=_csv_quoted(delimiter), missing=""))
    return _bytes([*parts[1:], "\n"]) if table.num_rows and parts else b""


def csv_header(names: list[str], *, delimiter: str) -> bytes:
    """Render the header line."""
    quoted = _csv_quoted(delimiter)
    return delimiter.join(quoted(name) for name in names).encode() + b"\n"


def json_lines(table: pa.Table) -> bytes:
    """Render rows as JSON lines; missing and not finite is null."""
    parts: list[Any] = []
    for name, column in zip(table.column_names, table.columns, strict=True):
        parts += (f"{',' if parts else '{'}{_json_quoted(name)}:", _text(column, quote=_json_quoted, missing="null"))
    return _bytes([*parts, "}\n"]) if table.num_rows and parts else b""


def _join(parts: list[Any]) -> Any:
    """Join element by element; large strings, since a column's text may exceed 2 GB."""
    large = [pa.scalar(part, pa.large_string()) if isinstance(part, str) else part for part in parts]
    return pc.binary_join_element_wise(*large, pa.scalar("", pa.large_string()))


def _bytes(parts: list[Any]) -> bytes:
    """Join parts to lines and take the bytes: Arrow keeps the strings of a column end to end."""
    lines = _join(parts)
    whole = lines.combine_chunks() if isinstance(lines, pa.ChunkedArray) else lines
    start, stop = np.frombuffer(whole.buffers()[1], np.int64)[[whole.offset, whole.offset + len(whole)]]
    return memoryview(whole.buffers()[2])[int(start) : int(stop)].tobytes()


def _text(column: pa.ChunkedArray, *, quote: Any, missing: str) -> Any:
    kind = column.type
    if pa.types.is_floating(kind):
        text, finite = column.cast(pa.float64()).cast(pa.large_string()), pc.is_finite(column)
        if not pc.all(finite, skip_nulls=False).as_py():
            text = pc.if_else(pc.fill_null(finite, False), text, missing)
    elif pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        text = column.cast(pa.large_string())
    elif pa.types.is_timestamp(kind):
        around = quote("T").partition("T")  # a timestamp has nothing to escape: only JSON puts quotes around it
        text = _join([around[0], _iso(column), around[2]])
    else:
        text = _quoted(column.cast(pa.string()), quote)
    return pc.fill_null(text, missing) if text.null_count else text


def _iso(column: pa.ChunkedArray) -> Any:
    """Write 2024-01-31T12:00:00.000000Z; a time without a zone gets no Z.

    As naive time and a Z behind it: Arrow looks the zone up for every value, which is twenty times slower.
    """
    utc = column.cast(TIME, safe=False) if column.type.tz else column
    text = pc.utf8_replace_slice(utc.cast(pa.timestamp("us"), safe=False).cast(pa.large_string()), 10, 11, "T")
    return _join([text, "Z"]) if column.type.tz else text


def _quoted(text: pa.ChunkedArray, quote: Any) -> pa.ChunkedArray:
    """Quote each distinct text once: keys repeat."""
    encoded = text.combine_chunks().dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):  # more than fits one array
        encoded = encoded.unify_dictionaries().combine_chunks()
    spelled = pa.array([quote(value) for value in encoded.dictionary.to_pylist()], pa.large_string())
    return pa.chunked_array([spelled.take(encoded.indices)])


def _csv_quoted(delimiter: str) -> Any:
    special = frozenset(f'{delimiter}"\r\n')

    def quoted(value: str) -> str:
        # An empty text is quoted to be told from a missing one.
        return value if value and special.isdisjoint(value) else '"' + value.replace('"', '""') + '"'

    return quoted


def _json_quoted(value: str) -> str:
    return msgspec.json.encode(value).decode()


def _array(values: NDArray[Any]) -> pa.Array:
    if values.dtype != object:
        return pa.array(values)
    # Objects are keys: text, also where all of a batch are numbers or there are none.
    try:
        return pa.array(values, pa.string())
    except (pa.ArrowException, TypeError):
        return pa.array([None if value is None else str(value) for value in values], pa.string())


def _timestamps(column: pa.ChunkedArray) -> pa.Array:
    seconds = column.cast(pa.float64()).to_numpy()
    known = np.isfinite(seconds)
    micros = np.round(np.where(known, seconds, 0.0) * 1e6).astype(np.int64)
    return pa.array(micros, pa.int64(), mask=~known).cast(TIME)
