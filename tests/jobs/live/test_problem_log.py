"""ProblemLog: each problem is logged when it begins, once a minute, and when it ends."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from stream_rnn.jobs.live.problem_log import ProblemLog

if TYPE_CHECKING:
    import pytest
    from measured import Clock


def test_a_problem_is_logged_when_it_begins_once_a_minute_and_when_it_ends(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="stream_rnn")
    problems = ProblemLog(clock)
    for second in range(100):
        clock.now += 1
        problems.update({"most records are refused": f"{second} records"})
    problems.update({})
    problems.update({})
    assert [(record.levelname, record.message) for record in caplog.records] == [
        ("WARNING", "0 records"),
        ("WARNING", "60 records"),
        ("INFO", "no longer: most records are refused"),
    ]
