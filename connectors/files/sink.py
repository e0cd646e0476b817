"""Sink: writes rows of results to a file, so that a crash can be undone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, Self

from stream_rnn.connectors.errors import ConnectorError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from stream_rnn.connectors.files.rendering import Rows


class Sink(Protocol):
    """Writes rows that all have the same columns."""

    def write(self, rows: Rows) -> None:
        """Append rows: equally long arrays by column."""

    def flush(self) -> None:
        """Write everything to the disk."""

    def position(self) -> int:
        """Return what is safe on the disk: ``open_sink(path, at=position)`` continues there."""

    def close(self) -> None:
        """Write everything to the disk and close."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def check_same_columns(name: str, columns: Sequence[str], rows: Rows) -> None:
    """Check that rows have the columns of earlier rows, in the same order.

    Raises
    ------
    ConnectorError
        With the name of the file, and both lists of columns.
    """
    if list(rows) != list(columns):
        raise ConnectorError(f"{name}: has columns {list(columns)}, got {list(rows)}")
