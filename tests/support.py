"""Engines to test, and the parts of their state that tests compare. Only this module reads private attributes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from stream_rnn import Engine, Settings
from stream_rnn.compiled.step import RowOp
from stream_rnn.engine.build import WEIGHTS

if TYPE_CHECKING:
    from collections.abc import Hashable

    from numpy.typing import NDArray

    from stream_rnn.checkpoints.snapshot import Snapshot
    from stream_rnn.engine.drift import DriftMonitor
    from stream_rnn.layers.network import Network
    from stream_rnn.learning.tbptt import Weights

NAN = float("nan")

BASE: dict[str, Any] = {
    "inputs": ("x",),
    "hidden": 3,
    "seed": 1,
    "optimizer": "adam",
    "skip": False,
    "scale_inputs": False,
    "scaling_forgetting": 1.0,
}
"""Settings that do not follow the defaults: a test sets what its claim is about."""

TOKENS: dict[str, Any] = {
    "inputs": ("token",),
    "layer": ("embedding", "gru"),
    "hidden": (2, 3),
    "vocabulary": 5,
    "classes": 5,
    "loss": "softmax",
}
"""Settings that forecast the next token, from a vocabulary of five."""


# Engines and data.


def settings(**changes: Any) -> Settings:
    """Return settings of a small network.

    Layers, loss and dtype decide what has to be compiled; sizes and all other settings do not.
    """
    return Settings(**(BASE | changes))


def engine_of(**changes: Any) -> Engine:
    return Engine(settings(**changes))


def tokens_engine(**changes: Any) -> Engine:
    return engine_of(**(TOKENS | changes))


def series(length: int, seed: int = 0) -> NDArray[np.float64]:
    """Return a noisy sine, (length, 1)."""
    rng = np.random.default_rng(seed)
    return (np.sin(np.arange(length) / 4) + 0.2 * rng.normal(size=length))[:, np.newaxis]


# The state of an engine.


def arrays(engine: Engine) -> dict[str, NDArray[Any]]:
    """Return all arrays that a checkpoint of the engine would hold, as views."""
    kept = {name: array[: engine.stream_count] for name, array in stream_arrays(engine).items()}
    kept |= {f"shared {name}": array for name, array in shared_weights(engine).items()}
    if engine._monitor is not None and engine._monitor.overall is not None:
        kept["overall drift"] = engine._monitor.overall
    return kept | {"counts": engine._state.counts}


def bits(engine: Engine) -> dict[str, Any]:
    """Return all arrays as bytes, with keys, recency and tokens: equal only if the engines are, bit for bit."""
    state: dict[str, Any] = {name: array.tobytes() for name, array in arrays(engine).items()}
    tokens = engine.vocabulary.tokens if engine.vocabulary is not None else []
    others = {"recency": engine._state.streams.recency, "evictions": engine.evictions, "tokens": tokens}
    return state | others | {"keys": engine.keys}


def all_finite(engine: Engine) -> bool:
    """Return whether every weight, moment and hidden state is finite."""
    names = (*WEIGHTS, *(f"shared {name}" for name in WEIGHTS), "state", "input_moments", "target_moments")
    return all(np.isfinite(array).all() for name, array in arrays(engine).items() if name in names)


def stream_arrays(engine: Engine) -> dict[str, NDArray[Any]]:
    """Return the arrays with a row per slot, unused slots included."""
    return engine._state.streams.arrays


def slot_of(engine: Engine, key: Hashable = "s") -> int:
    """Return a stream's row in the stream arrays."""
    slot = engine._state.streams.find(key)
    assert slot is not None
    return slot


def stream_row(engine: Engine, name: str, key: Hashable = "s") -> NDArray[Any]:
    """Return a stream's row of a stream array, as a view."""
    return stream_arrays(engine)[name][slot_of(engine, key)]


def reserve_streams(engine: Engine, count: int) -> None:
    """Let the stream arrays hold so many streams before these appear."""
    engine._state.streams._reserve(count)
    engine._state._bind()


def add_stream(engine: Engine, key: Hashable) -> None:
    """Assign a slot to a new stream, as at its first event, but process no event."""
    slot, new = engine._state.slot(key)
    assert new
    engine._state.run_op(slot, RowOp.RESET_SLOT)


# Weights, and what the network sees.


def network_of(engine: Engine) -> Network:
    return engine._parts.network


def shared_weights(engine: Engine) -> dict[str, NDArray[Any]]:
    """Return the weight arrays that all streams share, each with one row."""
    return engine._state.shared


def weights_in_slot(engine: Engine, slot: int = 0) -> Weights:
    """Return the weights, moments and update counts that the stream in a slot learns with."""
    return engine._state.weights_of(slot)


def weights(engine: Engine, key: Hashable = "s") -> NDArray[Any]:
    """Return a copy of the weights (P,) that a stream is forecast with."""
    return np.concatenate(engine._state.params_of(key))


def set_weights(engine: Engine, params: NDArray[Any]) -> None:
    """Replace the weights (P,) of the shared network."""
    for name, part in network_of(engine).split(params)._asdict().items():
        shared_weights(engine)[name][0] = part


def network_input(engine: Engine) -> NDArray[Any]:
    """Return a copy of what the network saw of the last event, (X,)."""
    return engine._parts.work.x.copy()


# Drift monitor and snapshots.


def drift_monitor(engine: Engine) -> DriftMonitor:
    assert engine._monitor is not None
    return engine._monitor


def has_running_snapshot(engine: Engine) -> bool:
    """Return whether the engine copies rows for a snapshot before it changes them."""
    return engine._state._snapshot is not None


def copied_slots(snapshot: Snapshot) -> list[int]:
    """Return the slots whose rows are copied so far."""
    return np.flatnonzero(~snapshot._pending).tolist()


def record_copies(snapshot: Snapshot) -> list[int]:
    """Return a list to which the snapshot adds the slots that it copies from now on."""
    copied, copy = list[int](), snapshot._copy

    def record_and_copy(slots: NDArray[np.int64]) -> None:
        copied.extend(slots.tolist())
        copy(slots)

    snapshot._copy = record_and_copy  # type: ignore[method-assign]
    return copied
