"""The prequential scores of a replay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from stream_rnn.evaluation.prequential import FORECASTERS, SUMS, Scores, detect_season

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stream_rnn.connectors.events import EventBatch
    from stream_rnn.engine.result import BatchResult
    from stream_rnn.settings.engine import Settings

_OVERFLOWS = np.errstate(over="ignore")
"""Squares of huge errors have an infinite sum, which is their score, and no reason for a warning."""


class ReplayScores:
    """Scores that exist from the first batch on, since the season may have to be detected from its times.

    Parameters
    ----------
    settings
        Settings of the engine whose forecasts are scored.
    season
        Events per season, 0 for no seasonal naive forecast; None to detect it.
    by_stream
        Whether errors are kept of each stream, for `per_stream`.
    """

    def __init__(self, settings: Settings, season: int | None, *, by_stream: bool = False) -> None:
        self._settings = settings
        self._season = season
        self._by_stream = by_stream
        self._scores: Scores | None = None

    @property
    def season(self) -> int:
        """Events per season; 0 if there is none, or it is not known yet."""
        return self._season or 0

    def add(self, read: EventBatch, y: NDArray[np.float64], result: BatchResult) -> NDArray[np.float64]:
        """Score N events with their targets (N, D), and return what `Scores.add` returns.

        The season is detected from the first events `read`, which may be more: how many of them are processed at once
        depends on how long that takes.
        """
        if self._scores is None:
            if self._season is None:
                self._season = detect_season(read.keys, read.times)
            self._scores = Scores(self._settings, self._season, by_stream=self._by_stream)
        return self._scores.add(result.slots, result.begins, y, result.forecasts)

    @property
    def per_stream(self) -> NDArray[np.float64]:
        """Sums over the errors of each stream, as `Scores.per_stream`; of no stream before the first batch."""
        if self._scores is not None:
            return self._scores.per_stream
        shape = (len(FORECASTERS), self._settings.horizon, len(self._settings.target_names), len(SUMS))
        return np.zeros((0, *shape))

    @_OVERFLOWS
    def overall(self) -> dict[str, Any]:
        """Return the errors of each forecaster so far; empty before the first batch."""
        return self._scores.overall() if self._scores is not None else {}

    @_OVERFLOWS
    def per_target(self) -> dict[str, Any]:
        """Return the errors of each forecaster, by target; empty before the first batch."""
        return self._scores.per_target() if self._scores is not None else {}

    @_OVERFLOWS
    def per_horizon(self) -> list[Any]:
        """Return the errors of each forecaster, for each horizon; empty before the first batch."""
        return self._scores.per_horizon() if self._scores is not None else []
