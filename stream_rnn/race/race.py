"""Race: engines of several settings on the same streams, their forecasts weighted by how well they did of late."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from stream_rnn.checkpoints import file as checkpoint
from stream_rnn.compiled.core import Counts
from stream_rnn.engine.engine import CHUNK, Engine
from stream_rnn.engine.intake import Events
from stream_rnn.engine.result import Taken
from stream_rnn.engine.stream_table import StreamTable
from stream_rnn.errors import DataError
from stream_rnn.learning import mixing
from stream_rnn.race.snapshot import MIXING, RaceSnapshot, members_of, race_settings_of, split
from stream_rnn.settings.race import RaceSettings, check_members

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence
    from datetime import datetime
    from os import PathLike

    from numpy.typing import ArrayLike, NDArray

    from stream_rnn.checkpoints.file import Saved
    from stream_rnn.engine.build import Rows
    from stream_rnn.engine.drift import Drift
    from stream_rnn.settings.engine import Settings


class Standing(NamedTuple):
    """How a member does. Errors are of the forecasts judged since the race was made or loaded, until it left."""

    mae: float
    """NaN where nothing was judged, as `rmse` and `mse`"""
    rmse: float
    mse: float
    judged: int
    """forecasts"""
    weight: float
    """present weight, a mean over streams and horizons"""
    retired_at: int | None
    """events that the race had seen when it left"""


class Race:
    """Engines that learn the same streams side by side; what is forecast is their mixture.

    For each stream and horizon the members' forecasts are averaged by weights that follow their errors, judged when
    the target has arrived (`learning.mixing`). The mixture is about as good as the best member, without knowing which
    that will be, and often better, since errors cancel. A race costs what its members cost together.

    Parameters
    ----------
    members
        Their settings, by name. They agree in inputs, targets, task, horizon, `max_streams` and `reset_after`, and
        forecast or label numbers by the squared, absolute or Huber loss.
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
    >>> slow, fast = (Settings(inputs=("x",), hidden=8, learning_rate=rate) for rate in (1e-6, 1e-3))
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
        """The first member's: inputs, targets, task and horizon are everyone's."""
        self.members = {name: Engine(settings) for name, settings in members.items()}
        """The engines that are racing."""
        count, horizon = len(members), 0 if self.settings.task != "forecast" else self.settings.horizon
        groups, targets = max(horizon, 1), len(self.settings.target_names)
        self._mixing = mixing.Mixing(self.race_settings.rate, self.race_settings.forgetting, horizon)
        rows: Rows = {
            "made": ((groups, count, groups * targets), np.float64),
            "log_weights": ((groups, count), np.float64),
            "scale": ((2, groups * targets), np.float64),
            "seen": ((targets,), np.bool_),
            "length": ((), np.int64),
        }
        self._streams = StreamTable(rows, self.settings.max_streams)
        """Of the mixing; its slots are those of every member."""
        self._field = mixing.Field(
            np.ones(count, np.bool_), np.zeros(count), np.zeros((count, 3)), np.zeros(count), np.zeros(count)
        )
        self._retired_at = np.zeros(count, np.int64)
        self._left = np.zeros(len(Counts._fields), np.int64)
        self._made = np.full((1, count, groups * targets), np.nan)

    @property
    def counts(self) -> Counts:
        """What was counted since the race began: updates, skipped ones, overflows, drifts of all members together."""
        racing = [engine.counts for engine in self.members.values()]
        total = Counts(*map(int, self._left + np.sum(racing, axis=0)))._asdict()
        return racing[0]._replace(**{name: total[name] for name in ("updates", "skipped", "overflows", "drifts")})

    @property
    def drifts(self) -> list[Drift]:
        """The newest drifts of each member that is racing, member by member."""
        return [drift for engine in self.members.values() for drift in engine.drifts]

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

    def weights(self, key: Hashable) -> dict[str, NDArray[np.float64]]:
        """Return what each member's forecasts count for in a stream: by name, (H,) of each horizon, (1,) for labels.

        Over the members they sum to 1; those that have left have 0.

        Raises
        ------
        DataError
            If the stream is not known.
        """
        slot = self._streams.find(key)
        if slot is None:
            raise DataError(f"no weights for stream {key!r}: it has had no event")
        shares = self._shares(self._streams.arenas["log_weights"][slot])
        return {name: shares[:, place] for place, name in enumerate(self.member_settings)}

    def standings(self) -> dict[str, Standing]:
        """Return how each member does, by name."""
        kept = self._streams.arenas["log_weights"][: len(self._streams)]
        shares = self._shares(kept if len(kept) else np.zeros((1, *kept.shape[1:]))).mean(axis=(0, 1))
        return {
            name: _standing(errors, float(share), int(at))
            for name, errors, share, at in zip(
                self.member_settings, self._field.errors, shares, self._retired_at, strict=True
            )
        }

    def step(
        self,
        key: Hashable,
        x: Mapping[str, float | str | None] | Sequence[float | str] | str,
        y: Mapping[str, float | str | None] | Sequence[float | str] | float | str | None = None,
        time: float | datetime | None = None,
        *,
        end: bool = False,
    ) -> NDArray[np.float64]:
        """Take one event, as `Engine.step`: learn from what it reveals, and forecast.

        Parameters
        ----------
        key, x, y, time, end
            As for `Engine.step`.

        Returns
        -------
        ndarray of shape `Settings.forecast_shape`
            The mixture of the members' forecasts.

        Raises
        ------
        DataError
            As `Engine.step`.
        """
        begins, values = True, np.empty(0)
        for place, engine in self._racing():
            self._made[0, place] = engine.step(key, x, y, time, end=end).reshape(-1)
            values, begun = engine.latest
            begins = begins and begun
        slot, new = self._streams.slot(key.item() if isinstance(key, np.generic) else key)
        marks = np.array([mixing.NEW * new + mixing.BEGINS * begins], np.uint8)
        heat = mixing.Heat(np.array([slot]), marks, values[np.newaxis], self._made)
        out = self._mix(heat)
        if self._until_check() == 0:
            self._check()
        return out.reshape(self.settings.forecast_shape)

    def process(
        self,
        keys: Sequence[Hashable] | NDArray[Any] | str | int,
        X: ArrayLike,
        Y: ArrayLike | None = None,
        times: ArrayLike | None = None,
        ends: ArrayLike | None = None,
    ) -> NDArray[np.float64]:
        """Take N events in arrival order, as `Engine.process`: any cut of the events gives the same bits."""
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
        events = self._lead.checked(keys, X, Y, times, ends)
        slots, new = self._streams.slots(events.keys)
        parts, start = list[Taken](), 0
        while start < len(slots):
            part = slice(start, start + min(CHUNK, self._until_check() or self.race_settings.check_every))
            some = Events(events.keys[part], events.x[part], events.y[part], events.times[part], events.ends[part])
            taken = self._take(some, slots[part], new[part])
            parts.append(taken)
            start += len(taken.slots)
            if self._until_check() == 0:
                self._check()
        shape = (len(slots), *self.settings.forecast_shape)
        return Taken(
            np.concatenate([np.empty((0, *shape[1:])), *(taken.forecasts for taken in parts)]),
            slots,
            np.concatenate([np.empty(0, np.bool_), *(taken.begins for taken in parts)]),
            drifts=[drift for taken in parts for drift in taken.drifts],
        )

    def _take(self, events: Events, slots: NDArray[np.int64], new: NDArray[np.bool_]) -> Taken:
        """Let every member take events that were checked, and mix what they made."""
        count = len(slots)
        begins = np.ones(count, np.bool_)
        drifts: list[Drift] = []
        made = np.full((count, *self._made.shape[1:]), np.nan)
        for place, engine in self._racing():
            taken = engine.take(*events)
            made[:, place] = taken.forecasts.reshape(count, -1)
            drifts += taken.drifts
            begins &= taken.begins  # a member whose state overflowed begins anew by itself
        marks = (mixing.NEW * new + mixing.BEGINS * begins).astype(np.uint8)
        out = self._mix(mixing.Heat(slots, marks, events.y, made))
        return Taken(out.reshape(count, *self.settings.forecast_shape), slots, begins, drifts=drifts)

    def predict(
        self,
        key: Hashable,
        x: Mapping[str, float | str | None] | Sequence[float | str] | str | None = None,
        time: float | datetime | None = None,
    ) -> NDArray[np.float64]:
        """Forecast, as `Engine.predict`, by the weights as they are now, and change nothing.

        Raises
        ------
        DataError
            As `Engine.predict`.
        """
        made = np.full(self._made.shape[1:], np.nan)
        for place, engine in self._racing():
            made[place] = engine.predict(key, x, time).reshape(-1)
        slot, kept = self._streams.find(key), self._streams.arenas["log_weights"]
        out = np.empty(made.shape[1])
        mixing.average(self._field, kept[slot] if slot is not None else np.zeros(kept.shape[1:]), made, out)
        return out.reshape(self.settings.forecast_shape)

    def reset(self, key: Hashable) -> None:
        """End the stream's sequence, as `Engine.reset`; its weights stay. A stream that is not known is left so."""
        for _, engine in self._racing():
            engine.reset(key)
        slot = self._streams.find(key)
        if slot is not None:
            self._streams.arenas["length"][slot] = 0
            self._streams.arenas["seen"][slot] = False

    def warmup(self) -> None:
        """Compile the kernels, or load them from the disk, so that the first event does not wait for it."""
        for _, engine in self._racing():
            engine.warmup()
        targets = len(self.settings.target_names)
        self._mix(mixing.Heat(np.zeros(0, np.int64), np.zeros(0, np.uint8), np.zeros((0, targets)), self._made[:0]))

    def save(self, path: str | PathLike[str], *, positions: Mapping[str, Any] | None = None) -> None:
        """Write everything to one file, whole or not at all, as `Engine.save`.

        Raises
        ------
        CheckpointError
            As `Engine.save`, and if a snapshot is not done.
        """
        checkpoint.write(path, self.snapshot(positions=positions).finish())

    def snapshot(self, *, positions: Mapping[str, Any] | None = None) -> RaceSnapshot:
        """Return what `save` would write now, to be copied while the race goes on, as `Engine.snapshot`.

        What the mixing keeps is little, and copied at once.
        """
        streams = self._streams
        arrays = {name: array[: len(streams)].copy() for name, array in streams.arenas.items()}
        arrays |= {"use": self._field.use.copy(), "retired_at": self._retired_at.copy(), "left": self._left.copy()}
        rest = checkpoint.Saved(
            self.settings,
            streams.keys,
            streams.keys if self.settings.max_streams is None else streams.recency,
            streams.evictions,
            dict(positions or {}),
            {f"{MIXING}{name}": array for name, array in arrays.items()},
            race={
                "settings": self.race_settings.describe(),
                "members": {name: settings.describe() for name, settings in self.member_settings.items()},
            },
        )
        return RaceSnapshot({place: engine.snapshot() for place, engine in self._racing()}, rest)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Self:
        """Return the race that was saved; it goes on bit for bit.

        Raises
        ------
        CheckpointError
            If the file is missing, damaged, of a later version or of a single engine.
        """
        return cls.restore(checkpoint.read(path))

    @classmethod
    def restore(cls, saved: Saved) -> Self:
        """Return the race of a checkpoint that was read before; it goes on bit for bit.

        Raises
        ------
        CheckpointError
            If it is that of a single engine.
        """
        race = cls(members_of(saved), race_settings_of(saved))
        parts, kept = split(saved)
        race.members = {name: Engine.restore(part) for name, part in parts.items()}
        race._field.use[:] = kept.pop("use")
        race._retired_at[:] = kept.pop("retired_at")
        race._left[:] = kept.pop("left")
        race._field.racing[:] = race._retired_at == 0
        race._streams.restore(saved.keys, saved.recency, kept)
        race._streams.evictions = saved.evictions
        return race

    @property
    def _lead(self) -> Engine:
        return next(iter(self.members.values()))

    def _racing(self) -> list[tuple[int, Engine]]:
        """Return the engines that are racing, each with its place among all members."""
        return [(place, self.members[name]) for place, name in enumerate(self.member_settings) if name in self.members]

    def _mix(self, heat: mixing.Heat) -> NDArray[np.float64]:
        """Return the mixture's forecasts (N, C)."""
        arenas, out = self._streams.arenas, np.empty((len(heat.slots), self._made.shape[2]))
        memory = mixing.Memory(**{name: arenas[name] for name in mixing.Memory._fields})
        mixing.mix(self._mixing, self._field, memory, heat, out)
        return out

    def _shares(self, log_weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return weights that sum to 1 over the last axis, that of the members."""
        weights = np.exp(log_weights) * self._field.racing
        shares: NDArray[np.float64] = weights / weights.sum(axis=-1, keepdims=True)
        return shares

    def _until_check(self) -> int:
        """Return the events until members are checked: 0 when it is due now."""
        if self.race_settings.retire_below is None:
            return CHUNK
        return -self.counts.events % self.race_settings.check_every

    def _check(self) -> None:
        """Retire those members whose mean weight since the last check is too little."""
        use, below = self._field.use, self.race_settings.retire_below or 0.0
        shares = use / use.sum()
        for place, engine in self._racing():
            if shares[place] < below:
                self._left += engine.counts
                self._retired_at[place] = engine.counts.events
                self._field.racing[place] = False
        for name, at in zip(self.member_settings, self._retired_at, strict=True):
            if at:
                self.members.pop(name, None)
        use[:] = 0
        kept = self._streams.arenas["log_weights"]
        kept -= kept[..., self._field.racing].max(axis=-1, keepdims=True)


def _standing(errors: NDArray[np.float64], weight: float, retired_at: int) -> Standing:
    """Return a member's standing, of its number of errors and the sums of their sizes and squares."""
    count, absolute, squared = errors.tolist()
    mae, mse = (absolute / count, squared / count) if count else (math.nan, math.nan)
    return Standing(mae, math.sqrt(mse), mse, int(count), weight, retired_at or None)
