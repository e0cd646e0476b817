"""Forecasts of river's two series, several steps ahead: the mean over the steps of the mean absolute error.

Scored twice. ``river`` is river's own `evaluate.evaluate`: it asks for forecasts before the present value is learned
and compares the first with the value after that, so that each is taken for one step farther than the model meant.
``aligned`` is `stream_rnn.estimators.evaluation.evaluate`, which compares each forecast with the value that it is of.

The estimators run with what they are made with and what is written beside them. Holt-Winters, and the last SNARIMAX,
have the settings by which river's documentation forecasts AirlinePassengers, with the season's length; beside them
stands the Holt-Winters of a grid that is best on the series that scores it, in hindsight. The peers are given the
values alone: river's SNARIMAX takes no datetime.
"""

from __future__ import annotations

import itertools
import json
import statistics
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from river import datasets, evaluate, linear_model, metrics, optim, preprocessing
from river.time_series import SNARIMAX, HoltWinters

from benchmarks import deep_river
from benchmarks.river_forecasters import Recorded, SeasonalNaive
from stream_rnn.estimators import ColumnarGRUForecaster, GRUForecaster, evaluation

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from river.time_series.base import Forecaster

SEEDS = (0, 1, 2)
DEFAULTS = "defaults"
DOCUMENTED = {"alpha": 0.3, "beta": 0.1, "gamma": 0.6}
"""Holt-Winters' as river's documentation sets them for AirlinePassengers."""


class Series(NamedTuple):
    """One of river's datasets, as it is forecast."""

    name: str
    horizon: int
    season: int
    calendar: tuple[str, ...] | None
    """Cycles that a person sees in the times' spacing; None where the default's day is it."""


SERIES = (
    Series("WaterFlow", horizon=24, season=24, calendar=None),
    Series("AirlinePassengers", horizon=12, season=12, calendar=("year",)),
)

OURS = (ColumnarGRUForecaster, GRUForecaster)

DEEP: dict[str, tuple[str, ...]] = {
    DEFAULTS: (),
    "hidden_size=32, window_size=16": ("--settings", json.dumps({"hidden_size": 32, "window_size": 16})),
    "hidden_size=32, window_size=16, lr=0.01, values scaled around it": (
        *("--settings", json.dumps({"hidden_size": 32, "window_size": 16, "lr": 0.01})),
        "--scaled",
    ),
}
"""deep-river's GRUForecaster by what is said: as it comes, of our size, and helped."""

GRID = tuple(
    itertools.product(
        (0.003, 0.01, 0.03, 0.1, 0.3, 0.6), (0.001, 0.01, 0.1), (0.01, 0.03, 0.1, 0.3, 0.6), (False, True)
    )
)
"""Holt-Winters' alpha, beta, gamma, and whether its season is multiplied."""

Event = tuple[dict[str, Any], float]


class Scores(NamedTuple):
    """Mean absolute errors, means over the steps ahead."""

    river: float
    aligned: float


def measure(deep_river_python: str | None, series: Sequence[Series] = SERIES) -> dict[str, list[dict[str, Any]]]:
    """Return a table of models for each series."""
    return {
        f"{one.name}, {one.horizon} steps ahead: mean absolute error, mean over the steps": [
            *_ours(one),
            *_peers(one),
            *(_deep(one, said, deep_river_python) for said in DEEP),
        ]
        for one in series
    }


def score(events: Sequence[Event], horizon: int, make: Callable[[], Forecaster]) -> Scores:
    """Return how a forecaster does, made anew for each of the two evaluators."""
    return Scores(
        *(
            evaluator(events, make(), metrics.MAE(), horizon, statistics.mean).get()
            for evaluator in (evaluate.evaluate, evaluation.evaluate)
        )
    )


def _ours(series: Series) -> list[dict[str, Any]]:
    """Return the estimators' rows: as they come, and with the calendar where the series is not of days."""
    told: list[dict[str, Any]] = [{}]
    if series.calendar is not None:
        told.append({"calendar": series.calendar})
    events = _events(series)
    rows = []
    for settings, model in itertools.product(told, OURS):
        found = [
            score(events, series.horizon, partial(model, horizon=series.horizon, seed=seed, **settings))
            for seed in SEEDS
        ]
        rows.append(
            {
                "model": model.__name__,
                "settings": _words(settings) or DEFAULTS,
                "river": statistics.mean(one.river for one in found),
                "aligned": statistics.mean(one.aligned for one in found),
                "seeds, river": ", ".join(f"{one.river:.2f}" for one in found),
                "seeds, aligned": ", ".join(f"{one.aligned:.2f}" for one in found),
            }
        )
    return rows


def _peers(series: Series) -> list[dict[str, Any]]:
    """Return the rows of river's forecasters and of the naive ones, which see the values alone."""
    season = series.season
    events: list[Event] = [({}, y) for _, y in _events(series)]
    holt_winters = partial(HoltWinters, seasonality=season)
    models: list[tuple[str, str, Callable[[], Forecaster]]] = [
        ("last value", "", partial(SeasonalNaive, 1)),
        ("seasonal naive", f"season={season}", partial(SeasonalNaive, season)),
        *(
            (
                "river HoltWinters",
                f"{_words(DOCUMENTED)}, {multiplicative=}",
                partial(holt_winters, **DOCUMENTED, multiplicative=multiplicative),
            )
            for multiplicative in (False, True)
        ),
        *(
            ("river SNARIMAX", _words(settings), partial(SNARIMAX, **settings))
            for settings in (
                {"p": season, "d": 1, "q": 0, "m": season, "sd": 1},
                {"p": 0, "d": 0, "q": 0, "m": season, "sp": 1, "sd": 1},
            )
        ),
        ("river SNARIMAX", f"p=q=m={season}, d=sd=1, documented regressor", partial(_snarimax, events, season)),
    ]
    rows = [
        {"model": name, "settings": said, **score(events, series.horizon, make)._asdict()}
        for name, said, make in models
    ]
    grid = [score(events, series.horizon, partial(holt_winters, *point[:3], multiplicative=point[3])) for point in GRID]
    best = {"river": min(one.river for one in grid), "aligned": min(one.aligned for one in grid)}
    said = f"best of {len(GRID)} in hindsight, each column's own"
    return [*rows, {"model": "river HoltWinters", "settings": said, **best}]


def _snarimax(events: Sequence[Event], season: int) -> SNARIMAX:
    return SNARIMAX(
        p=season,
        d=1,
        q=season,
        m=season,
        sd=1,
        regressor=preprocessing.StandardScaler()
        | linear_model.LinearRegression(intercept_init=events[0][1], optimizer=optim.SGD(0.01), intercept_lr=0.3),
    )


def _deep(series: Series, said: str, python: str | None) -> dict[str, Any]:
    found = deep_river.run("deep_river_forecasts", series.name, str(series.horizon), *DEEP[said], python=python)
    row = {"model": "deep-river GRUForecaster", "settings": said}
    if "skipped" in found:
        return row | found
    row["model"] = f"deep-river {found['version']} GRUForecaster"
    return row | score(_events(series), series.horizon, partial(Recorded, found["forecasts"]))._asdict()


def _events(series: Series) -> list[Event]:
    return list(getattr(datasets, series.name)())


def _words(settings: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in settings.items())
