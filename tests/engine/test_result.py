"""Results of one event or many, as arrays and as JSON values."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
from support import bits, engine_of, series

from stream_rnn.engine.alarms import Alarm
from stream_rnn.engine.result import BatchResult

if TYPE_CHECKING:
    from stream_rnn import Engine

X = series(60)


def monitored() -> Engine:
    return engine_of(interval=0.9, anomaly=True, horizon=2, drift="report", drift_threshold=0.5)


def test_a_detailed_step_has_what_a_detailed_batch_has() -> None:
    one, many = monitored(), monitored()
    x = np.concatenate([X, 30 * X])
    results, expected = [one.step_detailed("s", value) for value in x], many.process_detailed("s", x)
    assert bits(one) == bits(many)
    assert expected.intervals is not None
    assert expected.anomalies is not None
    np.testing.assert_array_equal([result.forecast for result in results], expected.forecasts)
    np.testing.assert_array_equal([result.begins for result in results], expected.begins)
    np.testing.assert_array_equal([result.interval for result in results], expected.intervals)
    np.testing.assert_array_equal([result.anomaly for result in results], expected.anomalies)
    assert [drift for result in results for drift in result.drifts] == expected.drifts != []


def test_results_of_consecutive_batches_are_joined() -> None:
    whole = monitored().process_detailed("s", np.concatenate([X, 30 * X]))
    whole = whole._replace(alarms=[Alarm(90, "s", raised=True)])
    parts = [whole.rows(slice(0, 50)), whole.rows(slice(50, None))._replace(drifts=whole.drifts, alarms=whole.alarms)]
    joined = BatchResult.concat(parts)
    for name, expected in whole._asdict().items():
        np.testing.assert_equal(getattr(joined, name), expected)
    assert len(joined.drifts) * len(joined.alarms) > 0


def test_a_result_is_a_copy() -> None:
    engine = monitored()
    first = engine.step_detailed("s", [1.0])
    before = first.forecast.copy()
    engine.step_detailed("s", [2.0])
    np.testing.assert_array_equal(first.forecast, before)


def test_results_are_json_from_the_first_event_on() -> None:
    engine = monitored()
    for x in X[:5]:
        result = engine.step_detailed("s", x)
        back = json.loads(json.dumps(result.to_dict(), allow_nan=False))
        assert back["forecast"] == result.forecast.tolist()
        assert back["begins"] is result.begins
    batch = engine.process_detailed("t", X)
    back = json.loads(json.dumps(batch.to_dict(), allow_nan=False))
    assert back["forecasts"] == batch.forecasts.tolist()
    assert back["intervals"][0] == [[[None, None]], [[None, None]]]
    assert back["anomalies"][0] is None
    assert back["anomalies"][-1] == batch.anomalies[-1] if batch.anomalies is not None else False


def test_drifts_are_json_too() -> None:
    engine = monitored()
    drifts = engine.process_detailed("s", np.concatenate([X, 30 * X])).to_dict()["drifts"]
    assert json.loads(json.dumps(drifts, allow_nan=False)) == drifts != []


def test_what_is_not_set_is_none() -> None:
    assert engine_of().step_detailed("s", [1.0]).to_dict() | {"forecast": None} == {
        "forecast": None,
        "begins": True,
        "interval": None,
        "anomaly": None,
        "anomaly_alarm": None,
        "state": None,
        "states": None,
        "drifts": [],
        "alarms": [],
    }
