"""Engine: streams, a network and a learner; forecasts every event, then learns from it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from msgspec.structs import replace

from stream_rnn.checkpoints import file as checkpoint
from stream_rnn.compiled import step as online
from stream_rnn.compiled.core import EVENTS, LENGTH, PENDING, Counts
from stream_rnn.engine import conversions
from stream_rnn.engine.build import Assembly, assemble
from stream_rnn.engine.diagnostics import diagnosis_of, with_update
from stream_rnn.engine.forecaster import Forecaster
from stream_rnn.engine.growth import grown
from stream_rnn.engine.intake import Intake, blank
from stream_rnn.engine.result import room, taken
from stream_rnn.engine.state import Memory
from stream_rnn.errors import CheckpointError, DataError

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence
    from datetime import datetime
    from os import PathLike

    from numpy.typing import ArrayLike, NDArray

    from stream_rnn.checkpoints.file import Saved
    from stream_rnn.checkpoints.snapshot import Snapshot
    from stream_rnn.engine.drift import Drift, Watch
    from stream_rnn.engine.intake import Events
    from stream_rnn.engine.result import Taken
    from stream_rnn.engine.vocabulary import Vocabulary
    from stream_rnn.learning.diagnosis import Diagnosis
    from stream_rnn.settings.engine import Settings

CHUNK = 8192
"""Events that are handed to the kernel at a time: a tenth of a second, so that Ctrl-C is heard."""


class Engine:
    """A recurrent network that learns online from many streams.

    Each stream, told by its key, keeps a hidden state, running scales and the window of its newest events. Nothing here
    reads a clock: time is what the events say, so a replay gives the same numbers as the live run.

    Parameters
    ----------
    settings
        What to learn, and how.

    Examples
    --------
    >>> import numpy as np
    >>> from stream_rnn import Engine, Settings
    >>> engine = Engine(Settings(inputs=("x",), hidden=8))
    >>> for t in range(3000):
    ...     forecast = engine.step("sensor", {"x": np.sin(t / 10)})
    >>> bool(abs(forecast[0, 0] - np.sin(300)) < 0.02)
    True
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._assembly: Assembly = assemble(settings)
        self._watch = _watch(settings, self._assembly)
        self._memory = Memory(settings, self._assembly, self._watch)
        self._intake = Intake(settings, self._memory.vocabulary)
        self._forecaster = Forecaster(settings, self._memory, self._intake)
        self._width = math.prod(settings.forecast_shape)
        self._one, self._spare = blank(settings), room(settings, 1)

    @property
    def counts(self) -> Counts:
        """What was counted since the engine began."""
        return Counts(*map(int, self._memory.counts))

    @property
    def keys(self) -> list[Hashable]:
        """The keys of the streams that are kept."""
        return self._memory.streams.keys

    @property
    def vocabulary(self) -> Vocabulary | None:
        """Numbers the tokens of an embedding; None without one."""
        return self._memory.vocabulary

    @property
    def stream_count(self) -> int:
        """How many streams are kept."""
        return len(self._memory.streams)

    @property
    def evictions(self) -> int:
        """Streams that were forgotten to make room for others."""
        return self._memory.streams.evictions

    @property
    def drifts(self) -> list[Drift]:
        """The newest changes of the streams that this engine object found, oldest first; `counts` tells of all."""
        return list(self._watch.newest) if self._watch is not None else []

    @property
    def stream_bytes(self) -> dict[str, int]:
        """Memory that one stream takes, in bytes, by arena."""
        return self._memory.streams.row_bytes

    @property
    def parameters(self) -> dict[str, NDArray[Any]]:
        """The weights by name, as read-only views of the shared network.

        Raises
        ------
        DataError
            With ``weights="per_stream"`` or ``head="per_stream"``: there is no one network. See `parameters_of`.
        """
        for name in ("weights", "head"):
            if getattr(self.settings, name) == "per_stream":
                raise DataError(f"{name} per_stream: there is no one network; parameters_of(key) has a stream's")
        return self._assembly.named(self._memory.weights_of(0).params)

    def parameters_of(self, key: Hashable) -> dict[str, NDArray[Any]]:
        """Return the weights that a stream is forecast with, by name, as read-only views.

        Of those that each stream has of its own, one that is not known has what it would begin with.
        """
        return self._assembly.named(self._memory.params_of(key))

    def step(
        self,
        key: Hashable,
        x: Mapping[str, float | str | None] | Sequence[float | str] | str,
        y: Mapping[str, float | str | None] | Sequence[float | str] | float | str | None = None,
        time: float | datetime | None = None,
        *,
        end: bool = False,
    ) -> NDArray[np.float64]:
        """Take one event: learn from what it reveals, and forecast.

        Parameters
        ----------
        key
            The stream.
        x
            The inputs, by name or in the order of the settings. NaN, None and names left out are missing. A token is
            an id, or text, which `vocabulary` numbers, even where the event is then refused; missing, it is 0.
        y
            The targets' values at this event. Forecasts: left out, they are taken from `x`, where they are inputs.
            Labels: left out, nothing is learned from this event. Where the target is the token, it may be text.
        time
            Seconds since the Unix epoch, or a datetime, UTC where it has no zone; what `reset_after` goes by.
        end
            Whether the sequence ends with this event.

        Returns
        -------
        ndarray of shape `Settings.forecast_shape`
            Forecasts in the targets' units; probabilities for classification. With lookahead L the label of the event
            L before this one, NaN where the sequence has none.

        Raises
        ------
        DataError
            If a name is unknown, a value is not a number, class or id, or their number is wrong.
        """
        one, memory = self._one, self._memory
        self._intake.one(one, x, y, time)
        key = key.item() if isinstance(key, np.generic) else key
        one.slots[0], new = memory.slot(key)
        one.marks[0] = online.EVENT | (online.NEW if new else 0) | (online.END if end else 0)
        memory.protect(one.slots)
        out, spare = np.empty((1, self._width)), self._spare
        online.process(memory.core, one, online.Outcome(out, spare.intervals, spare.scores, spare.begins))
        if self._watch is not None:
            self._look(self._watch, one.slots[0], new, key)
        return out.reshape(self.settings.forecast_shape)

    @property
    def latest(self) -> tuple[NDArray[np.float64], bool]:
        """The targets' values (D,) at the event that `step` took last, and whether it began a sequence."""
        return self._one.y[0], bool(self._spare.begins[0])

    def process(
        self,
        keys: Sequence[Hashable] | NDArray[Any] | str | int,
        X: ArrayLike,
        Y: ArrayLike | None = None,
        times: ArrayLike | None = None,
        ends: ArrayLike | None = None,
    ) -> NDArray[np.float64]:
        """Take N events in arrival order, as if by N steps: any cut of the events gives the same bits.

        Parameters
        ----------
        keys
            The stream of each event, (N,); or one string or number for all.
        X
            Inputs (N, I), in the order of the settings; NaN is missing. Tokens are ids, of `vocabulary.encode`.
        Y
            Targets (N, D), or (N,) for one target. Forecasts: left out, they are taken from X. Labels: left out,
            nothing is learned.
        times
            Seconds since the Unix epoch (N,), or datetime64 in UTC; NaN or NaT where there is none.
        ends
            Whether the sequence of an event's stream ends with it, (N,).

        Returns
        -------
        ndarray of shape (N, *Settings.forecast_shape)
            Each row as `step` returns it.

        Raises
        ------
        DataError
            If shapes do not fit, or values are not numbers, classes or ids.
        """
        return self.take(keys, X, Y, times, ends).forecasts

    def take(
        self,
        keys: Sequence[Hashable] | NDArray[Any] | str | int,
        X: ArrayLike,
        Y: ArrayLike | None = None,
        times: ArrayLike | None = None,
        ends: ArrayLike | None = None,
    ) -> Taken:
        """Do as `process`, and say which stream had each event and where sequences began."""
        return self._take(self.checked(keys, X, Y, times, ends))

    def checked(
        self, keys: Any, X: ArrayLike, Y: ArrayLike | None, times: ArrayLike | None, ends: ArrayLike | None
    ) -> Events:
        """Return the events that `take` would take, as arrays that fit together; raise as it would."""
        return self._intake.batch(keys, X, Y, times, ends)

    def _take(self, events: Events) -> Taken:
        """Take events that were checked."""
        memory, count = self._memory, len(events.x)
        slots, new = memory.slots(events.keys)
        marks = (online.EVENT + online.NEW * new + online.END * events.ends).astype(np.uint8)
        asked = (slots, marks, events.x, events.y, events.times)
        columns = [np.require(column, requirements=["C", "A", "W"]) for column in asked]
        out = room(self.settings, count)
        drifts: list[Drift] = []
        start, most = 0, CHUNK if self._watch is None else 1  # no event may come before a drift is answered
        while start < count:
            part = slice(start, start + memory.protect(slots[start : start + most]))
            batch = online.Batch(*(column[part] for column in columns))
            online.process(memory.core, batch, online.Outcome(*(array[part] for array in out)))
            if self._watch is not None:
                drifts += self._look(self._watch, slots[start], new[start], events.keys[start])
            start = part.stop
        return taken(self.settings, slots, out, drifts)

    def _look(self, watch: Watch, slot: int, new: bool, key: Hashable) -> list[Drift]:
        """Look at the error of the event that was just taken; answer the drift that it shows, and return it."""
        memory = self._memory
        if not watch.look(memory.streams.arenas, slot, new):
            return []
        watch.answer(memory.weights_of(slot))
        memory.counts[online.N_DRIFTS] += 1
        return [watch.note(int(memory.counts[online.N_EVENTS]), key)]

    def interval(self, key: Hashable) -> NDArray[np.float64]:
        """Return low and high of each number that was forecast at the stream's last event.

        Returns
        -------
        ndarray of shape (*Settings.forecast_shape, 2)
            In the targets' units; NaN before there is anything to tell them by.

        Raises
        ------
        DataError
            If no interval is set, or the stream is not known.
        """
        if self.settings.interval is None:
            raise DataError("interval must be set for intervals, as interval=0.9")
        return self._memory.row("interval", key).reshape(*self.settings.forecast_shape, 2).copy()

    def anomaly(self, key: Hashable) -> float:
        """Return how much the stream's last event surprised, from 0 to 1; NaN where no forecast spoke of it.

        Raises
        ------
        DataError
            If no anomaly score is set, or the stream is not known.
        """
        if not self.settings.anomaly:
            raise DataError("anomaly must be true for anomaly scores")
        return float(self._memory.row("score", key))

    def label(self, key: Hashable, X: ArrayLike, Y: ArrayLike | None = None) -> NDArray[np.float64]:
        """Label each event of a whole sequence: one of the stream's own, from its first event to its last.

        What the stream was in is ended first, as by `reset`. With a lookahead of T - 1 or more every event is labelled
        by all of the sequence, as Schuster & Paliwal (1997) do; with less, by what came before it and so many events
        after it.

        Parameters
        ----------
        key
            The stream.
        X
            Inputs (T, I), in the order of the settings; NaN is missing.
        Y
            Targets (T, D), or (T,) for one target, learned from as by `process`; left out, nothing is learned.

        Returns
        -------
        ndarray of shape (T, *Settings.forecast_shape)
            Row t is the label of event t.

        Raises
        ------
        DataError
            If the task is forecasts, shapes do not fit, or values are not numbers.
        """
        if self.settings.task == "forecast":
            raise DataError("label must be for regression or classification, got task forecast")
        x = conversions.matrix(X, len(self.settings.inputs), "X")
        events = self.checked([key] * len(x), x, Y, None, None)
        self.reset(key)
        made = np.concatenate([self._take(events).forecasts, self.finish(key)])
        return made[len(made) - len(x) :]

    def predict(
        self,
        key: Hashable,
        x: Mapping[str, float | str | None] | Sequence[float | str] | str | None = None,
        time: float | datetime | None = None,
    ) -> NDArray[np.float64]:
        """Forecast, and change nothing.

        Parameters
        ----------
        key
            The stream.
        x
            Inputs of an event that might come next; left out, the forecast is the one made at the last event. A token
            that is not known is 0.
        time
            When it comes, as in `step`; left out, as long after the last event as that came after the one before.

        Returns
        -------
        ndarray of shape `Settings.forecast_shape`

        Raises
        ------
        DataError
            If `x` or `time` does not fit, or without it, if the stream has had no event since its sequence began.
        """
        return self._forecaster.predict(key, x, time)

    def predict_many(
        self, keys: Sequence[Hashable] | NDArray[Any] | str | int, X: ArrayLike, times: ArrayLike | None = None
    ) -> NDArray[np.float64]:
        """Forecast for each of N events that might come next, each by itself, and change nothing.

        Parameters
        ----------
        keys
            The stream of each, (N,); or one string or number for all.
        X
            Inputs (N, I), in the order of the settings; NaN is missing. Tokens are ids, of `vocabulary.encode`.
        times
            When each comes (N,), as in `process`; NaN or NaT as where `predict` is told none.

        Returns
        -------
        ndarray of shape (N, *Settings.forecast_shape)
            Each row as `predict` returns it.

        Raises
        ------
        DataError
            If shapes do not fit, or values are not numbers or ids.
        """
        return self._forecaster.predict_many(keys, X, times)

    def generate(
        self,
        key: Hashable,
        x: Mapping[str, float | str | None] | Sequence[float | str] | str | None = None,
        time: float | datetime | None = None,
        *,
        steps: int,
        temperature: float = 0.0,
        seed: int = 0,
    ) -> NDArray[Any]:
        """Roll a forecast out over many events, and change nothing.

        Each forecast one event ahead is the next event's input where the target is one; other inputs stay as they are.
        Events follow each other as the stream's last two did.

        Parameters
        ----------
        key
            The stream.
        x
            Inputs of an event that might come next; left out, the sequence goes on from the last event. A token that
            is not known is 0.
        time
            When that event comes, as in `predict`.
        steps
            How many events to forecast.
        temperature
            Of forecasts by softmax: 0 takes the likeliest class; above, one is drawn from p^(1/temperature), the
            probabilities themselves at 1.
        seed
            Of the draws: the same seed gives the same sequence.

        Returns
        -------
        ndarray of shape (steps, D), or with another axis as `Settings.forecast_shape`
            The forecasts; of classes (steps,) int64, which `vocabulary.decode` turns to text where they are tokens.

        Raises
        ------
        DataError
            If the task has no forecasts to feed back, a value is not allowed, `x` does not fit, or without it, if the
            stream has had no event since its sequence began.
        """
        return self._forecaster.generate(key, x, time, steps=steps, temperature=temperature, seed=seed)

    def diagnose(
        self,
        key: Hashable,
        x: Mapping[str, float | None] | Sequence[float] | None = None,
        y: Mapping[str, float | None] | Sequence[float] | float | None = None,
        time: float | datetime | None = None,
    ) -> Diagnosis:
        """Measure how gradients and weights do, and change nothing.

        Parameters
        ----------
        key
            The stream; one that is not known is diagnosed as one that begins.
        x, y, time
            An event that might come next, as in `step`: what it would change is measured, too, on a copy. Errors that
            would wait for a later update are learned from with it.

        Returns
        -------
        Diagnosis
            Gradients by lag, spectral radii, gates at their flat ends, and changes of the weights.

        Raises
        ------
        DataError
            As `step`.
        """
        memory = self._memory
        found = diagnosis_of(memory, key)
        if x is None:
            return found
        alone = memory.state(None).part(memory.streams.find(key))
        off = replace(self.settings, clip="off")
        copies = [Engine.restore(saved) for saved in (alone, alone._replace(settings=off))]
        for copy in copies:
            copy.step(key, x, y, time, end=True)
        if copies[0].counts.updates == self.counts.updates:
            return found
        after, unclipped = (copy._memory.weights_of(0) for copy in copies)  # noqa: SLF001 - engines, too
        return with_update(found, memory, key, after, unclipped)

    def reset(self, key: Hashable) -> None:
        """End the stream's sequence: its hidden state is zero and its window empty; its scales stay.

        Events that wait for their lookahead are labelled without it, and errors that wait for the next update are
        learned from, first. A stream that is not known is left so.
        """
        slot = self._memory.streams.find(key)
        if slot is not None:
            self._memory.mark(slot, online.END)

    def finish(self, key: Hashable) -> NDArray[np.float64]:
        """End the stream's sequence as `reset` does, and return the labels that were still to come.

        Returns
        -------
        ndarray of shape (k, *Settings.forecast_shape)
            Of the sequence's last k events, oldest first: as many as it has, the lookahead at most. None without
            lookahead, or for a stream that is not known.
        """
        memory = self._memory
        slot, made = memory.streams.find(key), []
        if slot is not None:
            made = [memory.mark(slot, online.LABEL) for _ in range(memory.streams.arenas["clock"][slot, PENDING])]
            memory.mark(slot, online.END)
        return np.array(made).reshape(len(made), *self.settings.forecast_shape)

    def warmup(self) -> None:
        """Compile the kernels, or load them from the disk, so that the first event does not wait for it."""
        self._forecaster.warmup()

    def events(self, key: Hashable) -> int:
        """Return how many events a stream has had since it appeared; 0 if it is not known."""
        return self._clock(key, EVENTS)

    def length(self, key: Hashable) -> int:
        """Return how many events a stream's sequence has had, those that wait for their lookahead left out."""
        return self._clock(key, LENGTH)

    def _clock(self, key: Hashable, place: int) -> int:
        """Return a number of a stream's clock, 0 if the stream is not known."""
        slot = self._memory.streams.find(key)
        return 0 if slot is None else int(self._memory.streams.arenas["clock"][slot, place])

    def with_settings(self, settings: Settings) -> Self:
        """Return an engine of other settings that goes on with all that this one learned; this one stays as it is.

        Parameters
        ----------
        settings
            They may name more inputs, behind those that there are; for labels more targets, and for classification by
            softmax more classes; and they may have other rates, limits and penalties. What is new has no effect until
            it is learned, but that longer sums are rounded otherwise, as the readout's with `skip`.

        Raises
        ------
        SettingError
            For a setting that may not change so.
        """
        return self.restore(grown(self._memory.state(None), settings))

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle, and copy, what is remembered: arrays, keys and settings, and no code."""
        return self.restore, (self._memory.state(None),)

    def save(self, path: str | PathLike[str], *, positions: Mapping[str, Any] | None = None) -> None:
        """Write everything to one file, whole or not at all.

        Parameters
        ----------
        path
            The file; it is replaced only once the new one is safe on the disk.
        positions
            Anything that JSON can hold, kept beside: where the source and the sink are.

        Raises
        ------
        CheckpointError
            If the file cannot be written, or a key is neither a string nor an integer.
        """
        checkpoint.write(path, self._memory.state(positions))

    def snapshot(self, *, positions: Mapping[str, Any] | None = None) -> Snapshot:
        """Return what `save` would write now, to be copied while the engine goes on.

        The engine copies a stream before it changes, for as long as the snapshot is kept and not done.

        Parameters
        ----------
        positions
            As for `save`.

        Raises
        ------
        CheckpointError
            If the last snapshot is not done, or there is no memory for this one.
        """
        return self._memory.snapshot(positions)

    @classmethod
    def load(cls, path: str | PathLike[str], *, settings: Settings | None = None) -> Self:
        """Return the engine that was saved; it goes on bit for bit.

        Parameters
        ----------
        path
            A file that `save` wrote.
        settings
            What the file's settings have to be; None for any.

        Raises
        ------
        CheckpointError
            If the file is missing, damaged, of a later version or of other settings.
        """
        return cls.restore(checkpoint.read(path, settings))

    @classmethod
    def restore(cls, saved: Saved) -> Self:
        """Return the engine of a checkpoint that was read before; it goes on bit for bit.

        Raises
        ------
        CheckpointError
            If it is that of a race.
        """
        if saved.race is not None:
            raise CheckpointError(f"the checkpoint is of a race of {', '.join(saved.race['members'])}: no one engine")
        engine = cls(saved.settings)
        engine._memory.restore(saved)
        return engine


def _watch(settings: Settings, assembly: Assembly) -> Watch | None:
    """Return what looks for drifts, or None if nothing is to."""
    if settings.drift == "off":
        return None
    from stream_rnn.engine.drift import Watch  # noqa: PLC0415 - river takes a second to import

    return Watch(settings, assembly)
