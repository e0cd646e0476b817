"""Forecasts of two series of river, several steps ahead: mean absolute error, averaged over the steps.

Errors are computed in two ways. ``river`` is river's own `evaluate.evaluate`: it requests forecasts before the present
value is learned and compares the first with the value after the present one, so each forecast is scored one step later
than the step it was made for. ``aligned`` is `stream_rnn.estimators.evaluation.evaluate`, which compares each forecast
with the value that it is for.

The estimators run with default settings except for those shown. Holt-Winters and the last SNARIMAX have the settings
with which river's documentation forecasts AirlinePassengers, and the length of the season. The best Holt-Winters of a
grid is shown too, chosen in hindsight on the same series. The peers see the values only: river's SNARIMAX accepts no
datetime.
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
"""Holt-Winters settings that river's documentation uses for AirlinePassengers."""


class Series(NamedTuple):
    """One of river's data sets, and how it is forecast."""

    name: str
    horizon: int
    season: int
    calendar: tuple[str, ...] | None
    """cycles that suit the spacing of the times; None if the default, a day, does"""


SERIES = (
    Series("WaterFlow", horizon=24, season=24, calendar=None),
    Series("AirlinePassengers", horizon=12, season=12, calendar=("year",)),
)

ESTIMATORS = (ColumnarGRUForecaster, GRUForecaster)

DEEP_RIVER: dict[str, tuple[str, ...]] = {
    DEFAULTS: (),
    "hidden_size=32, window_size=16": ("--settings", json.dumps({"hidden_size": 32, "window_size": 16})),
    "hidden_size=32, window_size=16, lr=0.01, values scaled around it": (
        *("--settings", json.dumps({"hidden_size": 32, "window_size": 16, "lr": 0.01})),
        "--scaled",
    ),
}
"""Command-line arguments for deep-river's GRUForecaster, by settings: default, of the estimators' size, and tuned."""

GRID = tuple(
    itertools.product(
        (0.003, 0.01, 0.03, 0.1, 0.3, 0.6), (0.001, 0.01, 0.1), (0.01, 0.03, 0.1, 0.3, 0.6), (False, True)
    )
)
"""Holt-Winters' alpha, beta, gamma, and whether its season is multiplicative."""

Event = tuple[dict[str, Any], float]


class Scores(NamedTuple):
    """Mean absolute errors, averaged over the steps ahead."""

    river: float
    aligned: float


def measure(deep_river_python: str | None, series: Sequence[Series] = SERIES) -> dict[str, list[dict[str, Any]]]:
    """Return a table of models for each series."""
    return {
        f"{each.name}, {each.horizon} steps ahead: mean absolute error, mean over the steps": [
            *_estimators(each),
            *_peers(each),
            *(_deep_river(each, settings, deep_river_python) for settings in DEEP_RIVER),
        ]
        for each in series
    }


def score(events: Sequence[Event], horizon: int, make: Callable[[], Forecaster]) -> Scores:
    """Return the errors of a forecaster by each evaluator; `make` is called for each."""
    return Scores(
        *(
            evaluator(events, make(), metrics.MAE(), horizon, statistics.mean).get()
            for evaluator in (evaluate.evaluate, evaluation.evaluate)
        )
    )


def _estimators(series: Series) -> list[dict[str, Any]]:
    """Return the estimators' rows: with default settings, and with the calendar if the series has one."""
    variants: list[dict[str, Any]] = [{}]
    if series.calendar is not None:
        variants.append({"calendar": series.calendar})
    events = _events(series)
    rows = []
    for settings, model in itertools.product(variants, ESTIMATORS):
        scores = [
            score(events, series.horizon, partial(model, horizon=series.horizon, seed=seed, **settings))
            for seed in SEEDS
        ]
        rows.append(
            {
                "model": model.__name__,
                "settings": _describe(settings) or DEFAULTS,
                "river": statistics.mean(each.river for each in scores),
                "aligned": statistics.mean(each.aligned for each in scores),
                "seeds, river": ", ".join(f"{each.river:.2f}" for each in scores),
                "seeds, aligned": ", ".join(f"{each.aligned:.2f}" for each in scores),
            }
        )
    return rows


def _peers(series: Series) -> list[dict[str, Any]]:
    """Return the rows of river's forecasters and of the naive ones, which see the values only."""
    season = series.season
    events: list[Event] = [({}, y) for _, y in _events(series)]
    holt_winters = partial(HoltWinters, seasonality=season)
    models: list[tuple[str, str, Callable[[], Forecaster]]] = [
        ("last value", "", partial(SeasonalNaive, 1)),
        ("seasonal naive", f"season={season}", partial(SeasonalNaive, season)),
        *(
            (
                "river HoltWinters",
                f"{_describe(DOCUMENTED)}, {multiplicative=}",
                partial(holt_winters, **DOCUMENTED, multiplicative=multiplicative),
            )
            for multiplicative in (False, True)
        ),
        *(
            ("river SNARIMAX", _describe(settings), partial(SNARIMAX, **settings))
            for settings in (
                {"p": season, "d": 1, "q": 0, "m": season, "sd": 1},
                {"p": 0, "d": 0, "q": 0, "m": season, "sp": 1, "sd": 1},
            )
        ),
        ("river SNARIMAX", f"p=q=m={season}, d=sd=1, documented regressor", partial(_snarimax, events, season)),
    ]
    rows = [
        {"model": name, "settings": settings, **score(events, series.horizon, make)._asdict()}
        for name, settings, make in models
    ]
    grid = [score(events, series.horizon, partial(holt_winters, *point[:3], multiplicative=point[3])) for point in GRID]
    best = {"river": min(each.river for each in grid), "aligned": min(each.aligned for each in grid)}
    settings = f"best of {len(GRID)} in hindsight, for each column separately"
    return [*rows, {"model": "river HoltWinters", "settings": settings, **best}]


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


def _deep_river(series: Series, settings: str, python: str | None) -> dict[str, Any]:
    options = DEEP_RIVER[settings]
    result = deep_river.run("deep_river_forecasts", series.name, str(series.horizon), *options, python=python)
    row = {"model": "deep-river GRUForecaster", "settings": settings}
    if "skipped" in result:
        return row | result
    row["model"] = f"deep-river {result['version']} GRUForecaster"
    return row | score(_events(series), series.horizon, partial(Recorded, result["forecasts"]))._asdict()


def _events(series: Series) -> list[Event]:
    return list(getattr(datasets, series.name)())


def _describe(settings: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in settings.items())
