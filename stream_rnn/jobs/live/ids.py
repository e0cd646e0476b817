"""Classes and tokens must be valid ids: events with others become dead letters."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from stream_rnn.connectors.events import DeadLetter
from stream_rnn.connectors.kafka.partitions import partition_name
from stream_rnn.engine.conversions import are_whole

if TYPE_CHECKING:
    from stream_rnn.connectors.kafka.decoder import KafkaBatch
    from stream_rnn.settings.engine import Settings

INVALID_CLASS = "not a class of this job"
INVALID_TOKEN = "not a token of this job"  # noqa: S105 - no password


def reject_invalid_ids(settings: Settings, batch: KafkaBatch) -> KafkaBatch:
    """Return a batch without the events that have an invalid class or token; these are among its dead letters."""
    if not (settings.tokens or settings.categorical):
        return batch
    events = batch.events
    reasons = np.full(len(events), "", object)
    if settings.categorical:
        classes = events.table(settings.target_names)
        reasons[~are_whole(classes, settings.classes).all(axis=1)] = INVALID_CLASS
    if settings.tokens:
        tokens = events.table(settings.inputs)
        reasons[~are_whole(tokens, settings.vocabulary).all(axis=1)] = INVALID_TOKEN
    valid = reasons == ""
    if valid.all():
        return batch
    source = partition_name(batch.partition)
    rejected = zip(events.positions.record[~valid].tolist(), reasons[~valid].tolist(), strict=True)
    letters = [DeadLetter.of(source, offset, reason, "") for offset, reason in rejected]
    dead = sorted([*batch.dead, *letters], key=lambda letter: letter.record)
    return replace(batch.select(valid), dead=dead)
