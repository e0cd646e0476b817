"""The state of a race in one checkpoint: that of its members side by side, and that of the mixing.

Members keep the same streams in the same slots, so that the file holds their keys once. The arrays of the i-th member
have the prefix ``member<i>.`` before their names in the member's own checkpoint, those of the mixing ``mixing.``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stream_rnn.checkpoints.file import check_settings
from stream_rnn.errors import CheckpointError
from stream_rnn.settings.engine import Settings
from stream_rnn.settings.race import RaceSettings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike

    from numpy.typing import NDArray

    from stream_rnn.checkpoints.file import CheckpointData
    from stream_rnn.checkpoints.snapshot import Snapshot

MIXING = "mixing."


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


def members_of(data: CheckpointData) -> dict[str, Settings]:
    """Return the settings of each member, by name.

    Raises
    ------
    CheckpointError
        If the data is not that of a race.
    """
    if data.race is None:
        raise CheckpointError("the checkpoint is of a single engine, not of a race: use Engine.load")
    return {name: Settings.parse(values) for name, values in data.race["members"].items()}


def race_settings_of(data: CheckpointData) -> RaceSettings:
    """Return the settings of the race whose data it is."""
    return RaceSettings.parse(data.race["settings"] if data.race is not None else {})


def check_race(
    path: str | PathLike[str], data: CheckpointData, members: Mapping[str, Settings], race: RaceSettings
) -> None:
    """Check that a checkpoint is that of a race with these settings.

    Raises
    ------
    CheckpointError
        If it is that of an engine, or naming the first difference.
    """
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
