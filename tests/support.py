"""Engines to test, and what there is to compare of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from stream_rnn import Engine, Settings
from stream_rnn.engine.build import WEIGHTS

if TYPE_CHECKING:
    from numpy.typing import NDArray

NAN = float("nan")

BASE: dict[str, Any] = {
    "inputs": ("x",),
    "hidden": 3,
    "seed": 1,
    "skip": False,
    "scale_inputs": False,
    "scaling_forgetting": 1.0,
}
"""Claims here hold whatever the defaults are; what a test is about, it sets."""


TOKENS: dict[str, Any] = {
    "inputs": ("token",),
    "layer": ("embedding", "gru"),
    "hidden": (2, 3),
    "vocabulary": 5,
    "classes": 5,
    "loss": "softmax",
}
"""Next tokens forecast, of a vocabulary of five."""


def settings(**changes: Any) -> Settings:
    """Return settings of a network small enough to reason about; lengths cost no compilation, layers do."""
    return Settings(**(BASE | changes))


def engine_of(**changes: Any) -> Engine:
    return Engine(settings(**changes))


def tokens_engine(**changes: Any) -> Engine:
    return engine_of(**(TOKENS | changes))


def series(length: int, seed: int = 0) -> NDArray[np.float64]:
    """Return a walk that a network has something to learn of, (length, 1)."""
    rng = np.random.default_rng(seed)
    return (np.sin(np.arange(length) / 4) + 0.2 * rng.normal(size=length))[:, np.newaxis]


def weights(engine: Engine, key: Any = "s") -> NDArray[Any]:
    """Return a copy of the weights (P,) that a stream is forecast with."""
    return np.concatenate(engine._state.params_of(key))


def set_weights(engine: Engine, params: NDArray[Any]) -> None:
    """Give the shared network these weights (P,)."""
    for name, part in engine._parts.network.split(params)._asdict().items():
        engine._state.shared[name][0] = part


def arrays(engine: Engine) -> dict[str, NDArray[Any]]:
    """Return all that an engine would take along into a checkpoint."""
    found = {name: array[: len(engine.keys)] for name, array in engine._state.streams.arrays.items()}
    found |= {f"shared {name}": array for name, array in engine._state.shared.items()}
    if engine._monitor is not None and engine._monitor.overall is not None:
        found["overall drift"] = engine._monitor.overall
    return found | {"counts": engine._state.counts}


def bits(engine: Engine) -> dict[str, Any]:
    """Return the same as bytes, with keys, recency and tokens: equal only if everything is, bit for bit."""
    found: dict[str, Any] = {name: array.tobytes() for name, array in arrays(engine).items()}
    tokens = engine.vocabulary.tokens if engine.vocabulary is not None else []
    more = {"recency": engine._state.streams.recency, "evictions": engine.evictions, "tokens": tokens}
    return found | more | {"keys": engine.keys}


def stream(engine: Engine, arena: str, key: Any = "s") -> NDArray[Any]:
    """Return a stream's row of an arena."""
    slot = engine._state.streams.find(key)
    assert slot is not None
    return engine._state.streams.arrays[arena][slot]


def all_finite(engine: Engine) -> bool:
    """Say whether every weight, moment and hidden state is finite."""
    names = (*WEIGHTS, *(f"shared {name}" for name in WEIGHTS), "state", "input_moments", "target_moments")
    return all(np.isfinite(array).all() for name, array in arrays(engine).items() if name in names)
