"""BrokerWait: waits until the cluster answers, and no longer than until the job is stopped."""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import Future
from typing import TYPE_CHECKING

from stream_rnn.connectors.kafka.client import BrokerError

if TYPE_CHECKING:
    from collections.abc import Callable

    from stream_rnn.connectors.kafka.client import Cluster
    from stream_rnn.connectors.stop import Stop
    from stream_rnn.jobs.live.metrics import JobMetrics

log = logging.getLogger("stream_rnn")

BACKOFF_SECONDS = 0.5
"""Pause after the first attempt; doubled after each further one."""
MAX_BACKOFF_SECONDS = 10.0
CHECK_SECONDS = 0.05
"""How soon a stop is noticed."""


class BrokerWait:
    """Repeats a request until a broker answers.

    Each attempt runs in a thread of its own: a stop, or the end of `timeout`, does not wait for a client that is
    connecting or resolving a name.

    Parameters
    ----------
    cluster
        Where the brokers are.
    stop
        Ends the wait.
    metrics
        Receives whether the broker answers.
    timeout
        Seconds after which the wait fails; None to wait as long as it takes.
    """

    def __init__(self, cluster: Cluster, stop: Stop, metrics: JobMetrics, timeout: float | None = None) -> None:
        self._servers = ", ".join(cluster.servers)
        self._stop = stop
        self._metrics = metrics
        self._deadline = None if timeout is None else time.monotonic() + timeout
        self._timeout = timeout

    def until_answered(self, request: Callable[[], None]) -> bool:
        """Make a request until it does not raise a BrokerError; return False if the job was stopped before.

        Raises
        ------
        BrokerError
            If no broker has answered in time.
        ConnectorError
            If the request fails for another reason, such as a topic that does not exist.
        """
        backoff, message = BACKOFF_SECONDS, f"no Kafka broker answers at {self._servers}"
        while not self._stop:
            attempt = _start(request)
            while not (attempt.done() or self._stop or self._is_over):
                self._stop.wait(CHECK_SECONDS)
            if self._stop:
                break
            if attempt.done():
                try:
                    attempt.result()
                except BrokerError as error:
                    message = str(error)
                else:
                    self._metrics.broker(answers=True)
                    return True
            if self._is_over:
                raise BrokerError(f"{message}; gave up after start_timeout, {self._timeout:g} s")
            self._metrics.broker(answers=False)
            log.warning("%s; waiting, next attempt in %g s", message, backoff)
            self._pause(backoff)
            backoff = min(MAX_BACKOFF_SECONDS, 2 * backoff)
        return False

    @property
    def _is_over(self) -> bool:
        return self._deadline is not None and time.monotonic() >= self._deadline

    def _pause(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not (self._stop or self._is_over) and time.monotonic() < until:
            self._stop.wait(CHECK_SECONDS)


def _start(request: Callable[[], None]) -> Future[None]:
    """Make a request in a thread that ends with the process."""
    future: Future[None] = Future()

    def run() -> None:
        try:
            request()
            future.set_result(None)
        except BaseException as error:  # noqa: BLE001 - raised by whoever asks for the result
            future.set_exception(error)

    threading.Thread(target=run, name="connect", daemon=True).start()
    return future
