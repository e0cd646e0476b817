"""With `batch_streams`, several updates that are due become one, from the mean of their gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from growing import A, Y, changes_of, grown
from support import NAN, engine_of, series, shared_weights, weights

from stream_rnn import Engine
from stream_rnn.errors import CheckpointError

if TYPE_CHECKING:
    from pathlib import Path

LAYERS = pytest.mark.parametrize("layer", ["gru", "lstm"])
SGD: dict[str, Any] = {
    "targets": ("y",),
    "task": "regression",
    "dtype": "float64",
    "window": 6,
    "skip": True,
    "optimizer": "sgd",
    "momentum": 0.0,
    "clip": "off",
}
LENGTHS = {"a": 9, "b": 3, "c": 6, "d": 1, "e": 12}
"""Events of each stream: sequences that are longer and shorter than the window."""


def learn_last_label(engine: Engine, key: str) -> None:
    """Let a stream learn from the label of its last event only."""
    events, labels = series(LENGTHS[key], seed=ord(key)), np.full((LENGTHS[key], 1), NAN)
    labels[-1] = ord(key) - 99.5
    engine.process(key, events, labels)


def with_readout(**changes: Any) -> Engine:
    """Return an engine whose layers have a gradient, because V is not 0."""
    engine = engine_of(**SGD | changes)
    head = shared_weights(engine)["head"]
    head[:] = np.linspace(-1, 1, head.size)
    return engine


@LAYERS
def test_a_group_changes_the_weights_by_the_mean_of_the_changes_of_its_members(layer: str) -> None:
    group = with_readout(layer=layer, batch_streams=len(LENGTHS))
    initial, changes = weights(group), []
    for key in LENGTHS:
        np.testing.assert_array_equal(weights(group), initial)
        learn_last_label(group, key)
        alone = with_readout(layer=layer)
        learn_last_label(alone, key)
        changes.append(weights(alone) - initial)
    assert all(np.abs(change).max() > 1e-6 for change in changes)
    np.testing.assert_allclose(weights(group) - initial, np.mean(changes, axis=0), rtol=1e-9, atol=1e-15)


@LAYERS
def test_identical_streams_learn_together_what_one_learns_alone(layer: str) -> None:
    x, y = series(60), series(60, seed=1)
    alone, together = (engine_of(**SGD | {"layer": layer, "batch_streams": size}) for size in (1, 4))
    expected = alone.process("s", x, y)
    found = together.process(list("abcd") * 60, x.repeat(4, axis=0), y.repeat(4, axis=0))
    np.testing.assert_allclose(found.reshape(60, 4), expected.repeat(4, axis=1), rtol=1e-9)


def test_updates_are_counted_when_a_group_is_complete() -> None:
    engine = engine_of(**SGD | {"batch_streams": 4})
    engine.process(list("ab") * 9, series(18), series(18))
    assert engine.counts.updates == 4


def test_a_stream_that_has_joined_may_end_its_sequence() -> None:
    engine, other = (with_readout(batch_streams=2) for _ in range(2))
    for each in (engine, other):
        learn_last_label(each, "a")
    other.reset("a")
    for each in (engine, other):
        learn_last_label(each, "b")
    np.testing.assert_array_equal(weights(engine), weights(other))


def test_a_group_whose_gradient_is_not_finite_is_skipped() -> None:
    engine = with_readout(batch_streams=2)
    initial = weights(engine)
    learn_last_label(engine, "a")
    shared_weights(engine)["group_tapes"][:] = np.inf
    learn_last_label(engine, "b")
    assert engine.counts.skipped == 1
    np.testing.assert_array_equal(weights(engine), initial)
    for key in "ab":
        engine.reset(key)  # of the shorter window, nothing of the earlier group may be left
        learn_last_label(engine, key)
    assert engine.counts.updates == 1


@LAYERS
def test_a_group_that_waits_is_carried_over_to_more_inputs(layer: str) -> None:
    engine = engine_of(**changes_of(layer, batch_streams=4))
    keys = list("ab") * 5
    engine.process(keys, A[:10], Y[:10])
    other = grown(engine, inputs=("a", "b"))
    more = np.hstack([A[10:30], np.full((20, 1), NAN)])
    expected = engine.process(keys * 2, A[10:30], Y[10:30])
    np.testing.assert_allclose(other.process(keys * 2, more, Y[10:30]), expected, rtol=1e-4)


def test_a_checkpoint_with_an_impossible_group_is_refused(tmp_path: Path) -> None:
    engine = engine_of(batch_streams=3, window=4)
    shared_weights(engine)["group_steps"][0, 3] = 3
    engine.save(tmp_path / "engine.safetensors")
    with pytest.raises(CheckpointError, match=r"group_steps\[0, 3\] must be from 0 to 2, got 3"):
        Engine.load(tmp_path / "engine.safetensors")
