"""Wide: each input of an event becomes an event of its own, with the one input `value`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from stream_rnn.connectors.errors import ConnectorError
from stream_rnn.connectors.events import EventBatch
from stream_rnn.connectors.shapes.shape import VALUE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

SEPARATOR = "/"
"""Between the key of an event and the name of its input, in the key of the input's stream."""


class Wide:
    """Splits events into one event per input.

    The key of each is the name of the input, or ``KEY/INPUT`` if the event has a key. A missing value is an event, too.

    Parameters
    ----------
    inputs
        Names of the inputs, in the order of the events of a record.

    Raises
    ------
    ConnectorError
        If two streams could have the same key.

    Examples
    --------
    >>> from stream_rnn.connectors.events import Positions
    >>> batch = EventBatch(
    ...     keys=np.array(["", "p"], object),
    ...     times=np.array([1.0, 2.0]),
    ...     columns={"a": np.array([0.1, 0.2]), "b": np.array([7.0, 8.0])},
    ...     ends=np.zeros(2, np.bool_),
    ...     positions=Positions(np.zeros(2, np.int32), np.arange(2)),
    ... )
    >>> events, _ = Wide(["a", "b"]).process(batch, np.arange(2))
    >>> events.keys, events.columns
    (array(['a', 'b', 'p/a', 'p/b'], dtype=object), {'value': array([0.1, 7. , 0.2, 8. ])})
    """

    def __init__(self, inputs: Sequence[str]) -> None:
        self._inputs = tuple(inputs)
        for name in self._inputs:
            for other in self._inputs:
                if name.endswith(f"{SEPARATOR}{other}"):
                    raise ConnectorError(
                        f"columns {name!r} and {other!r} cannot both be streams of a wide source: keys are "
                        f"KEY{SEPARATOR}COLUMN, rename one of them"
                    )

    def process(self, events: EventBatch, released_by: NDArray[np.int64]) -> tuple[EventBatch, NDArray[np.int64]]:
        """Return the events of all inputs, with the records that released them (N,)."""
        of = np.repeat(np.arange(len(events)), len(self._inputs))
        split = EventBatch(
            keys=self._keys(events.keys),
            times=events.times[of],
            columns={VALUE: events.table(self._inputs).reshape(-1)},
            ends=events.ends[of],
            positions=events.positions[of],
        )
        return split, released_by[of]

    def _keys(self, keys: NDArray[np.object_]) -> NDArray[np.object_]:
        numbers = {key: number for number, key in enumerate(dict.fromkeys(keys.tolist()))}
        names = np.empty((len(numbers), len(self._inputs)), object)
        for key, number in numbers.items():
            names[number] = stream_keys(key, self._inputs)
        rows = np.fromiter(map(numbers.__getitem__, keys.tolist()), np.int64, len(keys))
        return names[rows].reshape(-1)


def stream_keys(key: str | int, inputs: Sequence[str]) -> list[str]:
    """Return the keys of the streams of the inputs, of events with a key.

    Examples
    --------
    >>> stream_keys("p", ["a", "b"]), stream_keys("", ["a", "b"])
    (['p/a', 'p/b'], ['a', 'b'])
    """
    return [f"{key}{SEPARATOR}{name}" if key != "" else name for name in inputs]
