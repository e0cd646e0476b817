"""Estimators learn from dicts without narwhals, and name the extra that data frames need."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

BLOCK = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "narwhals":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocker())

import pandas as pd
from pytest import approx
from stream_rnn.errors import MissingExtraError
from stream_rnn.estimators import GRUClassifier, GRUMultiTargetRegressor, GRURegressor
"""
TARGETS = {"GRURegressor": 2.0, "GRUClassifier": "on", "GRUMultiTargetRegressor": {"u": 2.0}}


def run_without_narwhals(code: str) -> str:
    completed = subprocess.run(
        [sys.executable, "-c", BLOCK + code], capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL
    )
    return completed.stdout.strip()


@pytest.mark.parametrize("name", TARGETS)
def test_events_are_learned_without_narwhals(name: str) -> None:
    code = f"""
x, y = {{"a": 1.0, "state": "on"}}, {TARGETS[name]!r}
model = {name}(hidden=4, window=4, seed=1)
for _ in range(20):
    model.learn_one(x, y)
print(model.predict_one(x) == (y if isinstance(y, str) else approx(y, abs=0.01)))
"""
    assert run_without_narwhals(code) == "True"


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("GRURegressor", "learn_many(X, [1.0])"),
        ("GRURegressor", "predict_many(X)"),
        ("GRUClassifier", "learn_many(X, ['on'])"),
        ("GRUClassifier", "predict_many(X)"),
        ("GRUClassifier", "predict_proba_many(X)"),
        ("GRUMultiTargetRegressor", "learn_many(X, [{'u': 1.0}])"),
    ],
)
def test_data_frames_without_narwhals_name_the_extra(name: str, call: str) -> None:
    code = f"""
X = pd.DataFrame({{"a": [1.0]}})
try:
    {name}(hidden=4, window=4, seed=1).{call}
except MissingExtraError as error:
    print(error)
"""
    assert run_without_narwhals(code) == "narwhals is not installed: pip install 'stream-rnn[files]'"
