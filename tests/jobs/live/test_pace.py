"""Pace: a turn reads as many records as can be processed soon."""

from __future__ import annotations

import pytest

from stream_rnn.jobs.live.pace import FIRST_RECORDS, TURN_SECONDS, Pace


@pytest.mark.parametrize("per_record", [1e-7, 1e-4, 3e-3, 0.1, 1.0])
def test_a_turn_takes_no_longer_than_intended_or_one_record(per_record: float) -> None:
    pace = Pace(4096)
    assert pace.limit == FIRST_RECORDS
    for _ in range(20):
        pace.add(pace.limit, per_record * pace.limit)
    assert 1 <= pace.limit <= 4096
    assert pace.limit * per_record <= max(TURN_SECONDS, per_record)
    assert pace.limit == 4096 or (pace.limit + 1) * per_record > 0.9 * TURN_SECONDS


def test_fixed_costs_of_single_records_are_soon_forgotten() -> None:
    pace = Pace(4096)
    for _ in range(100):
        pace.add(1, 2e-3)
    for _ in range(8):
        pace.add(pace.limit, 1e-3 + 1e-6 * pace.limit)
    assert pace.limit == 4096


def test_a_turn_without_records_measures_nothing() -> None:
    pace = Pace(4096)
    pace.add(0, 1.0)
    assert pace.limit == FIRST_RECORDS
