from __future__ import annotations

import pyarrow as pa
import pytest

from stream_rnn.connectors.decode.arrow_columns import sample_of
from stream_rnn.connectors.decode.detect import EMPTY, TextSample, resolve_roles
from stream_rnn.connectors.decode.schema import Schema
from stream_rnn.connectors.errors import ConnectorError


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


def test_an_input_that_is_named_may_be_empty_but_not_text() -> None:
    samples = {"x": TextSample(["NA"]), "y": TextSample(["warm"])}
    assert resolve_roles(Schema(columns=("x",)), "a.csv", samples).columns == ("x",)
    with pytest.raises(ConnectorError, match=r"a\.csv: column 'y' is text \('warm'\), an input must be numbers"):
        resolve_roles(Schema(columns=("y",)), "a.csv", samples)
