"""What a live job writes of each event: one JSON object, by Python's fastest encoder for a few rows and for many."""

from __future__ import annotations

import zlib
from itertools import repeat
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from stream_rnn.jobs.output_columns import output_columns, output_names

if TYPE_CHECKING:
    from stream_rnn.connectors.events import EventBatch
    from stream_rnn.engine.result import BatchResult
    from stream_rnn.settings.engine import Settings

PLACE = ("horizon", "model", "learned", "topic", "partition", "offset")
"""Fields of a forecast beside its time, key, values and forecasts."""


class Payloads:
    """Writes forecasts of one engine.

    Fields are time, key, what the engine tells of the event by `output_names`, and what made it of what: the horizon,
    the model (eight characters that tell settings apart), how many events it had learned from with this one, and where
    the event stood. Numbers are the shortest text that reads back as the same; missing ones are null.

    Parameters
    ----------
    settings
        The engine's.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._model = f"{zlib.crc32(msgspec.json.encode(settings.describe(), order='sorted')):08x}"
        names = ("time", "key", *output_names(settings), *PLACE)
        fields = [f"f{i}" for i in range(len(names))]
        self._row: Any = msgspec.defstruct("Row", fields, rename=dict(zip(fields, names, strict=True)), gc=False)
        self._encode = msgspec.json.Encoder().encode

    def of(self, events: EventBatch, y: np.ndarray, taken: BatchResult, *, topic: str, learned: int) -> list[bytes]:
        """Return the objects of events of one partition.

        Parameters
        ----------
        events
            N events with their positions.
        y
            (N, D) the targets' values.
        taken
            What became of the events.
        topic
            That the events are of.
        learned
            Events that the engine had learned from before the first.
        """
        if not len(events):
            return []
        moments = np.round(1e6 * events.times).astype("datetime64[us]")
        columns = [column.tolist() for column in output_columns(self._settings, y, taken).values()]
        rows = map(
            self._row,
            np.datetime_as_string(moments, timezone="UTC").tolist(),
            events.keys.tolist(),
            *columns,
            repeat(self._settings.horizon),
            repeat(self._model),
            range(learned + 1, learned + 1 + len(events)),
            repeat(topic),
            events.positions.file.tolist(),
            events.positions.record.tolist(),
        )
        return list(map(self._encode, rows))
