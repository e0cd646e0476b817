from __future__ import annotations

import datetime as dt
import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_rnn.connectors.decode import values

NOON = dt.datetime(2024, 1, 31, 12, tzinfo=dt.UTC).timestamp()


@pytest.mark.parametrize(
    "text",
    [
        "2024-01-31T12:00:00Z",
        "2024-01-31T12:00:00",
        "2024-01-31 12:00:00",
        "2024-01-31 12:00",
        "2024-01-31T14:00:00+02:00",
        "2024-01-31T14:00:00.000+0200",
        "2024-01-31T12:00:00.000000000",
        " 2024-01-31T12:00:00 ",
        "1706702400",
        "1706702400.0",
        "1706702400000",
    ],
)
def test_one_moment_in_many_spellings(text: str) -> None:
    found, bad = values.times(pa.array([text]), "auto")
    assert (found[0], bad[0]) == (NOON, False)


@given(st.lists(st.sampled_from(["2024-01-31T12:00:00Z", "2024-01-31 12:00:00", "1706702400", "noon", "", "-"])))
def test_a_time_does_not_depend_on_its_neighbours(texts: list[str]) -> None:
    found, bad = values.times(pa.array(texts, pa.string()), "auto")
    alone = [values.times(pa.array([text]), "auto") for text in texts]
    np.testing.assert_array_equal(found, [time[0] for time, _ in alone])
    np.testing.assert_array_equal(bad, [wrong[0] for _, wrong in alone])


@pytest.mark.parametrize("text", ["noon", "2024-02-30", "2024-01-31x12:00", "31.01.2024", "1e300", "inf", "0000-01-01"])
def test_what_is_no_time_is_bad(text: str) -> None:
    found, bad = values.times(pa.array([text]), "auto")
    assert math.isnan(found[0])
    assert bad[0]


@pytest.mark.parametrize(("time_format", "text"), [("iso", "1706702400"), ("s", "2024-01-31"), ("ms", "2024-01-31")])
def test_a_told_format_is_the_only_one(time_format: str, text: str) -> None:
    assert values.times(pa.array([text]), time_format)[1][0]


def test_a_told_unit_overrules_the_size() -> None:
    assert values.epoch(np.array([1e12]), "s")[0] == pytest.approx(np.nan, nan_ok=True)
    assert values.epoch(np.array([1500.0]), "ms")[0] == 1.5


@pytest.mark.parametrize("text", ["", "NA", "NaN", "nan", "null", "None", "-", " NA "])
def test_missing_is_not_bad(text: str) -> None:
    found, bad = values.numbers(pa.array([text]))
    assert math.isnan(found[0])
    assert not bad[0]


@given(st.lists(st.one_of(st.floats(allow_nan=False).map(repr), st.text(max_size=4)), max_size=30))
def test_a_number_does_not_depend_on_its_neighbours(texts: list[str]) -> None:
    found, bad = values.numbers(pa.array(texts, pa.string()))
    alone = [values.numbers(pa.array([text], pa.string())) for text in texts]
    np.testing.assert_array_equal(found, [number[0] for number, _ in alone])
    np.testing.assert_array_equal(bad, [wrong[0] for _, wrong in alone])


@given(st.one_of(st.floats(allow_nan=False).map(repr), st.text("0123456789+-.eE ", max_size=6), st.text(max_size=4)))
def test_one_number_is_read_as_a_column_is(text: str) -> None:
    found, bad = values.numbers(pa.array([text], pa.string()))
    alone = values.number(text)
    assert (alone is None) == bad[0]
    assert alone is None or alone == found[0] or math.isnan(alone) == math.isnan(found[0])


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_numbers_are_read_to_the_last_bit(numbers: list[float]) -> None:
    found, bad = values.numbers(pa.array([repr(number) for number in numbers]))
    assert found.tolist() == numbers
    assert not bad.any()


@pytest.mark.parametrize("text", ["1_000", "0x1f", "1,5", "one", "\x00", "\u0661"])
def test_what_only_looks_like_a_number_is_bad(text: str) -> None:
    assert values.numbers(pa.array([text]))[1][0]


def test_flags_are_words_or_digits() -> None:
    found, bad = values.flags(pa.array(["true", "No", "1", "0", "", "maybe"]))
    assert found.tolist() == [True, False, True, False, False, False]
    assert bad.tolist() == [False, False, False, False, False, True]


def test_a_key_that_is_not_utf8_is_no_key() -> None:
    found, bad = values.keys(pa.array([b"ok", b"\xff", b""], pa.binary()))
    assert found[0] == "ok"
    assert bad.tolist() == [False, True, True]
