"""CheckpointWriter: writes checkpoints of an engine while the engine keeps running.

A checkpoint is the state at one moment. `begin` fixes that moment; a thread copies the state and writes it, while the
engine copies what it is about to overwrite (see `snapshot`). Between batches the caller asks for the result.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from copy import deepcopy
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from stream_rnn.checkpoints.snapshot import CHUNK_BYTES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from stream_rnn.checkpoints.file import CheckpointData
    from stream_rnn.checkpoints.folder import CheckpointFolder

YIELD_SECONDS = 0.001
"""Pause between two chunks, in which an engine that waits for the lock gets its turn."""


class RunningSnapshot(Protocol):
    """The copy of a state that is still in use; see `snapshot.Snapshot`."""

    @property
    def pause(self) -> float:
        """The longest single time, in seconds, that copying blocked the engine."""
        ...

    def advance(self, nbytes: int) -> bool:
        """Copy about so many bytes more; return whether the copy is complete."""
        ...

    def finish(self) -> CheckpointData:
        """Copy the rest, and return the state."""
        ...


class EventCounts(Protocol):
    """Counters of a model."""

    @property
    def events(self) -> int:
        """Events processed so far."""
        ...


class Snapshottable(Protocol):
    """A model that can be saved while it runs: an engine or a race."""

    @property
    def counts(self) -> EventCounts:
        """Its counters."""
        ...

    def snapshot(self, *, positions: Mapping[str, Any] | None = None) -> RunningSnapshot:
        """Return a snapshot of the present state."""
        ...


class CheckpointTimings(NamedTuple):
    """Durations of one checkpoint, in seconds, and its size."""

    pause: float
    """longest single time that the caller was blocked"""
    copied: float
    """from `begin` until the copy was complete"""
    written: float
    """from `begin` until the file was on disk"""
    bytes: int


class CheckpointWriter:
    """Writes checkpoints of a model in a background thread.

    To be used by the thread that feeds events to the model.

    Parameters
    ----------
    folder
        Receives the checkpoints.
    model
        What is saved.
    """

    def __init__(self, folder: CheckpointFolder, model: Snapshottable) -> None:
        self.last: CheckpointTimings | None = None
        """Timings of the checkpoint that `advance` or `finish` returned last."""
        self._folder = folder
        self._model = model
        self._running: _WriterThread | None = None
        self._results: deque[tuple[Path, CheckpointTimings] | Exception] = deque()

    @property
    def busy(self) -> bool:
        """Whether a checkpoint is being written."""
        return self._running is not None

    def begin(self, positions: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]] | None = None) -> None:
        """Start a checkpoint of the present state; if one is being written, wait for it first.

        The result of every checkpoint, also of one that was waited for, is returned by `advance` or `finish`.

        Parameters
        ----------
        positions
            Positions to save with the state.
        arrays
            More arrays to save, under names that the model does not use; they must not change any more.

        Raises
        ------
        CheckpointError
            If there is not enough memory for the copy.
        """
        start = time.perf_counter()
        self._collect(wait=True)
        snapshot = self._model.snapshot(positions=deepcopy(dict(positions)))
        thread = _WriterThread(self._folder, snapshot, dict(arrays or {}), self._model.counts.events, start)
        thread.pause = time.perf_counter() - start
        self._running = thread
        thread.start()

    def advance(self) -> Path | None:
        """Return a checkpoint that has reached the disk, each once, oldest first; None if there is none.

        Raises
        ------
        CheckpointError
            If a checkpoint could not be written, once for each.
        """
        self._collect(wait=False)
        return self._report()

    def finish(self) -> Path | None:
        """Wait for the checkpoint that is being written, then return and raise as `advance`."""
        self._collect(wait=True)
        return self._report()

    def _collect(self, *, wait: bool) -> None:
        """Queue the result of the running thread if it has ended or is waited for."""
        thread = self._running
        if thread is None or (thread.is_alive() and not wait):
            return
        start = time.perf_counter()
        thread.join()
        thread.pause = max(thread.pause, time.perf_counter() - start)
        self._running = None
        match thread.result:
            case path, timings:
                self._results.append((path, timings._replace(pause=max(thread.pause, thread.snapshot.pause))))
            case Exception() as error:
                self._results.append(error)

    def _report(self) -> Path | None:
        if not self._results:
            return None
        result = self._results.popleft()
        if isinstance(result, Exception):
            raise result
        path, self.last = result
        return path


class _WriterThread(threading.Thread):
    """Copies and writes one checkpoint; a daemon, since the previous checkpoint stays valid if it is cut short."""

    def __init__(
        self,
        folder: CheckpointFolder,
        snapshot: RunningSnapshot,
        arrays: dict[str, NDArray[Any]],
        events: int,
        start: float,
    ) -> None:
        super().__init__(name="checkpoint", daemon=True)
        self.snapshot = snapshot
        self.result: tuple[Path, CheckpointTimings] | Exception | None = None
        """None while it runs, and in a process that was forked meanwhile"""
        self.pause = 0.0
        self._folder = folder
        self._arrays = arrays
        self._events = events
        self._start = start

    def run(self) -> None:
        try:
            while not self.snapshot.advance(CHUNK_BYTES):
                time.sleep(YIELD_SECONDS)
            copied = time.perf_counter() - self._start
            data = self.snapshot.finish()
            path = self._folder.write(data._replace(arrays=data.arrays | self._arrays), self._events)
            written = time.perf_counter() - self._start
            self.result = path, CheckpointTimings(0.0, copied, written, path.stat().st_size)
        except Exception as error:  # noqa: BLE001 - raised in the caller's thread by `advance` or `finish`
            self.result = error
