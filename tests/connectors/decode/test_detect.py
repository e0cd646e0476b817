from __future__ import annotations

import pyarrow as pa
import pytest

from stream_rnn.connectors.decode.arrow_columns import sample_of
from stream_rnn.connectors.decode.detect import EMPTY, TextSample, resolve_roles
from stream_rnn.connectors.decode.schema import Schema
from stream_rnn.connectors.errors import ConnectorError

TIMES = [f"2024-01-31T12:00:0{t}Z" for t in range(5)]
"""Five seconds."""


def hint(schema: Schema = Schema(), **columns: list[object]) -> str:  # noqa: B008 - schemas are frozen
    samples = {name: sample_of(pa.array(column)) for name, column in columns.items()}
    return resolve_roles(schema, "a.csv", samples).key_hint


@pytest.mark.parametrize("column", [["a", "b"] * 5, ["a"] * 5 + ["b"] * 5])
@pytest.mark.parametrize("kind", [pa.string(), pa.timestamp("us", "UTC")])
def test_a_text_column_that_separates_repeated_times_may_be_the_key(column: list[str], kind: pa.DataType) -> None:
    times = [time for time in TIMES for _ in range(2)] if column[1] == "b" else TIMES * 2
    samples = {
        "time": sample_of(pa.array(times).cast(kind)),
        "state": sample_of(pa.array(["on", "off", "on", "on", "off", "off", "on", "on", "on", "off"])),
        "sensor": sample_of(pa.array(column)),
        "x": sample_of(pa.array([1.0] * 10)),
    }
    assert resolve_roles(Schema(), "a.csv", samples).key_hint == (
        "a.csv: no key is set, times repeat, and column 'sensor' has 2 distinct texts: is it the key, as with "
        "--key sensor?"
    )


def test_one_garbled_time_does_not_hide_the_key() -> None:
    times = [f"2024-01-31T12:{i // 120:02}:{i // 2 % 60:02}Z" for i in range(60)]
    times[9] = times[3]
    assert "'sensor' has 2 distinct texts" in hint(time=times, sensor=["a", "b"] * 30, x=[1.0] * 60)


@pytest.mark.parametrize(
    ("schema", "columns"),
    [
        (Schema(key="sensor"), {"time": TIMES * 2, "sensor": ["a"] * 5 + ["b"] * 5}),
        (Schema(time=""), {"time": TIMES * 2, "sensor": ["a"] * 5 + ["b"] * 5}),
        (Schema(), {"time": TIMES, "sensor": ["a", "b", "a", "b", "a"]}),  # times do not repeat
        (Schema(), {"time": TIMES * 2, "note": list("abcdefghij")}),  # each text once
        (Schema(), {"time": TIMES * 2, "unit": ["kW"] * 10}),
        (Schema(), {"time": TIMES * 2, "state": ["on", "off"] * 5}),  # times repeat within each text
        (Schema(), {"time": TIMES * 2, "level": [1, 2, 3, 4, 5] * 2}),  # numbers that repeat at one time
        (Schema(), {"time": TIMES * 2, "level": [1.5] * 5 + [2.5] * 5}),
        (Schema(), {"sensor": ["a", "b"] * 5}),
    ],
)
def test_no_key_is_suggested_without_a_reason(schema: Schema, columns: dict[str, list[object]]) -> None:
    x = [1.0] * len(next(iter(columns.values())))
    assert hint(schema, **columns, x=x) == ""


@pytest.mark.parametrize(
    ("array", "why"),
    [
        (pa.array(["1", "2", "x"]), ""),
        (pa.array(["1", "x", "y"]), "text ('x')"),
        (pa.array([b"\xff", b"x"]), "text ('\ufffd')"),
        (pa.array(["", "NA", None]), EMPTY),
        (pa.array([], pa.string()), EMPTY),
        (pa.array([True]), ""),
        (pa.array([1.5]).cast(pa.decimal128(9, 2)), ""),
        (pa.array([None]), EMPTY),
        (pa.array([[1]]), "of type list<item: int64>"),
    ],
)
def test_a_column_says_why_it_is_not_numeric(array: pa.Array, why: str) -> None:
    assert sample_of(array).why_not_numeric(0.5) == why


@pytest.mark.parametrize(
    ("array", "time_format", "expected"),
    [
        (pa.array(["2024-01-31T12:00:00Z", None]), "auto", True),  # missing values do not matter
        (pa.array(["2024-01-31", "monday", "friday"]), "auto", False),
        (pa.array(["2024-01-31"]), "s", False),
        (pa.array([1706702400]), "auto", True),
        (pa.array([1706702400.5]), "iso", False),
        (pa.array([0], pa.timestamp("s")), "s", True),
        (pa.array([0], pa.date32()), "auto", True),
        (pa.array([True]), "auto", False),
        (pa.array([[1]]), "auto", False),
    ],
)
def test_a_column_says_whether_it_is_a_time(array: pa.Array, time_format: str, expected: bool) -> None:
    assert sample_of(array).is_time(time_format) is expected


def test_columns_without_a_name_are_not_read() -> None:
    roles = resolve_roles(Schema(), "a.csv", {"": TextSample(["1"]), "x": TextSample(["2"])})
    assert (roles.columns, roles.ignored) == (("x",), {"": "without a name"})


def test_the_table_numbers_of_influx_are_not_read_unless_they_are_named() -> None:
    samples = {name: TextSample(["1", "2"]) for name in ("result", "table", "_time", "_value")}
    roles = resolve_roles(Schema(time="_time"), "a.csv", samples)
    assert (roles.columns, roles.ignored) == (("result", "_value"), {"table": "numbers the tables of a query"})
    assert resolve_roles(Schema(time="_time", columns=("table",)), "a.csv", samples).columns == ("table",)
    assert "table" in resolve_roles(Schema(), "a.csv", {"table": TextSample(["1"])}).columns


def test_an_input_that_is_named_may_be_empty_but_not_text() -> None:
    samples = {"x": TextSample(["NA"]), "y": TextSample(["warm"])}
    assert resolve_roles(Schema(columns=("x",)), "a.csv", samples).columns == ("x",)
    with pytest.raises(ConnectorError, match=r"a\.csv: column 'y' is text \('warm'\), an input must be numbers"):
        resolve_roles(Schema(columns=("y",)), "a.csv", samples)


def alternating(**levels: float) -> dict[str, list[object]]:
    """Return the columns of sensors that take turns, each at its own level; no time repeats."""
    sensors = list(levels) * 10
    times = [f"2024-01-31T12:{i // 60:02}:{i % 60:02}Z" for i in range(len(sensors))]
    return {"time": [*times], "sensor": [*sensors], "x": [levels[name] + i % 4 for i, name in enumerate(sensors)]}


def test_texts_that_alternate_may_be_keys_though_no_time_repeats() -> None:
    assert hint(**alternating(a=0.0, b=50.0, c=90.0)) == (
        "a.csv: no key is set, and rows alternate between 3 texts of column 'sensor': is it the key, as with "
        "--key sensor?"
    )
    assert hint(**alternating(a=0.0, b=0.0, c=0.0)) == ""  # of one level: they may be anything
    assert hint(**alternating(on=0.0, off=90.0)) == ""  # the states of a switch
    assert hint(Schema(tag="sensor", columns=("x",)), **alternating(a=0.0, b=50.0, c=90.0)) == ""


def test_whole_numbers_that_separate_repeated_times_may_be_keys() -> None:
    assert "column 'machine' has 2 distinct numbers" in hint(time=TIMES * 2, machine=[1] * 5 + [2] * 5, x=[1.5] * 10)


def test_a_wide_table_has_no_hint() -> None:
    assert hint(time=[*TIMES], a=[1, 2, 1, 2, 1], b=[1.5, 2.5, 3.5, 4.5, 5.5]) == ""
