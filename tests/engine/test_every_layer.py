"""Claims about an engine that hold for every layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from probe import LAYERS
from support import NAN, bits, engine_of, series, weights

from stream_rnn import Engine
from stream_rnn.layers import BIDIRECTIONAL

if TYPE_CHECKING:
    from pathlib import Path

STACKS = ("reservoir>dense", "conv>gru", "elstm>columnar_gru")
NETWORKS = pytest.mark.parametrize("layers", [*STACKS, *reversed(LAYERS)])
"""In reverse order, so that parallel processes do not compile the same layers at the same time."""
N = 120
KEYS = list("abaab") * (N // 5)
X, Y = series(N), series(N, seed=1)
TOKENS = (np.arange(N) * 7 % 11).astype(float)[:, np.newaxis]
ENDS = np.arange(N) % 50 == 49


def inputs_of(layers: str) -> tuple[Any, Any]:
    """Return two series of inputs: tokens for an embedding, otherwise numbers."""
    return (TOKENS, TOKENS[::-1]) if layers.startswith("embedding") else (X, Y)


def engine_with(layers: str, **changes: Any) -> Engine:
    base: dict[str, Any] = {
        "targets": ("y",),
        "task": "regression",
        "window": 5,
        "update_every": 2,
        "learning_rate": 0.02,
    }
    if layers in BIDIRECTIONAL:
        base["lookahead"] = 2
    return engine_of(layer=tuple(layers.split(">")), **(base | changes))


@NETWORKS
def test_results_do_not_depend_on_batches(layers: str) -> None:
    whole, pieces = engine_with(layers), engine_with(layers)
    x, _ = inputs_of(layers)
    expected = whole.process(KEYS, x, Y, ends=ENDS)
    parts = [slice(0, 1), slice(1, 48), slice(48, 51), slice(51, N)]
    forecasts = [pieces.process(KEYS[part], x[part], Y[part], ends=ENDS[part]) for part in parts]
    assert np.concatenate(forecasts).tobytes() == expected.tobytes()
    assert bits(pieces) == bits(whole)


@NETWORKS
def test_a_loaded_engine_continues_bit_for_bit(layers: str, tmp_path: Path) -> None:
    engine = engine_with(layers)
    first, second = inputs_of(layers)
    engine.process(KEYS, first, Y)
    engine.save(tmp_path / "engine.safetensors")
    loaded = Engine.load(tmp_path / "engine.safetensors")
    assert loaded.process(KEYS, second, X).tobytes() == engine.process(KEYS, second, X).tobytes()
    assert bits(loaded) == bits(engine)


@NETWORKS
def test_nothing_crosses_a_reset(layers: str) -> None:
    engine, other = engine_with(layers), engine_with(layers)
    first, second = inputs_of(layers)
    engine.process("s", first, np.full((N, 1), NAN))  # without targets only the state changes
    engine.reset("s")
    after_reset, expected = (each.process("s", second, X) for each in (engine, other))
    assert after_reset.tobytes() == expected.tobytes()
    np.testing.assert_array_equal(weights(engine), weights(other))
