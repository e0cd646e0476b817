"""The FSNet protocol: which rows are for training, which are tested, and in which units.

All columns are inputs and targets. Values are in deviations from the mean of the training rows (population deviation),
and only test rows count, each forecast 1..H rows before. A method may forecast and learn from the first row on, but
from no row before it has come: published methods of this line learn from targets of farther horizons before they have.
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

DATES = ("%Y/%m/%d %H:%M", "%m/%d/%Y %H:%M", "%d.%m.%Y %H:%M:%S", "%Y-%m-%d %H:%M", "%Y/%m/%d")
"""What dates are tried as where they are not ISO 8601."""


class Rows(NamedTuple):
    """Ranges of rows, first and one past the last."""

    train: tuple[int, int]
    test: tuple[int, int]
    """Rows whose values are forecast and count."""


class Table(NamedTuple):
    """A file in the protocol's units, up to its last test row."""

    columns: tuple[str, ...]
    z: NDArray[np.float64]
    """(N, D)"""
    times: NDArray[np.float64] | None
    """(N,) seconds since the Unix epoch, None where the first column's dates are not understood"""
    rows: Rows

    @property
    def day(self) -> int | None:
        """Rows of a day, by the training rows' most usual step; None where there is no telling."""
        if self.times is None:
            return None
        gap = float(np.median(np.diff(self.times[: self.rows.train[1]])))
        return round(DAY / gap) if 0 < gap <= DAY else None

    def score(self, forecasts: NDArray[np.float64]) -> dict[str, float]:
        """Return the errors over the test rows; row t of `forecasts` (N, H, D) is what was said at row t."""
        first, stop = self.rows.test
        ahead = range(1, forecasts.shape[1] + 1)
        errors = np.stack([forecasts[first - k : stop - k, k - 1] - self.z[first:stop] for k in ahead])
        return {"mse": float(np.mean(errors**2)), "mae": float(np.mean(np.abs(errors)))}


def rows(name: str, count: int) -> Rows:
    """Return the protocol's rows for a file of this name, without its ending, and so many rows."""
    if name in ETT:
        return Rows((0, 2880), (3600, 14_400))
    return Rows((0, int(0.2 * count)), (count - int(0.75 * count), count))


def read(path: Path) -> Table:
    """Read a file whose first column is a date and whose others are numbers.

    Raises
    ------
    SystemExit
        If it is not such a file, saying why.
    """
    try:
        found = csv.read_csv(path)
        columns = tuple(found.column_names[1:])
        values = np.column_stack([found[name].cast(pa.float64()).to_numpy() for name in columns])
    except (OSError, pa.ArrowInvalid, pa.ArrowNotImplementedError, ValueError) as error:
        raise SystemExit(f"{path}: {error}") from None
    part = rows(path.stem, len(values))
    if len(values) < part.test[1]:
        raise SystemExit(f"{path}: the protocol needs {part.test[1]} rows, got {len(values)}")
    train = values[slice(*part.train)]
    deviation = train.std(axis=0)
    z = (values - train.mean(axis=0)) / np.where(deviation > 0, deviation, 1.0)
    times = seconds(found.column(0).to_pylist())
    return Table(columns, z[: part.test[1]], None if times is None else times[: part.test[1]], part)


def seconds(dates: list[object]) -> NDArray[np.float64] | None:
    """Return dates as seconds since the Unix epoch, or None if they are in no known form."""
    for form in (None, *DATES):
        try:
            return np.array([_moment(date, form).timestamp() for date in dates])
        except ValueError:
            continue
    return None


def _moment(date: object, form: str | None) -> datetime:
    if isinstance(date, datetime):
        moment = date
    elif form is None:
        moment = datetime.fromisoformat(str(date))
    else:
        moment = datetime.strptime(str(date), form).replace(tzinfo=UTC)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
