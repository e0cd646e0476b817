"""Baseline forecasters with river's interface: naive ones, and recorded forecasts of another program."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from river.time_series.base import Forecaster

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class SeasonalNaive(Forecaster):
    """Repeats the last season; with a season of 1, the last value. Forecasts 0 before a full season has been seen."""

    def __init__(self, season: int) -> None:
        self.season = season
        self._values: list[float] = []

    def learn_one(self, y: float, x: Mapping[Any, Any] | None = None) -> None:  # noqa: ARG002 - river's interface
        """Store the next value."""
        self._values.append(y)

    def forecast(self, horizon: int, xs: Sequence[Mapping[Any, Any]] | None = None) -> list[float]:  # noqa: ARG002
        """Return the last season, repeated."""
        season = self._values[-self.season :]
        if len(season) < self.season:
            return [0.0] * horizon
        return [season[ahead % self.season] for ahead in range(horizon)]


class Recorded(Forecaster):
    """Forecasts by another program of the same series; the n-th are those after n values."""

    def __init__(self, forecasts: Sequence[Sequence[float]]) -> None:
        self.forecasts = forecasts
        self._count = 0

    def learn_one(self, y: float, x: Mapping[Any, Any] | None = None) -> None:  # noqa: ARG002 - river's interface
        """Count the value."""
        self._count += 1

    def forecast(self, horizon: int, xs: Sequence[Mapping[Any, Any]] | None = None) -> list[float]:  # noqa: ARG002
        """Return the forecasts recorded after as many values."""
        return list(self.forecasts[self._count][:horizon])
