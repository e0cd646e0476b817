"""The checkpoints of a replay: one whenever it is due, and one of the final state."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from stream_rnn.checkpoints.folder import CheckpointFolder
from stream_rnn.checkpoints.policy import CheckpointPolicy
from stream_rnn.checkpoints.writer import CheckpointWriter
from stream_rnn.errors import CheckpointError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from stream_rnn.engine.engine import Engine
    from stream_rnn.jobs.replay.reader import ReadPosition
    from stream_rnn.race.race import Race
    from stream_rnn.settings.replay import ReplaySettings

log = logging.getLogger("stream_rnn")


class ReplayCheckpoints:
    """Writes the checkpoints of a replay; a failed one does not stop the replay, except for the last one.

    Parameters
    ----------
    folder
        Receives the checkpoints.
    settings
        How often checkpoints are due.
    model
        The engine or race to save.
    capture
        Makes the output durable, and returns the position that belongs to the model's present state.
    """

    def __init__(
        self,
        folder: str | Path,
        settings: ReplaySettings,
        model: Engine | Race,
        capture: Callable[[], ReadPosition],
    ) -> None:
        self.newest: Path | None = None
        """The newest checkpoint of this run on disk."""
        self.failures = 0
        """Number of checkpoints that could not be written."""
        self._model = model
        self._capture = capture
        self._writer = CheckpointWriter(CheckpointFolder(folder), model)
        self._started_at = self._newest_at = events = model.counts.events
        self._policy = CheckpointPolicy(
            settings.checkpoint_every, settings.checkpoint_seconds, events=events, position=events
        )

    def begin(self) -> None:
        """Before the first event: write a checkpoint of the initial state.

        A run that is killed before its first checkpoint leaves dead letters behind, in a file that earlier runs may
        have written to as well. Where to cut it back to is only known from a checkpoint.
        """
        try:
            self._start()
            self._record(self._writer.finish())
        except CheckpointError as error:
            self._record_failure(error)

    def advance(self) -> None:
        """Between two batches: record a checkpoint that was written, and start the next one if it is due."""
        events = self._model.counts.events
        try:
            self._record(self._writer.advance())
            if not self._writer.busy and self._policy.is_due(events, events):
                self._start()
        except CheckpointError as error:
            self._record_failure(error)

    def finish(self) -> None:
        """Write a checkpoint of the present state, unless the newest one has it.

        Raises
        ------
        CheckpointError
            If it cannot be written.
        """
        self.settle()
        if self.newest is None or self._policy.has_progress(self._model.counts.events):
            self._start()
            self._record(self._writer.finish())

    def settle(self) -> None:
        """Wait for the checkpoint that is being written, if any."""
        try:
            self._record(self._writer.finish())
        except CheckpointError as error:
            self._record_failure(error)

    def _start(self) -> None:
        self._started_at = events = self._model.counts.events
        self._policy.started(events, events)
        position = self._capture()
        self._writer.begin(position.positions, position.arrays)

    def _record(self, written: Path | None) -> None:
        if written is not None:
            self.newest, self._newest_at = written, self._started_at

    def _record_failure(self, error: CheckpointError) -> None:
        self.failures += 1
        self._policy.failed()
        log.error("%s; the last good checkpoint is of event %d", error, self._newest_at)
