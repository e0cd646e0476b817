"""Forecasts are compared with the values that were forecast, per stream, and every event is learned."""

# ruff: noqa: ARG002 - the forecasters have river's parameters, and use few

from __future__ import annotations

import itertools
import math
import statistics
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from river import datasets, metrics, preprocessing, time_series
from river import evaluate as river_evaluate
from river.time_series.base import Forecaster

from stream_rnn.errors import DataError
from stream_rnn.estimators import evaluate, evaluate_streams, iter_evaluate
from stream_rnn.estimators.streaming import DEFAULT_KEY

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MISSING = (None, math.nan)


class Ramp(Forecaster):
    """Forecasts that each value is one more than the last."""

    def __init__(self) -> None:
        self.learned: list[Any] = []

    def learn_one(self, y: Any, x: Any = None) -> None:
        self.learned.append(y)

    def forecast(self, horizon: int, xs: Any = None) -> list[float]:
        return [self.learned[-1] + ahead for ahead in range(1, horizon + 1)]


class TooFew(Ramp):
    """Returns one forecast too few."""

    def forecast(self, horizon: int, xs: Any = None) -> list[float]:
        return super().forecast(horizon - 1)


class Mean(Forecaster):
    """Forecasts the mean of a stream's values, which it distinguishes by key."""

    def __init__(self, key_field: str | None = None, end_field: str | None = None) -> None:
        self.key_field = key_field
        self.end_field = end_field
        self.learned: list[Any] = []
        self.ends: list[bool] = []

    def learn_one(self, y: Any, x: Any = None, key: Any = None, end: bool = False) -> None:
        self.learned.append((key, y))
        self.ends.append(end)

    def forecast(self, horizon: int, xs: Any = None, key: Any = None) -> list[float]:
        return [statistics.mean(y for name, y in self.learned if name == key and y not in MISSING)] * horizon


class KeylessMean(Mean):
    """The same, but does not accept a key."""

    def learn_one(self, y: Any, x: Any = None) -> None:  # type: ignore[override]
        super().learn_one(y, x)

    def forecast(self, horizon: int, xs: Any = None) -> list[float]:  # type: ignore[override]
        return super().forecast(horizon, xs)


class Oracle(Forecaster):
    """Reads the next values from `xs`."""

    def learn_one(self, y: Any, x: Any = None) -> None:
        pass

    def forecast(self, horizon: int, xs: Any = None) -> list[float]:
        return [x["y"] for x in xs]


def pairs_of(values: Iterable[Any]) -> Iterator[Any]:
    return (({"y": y}, y) for y in values)


def pairs(*values: Any) -> list[Any]:
    return list(pairs_of(values))


def of_stream(key: Any, *values: Any) -> list[Any]:
    return [(x, y, {"key": key}) for x, y in pairs(*values)]


def errors_of(model: Any, data: list[Any], horizon: int) -> list[float]:
    """Return the mean absolute error for each event ahead, computed by a plain loop."""
    errors = []
    for t, (x, y, *_) in enumerate(data):
        model.learn_one(y=y, x=x)
        following = data[t + 1 : t + 1 + horizon]
        if t + 1 >= horizon and len(following) == horizon:
            forecast = model.forecast(horizon=horizon, xs=[x for x, *_ in following])
            errors.append([abs(value - event[1]) for value, event in zip(forecast, following, strict=True)])
    return np.mean(errors, axis=0).tolist() if errors else []


def test_a_perfect_forecaster_of_a_ramp_has_no_error() -> None:
    assert evaluate(pairs(*range(20)), Ramp(), metrics.MAE(), 3).get() == [0, 0, 0]
    assert river_evaluate.evaluate(pairs(*range(20)), Ramp(), metrics.MAE(), 3).get() == [1, 1, 1]


@pytest.mark.parametrize("horizon", [2, 7, 72])
def test_errors_equal_those_of_a_plain_loop(horizon: int) -> None:
    model, data = time_series.HoltWinters(alpha=0.3, beta=0.1), list(datasets.AirlinePassengers())
    expected = errors_of(model.clone(), data, horizon)
    assert evaluate(data, model, metrics.MAE(), horizon).get() == pytest.approx(expected)


def test_a_pipeline_is_evaluated_like_a_forecaster() -> None:
    model = preprocessing.StandardScaler() | time_series.SNARIMAX(p=2, d=0, q=0)
    data = pairs(*np.random.default_rng(0).normal(size=60))
    expected = errors_of(model.clone(), data, 3)
    assert evaluate(data, model, metrics.MAE(), 3).get() == pytest.approx(expected)


def test_forecasters_receive_xs_of_the_events_ahead() -> None:
    assert evaluate(pairs(3, 1, 4, 1, 5, 9, 2, 6), Oracle(), metrics.MAE(), 3).get() == [0, 0, 0]


def test_the_first_forecast_is_made_after_as_many_events_as_in_river() -> None:
    ours, theirs = Ramp(), Ramp()
    _, y, forecast, _ = next(iter_evaluate(pairs(*range(20)), ours, metrics.MAE(), 4))
    assert (y, forecast) == (3, [4, 5, 6, 7])
    assert next(river_evaluate.iter_evaluate(pairs(*range(20)), theirs, metrics.MAE(), 4))[2] == forecast
    assert ours.learned == [0, 1, 2, 3]


def test_only_the_events_that_are_forecast_are_read_ahead() -> None:
    endless = pairs_of(itertools.count())
    assert next(iter_evaluate(endless, Ramp(), metrics.MAE(), 4))[1] == 3
    assert next(endless)[1] == 8


def test_each_forecast_is_yielded_with_the_metric_so_far() -> None:
    steps = iter_evaluate(pairs(0, 1, 3, 3, 4), Ramp(), metrics.MAE(), 1)
    assert [(x, y, forecast, metric.get()) for x, y, forecast, metric in steps] == [
        ({"y": 0}, 0, [1], [0]),
        ({"y": 1}, 1, [2], [0.5]),
        ({"y": 3}, 3, [4], [pytest.approx(2 / 3)]),
        ({"y": 3}, 3, [4], [0.5]),
    ]


def test_agg_func_aggregates_over_the_horizons() -> None:
    data = list(datasets.AirlinePassengers())
    model = time_series.HoltWinters(alpha=0.3)
    separate = evaluate(data, model.clone(), metrics.MAE(), 4)
    aggregated = evaluate(data, model.clone(), metrics.MAE(), 4, agg_func=max)
    assert aggregated.get() == max(separate.get())
    assert repr(aggregated).startswith("max(MAE): ")


STREAMS = st.lists(st.tuples(st.sampled_from("abc"), st.integers(-9, 9)), max_size=40)


@pytest.mark.parametrize("model", [Mean(), KeylessMean()], ids=["keyed", "cloned"])
@given(events=STREAMS, horizon=st.integers(1, 4))
def test_streams_are_evaluated_independently(model: Mean, events: list[Any], horizon: int) -> None:
    data = [event for key, y in events for event in of_stream(key, y)]
    streams = {key: [event for event in data if event[2]["key"] == key] for key in "abc"}
    expected = {key: errors_of(KeylessMean(), stream, horizon) for key, stream in streams.items()}
    expected = {key: errors for key, errors in expected.items() if errors}
    if not expected:
        with pytest.raises(DataError, match="dataset must have"):
            evaluate_streams(data, model.clone(), metrics.MAE(), horizon)
        return
    result = evaluate_streams(data, model.clone(), metrics.MAE(), horizon)
    assert result.get().keys() == expected.keys()
    for key, errors in expected.items():
        assert result.get()[key] == pytest.approx(errors)
    counts = {key: sum(name == key for name, _ in events) - 2 * horizon + 1 for key in expected}
    overall = sum(counts[key] * np.array(errors) for key, errors in expected.items()) / sum(counts.values())
    assert result.overall.get() == pytest.approx(overall.tolist())


@given(events=STREAMS, horizon=st.integers(1, 4))
def test_events_are_learned_in_order_and_only_after_earlier_forecasts(events: list[Any], horizon: int) -> None:
    model = Mean()
    data = [(number, y, {"key": key}) for number, (key, y) in enumerate(events)]
    try:
        for number, *_ in iter_evaluate(data, model, metrics.MAE(), horizon):
            assert model.learned == events[: number + 1]
    except DataError:
        pass  # no stream is long enough
    assert model.learned == events


def test_a_short_stream_does_not_delay_the_others() -> None:
    result = evaluate_streams(of_stream("short", 5, 5) + of_stream("long", *range(20)), Ramp(), metrics.MAE(), 2)
    assert result.get() == {"long": [0, 0]}


def test_clones_learn_in_place_of_a_forecaster_that_does_not_accept_keys() -> None:
    model = Ramp()
    result = evaluate_streams(of_stream("a", *range(9)) + of_stream("b", *range(50, 59)), model, metrics.MAE(), 2)
    assert result.get() == {"a": [0, 0], "b": [0, 0]}
    assert model.learned == []


def keyed(*values: Any) -> list[Any]:
    return [({"sensor": "ab"[t % 2], "y": y}, y) for t, y in enumerate(values)]


@pytest.mark.parametrize("key", ["sensor", lambda x: x["sensor"]], ids=["field", "function"])
def test_a_key_read_from_x_equals_a_keyword(key: Any) -> None:
    data = keyed(1, 10, 2, 30, 4, 20, 3, 50, 8, 10)
    by_keyword = evaluate_streams([(x, y, {"key": x["sensor"]}) for x, y in data], Mean(), metrics.MAE(), 2)
    assert evaluate_streams(data, Mean(), metrics.MAE(), 2, key=key).get() == by_keyword.get()
    assert set(by_keyword.get()) == {"a", "b"}


def test_a_keyword_takes_precedence_over_a_field() -> None:
    data = [(x, y, {"key": "c"}) for x, y in keyed(1, 10, 2, 30)]
    assert set(evaluate_streams(data, Mean(), metrics.MAE(), 2, key="sensor").get()) == {"c"}


@pytest.mark.parametrize("model", [Mean(), KeylessMean()], ids=["keyed", "cloned"])
def test_a_stream_may_have_the_default_key(model: Mean) -> None:
    result = evaluate_streams(of_stream(DEFAULT_KEY, 1, 1, 1, 1), model.clone(), metrics.MAE(), 2)
    assert result.get() == {DEFAULT_KEY: [0, 0]}


def test_the_key_field_of_the_forecaster_is_used() -> None:
    data = keyed(1, 10, 2, 30, 4, 20, 3, 50, 8, 10)
    expected = evaluate_streams(data, Mean(), metrics.MAE(), 2, key="sensor")
    assert evaluate_streams(data, Mean("sensor"), metrics.MAE(), 2).get() == expected.get()
    assert evaluate(data, Mean("sensor"), metrics.MAE(), 2).get() == expected.overall.get()


@pytest.mark.parametrize("missing", MISSING)
def test_missing_values_are_learned_but_not_scored(missing: Any) -> None:
    model = Mean()
    result = evaluate(pairs(1, 1, missing, 1, 3, 1), model, metrics.MAE(), 1)
    assert result.get() == [statistics.mean([0, 0, 2, 0.5])]
    assert len(model.learned) == 6


def test_forecasts_across_the_end_of_a_sequence_are_not_scored() -> None:
    data = [({"t": t, "last": t == 4}, y) for t, y in enumerate([1, 1, 1, 1, 1, 50, 50, 50, 50])]
    with_keywords = [(x, y, {"end": x["last"]}) for x, y in data]
    for model, events in ((Mean(), with_keywords), (Mean(end_field="last"), data)):
        steps = list(iter_evaluate(events, model, metrics.MAE(), 2))
        assert [x["t"] for x, *_ in steps] == [1, 2, 5, 6]
        assert len(model.learned) == 9


def test_keywords_are_passed_on() -> None:
    model = Mean()
    evaluate([(x, y, {"end": y == 3, "key": "a"}) for x, y in pairs(*range(6))], model, metrics.MAE(), 1)
    assert model.ends == [False, False, False, True, False, False]
    assert model.learned == [("a", y) for y in range(6)]


def test_a_weight_is_dropped_if_the_forecaster_does_not_accept_it() -> None:
    data = [(x, y, {"w": 2.0}) for x, y in pairs(*range(6))]
    assert evaluate(data, Ramp(), metrics.MAE(), 1).get() == [0]


def test_metrics_are_printed_as_a_table_of_streams() -> None:
    result = evaluate_streams(of_stream("a", *range(9)) + of_stream("pump 1", 0, 2, 4, 6), Ramp(), metrics.MAE(), 2)
    assert repr(result).splitlines() == [
        "all streams  +1 MAE: 0.142857  +2 MAE: 0.285714",
        "a            +1 MAE: 0.        +2 MAE: 0.",
        "pump 1       +1 MAE: 1.        +2 MAE: 2.",
    ]


@pytest.mark.parametrize("horizon", [0, -1, 1.0, True, "3", None])
def test_a_horizon_that_is_not_a_positive_integer_is_refused(horizon: Any) -> None:
    with pytest.raises(DataError, match=f"^horizon must be an integer of at least 1, got {horizon!r}$"):
        evaluate(pairs(*range(9)), Ramp(), metrics.MAE(), horizon)


def test_a_stream_of_twice_the_horizon_is_long_enough() -> None:
    assert evaluate(pairs(*range(6)), Ramp(), metrics.MAE(), 3).get() == [0, 0, 0]


@pytest.mark.parametrize("length", [0, 5])
def test_a_dataset_that_is_too_short_is_refused(length: int) -> None:
    with pytest.raises(
        DataError, match=f"^dataset must have a stream with at least 6 events .*, got at most {length} ev"
    ):
        list(iter_evaluate(pairs(*range(length)), Ramp(), metrics.MAE(), 3))


def test_a_forecaster_that_returns_too_few_forecasts_is_refused() -> None:
    with pytest.raises(DataError, match=r"^TooFew must return 3 forecasts, got 2$"):
        evaluate(pairs(*range(9)), TooFew(), metrics.MAE(), 3)


@pytest.mark.parametrize("x", [{}, {"sensor": None}, {"sensor": math.nan}, None])
def test_an_event_without_its_key_is_refused(x: Any) -> None:
    with pytest.raises(DataError, match=r"^key must identify a stream, got (None|nan)$"):
        evaluate_streams([(x, 1.0)], Mean(), metrics.MAE(), 1, key="sensor")
