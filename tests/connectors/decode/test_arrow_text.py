"""Columns of text are read as `values` reads their texts one by one."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_rnn.connectors.decode import values
from stream_rnn.connectors.decode.arrow_text import is_text, parse_flags, parse_keys, parse_numbers

NUMBER = st.one_of(
    st.floats(allow_nan=False).map(repr),
    st.text("0123456789+-.eE ", max_size=6),
    st.sampled_from(["inf", "+Infinity", "-inf", "NAN", "-nan", "nan(1)", *values.MISSING]),
    st.text(max_size=4),
)


@given(st.lists(NUMBER, max_size=30))
def test_a_column_of_numbers_is_read_as_its_texts_are(texts: list[str]) -> None:
    numbers, bad = parse_numbers(pa.array(texts, pa.string()))
    alone = [values.parse_number(text) for text in texts]
    assert bad.tolist() == [number is None for number in alone]
    np.testing.assert_array_equal(numbers, [math.nan if number is None else number for number in alone])


@given(st.lists(st.sampled_from(["true", "No", "1", "0.0", " yes ", "", "maybe", "NA"])))
def test_a_column_of_flags_is_read_as_its_texts_are(texts: list[str]) -> None:
    flags, bad = parse_flags(pa.array(texts, pa.string()))
    alone = [values.parse_flag(text) for text in texts]
    assert flags.tolist() == [flag is True for flag in alone]
    assert bad.tolist() == [flag is None for flag in alone]


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_numbers_are_read_to_the_last_bit(numbers: list[float]) -> None:
    parsed, bad = parse_numbers(pa.array([repr(number) for number in numbers]))
    assert parsed.tolist() == numbers
    assert not bad.any()


def test_a_key_that_is_not_utf8_is_refused() -> None:
    keys, bad = parse_keys(pa.array([b"ok", b"\xff", b"", None], pa.binary()))
    assert keys[0] == "ok"
    assert bad.tolist() == [False, True, True, True]


def test_a_stream_has_one_string_object_as_its_key() -> None:
    keys, _ = parse_keys(pa.array(["a", "b", "a"]))
    assert keys[0] is keys[2]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (pa.string(), True),
        (pa.large_string(), True),
        (pa.binary(), True),
        (pa.dictionary(pa.int32(), pa.string()), True),
        (pa.dictionary(pa.int32(), pa.float64()), False),
        (pa.float64(), False),
    ],
)
def test_text_is_recognised_by_its_type(kind: pa.DataType, expected: bool) -> None:
    assert is_text(kind) is expected
