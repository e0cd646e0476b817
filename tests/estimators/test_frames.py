"""Learning a data frame gives bitwise the result of learning its rows, for any columns and any library."""

from __future__ import annotations

import math
import pickle
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from estimator_support import state_of

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
"""Numbers, text and missing values in one column, which only pandas supports, as objects."""

KEYS = [f"pump {t % 3}" for t in EVENTS]
ENDS = [t % 13 == 12 for t in EVENTS]
SECONDS = [NAN if t == 20 else 600.0 * t for t in EVENTS]
TIMES = [datetime(2026, 3, 1, tzinfo=UTC) + timedelta(minutes=10 * t) for t in EVENTS]

TARGETS: dict[str, list[Any]] = {
    "numbers": [None if t % 9 == 5 else math.sin((t + 1) / 3) for t in EVENTS],
    "classes": [None if t % 9 == 5 else "abcd"[min(t // 9, t % 4)] for t in EVENTS],
    "dicts": [None if t % 9 == 5 else {"u": t / 9} | ({"v": -1.0 * t} if t > 14 else {}) for t in EVENTS],
}
"""Some are missing; new classes and targets appear in the middle of the frame."""

ESTIMATORS: dict[str, Any] = {"numbers": GRURegressor, "classes": GRUClassifier, "dicts": GRUMultiTargetRegressor}


def rows(columns: dict[str, list[Any]]) -> list[dict[str, Any]]:
    return [{name: values[t] for name, values in columns.items()} for t in EVENTS]


def learned_rows(kind: str, columns: dict[str, list[Any]], settings: dict[str, Any], **keywords: list[Any]) -> Any:
    """Return an estimator that has learned one event after another."""
    model = ESTIMATORS[kind](**SMALL, **settings)
    for t, x in enumerate(rows(columns)):
        model.learn_one(x, TARGETS[kind][t], **{name: values[t] for name, values in keywords.items()})
    return model


def learned_frame(kind: str, frame: Any, settings: dict[str, Any], cut: int = COUNT, **keywords: list[Any]) -> Any:
    """Return an estimator that has learned a frame in parts of `cut` rows."""
    model = ESTIMATORS[kind](**SMALL, **settings)
    for start in range(0, COUNT, cut):
        part = slice(start, start + cut)
        model.learn_many(frame[part], TARGETS[kind][part], **{name: values[part] for name, values in keywords.items()})
    return model


def assert_same(one: Any, other: Any) -> None:
    assert state_of(one) == state_of(other)


@pytest.mark.parametrize("cut", [COUNT, 7])
@pytest.mark.parametrize("kind", TARGETS)
def test_a_frame_is_learned_as_its_rows(kind: str, cut: int) -> None:
    columns = {**COLUMNS, "mixed": MIXED}
    keywords = {"key": KEYS, "time": SECONDS, "end": ENDS}
    assert_same(
        learned_frame(kind, pd.DataFrame(columns), {}, cut, **keywords), learned_rows(kind, columns, {}, **keywords)
    )


@pytest.mark.parametrize("kind", TARGETS)
def test_keys_times_and_ends_may_be_columns(kind: str) -> None:
    columns = {**COLUMNS, "pump": KEYS, "when": TIMES, "last": ENDS}
    fields = {"key_field": "pump", "time_field": "when", "end_field": "last", "calendar": ("day",)}
    by_field = learned_frame(kind, pd.DataFrame(columns), fields)
    assert_same(by_field, learned_rows(kind, columns, fields))
    assert by_field.engine.keys == ["pump 0", "pump 1", "pump 2"]


def test_a_single_time_column_is_the_time() -> None:
    columns, settings = {**COLUMNS, "when": TIMES}, {"calendar": ("day",)}
    assert_same(learned_frame("numbers", pd.DataFrame(columns), settings), learned_rows("numbers", columns, settings))


def nullable() -> pd.DataFrame:
    kinds = {"plain": "Float64", "whole": "Int64", "flag": "boolean", "word": "string", "late word": "string"}
    return pd.DataFrame(COLUMNS).astype(kinds)


@pytest.mark.parametrize("frame", [nullable(), pa.table(COLUMNS)], ids=["nullable", "pyarrow"])
def test_frames_of_other_types_are_the_same_events(frame: Any) -> None:
    keywords = {"key": KEYS, "time": SECONDS, "end": ENDS}
    assert_same(learned_frame("classes", frame, {}, **keywords), learned_rows("classes", COLUMNS, {}, **keywords))


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
def test_targets_may_be_any_kind_of_series(series: Any) -> None:
    model = GRUClassifier(**SMALL)
    model.learn_many(pd.DataFrame(COLUMNS), series)
    assert_same(model, learned_rows("classes", COLUMNS, {}))


def test_column_names_may_be_integers() -> None:
    X = np.array([COLUMNS["plain"], COLUMNS["gaps"]]).T
    model, loop = GRURegressor(**SMALL), GRURegressor(**SMALL)
    model.learn_many(pd.DataFrame(X), TARGETS["numbers"])
    for x, y in zip(X.tolist(), TARGETS["numbers"], strict=True):
        loop.learn_one(dict(enumerate(x)), y)
    assert_same(model, loop)


@pytest.mark.parametrize("kind", ["numbers", "classes"])
def test_predict_many_equals_predict_one_per_row_and_keeps_the_index(kind: str) -> None:
    columns, keywords = {**COLUMNS, "mixed": MIXED}, {"key": KEYS, "time": SECONDS}
    model = learned_rows(kind, columns, {}, **keywords)
    before = pickle.dumps(model)
    predictions = model.predict_many(pd.DataFrame(columns, index=[-t for t in EVENTS]), **keywords)
    assert pickle.dumps(model) == before
    events = zip(rows(columns), KEYS, SECONDS, strict=True)
    assert predictions.tolist() == [model.predict_one(x, key=key, time=time) for x, key, time in events]
    assert predictions.index.tolist() == [-t for t in EVENTS]


def test_predictions_for_a_pyarrow_table_equal_those_for_pandas() -> None:
    keywords = {"key": KEYS, "time": SECONDS}
    model = learned_rows("classes", COLUMNS, {}, **keywords)
    table, frame = pa.table(COLUMNS), pd.DataFrame(COLUMNS)
    probabilities = model.predict_proba_many(table, **keywords)
    assert isinstance(probabilities, pa.Table)
    np.testing.assert_array_equal(probabilities.to_pandas(), model.predict_proba_many(frame, **keywords))
    assert model.predict_many(table, **keywords).to_pylist() == model.predict_many(frame, **keywords).tolist()


@pytest.mark.parametrize("kind", ["numbers", "classes"])
def test_an_empty_frame_changes_nothing(kind: str) -> None:
    model = learned_rows(kind, COLUMNS, {})
    before, empty = pickle.dumps(model), pd.DataFrame(COLUMNS)[:0]
    model.learn_many(empty, [])
    assert pickle.dumps(model) == before
    assert len(model.predict_many(empty)) == 0
