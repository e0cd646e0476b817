"""`stream-rnn run`: a live job, until it is told to stop."""

from __future__ import annotations

import gc
import logging
import os
import sys
import threading
from typing import TYPE_CHECKING, Any

from stream_rnn.cli.console import logs, signals
from stream_rnn.connectors.stop import Stop
from stream_rnn.jobs.live.job import LiveJob
from stream_rnn.jobs.replay.job import Stopper

if TYPE_CHECKING:
    from stream_rnn.settings.live import LiveSettings

log = logging.getLogger("stream_rnn")

SWITCH = 0.0005
"""Seconds after which a thread lets another that waits have the interpreter. What learns runs without it, and needs it
for moments between; with Python's 5 ms these moments took as long as the learning."""
PATIENCE = 30.0
"""Seconds that a job which was told to stop may wait for a broker that does not answer."""


def run(settings: LiveSettings, engine_settings: dict[str, Any]) -> int:
    """Run a live job until SIGTERM or Ctrl-C; return the exit code.

    Raises
    ------
    SettingError, ConnectorError, CheckpointError
        What the user can mend.
    """
    logs.to_stderr(logging.INFO, settings.log_format)
    sys.setswitchinterval(SWITCH)
    stopper = Stopper()
    job = LiveJob(settings, engine_settings, Stop(stopper))
    job.warmup()
    gc.freeze()  # what is loaded stays: to search it again and again would hold up forecasts

    def stop() -> None:
        stopper.asked = True
        guard = threading.Timer(PATIENCE, _leave)
        guard.daemon = True
        guard.start()

    with signals.Stopped(stop):
        job.run()
    log.info("stopped: all is committed, checkpoints are made, the group is left")
    return 0


def _leave() -> None:
    """Leave as a killed process would: what was committed is whole, and the next start goes on from there."""
    log.error("not stopped within %g s: leaving as it is; the next start goes on from what was committed", PATIENCE)
    os._exit(1)
