"""The table of stream arrays: each one is saved, described, and reset for a new stream where it says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from support import NAN, add_stream, engine_of, series, stream_arrays, stream_row

from stream_rnn.checkpoints.file import STREAMS
from stream_rnn.compiled.state import STREAM_ARRAYS, Clock, Dimensions, StreamArrays, rows_of

if TYPE_CHECKING:
    from stream_rnn import Engine

RESET = [name for name, array in STREAM_ARRAYS.items() if array.reset]
SCALED: dict[str, Any] = {"scale_inputs": True, "lags": (1, 3), "differences": True, "elapsed": True}
KINDS: dict[str, dict[str, Any]] = {
    "forecast": SCALED
    | {"horizon": 2, "reversion": True, "half_life": 60.0, "interval": 0.9, "anomaly": True, "update_every": 2},
    "lookahead": SCALED
    | {"layer": "bigru", "lookahead": 3, "task": "regression", "targets": ("y",), "update_every": 2},
    "compact tape": SCALED | {"tape": "compact", "window": 5},
}
"""Settings that give every stream array a length in at least one engine."""
X, Y, TIMES = series(50), series(50, seed=1), 10.0 * np.arange(50)
X[30] = 1000.0  # a glitch


def engine_for(kind: str) -> Engine:
    """Return an engine that keeps a single stream, with its own weights."""
    return engine_of(max_streams=1, weights="per_stream", **KINDS[kind])


def results(engine: Engine, key: str) -> tuple[bytes | None, ...]:
    """Return forecasts, intervals and anomaly scores of the events, as bytes."""
    y = Y if engine.settings.targets else None
    result = engine.process_detailed(key, X, y, TIMES)
    columns = (result.forecasts, result.intervals, result.anomalies)
    return tuple(column.tobytes() if column is not None else None for column in columns)


@pytest.mark.parametrize("name", STREAM_ARRAYS)
def test_every_array_has_a_meaning_and_named_axes(name: str) -> None:
    array = STREAM_ARRAYS[name]
    assert array.meaning
    assert all(isinstance(axis, int) or axis in Dimensions._fields for axis in array.shape)


def test_every_dimension_is_an_axis_of_some_array() -> None:
    assert {axis for array in STREAM_ARRAYS.values() for axis in array.shape if isinstance(axis, str)} == {
        *Dimensions._fields
    }


def test_the_compiled_core_has_every_array() -> None:
    assert StreamArrays._fields == tuple(STREAM_ARRAYS)


@pytest.mark.parametrize("kind", KINDS)
def test_every_array_is_in_the_checkpoint_of_an_engine(kind: str) -> None:
    engine = engine_for(kind)
    results(engine, "a")
    saved = engine.snapshot().finish().arrays
    for name in STREAM_ARRAYS:
        np.testing.assert_array_equal(saved[f"{STREAMS}{name}"], stream_arrays(engine)[name][:1], err_msg=name)


def test_shapes_and_dtypes_follow_the_table() -> None:
    lengths = Dimensions(*range(2, 2 + len(Dimensions._fields)))
    rows = rows_of(lengths, np.float32)
    assert rows.keys() == STREAM_ARRAYS.keys()
    assert rows["tape"] == ((lengths.R, lengths.T), np.float32)
    assert rows["features"] == ((lengths.A, lengths.F), np.float32)
    assert rows["clock"] == ((len(Clock),), np.int64)
    assert rows["interval"] == ((lengths.intervals, 2), np.float64)


@pytest.mark.parametrize(("horizon", "update_every"), [(1, 1), (3, 1), (1, 4), (20, 2)])
def test_the_readout_keeps_only_events_that_can_have_errors(horizon: int, update_every: int) -> None:
    rows = engine_of(horizon=horizon, update_every=update_every, window=8)._state.parts.rows
    assert rows["features"][0][0] == rows["errors"][0][0] == rows["base"][0][0] == horizon + update_every - 1
    assert rows["tape"][0][0] == max(8, horizon + update_every - 1)


def test_every_array_has_a_length_in_some_engine() -> None:
    empty = [{name for name, size in engine_for(kind).stream_bytes.items() if size == 0} for kind in KINDS]
    assert not set.intersection(*empty) & STREAM_ARRAYS.keys()


@pytest.mark.parametrize("name", RESET)
def test_a_stream_that_replaces_another_starts_with_blank_values(name: str) -> None:
    engine, blank = engine_for("forecast"), STREAM_ARRAYS[name].blank
    results(engine, "a")
    before = stream_row(engine, name, "a").copy()
    add_stream(engine, "b")
    assert engine.keys == ["b"]
    row = stream_row(engine, name, "b")
    expected = np.full_like(row, blank)
    np.testing.assert_array_equal(row, expected)
    assert before.tobytes() != expected.tobytes()


@pytest.mark.parametrize("kind", KINDS)
def test_a_stream_that_replaces_another_reads_nothing_of_it(kind: str) -> None:
    engine = engine_for(kind)
    results(engine, "a")
    for array in stream_arrays(engine).values():
        array[:] = NAN if array.dtype.kind == "f" else 99
    assert results(engine, "b") == results(engine_for(kind), "b")
