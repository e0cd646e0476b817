"""What a detector's scores are worth by the Numenta Anomaly Benchmark (Lavin & Ahmad 2015, arXiv:1510.03336).

A detector gives every row of every file a score; rows at or above a threshold are alarms, one threshold for all files,
the best one. Per profile of costs, with the sigmoid s(y) = 2 / (1 + e^(5 y)) - 1, and s(y) = -1 beyond y = 3:

    rows i < min(floor(0.15 n), 750)       are for getting to know the file: alarms there are ignored
    the first alarm in a window [a, b]     s(-(b - i + 1) / (b - a + 1)) / s(-1), so 1 at its beginning
    a window without one                   -fn
    an alarm elsewhere                     fp s((i - b) / (b - a)) for the window [a, b] before it,
                                           -fp before all windows

The sum S over W windows is normalised to 0 for a detector that never alarms and 100 for a perfect one:
100 (S + fn W) / (W + fn W).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import pyarrow as pa
from pyarrow import csv

from benchmarks.fsnet import seconds

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

STEEPNESS, FAR = 5.0, 3.0
PROBATION, LONGEST_PROBATION = 0.15, 750


class Profile(NamedTuple):
    """What mistakes cost, where a window found in time is worth 1."""

    false_alarm: float
    missed_window: float


PROFILES: Final = {
    "standard": Profile(0.11, 1.0),
    "reward_low_FP_rate": Profile(0.22, 1.0),
    "reward_low_FN_rate": Profile(0.11, 2.0),
}


class File(NamedTuple):
    """A labelled series."""

    name: str
    """category/file.csv"""
    times: Array
    """(N,) seconds since the Unix epoch"""
    values: Array
    """(N,)"""
    windows: tuple[tuple[int, int], ...]
    """First and last row of each, in order"""

    @property
    def category(self) -> str:
        """The folder that the file is in."""
        return self.name.partition("/")[0]

    @property
    def probation(self) -> int:
        """How many rows at the beginning do not count."""
        return min(int(PROBATION * len(self.values)), LONGEST_PROBATION)


class OutputBuffers(NamedTuple):
    """The best a detector did with one threshold for all files."""

    score: float
    """Normalised: 0 for no alarm at all, 100 for perfection."""
    threshold: float
    found: int
    """Windows with an alarm."""
    false_alarms: int
    """Rows."""


class Tally(NamedTuple):
    """What alarms at each of some thresholds come to in one file, or several."""

    gains: Array
    """(T,) what the windows found are worth"""
    costs: Array
    """(T,) what alarms outside windows add, for a false alarm's cost of 1"""
    found: NDArray[np.int64]
    """(T,) windows"""
    false_alarms: NDArray[np.int64]
    """(T,) rows"""


def read(folder: Path) -> list[File]:
    """Read every file that ``labels/combined_windows.json`` names, from ``data/``.

    Raises
    ------
    SystemExit
        If the labels or a file cannot be read, saying why.
    """
    labels = folder / "labels" / "combined_windows.json"
    try:
        named = json.loads(labels.read_text())
    except (OSError, ValueError) as error:
        raise SystemExit(f"{labels}: {error}") from None
    return [_file(folder / "data" / name, name, windows) for name, windows in sorted(named.items())]


def _file(path: Path, name: str, labels: list[list[str]]) -> File:
    try:
        table = csv.read_csv(path)
        times = seconds(table["timestamp"].to_pylist())
        values = table["value"].cast(pa.float64()).to_numpy()
    except (OSError, pa.ArrowInvalid, pa.ArrowNotImplementedError, KeyError) as error:
        raise SystemExit(f"{path}: {error}") from None
    if times is None:
        raise SystemExit(f"{path}: timestamp must be dates, got {table['timestamp'][0]}")
    windows = []
    for label in labels:
        ends = seconds(list(label))
        inside = () if ends is None else np.flatnonzero((times >= ends[0]) & (times <= ends[1]))
        if len(inside) == 0:
            raise SystemExit(f"{path}: a window must hold rows, got none from {label[0]} to {label[-1]}")
        windows.append((int(inside[0]), int(inside[-1])))
    return File(name, times, values, tuple(sorted(windows)))


def sigmoid(y: Array) -> Array:
    """Return s(y)."""
    return np.where(y > FAR, -1.0, 2.0 / (1.0 + np.exp(STEEPNESS * np.minimum(y, FAR))) - 1.0)


def tally(file: File, scores: Array, thresholds: Array) -> Tally:
    """Count what alarms at scores (N,) >= each of `thresholds` (T,), ascending, come to."""
    rows = np.arange(len(scores))
    counted, worth = rows >= file.probation, np.full(len(scores), -1.0)
    gains, found = np.zeros(len(thresholds)), np.zeros(len(thresholds), np.int64)
    outside = counted.copy()
    for a, b in file.windows:
        outside[a : b + 1] = False
        worth[b + 1 :] = sigmoid((rows[b + 1 :] - b) / max(b - a, 1))
        inside = rows[a : b + 1][counted[a : b + 1]]
        if len(inside) == 0:
            continue
        first = np.searchsorted(np.maximum.accumulate(scores[inside]), thresholds)
        alarmed = first < len(inside)
        early = sigmoid(-(b - inside + 1) / (b - a + 1)) / sigmoid(np.array(-1.0))
        gains[alarmed] += early[first[alarmed]]
        found += alarmed
    order = np.argsort(scores[outside], kind="stable")
    ranked = scores[outside][order]
    below = np.searchsorted(ranked, thresholds)
    sums = np.concatenate([[0.0], np.cumsum(worth[outside][order][::-1])])[::-1]
    return Tally(gains, sums[below], found, len(ranked) - below)


def evaluate(files: Sequence[File], scores: Sequence[Array], profile: Profile) -> OutputBuffers:
    """Return the outcome at the threshold that is best for all `files`, with `scores` (N,) of each."""
    thresholds = np.append(np.unique(np.concatenate(scores)), np.inf)
    return _best(
        files, [tally(file, own, thresholds) for file, own in zip(files, scores, strict=True)], thresholds, profile
    )


def at(files: Sequence[File], scores: Sequence[Array], profile: Profile, threshold: float) -> OutputBuffers:
    """Return the outcome at a threshold that was fixed before."""
    thresholds = np.array([threshold])
    return _best(
        files, [tally(file, own, thresholds) for file, own in zip(files, scores, strict=True)], thresholds, profile
    )


def _best(files: Sequence[File], tallies: Sequence[Tally], thresholds: Array, profile: Profile) -> OutputBuffers:
    total = Tally(*(np.sum(column, axis=0) for column in zip(*tallies, strict=True)))
    windows = sum(len(file.windows) for file in files)
    missed = profile.missed_window * (windows - total.found)
    raw = total.gains - missed + profile.false_alarm * total.costs
    full = windows * (1.0 + profile.missed_window)
    normalised = 100.0 * (raw + profile.missed_window * windows) / full if windows else raw
    best = int(np.argmax(normalised))
    return OutputBuffers(
        float(normalised[best]), float(thresholds[best]), int(total.found[best]), int(total.false_alarms[best])
    )
