"""Diagnoses at regular intervals of a run whose length is not known in advance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from stream_rnn.connectors.events import EventBatch
    from stream_rnn.engine.engine import Engine
    from stream_rnn.learning.diagnosis import Diagnosis

INITIAL_INTERVAL = 8
"""Events before the first sample: a recording of 200 events then has 24 samples."""
MAX_SAMPLES = 40
"""With one more, every other sample is dropped and the interval doubles, so that a long run keeps 20 to 40."""


class Sample(NamedTuple):
    """A diagnosis during a run."""

    events: int
    """events that the engine had processed, of all streams"""
    stream: Any
    """key of the stream that was diagnosed"""
    diagnosis: Diagnosis


class Sampler:
    """Diagnoses an engine at regular intervals, each time with the next event.

    Parameters
    ----------
    engine
        The engine that processes the events.
    every
        Events between two samples; None for an interval that grows with the run.
    stream
        Key of the stream to diagnose; None for the stream of the next event.
    """

    def __init__(self, engine: Engine, every: int | None = None, stream: str | None = None) -> None:
        self._engine = engine
        self._stream = stream
        self._max_samples = MAX_SAMPLES if every is None else None
        self.every = INITIAL_INTERVAL if every is None else every
        """Events between two samples."""
        self.samples: list[Sample] = []
        self._events, self._due = 0, self.every

    def batch_limit(self, upcoming: EventBatch) -> int:
        """Take a sample if it is due; return how many of the upcoming events to process before the next call."""
        if self._events == self._due:
            if self._sample(upcoming):
                self._due = (self._events // self.every + 1) * self.every
            else:
                self._due = self._events + len(upcoming)
        count = min(len(upcoming), self._due - self._events)
        self._events += count
        return count

    def _sample(self, upcoming: EventBatch) -> bool:
        """Diagnose with the stream's next event; return False if it is not among the upcoming events."""
        matching = (place for place, key in enumerate(upcoming.keys) if self._stream in {None, str(key)})
        place = next(matching, None)
        if place is None:
            return False
        settings, columns = self._engine.settings, upcoming.columns
        x, y = ({name: columns[name][place] for name in names} for names in (settings.inputs, settings.target_names))
        key = upcoming.keys[place]
        diagnosis = self._engine.diagnose(key, x, y, upcoming.times[place])
        self.samples.append(Sample(self._engine.counts.events, key, diagnosis))
        if self._max_samples is not None and len(self.samples) > self._max_samples:
            self.samples = self.samples[1::2]
            self.every *= 2
        return True
