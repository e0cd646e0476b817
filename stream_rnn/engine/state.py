"""EngineState: everything an engine remembers, which a checkpoint holds, and how the kernels access it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import ref

import numpy as np

from stream_rnn.checkpoints.file import STREAMS, CheckpointData
from stream_rnn.checkpoints.snapshot import Snapshot
from stream_rnn.compiled.core import Counts
from stream_rnn.compiled.step import Batch, RowOp, process
from stream_rnn.engine.build import WEIGHTS, weights_from
from stream_rnn.engine.contents import SHARED
from stream_rnn.engine.intake import blank_event
from stream_rnn.engine.result import allocate_outputs
from stream_rnn.engine.stream_table import StreamTable
from stream_rnn.engine.vocabulary import Vocabulary
from stream_rnn.errors import CheckpointError, DataError

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from numpy.typing import NDArray

    from stream_rnn.compiled.core import Core
    from stream_rnn.engine.build import EngineParts
    from stream_rnn.engine.drift import DriftMonitor
    from stream_rnn.layers.network import BodyAndHead
    from stream_rnn.learning.tbptt import Weights
    from stream_rnn.settings.engine import Settings


STEP, FREEZE = int(RowOp.STEP), int(RowOp.FREEZE)


class ThreadCore(NamedTuple):
    """What a thread needs to process events of streams with their own weights beside other threads."""

    core: Core
    batch: Batch
    """to be filled with its events"""
    counts: NDArray[np.int64]
    """(15,) as `Counts`, since they were added to those of the engine"""


class EngineState:
    """Stream arrays, weights, counters and vocabulary, as they are now.

    Kernels change the arrays through `core`. Before they do, `slot` or `slots` assigns the rows, and `protect` tells
    which of them may change.

    Parameters
    ----------
    settings
        Settings of the engine.
    parts
        The parts that these arrays belong to.
    monitor
        The drift monitor, which has arrays of its own; None if drift is not detected.
    """

    def __init__(self, settings: Settings, parts: EngineParts, monitor: DriftMonitor | None) -> None:
        self.parts = parts
        self.streams = StreamTable(parts.rows | (monitor.rows if monitor is not None else {}), settings.max_streams)
        self.shared = parts.shared_weights()
        """The weights that all streams share, each array with one row."""
        self.counts = np.zeros(len(Counts._fields), np.int64)
        self.frozen = np.zeros(1, np.bool_)
        """Whether no weight changes."""
        self.vocabulary = Vocabulary(settings.vocabulary) if settings.tokens else None
        """Ids of the tokens of an embedding; None without one."""
        self._settings = settings
        self._drift = monitor.overall if monitor is not None else None
        self._snapshot: ref[Snapshot] | None = None
        self._event, out = blank_event(settings), allocate_outputs(settings, 1)
        self._operation, self._forecast = Batch(self._event, out), out.forecasts[0]
        table = StreamTable(parts.rows, 1)
        self._fresh_core = parts.core(table.arrays, self.shared, np.zeros_like(self.counts))
        self._bind()

    def _bind(self) -> None:
        """Bind the core to the arrays, which are replaced when the stream table grows."""
        self._bound_capacity = self.streams.capacity
        self._snapshot = None  # a running snapshot copies from the arrays that were left behind
        self.core: Core = self.parts.core(self.streams.arrays, self.shared, self.counts)
        self._thread_cores: list[ThreadCore] = []

    def thread_cores(self, threads: int) -> list[ThreadCore]:
        """Return a core for each thread. No two threads may process events of the same stream, or share weights."""
        for _ in range(len(self._thread_cores), threads):
            counts = np.zeros_like(self.counts)
            core = self.parts.for_thread().core(self.streams.arrays, self.shared, counts)
            batch = Batch(blank_event(self._settings), allocate_outputs(self._settings, 1))
            self._thread_cores.append(ThreadCore(core, batch, counts))
        return self._thread_cores[:threads]

    def slot(self, key: Hashable) -> tuple[int, bool]:
        """Return the slot of a stream that has an event now, and whether it is new; see `StreamTable.slot`."""
        found = self.streams.slot(key)
        if self.streams.capacity != self._bound_capacity:
            self._bind()
        return found

    def slots(self, keys: Sequence[Hashable]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Return the slot of each event's stream, and which events begin a new one; see `StreamTable.slots`."""
        found = self.streams.slots(keys)
        if self.streams.capacity != self._bound_capacity:
            self._bind()
        return found

    def protect(self, slots: NDArray[np.int64]) -> int:
        """Return how many of these slots may change now: all, or as many as a running snapshot has copied."""
        if self._snapshot is None:
            return len(slots)
        snapshot = self._snapshot()
        if snapshot is None or snapshot.done:
            self._snapshot = None
            return len(slots)
        return snapshot.protect(slots)

    def row(self, name: str, key: Hashable) -> NDArray[Any]:
        """Return a stream's row of a stream array.

        Raises
        ------
        DataError
            If the stream is unknown.
        """
        slot = self.streams.find(key)
        if slot is None:
            raise DataError(f"unknown stream {key!r}: it has had no event, or was evicted")
        found: NDArray[Any] = self.streams.arrays[name][slot]
        return found

    def clock(self, key: Hashable, counter: int) -> int:
        """Return a counter of a stream's clock; 0 if the stream is unknown."""
        slot = self.streams.find(key)
        return 0 if slot is None else int(self.streams.arrays["clock"][slot, counter])

    def weights_of(self, slot: int) -> Weights:
        """Return the weights of the stream in a slot, one row of each array."""
        shared, own = self.shared, self.streams.arrays
        return weights_from({name: shared[name][0] if name in shared else own[name][slot] for name in WEIGHTS})

    def params_of(self, key: Hashable) -> BodyAndHead:
        """Return the parameters (B,) and (R,) of a stream; for an unknown one those that it would start with."""
        slot, initial = self.streams.find(key), self.parts.initial
        if slot is not None:
            return self.weights_of(slot).params
        return initial._replace(**{name: self.shared[name][0] for name in initial._fields if name in self.shared})

    def op(self, learn: bool) -> int:
        """Return the operation that processes an event, and changes weights only if it may."""
        return STEP if learn and not self.frozen[0] else STEP + FREEZE

    def run_op(self, slot: int, op: RowOp) -> NDArray[np.float64]:
        """Run an operation on a stream without an event; return the forecast that it wrote, (O,)."""
        event = self._event
        event.slots[0], event.ops[0] = slot, op + FREEZE * self.frozen[0]
        self.protect(event.slots)
        process(self.core, self._operation)
        return self._forecast.copy()

    def fresh_core(self) -> Core:
        """Return a core in which slot 0 is a stream that was never seen."""
        self._event.slots[0], self._event.ops[0] = 0, RowOp.RESET_SLOT
        process(self._fresh_core, self._operation)
        return self._fresh_core

    def data(self, positions: Mapping[str, Any] | None) -> CheckpointData:
        """Return everything, without copying: the arrays change with the next event."""
        streams = self.streams
        arrays = {f"{STREAMS}{name}": array[: len(streams)] for name, array in streams.arrays.items()}
        arrays |= {f"{SHARED}{name}": array for name, array in self.shared.items()}
        arrays |= {"counts": self.counts, "frozen": self.frozen}
        if self._drift is not None:
            arrays["drift"] = self._drift
        keys = streams.keys
        return CheckpointData(
            settings=self._settings,
            keys=keys,
            recency=keys if self._settings.max_streams is None else streams.recency,
            evictions=streams.evictions,
            positions=dict(positions or {}),
            arrays=arrays,
            tokens=self.vocabulary.tokens if self.vocabulary is not None else [],
        )

    def restore(self, data: CheckpointData) -> None:
        """Replace everything by the data of a checkpoint with the same settings, which `verify_engine` accepts."""
        self.counts[:] = data.arrays["counts"]
        self.frozen[:] = data.arrays["frozen"]
        arrays = {name.removeprefix(STREAMS): a for name, a in data.arrays.items() if name.startswith(STREAMS)}
        self.streams.restore(data.keys, data.recency, arrays)
        self.streams.evictions = data.evictions
        if self.vocabulary is not None:
            self.vocabulary.encode(data.tokens)
        for name, array in self.shared.items():
            array[:] = data.arrays[f"{SHARED}{name}"]
        if self._drift is not None:
            self._drift[:] = data.arrays["drift"]
        self._bind()

    def snapshot(self, positions: Mapping[str, Any] | None) -> Snapshot:
        """Return a snapshot of `data`. Until it is complete, `protect` copies rows before they change.

        Raises
        ------
        CheckpointError
            If the previous snapshot is not complete, or there is not enough memory.
        """
        previous = self._snapshot() if self._snapshot is not None else None
        if previous is not None and not previous.done:
            raise CheckpointError("the previous snapshot of this engine is not complete: finish or delete it first")
        snapshot = Snapshot(self.data(positions))
        self._snapshot = ref(snapshot)
        return snapshot
