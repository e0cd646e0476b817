"""Speed of the estimators, river's and deep-river's models, and of learn_many compared with `Engine.process`.

One process on one core processes the reference job's events, with the inputs as dicts of floats. Every event is
predicted, then learned. The models take turns on the same events; results are medians over several rounds.
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
"""Events of a round of predict_one and learn_one."""
FRAME_EVENTS = 20_000
"""Events of a round of learn_many."""
FRAME_ROWS = (100, 1_000, 10_000)
"""Rows of a data frame."""

CELLS = (GRURegressor, LSTMRegressor, RNNRegressor, LRURegressor, ELSTMRegressor, ColumnarGRURegressor)
BASE = "GRURegressor"
"""The model that the others are compared with."""

PEERS: dict[str, Callable[[], Any]] = {
    "river LinearRegression": linear_model.LinearRegression,
    "river StandardScaler | LinearRegression": lambda: preprocessing.StandardScaler() | linear_model.LinearRegression(),
    "river HoeffdingTreeRegressor": tree.HoeffdingTreeRegressor,
}


class Event(NamedTuple):
    """An event in the form that river's models expect."""

    x: dict[str, float]
    y: float


def measure(
    deep_river_python: str | None, rounds: int = ROUNDS, events: int = EVENTS, frame_events: int = FRAME_EVENTS
) -> dict[str, list[dict[str, Any]]]:
    """Return the tables of models and of frames, measured on one core."""
    with child.one_core():
        models = one_by_one(_models(), rounds, events)
        return {
            "predict_one, then learn_one: 8 features, 32 units, window 16": [
                *models,
                _deep_river(deep_river_python, events),
            ],
            "learn_many on data frames, and Engine.process on the same events": [
                frames(rows, rounds, frame_events) for rows in FRAME_ROWS if rows <= frame_events
            ],
        }


def one_by_one(models: Mapping[str, Any], rounds: int, events: int) -> list[dict[str, Any]]:
    """Return each model's median rate, and its ratio to that of the first."""
    all_events = _events(rounds * events + events)
    for model in models.values():
        predict_and_learn(model, all_events[:events])  # compiles kernels and fills windows
    rates: dict[str, list[float]] = {name: [] for name in models}
    for start in range(events, len(all_events), events):
        chunk = all_events[start : start + events]
        for name, model in models.items():
            rates[name].append(events / predict_and_learn(model, chunk))
    medians = {name: statistics.median(own) for name, own in rates.items()}
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


def predict_and_learn(model: Any, events: Sequence[Event]) -> float:
    """Predict, then learn, every event; return the duration in seconds."""
    start = now()
    for x, y in events:
        model.predict_one(x)
        model.learn_one(x, y)
    return since(start)


def frames(rows: int, rounds: int, events: int) -> dict[str, Any]:
    """Return the median rates of learn_many on frames of this many rows, and of `Engine.process` on the same rows."""
    data = reference.data(events)
    chunks = [slice(start, start + rows) for start in range(0, events, rows)]
    table, labels = pd.DataFrame(data.x, columns=list(reference.INPUTS)), pd.Series(data.y)
    parts = [(table.iloc[chunk], labels.iloc[chunk]) for chunk in chunks]
    model = GRURegressor(hidden=reference.HIDDEN, window=reference.WINDOW, seed=0)
    for X, y in parts[:2]:
        model.learn_many(X, y)
    engine = Engine(model.engine.settings)  # type: ignore[union-attr] # it has learned
    learn_many_rates, process_rates = [], []
    for _ in range(rounds):
        start = now()
        for chunk in chunks:
            engine.process("stream", data.x[chunk], data.y[chunk])
        process_rates.append(events / since(start))
        start = now()
        for X, y in parts:
            model.learn_many(X, y)
        learn_many_rates.append(events / since(start))
    learn_many, process = statistics.median(learn_many_rates), statistics.median(process_rates)
    return {"rows": rows, "learn_many": learn_many, "Engine.process": process, "share": learn_many / process}


def _models() -> dict[str, Any]:
    estimators = {cell.__name__: cell(hidden=reference.HIDDEN, window=reference.WINDOW, seed=0) for cell in CELLS}
    return estimators | {name: make() for name, make in PEERS.items()}


def _deep_river(python: str | None, events: int) -> dict[str, Any]:
    """Return deep-river's rate, and its ratio to that of the base model just before and after."""
    base = {BASE: _models()[BASE]}
    before = one_by_one(base, 1, events)[0]["events_per_second"]
    result = deep_river.run("deep_river_speed", python=python)
    if "skipped" in result:
        return {"model": "deep-river RollingRegressor, nn.GRU", **result}
    after = one_by_one(base, 1, events)[0]["events_per_second"]
    rates = result["rates"]
    median = statistics.median(rates)
    return {
        "model": f"deep-river {result['version']} RollingRegressor, nn.GRU of torch {result['torch']}",
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
