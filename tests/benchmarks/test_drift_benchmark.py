from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from benchmarks import drift

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", [*drift.SERIES, *drift.STATIONARY])
def test_series_have_the_right_length_and_depend_on_the_seed(name: str) -> None:
    make = (drift.SERIES | drift.STATIONARY)[name]
    first, second = (make(np.random.default_rng(seed)) for seed in (0, 1))
    assert first.shape == second.shape == (drift.LENGTH,)
    assert np.isfinite(first).all()
    assert (first != second).any()


@pytest.mark.parametrize(("series", "stationary"), [("wave's period 24 to 10", "wave"), ("wave's scale x 5", "wave")])
def test_a_wave_changes_at_the_change_and_not_before(series: str, stationary: str) -> None:
    changed = drift.SERIES[series](np.random.default_rng(0))
    unchanged = drift.STATIONARY[stationary](np.random.default_rng(0))
    np.testing.assert_allclose(changed[: drift.CHANGE], unchanged[: drift.CHANGE])
    assert np.abs(changed - unchanged)[drift.CHANGE : drift.CHANGE + 20].max() > 0.5


def test_mackey_glass_has_a_longer_delay_after_the_change() -> None:
    x, C = drift.mackey_glass(np.random.default_rng(0), 30), drift.CHANGE
    for first, last, delay in ((100, C, 17), (C, drift.LENGTH, 30)):
        t = np.arange(first, last)
        past = x[t - delay]
        np.testing.assert_allclose(x[t], x[t - 1] + 0.2 * past / (1 + past**10) - 0.1 * x[t - 1], rtol=1e-12)


def test_the_coefficient_of_an_autoregression_changes_its_sign() -> None:
    x, C = drift.autoregression(np.random.default_rng(0), 0.9, -0.9), drift.CHANGE
    for part, coefficient in ((x[:C], 0.9), (x[C:], -0.9)):
        assert np.dot(part[1:], part[:-1]) / np.dot(part, part) == pytest.approx(coefficient, abs=0.03)


def test_several_recordings_are_streams_with_nan_for_missing_values(tmp_path: Path) -> None:
    for name, last in (("a", 'NA,"NW"'), ("b", '7.5,"N"')):
        (tmp_path / name).write_text(f'no,x,wind\n1,2.5,"N"\n2,{last}\n')
    names, x = drift.read([tmp_path / "a", tmp_path / "b"], [])
    assert names == ["no", "x"]
    np.testing.assert_array_equal(x[:, :, 1], [[2.5, 2.5], [np.nan, 7.5]])
