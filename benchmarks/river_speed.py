"""How fast the estimators are beside river's and deep-river's models, and learn_many beside the engine.

One process, one core, the reference job's eight inputs as dicts of floats and its label; every event is predicted, then
learned. The models take the same events in turns, several rounds of them, and the median of each one's rounds counts.
"""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd  # type: ignore[import-untyped, unused-ignore]
from river import linear_model, preprocessing, tree

from benchmarks import child, deep_river, reference
from benchmarks.clock import now, since
from stream_rnn import Engine
from stream_rnn.estimators import (
    ColumnarGRURegressor,
    ELSTMRegressor,
    GRURegressor,
    LRURegressor,
    LSTMRegressor,
    RNNRegressor,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

ROUNDS = 5
EVENTS = 4_000
"""Of a round of the models that take one event at a time."""
FRAMED = 20_000
"""Of a round of frames."""
FRAMES = (100, 1_000, 10_000)
"""Rows of a frame."""

CELLS = (GRURegressor, LSTMRegressor, RNNRegressor, LRURegressor, ELSTMRegressor, ColumnarGRURegressor)
FIRST = "GRURegressor"
"""The model that others are told as shares of."""

PEERS: dict[str, Callable[[], Any]] = {
    "river LinearRegression": linear_model.LinearRegression,
    "river StandardScaler | LinearRegression": lambda: preprocessing.StandardScaler() | linear_model.LinearRegression(),
    "river HoeffdingTreeRegressor": tree.HoeffdingTreeRegressor,
}


class Event(NamedTuple):
    """An event as river's models take it."""

    x: dict[str, float]
    y: float


def measure(
    deep_river_python: str | None, rounds: int = ROUNDS, events: int = EVENTS, framed: int = FRAMED
) -> dict[str, list[dict[str, Any]]]:
    """Return the tables of models and of frames, measured on one core."""
    with child.one_core():
        models = one_by_one(_models(), rounds, events)
        return {
            "predict_one, then learn_one: 8 features, 32 units, window 16": [*models, _deep(deep_river_python, events)],
            "learn_many on data frames, and Engine.process on the same events": [
                frames(rows, rounds, framed) for rows in FRAMES if rows <= framed
            ],
        }


def one_by_one(models: Mapping[str, Any], rounds: int, events: int) -> list[dict[str, Any]]:
    """Return each model's median rate, and its share of the first one's."""
    made = _events(rounds * events + events)
    for model in models.values():
        take(model, made[:events])  # kernels are compiled, windows are full
    rates: dict[str, list[float]] = {name: [] for name in models}
    for begin in range(events, len(made), events):
        some = made[begin : begin + events]
        for name, model in models.items():
            rates[name].append(events / take(model, some))
    medians = {name: statistics.median(found) for name, found in rates.items()}
    first = next(iter(medians.values()))
    return [
        {
            "model": name,
            "events_per_second": median,
            "us": 1e6 / median,
            "least": min(rates[name]),
            "most": max(rates[name]),
            "of_first": median / first,
        }
        for name, median in medians.items()
    ]


def take(model: Any, events: Sequence[Event]) -> float:
    """Return the seconds in which a model predicts and learns all events."""
    began = now()
    for x, y in events:
        model.predict_one(x)
        model.learn_one(x, y)
    return since(began)


def frames(rows: int, rounds: int, events: int) -> dict[str, Any]:
    """Return the median rate of learn_many, and of the engine below it, in frames of so many rows."""
    data = reference.data(events)
    cuts = [slice(begin, begin + rows) for begin in range(0, events, rows)]
    table, labels = pd.DataFrame(data.x, columns=list(reference.INPUTS)), pd.Series(data.y)
    cut = [(table.iloc[part], labels.iloc[part]) for part in cuts]
    model = GRURegressor(hidden=reference.HIDDEN, window=reference.WINDOW, seed=0)
    for X, y in cut[:2]:
        model.learn_many(X, y)
    engine = Engine(model.engine.settings)  # type: ignore[union-attr] # it has learned
    many, process = [], []
    for _ in range(rounds):
        began = now()
        for part in cuts:
            engine.process("stream", data.x[part], data.y[part])
        process.append(events / since(began))
        began = now()
        for X, y in cut:
            model.learn_many(X, y)
        many.append(events / since(began))
    best, engines = statistics.median(many), statistics.median(process)
    return {"rows": rows, "learn_many": best, "Engine.process": engines, "share": best / engines}


def _models() -> dict[str, Any]:
    ours = {cell.__name__: cell(hidden=reference.HIDDEN, window=reference.WINDOW, seed=0) for cell in CELLS}
    return ours | {name: make() for name, make in PEERS.items()}


def _deep(python: str | None, events: int) -> dict[str, Any]:
    """Return deep-river's rate, as a share of the first model's just before and after."""
    first = {FIRST: _models()[FIRST]}
    before = one_by_one(first, 1, events)[0]["events_per_second"]
    found = deep_river.run("deep_river_speed", python=python)
    if "skipped" in found:
        return {"model": "deep-river RollingRegressor, nn.GRU", **found}
    after = one_by_one(first, 1, events)[0]["events_per_second"]
    rates = found["rates"]
    median = statistics.median(rates)
    return {
        "model": f"deep-river {found['version']} RollingRegressor, nn.GRU of torch {found['torch']}",
        "events_per_second": median,
        "us": 1e6 / median,
        "least": min(rates),
        "most": max(rates),
        "of_first": 2 * median / (before + after),
    }


def _events(count: int) -> list[Event]:
    data = reference.data(count)
    return [
        Event(dict(zip(reference.INPUTS, x, strict=True)), y)
        for x, y in zip(data.x.tolist(), data.y.tolist(), strict=True)
    ]
