"""Ctrl-C and SIGTERM stop a job gracefully; a job that does not stop in time is terminated."""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable

HANDLED = (signal.SIGINT, signal.SIGTERM)
REPEAT_SECONDS = 1.0
"""A signal that follows the first one this soon is a repetition of it, not a second request."""


class GracefulStop:
    """A context in which the first SIGINT or SIGTERM calls `stop`, and a later one terminates the process at once.

    Signals in the first second count as one, because `timeout` and terminals send them to the whole process group, too.

    Parameters
    ----------
    stop
        Requests that the work ends soon.
    """

    def __init__(self, stop: Callable[[], None]) -> None:
        self._stop = stop
        self._previous: dict[int, Any] = {}
        self._received_at = 0.0
        self._signal = 0

    @property
    def exit_status(self) -> int:
        """0, or 128 plus the number of the signal that was received."""
        return 128 + self._signal if self._signal else 0

    def _handle(self, number: int, _frame: Any) -> None:
        if not self._signal:
            self._signal, self._received_at = number, time.monotonic()
            self._stop()
        elif time.monotonic() - self._received_at > REPEAT_SECONDS:
            self._restore()
            signal.raise_signal(number)

    def _restore(self) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def __enter__(self) -> Self:
        self._previous = {number: signal.signal(number, self._handle) for number in HANDLED}
        return self

    def __exit__(self, *_: object) -> None:
        self._restore()


def exit_after(seconds: float, report: Callable[[], None]) -> None:
    """Terminate the process with status 1 if it is still running after the given seconds; call `report` first."""

    def terminate() -> None:
        report()
        os._exit(1)

    timer = threading.Timer(seconds, terminate)
    timer.daemon = True
    timer.start()
