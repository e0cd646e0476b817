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


def invalid_ids(settings: Settings, events: EventBatch) -> NDArray[np.object_]:
    """Return why each event's class or token is invalid (N,), the empty text where it is not."""
    reasons = np.full(len(events), "", object)
    if settings.categorical:
        classes = events.table(settings.target_names)
        reasons[~are_whole(classes, settings.classes).all(axis=1)] = INVALID_CLASS
    if settings.tokens:
        tokens = events.table(settings.inputs)
        reasons[~are_whole(tokens, settings.vocabulary).all(axis=1)] = INVALID_TOKEN
    return reasons
