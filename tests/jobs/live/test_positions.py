"""Positions that no live job has written are refused before a worker resumes from them."""

from __future__ import annotations

from typing import Any

import pytest

from stream_rnn import CheckpointError, Engine, Settings
from stream_rnn.jobs.live.positions import check_positions, verify_worker

KAFKA: dict[str, Any] = {"group": "g", "start": {"in-0": 0}, "offsets": {"in-0": 7}, "rule": {"lateness": None}}


@pytest.mark.parametrize("positions", [{}, {"source": {}}, {"kafka": KAFKA}, {"kafka": KAFKA, "ordering": {}}])
def test_positions_of_a_live_job_or_of_another_job_are_accepted(positions: dict[str, Any]) -> None:
    check_positions(positions)


@pytest.mark.parametrize(
    "change",
    [
        {"group": 1},
        {"start": {}},
        {"start": []},
        {"offsets": {"in-0": -1}},
        {"offsets": {"in-0": 2**63}},
        {"offsets": {"in-0": "7"}},
        {"offsets": {"in-0": 7, "in-1": 0}},
        {"rule": []},
        {"rule": {"lateness": "long"}},
    ],
    ids=str,
)
def test_positions_that_no_live_job_has_written_are_refused(change: dict[str, Any]) -> None:
    for positions in ({"kafka": KAFKA | change}, {"kafka": []}, {"kafka": {}}):
        with pytest.raises(CheckpointError, match="positions of a live job") as caught:
            check_positions(positions)
        assert "\n" not in str(caught.value)


def test_events_that_are_held_back_are_checked() -> None:
    data = Engine(Settings(inputs="x", hidden=2)).snapshot().finish()
    verify_worker(data)
    with pytest.raises(CheckpointError, match="positions of events that are held back"):
        verify_worker(data._replace(positions={"ordering": {"in-0": {"held": 1}}}))
