"""Forecasters that the estimators are held against: naive ones, and what another program said."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from river.time_series.base import Forecaster

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class SeasonalNaive(Forecaster):
    """The value a season before, or several seasons before where that is not known; with a season of 1 the last value.

    Says 0 before a season was seen.
    """

    def __init__(self, season: int) -> None:
        self.season = season
        self._seen: list[float] = []

    def learn_one(self, y: float, x: Mapping[Any, Any] | None = None) -> None:  # noqa: ARG002 - river's interface
        """Take the next value."""
        self._seen.append(y)

    def forecast(self, horizon: int, xs: Sequence[Mapping[Any, Any]] | None = None) -> list[float]:  # noqa: ARG002
        """Return the last season over and over."""
        season = self._seen[-self.season :]
        if len(season) < self.season:
            return [0.0] * horizon
        return [season[ahead % self.season] for ahead in range(horizon)]


class Recorded(Forecaster):
    """What another program forecast of the same series, by how many values it had learned."""

    def __init__(self, forecasts: Sequence[Sequence[float]]) -> None:
        self.forecasts = forecasts
        self._learned = 0

    def learn_one(self, y: float, x: Mapping[Any, Any] | None = None) -> None:  # noqa: ARG002 - river's interface
        """Count the value."""
        self._learned += 1

    def forecast(self, horizon: int, xs: Sequence[Mapping[Any, Any]] | None = None) -> list[float]:  # noqa: ARG002
        """Return what was said after as many values."""
        return list(self.forecasts[self._learned][:horizon])
