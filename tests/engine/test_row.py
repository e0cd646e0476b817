"""A single event's values are written as those of a batch are, however they are passed."""

from __future__ import annotations

import math
from collections import OrderedDict, defaultdict
from typing import Any

import numpy as np
import pytest

from stream_rnn.engine.row import Row
from stream_rnn.errors import DataError

NAN = math.nan
WAYS: dict[str, tuple[Any, list[float]]] = {
    "a dictionary in another order": ({"b": 2.0, "a": 1.0}, [1.0, 2.0]),
    "an omitted name": ({"b": 2.0}, [NAN, 2.0]),
    "a known name that the row does not have": ({"b": 2.0, "y": 3.0}, [NAN, 2.0]),
    "another mapping": (OrderedDict(b=2.0, a=1.0), [1.0, 2.0]),
    "a mapping with defaults": (defaultdict(lambda: 7.0, b=2.0), [NAN, 2.0]),
    "a list": ([1.0, 2.0], [1.0, 2.0]),
    "a tuple of integers and numpy's numbers": ((1, np.float32(2)), [1.0, 2.0]),
    "an array": (np.array([1.0, 2.0]), [1.0, 2.0]),
    "a missing value": ([None, 2.0], [NAN, 2.0]),
    "a missing value by name": ({"a": None, "b": 2.0}, [NAN, 2.0]),
}


def row(names: tuple[str, ...] = ("a", "b")) -> tuple[Row, np.ndarray[Any, Any]]:
    array = np.full(len(names), 9.0)
    return Row(array, names, frozenset(("a", "b", "y")), "x"), array


@pytest.mark.parametrize(("values", "expected"), WAYS.values(), ids=WAYS)
def test_values_are_written_in_the_order_of_the_names(values: Any, expected: list[float]) -> None:
    to_fill, array = row()
    to_fill.fill(values)
    np.testing.assert_array_equal(array, expected)


def test_a_row_has_one_number_or_none() -> None:
    to_fill, array = row(("a",))
    to_fill.fill({"a": 1.5})
    assert array.tolist() == [1.5]
    row(())[0].fill({})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"a": 1.0, "z": 2.0}, "x has an unknown column 'z'"),
        ({"a": 1.0, "b": "warm"}, "x must consist of numbers, got str 'warm' for 'b'"),
        ([1.0, 10**400], "x must consist of numbers"),
        ([1.0], "x must have 2 values"),
        ([1.0, 2.0, 3.0], "x must have 2 values"),
        (1.0, "x must be a mapping or a sequence, got float"),
    ],
)
def test_values_that_do_not_fit_are_refused(values: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        row()[0].fill(values)
