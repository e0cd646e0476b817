"""The plot shows each forecast at the event that it is for, and collects its data in limited memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from command import SMALL, waves

from stream_rnn.cli.plots.series import MAX_BINS, BinnedSums, NewestEvents
from stream_rnn.connectors.events import EventBatch, Positions
from stream_rnn.engine.result import BatchResult
from stream_rnn.jobs.replay.job import BatchReport
from stream_rnn.settings.engine import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from command import Invoke

HORIZON = 3
SETTINGS = Settings(inputs=("a",), horizon=HORIZON)


def report(keys: list[str], y: Any, begins: Any = None, slots: Any = None) -> BatchReport:
    """Return a batch with perfect forecasts, since y increases by one per event of each stream."""
    count, y = len(keys), np.asarray(y, float)
    slot_of = {key: place for place, key in enumerate(dict.fromkeys(keys))}
    slots = np.array([slot_of[key] for key in keys]) if slots is None else np.asarray(slots)
    begins = np.zeros(count, np.bool_) if begins is None else np.asarray(begins)
    positions = Positions(np.zeros(count, np.int32), np.arange(count))
    batch = EventBatch(np.array(keys, object), y, {"a": y}, np.zeros(count, np.bool_), positions)
    forecasts = (y[:, np.newaxis] + np.arange(1, HORIZON + 1))[:, :, np.newaxis]
    return BatchReport(batch, y[:, np.newaxis], BatchResult(forecasts, slots, begins), np.zeros((count, 2, 4)))


def test_forecasts_are_shown_at_the_events_they_are_for() -> None:
    newest = NewestEvents(SETTINGS, 10)
    for start in range(0, 40, 7):
        newest.add(report(["k"] * 7, np.arange(start, start + 7)))
    excerpt = newest.longest()
    assert excerpt is not None
    assert len(excerpt.values) == 10
    np.testing.assert_array_equal(excerpt.nearest, excerpt.values)
    np.testing.assert_array_equal(excerpt.farthest, excerpt.values)


def test_no_forecast_is_shown_in_the_next_sequence() -> None:
    newest = NewestEvents(SETTINGS, 10)
    newest.add(report(["k"] * 8, np.arange(8), np.arange(8) == 4))
    excerpt = newest.longest()
    assert excerpt is not None
    assert np.flatnonzero(np.isnan(excerpt.nearest)).tolist() == [0, 4]
    assert np.flatnonzero(np.isnan(excerpt.farthest)).tolist() == [0, 1, 2, 4, 5, 6]


def test_labels_with_lookahead_are_shown_at_the_events_they_are_for() -> None:
    lookahead = 2
    labels = {"targets": ("y",), "task": "regression", "layer": "bigru", "lookahead": lookahead}
    newest = NewestEvents(Settings(inputs=("a",), **labels), 10)
    for part in np.split(np.arange(12), 3):
        late_report = report(["k"] * 4, part, part == 6)
        forecasts = np.where(part % 6 < lookahead, np.nan, part - lookahead)[
            :, np.newaxis
        ]  # no label at the start of a sequence
        newest.add(late_report._replace(result=late_report.result._replace(forecasts=forecasts)))
    excerpt = newest.longest()
    assert excerpt is not None
    has_label = np.array(
        [t not in {4, 5, 10, 11} for t in excerpt.values]
    )  # the last events of a sequence get no label
    np.testing.assert_array_equal(excerpt.nearest, np.where(has_label, excerpt.values, np.nan))


def test_the_stream_with_the_most_events_is_shown() -> None:
    newest = NewestEvents(SETTINGS, 10)
    newest.add(report(["a", "b", "b", "a", "b"], [0, 0, 1, 1, 2]))
    newest.add(report(["a", "b"], [2, 3]))
    excerpt = newest.longest()
    assert excerpt is not None
    assert (excerpt.key, excerpt.events, excerpt.values.tolist()) == ("b", 4, [0, 1, 2, 3])


def test_a_reused_slot_does_not_mix_streams() -> None:
    newest = NewestEvents(SETTINGS, 10)
    newest.add(report(["a"] * 5, np.arange(5)))
    newest.add(report(["b"] * 3, np.arange(3), slots=[0, 0, 0]))
    excerpt = newest.longest()
    assert excerpt is not None
    assert (excerpt.key, excerpt.events) == ("b", 3)


@pytest.mark.parametrize("cut", [1, 3, 1000, 7000])
def test_binned_sums_lose_nothing_and_stay_few(cut: int) -> None:
    rows = np.random.default_rng(0).random((14_000, 2))
    sums = BinnedSums(2)
    for start in range(0, len(rows), cut):
        sums.add(rows[start : start + cut])
    assert 0 < len(sums) <= MAX_BINS
    total = sums.rolling(len(sums))[-1]
    np.testing.assert_allclose(total, rows[: len(sums) * sums.width].sum(axis=0))
    np.testing.assert_allclose(sums.rolling(1)[0], rows[: sums.width].sum(axis=0))


@pytest.mark.parametrize(
    "args",
    [
        ["--horizon", "4"],
        ["--key", "sensor", "--targets", "a"],
        ["--time", "a", "--inputs", "b"],
        ["--task", "regression", "--targets", "a"],
        ["--task", "regression", "--targets", "a", "--layer", "bigru", "--lookahead", "3"],
    ],
)
def test_a_plot_is_drawn(invoke: Invoke, tmp_path: Path, args: list[str]) -> None:
    path = tmp_path / "plot.png"
    result = invoke("replay", waves(tmp_path / "waves.csv", 400, keys=2), *SMALL, *args, "--plot", path)
    assert result.exit_code == 0, result.stderr
    assert path.read_bytes().startswith(b"\x89PNG")
    assert f"plot: {path}" in result.stdout


def test_without_events_there_is_no_plot(invoke: Invoke, tmp_path: Path) -> None:
    path, data = tmp_path / "plot.png", tmp_path / "none.jsonl"
    data.write_text('{"a": 1}\n')
    state = tmp_path / "state"
    assert invoke("replay", data, *SMALL, "--checkpoint", state).exit_code == 0
    result = invoke("replay", data, *SMALL, "--checkpoint", state, "--resume", "--plot", path)
    assert (result.exit_code, path.exists()) == (0, False)
    assert "plot:" not in result.stdout
