"""Memory: all that an engine keeps, which a checkpoint holds, and how the kernels get at it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import ref

import numpy as np

from stream_rnn.checkpoints.file import STREAMS, Saved
from stream_rnn.checkpoints.snapshot import Snapshot
from stream_rnn.compiled.core import Counts
from stream_rnn.compiled.step import NEW, process
from stream_rnn.engine.build import WEIGHTS, gathered
from stream_rnn.engine.intake import blank
from stream_rnn.engine.result import room
from stream_rnn.engine.stream_table import StreamTable
from stream_rnn.engine.vocabulary import Vocabulary
from stream_rnn.errors import CheckpointError, DataError

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from numpy.typing import NDArray

    from stream_rnn.compiled.core import Core
    from stream_rnn.engine.build import Assembly
    from stream_rnn.engine.drift import Watch
    from stream_rnn.layers.network import Halves
    from stream_rnn.learning.tbptt import Weights
    from stream_rnn.settings.engine import Settings

SHARED = "weights."
"""Begins the names of a checkpoint's arrays of weights that all streams share."""


class Memory:
    """Streams' rows, weights and counts in arrays, and tokens, as they are now.

    Kernels change the arrays through `core`. Before they do, `slot` or `slots` says which rows are whose, and `protect`
    which of them may change.

    Parameters
    ----------
    settings
        The engine's.
    assembly
        The parts whose arrays these are.
    watch
        What looks for drifts, and has something to keep, too; None if nothing does.
    """

    def __init__(self, settings: Settings, assembly: Assembly, watch: Watch | None) -> None:
        self.assembly = assembly
        more = watch.rows if watch is not None else {}
        self.streams = StreamTable(assembly.rows | more, settings.max_streams)
        self.shared = assembly.shared_weights()
        """The weights that all streams share, each array with one row."""
        self.counts = np.zeros(len(Counts._fields), np.int64)
        self.vocabulary = Vocabulary(settings.vocabulary) if settings.tokens else None
        """Numbers the tokens of an embedding; None without one."""
        self._settings = settings
        self._drift = watch.overall if watch is not None else None
        self._snapshot: ref[Snapshot] | None = None
        self._bind()

    def _bind(self) -> None:
        """Give the kernels the arrays; needed again when the streams' arenas have grown."""
        self._bound = self.streams.capacity
        self._snapshot = None  # if one is under way, it has the arrays that were left behind for itself
        self.core: Core = self.assembly.core(self.streams.arenas, self.shared, self.counts)

    def slot(self, key: Hashable) -> tuple[int, bool]:
        """Return the slot of a stream that is seen now, and whether it is new, as `StreamTable.slot`."""
        found = self.streams.slot(key)
        if self.streams.capacity != self._bound:
            self._bind()
        return found

    def slots(self, keys: Sequence[Hashable]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Return the slot of each event's stream, and which events begin a new one, as `StreamTable.slots`."""
        found = self.streams.slots(keys)
        if self.streams.capacity != self._bound:
            self._bind()
        return found

    def protect(self, slots: NDArray[np.int64]) -> int:
        """Return how many of these slots may change now: all, or those that a snapshot under way has copied."""
        if self._snapshot is None:
            return len(slots)
        snapshot = self._snapshot()
        if snapshot is None or snapshot.done:
            self._snapshot = None
            return len(slots)
        return snapshot.protect(slots)

    def row(self, arena: str, key: Hashable) -> NDArray[Any]:
        """Return a stream's row of an arena.

        Raises
        ------
        DataError
            If the stream is not known.
        """
        slot = self.streams.find(key)
        if slot is None:
            raise DataError(f"stream {key!r} is not known")
        found: NDArray[Any] = self.streams.arenas[arena][slot]
        return found

    def weights_of(self, slot: int) -> Weights:
        """Return the weights that a stream is forecast with, a row of each array."""
        shared, arenas = self.shared, self.streams.arenas
        return gathered({name: shared[name][0] if name in shared else arenas[name][slot] for name in WEIGHTS})

    def params_of(self, key: Hashable) -> Halves:
        """Return the weights (B,) and (R,) that a stream is forecast with, or would begin with."""
        slot, initial = self.streams.find(key), self.assembly.initial
        if slot is not None:
            return self.weights_of(slot).params
        return initial._replace(**{name: self.shared[name][0] for name in initial._fields if name in self.shared})

    def mark(self, slot: int, mark: int) -> NDArray[np.float64]:
        """Do what a mark asks of a stream without an event; return what was written, (O,)."""
        one, out = blank(self._settings), room(self._settings, 1)
        one.slots[0], one.marks[0] = slot, mark
        self.protect(one.slots)
        process(self.core, one, out)
        forecast: NDArray[np.float64] = out.forecasts[0]
        return forecast

    def stranger(self) -> Core:
        """Return a core whose slot 0 is a stream that was never seen."""
        core = self.assembly.core(StreamTable(self.assembly.rows, 1).arenas, self.shared, np.zeros_like(self.counts))
        one = blank(self._settings)
        one.marks[0] = NEW
        process(core, one, room(self._settings, 1))
        return core

    def state(self, positions: Mapping[str, Any] | None) -> Saved:
        """Return everything, without copying arrays: the next event changes them."""
        streams = self.streams
        arrays = {f"{STREAMS}{name}": array[: len(streams)] for name, array in streams.arenas.items()}
        arrays |= {f"{SHARED}{name}": array for name, array in self.shared.items()}
        arrays["counts"] = self.counts
        if self._drift is not None:
            arrays["drift"] = self._drift
        keys = streams.keys
        recency = keys if self._settings.max_streams is None else streams.recency
        tokens = self.vocabulary.tokens if self.vocabulary is not None else []
        return Saved(self._settings, keys, recency, streams.evictions, dict(positions or {}), arrays, tokens)

    def restore(self, saved: Saved) -> None:
        """Take everything from a state of the same settings."""
        self.counts[:] = saved.arrays["counts"]
        arenas = {name.removeprefix(STREAMS): a for name, a in saved.arrays.items() if name.startswith(STREAMS)}
        self.streams.restore(saved.keys, saved.recency, arenas)
        self.streams.evictions = saved.evictions
        if self.vocabulary is not None:
            self.vocabulary.encode(saved.tokens)
        for name, array in self.shared.items():
            array[:] = saved.arrays[f"{SHARED}{name}"]
        if self._drift is not None:
            self._drift[:] = saved.arrays["drift"]
        self._bind()

    def snapshot(self, positions: Mapping[str, Any] | None) -> Snapshot:
        """Return what `state` is now, to be copied while that goes on: until it is done, `protect` copies for it.

        Raises
        ------
        CheckpointError
            If the last snapshot is not done, or there is no memory for this one.
        """
        last = self._snapshot() if self._snapshot is not None else None
        if last is not None and not last.done:
            raise CheckpointError("the last snapshot of this engine is not done: finish it first, or let go of it")
        made = Snapshot(self.state(positions))
        self._snapshot = ref(made)
        return made
