"""The first alarms of a job are logged with their streams; the log is not flooded by the others."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from stream_rnn.engine.alarms import Alarm
from stream_rnn.jobs.alarm_log import MAX_LOGGED, AlarmLog

if TYPE_CHECKING:
    import pytest


def test_each_alarm_is_logged_once_when_it_is_raised_and_when_it_is_cleared(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    alarms = AlarmLog("sensors-3: ")
    raised, cleared = Alarm(1501, "pump", raised=True), Alarm(4000, "pump", raised=False)
    alarms.add([])
    alarms.add([raised])
    alarms.add([cleared])
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("WARNING", f"sensors-3: {raised}"),
        ("INFO", f"sensors-3: {cleared}"),
    ]


def test_of_a_hundred_thousand_alarms_the_first_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    alarms = AlarmLog()
    for batch in range(100):
        alarms.add(Alarm(1000 * batch + k, k, raised=True) for k in range(1000))
    assert len(caplog.messages) == MAX_LOGGED + 1
    assert caplog.messages[-1] == "further alarms are counted, and not logged"
