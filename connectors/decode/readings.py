"""Records that are readings: the tags among the first of them, and the interval between events."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from stream_rnn.connectors.errors import ConnectorError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

MAX_TAGS = 10_000
"""Each tag is an input of every event."""
JITTER = 1e-6
"""Seconds by which times may differ because of how they are written."""


def tags_of(texts: Sequence[str], path: str, column: str) -> tuple[str, ...]:
    """Return the distinct tags of the first records (N,), in order of appearance.

    Raises
    ------
    ConnectorError
        If the column has neither text nor whole numbers, or none of its values repeats.

    Examples
    --------
    >>> tags_of(["load", "flow", "load"], "a.csv", "tag")
    ('load', 'flow')
    >>> tags_of(["1.5", "2.5", "1.5"], "a.csv", "x")
    Traceback (most recent call last):
    ...
    stream_rnn.connectors.errors.ConnectorError: a.csv: column 'x' has numbers such as 1.5, which are no tags: ...
    """
    tags = tuple(dict.fromkeys(text.strip() for text in texts if text.strip()))
    if not tags:
        raise ConnectorError(f"{path}: column {column!r} has no tags: they must be texts or whole numbers")
    fractions = [tag for tag in tags if _is_fraction(tag)]
    if fractions:
        raise ConnectorError(
            f"{path}: column {column!r} has numbers such as {fractions[0]}, which are no tags: are tag and value "
            "exchanged? pivot is TAG=VALUE"
        )
    if len(tags) > MAX_TAGS:
        raise ConnectorError(f"{path}: column {column!r} has more than {MAX_TAGS:,} tags: name some as inputs")
    return tags


def interval_of(times: NDArray[np.float64], keys: Sequence[str]) -> float | None:
    """Return the seconds between the events of a stream, None if there is not one interval for all of them.

    Parameters
    ----------
    times
        (N,) times of the first records; those of the readings of one event are equal.
    keys
        (N,) their keys; empty if there is one stream.

    Examples
    --------
    >>> interval_of(np.array([0.0, 60.0, 60.0, 120.0]), ()), interval_of(np.array([0.0, 60.0, 61.0]), ())
    (60.0, None)
    """
    streams: dict[str, list[float]] = {}
    for key, time in zip(keys or [""] * len(times), times.tolist(), strict=True):
        streams.setdefault(key, []).append(time)
    steps = np.concatenate([np.diff(stream) for stream in streams.values()]) if streams else np.zeros(0)
    steps = steps[steps != 0.0]
    if len(steps) < 2 or not steps.min() > 0.0 or steps.max() - steps.min() > JITTER:  # one step is no rule
        return None
    return round(float(steps[0]), 6)


def _is_fraction(text: str) -> bool:
    try:
        return not float(text).is_integer()
    except (ValueError, OverflowError):
        return False
