from __future__ import annotations

import datetime as dt
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_rnn.connectors.decode import values
from stream_rnn.connectors.decode.iso_times import EPOCH, iso_column, iso_seconds, uniform_iso_seconds

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
    times, bad = values.parse_times([text], "auto")
    assert (times[0], bad[0]) == (NOON, False)


@given(st.lists(st.sampled_from(["2024-01-31T12:00:00Z", "2024-01-31 12:00:00", "1706702400", "noon", "", "-", None])))
def test_a_time_does_not_depend_on_its_neighbours(texts: list[str | None]) -> None:
    times, bad = values.parse_times(texts, "auto")
    alone = [values.parse_times([text], "auto") for text in texts]
    np.testing.assert_array_equal(times, [time[0] for time, _ in alone])
    np.testing.assert_array_equal(bad, [wrong[0] for _, wrong in alone])


@pytest.mark.parametrize(
    "text",
    ["noon", "2024-02-30", "2024-01-31x12:00", "31.01.2024", "2024-W05-1", "1e300", "inf", "NAN", "0000-01-01"],
)
def test_other_texts_are_not_times(text: str) -> None:
    times, bad = values.parse_times([text], "auto")
    assert math.isnan(times[0])
    assert bad[0]


@pytest.mark.parametrize(("time_format", "text"), [("iso", "1706702400"), ("s", "2024-01-31"), ("ms", "2024-01-31")])
def test_a_format_that_is_set_is_the_only_one_accepted(time_format: str, text: str) -> None:
    assert values.parse_times([text], time_format)[1][0]


def test_a_unit_that_is_set_overrides_the_magnitude() -> None:
    assert math.isnan(values.epoch_seconds(np.array([1e12]), "s")[0])
    assert values.epoch_seconds(np.array([1500.0]), "ms")[0] == 1.5


LAYOUTS = [
    "{:%Y-%m-%d}",
    "{:%Y-%m-%dT%H:%M}",
    "{:%Y-%m-%d %H:%M:%S}",
    "{:%Y-%m-%dT%H:%M:%SZ}",
    "{:%Y-%m-%dT%H:%M:%S.%f}",
    "{:%Y-%m-%dT%H:%M:%S.%fZ}",
    "{:%Y-%m-%dT%H:%M:%S.%f+02:00}",
    "{:%Y-%m-%d %H:%M:%S-05:30}",
]
MICROS = st.integers(-8_000_000_000_000_000, 8_000_000_000_000_000)
MOMENTS = st.lists(MICROS.map(lambda micros: EPOCH + dt.timedelta(microseconds=micros)), min_size=1, max_size=8)


@given(MOMENTS, st.sampled_from(LAYOUTS), st.integers(0, 5))
def test_times_of_one_layout_are_read_at_once_as_one_by_one(
    moments: list[dt.datetime], layout: str, digits: int
) -> None:
    texts = [layout.format(moment) for moment in moments]
    if layout.endswith("%f}"):
        texts = [text[: len(text) - digits] for text in texts]
    uniform = uniform_iso_seconds(texts)
    assert uniform is not None
    assert uniform.tolist() == [iso_seconds(text) for text in texts]


PAIR = st.integers(0, 99)
DAYS = st.tuples(PAIR, PAIR, PAIR).map(lambda numbers: "2024-{:02}-{:02}T00:{:02}:00".format(*numbers))


@given(st.lists(DAYS, min_size=1, max_size=4))
def test_times_outside_the_calendar_are_not_read_at_once(texts: list[str]) -> None:
    uniform = uniform_iso_seconds(texts)
    alone = [iso_seconds(text) for text in texts]
    assert uniform is None if any(map(math.isnan, alone)) else uniform is not None and uniform.tolist() == alone


@pytest.mark.parametrize(
    "texts",
    [
        ["2024-01-31T12:00:00", "2024-01-31 12:00:00"],
        ["2024-01-31T12:00:00Z", "2024-01-31T12:00:00X"],
        ["2024-01-31T12:00:00", "2024-01-31T12:00:0\u0660"],
        ["2024-01-31T12:00:00+24:00"],
        ["9999-01-31T12:00:00.000001"],  # not exact as microseconds in float64
    ],
)
def test_times_of_several_layouts_are_not_read_at_once(texts: list[str]) -> None:
    assert uniform_iso_seconds(texts) is None


@given(st.lists(st.sampled_from(["2024-01-31T12:00:00Z", "2024-01-31 12:00", "2024-02-30", "", "noon"]), min_size=16))
def test_a_column_of_times_is_read_as_its_values_are(texts: list[str]) -> None:
    np.testing.assert_array_equal(iso_column(texts), [iso_seconds(text) for text in texts])


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
