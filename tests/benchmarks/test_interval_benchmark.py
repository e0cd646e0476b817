from __future__ import annotations

import numpy as np
import pytest

from benchmarks import interval_peers, intervals

NOISE = np.random.default_rng(0).normal(size=3000)


def streams(rows: int, months: int = 1) -> intervals.Streams:
    times = np.arange(rows) * (31 * 86_400.0 * months / rows)
    return intervals.Streams("a", ("x",), ("x",), np.zeros((rows, 1, 1)), times, (1,), 0)


def test_the_constant_is_the_quantile_of_the_first_rows() -> None:
    ends = interval_peers.constant(np.concatenate([NOISE, 100 * NOISE]), len(NOISE), 0.9)
    assert ends[0, 1] == np.quantile(np.abs(NOISE), 0.9)
    assert (ends == ends[0]).all()


def test_the_rolling_window_is_of_the_newest_residuals() -> None:
    ends = interval_peers.adaptive(NOISE, 1, 0.9)
    missed, missing = np.abs(NOISE) > ends[:, 1], 0.1  # as it was before the last answer
    for t in range(1, len(NOISE) - 1):
        missing += interval_peers.RATE * (0.1 - missed[t])
    window = np.sort(np.abs(NOISE[-interval_peers.WINDOW - 1 : -1]))
    rank = int(np.ceil((1 - missing) * (interval_peers.WINDOW + 1))) - 1
    assert ends[-1, 1] == window[min(rank, interval_peers.WINDOW - 1)]


@pytest.mark.parametrize("horizon", [1, 24])
def test_nothing_is_known_of_answers_that_have_not_come(horizon: int) -> None:
    changed = NOISE.copy()
    changed[2000:] *= 100
    before, after = (interval_peers.adaptive(e, horizon, 0.9)[: 2000 + horizon] for e in (NOISE, changed))
    np.testing.assert_array_equal(before, after)


def test_a_score_is_winklers() -> None:
    residuals = np.array([0.0, 3.0, -2.0, 1.0])
    ends = np.tile([-1.0, 2.0], (4, 1))
    found = intervals.score(streams(4), residuals, ends, 0.5)
    assert (found.coverage, found.below, found.above, found.width) == (0.5, 0.25, 0.25, 3.0)
    assert found.winkler == 3.0 + (4 * 1.0 + 4 * 1.0) / 4


def test_coverage_is_told_by_month() -> None:
    residuals = np.concatenate([np.zeros(200), np.ones(200)])
    found = intervals.score(streams(400, months=2), residuals, np.tile([-0.5, 0.5], (400, 1)), 0.5)
    np.testing.assert_array_equal(found.months, [1.0, 0.0])
