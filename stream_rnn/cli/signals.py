"""Ctrl-C and termination, as a wish to come to an end."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable

HEARD = (signal.SIGINT, signal.SIGTERM)


class Stopped:
    """While entered, the first SIGINT or SIGTERM calls `stop`; the next one ends the process at once.

    Parameters
    ----------
    stop
        Asks the work to end soon.
    """

    def __init__(self, stop: Callable[[], None]) -> None:
        self._stop = stop
        self._before: dict[int, Any] = {}
        self.number = 0
        """The signal that was heard; 0 for none."""

    def _hear(self, number: int, _frame: Any) -> None:
        self.number = number
        self._restore()
        self._stop()

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._hear) for number in HEARD}
        return self

    def __exit__(self, *_: object) -> None:
        self._restore()
