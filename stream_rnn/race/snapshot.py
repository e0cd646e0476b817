"""The state of a race in one checkpoint: that of its members side by side, and that of the mixing.

Members keep the same streams in the same slots, so that the file holds their keys once. The arrays of the i-th member
have the prefix ``member<i>.`` before their names in the member's own checkpoint, those of the mixing ``mixing.``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from stream_rnn.checkpoints.file import ORDERING, check_settings
from stream_rnn.compiled.core import Counts
from stream_rnn.engine.contents import verify_arrays, verify_counts, verify_engine, verify_streams
from stream_rnn.errors import CheckpointError, SettingError
from stream_rnn.learning import naive
from stream_rnn.settings.engine import Settings
from stream_rnn.settings.race import RaceSettings, check_members

if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike

    from numpy.typing import NDArray

    from stream_rnn.checkpoints.file import CheckpointData
    from stream_rnn.checkpoints.snapshot import Snapshot
    from stream_rnn.compiled.state import Rows

MIXING = "mixing."
OF_RACE = ("use", "retired_at", "left")
"""Arrays of the mixing that do not have a row per stream."""


def mixing_rows(settings: Settings, members: int) -> Rows:
    """Return shape and dtype of one stream's row of each array of the mixing; see `learning.mixing.MixingState`."""
    groups, targets = (settings.horizon if settings.task == "forecast" else 1), len(settings.target_names)
    columns = groups * targets
    return {
        "made": ((groups, members, columns), np.float64),
        "log_weights": ((columns, members), np.float64),
        "scale": ((3, columns), np.float64),
        "seen": ((targets,), np.bool_),
        "length": ((), np.int64),
    }


def naive_rows(settings: Settings, race: RaceSettings) -> Rows:
    """Return shape and dtype of one stream's row of each array of the naive forecasts; see `learning.naive`."""
    targets, season = len(settings.target_names), race.max_season if race.naive else 0
    return {
        "values": ((targets, 2 * season), np.float64),
        "errors": ((targets, season + 2), np.float64),
        "counts": ((targets, 2), np.int64),
        "seasonal": ((targets, 2, season), np.float64),
        "smooth": ((targets, 2, 2), np.float64),
        "active": ((targets, 2), np.int64),
        "bounds": ((targets, 2), np.float64),
    }


class RaceSnapshot:
    """A snapshot of a race that keeps running; each member copies what it is about to change, as for its own snapshot.

    Parameters
    ----------
    members
        Snapshots of the members that are racing, by place.
    rest
        Everything but the members' arrays; it does not change any more.
    """

    def __init__(self, members: Mapping[int, Snapshot], rest: CheckpointData) -> None:
        self._members = members
        self._rest = rest

    @property
    def pause(self) -> float:
        """The longest time, in seconds, that a member waited for a copy."""
        return max(snapshot.pause for snapshot in self._members.values())

    @property
    def done(self) -> bool:
        """Whether the copy is complete."""
        return all(snapshot.done for snapshot in self._members.values())

    def advance(self, nbytes: int) -> bool:
        """Copy about so many bytes more; return whether the copy is complete."""
        pending = next((snapshot for snapshot in self._members.values() if not snapshot.done), None)
        if pending is not None:
            pending.advance(nbytes)
        return self.done

    def finish(self) -> CheckpointData:
        """Copy the rest, and return the state."""
        arrays = dict(self._rest.arrays)
        for place, snapshot in self._members.items():
            arrays |= {f"{_prefix(place)}{name}": array for name, array in snapshot.finish().arrays.items()}
        return self._rest._replace(arrays=arrays)


def split(data: CheckpointData) -> tuple[dict[str, CheckpointData], dict[str, NDArray[Any]]]:
    """Return the data of each member that is racing, by name, and the arrays of the mixing."""
    members = {}
    for place, (name, settings) in enumerate(members_of(data).items()):
        own = _with_prefix(_prefix(place), data.arrays)
        if own:
            members[name] = data._replace(settings=settings, arrays=own, race=None)
    return members, _with_prefix(MIXING, data.arrays)


def without_streams(data: CheckpointData) -> CheckpointData:
    """Return the data of an engine or a race that has learned the same, and holds no stream; arrays are views."""
    if data.race is None:
        return data.of_stream(None)
    members, mixing = split(data)
    places = {name: place for place, name in enumerate(members_of(data))}
    arrays = {f"{MIXING}{name}": array if name in OF_RACE else array[:0] for name, array in mixing.items()}
    for name, member in members.items():
        own = member.of_stream(None).arrays
        arrays |= {f"{_prefix(places[name])}{array_name}": array for array_name, array in own.items()}
    return data._replace(keys=[], recency=[], arrays=arrays)


def members_of(data: CheckpointData) -> dict[str, Settings]:
    """Return the settings of each member, by name.

    Raises
    ------
    CheckpointError
        If the data is not that of a race, or this version does not know the settings.
    """
    if data.race is None:
        raise CheckpointError("the checkpoint is of a single engine, not of a race: use Engine.load")
    members = {}
    for name, values in data.race["members"].items():
        try:
            members[name] = Settings.parse(values)
        except SettingError as error:
            raise data.invalid(f"member {name!r}: {error}") from None
    return members


def race_settings_of(data: CheckpointData) -> RaceSettings:
    """Return the race settings in the data of a race.

    Raises
    ------
    CheckpointError
        If this version does not know them.
    """
    try:
        return RaceSettings.parse(data.race["settings"] if data.race is not None else {})
    except SettingError as error:
        raise data.invalid(str(error)) from None


def verify(data: CheckpointData) -> None:
    """Check that data can be the state of an engine or of a race, whichever it claims to be.

    Raises
    ------
    CheckpointError
        As `verify_engine` and `verify_race`.
    """
    if data.race is None:
        verify_engine(data)
    else:
        verify_race(data)


def verify_race(data: CheckpointData) -> None:
    """Check that data can be the state of a race with its settings, and of its members.

    Raises
    ------
    CheckpointError
        If it is that of an engine, or naming the first part that is wrong, its value and what is allowed.
    """
    settings = members_of(data)
    race = race_settings_of(data)
    try:
        check_members(settings, race)
    except SettingError as error:
        raise data.invalid(str(error)) from None
    if data.settings != next(iter(settings.values())):
        raise data.invalid("its settings must be those of its first member")
    verify_streams(data)
    members, mixing = split(data)
    if not members:
        raise data.invalid("no member is racing")
    events = _verify_members(data, members)
    known = sum(map(len, [mixing, *(member.arrays for member in members.values())]))
    if known + sum(name.startswith(f"{ORDERING}.") for name in data.arrays) != len(data.arrays):
        raise data.invalid("it has arrays of neither members nor mixing")
    _verify_mixing(data._replace(arrays=mixing), race, list(settings), list(members), events)


def _verify_members(data: CheckpointData, members: Mapping[str, CheckpointData]) -> int:
    """Check the data of each member that is racing; return the number of events, which is the same for all."""
    events = set()
    for name, member in members.items():
        try:
            verify_engine(member)
        except CheckpointError as error:
            raise CheckpointError(f"{error} (member {name!r})") from None
        events.add(int(member.arrays["counts"][Counts._fields.index("events")]))
    if len(events) != 1:
        raise data.invalid(f"its members must have had the same events, got {', '.join(map(str, sorted(events)))}")
    return events.pop()


def _verify_mixing(data: CheckpointData, race: RaceSettings, names: list[str], racing: list[str], events: int) -> None:
    """Check the arrays of the mixing."""
    count = len(names) + len(race.naive)
    rows = mixing_rows(data.settings, count) | naive_rows(data.settings, race)
    expected: Rows = {name: ((len(data.keys), *shape), kind) for name, (shape, kind) in rows.items()} | {
        "use": ((count,), np.float64),
        "retired_at": ((count,), np.int64),
        "left": ((len(Counts._fields),), np.int64),
    }
    verify_arrays(data, expected)
    verify_counts(data, "length", most=events)
    verify_counts(data, "retired_at", most=events)
    verify_counts(data, "left")
    _verify_naive(data, race, events)
    if not (np.isfinite(data.arrays["use"]).all() and (data.arrays["use"] >= 0).all()):
        raise data.invalid("use must be finite, and at least 0")
    if data.arrays["retired_at"][len(names) :].any():
        raise data.invalid("retired_at must be 0 for naive forecasts")
    if [name for name, at in zip(names, data.arrays["retired_at"], strict=False) if at == 0] != racing:
        raise data.invalid(f"retired_at must be 0 for {', '.join(racing)} only, got {data.arrays['retired_at']}")


def _verify_naive(data: CheckpointData, race: RaceSettings, events: int) -> None:
    """Check the numbers of the naive forecasts that kernels use as indices."""
    verify_counts(data, "counts", most=np.array([events, race.max_season]))
    verify_counts(data, "active", most=data.arrays["counts"][..., naive.COUNT, np.newaxis] // 2)
    verify_counts(data, "active", most=race.max_season)
    if (data.arrays["counts"][..., naive.SEASON] > data.arrays["counts"][..., naive.COUNT]).any():
        raise data.invalid("the season of a stream must be at most the number of its values")


def check_race(
    path: str | PathLike[str], data: CheckpointData, members: Mapping[str, Settings], race: RaceSettings
) -> None:
    """Check that a checkpoint is that of a race with these settings.

    Raises
    ------
    CheckpointError
        If it is that of an engine, or naming the first difference.
    """
    if data.race is None:
        raise CheckpointError(
            f"checkpoint {path} is of a single engine, the settings are of a race of {', '.join(members)}: use the "
            "checkpoint's preset, such as plain, or another folder to start from scratch"
        )
    saved = members_of(data)
    if list(saved) != list(members):
        raise CheckpointError(
            f"checkpoint {path} has members {', '.join(saved)}, the settings have {', '.join(members)}: "
            "use the checkpoint's members, or another folder to start from scratch"
        )
    for name, settings in members.items():
        check_settings(path, saved[name], settings, f"for member {name!r}")
    check_settings(path, race_settings_of(data), race, "for the race")


def _prefix(place: int) -> str:
    return f"member{place}."


def _with_prefix(prefix: str, arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
