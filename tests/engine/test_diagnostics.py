"""`Engine.diagnose` measures on a copy: what it says an event would change is what the event changes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from support import NAN, bits, engine_of, series, stream

from stream_rnn import DataError

X = series(40)
NEXT = [0.7]


def taught(**changes: Any) -> Any:
    """Return an engine that has learned from a stream."""
    engine = engine_of(**changes)
    engine.process("s", X, series(40, seed=1) if "targets" in changes else None)
    return engine


def params(engine: Any) -> dict[str, Any]:
    """Return copies of the stream's weights by name, biases left out."""
    return {name: block.copy() for name, block in engine.parameters_of("s").items() if block.ndim > 1}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"optimizer": "sgd"},
        {"optimizer": "adamw", "weight_decay": 0.5},
        {"weights": "per_stream"},
        {"head": "per_stream"},
        {"task": "regression", "targets": ("y",)},
    ],
    ids=["adam", "sgd", "decay", "per stream", "own head", "labels"],
)
def test_what_an_update_would_change_is_what_it_changes(changes: dict[str, Any]) -> None:
    engine = taught(**changes)
    y = 1.0 if "targets" in changes else None
    found, before = engine.diagnose("s", NEXT, y).updates, params(engine)
    engine.step("s", NEXT, y)
    after = params(engine)
    assert list(found) == ["W", "U", "V"]
    for name, ratio in found.items():
        change = np.linalg.norm(after[name].astype(float) - before[name])
        assert ratio == pytest.approx(change / np.linalg.norm(before[name].astype(float)), rel=1e-6)
        assert ratio > 0


@pytest.mark.parametrize("changes", [{}, {"weights": "per_stream"}, {"head": "per_stream"}, {"max_streams": 1}])
@pytest.mark.parametrize("key", ["s", "stranger"])
def test_diagnosing_changes_nothing(changes: dict[str, Any], key: str) -> None:
    engine = taught(**changes)
    before = bits(engine)
    engine.diagnose(key)
    engine.diagnose(key, NEXT, time=5.0)
    assert bits(engine) == before


@pytest.mark.parametrize("weights", ["shared", "per_stream"])
def test_a_stream_that_is_not_known_is_one_that_begins(weights: str) -> None:
    engine = taught(weights=weights)
    found = engine.diagnose("stranger", NEXT)
    assert np.isnan(found.fading).all()
    assert math.isnan(found.saturated["z"])
    assert found.updates == {}
    begins = weights == "per_stream"
    assert (found.radii == pytest.approx({"U_r": 1, "U_z": 1, "U_q": 1}, abs=1e-6)) == begins  # rotations
    assert (found.radii == engine.diagnose("s").radii) != begins


def test_only_weights_that_the_stream_has_are_measured() -> None:
    engine = taught(weights="per_stream")
    alone = engine.diagnose("s", NEXT)
    engine.process("other", 3 * X[::-1])
    again = engine.diagnose("s", NEXT)
    assert again.radii == alone.radii
    assert again.updates == alone.updates
    assert again.fading.tolist() == alone.fading.tolist()


def test_the_event_asked_about_bears_on_the_update_alone() -> None:
    engine = taught()
    without, event = engine.diagnose("s"), engine.diagnose("s", NEXT)
    assert without.updates == {}
    assert event.updates
    assert event.radii == without.radii
    assert event.saturated == without.saturated
    assert event.fading.tolist() == without.fading.tolist()


@pytest.mark.parametrize("clip", ["norm", "value"])
def test_an_update_is_clipped_if_the_limit_changed_it(clip: str) -> None:
    assert taught(clip=clip, clip_limit=1e-6).diagnose("s", NEXT).clipped
    assert not taught(clip=clip, clip_limit=1e6).diagnose("s", NEXT).clipped
    assert not taught(clip="off").diagnose("s", NEXT).clipped


def test_an_event_that_teaches_nothing_updates_nothing() -> None:
    found = taught().diagnose("s", [NAN])
    assert (found.updates, found.clipped) == ({}, False)


def test_errors_that_wait_are_learned_from_with_the_event() -> None:
    engine = taught(update_every=7, window=7)
    assert stream(engine, "clock")[1] not in {0, 6}  # neither an update just made, nor one that is due anyway
    before = params(engine)
    found = engine.diagnose("s", NEXT).updates
    engine.step("s", NEXT, end=True)
    change = np.linalg.norm(params(engine)["U"].astype(float) - before["U"])
    assert found["U"] == pytest.approx(change / np.linalg.norm(before["U"].astype(float)), rel=1e-6)


def test_lags_are_as_many_as_the_window_and_known_within_the_sequence() -> None:
    engine = engine_of(window=6)
    engine.process("s", X)
    assert np.isfinite(engine.diagnose("s").gradients["GRU"]).tolist() == [True] * 6
    engine.reset("s")
    engine.process("s", X[:4])
    assert np.isfinite(engine.diagnose("s").gradients["GRU"]).tolist() == [True] * 4 + [False] * 2


def test_a_diagnosis_goes_on_after_a_checkpoint(tmp_path: Any) -> None:
    engine = taught()
    engine.save(tmp_path / "engine.safetensors")
    again = type(engine).load(tmp_path / "engine.safetensors")
    assert again.diagnose("s", NEXT).updates == engine.diagnose("s", NEXT).updates


def test_a_wrong_event_is_refused() -> None:
    with pytest.raises(DataError, match="x must have 1 values"):
        taught().diagnose("s", [1.0, 2.0])
