"""Estimators pass every check that river has for estimators; none is skipped."""

from __future__ import annotations

import math
import pickle
from typing import Any

import pandas as pd
import pytest
from river import checks

from stream_rnn import estimators

KINDS = ("Regressor", "MultiTargetRegressor", "Classifier", "Forecaster")
NAMES = [name for name in estimators.__all__ if name.endswith(KINDS)]
LEARNING_NAMES = [*(f"GRU{kind}" for kind in KINDS), "AutoForecaster"]
"""Checks that learn events are run with one cell: what a cell computes is tested with the layers."""
OTHER_REGRESSORS = [name for name in NAMES if name.endswith("Regressor") and not name.startswith("GRU")]


def estimator_of(name: str) -> Any:
    """Return an estimator with its defaults, as river creates those that it checks."""
    return getattr(estimators, name)()


def cases(names: list[str], *, events: bool) -> list[Any]:
    """Return each name with each check that learns events, or with each that does not."""
    return [
        pytest.param(name, check, id=f"{name}-{check.__name__}")
        for name in names
        for check in checks.yield_checks(estimator_of(name))
        if hasattr(check, "keywords") == events
    ]


@pytest.mark.parametrize("name", NAMES)
def test_no_check_is_skipped(name: str) -> None:
    assert estimator_of(name)._unit_test_skips() == set()


@pytest.mark.parametrize(("name", "check"), cases(NAMES, events=False))
def test_river_checks_parameters_and_clones(name: str, check: Any) -> None:
    check(estimator_of(name).clone())


@pytest.mark.parametrize(("name", "check"), cases(LEARNING_NAMES, events=True))
def test_river_checks_learning(name: str, check: Any) -> None:
    check(estimator_of(name).clone())


@pytest.mark.parametrize("name", [name for name in OTHER_REGRESSORS if "MultiTarget" not in name])
def test_every_cell_learns_frames_as_events(name: str) -> None:
    one_by_one, at_once = (getattr(estimators, name)(hidden=3, window=5, seed=1) for _ in range(2))
    events = [({"a": math.sin(t), "late": 1.0 * t if t > 20 else math.nan}, math.cos(t)) for t in range(40)]
    for x, y in events:
        one_by_one.learn_one(x, y)
    at_once.learn_many(pd.DataFrame([x for x, _ in events]), [y for _, y in events])
    assert pickle.dumps(one_by_one) == pickle.dumps(at_once)
