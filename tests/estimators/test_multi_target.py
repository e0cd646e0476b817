"""Each of several targets gets an output with its first value; events may have no targets."""

from __future__ import annotations

import math

import pytest

from stream_rnn.estimators import GRUMultiTargetRegressor

X = {"a": 1.0, "b": 2.0}


def small_model() -> GRUMultiTargetRegressor:
    return GRUMultiTargetRegressor(hidden=4, window=4, seed=1)


@pytest.mark.parametrize("no_targets", [None, {}])
def test_events_before_the_first_target_are_processed(no_targets: dict[str, float] | None) -> None:
    model = small_model()
    model.learn_one(X, no_targets)
    assert model.predict_one(X) == {}
    for t in range(200):
        model.learn_one({"a": math.sin(t), "b": 1.0}, {"u": math.sin(t), "v": 3.0})
    assert model.predict_one({"a": 0.5, "b": 1.0}) == pytest.approx({"u": 0.5, "v": 3.0}, abs=0.1)


def test_a_target_that_appears_later_is_learned() -> None:
    model = small_model()
    for t in range(400):
        late = {"v": 2 * math.sin(t)} if t > 100 else {}
        model.learn_one({"a": math.sin(t), "b": 1.0}, {"w": math.sin(t)} | late)
    assert model.predict_one({"a": 0.5, "b": 1.0}) == pytest.approx({"w": 0.5, "v": 1.0}, abs=0.2)
