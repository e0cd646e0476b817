from __future__ import annotations

import datetime as dt
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_rnn.connectors.decode.time_text import Texts, describe, read_clocks, read_few, read_texts

NOON = dt.datetime(2024, 1, 31, 12, tzinfo=dt.UTC).timestamp()
MIDNIGHT = NOON - 12 * 3600
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
MICROS = st.integers(-8_000_000_000_000_000, 8_000_000_000_000_000)
MOMENTS = st.lists(MICROS.map(lambda micros: EPOCH + dt.timedelta(microseconds=micros)), min_size=1, max_size=8)


def read(text: str, time_format: str = "auto") -> float:
    return float(read_texts(Texts.of([text]), time_format).seconds[0])


@pytest.mark.parametrize(
    "text",
    [
        "2024-01-31T12:00:00Z",
        "2024-01-31 12:00:00 UTC",
        "2024-01-31 12:00:00 GMT",
        "2024-01-31T13:00:00+0100",
        "2024-01-31T13:00+01",
        "2024-01-31T12:00:00.000000000",
        "2024-01-31T12:00:00,000",
        "20240131T120000Z",
        "2024/1/31 12:00",
        "2024.01.31 12:00",
        "31.01.2024 12:00",
        "31.1.2024 12:00:00",
        "31. 1. 2024 12:00",
        "31.01.24 12:00",
        "31 Jan 2024 12:00",
        "31-Jan-2024 12:00:00 PM",
        "January 31, 2024 12:00 p.m.",
        "Wed, 31 Jan 2024 13:00:00 +0100",
        "Wednesday, January 31, 2024 12:00:00 PM",
        "Wed Jan 31 12:00:00 2024",
        "Wed Jan 31 12:00:00 UTC 2024",
        "31/Jan/2024:12:00:00 +0000",
        "2024-Jan-31 12:00",
    ],
)
def test_a_notation_that_says_what_it_means_is_read(text: str) -> None:
    assert read(text) == NOON


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2013-01", "2013-01-01"),
        ("2024Q2", "2024-04-01"),
        ("Jan 2013", "2013-01-01"),
        ("31.12.2024 24:00", "2025-01-01"),
    ],
)
def test_months_quarters_and_the_end_of_a_day_are_their_first_moment(text: str, day: str) -> None:
    assert read(text) == dt.datetime.fromisoformat(day).replace(tzinfo=dt.UTC).timestamp()


@pytest.mark.parametrize(
    "text",
    [
        "31/01/2024",
        "01-02-2024",
        "2024-02-30",
        "2024-01-31T24:00:01",
        "2024-01-31T12:60",
        "2024-01-31 13:00 PM",
        "2024-01-31 0:00 am",
        "2024-13",
        "2024Q5",
        "2024-01-31T12:00:0\u0660",
        "x" * 100,
        "2024-01-31T12:00:00+24:00",
    ],
)
def test_other_texts_are_no_times(text: str) -> None:
    assert math.isnan(read(text))


@pytest.mark.parametrize(
    ("time_format", "text"),
    [
        ("%d/%m/%Y %H:%M", "31/01/2024 12:00"),
        ("%m/%d/%y %I:%M %p", "1/31/24 12:00 PM"),
        ("%Y%m%d%H%M%S", "20240131120000"),
        ("%Y-%j %T", "2024-031 12:00:00"),
        ("%d.%m.%Y um %H Uhr", "31.01.2024 um 12 Uhr"),
        ("%F %H:%M:%S.%f%z", "2024-01-31 14:00:00.000+02:00"),
        ("%a %d %B %Y %H:%M", "wed 31 january 2024 12:00"),
        ("day-first", "31/01/2024 12:00"),
        ("month-first", "01-31-2024 12:00"),
        ("year-first", "24/01/31 12:00"),
    ],
)
def test_a_format_that_is_set_is_read(time_format: str, text: str) -> None:
    assert read(text, time_format) == NOON
    assert math.isnan(read(text + " ?", time_format))


@pytest.mark.parametrize(("fraction", "micros"), [("5", 500_000), ("123456499", 123_456), ("123456500", 123_457)])
def test_fractions_are_rounded_to_microseconds(fraction: str, micros: int) -> None:
    assert read(f"2024-01-31T00:00:00.{fraction}") == MIDNIGHT + micros / 1e6


LAYOUTS = [
    "{:%Y-%m-%d}",
    "{:%Y-%m-%d %H:%M:%S}",
    "{:%Y-%m-%dT%H:%M:%S.%f+02:00}",
    "{:%Y-%m-%d %H:%M:%S-05:30}",
]


@given(st.lists(st.tuples(MICROS, st.sampled_from(LAYOUTS)), min_size=1, max_size=8))
def test_iso_times_are_read_as_python_reads_them(times: list[tuple[int, str]]) -> None:
    texts = [layout.format(EPOCH + dt.timedelta(microseconds=micros)) for micros, layout in times]
    moments = [dt.datetime.fromisoformat(text) for text in texts]
    expected = [(moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).timestamp() for moment in moments]
    np.testing.assert_array_equal(read_texts(Texts.of(texts), "iso").seconds, expected)


@given(MOMENTS, st.sampled_from(["%d.%m.%Y %H:%M", "%m/%d/%Y %I:%M:%S %p", "%d %B %Y", "%a, %d %b %Y %H:%M:%S"]))
def test_a_format_is_read_as_strptime_reads_it(moments: list[dt.datetime], time_format: str) -> None:
    texts = [moment.strftime(time_format) for moment in moments]
    expected = [dt.datetime.strptime(text, time_format).replace(tzinfo=dt.UTC).timestamp() for text in texts]
    np.testing.assert_array_equal(read_texts(Texts.of(texts), time_format).seconds, expected)


MIXED = ["2024-01-31T12:00:00Z", "31.1.2024", "noon", "", "2024-02-30", "ähm", "Jan 6, 2025", "1.2.2024 3:04 pm"]


@given(st.lists(st.sampled_from(MIXED)))
def test_a_text_means_the_same_beside_any_others(texts: list[str]) -> None:
    seconds, is_local = read_texts(Texts.of(texts), "auto")
    alone = [read_texts(Texts.of([text]), "auto") for text in texts]
    np.testing.assert_array_equal(seconds, [float(one.seconds[0]) for one in alone])
    np.testing.assert_array_equal(is_local, [bool(one.is_local[0]) for one in alone])


@given(st.lists(st.tuples(MICROS, st.sampled_from(LAYOUTS[1:])), min_size=1, max_size=4))
def test_few_times_are_read_one_by_one_as_at_once(times: list[tuple[int, str]]) -> None:
    texts = [layout.format(EPOCH + dt.timedelta(microseconds=micros)) for micros, layout in times]
    few, many = read_few(texts), read_texts(Texts.of(texts), "auto")
    assert few is not None
    np.testing.assert_array_equal(few.seconds, many.seconds)
    np.testing.assert_array_equal(few.is_local, many.is_local)


@pytest.mark.parametrize(
    "text", ["noon", "", "2024-W05-1", "2024-01-31x12:00", "2024-02-30 00:00", "0001-01-01T00:00+01:00"]
)
def test_what_is_not_plain_is_not_read_one_by_one(text: str) -> None:
    assert read_few([text]) is None


def test_any_number_of_layouts_is_read() -> None:
    texts = [chr(97 + i // 26) + chr(97 + i % 26) + "x" * 8 for i in range(600)] + ["2024-01-31"]
    assert read_texts(Texts.of(texts), "auto").seconds[-1] == MIDNIGHT


def test_only_a_time_without_an_offset_is_local() -> None:
    texts = ["2024-01-31T12:00:00", "2024-01-31T12:00:00Z", "2024-01-31T12:00:00 GMT", "31.01.2024"]
    assert read_texts(Texts.of(texts), "auto").is_local.tolist() == [True, False, False, True]


def test_a_time_of_day_is_no_time_but_a_clock() -> None:
    assert math.isnan(read("12:00"))
    np.testing.assert_array_equal(read_clocks(["12:00", "1:30 PM", "24:01"]), [43_200.0, 48_600.0, math.nan])


@pytest.mark.parametrize("time_format", ["%d.%m.%Y %H:%M", "%Y-%m-%dT%H:%M:%S%z", "%A, %d %b %Y", "%b %d, %Y %I:%M %p"])
def test_a_format_that_was_recognised_is_described_as_strptime_would_read_it(time_format: str) -> None:
    text = dt.datetime(2024, 1, 31, 12, tzinfo=dt.UTC).strftime(time_format)
    assert describe(text, "auto") == time_format
