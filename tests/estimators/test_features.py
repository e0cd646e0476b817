"""Features become columns when they first have a value, whatever their order; text becomes the code of its words."""

from __future__ import annotations

import logging
import math
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_rnn.errors import DataError
from stream_rnn.estimators.features import Features, encode_text, parse_column

WORDS = st.text(st.characters(codec="utf-8"), max_size=20)
VALUES = st.one_of(st.floats(-1e6, 1e6), st.integers(-9, 9), st.booleans(), st.none(), WORDS)
DICTS = st.dictionaries(st.one_of(st.sampled_from("abcdef"), st.integers(0, 3)), VALUES, max_size=6)


def features_of(*dicts: dict[Any, Any], fields: tuple[Any, ...] = ()) -> Features:
    features = Features(4, fields)
    for event, x in enumerate(dicts):
        features.register(x, event)
    return features


@given(DICTS)
def test_the_order_of_a_dict_does_not_matter(x: dict[Any, Any]) -> None:
    backwards = dict(reversed(x.items()))
    one, other = features_of(x), features_of(backwards)
    assert one.columns == other.columns
    np.testing.assert_array_equal(one.row(x), other.row(backwards))


@given(st.lists(DICTS, max_size=4))
def test_columns_have_unique_names_and_keep_their_positions(dicts: list[dict[Any, Any]]) -> None:
    features = Features(4, ())
    before: list[str] = []
    for event, x in enumerate(dicts):
        features.register(x, event)
        assert features.columns[: len(before)] == before
        before = features.columns.copy()
    assert len(set(before)) == len(before)


@given(st.lists(DICTS, min_size=1, max_size=6))
def test_a_table_gives_the_rows_of_its_dicts(dicts: list[dict[Any, Any]]) -> None:
    names = sorted({name for x in dicts for name in x}, key=repr)
    table = {name: parse_column([x.get(name) for x in dicts], name) for name in names}
    _, together = Features(4, ()).additions(table, event=0)
    one_by_one = features_of(*dicts)
    assert together.columns == one_by_one.columns
    rows = [one_by_one.row(x) for x in dicts]
    matrix = together.matrix(table, slice(0, len(dicts)))
    np.testing.assert_array_equal(matrix, np.reshape(rows, (len(dicts), -1)))


@given(DICTS)
def test_a_fast_row_equals_the_row(x: dict[Any, Any]) -> None:
    features = features_of(x)
    fast = features.fast_row(x)
    if fast is not None:
        assert fast == features.row(x)


def test_columns_are_named_after_their_features() -> None:
    assert features_of({"load": 1.0, 3: 2.0}).columns == ["load", "3"]


def test_columns_of_features_with_similar_names_are_distinct() -> None:
    assert features_of({"1": 1.0, 1: 2.0, "y": 3.0, "a": "word", "a#1": 0.0}).columns == [
        "1",
        "a#1",
        "y'",
        "1'",
        "a#0",
        "a#1'",
        "a#2",
        "a#3",
    ]


def test_a_dict_of_numbers_for_all_columns_has_a_fast_row() -> None:
    features = features_of({"a": 1.0, "b": 2}, fields=("key",))
    assert features.fast_row({"b": 3, "a": 4.0, "key": "pump"}) == [4.0, 3]


@pytest.mark.parametrize(
    "x", [{"a": 1.0}, {"a": 1.0, "b": None}, {"a": 1.0, "b": 2, "c": 3}, {"a": 1.0, "b": "2"}, None, [1.0, 2.0], 3]
)
def test_any_other_x_has_no_fast_row(x: Any) -> None:
    assert features_of({"a": 1.0, "b": 2}).fast_row(x) is None


def test_a_new_feature_is_not_mistaken_for_a_missing_field() -> None:
    features = features_of({"a": 1.0}, fields=("end",))
    assert features.fast_row({"a": 1.0, "b": 2.0}) is None


@pytest.mark.parametrize("value", [None, math.nan, datetime(2026, 1, 1, tzinfo=UTC)])
def test_a_feature_without_a_value_has_no_column(value: Any) -> None:
    assert features_of({"a": value}).columns == []


def test_absent_features_are_missing() -> None:
    row = features_of({"a": 1.0, "b": "word"}).row({})
    assert len(row) == 5
    assert all(map(math.isnan, row))


def test_a_feature_may_change_between_number_and_text() -> None:
    features = features_of({"a": 1.0}, {"a": "word"})
    assert len(features.columns) == 5
    assert features.row({"a": 2.0})[0] == 2.0
    assert math.isnan(features.row({"a": "word"})[0])


@pytest.mark.parametrize("value", [[1.0], {"b": 1}, b"1", object()])
def test_a_value_of_another_type_is_refused(value: Any) -> None:
    with pytest.raises(DataError, match="x must consist of numbers, got"):
        features_of({"a": value})


def test_codes_of_words_are_distinct_random_signs() -> None:
    codes = np.array([encode_text(f"word{n}", 16) for n in range(200)])
    assert set(codes.ravel()) == {-1.0, 1.0}
    assert len(np.unique(codes, axis=0)) > 195
    assert abs(codes.mean()) < 0.1


@given(st.lists(WORDS.filter(lambda word: len(word.split()) == 1), min_size=1, max_size=5))
def test_the_code_of_a_text_is_the_mean_of_the_codes_of_its_words(words: list[str]) -> None:
    words = [word.strip() for word in words]
    expected = np.mean([encode_text(word, 12) for word in words], axis=0)
    np.testing.assert_allclose(encode_text(" ".join(words), 12), expected)


def test_the_code_of_no_words_is_zero() -> None:
    assert encode_text("  ", 3).tolist() == [0.0, 0.0, 0.0]


EVENTS = 600
NEW_NAMES = [{"load": 1.0, f"sensor_{event}": 1.0} for event in range(EVENTS)]


def sizes_of(dicts: list[dict[str, float]], **limits: int) -> list[int]:
    """Return the number of columns after each event."""
    features, sizes = Features(4, (), **limits), []
    for event, x in enumerate(dicts):
        features.register(x, event)
        sizes.append(len(features.columns))
    return sizes


def test_few_features_get_columns_at_their_first_event() -> None:
    assert sizes_of(NEW_NAMES[:60]) == list(range(2, 62))


def test_ever_new_features_get_columns_in_blocks() -> None:
    sizes = sizes_of(NEW_NAMES)
    growths = np.flatnonzero(np.diff(sizes))
    assert sizes[-1] > 0.75 * EVENTS
    assert len(growths) < 64 + 12
    assert np.diff(growths[-2:])[0] >= sizes[growths[-2]] // 4


def test_more_features_than_allowed_are_ignored_with_one_warning(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert max(sizes_of(NEW_NAMES, max_features=50)) == 50
    assert [record.getMessage() for record in caplog.records] == [
        "there are more than max_features = 50 features; further ones, such as 'sensor_49', are ignored"
    ]


@given(st.integers(0, 150), st.integers(1, 200))
def test_blocks_do_not_depend_on_how_events_are_cut_into_frames(cut: int, limit: int) -> None:
    dicts = [{"load": 1.0, f"s{event // 2}": 1.0, f"t{event % 90}": "on"} for event in range(150)]
    one_by_one = Features(1, (), limit)
    for event, x in enumerate(dicts):
        one_by_one.register(x, event)
    together = Features(1, (), limit)
    for part, first in ((dicts[:cut], 0), (dicts[cut:], cut)):
        names = sorted({name for x in part for name in x})
        table = {name: parse_column([x.get(name) for x in part], name) for name in names}
        _, together = together.additions(table, first)
    assert together.columns == one_by_one.columns
