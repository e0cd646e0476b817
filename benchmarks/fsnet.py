"""The FSNet protocol: training rows, test rows, and units.

All columns are inputs and targets. Values are standardized by the mean and the population standard deviation of the
training rows. Only test rows are scored, each forecast 1..H rows before. A method may forecast and learn from the first
row on, but may learn from a row only after it has arrived. Published methods of this line learn targets of longer
horizons before these have arrived.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
from pyarrow import csv

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

ETT = {"ETTh1", "ETTh2", "ETTm1", "ETTm2"}
DAY = 86_400.0

DATE_FORMATS = ("%Y/%m/%d %H:%M", "%m/%d/%Y %H:%M", "%d.%m.%Y %H:%M:%S", "%Y-%m-%d %H:%M", "%Y/%m/%d")
"""Formats that are tried if dates are not ISO 8601."""


class Rows(NamedTuple):
    """Ranges of rows: the first, and one past the last."""

    train: tuple[int, int]
    test: tuple[int, int]
    """rows whose forecasts are scored"""


def late_rows(count: int) -> Rows:
    """Return the rows of ADAPT-Z (ICLR 2026): training rows the first 60 %, test rows from 70 % and 96 on."""
    return Rows((0, int(0.6 * count)), (int(0.7 * count) + 96, count))


class Table(NamedTuple):
    """A file in the protocol's units, up to its last test row."""

    columns: tuple[str, ...]
    z: NDArray[np.float64]
    """(N, D)"""
    times: NDArray[np.float64] | None
    """(N,) seconds since the Unix epoch; None if the dates of the first column cannot be parsed"""
    rows: Rows

    @property
    def day(self) -> int | None:
        """Number of rows of a day, by the median step of the training rows; None without times or with longer steps."""
        if self.times is None:
            return None
        gap = float(np.median(np.diff(self.times[: self.rows.train[1]])))
        return round(DAY / gap) if 0 < gap <= DAY else None

    def score(self, forecasts: NDArray[np.float64]) -> dict[str, float]:
        """Return the errors over the test rows of `forecasts` (N, H, D), those of row t for the H rows after it."""
        first, stop = self.rows.test
        horizons = range(1, forecasts.shape[1] + 1)
        errors = np.stack([forecasts[first - k : stop - k, k - 1] - self.z[first:stop] for k in horizons])
        return {"mse": float(np.mean(errors**2)), "mae": float(np.mean(np.abs(errors)))}


def rows(name: str, count: int) -> Rows:
    """Return the protocol's rows for a file, by its name without suffix and its number of rows."""
    if name in ETT:
        return Rows((0, 2880), (3600, 14_400))
    return Rows((0, int(0.2 * count)), (count - int(0.75 * count), count))


def read(path: Path, *, late: bool = False) -> Table:
    """Read a CSV file whose first column is a date and whose other columns are numeric; `late` for the rows of ADAPT-Z.

    Raises
    ------
    SystemExit
        If the file cannot be read, or has fewer rows than the protocol needs.
    """
    try:
        contents = csv.read_csv(path)
        columns = tuple(contents.column_names[1:])
        values = np.column_stack([contents[name].cast(pa.float64()).to_numpy() for name in columns])
    except (OSError, pa.ArrowInvalid, pa.ArrowNotImplementedError, ValueError) as error:
        raise SystemExit(f"{path}: {error}") from None
    ranges = late_rows(len(values)) if late else rows(path.stem, len(values))
    if len(values) < ranges.test[1]:
        raise SystemExit(f"{path}: the protocol needs {ranges.test[1]} rows, got {len(values)}")
    train = values[slice(*ranges.train)]
    deviation = train.std(axis=0)
    z = (values - train.mean(axis=0)) / np.where(deviation > 0, deviation, 1.0)
    times = seconds(contents.column(0).to_pylist())
    return Table(columns, z[: ranges.test[1]], None if times is None else times[: ranges.test[1]], ranges)


def seconds(dates: list[object]) -> NDArray[np.float64] | None:
    """Return dates as seconds since the Unix epoch, or None if they have no known format."""
    for date_format in (None, *DATE_FORMATS):
        try:
            return np.array([_parse(date, date_format).timestamp() for date in dates])
        except ValueError:
            continue
    return None


def _parse(date: object, date_format: str | None) -> datetime:
    """Return a date by a format, or by ISO 8601; in UTC if it has no time zone."""
    if isinstance(date, datetime):
        parsed = date
    elif date_format is None:
        parsed = datetime.fromisoformat(str(date))
    else:
        parsed = datetime.strptime(str(date), date_format).replace(tzinfo=UTC)
    return parsed if parsed.tzinfo is not None else parsed.replace(tzinfo=UTC)
