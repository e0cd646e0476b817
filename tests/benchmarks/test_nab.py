from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from benchmarks import nab, nab_protocol, nab_synthetic
from benchmarks.nab_protocol import PROFILES, File

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

pytestmark = pytest.mark.slow

STANDARD = PROFILES["standard"]
ROWS, WINDOWS = 400, ((100, 139), (300, 319))


def file_of(windows: tuple[tuple[int, int], ...] = WINDOWS) -> File:
    return File("synthetic/file.csv", 300.0 * np.arange(ROWS), np.zeros(ROWS), windows)


def alarms(*rows: int) -> NDArray[np.float64]:
    scores = np.zeros(ROWS)
    scores[list(rows)] = 1.0
    return scores


def score(
    scores: NDArray[np.float64], profile: str = "standard", windows: tuple[tuple[int, int], ...] = WINDOWS
) -> float:
    """Return the normalised score at the threshold 1."""
    return nab_protocol.at([file_of(windows)], [scores], PROFILES[profile], 1.0).score


def score_by_rows(file: File, scores: NDArray[np.float64], threshold: float, profile: nab_protocol.Profile) -> float:
    """Return the sum of one file, computed row by row as the protocol describes it."""

    def s(y: float) -> float:
        return -1.0 if y > 3 else 2 / (1 + np.exp(5 * y)) - 1

    total, best = 0.0, [-profile.missed_window] * len(file.windows)
    for i in range(file.probation, len(scores)):
        if scores[i] < threshold:
            continue
        before = [(a, b) for a, b in file.windows if b < i]
        inside = [k for k, (a, b) in enumerate(file.windows) if a <= i <= b]
        if inside:
            a, b = file.windows[inside[0]]
            best[inside[0]] = max(best[inside[0]], s(-(b - i + 1) / (b - a + 1)) / s(-1))
        elif before:
            a, b = before[-1]
            total += profile.false_alarm * s((i - b) / (b - a))
        else:
            total -= profile.false_alarm
    return total + sum(best)


@pytest.mark.parametrize("profile", PROFILES)
def test_an_alarm_at_the_start_of_every_window_scores_100(profile: str) -> None:
    assert score(alarms(100, 300), profile) == pytest.approx(100)


@pytest.mark.parametrize("profile", PROFILES.values())
def test_a_detector_without_alarms_scores_0(profile: nab_protocol.Profile) -> None:
    outcome = nab_protocol.evaluate([file_of()], [np.zeros(ROWS)], profile)
    assert (outcome.score, outcome.found, outcome.false_alarms) == (0, 0, 0)


@pytest.mark.parametrize("profile", PROFILES)
def test_one_of_two_windows_scores_50(profile: str) -> None:
    assert score(alarms(100), profile) == pytest.approx(50)


def test_only_the_first_alarm_in_a_window_counts() -> None:
    assert score(alarms(120, 121, 130, 300)) == score(alarms(120, 300)) < score(alarms(110, 300)) < 100


def test_a_false_alarm_far_from_any_window_has_the_full_cost() -> None:
    assert score(alarms(100, 290, 300)) == pytest.approx(100 - 100 * 0.11 / 4)
    assert score(alarms(90, 100, 300)) == pytest.approx(100 - 100 * 0.11 / 4)
    assert score(alarms(90, 100, 300), "reward_low_FP_rate") == pytest.approx(100 - 100 * 0.22 / 4)


def test_a_false_alarm_shortly_after_a_window_costs_little() -> None:
    near, far = 100 - score(alarms(100, 140, 300)), 100 - score(alarms(100, 150, 300))
    assert 0 < near < 0.2 * far < 0.2 * 100 * 0.11 / 4


def test_alarms_during_probation_are_ignored() -> None:
    assert file_of().probation == 60
    assert score(alarms(0, 59, 100, 300)) == pytest.approx(100)
    assert File("x/y.csv", np.zeros(9000), np.zeros(9000), ()).probation == 750


def test_alarms_in_a_file_without_windows_reduce_the_score() -> None:
    files = [file_of(), file_of(())]
    alone = nab_protocol.at(files, [alarms(100, 300), alarms()], STANDARD, 1.0).score
    both = nab_protocol.at(files, [alarms(100, 300), alarms(200, 250)], STANDARD, 1.0).score
    assert alone == pytest.approx(100)
    assert both == pytest.approx(100 - 100 * 2 * 0.11 / 4)


@pytest.mark.parametrize("profile", PROFILES.values())
def test_the_best_threshold_agrees_with_a_row_by_row_computation(profile: nab_protocol.Profile) -> None:
    random = np.random.default_rng(0)
    files = [file_of(), file_of(((50, 80),))]
    scores = [np.round(random.exponential(1, ROWS), 1) for _ in files]
    scores[0][[105, 310]] += 4
    sums = {
        threshold: sum(score_by_rows(file, own, threshold, profile) for file, own in zip(files, scores, strict=True))
        for threshold in np.unique(np.concatenate(scores))
    }
    best = max(sums, key=lambda threshold: sums[threshold])
    outcome = nab_protocol.evaluate(files, scores, profile)
    fn = profile.missed_window
    assert outcome.threshold == best
    assert outcome.score == pytest.approx(100 * (sums[best] + fn * 3) / (3 + fn * 3))


def test_a_folder_of_synthetic_series_is_read(tmp_path: Path) -> None:
    nab_synthetic.write(tmp_path, seed=0)
    files = {file.name: file for file in nab_protocol.read(tmp_path)}
    drop = files["servers/cpu_drop_0.csv"]
    (a, b) = drop.windows[0]
    assert drop.values[a : b + 1].min() < 2
    assert drop.values[:a].min() > 70
    assert b - a == pytest.approx(0.1 * len(drop.values), abs=3)
    assert files["none/flatline.csv"].windows == ()


def test_a_window_without_rows_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "labels").mkdir()
    (tmp_path / "data" / "a").mkdir(parents=True)
    (tmp_path / "data" / "a" / "b.csv").write_text("timestamp,value\n2014-01-01 00:00:00,1\n2014-01-01 00:05:00,2\n")
    labels = {"a/b.csv": [["2015-01-01 00:00:00", "2015-01-02 00:00:00"]]}
    (tmp_path / "labels" / "combined_windows.json").write_text(json.dumps(labels))
    with pytest.raises(SystemExit, match="must contain rows, got none from 2015-01-01"):
        nab_protocol.read(tmp_path)


def test_a_folder_without_labels_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"combined_windows\.json"):
        nab_protocol.read(tmp_path)


def test_z_scores_do_not_depend_on_later_residuals() -> None:
    residuals = np.append(np.nan, np.random.default_rng(0).normal(size=300))
    changed = residuals.copy()
    changed[200:] *= 100
    np.testing.assert_array_equal(nab.z_scores(residuals)[:200], nab.z_scores(changed)[:200])
    assert nab.z_scores(changed)[200:].max() > 20 > nab.z_scores(residuals).max()


def test_a_spike_has_the_highest_anomaly_score() -> None:
    values = np.random.default_rng(0).normal(size=ROWS)
    values[310] += 30
    file = file_of()._replace(values=values)
    scores = nab.anomaly_scores(file, nab.persistence_residuals(file))
    assert scores[310] == scores.max() > 0.9
    assert nab_protocol.at([file], [scores], STANDARD, 1.0).false_alarms == 0


def test_files_of_some_categories_are_read(tmp_path: Path) -> None:
    nab_synthetic.write(tmp_path, seed=0)
    files = nab_protocol.read(tmp_path, ["tweets", "none"])
    assert {file.category for file in files} == {"tweets", "none"}
    with pytest.raises(SystemExit, match=r"category must be one of .*prices.*, got 'bills'"):
        nab_protocol.read(tmp_path, ["bills"])


def test_the_windows_of_the_benchmark_are_read(shared: Path) -> None:
    files = nab_protocol.read(shared / "nab", ["realKnownCause", "realTraffic"])
    assert len(files) == 14
    assert sum(len(file.windows) for file in files) == 33
    taxi = next(file for file in files if file.name.endswith("nyc_taxi.csv"))
    assert taxi.windows[0] == (5839, 6045)


def test_a_category_does_not_choose_its_own_threshold() -> None:
    random = np.random.default_rng(0)
    files, residuals = [], []
    for category, size in (("large", 30.0), ("small", 6.0)):
        values = random.normal(size=ROWS)
        values[100] = size
        files.append(File(f"{category}/file.csv", 300.0 * np.arange(ROWS), values, ((90, 129),)))
        residuals.append(values)
    large, small, both = nab.cross_validate(files, [residuals], 1)
    assert (large["category"], small["category"], both["category"]) == ("large", "small", "all")
    scores = [nab.anomaly_scores(file, own) for file, own in zip(files, residuals, strict=True)]
    for row, other in ((large, 1), (small, 0)):
        best = max(nab_protocol.at([files[other]], [scores[other]], STANDARD, t).score for t in nab.THRESHOLDS)
        chosen = nab_protocol.at([files[other]], [scores[other]], STANDARD, row["threshold"])
        assert chosen.score == pytest.approx(best)
    assert both["score"] == pytest.approx((large["score"] + small["score"]) / 2)
