"""Ctrl-C and termination, as a wish to come to an end."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable

HEARD = (signal.SIGINT, signal.SIGTERM)
ECHO = 1.0


class Stopped:
    """While entered, the first SIGINT or SIGTERM calls `stop`; a later one ends the process at once.

    One that follows within a second is part of the first: `timeout` and terminals send to the whole group as well.

    Parameters
    ----------
    stop
        Asks the work to end soon.
    """

    def __init__(self, stop: Callable[[], None]) -> None:
        self._stop = stop
        self._before: dict[int, Any] = {}
        self._heard_at = 0.0
        self.number = 0
        """The signal that was heard; 0 for none."""

    def _hear(self, number: int, _frame: Any) -> None:
        if not self.number:
            self.number, self._heard_at = number, time.monotonic()
            self._stop()
        elif time.monotonic() - self._heard_at > ECHO:
            self._restore()
            signal.raise_signal(number)

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._hear) for number in HEARD}
        return self

    def __exit__(self, *_: object) -> None:
        self._restore()
