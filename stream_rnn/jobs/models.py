"""What a job learns with, before it exists: the settings of one engine, or of the members of a race."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from stream_rnn.checkpoints.file import check_settings, read
from stream_rnn.engine.engine import Engine
from stream_rnn.errors import CheckpointError
from stream_rnn.race.race import Race
from stream_rnn.race.snapshot import check_race

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from stream_rnn.checkpoints.file import CheckpointData
    from stream_rnn.settings.engine import Settings
    from stream_rnn.settings.race import RaceSettings


class EngineModel(NamedTuple):
    """One engine."""

    settings: Settings

    @property
    def shares_weights(self) -> bool:
        """Whether all streams learn one network."""
        return self.settings.weights == "shared"

    def describe(self) -> dict[str, Any]:
        """Return the settings as JSON values."""
        return self.settings.describe()

    def create(self) -> Engine:
        """Return an engine that has learned nothing."""
        return Engine(self.settings)

    def check(self, path: Path, data: CheckpointData) -> None:
        """Check that a checkpoint is of an engine with these settings.

        Raises
        ------
        CheckpointError
            If it is of a race, or naming the first difference.
        """
        if data.race is not None:
            raise CheckpointError(
                f"checkpoint {path} is of a race of {', '.join(data.race['members'])}, the settings are of a single "
                "engine: use the checkpoint's preset or members, or another folder to start from scratch"
            )
        check_settings(path, data.settings, self.settings)

    def restore(self, data: CheckpointData) -> Engine:
        """Return the engine of a checkpoint that was checked."""
        return Engine.restore(data)

    def load(self, path: Path) -> Engine:
        """Return the engine of a checkpoint that must have these settings, with a warning of infinite weights.

        Raises
        ------
        CheckpointError
            As `check`, or if the checkpoint cannot be read.
        """
        self.check(path, read(path))
        return Engine.load(path)


class RaceModel(NamedTuple):
    """A race of several engines."""

    members: dict[str, Settings]
    race: RaceSettings

    @property
    def settings(self) -> Settings:
        """Settings of the first member: inputs, targets, task and horizon are the same for all."""
        return next(iter(self.members.values()))

    @property
    def shares_weights(self) -> bool:
        """Whether all streams learn one network, in each member."""
        return all(settings.weights == "shared" for settings in self.members.values())

    def describe(self) -> dict[str, Any]:
        """Return the settings as JSON values."""
        members = {name: settings.describe() for name, settings in self.members.items()}
        return {"race": self.race.describe(), "members": members}

    def create(self) -> Race:
        """Return a race that has learned nothing."""
        return Race(self.members, self.race)

    def check(self, path: Path, data: CheckpointData) -> None:
        """Check that a checkpoint is of a race with these settings.

        Raises
        ------
        CheckpointError
            If it is of a single engine, or naming the first difference.
        """
        check_race(path, data, self.members, self.race)

    def restore(self, data: CheckpointData) -> Race:
        """Return the race of a checkpoint that was checked."""
        return Race.restore(data)

    def load(self, path: Path) -> Race:
        """Return the race of a checkpoint that must have these settings, with a warning of infinite weights.

        Raises
        ------
        CheckpointError
            As `check`, or if the checkpoint cannot be read.
        """
        self.check(path, read(path))
        return Race.load(path)


def fingerprint(model: EngineModel | RaceModel) -> str:
    """Return eight characters that tell a model's settings from others."""
    return f"{zlib.crc32(msgspec.json.encode(model.describe(), order='sorted')):08x}"
