"""A compact tape holds the activations of the window in a third of the memory, and hardly changes the gradient."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from probe import body_of
from support import bits, engine_of, series, settings, stream_arrays

from stream_rnn import SettingError
from stream_rnn.layers import BIDIRECTIONAL, REGISTRY, make_layer
from stream_rnn.learning.compact import compact_tape, restore, store

PRECISION = 2.0**-8
"""Of the range of a bounded value, or of another value."""


def restored(compact: Any, tape: Any) -> Any:
    """Return what is read of one event's tape."""
    tape16, tape8 = np.zeros((1, len(compact.floats)), np.uint16), np.zeros((1, len(compact.bounded)), np.uint8)
    store(compact, tape, tape16[0], tape8[0])
    return restore(compact, None, tape16, tape8, 1, np.zeros((1, len(tape)), np.float32))[0]


@pytest.mark.parametrize("name", sorted(REGISTRY.keys() - {"embedding", "none", *BIDIRECTIONAL}))
def test_every_element_of_a_tape_is_stored_once(name: Any) -> None:
    body = body_of(name)
    compact = compact_tape(body)
    elements = np.concatenate([compact.floats, compact.bounded])
    assert sorted(elements.tolist()) == list(range(body.sizes.tape))


def test_values_are_restored_with_an_error_of_less_than_half_a_percent() -> None:
    compact = compact_tape(make_layer("gru", 2, 8, {}))
    rng = np.random.default_rng(0)
    tape = rng.normal(scale=100.0, size=2 + 5 * 8).astype(np.float32)
    tape[10:18], tape[18:34] = rng.uniform(-1, 1, 8), rng.uniform(0, 1, 16)
    read = restored(compact, tape)
    np.testing.assert_allclose(read[compact.floats], tape[compact.floats], rtol=PRECISION)
    np.testing.assert_allclose(read[compact.bounded], tape[compact.bounded], atol=PRECISION)


def test_no_unit_looks_entirely_saturated() -> None:
    compact = compact_tape(make_layer("gru", 1, 2, {}))
    tape = np.zeros(1 + 5 * 2, np.float32)
    tape[3:5], tape[5:9] = (-1, 1), (0, 1, 0, 1)
    read = restored(compact, tape)
    assert (np.abs(read[3:5]) < 1).all()
    assert ((read[5:9] > 0) & (read[5:9] < 1)).all()


@pytest.mark.parametrize("value", [0.0, 1.0, -2.0, 3.0e38, 1.0e-30])
def test_other_values_are_rounded_like_bfloat16(value: float) -> None:
    compact = compact_tape(make_layer("dense", 1, 1, {"activation": 0}))
    tape = np.full(len(compact.floats) + len(compact.bounded), value, np.float32)
    np.testing.assert_allclose(restored(compact, tape)[compact.floats], value, rtol=PRECISION)


def test_a_stream_needs_less_than_half_of_the_memory() -> None:
    full, compact = (sum(engine_of(tape=tape, hidden=32).stream_bytes.values()) for tape in ("full", "compact"))
    assert compact < 0.5 * full


def test_learning_is_nearly_that_of_a_full_tape() -> None:
    x = series(600)
    full, compact = (engine_of(tape=tape).process("s", x)[:-1, 0, 0] for tape in ("full", "compact"))
    errors, difference = np.abs(full - x[1:, 0])[300:].mean(), np.abs(full - compact)[300:].mean()
    assert 0 < difference < 0.05 * errors


def test_results_do_not_depend_on_cuts_or_on_saving(tmp_path: Any) -> None:
    keys, x = (np.arange(90) % 3).tolist(), series(90)
    whole, parts = engine_of(tape="compact"), engine_of(tape="compact")
    whole.process(keys, x)
    parts.process(keys[:40], x[:40])
    parts.save(tmp_path / "saved")
    parts = type(parts).load(tmp_path / "saved")
    for key, row in zip(keys[40:], x[40:], strict=True):
        parts.step(key, row.tolist())
    assert bits(whole) == bits(parts)


def test_an_engine_with_a_compact_tape_grows_by_an_input_without_effect() -> None:
    x = series(80)
    before = engine_of(tape="compact")
    before.process("s", x[:40])
    after = before.with_settings(settings(tape="compact", inputs=("x", "new"), targets=("x",)))
    for name in ("tape8", "tape16"):
        old, new = stream_arrays(before)[name][0], stream_arrays(after)[name][0]
        kept = np.arange(new.shape[1]) if name == "tape8" else np.delete(np.arange(new.shape[1]), [1, 3])
        np.testing.assert_array_equal(new[:, kept], old)


def test_diagnostics_read_a_compact_tape() -> None:
    full, compact = engine_of(), engine_of(tape="compact")
    for engine in (full, compact):
        engine.process("s", series(50))
    expected, found = full.diagnose("s").fading, compact.diagnose("s").fading
    np.testing.assert_allclose(found, expected, rtol=0.1)


@pytest.mark.parametrize("layer", ["embedding", *BIDIRECTIONAL])
def test_a_tape_with_indices_is_not_compact(layer: str) -> None:
    changes: dict[str, Any] = {"layer": layer, "task": "regression", "targets": ("y",), "lookahead": 2}
    if layer == "embedding":
        changes = {"layer": ("embedding", "gru"), "task": "classification", "targets": ("y",)}
    with pytest.raises(SettingError, match=f"tape must be full with layer {layer}, got compact"):
        engine_of(tape="compact", **changes)
