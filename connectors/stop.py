"""Stop: asks a loop to end, from another thread or a signal handler."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

CHECK_SECONDS = 0.1
"""Longest wait between two calls of a condition."""


class Stop:
    """A flag that asks a loop to end; true once it is set.

    Parameters
    ----------
    condition
        An event or a callable that also asks for the end, when it is set or returns True. Default: only `set` does.

    Examples
    --------
    >>> stop = Stop()
    >>> bool(stop)
    False
    >>> stop.set()
    >>> bool(stop)
    True
    """

    def __init__(self, condition: threading.Event | Callable[[], bool] | None = None) -> None:
        self._event = condition if isinstance(condition, threading.Event) else threading.Event()
        self._condition = condition if callable(condition) else None

    def __bool__(self) -> bool:
        return self._event.is_set() or (self._condition is not None and self._condition())

    def set(self) -> None:
        """Ask for the end; may be called from any thread or signal handler."""
        self._event.set()

    def wait(self, seconds: float) -> None:
        """Sleep, but wake up when the flag is set; with a callable as condition, sleep for at most `CHECK_SECONDS`."""
        if not self:
            self._event.wait(min(seconds, CHECK_SECONDS) if self._condition is not None else seconds)
