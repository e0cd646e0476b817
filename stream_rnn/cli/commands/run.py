"""`stream-rnn run`: run a live job until it is stopped."""

from __future__ import annotations

import gc
import logging
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

from stream_rnn.cli.commands.default_model import HINT, or_default
from stream_rnn.cli.console.logs import log_to_stderr
from stream_rnn.cli.console.signals import GracefulStop, exit_after
from stream_rnn.connectors.stop import Stop
from stream_rnn.errors import SettingError
from stream_rnn.jobs.stopping import StopFlag
from stream_rnn.settings.live import LiveSettings

if TYPE_CHECKING:
    from stream_rnn.settings.mqtt import MqttSettings
    from stream_rnn.settings.race import RaceConfig

log = logging.getLogger("stream_rnn")

SWITCH_SECONDS = 0.0005
"""Time after which a thread hands the interpreter to a waiting one. The thread that learns needs the interpreter only
for moments in between; with Python's default of 5 ms it waited for these as long as it learned."""
STOP_SECONDS = 30.0
"""Time that a job that was stopped may wait for a broker that does not answer."""


class Job(Protocol):
    """A live job."""

    def warmup(self) -> None:
        """Compile the kernels."""

    def run(self) -> None:
        """Work until stopped."""


def run(settings: LiveSettings | MqttSettings, model: dict[str, Any] | RaceConfig) -> int:
    """Run a live job until SIGTERM or Ctrl-C, and return the exit status.

    Raises
    ------
    SettingError, ConnectorError, CheckpointError
        If the user has to change something.
    """
    _check_platform()
    log_to_stderr(logging.INFO, settings.log_format)
    sys.setswitchinterval(SWITCH_SECONDS)
    flag = StopFlag()
    chosen = or_default(model) if settings.begin_with is None else model
    job = _make_job(settings, chosen, Stop(flag))
    if chosen is not model:
        log.info("%s", HINT)
    job.warmup()
    gc.freeze()  # spares the collector what has been loaded, so that collections do not delay forecasts

    def stop() -> None:
        flag.set()
        exit_after(STOP_SECONDS, _report_timeout)

    with GracefulStop(stop):
        job.run()
    return 0


def _make_job(settings: LiveSettings | MqttSettings, model: dict[str, Any] | RaceConfig, stop: Stop) -> Job:
    if isinstance(settings, LiveSettings):
        from stream_rnn.jobs.live.job import LiveJob  # noqa: PLC0415 - the other kind of job is not needed

        return LiveJob(settings, model, stop)
    from stream_rnn.jobs.mqtt.job import MqttJob  # noqa: PLC0415 - the other kind of job is not needed

    return MqttJob(settings, model, stop)


def _check_platform() -> None:
    """Refuse systems without the locks and signals by which processes share a job and resume it."""
    try:
        import_module("fcntl")
    except ModuleNotFoundError:
        raise SettingError(
            f"run needs Linux or macOS, and this is {sys.platform}: use WSL or Docker; replay works here"
        ) from None


def _report_timeout() -> None:
    """Report an exit that is like being killed: everything committed is complete, and the next start resumes there."""
    log.error("not stopped within %g s: exiting; the next start resumes from the last commit", STOP_SECONDS)
