from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from benchmarks import baselines, fsnet

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

pytestmark = pytest.mark.slow


def write(path: Path, table: NDArray[np.float64]) -> Path:
    rows = [f"2020-01-{1 + t // 24:02} {t % 24:02}:00:00,{','.join(map(str, row))}" for t, row in enumerate(table)]
    path.write_text("\n".join(["date," + ",".join("abc"[: table.shape[1]]), *rows]))
    return path


def test_ett_files_have_fixed_training_and_test_rows() -> None:
    assert fsnet.rows("ETTm1", 69_680) == ((0, 2880), (3600, 14_400))


def test_other_files_train_on_a_fifth_and_test_on_the_last_three_quarters() -> None:
    assert fsnet.rows("WTH", 35_064) == ((0, 7012), (8766, 35_064))


def test_values_are_standardized_by_the_training_rows(tmp_path: Path) -> None:
    table = np.random.default_rng(0).normal(5, 3, (500, 2))
    read = fsnet.read(write(tmp_path / "x.csv", table))
    np.testing.assert_allclose(read.z[:100].mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(read.z[:100].std(axis=0, ddof=0), 1)
    assert read.columns == ("a", "b")
    assert read.day == 24


def test_a_file_that_is_too_short_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="needs 14400 rows, got 10"):
        fsnet.read(write(tmp_path / "ETTh1.csv", np.ones((10, 1))))


@pytest.mark.parametrize("dates", [["2016/7/1 0:15", "2016/7/1 0:30"], ["2016-07-01 00:15:00", "2016-07-01T00:30"]])
def test_common_date_formats_are_parsed(dates: list[object]) -> None:
    np.testing.assert_array_equal(fsnet.seconds(dates), [1467332100, 1467333000])


def test_text_that_is_not_a_date_gives_no_times() -> None:
    assert fsnet.seconds(["monday"]) is None


def test_the_seasonal_naive_forecast_is_the_value_one_season_before() -> None:
    z = np.arange(20.0)[:, np.newaxis]
    forecasts = baselines.seasonal_naive(z, 4, horizon=6)
    for ahead, season in ((1, 4), (4, 4), (5, 8), (6, 8)):
        np.testing.assert_array_equal(forecasts[8:, ahead - 1], z[8:] + ahead - season)


def test_a_missing_value_is_replaced_by_the_last_known_one() -> None:
    z = np.array([[np.nan, 1.0], [2.0, np.nan], [np.nan, np.nan], [3.0, 4.0]])
    np.testing.assert_array_equal(baselines.fill_missing(z), [[0, 1], [2, 1], [2, 1], [3, 4]])


MODELS = pytest.mark.parametrize("model", [baselines.online_ar, baselines.online_var])


@MODELS
@pytest.mark.parametrize("horizon", [1, 3])
def test_linear_models_learn_a_linear_series(model: Callable[..., baselines.ChosenModel], horizon: int) -> None:
    t = np.arange(600)
    z = np.column_stack([np.sin(t / 5), np.cos(t / 9)])
    table = fsnet.Table(("a", "b"), z, None, fsnet.Rows((0, 200), (400, 600)))
    naive = table.score(baselines.persistence(z, horizon))["mse"]
    assert table.score(model(z, 200, horizon).forecasts)["mse"] < 0.15 * naive


@MODELS
def test_forecasts_of_linear_models_do_not_depend_on_later_rows(model: Callable[..., baselines.ChosenModel]) -> None:
    z = np.random.default_rng(0).normal(size=(300, 2)).cumsum(axis=0)
    changed = z.copy()
    changed[250:] += 100
    np.testing.assert_array_equal(model(z, 200, 3).forecasts[:250], model(changed, 200, 3).forecasts[:250])


@pytest.mark.parametrize(
    ("name", "horizon", "published"), [("ETTh1", 1, 0.3632), ("ETTm1", 1, 0.0914), ("ETTm1", 24, 0.579)]
)
def test_persistence_has_its_published_error(name: str, horizon: int, published: float, shared: Path) -> None:
    table = fsnet.read(shared / "ett" / f"{name}.csv")
    mse = table.score(baselines.persistence(table.z, horizon))["mse"]
    assert mse == pytest.approx(published, abs=5e-5 if horizon == 1 else 1e-3)
