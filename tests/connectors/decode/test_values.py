from __future__ import annotations

import datetime as dt
import math

import numpy as np
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
def test_a_time_has_many_spellings(text: str) -> None:
    times, bad, _ = values.parse_times([text], "auto")
    assert (times[0], bad[0]) == (NOON, False)


@given(st.lists(st.sampled_from(["2024-01-31T12:00:00Z", "2024-01-31 12:00:00", "1706702400", "noon", "", "-", None])))
def test_a_time_does_not_depend_on_its_neighbours(texts: list[str | None]) -> None:
    times, bad, _ = values.parse_times(texts, "auto")
    alone = [values.parse_times([text], "auto")[:2] for text in texts]
    np.testing.assert_array_equal(times, [time[0] for time, _ in alone])
    np.testing.assert_array_equal(bad, [wrong[0] for _, wrong in alone])


@pytest.mark.parametrize(
    "text",
    ["noon", "2024-02-30", "2024-01-31x12:00", "01/02/2024", "2024-W05-1", "1e300", "inf", "NAN", "0000-01-01"],
)
def test_other_texts_are_not_times(text: str) -> None:
    times, bad, _ = values.parse_times([text], "auto")
    assert math.isnan(times[0])
    assert bad[0]


@pytest.mark.parametrize(("time_format", "text"), [("iso", "1706702400"), ("s", "2024-01-31"), ("ms", "2024-01-31")])
def test_a_format_that_is_set_is_the_only_one_accepted(time_format: str, text: str) -> None:
    assert values.parse_times([text], time_format).bad[0]


def test_a_unit_that_is_set_overrides_the_magnitude() -> None:
    assert math.isnan(values.epoch_seconds(np.array([1e12]), "s")[0])
    assert values.epoch_seconds(np.array([1500.0]), "ms")[0] == 1.5


@given(st.integers(0, 4_000_000_000_000_000))
def test_a_time_is_the_same_in_every_unit_that_represents_it(micros: int) -> None:
    seconds = micros / 1e6
    assert values.epoch_seconds(np.array([micros], np.float64), "us")[0] == seconds
    assert values.epoch_seconds(np.array([micros * 1000], np.float64), "ns")[0] == seconds
    assert values.epoch_seconds(np.array([micros // 1000], np.float64), "ms")[0] == micros // 1000 / 1e3


@pytest.mark.parametrize("text", ["", "NA", "NaN", "nan", "null", "None", "-", " NA ", "NAN", "-nan"])
def test_a_missing_number_is_nan(text: str) -> None:
    number = values.parse_number(text)
    assert number is not None
    assert math.isnan(number)


@pytest.mark.parametrize("text", ["1_000", "0x1f", "1,5", "one", "\x00", "\u0661", "\u0131nf", "1e", "."])
def test_a_text_that_only_resembles_a_number_is_not_one(text: str) -> None:
    assert values.parse_number(text) is None


@given(st.floats(allow_nan=False))
def test_a_number_is_read_to_the_last_bit(number: float) -> None:
    assert values.parse_number(repr(number)) == number


@pytest.mark.parametrize(
    ("text", "flag"),
    [("true", True), ("No", False), (" 1", True), ("0.0", False), ("", False), ("NA", False), ("maybe", None)],
)
def test_flags_are_words_or_digits(text: str, flag: bool | None) -> None:
    assert values.parse_flag(text) is flag
