"""What river checks of regressors and classifiers, but not of forecasters, holds for forecasters too."""

from __future__ import annotations

import math
import pickle
from typing import Any

import pytest

from stream_rnn.estimators import GRUForecaster

SMALL: dict[str, Any] = {"horizon": 3, "hidden": 4, "window": 4, "seed": 1}


def event(t: int) -> tuple[float, dict[str, float]]:
    return math.sin(t / 3) + 0.1 * (t % 4), {"a": math.cos(t / 5), "b": float(t % 3), "c": 1.0 * t}


def train(model: Any, start: int = 0, stop: int = 60) -> Any:
    for t in range(start, stop):
        y, x = event(t)
        model.learn_one(y, x)
    return model


@pytest.fixture
def model() -> Any:
    return train(GRUForecaster(**SMALL))


@pytest.mark.parametrize("horizon", [1, 3, 9])
def test_a_forecast_changes_nothing(model: Any, horizon: int) -> None:
    before, xs = pickle.dumps(model), [{"a": 1.0, "new": 2.0} for _ in range(horizon)]
    assert model.forecast(horizon, xs) == model.forecast(horizon)
    assert pickle.dumps(model) == before
    assert xs == [{"a": 1.0, "new": 2.0}] * horizon


def test_learning_keeps_no_reference_to_x(model: Any) -> None:
    y, x = event(60)
    model.learn_one(y, x)
    before = pickle.dumps(model)
    x["a"] = 1e9
    del x["b"]
    assert pickle.dumps(model) == before


def test_a_pickled_forecaster_continues_identically(model: Any) -> None:
    other = pickle.loads(pickle.dumps(model))  # noqa: S301
    assert train(model, 60, 80).forecast(5) == train(other, 60, 80).forecast(5)


def test_the_same_seed_gives_the_same_forecasts(model: Any) -> None:
    other = train(GRUForecaster(**SMALL))
    assert other.forecast(5) == model.forecast(5)
    assert train(GRUForecaster(**{**SMALL, "seed": 2})).forecast(5) != model.forecast(5)


def test_without_a_seed_weights_are_random() -> None:
    assert GRUForecaster()._is_stochastic
    unseeded = [train(GRUForecaster(**{**SMALL, "seed": None})) for _ in range(2)]
    assert unseeded[0].forecast(5) != unseeded[1].forecast(5)


def test_memory_does_not_grow_with_events(model: Any) -> None:
    before, size = model._raw_memory_usage, len(pickle.dumps(model))
    train(model, 60, 1000)
    assert model._raw_memory_usage <= before + 1024  # a byte for each event would show
    assert len(pickle.dumps(model)) <= size + 512


def test_a_clone_has_learned_nothing(model: Any) -> None:
    clone = model.clone()
    assert clone.engine is None
    assert train(clone).forecast(5) == model.forecast(5)


def test_a_clone_has_the_same_settings_or_those_passed() -> None:
    model = GRUForecaster(**SMALL, calendar=("week",), key_field="sensor")
    assert repr(model.clone()) == repr(model)
    assert model.clone()._get_params() == model._get_params()
    other = model.clone({"hidden": 8, "calendar": ("year",)})
    assert (other.hidden, other.settings["calendar"], other.key_field) == (8, ("year",), "sensor")


def test_a_clone_with_attributes_is_independent(model: Any) -> None:
    clone, before = model.clone(include_attributes=True), model.forecast(5)
    assert clone.forecast(5) == before
    train(clone, 60, 70)
    assert model.forecast(5) == before
    assert train(model, 60, 70).forecast(5) == clone.forecast(5)


def test_learning_does_not_change_an_earlier_clone(model: Any) -> None:
    clone = model.clone()
    before = pickle.dumps(clone)
    train(model, 60, 70)
    assert pickle.dumps(clone) == before


def test_only_the_learning_rate_is_mutable(model: Any) -> None:
    other = train(GRUForecaster(**SMALL))
    other.mutate({"learning_rate": 0.05})
    assert other.forecast(5) == model.forecast(5)
    assert train(other, 60, 90).forecast(5) != train(model, 60, 90).forecast(5)
    for name in ("hidden", "window", "horizon", "seed"):
        with pytest.raises(ValueError, match=f"'{name}' is not a mutable attribute"):
            model.mutate({name: 3})


def test_the_order_of_features_does_not_matter(model: Any) -> None:
    reordered = GRUForecaster(**SMALL)
    for t in range(60):
        y, x = event(t)
        reordered.learn_one(y, dict(reversed(x.items())))
    assert reordered.forecast(5) == model.forecast(5)


def test_features_may_appear_and_disappear() -> None:
    model = GRUForecaster(**SMALL)
    for t in range(80):
        y, x = event(t)
        present = sorted(x)[: 1 + t // 20] if t < 60 else ["c"]
        model.learn_one(y, {name: x[name] for name in present} if t % 7 else None)
        assert all(map(math.isfinite, model.forecast(5)))
    assert model.engine.settings.inputs == ("y", "a", "b", "c")


def test_no_features_and_missing_features_give_the_same_forecasts() -> None:
    without, missing = GRUForecaster(**SMALL), GRUForecaster(**SMALL)
    for t in range(30):
        without.learn_one(event(t)[0])
        missing.learn_one(event(t)[0], {"a": None})
    assert without.forecast(5) == missing.forecast(5)


def test_a_longer_forecast_starts_with_the_shorter_one(model: Any) -> None:
    assert model.forecast(9)[:3] == model.forecast(3)
    assert model.forecast(9)[:2] == model.forecast(2)


@pytest.mark.parametrize("by", ["key", "end", "reset"])
def test_the_forecast_is_zero_at_the_start_of_a_stream_or_sequence(model: Any, by: str) -> None:
    if by == "reset":
        model.reset()
    if by == "end":
        model.learn_one(*event(60), end=True)
    assert model.forecast(4, key="another" if by == "key" else None) == [0.0] * 4


def test_a_key_field_equals_a_keyword() -> None:
    by_field, by_keyword = GRUForecaster(**SMALL, key_field="sensor"), GRUForecaster(**SMALL)
    for t in range(40):
        y, x = event(t)
        sensor = "even" if t % 2 == 0 else "odd"
        by_field.learn_one(y, {**x, "sensor": sensor})
        by_keyword.learn_one(y, x, key=sensor)
    for sensor in ("even", "odd"):
        assert by_field.forecast(3, [{"sensor": sensor}] * 3) == by_keyword.forecast(3, key=sensor)
    assert by_keyword.forecast(3, key="even") != by_keyword.forecast(3, key="odd")
