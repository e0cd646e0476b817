"""Every check that river has for estimators, passed by ours; none is skipped."""

from __future__ import annotations

import math
import pickle
from typing import Any

import pandas as pd
import pytest
from river import checks

from stream_rnn import estimators

KINDS = ("Regressor", "MultiTargetRegressor", "Classifier", "Forecaster")
EVERY = [name for name in estimators.__all__ if name.endswith(KINDS)]
ONE_CELL = [f"GRU{kind}" for kind in KINDS]
"""One cell stands for all where events are learned: what a cell does is none of the estimators' business."""
OTHER_CELLS = [name for name in EVERY if name.endswith("Regressor") and name not in ONE_CELL and "Multi" not in name]


def of(name: str) -> Any:
    """Return an estimator as river makes those that it checks."""
    return getattr(estimators, name)()


def cases(names: list[str], *, events: bool) -> list[Any]:
    """Return each name with each check, those with events or those without."""
    return [
        pytest.param(name, check, id=f"{name}-{check.__name__}")
        for name in names
        for check in checks.yield_checks(of(name))
        if hasattr(check, "keywords") == events
    ]


def test_every_kind_is_there_for_every_cell() -> None:
    assert len(EVERY) == 24


@pytest.mark.parametrize("name", EVERY)
def test_no_check_is_skipped(name: str) -> None:
    assert of(name)._unit_test_skips() == set()


@pytest.mark.parametrize(("name", "check"), cases(EVERY, events=False))
def test_checks_of_parameters_and_clones(name: str, check: Any) -> None:
    check(of(name).clone())


@pytest.mark.parametrize(("name", "check"), cases(ONE_CELL, events=True))
def test_checks_with_events(name: str, check: Any) -> None:
    check(of(name).clone())


@pytest.mark.parametrize("name", OTHER_CELLS)
def test_other_cells_learn_frames_as_events(name: str) -> None:
    # with the readout of networks that are compiled for other tests anyway: compiling is all that this one costs
    settings = {"hidden": 3, "window": 5, "readout": "gradient", "skip": False, "seed": 1}
    one, many = (getattr(estimators, name)(**settings) for _ in range(2))
    events = [({"a": math.sin(t), "late": 1.0 * t if t > 20 else math.nan}, math.cos(t)) for t in range(40)]
    for x, y in events:
        one.learn_one(x, y)
    many.learn_many(pd.DataFrame([x for x, _ in events]), [y for _, y in events])
    assert one.engine.settings.layer == many.engine.settings.layer == (one._layer,)
    assert pickle.dumps(one) == pickle.dumps(many)
