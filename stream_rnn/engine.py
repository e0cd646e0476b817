"""Engine: streams, a network and a learner; forecasts every event, then learns from it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple, Self
from weakref import ref

import numpy as np
from msgspec.structs import replace

from stream_rnn import checkpoint, conversions, online
from stream_rnn.assembly import WEIGHTS, Assembly, assemble, gathered
from stream_rnn.checkpoint import STREAMS, Saved
from stream_rnn.core import EVENTS, LENGTH, PENDING, Counts
from stream_rnn.errors import CheckpointError, DataError
from stream_rnn.learning.diagnosis import Diagnosis, changes, diagnose
from stream_rnn.learning.tbptt import Recent
from stream_rnn.snapshot import Snapshot
from stream_rnn.streams import StreamTable
from stream_rnn.vocabulary import Vocabulary

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence
    from datetime import datetime
    from os import PathLike

    from numpy.typing import ArrayLike, NDArray

    from stream_rnn.config import Settings
    from stream_rnn.core import Core
    from stream_rnn.drift import Drift, Watch
    from stream_rnn.layers.network import Halves
    from stream_rnn.learning.tbptt import Weights

CHUNK = 8192
"""Events that are handed to the kernel at a time: a tenth of a second, so that Ctrl-C is heard."""


class Events(NamedTuple):
    """A batch of events, checked."""

    keys: Sequence[Hashable]
    """(N,)"""
    x: NDArray[np.float64]
    """(N, I)"""
    y: NDArray[np.float64]
    """(N, D)"""
    times: NDArray[np.float64]
    """(N,)"""
    ends: NDArray[np.bool_]
    """(N,)"""


class Taken(NamedTuple):
    """What became of a batch of events."""

    forecasts: NDArray[np.float64]
    """(N, *forecast_shape)"""
    slots: NDArray[np.int64]
    """(N,) the row of each event's stream"""
    begins: NDArray[np.bool_]
    """(N,) whether the event began a sequence"""
    intervals: NDArray[np.float64] | None = None
    """(N, *forecast_shape, 2) low and high of each forecast, NaN before there is anything to tell them by; None if not
    asked for"""
    anomalies: NDArray[np.float64] | None = None
    """(N,) from 0 to 1 how much each event surprises, NaN where no forecast spoke of it; None if not asked for"""

    drifts: Sequence[Drift] = ()
    """Changes of the streams that were found, in the order of events."""

    def part(self, which: slice) -> Taken:
        """Return what became of some of the events; drifts, which are no column, are left out."""
        columns = (self.forecasts, self.slots, self.begins, self.intervals, self.anomalies)
        return Taken(*(None if column is None else column[which] for column in columns))  # type: ignore[arg-type]


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
        kept = self._watch.rows if self._watch is not None else {}
        self._streams = StreamTable(self._assembly.rows | kept, settings.max_streams)
        self._shared = self._assembly.shared_weights()
        self._counts = np.zeros(len(Counts._fields), np.int64)
        self._width = math.prod(settings.forecast_shape)
        self._inputs, self._targets = settings.inputs, settings.target_names
        self._names = frozenset(self._inputs + self._targets)
        places = {name: place for place, name in enumerate(self._inputs)}
        self._target_inputs = [places.get(name, -1) for name in self._targets]
        self._targets_are_inputs = settings.task == "forecast" and -1 not in self._target_inputs
        self._limited = settings.tokens or settings.categorical
        self.vocabulary = Vocabulary(settings.vocabulary) if settings.tokens else None
        """Numbers the tokens of an embedding; None without one."""
        self._one = online.Batch(
            np.zeros(1, np.int64),
            np.zeros(1, np.uint8),
            np.zeros((1, len(self._inputs))),
            np.zeros((1, len(self._targets))),
            np.full(1, math.nan),
        )
        self._spare = self._outcome(1)
        self._once = online.Rollout(self._assembly.feedback, 0.0, np.zeros(1), np.zeros(1, np.int64))
        self._snapshot: ref[Snapshot] | None = None
        self._bind()

    def _bind(self) -> None:
        """Give the kernels the arrays; needed again when the streams' arenas have grown."""
        self._bound = self._streams.capacity
        self._snapshot = None  # if one is under way, it has the arrays that were left behind for itself
        self._core = self._assembly.core(self._streams.arenas, self._shared, self._counts)

    @property
    def counts(self) -> Counts:
        """What was counted since the engine began."""
        return Counts(*map(int, self._counts))

    @property
    def keys(self) -> list[Hashable]:
        """The keys of the streams that are kept."""
        return self._streams.keys

    @property
    def stream_count(self) -> int:
        """How many streams are kept."""
        return len(self._streams)

    @property
    def evictions(self) -> int:
        """Streams that were forgotten to make room for others."""
        return self._streams.evictions

    @property
    def drifts(self) -> list[Drift]:
        """The newest changes of the streams that this engine object found, oldest first; `counts` tells of all."""
        return list(self._watch.newest) if self._watch is not None else []

    @property
    def stream_bytes(self) -> dict[str, int]:
        """Memory that one stream takes, in bytes, by arena."""
        return self._streams.row_bytes

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
        return self._assembly.named(self._weights_of(0).params)

    def parameters_of(self, key: Hashable) -> dict[str, NDArray[Any]]:
        """Return the weights that a stream is forecast with, by name, as read-only views.

        Of those that each stream has of its own, one that is not known has what it would begin with.
        """
        return self._assembly.named(self._params_of(key))

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
        one = self._one
        if self.vocabulary is not None:
            x = conversions.with_ids(x, self._inputs[0], self.vocabulary, learn=True)
            if self._targets == self._inputs:
                y = conversions.with_ids(y, self._inputs[0], self.vocabulary, learn=True)
        conversions.fill(one.x[0], x, self._inputs, self._names, "x")
        if y is not None:
            conversions.fill(one.y[0], y if hasattr(y, "__len__") else (y,), self._targets, self._names, "y")
        elif self._targets_are_inputs:
            one.y[0] = one.x[0, self._target_inputs]
        elif self.settings.task == "forecast":
            conversions.fill(one.y[0], x, self._targets, self._names, "x")
        else:
            one.y[0] = math.nan
        if self._limited:
            self._check(one.x, one.y)
        one.times[0] = math.nan if time is None else conversions.seconds(time)
        key = key.item() if isinstance(key, np.generic) else key
        one.slots[0], new = self._streams.slot(key)
        one.marks[0] = online.EVENT | (online.NEW if new else 0) | (online.END if end else 0)
        if self._streams.capacity != self._bound:
            self._bind()
        if self._snapshot is not None:
            self._protect(one.slots)
        out, spare = np.empty((1, self._width)), self._spare
        online.process(self._core, one, online.Outcome(out, spare.intervals, spare.scores, spare.begins))
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
        x = conversions.matrix(X, len(self._inputs), "X")
        count = len(x)
        if Y is not None:
            y = conversions.matrix(Y, len(self._targets), "Y")
        elif self._targets_are_inputs:
            y = x if self._target_inputs == list(range(x.shape[1])) else x[:, self._target_inputs]
        elif self.settings.task == "forecast":
            raise DataError(f"Y is needed: not every target ({', '.join(self._targets)}) is an input")
        else:
            y = np.full((count, len(self._targets)), math.nan)
        moments = conversions.times(times, count)
        flags = np.zeros(count, np.bool_) if ends is None else np.asarray(ends, np.bool_)
        several = [keys] * count if isinstance(keys, (str, int)) else conversions.plain_keys(keys)
        for name, length in (
            ("Y", len(y)),
            ("times", len(moments)),
            ("ends", len(flags)),
            ("keys", len(several)),
        ):
            if length != count:
                raise DataError(f"{name} must be as many as X's {count} rows, got {length}")
        if self._limited:
            self._check(x, y)
        return Events(several, x, y, moments, flags)

    def _take(self, events: Events) -> Taken:
        """Take events that were checked."""
        count = len(events.x)
        slots, new = self._streams.slots(events.keys)
        marks = (online.EVENT + online.NEW * new + online.END * events.ends).astype(np.uint8)
        if self._streams.capacity != self._bound:
            self._bind()
        asked = (slots, marks, events.x, events.y, events.times)
        columns = [np.require(column, requirements=["C", "A", "W"]) for column in asked]
        out = self._outcome(count)
        drifts: list[Drift] = []
        start, most = 0, CHUNK if self._watch is None else 1  # no event may come before a drift is answered
        while start < count:
            part = slice(start, start + self._protect(slots[start : start + most]))
            batch = online.Batch(*(column[part] for column in columns))
            online.process(self._core, batch, online.Outcome(*(array[part] for array in out)))
            if self._watch is not None:
                drifts += self._look(self._watch, slots[start], new[start], events.keys[start])
            start = part.stop
        shape = (count, *self.settings.forecast_shape)
        return Taken(
            out.forecasts.reshape(shape),
            slots,
            out.begins,
            out.intervals.reshape(*shape, 2) if self.settings.interval is not None else None,
            out.scores if self.settings.anomaly else None,
            drifts,
        )

    def _look(self, watch: Watch, slot: int, new: bool, key: Hashable) -> list[Drift]:
        """Look at the error of the event that was just taken; answer the drift that it shows, and return it."""
        if watch.overall is not None:
            row = watch.overall
        else:
            row = self._streams.arenas["drift"][slot]
            if new:
                row[:] = 0
        error = float(self._streams.arenas["miss"][slot])
        if not math.isfinite(error) or not watch.finds(row, error):
            return []
        watch.answer(self._weights_of(slot))
        self._counts[online.N_DRIFTS] += 1
        watch.note(int(self._counts[online.N_EVENTS]), key)
        return [watch.newest[-1]]

    def _outcome(self, count: int) -> online.Outcome:
        """Return room for what comes of so many events."""
        intervals = 0 if self.settings.interval is None else self._width
        return online.Outcome(
            np.empty((count, self._width)),
            np.empty((count, intervals, 2)),
            np.empty(count if self.settings.anomaly else 0),
            np.empty(count, np.bool_),
        )

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
        found: NDArray[np.float64] = self._streams.arenas["interval"][self._known(key)]
        return found.reshape(*self.settings.forecast_shape, 2).copy()

    def anomaly(self, key: Hashable) -> float:
        """Return how much the stream's last event surprised, from 0 to 1; NaN where no forecast spoke of it.

        Raises
        ------
        DataError
            If no anomaly score is set, or the stream is not known.
        """
        if not self.settings.anomaly:
            raise DataError("anomaly must be true for anomaly scores")
        return float(self._streams.arenas["score"][self._known(key)])

    def _known(self, key: Hashable) -> int:
        slot = self._streams.find(key)
        if slot is None:
            raise DataError(f"stream {key!r} is not known")
        return slot

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
        x = conversions.matrix(X, len(self._inputs), "X")
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
        return self._peek(key, x, time, self._once)[0]

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
        settings = self.settings
        if settings.task != "forecast":
            raise DataError(f"generate is for forecasts only, got task {settings.task}")
        if not isinstance(steps, (int, np.integer)) or steps < 1:
            raise DataError(f"steps must be at least 1, got {steps!r}")
        if not isinstance(temperature, (int, float, np.number)) or not 0 <= temperature < math.inf:
            raise DataError(f"temperature must be at least 0, got {temperature!r}")
        if temperature > 0 and not settings.categorical:
            raise DataError(f"temperature is for forecasts by softmax, got {temperature!r} for {settings.loss_name}")
        if not isinstance(seed, (int, np.integer)) or seed < 0:
            raise DataError(f"seed must be at least 0, got {seed!r}")
        draws, picks = np.random.default_rng(seed).random(steps), np.zeros(steps, np.int64)
        made = self._peek(key, x, time, online.Rollout(self._assembly.feedback, float(temperature), draws, picks))
        return picks if settings.categorical else made[:, 0]

    def _peek(self, key: Hashable, x: Any, time: Any, rollout: online.Rollout) -> NDArray[np.float64]:
        """Return the forecasts of each step, (steps, *forecast_shape)."""
        slot, lookahead = self._streams.find(key), self.settings.lookahead
        if x is not None and lookahead:
            raise DataError(f"x must be left out with lookahead: {lookahead} events have to come after it, got {x!r}")
        if x is None:
            if time is not None:
                raise DataError(f"time is that of an event that might come: x is needed, too, got time {time!r} alone")
            if slot is None or self._streams.arenas["clock"][slot, LENGTH] == 0:
                few = f"at most {lookahead} events" if lookahead else "no event"
                raise DataError(f"no forecast for stream {key!r}: its sequence has had {few} yet")
            row = np.empty(0)
        else:
            row = np.empty(len(self._inputs))
            if self.vocabulary is not None:
                x = conversions.with_ids(x, self._inputs[0], self.vocabulary, learn=False)
            conversions.fill(row, x, self._inputs, self._names, "x")
            if self._limited:
                self._check(row[np.newaxis])
        steps = len(rollout.draws)
        out = np.empty((steps, self._width))
        core = self._stranger() if slot is None else self._core
        event = online.Next(row, math.nan if time is None else conversions.seconds(time))
        online.peek(core, slot or 0, event, rollout, out)
        return out.reshape(steps, *self.settings.forecast_shape)

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
        slot, network, arenas = self._streams.find(key), self._assembly.network, self._streams.arenas
        params = np.concatenate(self._params_of(key))
        length = 0 if slot is None else int(arenas["clock"][slot, LENGTH])
        recent = Recent(*(arenas[name][slot or 0] for name in Recent._fields))
        found = diagnose(network, params, recent, length, self._assembly.learner.window)
        if x is None:
            return found
        copies = [self._alone(key, settings) for settings in (self.settings, replace(self.settings, clip="off"))]
        for copy in copies:
            copy.step(key, x, y, time, end=True)
        if copies[0].counts.updates == self.counts.updates:
            return found
        after, unclipped = (copy._weights_of(0) for copy in copies)  # noqa: SLF001 - engines, too
        clipped = any((one != other).any() for one, other in zip(after.moments, unclipped.moments, strict=True))
        return found._replace(updates=changes(network, params, np.concatenate(after.params)), clipped=clipped)

    def _weights_of(self, slot: int) -> Weights:
        """Return the weights that a stream is forecast with, a row of each array."""
        shared, arenas = self._shared, self._streams.arenas
        return gathered({name: shared[name][0] if name in shared else arenas[name][slot] for name in WEIGHTS})

    def _params_of(self, key: Hashable) -> Halves:
        """Return the weights (B,) and (R,) that a stream is forecast with, or would begin with."""
        slot, initial = self._streams.find(key), self._assembly.initial
        if slot is not None:
            return self._weights_of(slot).params
        return initial._replace(**{name: self._shared[name][0] for name in initial._fields if name in self._shared})

    def _alone(self, key: Hashable, settings: Settings) -> Engine:
        """Return an engine of its own with a copy of the weights, and of one stream if it is known."""
        saved, slot = self._state(None), self._streams.find(key)
        keys, rows = ([], slice(0)) if slot is None else ([key], slice(slot, slot + 1))
        arrays = {name: array[rows] if name.startswith(STREAMS) else array for name, array in saved.arrays.items()}
        return Engine.restore(saved._replace(settings=settings, keys=keys, recency=keys, arrays=arrays))

    def reset(self, key: Hashable) -> None:
        """End the stream's sequence: its hidden state is zero and its window empty; its scales stay.

        Events that wait for their lookahead are labelled without it, and errors that wait for the next update are
        learned from, first. A stream that is not known is left so.
        """
        slot = self._streams.find(key)
        if slot is not None:
            self._mark(slot, online.END)

    def finish(self, key: Hashable) -> NDArray[np.float64]:
        """End the stream's sequence as `reset` does, and return the labels that were still to come.

        Returns
        -------
        ndarray of shape (k, *Settings.forecast_shape)
            Of the sequence's last k events, oldest first: as many as it has, the lookahead at most. None without
            lookahead, or for a stream that is not known.
        """
        slot, made = self._streams.find(key), []
        if slot is not None:
            made = [self._mark(slot, online.LABEL) for _ in range(self._streams.arenas["clock"][slot, PENDING])]
            self._mark(slot, online.END)
        return np.array(made).reshape(len(made), *self.settings.forecast_shape)

    def _mark(self, slot: int, mark: int) -> NDArray[np.float64]:
        """Do what a mark asks of a stream without an event; return what was written, (O,)."""
        one, out = self._one, self._outcome(1)
        one.slots[0], one.marks[0] = slot, mark
        self._protect(one.slots)
        online.process(self._core, one, out)
        return out.forecasts[0]

    def warmup(self) -> None:
        """Compile the kernels, or load them from the disk, so that the first event does not wait for it."""
        x, out = np.zeros(len(self._inputs)), np.empty((1, self._width))
        online.peek(self._stranger(), 0, online.Next(x, math.nan), self._once, out)

    def _stranger(self) -> Core:
        """Return a core whose slot 0 is a stream that was never seen."""
        streams = StreamTable(self._assembly.rows, 1)
        core = self._assembly.core(streams.arenas, self._shared, np.zeros_like(self._counts))
        one = self._one
        one.slots[0], one.marks[0] = 0, online.NEW
        online.process(core, one, self._outcome(1))
        return core

    def events(self, key: Hashable) -> int:
        """Return how many events a stream has had since it appeared; 0 if it is not known."""
        slot = self._streams.find(key)
        return 0 if slot is None else int(self._streams.arenas["clock"][slot, EVENTS])

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
        checkpoint.write(path, self._state(positions))

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
        last = self._snapshot() if self._snapshot is not None else None
        if last is not None and not last.done:
            raise CheckpointError("the last snapshot of this engine is not done: finish it first, or let go of it")
        made = Snapshot(self._state(positions))
        self._snapshot = ref(made)
        return made

    def _check(self, x: NDArray[np.float64], y: NDArray[np.float64] | None = None) -> None:
        """Refuse what would index beyond the tables: x (N, I) that are no ids, y (N, D) that are no classes."""
        settings = self.settings
        if settings.tokens:
            conversions.check_whole(x, settings.vocabulary, "an id", self._inputs)
        if settings.categorical and y is not None:
            conversions.check_whole(y, settings.classes, "a class", self._targets)

    def _protect(self, slots: NDArray[np.int64]) -> int:
        """Return how many of these slots may change now: all, or those that a snapshot under way has copied."""
        if self._snapshot is None:
            return len(slots)
        snapshot = self._snapshot()
        if snapshot is None or snapshot.done:
            self._snapshot = None
            return len(slots)
        return snapshot.protect(slots)

    def _state(self, positions: Mapping[str, Any] | None) -> Saved:
        """Return everything, without copying arrays: the next event changes them."""
        streams = self._streams
        arrays = {f"{STREAMS}{name}": array[: len(streams)] for name, array in streams.arenas.items()}
        arrays |= {f"weights.{name}": array for name, array in self._shared.items()}
        arrays["counts"] = self._counts
        if self._watch is not None and self._watch.overall is not None:
            arrays["drift"] = self._watch.overall
        keys = streams.keys
        recency = keys if self.settings.max_streams is None else streams.recency
        tokens = self.vocabulary.tokens if self.vocabulary is not None else []
        return Saved(self.settings, keys, recency, streams.evictions, dict(positions or {}), arrays, tokens)

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
        engine._counts[:] = saved.arrays["counts"]
        arenas = {name.removeprefix(STREAMS): a for name, a in saved.arrays.items() if name.startswith(STREAMS)}
        engine._streams.restore(saved.keys, saved.recency, arenas)
        engine._streams.evictions = saved.evictions
        if engine.vocabulary is not None:
            engine.vocabulary.encode(saved.tokens)
        for name, array in engine._shared.items():
            array[:] = saved.arrays[f"weights.{name}"]
        if engine._watch is not None and engine._watch.overall is not None:
            engine._watch.overall[:] = saved.arrays["drift"]
        engine._bind()
        return engine


def _watch(settings: Settings, assembly: Assembly) -> Watch | None:
    """Return what looks for drifts, or None if nothing is to."""
    if settings.drift == "off":
        return None
    from stream_rnn.drift import Watch  # noqa: PLC0415 - river takes a second to import

    return Watch(settings, assembly)
