from __future__ import annotations

import numpy as np
import pytest

from benchmarks import endurance
from benchmarks.endurance import EVENTS, STREAMS

pytestmark = pytest.mark.slow


def test_batches_depend_on_the_seed_and_continue_each_other() -> None:
    first, second, other = next(endurance.batches(0)), next(endurance.batches(0)), next(endurance.batches(1))
    assert first.shape == (STREAMS * EVENTS, 2)
    np.testing.assert_array_equal(first, second)
    assert (first[:, 0] != other[:, 0]).all()


def test_errors_are_those_of_each_stream_one_event_ahead() -> None:
    x = np.zeros((3 * STREAMS, 2))
    x[:, 0] = np.repeat([1.0, 2.0, 4.0], STREAMS)
    forecasts = np.full((len(x), 1, 1), 3.0)
    found = endurance.Errors.of(x, forecasts)
    assert found == (STREAMS * (1 + 1), STREAMS * (1 + 4), 2 * STREAMS)


def test_the_preset_forecast_loses_nothing_and_starts_as_a_fresh_engine() -> None:
    row = next(endurance.measure(endurance.NETWORKS["forecast"], 1, seed=3))
    assert row["events"] == 2 * STREAMS * EVENTS
    assert row["old_to_fresh"] == 1
    assert row["worst_batch"] < 1
    assert row["skipped_updates"] == row["overflows"] == row["non_finite"] == 0
