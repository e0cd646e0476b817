"""Arrow columns of any type to columns of events: where CSV and Parquet get their meaning."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stream_rnn.connectors.decode import values
from stream_rnn.connectors.decode.schema import is_number, is_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from stream_rnn.connectors.decode.schema import Roles


class Columns(NamedTuple):
    """Decoded columns of a block; `reasons` maps each row that cannot be used to what is bad about it."""

    keys: NDArray[np.object_]
    times: NDArray[np.float64]
    inputs: dict[str, NDArray[np.float64]]
    ends: NDArray[np.bool_]
    reasons: dict[int, str]


class Faults:
    """What is wrong with the rows of a block: the first reason found for a row stands."""

    def __init__(self) -> None:
        self.reasons: dict[int, str] = {}

    def note(self, bad: NDArray[np.bool_], reason: str, column: str | None = None) -> None:
        """Note the rows where `bad` is true."""
        if bad.any():
            said = reason if column is None else f"column {column!r}: {reason}"
            for row in np.flatnonzero(bad):
                self.reasons.setdefault(int(row), said)


def decode(arrays: Mapping[str, pa.Array], roles: Roles, rows: int) -> Columns:
    """Decode the columns that are read.

    Parameters
    ----------
    arrays : dict of (rows,) arrays
        Numbers, timestamps or text: text is read by value, whatever it holds.
    roles : Roles
    rows : int
    """
    faults = Faults()
    keys = np.full(rows, "", dtype=object)
    times = np.full(rows, np.nan)
    ends = np.zeros(rows, dtype=np.bool_)
    if roles.key is not None:
        keys = _keys(arrays[roles.key], roles.key, faults)
    if roles.time is not None:
        times = _times(arrays[roles.time], roles, faults)
    if roles.end is not None:
        ends = _ends(arrays[roles.end], roles.end, faults)
    inputs = {name: _inputs(arrays[name], name, faults) for name in roles.columns}
    return Columns(keys, times, inputs, ends, faults.reasons)


def _inputs(array: pa.Array, name: str, faults: Faults) -> NDArray[np.float64]:
    if is_text(array.type):
        result, bad = values.numbers(array)
        faults.note(bad, values.NOT_A_NUMBER, name)
    elif is_number(array.type):
        result = floats(array)
    else:
        result = np.full(len(array), np.nan)
        faults.note(pc.is_valid(array).to_numpy(zero_copy_only=False), values.NOT_A_NUMBER, name)
    faults.note(np.isinf(result), values.NOT_FINITE, name)
    return result


def _times(array: pa.Array, roles: Roles, faults: Faults) -> NDArray[np.float64]:
    if pa.types.is_timestamp(array.type) or pa.types.is_date(array.type):
        result = values.epoch(values.timestamps(array), "s")
        bad = np.isnan(result) & pc.is_valid(array).to_numpy(zero_copy_only=False)
    elif is_number(array.type):
        raw = floats(array)
        result = values.epoch(raw, roles.time_format)
        bad = np.isnan(result) & ~np.isnan(raw)
    elif is_text(array.type):
        result, bad = values.times(array, roles.time_format)
    else:
        result = np.full(len(array), np.nan)
        bad = pc.is_valid(array).to_numpy(zero_copy_only=False)
    faults.note(bad, values.NOT_A_TIME, roles.time)
    faults.note(np.isnan(result), values.NO_TIME)
    return result


def _keys(array: pa.Array, name: str, faults: Faults) -> NDArray[np.object_]:
    if not is_text(array.type):
        if pa.types.is_floating(array.type):
            array = _whole_numbers(array)
        array = array.cast(pa.string())
    result, bad = values.keys(array)
    faults.note(bad, values.NO_KEY, name)
    return result


def _whole_numbers(array: pa.Array) -> pa.Array:
    """Turn 7.0 into 7: integers become floats when one of them is missing, keys must not change by it."""
    try:
        return array.cast(pa.int64())
    except pa.ArrowInvalid:
        return array


def _ends(array: pa.Array, name: str, faults: Faults) -> NDArray[np.bool_]:
    if is_text(array.type):
        result, bad = values.flags(array)
        faults.note(bad, values.NOT_A_FLAG, name)
        return result
    if is_number(array.type):
        raw = np.nan_to_num(floats(array), nan=0.0)
        faults.note((raw != 0.0) & (raw != 1.0), values.NOT_A_FLAG, name)
        return np.equal(raw, 1.0)
    faults.note(pc.is_valid(array).to_numpy(zero_copy_only=False), values.NOT_A_FLAG, name)
    return np.zeros(len(array), dtype=np.bool_)


def floats(array: pa.Array) -> NDArray[np.float64]:
    """Give numbers of any Arrow type as float64, null as NaN; integers above 2**53 are rounded."""
    if not pa.types.is_float64(array.type):
        array = array.cast(pa.float64(), safe=False)
    if array.null_count:
        array = pc.fill_null(array, float("nan"))
    return np.asarray(array.to_numpy(zero_copy_only=False), dtype=np.float64)
