from __future__ import annotations

import logging

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_rnn.connectors.bad_values import unit_of
from stream_rnn.connectors.decode.arrow_columns import decode_columns, sample_of
from stream_rnn.connectors.decode.detect import resolve_roles
from stream_rnn.connectors.decode.json_records import JsonDecoder
from stream_rnn.connectors.decode.missing import MissingValues, SentinelWatch, likely_sentinels
from stream_rnn.connectors.decode.schema import ColumnRoles, Schema
from stream_rnn.connectors.errors import ConnectorError

LEVELS = [20.0 + t / 7 for t in range(30)]
NAMED = {"": (-999.0, "n/a"), "x": ("-99.9", " ? ")}


@pytest.mark.parametrize("code", [-999.0, 9999.0, 65535.0, -9999.0, 99.9, -32768.0, 1e6])
def test_a_far_out_value_that_repeats_exactly_is_a_likely_sentinel(code: float) -> None:
    assert likely_sentinels(np.array([*LEVELS, code, code])) == [code]


@pytest.mark.parametrize(
    "values",
    [[*LEVELS, -999.0], [*LEVELS, 25.0, 25.0], [*LEVELS, 40.0, 40.0], [0.0] * 20 + [999.0] * 20, [np.nan] * 9, []],
    ids=["once", "inside", "near", "two levels", "missing", "none"],
)
def test_other_values_are_not(values: list[float]) -> None:
    assert likely_sentinels(np.array(values)) == []


def test_two_sentinels_on_both_sides_are_both_found() -> None:
    assert likely_sentinels(np.array([*LEVELS, -999.0, -999.0, 9999.0, 9999.0])) == [-999.0, 9999.0]


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_missing_however_it_is_given(number: float) -> None:
    given_as_text, given_as_number = (MissingValues.of({"": (value,)}, "x") for value in (repr(number), number))
    assert given_as_text == given_as_number
    assert np.isnan(given_as_number.mask(np.array([number]))).all()


def test_the_warning_names_the_value_and_the_option() -> None:
    roles = resolve_roles(Schema(), "a.csv", {"temp": sample_of(pa.array([*LEVELS, -999.0, -999.0]))})
    (warning,) = roles.warnings
    assert warning == (
        "a.csv: column 'temp' has -999, far from all other values: if this stands for a missing value, set "
        "missing_values, as with --missing-values temp=-999"
    )
    named = Schema(missing_values={"temp": (-999.0,)})
    assert not resolve_roles(named, "a.csv", {"temp": sample_of(pa.array([*LEVELS, -999.0, -999.0]))}).warnings


def test_texts_that_count_as_missing_do_not_make_a_column_text() -> None:
    samples = {"x": sample_of(pa.array(["off-line"] * 9 + ["1"]))}
    assert resolve_roles(Schema(missing_values={"": ("off-line",)}), "a.csv", samples).columns == ("x",)
    with pytest.raises(ConnectorError, match=r"no numeric column; 'x' is text \('off-line'\)"):
        resolve_roles(Schema(), "a.csv", samples)


def test_missing_values_of_an_unknown_column_are_refused() -> None:
    with pytest.raises(ConnectorError, match=r"no column 'temp'; did you mean 'tmp'"):
        resolve_roles(Schema(missing_values={"temp": (1.0,)}), "a.csv", {"tmp": sample_of(pa.array([1.0]))})


CELLS = [None, "", "n/a", " n/a ", "-999", "-999.0", "-9.99e2", "?", "-99.9", " -99.9"]


def roles_of(name: str) -> ColumnRoles:
    return ColumnRoles(None, None, None, (name,), missing={name: MissingValues.of(NAMED, name)})


@pytest.mark.parametrize("cell", CELLS)
def test_named_values_are_missing_as_an_empty_cell_is(cell: str | None) -> None:
    columns = decode_columns({"x": pa.array([cell, "1.5"])}, roles_of("x"), 2)
    np.testing.assert_array_equal(columns.inputs["x"], [np.nan, 1.5])
    assert not columns.bad_values
    assert not columns.reasons


@pytest.mark.parametrize("cell", ["-99.9", "?"])
def test_values_that_are_named_for_another_column_are_not_missing(cell: str) -> None:
    columns = decode_columns({"y": pa.array([cell])}, roles_of("y"), 1)
    assert np.isnan(columns.inputs["y"][0]) == bool(columns.bad_values) == (cell == "?")


@pytest.mark.parametrize(
    "array", [pa.array([-999, 1]), pa.array([-99.9, 1.0], pa.float32()), pa.array([-99.9, 1.0]).dictionary_encode()]
)
def test_numbers_of_any_type_are_missing(array: pa.Array) -> None:
    np.testing.assert_array_equal(decode_columns({"x": array}, roles_of("x"), 2).inputs["x"], [np.nan, 1.0])


@pytest.mark.parametrize("value", ["null", '"n/a"', '" n/a "', "-999", "-999.0", '"-999"', "-9.99e2", '"?"', '"-99.9"'])
def test_named_values_are_missing_in_json(value: str) -> None:
    decoded = JsonDecoder(roles_of("x")).decode([f'{{"x": {value}}}'.encode(), b'{"x": 1.5}'])
    np.testing.assert_array_equal(decoded.columns.inputs["x"], [np.nan, 1.5])
    assert not decoded.columns.bad_values


@pytest.mark.parametrize("text", ["21.5 °C", "35 %", "1.2 kWh", "7m/s", "1,013.2 hPa", "-3 m³/h", "5 W/m2", "1e3 Hz"])
def test_a_column_of_numbers_with_a_unit_is_refused_with_a_hint(text: str) -> None:
    assert unit_of(text)
    samples = {"x": sample_of(pa.array([text] * 20)), "y": sample_of(pa.array([1.0] * 20))}
    hint = "write the numbers without it, and the unit in the column's name"
    with pytest.raises(ConnectorError) as error:
        resolve_roles(Schema(columns=("x", "y")), "a.csv", samples)
    assert f"column 'x' is numbers with a unit ({text!r})" in str(error.value)
    assert str(error.value).endswith(hint)
    roles = resolve_roles(Schema(), "a.csv", samples)
    assert roles.columns == ("y",)
    assert roles.warnings == (f"a.csv: column 'x' is not read: its values are numbers with a unit ({text!r}); {hint}",)


@pytest.mark.parametrize("text", ["pump 7", "warm", "12:30", "1-2", "", "7", "2024-01-31T00:00:00Z", "12 Main Street"])
def test_other_texts_have_no_unit(text: str) -> None:
    assert unit_of(text) == ""


def test_texts_of_many_kinds_are_not_numbers_with_a_unit() -> None:
    samples = {"house": sample_of(pa.array(["12a", "12b", "3c", "4d", "5e"] * 9)), "y": sample_of(pa.array([1.0] * 45))}
    roles = resolve_roles(Schema(), "a.csv", samples)
    assert roles.ignored == {"house": "text ('12a')"}
    assert not roles.warnings


@pytest.mark.parametrize("size", [7, 64, 2000])
def test_likely_sentinels_of_a_topic_are_logged_once(size: int, caplog: pytest.LogCaptureFixture) -> None:
    watch, values = SentinelWatch(["x", "y"]), np.array([*LEVELS, -999.0] * 70)
    with caplog.at_level(logging.WARNING):
        for start in range(0, len(values), size):
            part = values[start : start + size]
            watch.add("pumps", {"x": part, "y": np.abs(part) % 30}, len(part))
    (message,) = [record.getMessage() for record in caplog.records]
    assert message.startswith("pumps: column 'x' has -999, far from all other values")
