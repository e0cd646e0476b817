"""The memory of many streams grows in place."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import bits, engine_of, series

from stream_rnn.engine import row_memory
from stream_rnn.engine.row_memory import RESERVED_FROM, zero_rows
from stream_rnn.engine.stream_table import StreamTable
from stream_rnn.kernels.aligned import LINE

ROWS: Any = {"tape": ((16, 160), np.float32), "clock": ((7,), np.int64), "none": ((0, 3), np.float64)}
ROW_BYTES = 16 * 160 * 4 + 7 * 8
MANY = RESERVED_FROM // ROW_BYTES + 1
reserving = pytest.mark.skipif(sys.platform != "linux", reason="only Linux provides memory page by page")


def resident() -> int:
    """Return the memory of this process in bytes."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


@reserving
def test_arrays_of_many_streams_stay_where_they_are() -> None:
    table = StreamTable(ROWS, None)
    table.slots(list(range(MANY)))
    places = {name: array.ctypes.data for name, array in table.arrays.items()}
    table.slots(list(range(20 * MANY)))
    assert {name: array.ctypes.data for name, array in table.arrays.items()} == places


@reserving
def test_only_rows_that_were_written_need_memory() -> None:
    before = resident()
    _, arrays = zero_rows(ROWS, MANY, None)
    arrays["tape"][:MANY] = 1
    assert resident() - before < 4 * RESERVED_FROM


@pytest.mark.parametrize("count", [1, 5, MANY])
def test_every_array_is_zero_and_starts_at_a_cache_line(count: int) -> None:
    capacity, arrays = zero_rows(ROWS, count, None)
    assert capacity >= count
    for name, (shape, kind) in ROWS.items():
        assert arrays[name].shape == (capacity, *shape)
        assert arrays[name].dtype == kind
        assert arrays[name].ctypes.data % LINE == 0 or arrays[name].size == 0
        assert not arrays[name][:count].any()


def test_no_more_rows_are_reserved_than_the_limit() -> None:
    assert zero_rows(ROWS, MANY, MANY + 3)[0] in (MANY, MANY + 3)


def test_arrays_do_not_overlap() -> None:
    capacity, arrays = zero_rows(ROWS, MANY, MANY + 3)
    arrays["tape"][:] = 1
    assert not arrays["clock"].any()
    arrays["clock"][:] = 2
    assert (arrays["tape"] == 1).all()
    assert len(arrays["clock"]) == capacity


def test_a_table_moves_its_rows_into_reserved_memory() -> None:
    table = StreamTable(ROWS, None)
    table.slots(list(range(10)))
    table.arrays["clock"][:10] = 7
    table.slots(list(range(MANY)))
    assert (table.arrays["clock"][:10] == 7).all()
    assert not table.arrays["clock"][10:MANY].any()


def test_results_do_not_depend_on_where_the_arrays_are(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(reserved_from: int) -> Any:
        monkeypatch.setattr(row_memory, "RESERVED_FROM", reserved_from)
        engine = engine_of()
        forecasts = engine.process((np.arange(60) % 20).tolist(), series(60))
        return forecasts.tobytes(), bits(engine)

    assert run(0) == run(2**62)


@reserving
def test_a_snapshot_keeps_its_moment_while_arrays_grow_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_memory, "RESERVED_FROM", 0)
    engine = engine_of()
    engine.process(list(range(20)), series(20))
    expected = {name: array.copy() for name, array in engine._state.data(None).arrays.items()}
    snapshot = engine.snapshot()
    engine.process(list(range(200)), series(200))
    for name, array in snapshot.finish().arrays.items():
        np.testing.assert_array_equal(array, expected[name], err_msg=name)
