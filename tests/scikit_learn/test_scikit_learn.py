"""The estimator follows scikit-learn's rules, and learns from rows in their order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit
from sklearn.utils.estimator_checks import check_estimator

from stream_rnn import SettingError
from stream_rnn.scikit_learn import SequenceRegressor

LOADS = np.random.default_rng(0).integers(5, size=800).astype(float)
TOTALS = LOADS + np.concatenate([[0], LOADS[:-1]])


@pytest.mark.filterwarnings("ignore")
def test_all_checks_of_scikit_learn_hold() -> None:
    check_estimator(SequenceRegressor(hidden=4))


def test_the_next_row_is_predicted_from_the_rows_before() -> None:
    model = SequenceRegressor(hidden=8, passes=5, random_state=1).fit(LOADS[:, np.newaxis], TOTALS)
    np.testing.assert_allclose(model.predict([[1.0], [3.0]]), LOADS[-1] + np.array([1.0, 3.0]), atol=0.3)


def test_partial_fit_continues_the_sequence() -> None:
    whole, parts = (SequenceRegressor(hidden=4, random_state=1) for _ in range(2))
    whole.fit(LOADS[:, np.newaxis], TOTALS)
    for part in (slice(300), slice(300, None)):
        parts.partial_fit(LOADS[part, np.newaxis], TOTALS[part])
    np.testing.assert_array_equal(parts.predict([[1.0]]), whole.predict([[1.0]]))


def test_parameters_can_be_searched() -> None:
    search = GridSearchCV(SequenceRegressor(random_state=1), {"hidden": [2, 4]}, cv=TimeSeriesSplit(2))
    assert search.fit(LOADS[:200, np.newaxis], 2 * LOADS[:200]).best_score_ > 0.9


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"passes": 0}, "passes must be an integer of at least 1, got 0"),
        ({"settings": {"task": "forecast"}}, "task is set by the estimator and cannot be passed, got 'forecast'"),
        ({"settings": {"windw": 3}}, "unknown setting 'windw'; did you mean 'window'?"),
        ({"layer": "gruu"}, "layer must be one of"),
    ],
)
def test_wrong_parameters_are_told_in_one_line(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError) as raised:
        SequenceRegressor(**parameters).fit(LOADS[:, np.newaxis], TOTALS)
    assert str(raised.value).startswith(message)
