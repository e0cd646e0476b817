"""AlarmLog: logs the first alarms of a job, each with its stream; more of them would flood the log."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stream_rnn.engine.alarms import Alarm

MAX_LOGGED = 20
"""Alarms that are logged, raised or cleared."""

log = logging.getLogger("stream_rnn")


class AlarmLog:
    """Logs alarms.

    Parameters
    ----------
    prefix
        What lines begin with.
    """

    def __init__(self, prefix: str = "") -> None:
        self._prefix = prefix
        self._alarms = 0

    def add(self, alarms: Iterable[Alarm]) -> None:
        """Log alarms, unless there were too many before them."""
        for alarm in alarms:
            self._alarms += 1
            if self._alarms <= MAX_LOGGED:
                log.log(logging.WARNING if alarm.raised else logging.INFO, "%s%s", self._prefix, alarm)
            elif self._alarms == MAX_LOGGED + 1:
                log.warning("%sfurther alarms are counted, and not logged", self._prefix)
