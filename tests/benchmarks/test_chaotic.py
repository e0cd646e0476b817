from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks import chaotic, recurrent

pytestmark = pytest.mark.slow

NO_FOLDER = Path("does-not-exist")


@pytest.mark.parametrize("name", chaotic.GENERATORS)
def test_generated_streams_have_the_protocols_length_and_differ(name: str) -> None:
    series = chaotic.GENERATORS[name](np.random.default_rng(0))
    assert series.shape == (8, 20_065)
    assert np.isfinite(series).all()
    assert len(np.unique(series[:, 100])) == 8


def test_henon_follows_the_map() -> None:
    series = chaotic.henon(np.random.default_rng(0))
    np.testing.assert_allclose(series[0, :3], [0.1, 0.986, 1 - 1.4 * 0.986**2 + 0.03], rtol=1e-12)
    np.testing.assert_allclose(series[:, 0], 0.1 + 0.01 * np.arange(8))


def test_mackey_glass_has_a_delay_of_seventeen_steps() -> None:
    x = chaotic.mackey_glass(np.random.default_rng(0))
    delayed = x[:, 0:50]
    np.testing.assert_allclose(
        x[:, 17:67], x[:, 16:66] + 0.2 * delayed / (1 + delayed**10) - 0.1 * x[:, 16:66], rtol=1e-12
    )


@pytest.mark.parametrize(("name", "published"), [("henon", 2.62), ("mackey_glass", 0.0235), ("lorenz", 0.0105)])
def test_persistence_has_its_published_error(name: str, published: float) -> None:
    run = chaotic.steps(name, 15_000, 0, NO_FOLDER)
    assert recurrent.metric(np.mean((run.x - run.y) ** 2, axis=1)) == pytest.approx(published, rel=0.05)


@pytest.mark.parametrize(("name", "published"), [("sunspot", 0.166), ("laser", 0.942)])
def test_persistence_has_its_published_error_on_recorded_series(name: str, published: float, shared: Path) -> None:
    run = chaotic.steps(name, 15_000, 0, shared / "chaotic_real")
    assert recurrent.metric(np.mean((run.x - run.y) ** 2, axis=1)) == pytest.approx(published, rel=0.05)


def test_targets_are_the_next_inputs_and_sequences_have_200_steps() -> None:
    run = chaotic.steps("henon", 1000, 0, NO_FOLDER)
    np.testing.assert_array_equal(run.x[1:], run.y[:-1])
    assert np.flatnonzero(run.ends).tolist() == [199, 399, 599, 799, 999]


def test_recorded_streams_repeat_from_the_end_of_a_sequence(tmp_path: Path) -> None:
    np.savetxt(tmp_path / "laser.txt", np.arange(1000))
    run = chaotic.steps("laser", 2001, 0, tmp_path)
    np.testing.assert_array_equal(run.x[1000:2000], run.x[:1000])
    assert run.ends[999]


def test_the_metric_is_the_mean_of_the_last_five_records() -> None:
    losses = np.zeros(15_000)
    losses[13_550:13_750] = 5.0  # the steps of the first of the last five records
    losses[14_750:] = 1e9  # after the last record
    losses[13_750:13_800] = 1e9  # between two records
    assert recurrent.metric(losses) == pytest.approx(1.0)
