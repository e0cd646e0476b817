"""Which column may be the key of the streams, if none was named."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

MAX_REPEATS = 0.1
"""A column looks like a key if at most this share of the times that repeat also repeat among the rows of one text."""
MIN_ROWS = 20
"""Minimum number of rows from which alternating texts are evidence, though no time repeats."""
MIN_ALTERNATING = 0.5
"""Share of the rows whose text is not that of the row before, if streams alternate."""
MAX_CHANGE = 0.5
"""Values change by at most this share from row to row of one text, compared with all rows, if streams alternate."""


def separates_repeats(texts: Sequence[str], times: NDArray[np.float64], max_share: float = MAX_REPEATS) -> bool:
    """Return whether times (N,) repeat, but increase within the rows of each text (N,); there are few distinct texts.

    Examples
    --------
    >>> separates_repeats(["a", "b", "a", "b"], np.array([1.0, 1.0, 2.0, 2.0]))
    True
    """
    repeats = _count_repeats(times)
    groups = _groups(texts)
    if not repeats or not 2 <= len(groups) <= len(texts) / 2:
        return False
    return sum(_count_repeats(times[rows]) for rows in groups) <= max_share * repeats


def separates_numbers(texts: Sequence[str], times: NDArray[np.float64]) -> bool:
    """Return `separates_repeats` for whole numbers as text, which are more often inputs than keys: no time may repeat.

    Examples
    --------
    >>> separates_numbers(["1", "2", "1", "2"], np.array([1.0, 1.0, 2.0, 2.0]))
    True
    """
    return len(set(texts)) <= math.sqrt(len(texts)) and separates_repeats(texts, times, max_share=0.0)


def alternates(texts: Sequence[str], inputs: Mapping[str, NDArray[np.float64]]) -> bool:
    """Return whether the texts (N,) change from row to row, and an input (N,) changes much less within each.

    Two texts that alternate may be the states of one switch, three hardly.

    Examples
    --------
    >>> alternates(["a", "b", "c"] * 10, {"x": np.array([1.0, 50.0, 9.0] * 10)})
    True
    """
    groups, count = _groups(texts), len(texts)
    if count < MIN_ROWS or not 3 <= len(groups) <= count / 2:
        return False
    changes = sum(one != other for one, other in pairwise(texts))
    if changes < MIN_ALTERNATING * (count - 1):
        return False
    return any(
        _mean_change([values[rows] for rows in groups]) <= MAX_CHANGE * _mean_change([values])
        for values in inputs.values()
        if _mean_change([values]) > 0.0
    )


def is_whole(numbers: NDArray[np.float64]) -> bool:
    """Return whether all of these are whole numbers.

    Examples
    --------
    >>> is_whole(np.array([1.0, 2.0])), is_whole(np.array([1.0, np.inf]))
    (True, False)
    """
    return bool(np.isfinite(numbers).all() and (numbers % 1.0 == 0.0).all())


def _groups(texts: Sequence[str]) -> list[NDArray[np.intp]]:
    """Return the rows of each text that is not empty."""
    groups: dict[str, list[int]] = {}
    for row, text in enumerate(texts):
        if text:
            groups.setdefault(text, []).append(row)
    return [np.array(rows) for rows in groups.values()]


def _count_repeats(times: NDArray[np.float64]) -> int:
    """Return how often a time (N,) is not later than the known one before it."""
    return int((np.diff(times[np.isfinite(times)]) <= 0.0).sum())


def _mean_change(parts: Sequence[NDArray[np.float64]]) -> float:
    """Return the mean absolute change from value to value within each part, 0 without any."""
    with np.errstate(over="ignore"):  # of huge values the change is infinite
        changes = np.concatenate([np.abs(np.diff(part[np.isfinite(part)])) for part in parts])
    return float(changes.mean()) if len(changes) else 0.0
