"""The state of a race as one checkpoint: its members' side by side, and what the mixing keeps.

Members keep the same streams in the same slots, so that their keys stand in the file once. Arrays of the i-th member
are named ``member<i>.`` and what they are named in its own checkpoint, those of the mixing ``mixing.``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stream_rnn.errors import CheckpointError
from stream_rnn.settings.engine import Settings
from stream_rnn.settings.race import RaceSettings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike

    from numpy.typing import NDArray

    from stream_rnn.checkpoints.file import Saved
    from stream_rnn.checkpoints.snapshot import Snapshot

MIXING = "mixing."


class RaceSnapshot:
    """A copy of a race that goes on; each member protects what it is about to change, as for its own snapshot.

    Parameters
    ----------
    members
        Snapshots of those that are racing, by place.
    rest
        All but the members' arrays; nothing in it changes any more.
    """

    def __init__(self, members: Mapping[int, Snapshot], rest: Saved) -> None:
        self._members = members
        self._rest = rest

    @property
    def pause(self) -> float:
        """The longest that a member waited for a copy, in seconds."""
        return max(snapshot.pause for snapshot in self._members.values())

    @property
    def done(self) -> bool:
        """Whether all is copied."""
        return all(snapshot.done for snapshot in self._members.values())

    def advance(self, nbytes: int) -> bool:
        """Copy about so many bytes more; return whether all is copied."""
        waiting = next((snapshot for snapshot in self._members.values() if not snapshot.done), None)
        if waiting is not None:
            waiting.advance(nbytes)
        return self.done

    def finish(self) -> Saved:
        """Copy the rest, and return the state."""
        arrays = dict(self._rest.arrays)
        for place, snapshot in self._members.items():
            arrays |= {f"{_prefix(place)}{name}": array for name, array in snapshot.finish().arrays.items()}
        return self._rest._replace(arrays=arrays)


def split(saved: Saved) -> tuple[dict[str, Saved], dict[str, NDArray[Any]]]:
    """Return the checkpoint of each member that is racing, by name, and the arrays of the mixing."""
    parts = {}
    for place, (name, settings) in enumerate(members_of(saved).items()):
        own = _under(_prefix(place), saved.arrays)
        if own:
            parts[name] = saved._replace(settings=settings, arrays=own, race=None)
    return parts, _under(MIXING, saved.arrays)


def members_of(saved: Saved) -> dict[str, Settings]:
    """Return the settings of each member, by name.

    Raises
    ------
    CheckpointError
        If the checkpoint is not that of a race.
    """
    if saved.race is None:
        raise CheckpointError("the checkpoint is of a single engine, not of a race")
    return {name: Settings.parse(values) for name, values in saved.race["members"].items()}


def race_settings_of(saved: Saved) -> RaceSettings:
    """Return the settings of the race, of a checkpoint that is one's."""
    return RaceSettings.parse(saved.race["settings"] if saved.race is not None else {})


def check_race(path: str | PathLike[str], saved: Saved, members: Mapping[str, Settings], race: RaceSettings) -> None:
    """Check that a checkpoint is that of a race like this.

    Raises
    ------
    CheckpointError
        If it is of an engine, or naming the first difference.
    """
    there = members_of(saved)
    if list(there) != list(members):
        raise CheckpointError(f"checkpoint {path} has members {', '.join(there)}, the settings {', '.join(members)}")
    for name, settings in members.items():
        for field in Settings.__struct_fields__:
            if getattr(there[name], field) != getattr(settings, field):
                raise CheckpointError(
                    f"checkpoint {path} has {field} = {getattr(there[name], field)!r} for member {name!r}, "
                    f"the settings say {getattr(settings, field)!r}"
                )
    if race_settings_of(saved) != race:
        raise CheckpointError(f"checkpoint {path} has other settings of the race: {race_settings_of(saved)}")


def _prefix(place: int) -> str:
    return f"member{place}."


def _under(prefix: str, arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
