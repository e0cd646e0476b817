"""Features of river's dicts become columns: in no order of theirs, once they have a value, and text by its words."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_rnn.errors import DataError
from stream_rnn.estimators.features import Features, code, column

WORDS = st.text(st.characters(codec="utf-8"), max_size=20)
VALUES = st.one_of(st.floats(-1e6, 1e6), st.integers(-9, 9), st.booleans(), st.none(), WORDS)
DICTS = st.dictionaries(st.one_of(st.sampled_from("abcdef"), st.integers(0, 3)), VALUES, max_size=6)


def met(*dicts: dict[Any, Any], fields: tuple[Any, ...] = ()) -> Features:
    features = Features(4, fields)
    for x in dicts:
        features.meet(x)
    return features


@given(DICTS)
def test_the_order_of_a_dict_means_nothing(x: dict[Any, Any]) -> None:
    turned = dict(reversed(x.items()))
    one, other = met(x), met(turned)
    assert one.columns == other.columns
    np.testing.assert_array_equal(one.row(x), other.row(turned))


@given(st.lists(DICTS, max_size=4))
def test_columns_have_different_names_and_keep_their_places(dicts: list[dict[Any, Any]]) -> None:
    features = Features(4, ())
    before: list[str] = []
    for x in dicts:
        features.meet(x)
        assert features.columns[: len(before)] == before
        before = features.columns.copy()
    assert len(set(before)) == len(before)


@given(st.lists(DICTS, min_size=1, max_size=6))
def test_a_table_has_the_rows_of_its_dicts(dicts: list[dict[Any, Any]]) -> None:
    names = sorted({name for x in dicts for name in x}, key=repr)
    table = {name: column([x.get(name) for x in dicts], name) for name in names}
    together = Features(4, ())
    for event in sorted(together.emerging(table)):
        together.add(*Features(4, ()).emerging(table)[event])
    one_by_one = met(*dicts)
    assert together.columns == one_by_one.columns
    rows = [one_by_one.row(x) for x in dicts]
    matrix = together.matrix(table, slice(0, len(dicts)))
    np.testing.assert_array_equal(matrix, np.reshape(rows, (len(dicts), -1)))


@given(DICTS)
def test_what_is_plain_is_the_row_itself(x: dict[Any, Any]) -> None:
    features = met(x)
    plain = features.plain(x)
    if plain is not None:
        assert plain == features.row(x)


def test_columns_are_named_as_their_features() -> None:
    assert met({"load": 1.0, 3: 2.0}).columns == ["load", "3"]


def test_features_of_like_names_are_told_apart() -> None:
    assert met({"1": 1.0, 1: 2.0, "y": 3.0, "a": "word", "a#1": 0.0}).columns == [
        "1",
        "a#1",
        "y'",
        "1'",
        "a#0",
        "a#1'",
        "a#2",
        "a#3",
    ]


def test_numbers_for_all_columns_are_plain() -> None:
    features = met({"a": 1.0, "b": 2}, fields=("key",))
    assert features.plain({"b": 3, "a": 4.0, "key": "pump"}) == [4.0, 3]


@pytest.mark.parametrize(
    "x", [{"a": 1.0}, {"a": 1.0, "b": None}, {"a": 1.0, "b": 2, "c": 3}, {"a": 1.0, "b": "2"}, None, [1.0, 2.0], 3]
)
def test_all_else_is_not_plain(x: Any) -> None:
    assert met({"a": 1.0, "b": 2}).plain(x) is None


def test_a_new_feature_does_not_pass_for_a_field_that_is_missing() -> None:
    features = met({"a": 1.0}, fields=("end",))
    assert features.plain({"a": 1.0, "b": 2.0}) is None


@pytest.mark.parametrize("value", [None, math.nan, datetime(2026, 1, 1, tzinfo=UTC)])
def test_what_has_no_value_has_no_column(value: Any) -> None:
    assert met({"a": value}).columns == []


def test_what_is_not_there_is_missing() -> None:
    row = met({"a": 1.0, "b": "word"}).row({})
    assert len(row) == 5
    assert all(map(math.isnan, row))


def test_a_feature_may_be_a_number_now_and_text_then() -> None:
    features = met({"a": 1.0}, {"a": "word"})
    assert len(features.columns) == 5
    assert features.row({"a": 2.0})[0] == 2.0
    assert math.isnan(features.row({"a": "word"})[0])


@pytest.mark.parametrize("value", [[1.0], {"b": 1}, b"1", object()])
def test_a_value_that_is_none_is_refused(value: Any) -> None:
    with pytest.raises(DataError, match="x must be numbers, got"):
        met({"a": value})


def test_codes_are_signs_that_tell_words_apart() -> None:
    codes = np.array([code(f"word{n}", 16) for n in range(200)])
    assert set(codes.ravel()) == {-1.0, 1.0}
    assert len(np.unique(codes, axis=0)) > 195
    assert abs(codes.mean()) < 0.1


@given(st.lists(WORDS.filter(lambda word: len(word.split()) == 1), min_size=1, max_size=5))
def test_the_code_of_a_text_is_the_mean_of_its_words(words: list[str]) -> None:
    words = [word.strip() for word in words]
    np.testing.assert_allclose(code(" ".join(words), 12), np.mean([code(word, 12) for word in words], axis=0))


def test_no_words_are_in_the_middle() -> None:
    assert code("  ", 3).tolist() == [0.0, 0.0, 0.0]
