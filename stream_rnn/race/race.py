"""Race: engines of several settings on the same streams, their forecasts weighted by recent performance."""

from __future__ import annotations

import math
from contextlib import contextmanager
from operator import itemgetter
from time import perf_counter, thread_time
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from stream_rnn.checkpoints import file as checkpoint_file
from stream_rnn.compiled.core import Counts
from stream_rnn.engine.batch_size import BatchSize
from stream_rnn.engine.contents import warn_of_infinite_weights
from stream_rnn.engine.engine import Engine
from stream_rnn.engine.exclusive import Idle, exclusive
from stream_rnn.engine.intake import Intake
from stream_rnn.engine.result import BatchResult, shortened
from stream_rnn.engine.stream_table import StreamTable
from stream_rnn.engine.threads import WORTHWHILE_SECONDS, available_cpus, in_threads
from stream_rnn.errors import DataError, StreamRNNError
from stream_rnn.html import html_table
from stream_rnn.learning import mixing
from stream_rnn.learning.bounds import make_bounds
from stream_rnn.learning.mixing import MixingBatch, MixingState, MixOp
from stream_rnn.learning.naive import NAIVE, NaiveState
from stream_rnn.race.alarms import failing_in_all, joint_alarms
from stream_rnn.race.snapshot import (
    MIXING,
    RaceSnapshot,
    members_of,
    mixing_rows,
    naive_rows,
    race_settings_of,
    split,
    verify_race,
)
from stream_rnn.settings.engine import Settings
from stream_rnn.settings.race import RaceSettings, check_members, preset

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Mapping, Sequence
    from datetime import datetime
    from os import PathLike

    from numpy.typing import ArrayLike, NDArray

    from stream_rnn.checkpoints.file import CheckpointData
    from stream_rnn.engine.alarms import Alarm
    from stream_rnn.engine.drift import Drift
    from stream_rnn.engine.intake import Events

SUMMED = ("updates", "skipped", "overflows", "drifts", "alarms")
"""Counters of a race that are sums over its members; the others are the same for every member."""


class Standing(NamedTuple):
    """Performance of a member. Errors are those of the forecasts scored since the race was created or loaded."""

    mae: float
    """NaN if no forecast was scored, as `rmse` and `mse`"""
    rmse: float
    mse: float
    scored: int
    """number of forecasts"""
    weight: float
    """present weight, the mean over streams and horizons"""
    retired_at: int | None
    """number of events that the race had processed when the member was retired"""


class Race:
    """Engines that learn the same streams side by side; the forecast is the mixture of theirs.

    For each stream and horizon the members' forecasts are averaged by weights that follow their errors, scored when the
    target arrives (see `learning.mixing`). The mixture is about as good as the best member, without knowing which one
    that will be, and often better, since errors cancel. A race costs what its members cost together.

    Parameters
    ----------
    members
        Settings of the members, by name. They agree in inputs, targets, task, horizon, `max_streams` and `reset_after`,
        and forecast or label numbers with the squared, absolute or Huber loss.
    race
        How forecasts are weighted, and whether members are retired.

    Raises
    ------
    SettingError
        If the members cannot race against each other.

    Examples
    --------
    >>> import numpy as np
    >>> from stream_rnn import Race, Settings
    >>> slow, fast = (Settings(inputs="x", hidden=8, learning_rate=rate) for rate in (1e-6, 1e-3))
    >>> race = Race({"slow": slow, "fast": fast})
    >>> for t in range(3000):
    ...     forecast = race.step("sensor", {"x": np.sin(t / 10)})
    >>> max(race.standings(), key=lambda name: race.standings()[name].weight)
    'fast'
    """

    def __init__(self, members: Mapping[str, Settings], race: RaceSettings | None = None) -> None:
        self.race_settings = race if race is not None else RaceSettings()
        check_members(members, self.race_settings)
        self.member_settings = dict(members)
        self.settings = next(iter(members.values()))
        """Settings of the first member: inputs, targets, task and horizon are the same for all."""
        self.members = {name: Engine(settings) for name, settings in members.items()}
        """The engines that are racing."""
        self._intake = Intake(self.settings, None)
        self._names = (*members, *self.race_settings.naive)
        count, horizon = len(self._names), 0 if self.settings.task != "forecast" else self.settings.horizon
        groups, targets = max(horizon, 1), len(self.settings.target_names)
        self._mixing = mixing.Mixing(
            rate=self.race_settings.rate,
            forgetting=self.race_settings.forgetting,
            horizon=horizon,
            absolute=self.race_settings.weigh_by == "absolute",
            naive=np.array([NAIVE.index(name) for name in self.race_settings.naive], np.int64),
            bounds=make_bounds(self.settings.bounds, values=1),
        )
        rows = mixing_rows(self.settings, count) | naive_rows(self.settings, self.race_settings)
        self._streams = StreamTable(rows, self.settings.max_streams)
        """State of the mixing; its slots are those of every member."""
        self._members = mixing.Members(
            racing=np.ones(count, np.bool_),
            use=np.zeros(count),
            errors=np.zeros((count, 3)),
            weights=np.zeros(count),
            losses=np.zeros(count),
        )
        self._retired_at = np.zeros(count, np.int64)
        self._retired_counts = np.zeros(len(Counts._fields), np.int64)
        self._made = np.full((1, count, groups * targets), np.nan)
        self._interrupted = False
        self._batch_size = BatchSize()
        self._seconds = np.zeros(len(members))
        """How long each member took for the last events."""
        self._idle = Idle()
        self.threads = available_cpus()
        """Most members that process a batch at the same time; results do not depend on it."""

    @classmethod
    def preset(cls, name: str, race: RaceSettings | None = None, **settings: Any) -> Self:
        """Return a race of members that go together.

        Parameters
        ----------
        name
            ``auto``: presets `forecast` and `linear`, and the naive forecasts, all but persistence with the season that
            is detected. It is a good choice for a series that is not known yet.
        race
            How forecasts are weighted. Default: as the preset says.
        **settings
            Engine settings of all members that say what is forecast, such as ``inputs`` and ``horizon``; see
            `settings.race.SHARED`.

        Raises
        ------
        SettingError
            If there is no such preset, or the settings do not suit a member.

        Examples
        --------
        >>> race = Race.preset("auto", inputs="load", horizon=24)
        >>> list(race.standings())[2:4]
        ['persistence', 'seasonal_naive']
        """
        config = preset(name, settings)
        members = {member: Settings.parse(values) for member, values in config.members.items()}
        return cls(members, config.race if race is None else race)

    def __repr__(self) -> str:
        streams = f"{self.stream_count:,} streams, {self.counts.events:,} events"
        return f"<Race of {', '.join(self._names)}: targets {shortened(self.settings.target_names)}, {streams}>"

    def _repr_html_(self) -> str:
        rows = [
            (name, f"{each.mae:.4g}", f"{each.weight:.1%}", each.retired_at or "")
            for name, each in self.standings().items()
        ]
        return html_table(repr(self), rows, ("member", "MAE", "weight", "retired at"))

    @property
    def counts(self) -> Counts:
        """Counters since the race was created; those of `SUMMED` are of all members.

        There are no alarms with naive forecasts among the members, as in `failing`.
        """
        racing = [engine.counts for engine in self.members.values()]
        total = Counts(*map(int, self._retired_counts + np.sum(racing, axis=0)))._asdict()
        if self.race_settings.naive:
            total["alarms"] = 0
        return racing[0]._replace(**{name: total[name] for name in SUMMED})

    @property
    def drifts(self) -> list[Drift]:
        """The newest drifts of each member that is racing, member by member."""
        return [drift for engine in self.members.values() for drift in engine.drifts]

    @property
    def failing(self) -> dict[Hashable, float]:
        """The streams for which there is an alarm in all racing members, each with the smallest relative error.

        There are none with naive forecasts among the members: the mixture is about as good as the best of them.
        """
        return {} if self.race_settings.naive else failing_in_all(self.members.values())

    @property
    def frozen(self) -> bool:
        """Whether nothing is learned, see `freeze`."""
        return any(engine.frozen for engine in self.members.values())

    @exclusive
    def freeze(self) -> None:
        """Freeze every member, see `Engine.freeze`, and their weights; no member is retired."""
        for engine in self.members.values():
            engine.freeze()

    @exclusive
    def unfreeze(self) -> None:
        """Learn again after `freeze`."""
        for engine in self.members.values():
            engine.unfreeze()

    def _freezing(self, learn: bool) -> int:
        """Return the operation of the mixing that keeps its weights, or 0 if these may change."""
        return 0 if learn and not self.frozen else int(MixOp.FREEZE)

    @property
    def keys(self) -> list[Hashable]:
        """Keys of the streams that are kept."""
        return self._streams.keys

    @property
    def vocabulary(self) -> None:
        """None: no member has tokens."""

    @property
    def stream_count(self) -> int:
        """Number of streams that are kept."""
        return len(self._streams)

    @property
    def evictions(self) -> int:
        """Number of streams that were evicted in favour of others."""
        return self._streams.evictions

    @exclusive
    def weights(self, key: Hashable) -> dict[str, NDArray[np.float64]]:
        """Return the weight of each member in a stream: by name, (H, D) by horizon and target, (1, D) for labels.

        They sum to 1 over the members, the naive forecasts among them; retired members have 0.

        Raises
        ------
        DataError
            If the stream is unknown.
        """
        slot = self._streams.find(key)
        if slot is None:
            raise DataError(f"no weights for stream {key!r}: it has had no event")
        shares = self._shares(slice(slot, slot + 1))[0]
        by_target = shares.reshape(-1, len(self.settings.target_names), len(self._names))
        return {name: by_target[..., place] for place, name in enumerate(self._names)}

    @exclusive
    def standings(self) -> dict[str, Standing]:
        """Return the performance of each member, and of each naive forecast, by name."""
        racing, streams = self._members.racing, len(self._streams)
        shares = self._shares(slice(streams)).mean(axis=(0, 1)) if streams else racing / racing.sum()
        return {
            name: _standing(errors, float(share), int(at))
            for name, errors, share, at in zip(self._names, self._members.errors, shares, self._retired_at, strict=True)
        }

    @exclusive
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
        """Process one event, as `Engine.step`: learn from what it reveals, and forecast.

        Parameters
        ----------
        key, x, y, time, end, w, learn
            As for `Engine.step`. The weights of the members are not affected by w.

        Returns
        -------
        ndarray of shape `Settings.forecast_shape`
            The mixture of the members' forecasts.

        Raises
        ------
        DataError
            As `Engine.step`.
        """
        with self._whole():
            begins, values = True, np.empty(0)
            for place, engine in self._racing():
                self._made[0, place] = engine.step(key, x, y, time, end=end, w=w, learn=learn).reshape(-1)
                values, begun = engine.last_event
                begins = begins and begun
            slot, new = self._streams.slot(key.item() if isinstance(key, np.generic) else key)
            ops = np.array([MixOp.RESET_SLOT * new + MixOp.BEGIN_SEQUENCE * begins + self._freezing(learn)], np.uint8)
            out = self._mix(MixingBatch(np.array([slot]), ops, values[np.newaxis], self._made))
            self._check_if_due()
        return out.reshape(self.settings.forecast_shape)

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
        """Process N events in arrival order, as `Engine.process`: the results do not depend on the batches."""
        return self.process_detailed(keys, X, Y, times, ends, w=w, learn=learn).forecasts

    @exclusive
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
        events = self._intake.from_process(keys, X, Y, times, ends, w)
        check_every = self.race_settings.check_every
        with self._whole():
            slots, new = self._streams.slots(events.keys)
            results, start = list[BatchResult](), 0
            while start < len(slots):
                began = perf_counter()
                size = self._batch_size.next
                if self.race_settings.retire_below is not None:
                    size = min(size, -self.counts.events % check_every or check_every)
                part = slice(start, start + size)
                result = self._process(events.rows(part), slots[part], new[part], learn)
                self._batch_size.measured(len(result.slots), perf_counter() - began)
                results.append(result)
                start += len(result.slots)
                self._check_if_due()
        shape = (len(slots), *self.settings.forecast_shape)
        return BatchResult(
            np.concatenate([np.empty((0, *shape[1:])), *(result.forecasts for result in results)]),
            slots,
            np.concatenate([np.empty(0, np.bool_), *(result.begins for result in results)]),
            drifts=[drift for result in results for drift in result.drifts],
            alarms=[alarm for result in results for alarm in result.alarms],
        )

    def _process(self, events: Events, slots: NDArray[np.int64], new: NDArray[np.bool_], learn: bool) -> BatchResult:
        """Let every member process events that were checked, and mix their forecasts."""
        count = len(slots)
        begins = np.ones(count, np.bool_)
        drifts: list[Drift] = []
        alarms: list[Alarm] = []
        made = np.full((count, *self._made.shape[1:]), np.nan)
        for place, result in self._process_members(events, learn):
            made[:, place] = result.forecasts.reshape(count, -1)
            drifts += result.drifts
            alarms += result.alarms
            begins &= result.begins  # a member whose state overflowed starts a sequence by itself
        ops = (MixOp.RESET_SLOT * new + MixOp.BEGIN_SEQUENCE * begins + self._freezing(learn)).astype(np.uint8)
        out = self._mix(MixingBatch(slots, ops, events.y, made))
        return BatchResult(
            out.reshape(count, *self.settings.forecast_shape),
            slots,
            begins,
            drifts=drifts,
            alarms=[] if self.race_settings.naive else joint_alarms(list(self.members.values()), alarms),
        )

    def _process_members(self, events: Events, learn: bool) -> list[tuple[int, BatchResult]]:
        """Let every member process events, several at a time if it takes long enough; return the results in order."""
        racing, count = self._racing(), len(events.keys)
        for _, engine in racing:
            engine.threads = max(self.threads // len(racing), 1)

        def process(member: tuple[int, Engine]) -> tuple[int, BatchResult]:
            place, engine = member
            began = thread_time()
            result = engine.process_events(events, learn=learn)
            self._seconds[place] = thread_time() - began
            return place, result

        threads = min(self.threads, len(racing))
        if threads < 2 or count < 2 or self._batch_size.seconds(count) < WORTHWHILE_SECONDS:
            return [process(member) for member in racing]
        slowest_first = sorted(racing, key=lambda member: self._seconds[member[0]], reverse=True)
        return sorted(in_threads(threads, lambda pool: list(pool.map(process, slowest_first))), key=itemgetter(0))

    @exclusive
    def predict(
        self,
        key: Hashable,
        x: Mapping[str, float | str | None] | Sequence[float | str] | str | None = None,
        time: float | datetime | None = None,
    ) -> NDArray[np.float64]:
        """Forecast, as `Engine.predict`, by the present weights, and change nothing.

        Raises
        ------
        DataError
            As `Engine.predict`.
        """
        self._refuse_interrupted()
        made = np.full(self._made.shape[1:], np.nan)
        for place, engine in self._racing():
            made[place] = engine.predict(key, x, time).reshape(-1)
        slot, kept = self._streams.find(key), self._streams.arrays["log_weights"]
        if self.race_settings.naive:
            self._predict_naive(slot, x, made)
        out = np.empty(made.shape[1])
        mixing.average(self._members, kept[slot] if slot is not None else np.zeros(kept.shape[1:]), made, out)
        return out.reshape(self.settings.forecast_shape)

    @exclusive
    def length(self, key: Hashable) -> int:
        """Return the number of events of a stream's sequence, as `Engine.length`."""
        return next(iter(self.members.values())).length(key)

    @exclusive
    def last_time(self, key: Hashable) -> tuple[float, float]:
        """Return the latest time of a stream, and how long it was after the one before, as `Engine.last_time`."""
        return next(iter(self.members.values())).last_time(key)

    @exclusive
    def with_inputs(self, inputs: Sequence[str]) -> Self:
        """Return a race with more inputs that continues from what this one has learned, which stays unchanged.

        Its standings count errors from now on.

        Parameters
        ----------
        inputs
            The present inputs, and more after them, which have no effect until they are learned.

        Raises
        ------
        SettingError
            As `Engine.with_settings`.
        """
        self._refuse_interrupted()
        settings = {
            name: Settings.parse(values.describe() | {"inputs": inputs})
            for name, values in self.member_settings.items()
        }
        grown = {
            place: engine.with_settings(list(settings.values())[place]).snapshot() for place, engine in self._racing()
        }
        return self.restore(RaceSnapshot(grown, self._rest(settings, {})).finish())

    @exclusive
    def reset(self, key: Hashable) -> None:
        """End the stream's sequence, as `Engine.reset`; its weights stay. An unknown stream is ignored."""
        for _, engine in self._racing():
            engine.reset(key)
        slot = self._streams.find(key)
        if slot is not None:
            for name in ("length", "seen", "counts", "active"):
                self._streams.arrays[name][slot] = 0

    @exclusive
    def warmup(self) -> None:
        """Compile the kernels, or load them from the cache, so that the first event does not wait for it."""
        for _, engine in self._racing():
            engine.warmup()
        targets = len(self.settings.target_names)
        self._mix(MixingBatch(np.zeros(0, np.int64), np.zeros(0, np.uint8), np.zeros((0, targets)), self._made[:0]))
        if self.race_settings.naive:
            self._predict_naive(None, None, self._made[0].copy())

    def save(self, path: str | PathLike[str], *, positions: Mapping[str, Any] | None = None) -> None:
        """Write everything to one file, completely or not at all, as `Engine.save`.

        Raises
        ------
        CheckpointError
            As `Engine.save`, and if a snapshot is not complete.
        """
        checkpoint_file.write(path, self.snapshot(positions=positions).finish())

    @exclusive
    def snapshot(self, *, positions: Mapping[str, Any] | None = None) -> RaceSnapshot:
        """Return a snapshot of what `save` would write now, as `Engine.snapshot`.

        The state of the mixing is small, and copied at once.
        """
        self._refuse_interrupted()
        rest = self._rest(self.member_settings, positions or {})
        return RaceSnapshot({place: engine.snapshot() for place, engine in self._racing()}, rest)

    def _rest(self, members: Mapping[str, Settings], positions: Mapping[str, Any]) -> checkpoint_file.CheckpointData:
        """Return a copy of all state but that of the members, which have these settings."""
        streams = self._streams
        arrays = {name: array[: len(streams)].copy() for name, array in streams.arrays.items()}
        arrays |= {
            "use": self._members.use.copy(),
            "retired_at": self._retired_at.copy(),
            "left": self._retired_counts.copy(),
        }
        return checkpoint_file.CheckpointData(
            settings=next(iter(members.values())),
            keys=streams.keys,
            recency=streams.keys if self.settings.max_streams is None else streams.recency,
            evictions=streams.evictions,
            positions=dict(positions),
            arrays={f"{MIXING}{name}": array for name, array in arrays.items()},
            race={
                "settings": self.race_settings.describe(),
                "members": {name: settings.describe() for name, settings in members.items()},
            },
        )

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Self:
        """Return the race that was saved; it continues bitwise.

        Raises
        ------
        CheckpointError
            If the file is missing, damaged, of another format version or of a single engine.
        """
        data = checkpoint_file.read(path)
        race = cls.restore(data)
        for member in split(data)[0].values():
            warn_of_infinite_weights(member)
        return race

    @classmethod
    def restore(cls, data: CheckpointData) -> Self:
        """Return the race of checkpoint data; it continues bitwise.

        Raises
        ------
        CheckpointError
            If the data is that of a single engine, cannot be that of a race, or does not fit into memory.
        """
        verify_race(data)
        try:
            race = cls(members_of(data), race_settings_of(data))
        except MemoryError as error:
            raise data.invalid(f"there is not enough memory: {error}") from None
        members, kept = split(data)
        race.members = {name: Engine.restore(member) for name, member in members.items()}
        race._members.use[:] = kept.pop("use")
        race._retired_at[:] = kept.pop("retired_at")
        race._retired_counts[:] = kept.pop("left")
        race._members.racing[:] = race._retired_at == 0
        race._streams.restore(data.keys, data.recency, kept)
        race._streams.evictions = data.evictions
        return race

    @contextmanager
    def _whole(self) -> Iterator[None]:
        """Record an interruption of the enclosed block, after which the members may not have had the same events."""
        self._refuse_interrupted()
        try:
            yield
        except DataError:  # the event was refused before any member had it
            raise
        except BaseException:
            self._interrupted = True
            raise

    def _refuse_interrupted(self) -> None:
        if self._interrupted:
            raise StreamRNNError(
                "this race was interrupted inside a call, so that its members may not have had the same events: "
                "continue from its last checkpoint"
            )

    def _racing(self) -> list[tuple[int, Engine]]:
        """Return the engines that are racing, each with its place among all members."""
        return [(place, self.members[name]) for place, name in enumerate(self.member_settings) if name in self.members]

    def _mix(self, batch: MixingBatch) -> NDArray[np.float64]:
        """Return the mixture's forecasts (N, C)."""
        arrays, out = self._streams.arrays, np.empty((len(batch.slots), self._made.shape[2]))
        state = MixingState(**{name: arrays[name] for name in MixingState._fields})
        naive = NaiveState(**{name: arrays[name] for name in NaiveState._fields})
        mixing.mix(self._mixing, self._members, state, naive, batch, out)
        return out

    def _predict_naive(self, slot: int | None, x: Any, made: NDArray[np.float64]) -> None:
        """Write the naive forecasts after a hypothetical event, or at the last one without x, to `made` (M, C)."""
        rows = {name: self._streams.arrays[name] for name in NaiveState._fields}
        copied = {
            name: np.zeros((1, *array.shape[1:]), array.dtype) if slot is None else array[slot : slot + 1].copy()
            for name, array in rows.items()
        }
        mixing.peek(self._mixing, NaiveState(**copied), self._intake.hypothetical_targets(x), made)

    def _shares(self, slots: slice) -> NDArray[np.float64]:
        """Return weights (N, C, M) in streams that sum to 1 over the members, of which some may have no forecast."""
        arrays = self._streams.arrays
        weights = np.exp(arrays["log_weights"][slots]) * self._members.racing
        able = ~np.isnan(arrays["made"][slots]).all(axis=1).swapaxes(1, 2)
        able |= ~(able & self._members.racing).any(axis=-1, keepdims=True)
        shares: NDArray[np.float64] = weights * able / (weights * able).sum(axis=-1, keepdims=True)
        return shares

    def _check_if_due(self) -> None:
        """Check the members if that is due after the event that was just processed."""
        settings = self.race_settings
        if settings.retire_below is None or self.frozen:
            return
        if self.counts.events % settings.check_every == 0:
            self._check(settings.retire_below)

    def _check(self, below: float) -> None:
        """Retire the engines whose mean weight since the last check is below the threshold, except the best engine."""
        use = self._members.use
        shares = use / use.sum()
        best = max((place for place, _ in self._racing()), key=shares.__getitem__)
        for place, engine in self._racing():
            if shares[place] < below and place != best:
                self._retired_counts += engine.counts
                self._retired_at[place] = engine.counts.events
                self._members.racing[place] = False
        for name, at in zip(self._names, self._retired_at, strict=True):
            if at:
                self.members.pop(name, None)
        use[:] = 0
        kept = self._streams.arrays["log_weights"][: len(self._streams)]
        kept -= kept[..., self._members.racing].max(axis=-1, keepdims=True)


def _standing(errors: NDArray[np.float64], weight: float, retired_at: int) -> Standing:
    """Return the standing of a member; `errors` (3,) is their number, and the sums of absolute errors and squares."""
    count, absolute, squared = errors.tolist()
    mae, mse = (absolute / count, squared / count) if count else (math.nan, math.nan)
    return Standing(mae, math.sqrt(mse), mse, int(count), weight, retired_at or None)
