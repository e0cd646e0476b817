"""What holds of an engine whatever its layers are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from probe import LAYERS
from support import NAN, bits, engine_of, series, weights

from stream_rnn import Engine

if TYPE_CHECKING:
    from pathlib import Path

NETWORKS = pytest.mark.parametrize("layers", [*LAYERS, "reservoir>dense", "conv>gru"])
N = 120
KEYS = list("abaab") * (N // 5)
X = np.arange(N, dtype=float)[:, np.newaxis] % 7 % 5
"""Numbers that may be tokens too."""
Y = series(N)
ENDS = np.arange(N) % 50 == 49


def made_of(layers: str, **changes: Any) -> Engine:
    base = {"targets": ("y",), "task": "regression", "window": 5, "update_every": 2, "learning_rate": 0.02}
    return engine_of(layer=tuple(layers.split(">")), **(base | changes))


@NETWORKS
def test_any_cut_of_the_events_gives_the_same_bits(layers: str) -> None:
    whole, pieces = made_of(layers), made_of(layers)
    expected = whole.process(KEYS, X, Y, ends=ENDS)
    parts = [slice(0, 1), slice(1, 48), slice(48, 51), slice(51, N)]
    found = [pieces.process(KEYS[part], X[part], Y[part], ends=ENDS[part]) for part in parts]
    assert np.concatenate(found).tobytes() == expected.tobytes()
    assert bits(pieces) == bits(whole)


@NETWORKS
def test_a_loaded_engine_goes_on_bit_for_bit(layers: str, tmp_path: Path) -> None:
    engine = made_of(layers)
    engine.process(KEYS, X, Y)
    engine.save(tmp_path / "engine.safetensors")
    loaded = Engine.load(tmp_path / "engine.safetensors")
    assert loaded.process(KEYS, X, Y).tobytes() == engine.process(KEYS, X, Y).tobytes()
    assert bits(loaded) == bits(engine)


@NETWORKS
def test_nothing_crosses_a_reset(layers: str) -> None:
    engine, other = made_of(layers), made_of(layers)
    engine.process("s", X, np.full((N, 1), NAN))  # without targets nothing is learned, only the state moves
    engine.reset("s")
    found, expected = (each.process("s", X, Y) for each in (engine, other))
    assert found.tobytes() == expected.tobytes()
    np.testing.assert_array_equal(weights(engine), weights(other))
