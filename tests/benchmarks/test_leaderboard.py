"""The leaderboard scores forecasts of the right rows, in the right units, and ranks them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from benchmarks import leaderboard, leaderboard_cases
from benchmarks.leaderboard_cases import Case

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow


def case(count: int = 300, season: int | None = 12) -> Case:
    t = np.arange(count)
    x = np.stack([np.sin(2 * np.pi * t / 12), 5.0 + np.cos(2 * np.pi * t / 12)], axis=1)
    x += np.random.default_rng(0).normal(0, 0.01, x.shape)
    return Case("wave", x[:, np.newaxis], 1, None, season, (100, count), np.array([[2.0]]))


def test_errors_are_those_of_the_test_rows_in_the_units_of_the_case() -> None:
    wave = case()
    forecasts = leaderboard.MODELS["persistence"](wave, 2, 0)
    y = wave.y[:, 0, 0]
    errors = [(y[100 - ahead : -ahead] - y[100:]) / 2.0 for ahead in (1, 2)]
    assert wave.score(forecasts) == pytest.approx({"mse": np.mean(np.square(errors)), "mae": np.mean(np.abs(errors))})


def test_every_model_forecasts_and_is_ranked() -> None:
    wave = case()
    found = leaderboard.measure(wave, 3, list(leaderboard.MODELS), 1)
    assert set(leaderboard.MODELS) - set(found) == {"Holt-Winters, multiplicative"}, "the values are not positive"
    assert sorted(errors["mse rank"] for errors in found.values()) == list(range(1, len(found) + 1))
    assert found["seasonal naive"]["mse"] < found["persistence"]["mse"]
    assert found["auto"]["mse"] < found["persistence"]["mse"]


def test_what_needs_a_season_does_not_enter_without_one() -> None:
    found = leaderboard.measure(case(season=None), 1, ["persistence", "seasonal naive", "Holt-Winters"], 1)
    assert list(found) == ["persistence"]


def test_a_summary_has_the_worst_error_relative_to_the_best_baseline() -> None:
    ours = {"mse": 2.0, "mae": 1.0, "mse rank": 2, "mae rank": 1}
    theirs = {"mse": 1.0, "mae": 2.0, "mse rank": 1, "mae rank": 2}
    auto, persistence = leaderboard.mean_ranks({"a 1": {"auto": ours, "persistence": theirs}})
    assert auto["mse of the best baseline, worst"] == 2.0
    assert auto["mae first or second"] == "1 of 1"
    assert persistence["mse of the best baseline, worst"] == 1.0


@pytest.mark.parametrize("name", ["exchange_rate", "beijing", "laser", "AirlinePassengers"])
def test_the_files_are_read_and_persistence_has_the_expected_error(name: str, shared: Path) -> None:
    read = leaderboard_cases.read(name, shared)
    found = leaderboard.measure(read, 1, ["persistence"], 1)["persistence"]["mse"]
    assert found == pytest.approx(
        {"exchange_rate": 0.0089, "beijing": 0.0776, "laser": 1.2768, "AirlinePassengers": 3.9994}[name], rel=0.01
    )
