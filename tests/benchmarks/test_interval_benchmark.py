from __future__ import annotations

import numpy as np
import pytest

from benchmarks import interval_peers, intervals

pytestmark = pytest.mark.slow

NOISE = np.random.default_rng(0).normal(size=3000)


def streams(rows: int, months: int = 1) -> intervals.Streams:
    times = np.arange(rows) * (31 * 86_400.0 * months / rows)
    return intervals.Streams("a", ("x",), ("x",), np.zeros((rows, 1, 1)), times, (1,), 0)


def test_the_constant_width_is_a_quantile_over_the_first_rows() -> None:
    bounds = interval_peers.constant(np.concatenate([NOISE, 100 * NOISE]), len(NOISE), 0.9)
    assert bounds[0, 1] == np.quantile(np.abs(NOISE), 0.9)
    assert (bounds == bounds[0]).all()


def test_the_rolling_window_contains_the_newest_residuals() -> None:
    bounds = interval_peers.adaptive(NOISE, 1, 0.9)
    missed, a = np.abs(NOISE) > bounds[:, 1], 0.1
    for t in range(1, len(NOISE) - 1):
        a += interval_peers.RATE * (0.1 - missed[t])
    window = np.sort(np.abs(NOISE[-interval_peers.WINDOW - 1 : -1]))
    rank = int(np.ceil((1 - a) * (interval_peers.WINDOW + 1))) - 1
    assert bounds[-1, 1] == window[min(rank, interval_peers.WINDOW - 1)]


@pytest.mark.parametrize("horizon", [1, 24])
def test_bounds_do_not_depend_on_targets_that_have_not_arrived(horizon: int) -> None:
    changed = NOISE.copy()
    changed[2000:] *= 100
    before, after = (interval_peers.adaptive(e, horizon, 0.9)[: 2000 + horizon] for e in (NOISE, changed))
    np.testing.assert_array_equal(before, after)


def test_the_score_of_bounds_includes_winklers() -> None:
    residuals = np.array([0.0, 3.0, -2.0, 1.0])
    bounds = np.tile([-1.0, 2.0], (4, 1))
    score = intervals.score(streams(4), residuals, bounds, 0.5)
    assert (score.coverage, score.below, score.above, score.width) == (0.5, 0.25, 0.25, 3.0)
    assert score.winkler == 3.0 + (4 * 1.0 + 4 * 1.0) / 4


def test_coverage_is_reported_by_month() -> None:
    residuals = np.concatenate([np.zeros(200), np.ones(200)])
    score = intervals.score(streams(400, months=2), residuals, np.tile([-0.5, 0.5], (400, 1)), 0.5)
    np.testing.assert_array_equal(score.months, [1.0, 0.0])
