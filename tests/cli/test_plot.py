"""The plot shows every forecast where what it spoke of happened, in memory that does not grow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from command import SMALL, waves

from stream_rnn.cli.plots.series import BINS, Curve, Tails
from stream_rnn.connectors.events import EventBatch, Positions
from stream_rnn.engine.result import BatchResult
from stream_rnn.jobs.replay.job import Shown
from stream_rnn.settings.engine import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from command import Invoke

HORIZON = 3
SETTINGS = Settings(inputs=("a",), horizon=HORIZON)


def shown(keys: list[str], y: Any, begins: Any = None, slots: Any = None) -> Shown:
    """Make a batch whose forecasts are right: the truth is that y counts up by one in each stream."""
    count, y = len(keys), np.asarray(y, float)
    named = {key: place for place, key in enumerate(dict.fromkeys(keys))}
    slots = np.array([named[key] for key in keys]) if slots is None else np.asarray(slots)
    begins = np.zeros(count, np.bool_) if begins is None else np.asarray(begins)
    positions = Positions(np.zeros(count, np.int32), np.arange(count))
    batch = EventBatch(np.array(keys, object), y, {"a": y}, np.zeros(count, np.bool_), positions)
    forecasts = (y[:, np.newaxis] + np.arange(1, HORIZON + 1))[:, :, np.newaxis]
    return Shown(batch, y[:, np.newaxis], BatchResult(forecasts, slots, begins), np.zeros((count, 2, 4)))


def test_forecasts_stand_at_the_events_that_they_spoke_of() -> None:
    tails = Tails(SETTINGS, 10)
    for start in range(0, 40, 7):
        tails.add(shown(["k"] * 7, np.arange(start, start + 7)))
    tail = tails.longest()
    assert tail is not None
    assert len(tail.values) == 10
    np.testing.assert_array_equal(tail.near, tail.values)
    np.testing.assert_array_equal(tail.far, tail.values)


def test_no_forecast_is_shown_across_the_end_of_a_sequence() -> None:
    tails = Tails(SETTINGS, 10)
    tails.add(shown(["k"] * 8, np.arange(8), np.arange(8) == 4))
    tail = tails.longest()
    assert tail is not None
    assert np.flatnonzero(np.isnan(tail.near)).tolist() == [0, 4]
    assert np.flatnonzero(np.isnan(tail.far)).tolist() == [0, 1, 2, 4, 5, 6]


def test_labels_that_wait_for_a_lookahead_stand_at_their_own_events() -> None:
    late = 2
    labels = {"targets": ("y",), "task": "regression", "layer": "bigru", "lookahead": late}
    tails = Tails(Settings(inputs=("a",), **labels), 10)
    for part in np.split(np.arange(12), 3):
        made = shown(["k"] * 4, part, part == 6)
        forecasts = np.where(part % 6 < late, np.nan, part - late)[:, np.newaxis]  # nothing where a sequence begins
        tails.add(made._replace(taken=made.taken._replace(forecasts=forecasts)))
    tail = tails.longest()
    assert tail is not None
    told = np.array([t not in {4, 5, 10, 11} for t in tail.values])  # the last of each sequence wait
    np.testing.assert_array_equal(tail.near, np.where(told, tail.values, np.nan))


def test_the_stream_with_the_most_events_is_shown() -> None:
    tails = Tails(SETTINGS, 10)
    tails.add(shown(["a", "b", "b", "a", "b"], [0, 0, 1, 1, 2]))
    tails.add(shown(["a", "b"], [2, 3]))
    tail = tails.longest()
    assert tail is not None
    assert (tail.key, tail.events, tail.values.tolist()) == ("b", 4, [0, 1, 2, 3])


def test_a_slot_that_goes_to_another_stream_begins_anew() -> None:
    tails = Tails(SETTINGS, 10)
    tails.add(shown(["a"] * 5, np.arange(5)))
    tails.add(shown(["b"] * 3, np.arange(3), slots=[0, 0, 0]))
    tail = tails.longest()
    assert tail is not None
    assert (tail.key, tail.events) == ("b", 3)


@pytest.mark.parametrize("cut", [1, 3, 1000, 7000])
def test_a_curve_keeps_every_sum_in_few_bins(cut: int) -> None:
    rows = np.random.default_rng(0).random((14_000, 2))
    curve = Curve(2)
    for start in range(0, len(rows), cut):
        curve.add(rows[start : start + cut])
    assert 0 < len(curve) <= BINS
    whole = curve.rolling(len(curve))[-1]
    np.testing.assert_allclose(whole, rows[: len(curve) * curve.width].sum(axis=0))
    np.testing.assert_allclose(curve.rolling(1)[0], rows[: curve.width].sum(axis=0))


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
