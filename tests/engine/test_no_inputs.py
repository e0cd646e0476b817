"""A network without inputs knows only its own state: how long a sequence has lasted."""

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
NETWORKS = pytest.mark.parametrize(
    ("task", "layer"),
    [*((task, "gru") for task in TASKS), *(("regression", layer) for layer in ("lru", "columnar_gru"))],
)
ALL_TASKS = pytest.mark.parametrize("task", TASKS)


def engine_for(task: str, **changes: Any) -> Engine:
    return engine_of(**({"inputs": (), "targets": ("y",), "learning_rate": 0.02} | TASKS[task] | changes))


def targets_of(task: str) -> Any:
    return np.arange(len(Y)) % 2 if task == "classification" else Y


def trained(task: str, **changes: Any) -> Engine:
    engine = engine_for(task, **changes)
    engine.process("s", np.empty((len(Y), 0)), targets_of(task))
    return engine


@NETWORKS
def test_steps_and_batches_give_the_same_bits(task: str, layer: str) -> None:
    whole, steps = trained(task, layer=layer), engine_for(task, layer=layer)
    forecasts = [steps.step("s", {}, float(y)) for y in np.ravel(targets_of(task))]
    assert np.isfinite(forecasts).all()
    assert bits(steps) == bits(whole)
    assert whole.counts.updates > 0


@NETWORKS
def test_a_loaded_engine_continues_bit_for_bit(task: str, layer: str, tmp_path: Path) -> None:
    engine = trained(task, layer=layer)
    engine.save(tmp_path / "engine.safetensors")
    loaded = Engine.load(tmp_path / "engine.safetensors")
    assert loaded.step("s", {}, 1.0).tobytes() == engine.step("s", {}, 1.0).tobytes()
    assert bits(loaded) == bits(engine)


@NETWORKS
def test_a_prediction_with_empty_inputs_is_the_forecast_of_the_next_step(task: str, layer: str) -> None:
    engine = trained(task, layer=layer)
    engine.step("s", {}, NAN)
    newest, following = engine.predict("s"), engine.predict("s", {})
    assert following.tobytes() != newest.tobytes()
    assert following.tobytes() == engine.step("s", {}, NAN).tobytes()


@ALL_TASKS
def test_predict_many_forecasts_events_without_inputs_as_predict_does(task: str) -> None:
    engine = trained(task)
    alone = [engine.predict(key, []) for key in ("s", "unknown")]
    assert engine.predict_many(["s", "unknown"], np.empty((2, 0))).tobytes() == np.array(alone).tobytes()


def test_a_periodic_label_is_learned_from_the_state_alone() -> None:
    engine = engine_of(inputs=(), targets=("c",), task="classification", hidden=8, learning_rate=0.02)
    beat, ends = np.arange(8) % 4 == 3, np.arange(8) == 7
    for _ in range(1000):
        labels = engine.process("s", np.empty((8, 0)), beat, ends=ends)
    assert ((labels[:, 0] > 0.5) == beat).all()


@pytest.mark.parametrize("layer", ["gru", "lru", "columnar_gru"])
def test_inputs_that_are_added_later_are_learned_from(layer: str) -> None:
    changes: dict[str, Any] = {"hidden": 8, "learning_rate": 0.01, "seed": 1, "layer": layer}
    engine = engine_for("regression", **changes)
    engine.step("s", {}, 0.0)
    engine = engine.with_settings(engine_for("regression", **changes, inputs=("x",)).settings)
    x = np.random.default_rng(0).normal(size=4000)
    labels = engine.process("s", x[1:], x[:-1])[:, 0]  # the label is the previous input
    assert np.square(labels - x[:-1])[-500:].mean() < 0.8 * x.var()  # without memory, the variance is optimal


def test_he_initialisation_works_without_inputs() -> None:
    assert np.isfinite(engine_for("regression", init_input="he").step("s", {}, 1.0)).all()
