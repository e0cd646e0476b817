"""ProblemLog: logs what keeps a job from working when it begins, once a minute while it lasts, and when it ends."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

REPEAT_SECONDS = 60.0

log = logging.getLogger("stream_rnn")


class ProblemLog:
    """Logs problems.

    Parameters
    ----------
    clock
        Returns seconds, monotonically.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._logged_at: dict[str, float] = {}

    def update(self, problems: Mapping[str, str]) -> None:
        """Log new and ended problems; repeat those that last.

        Parameters
        ----------
        problems
            The message of each present problem, by a name that stays the same while it lasts.
        """
        now = self._clock()
        for name in self._logged_at.keys() - problems.keys():
            del self._logged_at[name]
            log.info("no longer: %s", name)
        for name, message in problems.items():
            if name not in self._logged_at or now - self._logged_at[name] >= REPEAT_SECONDS:
                self._logged_at[name] = now
                log.warning("%s", message)
