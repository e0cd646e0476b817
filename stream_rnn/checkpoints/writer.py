"""Checkpointer: checkpoints of an engine that goes on meanwhile.

A checkpoint is the state at one moment. It is fixed at once; a thread of its own copies and writes it, while the engine
copies what it is about to change. The caller learns between batches what became of it.
"""

from __future__ import annotations

import threading
import time
from copy import deepcopy
from typing import TYPE_CHECKING, Any, NamedTuple

from stream_rnn.checkpoints.snapshot import PIECE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from stream_rnn.checkpoints.folder import CheckpointFolder
    from stream_rnn.checkpoints.snapshot import Snapshot
    from stream_rnn.engine.engine import Engine
    from stream_rnn.race.race import Race
    from stream_rnn.race.snapshot import RaceSnapshot

BREATH = 0.001
"""Seconds between two pieces, in which the engine, if it waits to copy what it is about to change, gets its turn."""


class CheckpointTimes(NamedTuple):
    """What a checkpoint took, in seconds since `begin` but for the pause."""

    pause: float
    """the longest single stretch in which it held up the caller"""
    copied: float
    """until all was copied"""
    written: float
    """until it was safe on the disk"""
    bytes: int


class Checkpointer:
    """Writes checkpoints of an engine while it goes on.

    To be used by the thread that gives the engine its events.

    Parameters
    ----------
    folder
        Takes the checkpoints.
    engine
        What is saved.
    """

    def __init__(self, folder: CheckpointFolder, engine: Engine | Race) -> None:
        self.last: CheckpointTimes | None = None
        """Of the newest checkpoint that is safe on the disk."""
        self._folder = folder
        self._engine = engine
        self._writing: _Writing | None = None
        self._result: Path | Exception | None = None

    @property
    def busy(self) -> bool:
        """Whether a checkpoint is under way."""
        return self._writing is not None

    def begin(self, positions: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]] | None = None) -> None:
        """Fix the state as it is now, and begin to write it; one that is under way is finished first.

        What became of that one, the next `advance` or `finish` says.

        Parameters
        ----------
        positions
            As for `Engine.save`.
        arrays
            Of those who know the positions, by names that the engine does not use; they must not change any more.

        Raises
        ------
        CheckpointError
            If there is no memory for a copy.
        """
        began = time.perf_counter()
        self._settle(wait=True)
        snapshot = self._engine.snapshot(positions=deepcopy(dict(positions)))
        self._writing = _Writing(self._folder, snapshot, self._engine.counts.events, began)
        self._writing.more = dict(arrays or {})
        self._writing.pause = time.perf_counter() - began
        self._writing.start()

    def advance(self) -> Path | None:
        """Return a checkpoint once it is safe on the disk, each once; to be called between batches.

        Raises
        ------
        CheckpointError
            If it could not be written, once; the last good one is still there, and `begin` tries anew.
        """
        self._settle(wait=False)
        return self._report()

    def finish(self) -> Path | None:
        """Wait until the checkpoint under way is safe on the disk; return and raise as `advance`."""
        self._settle(wait=True)
        return self._report()

    def _settle(self, *, wait: bool) -> None:
        """Note what became of the checkpoint under way, if it has ended or is waited for."""
        writing = self._writing
        if writing is None or (writing.is_alive() and not wait):
            return
        began = time.perf_counter()
        writing.join()
        writing.pause = max(writing.pause, time.perf_counter() - began)
        self._writing, self._result = None, writing.result
        if writing.times is not None:
            self.last = writing.times._replace(pause=max(writing.pause, writing.snapshot.pause))

    def _report(self) -> Path | None:
        result, self._result = self._result, None
        if isinstance(result, Exception):
            raise result
        return result


class _Writing(threading.Thread):
    """One checkpoint on its way to the disk; a daemon, since without it the last good one is still there."""

    def __init__(self, folder: CheckpointFolder, snapshot: Snapshot | RaceSnapshot, events: int, began: float) -> None:
        super().__init__(name="checkpoint", daemon=True)
        self.snapshot = snapshot
        self.result: Path | Exception | None = None
        self.times: CheckpointTimes | None = None
        self.pause = 0.0
        self.more: dict[str, NDArray[Any]] = {}
        self._folder = folder
        self._events = events
        self._began = began

    def run(self) -> None:
        try:
            while not self.snapshot.advance(PIECE):
                time.sleep(BREATH)
            copied = time.perf_counter() - self._began
            state = self.snapshot.finish()
            path = self._folder.write(state._replace(arrays=state.arrays | self.more), self._events)
            written = time.perf_counter() - self._began
            self.times = CheckpointTimes(0.0, copied, written, path.stat().st_size)
            self.result = path
        except Exception as error:  # noqa: BLE001 - raised in the caller's thread
            self.result = error
