"""Classes and tokens must be valid ids: events with others become dead letters."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from stream_rnn.engine.conversions import are_whole

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stream_rnn.connectors.events import EventBatch
    from stream_rnn.settings.engine import Settings

INVALID_CLASS = "not a class of this job"
INVALID_TOKEN = "not a token of this job"  # noqa: S105 - no password


def invalid_ids(settings: Settings, events: EventBatch) -> dict[int, str]:
    """Return the rows with an invalid class or token, in order, each with the reason."""
    reasons: dict[int, str] = {}
    if settings.categorical:
        reasons |= dict.fromkeys(_invalid_rows(events.table(settings.target_names), settings.classes), INVALID_CLASS)
    if settings.tokens:
        reasons |= dict.fromkeys(_invalid_rows(events.table(settings.inputs), settings.vocabulary), INVALID_TOKEN)
    return dict(sorted(reasons.items()))


def _invalid_rows(values: NDArray[np.float64], below: int) -> list[int]:
    """Return the rows of values (N, C) with one that is neither missing nor an integer from 0 to below - 1."""
    rows: list[int] = np.flatnonzero(~are_whole(values, below).all(axis=1)).tolist()
    return rows
