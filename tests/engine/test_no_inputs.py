"""A network without inputs: its targets' past, and how long a sequence has lasted, are all that it goes by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from support import NAN, bits, engine_of, series

from stream_rnn import Engine

if TYPE_CHECKING:
    from pathlib import Path

Y = series(60)
TASKS: dict[str, dict[str, Any]] = {
    "forecast": {"horizon": 2},
    "regression": {"task": "regression"},
    "classification": {"task": "classification"},
}
NETWORKS = pytest.mark.parametrize("layer", ["gru", "lru", "columnar_gru"])
ALL = pytest.mark.parametrize("task", TASKS)


def made_of(task: str, **changes: Any) -> Engine:
    return engine_of(**({"inputs": (), "targets": ("y",), "learning_rate": 0.02} | TASKS[task] | changes))


def targets_of(task: str) -> Any:
    return np.arange(len(Y)) % 2 if task == "classification" else Y


def taught(task: str, **changes: Any) -> Engine:
    engine = made_of(task, **changes)
    engine.process("s", np.empty((len(Y), 0)), targets_of(task))
    return engine


@NETWORKS
@ALL
def test_steps_and_batches_give_the_same_bits(task: str, layer: str) -> None:
    whole, steps = taught(task, layer=layer), made_of(task, layer=layer)
    made = [steps.step("s", {}, float(y)) for y in np.ravel(targets_of(task))]
    assert np.isfinite(made).all()
    assert bits(steps) == bits(whole)
    assert whole.counts.updates > 0


@NETWORKS
@ALL
def test_a_loaded_engine_goes_on_bit_for_bit(task: str, layer: str, tmp_path: Path) -> None:
    engine = taught(task, layer=layer)
    engine.save(tmp_path / "engine.safetensors")
    loaded = Engine.load(tmp_path / "engine.safetensors")
    assert loaded.step("s", {}, 1.0).tobytes() == engine.step("s", {}, 1.0).tobytes()
    assert bits(loaded) == bits(engine)


@NETWORKS
@ALL
def test_a_prediction_of_an_event_without_inputs_is_one_further_than_the_last_forecast(task: str, layer: str) -> None:
    engine = taught(task, layer=layer)
    engine.step("s", {}, NAN)
    newest, following = engine.predict("s"), engine.predict("s", {})
    assert following.tobytes() != newest.tobytes()
    assert following.tobytes() == engine.step("s", {}, NAN).tobytes()


@ALL
def test_many_events_without_inputs_are_forecast_each_as_by_itself(task: str) -> None:
    engine = taught(task)
    alone = [engine.predict(key, []) for key in ("s", "stranger")]
    assert engine.predict_many(["s", "stranger"], np.empty((2, 0))).tobytes() == np.array(alone).tobytes()


def test_a_rhythm_is_learned_from_the_state_alone() -> None:
    engine = engine_of(inputs=(), targets=("c",), task="classification", hidden=8, learning_rate=0.02)
    beat, ends = np.arange(8) % 4 == 3, np.arange(8) == 7
    for _ in range(1000):
        made = engine.process("s", np.empty((8, 0)), beat, ends=ends)
    assert ((made[:, 0] > 0.5) == beat).all()


@pytest.mark.parametrize("layer", ["gru", "lru", "columnar_gru"])
def test_inputs_that_come_later_are_learned_from(layer: str) -> None:
    changes: dict[str, Any] = {"hidden": 8, "learning_rate": 0.01, "seed": 1, "layer": layer}
    engine = made_of("regression", **changes)
    engine.step("s", {}, 0.0)
    engine = engine.with_settings(made_of("regression", **changes, inputs=("x",)).settings)
    x = np.random.default_rng(0).normal(size=4000)
    made = engine.process("s", x[1:], x[:-1])[:, 0]  # what is asked for was seen an event before
    assert np.square(made - x[:-1])[-500:].mean() < 0.8 * x.var()  # the best without memory is the variance


def test_weights_of_no_inputs_can_be_drawn_by_any_rule() -> None:
    assert np.isfinite(made_of("regression", init_input="he").step("s", {}, 1.0)).all()
