"""Engine: streams, a network and a learner. It forecasts at every event, then learns from it."""

from __future__ import annotations

from functools import cached_property
from time import perf_counter
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from msgspec.structs import replace

from stream_rnn.checkpoints import file as checkpoint_file
from stream_rnn.compiled.core import Counts
from stream_rnn.compiled.state import Clock
from stream_rnn.compiled.step import N_EVENTS, Batch, EventBuffers, OutputBuffers, RowOp, process
from stream_rnn.engine import conversions
from stream_rnn.engine.alarms import alarms_of, failing_rows, relative_error
from stream_rnn.engine.batch_size import BatchSize
from stream_rnn.engine.build import EngineParts, build_parts
from stream_rnn.engine.contents import verify_engine, warn_of_infinite_weights
from stream_rnn.engine.diagnostics import diagnosis_of, with_update
from stream_rnn.engine.exclusive import Idle, exclusive, refuse
from stream_rnn.engine.forecaster import Forecaster
from stream_rnn.engine.growth import grow
from stream_rnn.engine.intake import Intake
from stream_rnn.engine.result import allocate_outputs, shortened, wrap_outputs
from stream_rnn.engine.shares import process_shares, shares_of
from stream_rnn.engine.state import EngineState
from stream_rnn.engine.threads import WORTHWHILE_SECONDS, available_cpus
from stream_rnn.errors import DataError
from stream_rnn.html import html_table
from stream_rnn.kernels.jit import machine_code
from stream_rnn.learning.target_states import STATE, STATES, TARGET_SIZE, TARGETS

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence
    from datetime import datetime
    from os import PathLike

    from numpy.typing import ArrayLike, NDArray

    from stream_rnn.checkpoints.file import CheckpointData
    from stream_rnn.checkpoints.snapshot import Snapshot
    from stream_rnn.engine.drift import Drift, DriftMonitor
    from stream_rnn.engine.intake import Events
    from stream_rnn.engine.result import BatchResult, EventResult
    from stream_rnn.engine.vocabulary import Vocabulary
    from stream_rnn.learning.diagnosis import Diagnosis
    from stream_rnn.settings.engine import Settings

N_DRIFTS = Counts._fields.index("drifts")


class Engine:
    """A recurrent network that learns online from many streams.

    Each stream, identified by its key, has its own hidden state, running scales and window of recent events. Nothing
    here depends on a clock: time is what events say, so that a replay gives the same numbers as the live run.

    An engine processes one call at a time. A call from another thread raises meanwhile; `SharedEngine` lets it wait. In
    a long call, streams with their own weights are processed by several threads, `threads` at most.
    `counts`, `keys`, `stream_count`, `evictions`, `drifts` and `stream_bytes` may be read at any time.

    Parameters
    ----------
    settings
        What to learn, and how.

    Examples
    --------
    >>> import numpy as np
    >>> from stream_rnn import Engine, Settings
    >>> engine = Engine(Settings(inputs="x", hidden=8))
    >>> for t in range(3000):
    ...     forecast = engine.step("sensor", {"x": np.sin(t / 10)})
    >>> bool(abs(forecast[0, 0] - np.sin(300)) < 0.02)
    True
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._parts: EngineParts = build_parts(settings)
        self._monitor = _drift_monitor(settings, self._parts)
        self._state = EngineState(settings, self._parts, self._monitor)
        self._intake = Intake(settings, self._state.vocabulary)
        self._forecaster = Forecaster(settings, self._state, self._intake)
        self._event, self._outputs = self._intake.event, allocate_outputs(settings, 1)
        self._forecast = self._outputs.forecasts.reshape(settings.forecast_shape)
        self._single = Batch(self._event, self._outputs)
        self._batch = Batch(self._event, self._outputs)
        self._batch_size = BatchSize()
        self._idle = Idle()
        self.threads = available_cpus()
        """Most threads that process a batch of streams with their own weights; results do not depend on it."""

    def __repr__(self) -> str:
        about = ", ".join(f"{name} {value}" for name, value in summary_of(self))
        return f"<Engine: {about}>"

    def _repr_html_(self) -> str:
        return html_table("Engine", summary_of(self))

    @property
    def counts(self) -> Counts:
        """Counters over all streams since the engine was created."""
        return Counts(*map(int, self._state.counts))

    @property
    def keys(self) -> list[Hashable]:
        """Keys of the streams that are kept."""
        return self._state.streams.keys

    @property
    def vocabulary(self) -> Vocabulary | None:
        """Ids of the tokens of an embedding; None without one."""
        return self._state.vocabulary

    @property
    def stream_count(self) -> int:
        """Number of streams that are kept."""
        return len(self._state.streams)

    @property
    def evictions(self) -> int:
        """Number of streams that were evicted in favour of others."""
        return self._state.streams.evictions

    @property
    def drifts(self) -> list[Drift]:
        """The newest drifts that this object detected, oldest first; `counts` has the number of all."""
        return list(self._monitor.newest) if self._monitor is not None else []

    @property
    @exclusive
    def failing(self) -> dict[Hashable, float]:
        """The streams for which there is an alarm, each with its `relative_error`; none for labels.

        The forecasts of such a stream have been worse than persistence for long, see `learning.failure`.
        """
        state = self._state.streams
        errors = state.arrays["failure"][: len(state)]
        keys = state.keys if (rows := failing_rows(errors)).size else []
        return {keys[row]: relative_error(errors[row]) for row in rows.tolist()}

    @property
    def stream_bytes(self) -> dict[str, int]:
        """Memory of one stream in each stream array, in bytes."""
        return self._state.streams.row_bytes

    @property
    @exclusive
    def parameters(self) -> dict[str, NDArray[Any]]:
        """The weights by name, as read-only views of the shared network.

        Raises
        ------
        DataError
            With ``weights="per_stream"`` or ``head="per_stream"``: there is no single network. See `parameters_of`.
        """
        for name in ("weights", "head"):
            if getattr(self.settings, name) == "per_stream":
                raise DataError(f"{name} is per_stream, so there is no single network: use parameters_of(key)")
        return self._parts.by_name(self._state.weights_of(0).params)

    @exclusive
    def parameters_of(self, key: Hashable) -> dict[str, NDArray[Any]]:
        """Return the weights of a stream by name, as read-only views; for an unknown one those it would start with."""
        return self._parts.by_name(self._state.params_of(key))

    def step(
        self,
        key: Hashable,
        x: Mapping[str, float | str | None] | Sequence[float | str] | str,
        y: Mapping[str, float | str | None] | Sequence[float | str] | float | str | None = None,
        time: float | datetime | None = None,
        *,
        end: bool = False,
        w: float = 1.0,
        learn: bool = True,
    ) -> NDArray[np.float64]:
        """Process one event: learn from what it reveals, and forecast.

        Parameters
        ----------
        key
            The stream.
        x
            Inputs, by name or in the order of the settings. NaN, None and omitted names are missing. A token is an id,
            or text, which gets an id in `vocabulary` even if the event is then refused; a missing one is id 0.
        y
            The targets' values at this event. Forecast tasks: if omitted, they are taken from `x`. Label tasks: if
            omitted, nothing is learned from this event. Where the target is the token, it may be text.
        time
            Seconds since the Unix epoch, or a datetime, UTC if it has no time zone.
        end
            Whether the sequence ends with this event.
        w
            Weight of the event's targets in learning; 0 to learn nothing from them. Scales and intervals ignore it.
        learn
            Whether weights of the network may change; if not, the event does all else, see `freeze`.

        Returns
        -------
        ndarray of shape `Settings.forecast_shape`
            Forecasts in the targets' units; for classes their probabilities, or with the setting `top` pairs of a class
            and its probability, most likely first. With lookahead L, the label of the event L before this one, NaN if
            the sequence has none.

        Raises
        ------
        DataError
            If a name is unknown, a value is not a number, class or id, or there are too many or too few values.
        """
        try:
            self._idle.pop()
        except IndexError:
            refuse(self)
        try:
            self._step(key, x, y, time, end, w, learn)
            return self._forecast.copy()
        finally:
            self._idle.append(None)

    @exclusive
    def step_detailed(
        self,
        key: Hashable,
        x: Mapping[str, float | str | None] | Sequence[float | str] | str,
        y: Mapping[str, float | str | None] | Sequence[float | str] | float | str | None = None,
        time: float | datetime | None = None,
        *,
        end: bool = False,
        w: float = 1.0,
        learn: bool = True,
    ) -> EventResult:
        """Process one event as `step`, and return everything that is known about it.

        Examples
        --------
        >>> from stream_rnn import Engine, Settings
        >>> engine = Engine(Settings(inputs="x", hidden=4, interval=0.9))
        >>> engine.step_detailed("sensor", {"x": 20.0}).to_dict()  # doctest: +NORMALIZE_WHITESPACE
        {'forecast': [[20.0]], 'begins': True, 'interval': [[[None, None]]], 'anomaly': None, 'anomaly_alarm': None,
         'state': None, 'states': None, 'drifts': [], 'alarms': []}
        """
        drifts, outputs = self._step(key, x, y, time, end, w, learn), self._outputs
        alarms = alarms_of(outputs.alarms, [key], int(self._state.counts[N_EVENTS]) - 1)
        return wrap_outputs(self.settings, self._event.slots, outputs, drifts, alarms).event(0)

    def _step(self, key: Hashable, x: Any, y: Any, time: Any, end: bool, w: float, learn: bool) -> Sequence[Drift]:
        """Process one event and write its results to the output buffers; return the drifts that it reveals."""
        state, new = self._state, False
        try:
            event = self._intake.from_step(x, y, time, w)
            key = key.item() if isinstance(key, np.generic) else key
            event.slots[0], new = state.slot(key)
            event.ops[0] = state.op(learn) + (RowOp.RESET_SLOT if new else 0) + (RowOp.END_SEQUENCE if end else 0)
            if new:
                self._outputs.begins[0] = False
            state.protect(event.slots)
            self._process_single(state.core, self._single)
            return () if self._monitor is None else self._check_drift(self._monitor, event.slots[0], new, key, learn)
        except KeyboardInterrupt:
            if new and not self._outputs.begins[0]:
                state.run_op(event.slots[0], RowOp.RESET_SLOT)
            raise

    @cached_property
    def _process_single(self) -> Any:
        """`process` for a single event.

        It is a function because river measures memory by what objects refer to, which does not go beyond functions.
        Machine code refers to the whole compiler.
        """
        code = machine_code(process, self._state.core, self._single)

        def process_single(core: Any, single: Any) -> None:
            code(core, single)

        return process_single

    @property
    def last_event(self) -> tuple[NDArray[np.float64], bool]:
        """The targets' values (D,) at the event that `step` processed last, and whether it began a sequence."""
        return self._event.y[0], bool(self._outputs.begins[0])

    def process(
        self,
        keys: Sequence[Hashable] | NDArray[Any] | str | int,
        X: ArrayLike,
        Y: ArrayLike | None = None,
        times: ArrayLike | None = None,
        ends: ArrayLike | None = None,
        *,
        w: ArrayLike | None = None,
        learn: bool = True,
    ) -> NDArray[np.float64]:
        """Process N events in arrival order, bitwise as in N calls of `step`, however they are cut into batches.

        Parameters
        ----------
        keys
            Stream of each event, (N,); or a single string or integer for all.
        X
            Inputs (N, I), in the order of the settings, or a data frame, whose columns are matched by name; NaN is
            missing. Tokens are ids, see `vocabulary.encode`.
        Y
            Targets (N, D), or (N,) for one target, or a data frame. Forecast tasks: if omitted, they are taken from X.
            Label tasks: if omitted, nothing is learned.
        times
            Seconds since the Unix epoch (N,), or datetime64 in UTC; NaN or NaT where unknown.
        ends
            Whether the sequence of an event's stream ends with it, (N,).
        w
            Weights of the events' targets in learning (N,), as in `step`; 1 if omitted.
        learn
            As in `step`, for all events.

        Returns
        -------
        ndarray of shape (N, *Settings.forecast_shape)
            Each row as returned by `step`.

        Raises
        ------
        DataError
            If shapes do not fit, or values are not numbers, classes or ids.

        Examples
        --------
        >>> import numpy as np
        >>> from stream_rnn import Engine, Settings
        >>> engine = Engine(Settings(inputs=("load", "temperature"), hidden=8, horizon=3))
        >>> engine.process(["pump-1", "pump-2"], np.array([[1.0, 20.0], [2.0, 30.0]])).shape
        (2, 3, 2)
        """
        return self.process_detailed(keys, X, Y, times, ends, w=w, learn=learn).forecasts

    def process_detailed(
        self,
        keys: Sequence[Hashable] | NDArray[Any] | str | int,
        X: ArrayLike,
        Y: ArrayLike | None = None,
        times: ArrayLike | None = None,
        ends: ArrayLike | None = None,
        *,
        w: ArrayLike | None = None,
        learn: bool = True,
    ) -> BatchResult:
        """Process N events as `process`, and return everything that is known about them."""
        return self.process_events(self._intake.from_process(keys, X, Y, times, ends, w), learn=learn)

    @exclusive
    def process_events(self, events: Events, *, learn: bool = True) -> BatchResult:
        """Process events that an `Intake` of the same settings has checked."""
        return self._process(events, learn=learn)

    def _process(self, events: Events, *, learn: bool = True) -> BatchResult:
        state, before = self._state, int(self._state.counts[N_EVENTS])
        slots, new = state.slots(events.keys)
        outputs = allocate_outputs(self.settings, len(slots))
        try:
            drifts = self._run(events, slots, new, outputs, learn)
        except KeyboardInterrupt:
            rest = slice(int(state.counts[N_EVENTS]) - before, None)
            for slot in slots[rest][new[rest]]:
                state.run_op(slot, RowOp.RESET_SLOT)
            raise
        return wrap_outputs(self.settings, slots, outputs, drifts, alarms_of(outputs.alarms, events.keys, before))

    def _run(
        self, events: Events, slots: NDArray[np.int64], new: NDArray[np.bool_], outputs: OutputBuffers, learn: bool
    ) -> list[Drift]:
        """Run the kernel on events of the streams in these slots (N,), batch by batch; return the drifts."""
        state, count = self._state, len(slots)
        ops = (state.op(learn) + RowOp.RESET_SLOT * new + RowOp.END_SEQUENCE * events.ends).astype(np.uint8)
        columns = [
            np.require(column, requirements=["C", "A", "W"])
            for column in (slots, ops, events.x, events.y, events.times, events.weights)
        ]
        drifts: list[Drift] = []
        start = 0
        while start < count:
            began = perf_counter()
            # a drift is responded to before the next event
            size = self._batch_size.next if self._monitor is None else 1
            part = slice(start, start + state.protect(slots[start : start + size]))
            rows = EventBuffers(*(column[part] for column in columns))
            results = OutputBuffers(*(array[part] for array in outputs))
            shares = self._shares(rows.slots)
            if len(shares) > 1:
                process_shares(self.settings, state, shares, rows, results)
            else:
                self._batch.fill(events=rows, outputs=results)
                process(state.core, self._batch)
            if self._monitor is not None:
                drifts += self._check_drift(self._monitor, slots[start], new[start], events.keys[start], learn)
            self._batch_size.measured(part.stop - start, perf_counter() - began)
            start = part.stop
        return drifts

    def _shares(self, slots: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        """Return the places of each thread's events in a batch; none if a single thread is to process them."""
        threads, count = self.threads, len(slots)
        if threads < 2 or count < 2 or self.settings.weights == "shared":
            return []
        return shares_of(slots, threads) if self._batch_size.seconds(count) >= WORTHWHILE_SECONDS else []

    def _check_drift(self, monitor: DriftMonitor, slot: int, new: bool, key: Hashable, learn: bool) -> list[Drift]:
        """Check the error of the event that was just processed; respond to a drift if it may learn, and return it."""
        state = self._state
        if not monitor.check(state.streams.arrays, slot, new):
            return []
        if learn and not state.frozen[0]:
            monitor.respond(state.weights_of(slot))
        state.counts[N_DRIFTS] += 1
        return [monitor.record(int(state.counts[N_EVENTS]), key)]

    @exclusive
    def interval(self, key: Hashable) -> NDArray[np.float64]:
        """Return low and high of each number that was forecast at the stream's last event.

        Returns
        -------
        ndarray of shape (*Settings.forecast_shape, 2)
            In the targets' units; NaN before any error is known.

        Raises
        ------
        DataError
            If no interval is set, or the stream is unknown.
        """
        if self.settings.interval is None:
            raise DataError("intervals need the setting interval, such as interval=0.9")
        return self._state.row("interval", key).reshape(*self.settings.forecast_shape, 2).copy()

    @exclusive
    def anomaly(self, key: Hashable) -> float:
        """Return the anomaly score of the stream's last event, from 0 to 1; NaN if there was no forecast of it.

        Raises
        ------
        DataError
            If anomaly scores are not set, or the stream is unknown.
        """
        return float(self._anomaly_row("score", key))

    @exclusive
    def states(self, key: Hashable) -> dict[str, str]:
        """Return the state of each target at the stream's last event: normal, abnormal, stuck or missing.

        Raises
        ------
        DataError
            If anomaly scores are not set, or the stream is unknown.
        """
        watched = self._anomaly_row("watched", key)[TARGETS:].reshape(-1, TARGET_SIZE)
        return {
            name: STATES[int(code)] for name, code in zip(self.settings.target_names, watched[:, STATE], strict=True)
        }

    def _anomaly_row(self, name: str, key: Hashable) -> NDArray[np.float64]:
        if not self.settings.anomaly:
            raise DataError("anomaly scores and states need the setting anomaly=True")
        return self._state.row(name, key)

    @exclusive
    def relative_error(self, key: Hashable) -> float:
        """Return the running error of a stream's forecasts one event ahead, over that of persistence.

        It is the ratio of root mean squares over about the last thousand events, see `learning.failure`; NaN in the
        first thousand events, and for labels.

        Raises
        ------
        DataError
            If the stream is unknown.
        """
        return relative_error(self._state.row("failure", key))

    @exclusive
    def label(self, key: Hashable, X: ArrayLike, Y: ArrayLike | None = None) -> NDArray[np.float64]:
        """Label each event of a complete sequence, from its first event to its last.

        The stream's present sequence is ended first, as by `reset`. With a lookahead of T - 1 or more every event is
        labelled from the whole sequence, as in Schuster & Paliwal (1997); with less, from the events before it and as
        many after it.

        Parameters
        ----------
        key
            The stream.
        X
            Inputs (T, I), in the order of the settings; NaN is missing.
        Y
            Targets (T, D), or (T,) for one target, learned from as by `process`; if omitted, nothing is learned.

        Returns
        -------
        ndarray of shape (T, *Settings.forecast_shape)
            Row t is the label of event t.

        Raises
        ------
        DataError
            If the task is forecast, shapes do not fit, or values are not numbers.
        """
        if self.settings.task == "forecast":
            raise DataError("label is for regression and classification, got task forecast")
        x = conversions.matrix(X, self.settings.inputs, "X")
        events = self._intake.from_process([key] * len(x), x, Y, None, None)
        self._reset(key)
        labels = np.concatenate([self._process(events).forecasts, self._finish(key)])
        return labels[len(labels) - len(x) :]

    @exclusive
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
            Inputs of a hypothetical next event; if omitted, the forecast that was made at the last event is returned.
            An unknown token is id 0.
        time
            Time of that event, as in `step`; if omitted, as long after the last event as that was after
            the one before.

        Returns
        -------
        ndarray of shape `Settings.forecast_shape`

        Raises
        ------
        DataError
            If `x` or `time` does not fit, or if without `x` the stream's sequence has had no event.
        """
        return self._forecaster.predict(key, x, time)

    @exclusive
    def predict_many(
        self, keys: Sequence[Hashable] | NDArray[Any] | str | int, X: ArrayLike, times: ArrayLike | None = None
    ) -> NDArray[np.float64]:
        """Forecast at N hypothetical next events, each by itself, and change nothing.

        Parameters
        ----------
        keys
            Stream of each event, (N,); or a single string or integer for all.
        X
            Inputs (N, I), in the order of the settings; NaN is missing. Tokens are ids, see `vocabulary.encode`.
        times
            Times (N,), as in `process`; NaN or NaT as where `predict` is given none.

        Returns
        -------
        ndarray of shape (N, *Settings.forecast_shape)
            Each row as returned by `predict`.

        Raises
        ------
        DataError
            If shapes do not fit, or values are not numbers or ids.
        """
        return self._forecaster.predict_many(keys, X, times)

    @exclusive
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

        The forecast one event ahead becomes the input of the next event where the target is an input; other inputs keep
        their values. Events follow each other at the distance of the stream's last two events.

        Parameters
        ----------
        key
            The stream.
        x
            Inputs of a hypothetical next event; if omitted, the rollout starts from the last event. An unknown token is
            id 0.
        time
            Time of that event, as in `predict`.
        steps
            Number of events to forecast.
        temperature
            For classes: 0 takes the most likely class; above, a class is drawn from p^(1/temperature), at 1 from the
            probabilities themselves. With the setting `top`, it is one of the most likely classes.
        seed
            Seed of the draws: the same seed gives the same sequence.

        Returns
        -------
        ndarray of shape (steps, D), or with another axis as `Settings.forecast_shape`
            The forecasts; for classes (steps,) int64, which `vocabulary.decode` converts to text where they are tokens.

        Raises
        ------
        DataError
            If the task has no forecasts to feed back, a value is not allowed, `x` does not fit, or if without `x` the
            stream's sequence has had no event.
        """
        return self._forecaster.generate(key, x, time, steps=steps, temperature=temperature, seed=seed)

    @exclusive
    def diagnose(
        self,
        key: Hashable,
        x: Mapping[str, float | None] | Sequence[float] | None = None,
        y: Mapping[str, float | None] | Sequence[float] | float | None = None,
        time: float | datetime | None = None,
    ) -> Diagnosis:
        """Measure the state of gradients and weights, and change nothing.

        Parameters
        ----------
        key
            The stream; an unknown one is diagnosed as a stream that begins.
        x, y, time
            A hypothetical next event, as in `step`: the update that it would cause is measured too, on a copy. Pending
            errors are learned from with it.

        Returns
        -------
        Diagnosis
            Gradient norms by lag, spectral radii, saturated gates, and relative changes of the weights.

        Raises
        ------
        DataError
            As `step`.
        """
        state = self._state
        diagnosis = diagnosis_of(state, key)
        if x is None:
            return diagnosis
        alone = state.data(None).of_stream(state.streams.find(key))
        off = replace(self.settings, clip="off")
        copies = [Engine.restore(data) for data in (alone, alone._replace(settings=off))]
        for copy in copies:
            copy.step(key, x, y, time, end=True)
        if copies[0].counts.updates == self.counts.updates:
            return diagnosis
        after, clipless = (copy._state.weights_of(0) for copy in copies)  # noqa: SLF001 - engines, too
        return with_update(diagnosis, state, key, after, clipless)

    @property
    def frozen(self) -> bool:
        """Whether no weight changes, see `freeze`."""
        return bool(self._state.frozen[0])

    @exclusive
    def freeze(self) -> None:
        """Stop learning, until `unfreeze`: no weight of the layers or of the readout changes.

        All else continues: hidden states, running scales of inputs and targets, intervals, anomaly scores, and the
        comparison with persistence. Drifts are reported only. Errors that wait for an update when it is called are
        learned from after `unfreeze`. A saved engine remembers that it is frozen.

        Examples
        --------
        >>> from stream_rnn import Engine, Settings
        >>> engine = Engine(Settings(inputs="x", hidden=4))
        >>> engine.freeze()
        >>> for t in range(100):
        ...     forecast = engine.step("sensor", {"x": t % 5})
        >>> engine.frozen, engine.counts.updates
        (True, 0)
        """
        self._state.frozen[0] = True

    @exclusive
    def unfreeze(self) -> None:
        """Learn again after `freeze`."""
        self._state.frozen[0] = False

    @exclusive
    def reset(self, key: Hashable) -> None:
        """End the stream's sequence: its hidden state becomes zero and its window empty; its scales stay.

        Events that wait for their lookahead are labelled without it, and pending errors are learned from, first. An
        unknown stream is ignored.
        """
        self._reset(key)

    def _reset(self, key: Hashable) -> None:
        slot = self._state.streams.find(key)
        if slot is not None:
            self._state.run_op(slot, RowOp.END_SEQUENCE)

    @exclusive
    def finish(self, key: Hashable) -> NDArray[np.float64]:
        """End the stream's sequence as `reset` does, and return the labels of events that wait for their lookahead.

        Returns
        -------
        ndarray of shape (k, *Settings.forecast_shape)
            Labels of the sequence's last k events, oldest first, k being the lookahead at most. Empty without
            lookahead, or for an unknown stream.
        """
        return self._finish(key)

    def _finish(self, key: Hashable) -> NDArray[np.float64]:
        state = self._state
        slot, labels = state.streams.find(key), []
        if slot is not None:
            labels = [state.run_op(slot, RowOp.LABEL_PENDING) for _ in range(state.clock(key, Clock.PENDING))]
            state.run_op(slot, RowOp.END_SEQUENCE)
        return np.array(labels).reshape(len(labels), *self.settings.forecast_shape)

    @exclusive
    def warmup(self) -> None:
        """Compile the kernels, or load them from the cache, so that the first event does not wait for it."""
        self._forecaster.warmup()

    @exclusive
    def events(self, key: Hashable) -> int:
        """Return the number of events of a stream since it appeared; 0 if it is unknown."""
        return self._state.clock(key, Clock.EVENTS)

    @exclusive
    def length(self, key: Hashable) -> int:
        """Return the number of events of a stream's sequence, without those that wait for their lookahead."""
        return self._state.clock(key, Clock.LENGTH)

    @exclusive
    def last_time(self, key: Hashable) -> tuple[float, float]:
        """Return the latest time of a stream, and how long it was after the one before, in seconds; NaN if unknown.

        Raises
        ------
        DataError
            If the stream is unknown.
        """
        return float(self._state.row("time", key)), float(self._state.row("gap", key))

    @exclusive
    def with_settings(self, settings: Settings) -> Self:
        """Return an engine with other settings that continues from what this one has learned, which stays unchanged.

        Parameters
        ----------
        settings
            May name more inputs, after the present ones; for labels more targets, and for classification by softmax
            more classes; and may have other rates, limits and penalties. What is new has no effect until it is learned,
            except that longer sums are rounded differently.

        Raises
        ------
        SettingError
            For a setting that must not change in this way.
        """
        return self.restore(grow(self._state.data(None), settings))

    @exclusive
    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle and copy the data: arrays, keys and settings, but no code.

        Loading a pickle from an untrusted source may run any code. `load` checks the file and runs no code from it.
        """
        return self.restore, (self._state.data(None),)

    @exclusive
    def save(self, path: str | PathLike[str], *, positions: Mapping[str, Any] | None = None) -> None:
        """Write everything to one file, completely or not at all.

        Parameters
        ----------
        path
            The file; it is replaced only once the new one is safe on disk.
        positions
            JSON values to keep with the state, such as where a source and a sink are.

        Raises
        ------
        CheckpointError
            If the file cannot be written, or positions are not JSON values.
        """
        checkpoint_file.write(path, self._state.data(positions))

    @exclusive
    def snapshot(self, *, positions: Mapping[str, Any] | None = None) -> Snapshot:
        """Return a snapshot of what `save` would write now, to be copied while the engine keeps running.

        As long as the snapshot exists and is not complete, the engine copies a stream before it changes.

        Parameters
        ----------
        positions
            As for `save`.

        Raises
        ------
        CheckpointError
            If the previous snapshot is not complete, or there is not enough memory.
        """
        return self._state.snapshot(positions)

    @classmethod
    def load(cls, path: str | PathLike[str], *, settings: Settings | None = None) -> Self:
        """Return the engine that was saved; it continues bitwise.

        Parameters
        ----------
        path
            A file written by `save`.
        settings
            Settings that the file must have; None for any.

        Raises
        ------
        CheckpointError
            If the file is missing, damaged, not that of an engine, of another format version or has other settings.
        """
        data = checkpoint_file.read(path, settings)
        engine = cls.restore(data)
        warn_of_infinite_weights(data)
        return engine

    @classmethod
    def restore(cls, data: CheckpointData) -> Self:
        """Return the engine of checkpoint data; it continues bitwise.

        Raises
        ------
        CheckpointError
            If the data is that of a race, cannot be that of an engine, or does not fit into memory.
        """
        verify_engine(data)
        try:
            engine = cls(data.settings)
            engine._state.restore(data)
        except MemoryError as error:
            raise data.invalid(f"there is not enough memory: {error}") from None
        return engine


def summary_of(engine: Engine) -> list[tuple[str, str]]:
    """Return the main facts about an engine as pairs of a name and a text."""
    settings, counts = engine.settings, engine.counts
    layers = " ".join(f"{name} {units}" for name, units in zip(settings.layer, settings.hidden, strict=False))
    return [
        ("layers", layers + (", frozen" if engine.frozen else "")),
        ("task", settings.task),
        ("targets", shortened(settings.target_names)),
        ("horizon", f"{settings.horizon:,}"),
        ("streams", f"{engine.stream_count:,}"),
        ("events", f"{counts.events:,}"),
        ("updates", f"{counts.updates:,}"),
    ]


def _drift_monitor(settings: Settings, parts: EngineParts) -> DriftMonitor | None:
    """Return the drift monitor, or None if drift is not detected."""
    if settings.drift == "off":
        return None
    from stream_rnn.engine.drift import DriftMonitor  # noqa: PLC0415 - river takes a second to import

    return DriftMonitor(settings, parts)
