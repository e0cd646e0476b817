"""PayloadEncoder: the JSON object that a live job writes for each event."""

from __future__ import annotations

from itertools import repeat
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np

from stream_rnn.jobs.output_columns import output_columns, output_names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from stream_rnn.connectors.events import EventBatch
    from stream_rnn.connectors.kafka.partitions import Headers
    from stream_rnn.engine.result import BatchResult
    from stream_rnn.settings.engine import Settings

EVENT_FIELDS = ("time", "key")
ORIGIN_FIELDS = ("horizon", "model", "learned", "topic", "partition", "offset", "element")
"""Fields that say which model made a forecast, and at which event."""


HEADER_BYTES = 16
"""Upper bound of the bytes that the lengths of a header take."""


class Forecasts(NamedTuple):
    """Forecasts in their written form."""

    payloads: list[bytes]
    keys: list[bytes]
    headers: Sequence[Headers] | None

    def split(self, max_bytes: int) -> tuple[Forecasts, list[int]]:
        """Return those that are not larger than allowed, and the numbers of the others.

        A forecast contains its key twice, and the headers of its event, so it may be larger than the event's record.
        """
        if self.headers is None and 2 * max(map(len, self.payloads), default=0) <= max_bytes:
            return self, []
        sizes = [len(payload) + len(key) for payload, key in zip(self.payloads, self.keys, strict=True)]
        if self.headers is not None:
            for i, some in enumerate(self.headers):
                sizes[i] += sum(len(name.encode()) + len(value or b"") + HEADER_BYTES for name, value in some)
        kept = [i for i, size in enumerate(sizes) if size <= max_bytes]
        headers = None if self.headers is None else [self.headers[i] for i in kept]
        few = Forecasts([self.payloads[i] for i in kept], [self.keys[i] for i in kept], headers)
        return few, [i for i, size in enumerate(sizes) if size > max_bytes]


class PayloadEncoder:
    """Encodes the forecasts of one model.

    The fields are time and key, the columns of `output_names`, and the origin: the horizon, the model (a hash of its
    settings, eight characters), the number of events that it had learned from, including this one, and the topic,
    partition and offset of the event. If its record has several events, `element` is its number there, unless it is the
    first. Numbers have the shortest text that reads back as the same number; missing ones are null.

    Parameters
    ----------
    settings
        Settings of the engine, or of the first member of a race.
    model
        Identifies the model's settings, see above.
    """

    def __init__(self, settings: Settings, model: str) -> None:
        self._settings = settings
        self._model = model
        names = (*EVENT_FIELDS, *output_names(settings), *ORIGIN_FIELDS)
        fields = [f"f{i}" for i in range(len(names))]
        # msgspec encodes structs faster than dictionaries
        self._row: Any = msgspec.defstruct(
            "Row",
            [*fields[:-1], (fields[-1], int, 0)],
            rename=dict(zip(fields, names, strict=True)),
            gc=False,
            omit_defaults=True,  # the number of the event in its record
        )
        self._encode = msgspec.json.Encoder().encode

    def encode(
        self,
        events: EventBatch,
        y: NDArray[np.float64],
        result: BatchResult,
        labels: Mapping[str, NDArray[Any]],
        *,
        topic: str,
        learned: int,
    ) -> list[bytes]:
        """Return the JSON object of each of N events of one partition.

        Parameters
        ----------
        events
            The events, with their positions.
        y
            (N, D) values of the targets.
        result
            The model's result for the events.
        labels
            (N,) labels by column of the output, see `Words.label_columns`.
        topic
            The topic that they come from.
        learned
            Number of events that the model had learned from before the first.
        """
        if not len(events):
            return []
        moments = np.round(1e6 * events.times).astype("datetime64[us]")
        columns = [column.tolist() for column in output_columns(self._settings, y, result, labels).values()]
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
            events.positions.element_numbers.tolist(),
        )
        return list(map(self._encode, rows))
