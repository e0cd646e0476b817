"""Diagnoses at regular points of a run whose length nobody knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from stream_rnn.connectors.events import EventBatch
    from stream_rnn.engine.engine import Engine
    from stream_rnn.learning.diagnosis import Diagnosis

FIRST = 8
"""Events between the first samples: a recording of 200 events then has 25."""
MOST = 40
"""Samples: at one more, every other is let go of, and the next are twice as far apart. A long run keeps 20 to 40."""


class Sample(NamedTuple):
    """What was measured in a run."""

    events: int
    """of all streams until then, since the engine began"""
    stream: Any
    """the key of the one that was diagnosed"""
    found: Diagnosis


class Sampler:
    """Diagnoses an engine at regular points of a run, each with the event that comes next.

    Parameters
    ----------
    engine
        That takes the events.
    every
        Events between two samples; None for a distance that grows with the run.
    stream
        The key of the stream to diagnose; None for that of the next event.
    """

    def __init__(self, engine: Engine, every: int | None = None, stream: str | None = None) -> None:
        self._engine = engine
        self._stream = stream
        self._most = MOST if every is None else None
        self.every = FIRST if every is None else every
        """Events between two samples."""
        self.samples: list[Sample] = []
        self._seen, self._due = 0, self.every

    def ahead(self, coming: EventBatch) -> int:
        """Diagnose if it is time; return how many of the events to come may be taken until it is again."""
        if self._seen == self._due:
            found = self._sample(coming)
            self._due = (self._seen // self.every + 1) * self.every if found else self._seen + len(coming)
        until = min(len(coming), self._due - self._seen)
        self._seen += until
        return until

    def _sample(self, coming: EventBatch) -> bool:
        """Diagnose with the next event of the stream, if it is among those to come; say whether it was."""
        mine = (place for place, key in enumerate(coming.keys) if self._stream in {None, str(key)})
        place = next(mine, None)
        if place is None:
            return False
        settings, columns = self._engine.settings, coming.columns
        x, y = ({name: columns[name][place] for name in names} for names in (settings.inputs, settings.target_names))
        key = coming.keys[place]
        found = self._engine.diagnose(key, x, y, coming.times[place])
        self.samples.append(Sample(self._engine.counts.events, key, found))
        if self._most is not None and len(self.samples) > self._most:
            self.samples = self.samples[1::2]
            self.every *= 2
        return True
