"""Numbers with other decimal signs and with signs between thousands."""

from __future__ import annotations

import math

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_rnn.connectors.decode.arrow_text import parse_numbers
from stream_rnn.connectors.decode.numerals import PLAIN, Numerals, recognise_numerals
from stream_rnn.connectors.decode.values import parse_number

ALL = [
    Numerals(decimal, thousands) for decimal in ".," for thousands in ("", ",", ".", "'", " ") if thousands != decimal
]


@pytest.mark.parametrize("numerals", ALL)
@given(
    texts=st.lists(
        st.one_of(st.text("0123456789.,' \u00a0e+-", max_size=8), st.sampled_from(["NaN", "inf", "NA", "-"]))
    )
)
def test_a_column_of_numbers_is_read_as_its_values_are(numerals: Numerals, texts: list[str]) -> None:
    numbers, bad = parse_numbers(pa.array(texts, pa.string()), numerals)
    for text, number, is_bad in zip(texts, numbers.tolist(), bad.tolist(), strict=True):
        expected = parse_number(text, numerals)
        assert is_bad == (expected is None), text
        assert math.isnan(number) if expected is None or math.isnan(expected) else number == expected, text


@pytest.mark.parametrize("numerals", [one for one in ALL if one.thousands])
@given(number=st.integers(-(10**9), 10**9))
def test_a_number_is_read_back_as_it_is_written(numerals: Numerals, number: int) -> None:
    text = f"{number:,}".replace(",", numerals.thousands) + f"{numerals.decimal}25"
    assert parse_number(text, numerals) == float(f"{number}.25")


@pytest.mark.parametrize("text", ["1.5", "1,2,3", "1.2345,6", "12.34", "1..234", "x"])
def test_what_does_not_fit_the_signs_is_not_a_number(text: str) -> None:
    assert parse_number(text, Numerals(",", ".")) is None


@pytest.mark.parametrize(
    ("texts", "delimiter", "expected"),
    [
        (["20.1"], ";", PLAIN),
        (["20,1"], ";", Numerals(",")),
        (["20,1"], "\t", Numerals(",")),
        (["1.234,5"], ";", Numerals(",", ".")),
        (["1,234.5"], ",", Numerals(".", ",")),
        (["1,234,567"], ",", Numerals(".", ",")),
        (["1'234.5"], ",", Numerals(".", "'")),
        (["1\u2019234,5"], ";", Numerals(",", "'")),
        (["1\u202f234,5", "12,5"], ";", Numerals(",", " ")),
        (["0.123", "20.123"], ";", PLAIN),
        (["20.123"], ",", PLAIN),
        (["20.123"], "\t", PLAIN),
        (["192.168.178.100"], ";", PLAIN),
        (["06.01.2025", "2025-01-06 00:00", "12:30"], ";", PLAIN),
        (["030 123 456"], ";", PLAIN),
        ([], ";", PLAIN),
    ],
)
def test_signs_are_recognised_where_they_are_certain(texts: list[str], delimiter: str, expected: Numerals) -> None:
    found = recognise_numerals({"x": texts}, None, None, delimiter)
    assert (found.numerals, found.asked) == (expected, {})


@pytest.mark.parametrize(
    ("texts", "delimiter"),
    [(["1.234"], ";"), (["1,234"], ","), (["1,234"], "\t"), (["20,1"], ","), (["20,1", "20.1"], ";")],
)
def test_the_user_is_asked_where_they_are_not(texts: list[str], delimiter: str) -> None:
    columns = {f"x{i}": [text] for i, text in enumerate(texts)}
    found = recognise_numerals(columns, None, None, delimiter)
    assert found.asked.keys() == columns.keys()
    assert all(question.endswith("set decimal to . or ,") for question in found.asked.values())
    for decimal in ".,":
        assert recognise_numerals(columns, decimal, None, delimiter).asked == {}


def test_one_certain_number_decides_for_all_columns() -> None:
    found = recognise_numerals({"x": ["20,1"], "y": ["1,234"]}, None, None, ";")
    assert (found.numerals, found.asked) == (Numerals(","), {})


def test_a_point_between_thousands_says_that_the_decimal_sign_is_a_comma() -> None:
    assert recognise_numerals({"x": ["1.234"]}, None, ".", ";").numerals == Numerals(",", ".")
