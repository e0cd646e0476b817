"""What holds of an engine whatever its layers are."""

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

NETWORKS = pytest.mark.parametrize("layers", [*LAYERS, "reservoir>dense", "conv>gru"])
N = 120
KEYS = list("abaab") * (N // 5)
X, Y = series(N), series(N, seed=1)
TOKENS = (np.arange(N) * 7 % 11).astype(float)[:, np.newaxis]
ENDS = np.arange(N) % 50 == 49


def inputs_of(layers: str) -> tuple[Any, Any]:
    """Return two runs of inputs: tokens for an embedding, numbers for others."""
    return (TOKENS, TOKENS[::-1]) if layers.startswith("embedding") else (X, Y)


def made_of(layers: str, **changes: Any) -> Engine:
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
def test_any_cut_of_the_events_gives_the_same_bits(layers: str) -> None:
    whole, pieces = made_of(layers), made_of(layers)
    x, _ = inputs_of(layers)
    expected = whole.process(KEYS, x, Y, ends=ENDS)
    parts = [slice(0, 1), slice(1, 48), slice(48, 51), slice(51, N)]
    found = [pieces.process(KEYS[part], x[part], Y[part], ends=ENDS[part]) for part in parts]
    assert np.concatenate(found).tobytes() == expected.tobytes()
    assert bits(pieces) == bits(whole)


@NETWORKS
def test_a_loaded_engine_goes_on_bit_for_bit(layers: str, tmp_path: Path) -> None:
    engine = made_of(layers)
    first, second = inputs_of(layers)
    engine.process(KEYS, first, Y)
    engine.save(tmp_path / "engine.safetensors")
    loaded = Engine.load(tmp_path / "engine.safetensors")
    assert loaded.process(KEYS, second, X).tobytes() == engine.process(KEYS, second, X).tobytes()
    assert bits(loaded) == bits(engine)


@NETWORKS
def test_nothing_crosses_a_reset(layers: str) -> None:
    engine, other = made_of(layers), made_of(layers)
    first, second = inputs_of(layers)
    engine.process("s", first, np.full((N, 1), NAN))  # without targets nothing is learned, only the state moves
    engine.reset("s")
    found, expected = (each.process("s", second, X) for each in (engine, other))
    assert found.tobytes() == expected.tobytes()
    np.testing.assert_array_equal(weights(engine), weights(other))
