"""Scoring of anomaly detectors by the Numenta Anomaly Benchmark (Lavin & Ahmad 2015, arXiv:1510.03336).

A detector gives every row of every file a score. Rows at or above a threshold are alarms; the threshold is the best one
that is the same for all files. For a cost profile (fp, fn), with s(y) = 2 / (1 + e^(5 y)) - 1, and s(y) = -1 for y > 3:

    rows i < min(floor(0.15 n), 750)       probation: alarms are ignored
    the first alarm in a window [a, b]     s(-(b - i + 1) / (b - a + 1)) / s(-1), which is 1 at the start of the window
    a window without an alarm              -fn
    an alarm outside all windows           fp s((i - b) / (b - a)) for the last window [a, b] before it,
                                           -fp before the first window

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

STEEPNESS, MAX_SIGMOID_ARGUMENT = 5.0, 3.0
PROBATION, MAX_PROBATION = 0.15, 750


class Profile(NamedTuple):
    """Costs of mistakes, where a window detected at its start is worth 1."""

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
    """first and last row of each, in order"""

    @property
    def category(self) -> str:
        """The folder of the file."""
        return self.name.partition("/")[0]

    @property
    def probation(self) -> int:
        """Number of rows at the start of the file that are not scored."""
        return min(int(PROBATION * len(self.values)), MAX_PROBATION)


class Outcome(NamedTuple):
    """Result of a detector with one threshold for all files."""

    score: float
    """normalised: 0 without any alarm, 100 for a perfect detector"""
    threshold: float
    found: int
    """number of windows with an alarm"""
    false_alarms: int
    """number of rows"""


class Tally(NamedTuple):
    """Sums over alarms in one file, or several, at each of T thresholds."""

    gains: Array
    """(T,) sum over the detected windows"""
    costs: Array
    """(T,) sum over the alarms outside windows, at a cost of 1 for each false alarm"""
    found: NDArray[np.int64]
    """(T,) number of windows with an alarm"""
    false_alarms: NDArray[np.int64]
    """(T,) number of rows"""


def read(folder: Path, categories: Sequence[str] | None = None) -> list[File]:
    """Read every file named in ``labels/combined_windows.json`` from ``data/``, or those of some categories.

    Raises
    ------
    SystemExit
        If the labels or a file cannot be read, or there is no file of a category.
    """
    labels = folder / "labels" / "combined_windows.json"
    try:
        windows = dict(sorted(json.loads(labels.read_text()).items()))
    except (OSError, ValueError) as error:
        raise SystemExit(f"{labels}: {error}") from None
    known = dict.fromkeys(name.partition("/")[0] for name in windows)
    for category in categories or ():
        if category not in known:
            raise SystemExit(f"category must be one of {', '.join(known)}, got {category!r}")
    return [
        _file(folder / "data" / name, name, labelled)
        for name, labelled in windows.items()
        if name.partition("/")[0] in (categories or known)
    ]


def _file(path: Path, name: str, labels: list[list[str]]) -> File:
    try:
        table = csv.read_csv(path)
        times = seconds(table["timestamp"].to_pylist())
        values = table["value"].cast(pa.float64()).to_numpy()
    except (OSError, pa.ArrowInvalid, pa.ArrowNotImplementedError, KeyError) as error:
        raise SystemExit(f"{path}: {error}") from None
    if times is None:
        raise SystemExit(f"{path}: timestamp must be a date, got {table['timestamp'][0]}")
    windows = []
    for label in labels:
        limits = seconds(list(label))
        inside = [] if limits is None else np.flatnonzero((times >= limits[0]) & (times <= limits[1])).tolist()
        if len(inside) == 0:
            raise SystemExit(f"{path}: a window must contain rows, got none from {label[0]} to {label[-1]}")
        windows.append((inside[0], inside[-1]))
    return File(name, times, values, tuple(sorted(windows)))


def sigmoid(y: Array) -> Array:
    """Return s(y)."""
    return np.where(
        y > MAX_SIGMOID_ARGUMENT, -1.0, 2.0 / (1.0 + np.exp(STEEPNESS * np.minimum(y, MAX_SIGMOID_ARGUMENT))) - 1.0
    )


def tally(file: File, scores: Array, thresholds: Array) -> Tally:
    """Return the sums over the alarms, rows with a score (N,) of at least each threshold (T,); thresholds ascend."""
    rows = np.arange(len(scores))
    scored, value = rows >= file.probation, np.full(len(scores), -1.0)
    gains, found = np.zeros(len(thresholds)), np.zeros(len(thresholds), np.int64)
    outside = scored.copy()
    for a, b in file.windows:
        outside[a : b + 1] = False
        value[b + 1 :] = sigmoid((rows[b + 1 :] - b) / max(b - a, 1))
        inside = rows[a : b + 1][scored[a : b + 1]]
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
    sums = np.concatenate([[0.0], np.cumsum(value[outside][order][::-1])])[::-1]
    return Tally(gains, sums[below], found, len(ranked) - below)


def evaluate(files: Sequence[File], scores: Sequence[Array], profile: Profile) -> Outcome:
    """Return the outcome at the best threshold for all files; `scores` has an array (N,) for each file."""
    thresholds = np.append(np.unique(np.concatenate(scores)), np.inf)
    return _best(
        files, [tally(file, own, thresholds) for file, own in zip(files, scores, strict=True)], thresholds, profile
    )


def at(files: Sequence[File], scores: Sequence[Array], profile: Profile, threshold: float) -> Outcome:
    """Return the outcome at a given threshold."""
    thresholds = np.array([threshold])
    return _best(
        files, [tally(file, own, thresholds) for file, own in zip(files, scores, strict=True)], thresholds, profile
    )


def _best(files: Sequence[File], tallies: Sequence[Tally], thresholds: Array, profile: Profile) -> Outcome:
    total = Tally(*(np.sum(column, axis=0) for column in zip(*tallies, strict=True)))
    windows = sum(len(file.windows) for file in files)
    missed = profile.missed_window * (windows - total.found)
    raw = total.gains - missed + profile.false_alarm * total.costs
    perfect = windows * (1.0 + profile.missed_window)
    normalised = 100.0 * (raw + profile.missed_window * windows) / perfect if windows else raw
    best = int(np.argmax(normalised))
    return Outcome(
        float(normalised[best]), float(thresholds[best]), int(total.found[best]), int(total.false_alarms[best])
    )
