"""A data frame is its rows, one after another: to the bit, whatever comes and goes in it, and of whichever library."""

from __future__ import annotations

import math
import pickle
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from stream_rnn.estimators import GRUClassifier, GRUMultiTargetRegressor, GRURegressor

SMALL: dict[str, Any] = {"hidden": 4, "window": 4, "text_width": 3, "seed": 1}
COUNT = 40
EVENTS = range(COUNT)
NAN = math.nan

COLUMNS: dict[str, list[Any]] = {
    "plain": [math.sin(t / 3) for t in EVENTS],
    "whole": [t % 5 for t in EVENTS],
    "flag": [t % 3 == 0 for t in EVENTS],
    "gaps": [NAN if t % 4 == 1 else t / 7 for t in EVENTS],
    "late": [NAN if t < 17 else math.cos(t) for t in EVENTS],
    "leaves": [1.0 * t if t < 11 else NAN for t in EVENTS],
    "never": [NAN] * COUNT,
    "none": [None] * COUNT,
    "word": ["north", "south", "north east"][:3] * 13 + [None],
    "late word": [None if t < 23 else f"w{t % 2}" for t in EVENTS],
}
MIXED: list[Any] = [f"t{t}" if t % 7 == 3 else None if t % 7 == 4 else float(t) for t in EVENTS]
"""Numbers, text and nothing in one column, which only objects of pandas can be."""

KEYS = [f"pump {t % 3}" for t in EVENTS]
ENDS = [t % 13 == 12 for t in EVENTS]
SECONDS = [NAN if t == 20 else 600.0 * t for t in EVENTS]
TIMES = [datetime(2026, 3, 1, tzinfo=UTC) + timedelta(minutes=10 * t) for t in EVENTS]

TARGETS: dict[str, list[Any]] = {
    "numbers": [None if t % 9 == 5 else math.sin((t + 1) / 3) for t in EVENTS],
    "classes": [None if t % 9 == 5 else "abcd"[min(t // 9, t % 4)] for t in EVENTS],
    "dicts": [None if t % 9 == 5 else {"u": t / 9} | ({"v": -1.0 * t} if t > 14 else {}) for t in EVENTS],
}
"""Some are missing; classes and targets show up in the middle of a frame."""

MAKE: dict[str, Any] = {"numbers": GRURegressor, "classes": GRUClassifier, "dicts": GRUMultiTargetRegressor}


def rows(columns: dict[str, list[Any]]) -> list[dict[str, Any]]:
    return [{name: values[t] for name, values in columns.items()} for t in EVENTS]


def looped(kind: str, columns: dict[str, list[Any]], settings: dict[str, Any], **told: list[Any]) -> Any:
    """Return an estimator that learned one event after another."""
    model = MAKE[kind](**SMALL, **settings)
    for t, x in enumerate(rows(columns)):
        model.learn_one(x, TARGETS[kind][t], **{name: values[t] for name, values in told.items()})
    return model


def framed(kind: str, frame: Any, settings: dict[str, Any], cut: int = COUNT, **told: list[Any]) -> Any:
    """Return an estimator that learned a frame in parts of so many rows."""
    model = MAKE[kind](**SMALL, **settings)
    for start in range(0, COUNT, cut):
        part = slice(start, start + cut)
        model.learn_many(frame[part], TARGETS[kind][part], **{name: values[part] for name, values in told.items()})
    return model


def assert_same(one: Any, other: Any) -> None:
    assert pickle.dumps(pickle.loads(pickle.dumps(one))) == pickle.dumps(pickle.loads(pickle.dumps(other)))  # noqa: S301


@pytest.mark.parametrize("cut", [COUNT, 7])
@pytest.mark.parametrize("kind", TARGETS)
def test_a_frame_is_its_rows(kind: str, cut: int) -> None:
    columns = {**COLUMNS, "mixed": MIXED}
    told = {"key": KEYS, "time": SECONDS, "end": ENDS}
    assert_same(framed(kind, pd.DataFrame(columns), {}, cut, **told), looped(kind, columns, {}, **told))


@pytest.mark.parametrize("kind", TARGETS)
def test_streams_times_and_ends_may_be_columns(kind: str) -> None:
    columns = {**COLUMNS, "pump": KEYS, "when": TIMES, "last": ENDS}
    fields = {"key_field": "pump", "time_field": "when", "end_field": "last", "calendar": ("day",)}
    by_field = framed(kind, pd.DataFrame(columns), fields)
    assert_same(by_field, looped(kind, columns, fields))
    assert by_field.engine.keys == ["pump 0", "pump 1", "pump 2"]


def test_the_one_column_of_times_is_the_time() -> None:
    columns, settings = {**COLUMNS, "when": TIMES}, {"calendar": ("day",)}
    assert_same(framed("numbers", pd.DataFrame(columns), settings), looped("numbers", columns, settings))


def nullable() -> pd.DataFrame:
    kinds = {"plain": "Float64", "whole": "Int64", "flag": "boolean", "word": "string", "late word": "string"}
    return pd.DataFrame(COLUMNS).astype(kinds)


@pytest.mark.parametrize("frame", [nullable(), pa.table(COLUMNS)], ids=["nullable", "pyarrow"])
def test_frames_of_other_kinds_are_the_same_events(frame: Any) -> None:
    told = {"key": KEYS, "time": SECONDS, "end": ENDS}
    assert_same(framed("classes", frame, {}, **told), looped("classes", COLUMNS, {}, **told))


@pytest.mark.parametrize(
    "series",
    [
        pd.Series(TARGETS["classes"]),
        pd.Series(TARGETS["classes"], dtype="string"),
        pd.Series(TARGETS["classes"], dtype="category"),
        pa.chunked_array([TARGETS["classes"]]),
        np.array(TARGETS["classes"], object),
        tuple(TARGETS["classes"]),
    ],
    ids=["objects", "strings", "categories", "pyarrow", "array", "tuple"],
)
def test_targets_of_any_series_are_the_same(series: Any) -> None:
    model = GRUClassifier(**SMALL)
    model.learn_many(pd.DataFrame(COLUMNS), series)
    assert_same(model, looped("classes", COLUMNS, {}))


def test_columns_may_be_numbered() -> None:
    X = np.array([COLUMNS["plain"], COLUMNS["gaps"]]).T
    model, loop = GRURegressor(**SMALL), GRURegressor(**SMALL)
    model.learn_many(pd.DataFrame(X), TARGETS["numbers"])
    for x, y in zip(X.tolist(), TARGETS["numbers"], strict=True):
        loop.learn_one(dict(enumerate(x)), y)
    assert_same(model, loop)


@pytest.mark.parametrize("kind", ["numbers", "classes"])
def test_a_frame_of_forecasts_is_that_of_its_rows_and_has_its_index(kind: str) -> None:
    columns, told = {**COLUMNS, "mixed": MIXED}, {"key": KEYS, "time": SECONDS}
    model = looped(kind, columns, {}, **told)
    before = pickle.dumps(model)
    made = model.predict_many(pd.DataFrame(columns, index=[-t for t in EVENTS]), **told)
    assert pickle.dumps(model) == before
    events = zip(rows(columns), KEYS, SECONDS, strict=True)
    assert made.tolist() == [model.predict_one(x, key=key, time=time) for x, key, time in events]
    assert made.index.tolist() == [-t for t in EVENTS]


def test_a_frame_of_pyarrow_is_forecast_as_one() -> None:
    told = {"key": KEYS, "time": SECONDS}
    model = looped("classes", COLUMNS, {}, **told)
    table, frame = pa.table(COLUMNS), pd.DataFrame(COLUMNS)
    made = model.predict_proba_many(table, **told)
    assert isinstance(made, pa.Table)
    np.testing.assert_array_equal(made.to_pandas(), model.predict_proba_many(frame, **told))
    assert model.predict_many(table, **told).to_pylist() == model.predict_many(frame, **told).tolist()


@pytest.mark.parametrize("kind", ["numbers", "classes"])
def test_an_empty_frame_is_no_events(kind: str) -> None:
    model = looped(kind, COLUMNS, {})
    before, nothing = pickle.dumps(model), pd.DataFrame(COLUMNS)[:0]
    model.learn_many(nothing, [])
    assert pickle.dumps(model) == before
    assert len(model.predict_many(nothing)) == 0
